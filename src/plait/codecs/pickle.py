"""Any other object, as a pickle: the last to be asked, and never trusted where others can write.

Functions and classes of `__main__` go by value, since another process has another `__main__`. Large buffers are
written after the pickle, each by itself, so that arrays within objects are not copied on their way.
"""

import functools
import io
import pickle
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

from plait.core.values import Stream

ORDER = 90


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
    head, buffers = _dumps(value)
    return _loads(head, [bytearray(buffer) for buffer in buffers])


def _loads(head: bytes | bytearray, buffers: list[bytearray]) -> Any:
    return _Unpickler(io.BytesIO(head), buffers=buffers).load()


class _Unpickler(pickle.Unpickler):
    """Reads instances of a class that went by value as instances of the `__main__` class of that name, if there is one.

    Else `isinstance` would say no to what a script or notebook made itself, before it was started again. A value is
    only met under a key that holds the code of its class; the vault compares digests all the same.
    """

    def find_class(self, module: str, name: str, /) -> Any:
        found = super().find_class(module, name)
        if module == "cloudpickle.cloudpickle" and name in _OF_CLASSES:
            return functools.partial(_OF_CLASSES[name], found)
        return found


def _live(name: str, module: Any) -> type | None:
    found = vars(sys.modules["__main__"]).get(name) if module == "__main__" else None
    return found if isinstance(found, type) and found.__module__ == "__main__" else None


def _class(make: Any, kind: Any, name: str, bases: Any, type_kwargs: Any, *more: Any) -> Any:
    return _live(name, type_kwargs.get("__module__")) or make(kind, name, bases, type_kwargs, *more)


def _enum(make: Any, bases: Any, name: str, qualname: str, members: Any, module: str, *more: Any) -> Any:
    return _live(name, module) or make(bases, name, qualname, members, module, *more)


def _state(fill: Any, cls: type, state: Any) -> Any:
    return cls if _live(cls.__name__, cls.__module__) is cls else fill(cls, state)


_OF_CLASSES: dict[str, Callable[..., Any]] = {
    "_make_skeleton_class": _class,
    "_make_skeleton_enum": _enum,
    "_class_setstate": _state,
}


def _dumps(value: Any) -> tuple[bytes, list[memoryview]]:
    buffers: list[pickle.PickleBuffer] = []
    try:
        head = pickle.dumps(value, 5, buffer_callback=buffers.append)
        by_value = b"__main__" in head
    except (pickle.PicklingError, AttributeError, TypeError):  # a lambda or a local class has no name to go by
        by_value = True
    if by_value:
        import cloudpickle

        buffers.clear()
        head = cloudpickle.dumps(value, 5, buffer_callback=buffers.append)
    return head, [buffer.raw() for buffer in buffers]
