"""The one place where a step is called, whoever calls: a worker, a compiled function, a replay."""

import functools
import inspect
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from io import IOBase
from itertools import islice
from typing import Any

from plait.core.containers import IMMUTABLE
from plait.core.definition import Definition
from plait.errors import PlaitError


def call(definition: Definition, arguments: Mapping[str, Any]) -> Any:
    """Calls a step's function with its arguments by name."""
    if definition.positional:
        arguments = dict(arguments)
        ahead = [arguments.pop(name) for name in definition.positional]
        return definition.fn(*ahead, **arguments)
    return definition.fn(**arguments)


def check_result(definition: Definition, value: Any) -> None:
    """Refuse a result that is not there yet, could be read only once, or lacks the parts of its annotation."""
    if type(value) not in IMMUTABLE and (kind := _kind(type(value))):  # type: ignore[arg-type] # mypy: no Hashable
        _check_kind(definition, value, kind)
    if not definition.parts:
        return
    if not isinstance(value, tuple) or len(value) != len(definition.parts):
        raise PlaitError(
            f"{definition.name} returned a {type(value).__name__}, not the "
            f"{len(definition.parts)} parts that its annotation promises ({', '.join(definition.parts)})"
        )


_MANY = 8  # items of a container that are looked at


@functools.lru_cache(maxsize=1024)
def _kind(cls: type) -> str:
    """What a result of a class may be, besides a value."""
    if issubclass(cls, (list, tuple, set, frozenset, dict)):
        return "container"
    if hasattr(cls, "__await__") or issubclass(cls, Future):
        return "awaitable"
    if hasattr(cls, "__anext__") or issubclass(cls, Iterator):
        return "iterator"
    return ""


def _check_kind(definition: Definition, value: Any, kind: str) -> None:
    name, cls = definition.name, _with_article(type(value))
    if kind == "iterator":
        how = "return a list" if isinstance(value, Iterator) else "return a list: [item async for item in ...]"
        if isinstance(value, IOBase):
            in_memory = callable(getattr(value, "getvalue", None))
            how = "return its getvalue()" if in_memory else "return its content, or a File with its path"
        raise PlaitError(f"{name} returned {cls}, which could be read only once; {how}")
    if kind == "awaitable":
        _close(value)
        await_it = "await it" if definition.asynchronous else "await it, or write async def"
        if isinstance(value, Future):
            await_it = "return its result()"
        raise PlaitError(f"{name} returned {cls}: {await_it}")
    items = value.values() if isinstance(value, dict) else value
    for item in islice(items, _MANY):
        if type(item) not in IMMUTABLE and _kind(type(item)) == "awaitable":  # type: ignore[arg-type] # mypy again
            for one in items:
                _close(one)
            what = "the result() of each" if isinstance(item, Future) else "await asyncio.gather(...) in an async def"
            raise PlaitError(f"{name} returned {cls} that holds {_with_article(type(item))}: return {what}")


def _with_article(cls: type) -> str:
    return f"{'an' if cls.__name__[:1] in 'aeiou' else 'a'} {cls.__name__}"


def _close(value: Any) -> None:
    """A coroutine that is never awaited would warn of it."""
    if inspect.iscoroutine(value):
        value.close()


def split(definition: Definition, value: Any) -> dict[str, Any]:
    """The parts of a result, by name."""
    return dict(zip(definition.parts, value, strict=True))


def join(cls: type, parts: Mapping[str, Any]) -> Any:
    """A result from its parts."""
    return tuple(parts.values()) if cls is tuple else cls(**parts)
