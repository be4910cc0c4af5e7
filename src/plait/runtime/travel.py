"""Can a thing be sent to another process? And if not: which part of it is it, and what to do."""

import functools
import types
from collections.abc import Iterator, Mapping
from typing import Any

from plait.core.definition import Definition
from plait.core.error_text import error_message
from plait.errors import PlaitError
from plait.runtime.sending import pickle_to_send
from plait.secret import travelling

_DEEP = 30  # parts of parts that are looked into


def travels(thing: Any) -> bool:
    """Can it be sent? Big buffers are not copied to find out."""
    return _refusal(thing) is None


def culprit(thing: Any, name: str) -> str:
    """The innermost part that cannot be sent, as code would say it, with its type and what pickle says.

    >>> import threading
    >>> culprit({"locks": [1, threading.Lock()]}, "settings")
    "settings['locks'][1] is a _thread.lock (cannot pickle '_thread.lock' object)"
    """
    seen = {id(thing)}
    for _ in range(_DEEP):
        found = next(
            ((at, part) for at, part in _parts(thing, name) if id(part) not in seen and not travels(part)), None
        )
        if found is None:
            break
        name, thing = found
        seen.add(id(thing))
    cls = type(thing)
    module = "" if cls.__module__ == "builtins" else f"{cls.__module__}."
    return f"{name} is a {module}{cls.__qualname__} ({_refusal(thing)})"


def check_step(node: str, definition: Definition) -> None:
    """A step is sent as its function, by name where its module can be imported; raises `PlaitError` if it cannot be."""
    if travels(definition):
        return
    raise PlaitError(
        f"{node} cannot be sent to another process: {culprit(definition.fn, definition.name)}. Make it inside the "
        f'step, or in a step of its own, or let {definition.name} stay here: @step(executor="threads")'
    )


def check_value(value: Any, name: str) -> None:
    """A parameter or constant is sent to who reads it; raises `PlaitError` if it cannot be."""
    if not travels(value):
        raise PlaitError(
            f"{culprit(value, name)}, which cannot be sent to another process. Give what it is made from, and make it "
            f'inside the step; or let the steps that take it stay here: @step(executor="threads")'
        )


def _refusal(thing: Any) -> str | None:
    try:
        with travelling():
            pickle_to_send(thing, buffer_callback=_left_out)
    except Exception as error:
        return error_message(error) or type(error).__name__
    return None


def _left_out(buffer: object) -> bool:
    """Of a big buffer nothing is copied: it can be sent."""
    return buffer is None


def _parts(thing: Any, name: str) -> Iterator[tuple[str, Any]]:
    """What a thing is made of, each with the code that leads to it."""
    if isinstance(thing, types.FunctionType):
        yield from _of_function(thing)
    elif isinstance(thing, types.MethodType):
        yield f"{name}.__self__", thing.__self__
    elif isinstance(thing, functools.partial):
        yield f"{name}.func", thing.func
        yield from ((f"{name}.args[{i}]", part) for i, part in enumerate(thing.args))
        yield from ((f"{name}.keywords[{key!r}]", part) for key, part in thing.keywords.items())
    elif isinstance(thing, Mapping):
        yield from ((f"{name}[{key!r}]", part) for key, part in thing.items())
    elif isinstance(thing, (list, tuple)):
        yield from ((f"{name}[{i}]", part) for i, part in enumerate(thing))
    elif isinstance(thing, (set, frozenset)):
        yield from ((f"a member of {name}", part) for part in thing)
    else:
        yield from ((f"{name}.{attribute}", part) for attribute, part in _attributes(thing))


def _of_function(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    code = function.__code__
    for variable, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield variable, cell.cell_contents
        except ValueError:  # it has no value yet
            continue
    for variable in code.co_names:
        if variable in function.__globals__:
            yield variable, function.__globals__[variable]
    for i, default in enumerate(function.__defaults__ or ()):
        yield f"default {i + 1} of {function.__name__}", default


def _attributes(thing: Any) -> Iterator[tuple[str, Any]]:
    yield from getattr(thing, "__dict__", {}).items() if not isinstance(thing, type) else ()
    for cls in type(thing).__mro__:
        slots = vars(cls).get("__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else slots:
            if slot not in ("__dict__", "__weakref__") and hasattr(thing, slot):
                yield slot, getattr(thing, slot)
