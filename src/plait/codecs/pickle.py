"""Any other object, as a pickle: the last to be asked, and never trusted where others can write.

Functions and classes of `__main__` go by value, since another process has another `__main__`. Large buffers are
written after the pickle, each by itself, so that arrays within objects are not copied on their way.
"""

import io
import pickle
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
    return pickle.loads(head, buffers=buffers)  # noqa: S301 - the vault asks only where nobody else can write


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
