"""Any other object, as a pickle: the last to be asked, and never trusted where others can write.

Functions and classes of `__main__` go by value, since another process has another `__main__`. Large buffers are
written after the pickle, each by itself, so that arrays within objects are not copied on their way.
"""

import functools
import io
import pickle
import sys
import types
import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

from plait import code_by_value
from plait.core.values import Stream

ORDER = 90
_SAFE_LIMIT = 5000  # of recursion: up to here the pickler in C needs less stack than a thread has
_NO_NAME = (pickle.PicklingError, AttributeError, TypeError)  # of a lambda or a local class, which no name leads to


def create() -> "Pickle":
    return Pickle()


@dataclass(frozen=True, slots=True)
class Pickle:
    """Whatever can be pickled."""

    name: ClassVar[str] = "pickle"
    runs_code: ClassVar[bool] = True
    names_values: ClassVar[bool] = False  # pickles of equal values differ; core walks what they are made of

    def accepts(self, value: Any, /) -> bool:
        return True

    def digest(self, value: Any, stream: Stream, /) -> None:
        stream.value(value)

    def canonical(self, value: Any, /) -> Any:
        return _again(value)

    def share(self, value: Any, /) -> Any:
        return _again(value)

    def maps(self, value: Any, /) -> bool:
        return False

    def write(self, value: Any, file: BinaryIO, /) -> None:
        head, buffers = _dumps(value)
        sizes = [len(head), *(buffer.nbytes for buffer in buffers)]
        file.write(b"".join(size.to_bytes(8, "little") for size in (len(buffers), *sizes)))
        file.write(head)
        for buffer in buffers:
            file.write(buffer)

    def read(self, content: Path | bytes, /) -> Any:
        with io.BytesIO(content) if isinstance(content, bytes) else content.open("rb") as file:
            count = int.from_bytes(_exactly(file, 8), "little")
            head, *buffers = [int.from_bytes(_exactly(file, 8), "little") for _ in range(count + 1)]
            return _loads(_exactly(file, head), [_exactly(file, size) for size in buffers])


def _exactly(file: BinaryIO, size: int) -> bytearray:
    # A bytearray, so that arrays around it can be written to, as those that were pickled could.
    data = bytearray(size)
    if file.readinto(data) != size:  # type: ignore[attr-defined]
        raise EOFError("the pickle is cut short")
    return data


def _again(value: Any) -> Any:
    """A copy for this process, where a class is what it is: to write it whole costs far more than an object."""
    try:
        if not _may_overflow():
            return _again_shallow(value)
    except (RecursionError, pickle.PicklingError) as error:
        if not _is_too_deep(error):
            raise
    head, raw = _dumps_deep(value, _here_or_by_value)
    return _loads(head, [bytearray(buffer) for buffer in raw])


def _again_shallow(value: Any) -> Any:
    buffers: list[pickle.PickleBuffer] = []
    head = b""
    if type(value).__module__ != "__main__":
        with suppress(*_NO_NAME):
            head = pickle.dumps(value, 5, buffer_callback=buffers.append)
    if not head or b"__main__" in head:
        file = io.BytesIO()
        buffers.clear()
        try:
            _Here(file, 5, buffer_callback=buffers.append).dump(value)
            head = file.getvalue()
        except _NO_NAME:
            head, raw = _dumps_shallow(value)
            return _loads(head, [bytearray(buffer) for buffer in raw])
    return pickle.loads(head, buffers=[bytearray(buffer.raw()) for buffer in buffers])  # noqa: S301 - made here


class _Here(pickle.Pickler):
    """Writes for this process alone: a class as itself, whether or not a name leads to it."""

    def reducer_override(self, value: Any, /) -> Any:
        return _as_itself(value)


def _as_itself(value: Any) -> Any:
    if isinstance(value, type):
        value = _as_it_is_now(value)
    elif not _is_of_main(value):
        return NotImplemented
    _here[id(value)] = value
    return _by_id, (id(value),)


_here: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()


def _by_id(identity: int) -> Any:
    return _here[identity]


def _loads(head: bytes | bytearray, buffers: list[bytearray]) -> Any:
    return _Unpickler(io.BytesIO(head), buffers=buffers).load()


class _Unpickler(pickle.Unpickler):
    """Reads what went by value as the class or function of that name that `__main__` has, if it has one.

    Else `isinstance` would say no to what a script or notebook made itself, before it was started again. A value is
    only met under a key that holds the code of its class; the vault compares digests all the same.
    """

    def find_class(self, module: str, name: str, /) -> Any:
        found = super().find_class(module, name)
        if module == "cloudpickle.cloudpickle" and name in _OF_MAIN:
            return functools.partial(_OF_MAIN[name], found)
        return found


def _live(name: str, module: Any) -> type | None:
    """The class of that name in `__main__`, or the only one within the classes of `__main__`.

    It is for pickles of earlier versions, in which a class has forgotten in what it stands.
    """
    main = vars(sys.modules["__main__"])
    if module != "__main__" or _is_class(main.get(name)):
        return main[name] if module == "__main__" else None
    holders, met = [main], set[int]()
    for holder in holders:  # grows while we walk it
        classes = [one for one in list(holder.values()) if _is_class(one) and id(one) not in met]
        met.update(map(id, classes))
        holders += [vars(one) for one in classes]
    found = {id(holder[name]): holder[name] for holder in holders[1:] if _is_class(holder.get(name))}
    return next(iter(found.values())) if len(found) == 1 else None


def _is_class(thing: Any) -> bool:
    return isinstance(thing, type) and thing.__module__ == "__main__"


def _as_it_is_now(cls: type) -> type:
    """The class that stands in `__main__` where this one stood; a cell of a notebook may have run again."""
    return _standing(cls.__qualname__, cls.__module__) or cls


def _standing(whole_name: str, module: Any) -> type | None:
    """Return the class of `__main__` that stands where a name says: in the module, or in a class that stands there."""
    found: Any = sys.modules["__main__"]
    for name in whole_name.split(".") if module == "__main__" else ():
        found = vars(found).get(name)
        if not _is_class(found):
            return None
    return found if module == "__main__" else None


def _class(make: Any, kind: Any, name: str, bases: Any, type_kwargs: Any, *more: Any) -> Any:
    module, whole_name = type_kwargs.get("__module__"), type_kwargs.get("__qualname__")
    if whole_name is None:
        live = _live(name, module)
    else:
        live = _standing(whole_name, module) or _made_for(whole_name, name, module)
    return live or make(kind, name, bases, type_kwargs, *more)


def _made_for(whole_name: str, name: str, module: Any) -> type | None:
    """Return the class of `__main__` that a function made and that goes by its own name there: `Row = make()`."""
    found: Any = vars(sys.modules["__main__"]).get(name)
    return found if module == "__main__" and _is_class(found) and found.__qualname__ == whole_name else None


def _enum(make: Any, bases: Any, name: str, qualname: str, members: Any, module: str, *more: Any) -> Any:
    return _standing(qualname, module) or make(bases, name, qualname, members, module, *more)


def _state(fill: Any, cls: type, state: Any) -> Any:
    whole_name, module = cls.__qualname__, cls.__module__
    live = _standing(whole_name, module) or _made_for(whole_name, cls.__name__, module)
    return cls if live is cls else fill(cls, state)


def _function(make: Any, code: types.CodeType, held: Any, *more: Any) -> Any:
    live: Any = vars(sys.modules["__main__"]).get(code.co_name) if held.get("__name__") == "__main__" else None
    return live if _is_of_main(live) and live.__code__ == code else make(code, held, *more)


def _is_of_main(thing: Any) -> bool:
    """Is it a function that `__main__` has under its own name?"""
    named = type(thing) is types.FunctionType and thing.__module__ == "__main__"
    return named and vars(sys.modules["__main__"]).get(thing.__qualname__) is thing


def _function_state(fill: Any, function: Any, state: Any) -> Any:
    return function if _is_of_main(function) else fill(function, state)


_OF_MAIN: dict[str, Callable[..., Any]] = {
    "_make_function": _function,
    "_function_setstate": _function_state,
    "_make_skeleton_class": _class,
    "_make_skeleton_enum": _enum,
    "_class_setstate": _state,
}


def _dumps(value: Any) -> tuple[bytes, list[memoryview]]:
    try:
        if not _may_overflow():
            return _dumps_shallow(value)
    except (RecursionError, pickle.PicklingError) as error:
        if not _is_too_deep(error):
            raise
    return _dumps_deep(value, _by_value)


def _dumps_shallow(value: Any) -> tuple[bytes, list[memoryview]]:
    buffers: list[pickle.PickleBuffer] = []
    try:
        head = pickle.dumps(value, 5, buffer_callback=buffers.append)
        by_value = b"__main__" in head
    except _NO_NAME:
        by_value = True
    if by_value:
        buffers.clear()
        head = code_by_value.dumps(value, buffers.append)
    return head, [buffer.raw() for buffer in buffers]


def _dumps_deep(value: Any, code: Callable[[Any], Any]) -> tuple[bytes, list[memoryview]]:
    from plait.core.deep_pickling import DeepPickler

    buffers: list[pickle.PickleBuffer] = []
    head = DeepPickler(5, buffers.append, code).dumps(value)
    return head, [buffer.raw() for buffer in buffers]


def _may_overflow() -> bool:
    """Could the pickler in C run out of stack, and end the process, before Python stops it?

    Until Python 3.11 nothing does where a program has raised the limit of recursion.
    """
    return sys.version_info < (3, 12) and sys.getrecursionlimit() > _SAFE_LIMIT


def _is_too_deep(error: BaseException) -> bool:
    return isinstance(error, RecursionError) or isinstance(error.__cause__, RecursionError)  # as cloudpickle says it


def _by_value(value: Any) -> Any:
    """How a function or class that no name leads to elsewhere is written."""
    if not isinstance(value, (type, types.FunctionType)):
        return NotImplemented
    data = code_by_value.dumps(value)
    try:
        by_name = b"__main__" not in data and data == pickle.dumps(value, 5)
    except _NO_NAME:
        by_name = False
    return NotImplemented if by_name else (read_code, (data,))


def _here_or_by_value(value: Any) -> Any:
    itself = _as_itself(value)
    return _by_value(value) if itself is NotImplemented else itself


def read_code(data: bytes) -> Any:
    """Return the function or class of a pickle within a pickle. Stored pickles call it, so its name must stay."""
    return _loads(data, [])
