"""Arrays and scalars of numpy, kept as `.npy` files that readers map.

An array is its dtype, its shape and its elements. Byte order, strides and the class that mapped it from a file do not
count, so all of them are given up when it is made canonical: sums over another layout have other last bits.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, Final, TypeAlias

from plait.codecs.numpy import npy
from plait.codecs.numpy.memory import again, is_immutable, locked, ordered, own
from plait.core.values import Stream

if TYPE_CHECKING:
    import numpy as np

    Array: TypeAlias = np.ndarray[Any, Any]

ORDER = 20
_SCALAR, _HARD, _SOFT = b"scalar", b"hard  ", b"soft  "  # what may follow an array: what it was
_PIECE: Final = 1 << 22  # bytes
_X87: Final = 63  # bits of the fraction in a long double of Intel


def create() -> "Numpy":
    return Numpy()


@dataclass(frozen=True, slots=True)
class Numpy:
    """`ndarray` itself, masked and mapped arrays, and scalars; other subclasses mean more by their content."""

    name: ClassVar[str] = "numpy"
    runs_code: ClassVar[bool] = False
    names_values: ClassVar[bool] = True

    def accepts(self, value: Any, /) -> bool:
        np = sys.modules.get("numpy")  # where it is not loaded, nothing is an array
        if np is None:
            return False
        cls = type(value)
        if cls is np.ndarray or cls is np.memmap or cls is np.ma.MaskedArray:
            return True
        return issubclass(cls, np.generic) and cls.__module__ == "numpy"

    def digest(self, value: Any, stream: Stream, /) -> None:
        import numpy as np

        if isinstance(value, np.generic):
            stream.text("scalar")
            _digest(_scalar(value), stream)
            return
        if not isinstance(value, np.ma.MaskedArray):
            stream.text("array")
            _digest(value, stream)
            return
        stream.text("masked")
        for member in _members(value):
            _digest(member, stream)
        stream.value(bool(value.hardmask))

    def canonical(self, value: Any, /) -> Any:
        import numpy as np

        if isinstance(value, np.generic):
            return value.copy() if isinstance(value, np.void) else value
        if isinstance(value, np.ma.MaskedArray):
            return _masked(value)
        return locked(own(value))

    def share(self, value: Any, /) -> Any:
        import numpy as np

        if isinstance(value, np.generic):
            return value.copy() if isinstance(value, np.void) else value
        if isinstance(value, np.ma.MaskedArray):
            return _masked(value)  # a view would share its mask
        if value.dtype.hasobject and not is_immutable(value):
            value = again(value)
        return locked(value).view()

    def maps(self, value: Any, /) -> bool:
        if sys.modules["numpy"].ma.MaskedArray is type(value) or isinstance(value, sys.modules["numpy"].generic):
            return False
        return bool(value.nbytes >= npy.MAPPED) and value.dtype.names is None

    def write(self, value: Any, file: BinaryIO, /) -> None:
        import numpy as np

        if isinstance(value, np.ma.MaskedArray):
            members, tail = [*_members(value)], _HARD if value.hardmask else _SOFT
        else:
            members, tail = ([_scalar(value)], _SCALAR) if isinstance(value, np.generic) else ([value], b"")
        for member in members:
            npy.check_writable(member.dtype)
        for member in members:
            npy.write(member, file)
        file.write(tail)

    def read(self, content: Path | bytes, /) -> Any:
        data = content if isinstance(content, bytes) else npy.bytes_of(content)
        array, end = npy.read(data, 0)
        if end == len(data):
            return array
        if (tail := data[-len(_SCALAR) :]) == _SCALAR:
            return array[()]
        mask, end = npy.read(data, end)
        fill, end = npy.read(data, end)
        if end != len(data) - len(tail) or tail not in (_HARD, _SOFT):
            raise ValueError("the file holds more than an array")
        return _around(own(array), own(mask), fill, hard=tail == _HARD)


def _digest(array: "Array", stream: Stream) -> None:
    import numpy as np

    stream.value((_described(array.dtype), array.shape))
    if stream.rigid:  # the object around it keeps its layout, so its layout counts
        stream.text("F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C")
        stream.text(array.dtype.str)
    if not npy.is_plain(array):
        _elements(array, stream)
        return
    little = ordered(array.dtype, "<")
    head = npy.head(little, array.shape)
    same = array.flags.c_contiguous and array.dtype == little
    pieces = chain([head], [array.reshape(-1).view(np.uint8).data] if same else _pieces(np.atleast_1d(array)))
    if sys.byteorder == "little":  # what is written is in the order of the machine
        stream.file(len(head) + array.nbytes, pieces)
    else:
        stream.buffers(pieces)


def _described(dtype: "np.dtype[Any]") -> Any:
    """What a dtype is on any machine: without its byte order."""
    described: Any = ordered(dtype, "<").str
    if dtype.kind == "T":
        missing = [dtype.na_object] if hasattr(dtype, "na_object") else []
        described = "T", dtype.coerce, missing  # type: ignore[attr-defined] # of this kind only
    elif not npy.is_own(dtype):  # what numpy says of such types is no more than their size
        described = dtype.type.__module__, dtype.type.__qualname__, described
    if dtype.subdtype is not None:
        described = _described(dtype.base), dtype.shape
    if dtype.names is not None and dtype.fields is not None:
        fields = [(name, *dtype.fields[name][1:], _described(dtype.fields[name][0])) for name in dtype.names]
        described = dtype.type.__name__, dtype.itemsize, dtype.isalignedstruct, fields
    return (described, dict(dtype.metadata)) if dtype.metadata else described


def _elements(array: "Array", stream: Stream) -> None:
    import numpy as np

    dtype = array.dtype
    if dtype.names is not None:  # field by field, since what lies between fields is noise
        for name in dtype.names:
            _elements(array[name], stream)
    elif dtype.hasobject or dtype.kind == "T":
        stream.value(array.reshape(-1).tolist())
    elif array.nbytes == 0:
        stream.buffer(b"")
    elif dtype.char in "gG" and np.finfo(dtype).nmant == _X87:  # 10 bytes of number, and 6 of noise
        flat = np.ascontiguousarray(array, dtype=dtype.newbyteorder("<")).reshape(-1).view(np.uint8)
        stream.buffer(np.ascontiguousarray(flat.reshape(-1, 16)[:, :10]).data)
    elif array.flags.c_contiguous and dtype == dtype.newbyteorder("<"):
        stream.buffer(array.reshape(-1).view(np.uint8).data)
    else:
        stream.buffers(_pieces(np.atleast_1d(array)))


def _pieces(array: "Array") -> "Iterator[memoryview]":
    """The elements in C order and little-endian, copied a few at a time."""
    import numpy as np

    rows = max(1, _PIECE * len(array) // array.nbytes)
    for start in range(0, len(array), rows):
        piece = np.ascontiguousarray(array[start : start + rows], dtype=array.dtype.newbyteorder("<"))
        yield piece.reshape(-1).view(np.uint8).data


def _scalar(value: "np.generic[Any]") -> "Array":
    import numpy as np

    return np.asarray(np.asarray(value)[()])  # twice, since the first time only drops what numpy drops of b"a\0"


def _members(value: Any) -> Iterator["Array"]:
    """The arrays that a masked one is made of."""
    import numpy as np

    yield np.asarray(value.data)
    yield np.ma.getmaskarray(value)
    yield np.asarray(value.fill_value).astype(value.dtype)


def _masked(value: Any) -> Any:
    return _around(*map(own, _members(value)), hard=value.hardmask)


def _around(data: "Array", mask: "Array", fill: "Array", *, hard: bool) -> Any:
    import numpy as np

    masked: Any = np.ma.MaskedArray
    return masked(data, mask, fill_value=fill[()], hard_mask=hard)
