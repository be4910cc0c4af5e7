"""The `.npy` format, read so that the file is mapped, and never as a pickle."""

import io
import math
import mmap
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, TypeAlias

from plait.codecs.numpy.memory import locked, ordered, own
from plait.ports import UnwritableError

if TYPE_CHECKING:
    import numpy as np

    Array: TypeAlias = np.ndarray[Any, Any]

MAPPED: Final = 1 << 17  # shorter files are read whole: the number of mappings of a process is bounded
_CHUNK: Final = 1 << 26  # some systems write no more than 2 GiB at once
_PIECE: Final = 1 << 22  # of an array that lies otherwise, so much is put in order at once
_HEAD: Final = 1 << 17
_MAGIC: Final = b"\x93NUMPY\x01\x00"
_OWN_TYPES: Final = 256  # from here on, the numbers of dtypes are those of other packages
_ALIGNED: Final = 64  # bytes, to which numpy fills the head up


def check_writable(dtype: "np.dtype[Any]") -> None:
    """`UnwritableError` where an array of this dtype would come back as another."""
    import numpy as np

    if dtype.hasobject or dtype.kind == "T":
        raise UnwritableError(f"arrays of {dtype} are not bytes in a row")
    try:
        back = dtype if dtype.metadata else np.lib.format.descr_to_dtype(np.lib.format.dtype_to_descr(dtype))
    except ValueError as error:
        raise UnwritableError(f"the format has no word for {dtype!r}") from error
    if dtype.metadata or back != dtype or back.isalignedstruct != dtype.isalignedstruct or back.type is not dtype.type:
        raise UnwritableError(f"the format has no word for {dtype!r}")


def head(dtype: "np.dtype[Any]", shape: tuple[int, ...]) -> bytes:
    """What the file of an array begins with.

    Versions of numpy leave more or less space in it for another shape. The names of arrays stand on it, so it is made
    here: as short as it can be.
    """
    import numpy as np

    said = f"{{'descr': {np.lib.format.dtype_to_descr(dtype)!r}, 'fortran_order': False, 'shape': {shape!r}, }}"
    size = -(-(len(_MAGIC) + 2 + len(said) + 1) // _ALIGNED) * _ALIGNED - len(_MAGIC) - 2
    try:
        return _MAGIC + size.to_bytes(2, "little") + said.ljust(size - 1).encode("latin1") + b"\n"
    except (ValueError, OverflowError) as error:
        raise UnwritableError("the names of its fields do not fit into the header") from error


def is_plain(array: "Array") -> bool:
    """Is it large, and its elements bytes in a row, all of which count? Then it is named by its file."""
    dtype = array.dtype
    known = dtype.kind in "biufcmMSUV" and is_own(dtype)
    noise = dtype.names or dtype.char in "gG"  # most machines have some in each long double
    return array.nbytes >= MAPPED and known and not (noise or dtype.metadata)


def is_own(dtype: "np.dtype[Any]") -> bool:
    """Is it one of numpy itself, and not of another package?"""
    return 0 <= dtype.num < _OWN_TYPES


def write(array: "Array", file: BinaryIO) -> None:
    """Writes an array in C order and native byte order, without a copy of it where it lies so."""
    import numpy as np

    native = ordered(array.dtype, "=")
    file.write(head(native, array.shape))
    if array.nbytes and array.flags.c_contiguous and array.dtype == native:
        flat = array.reshape(-1).view(np.uint8).data
        for start in range(0, len(flat), _CHUNK):
            file.write(flat[start : start + _CHUNK])
    elif array.nbytes:
        rows = max(1, _PIECE * len(array) // array.nbytes)
        for start in range(0, len(array), rows):
            piece = np.ascontiguousarray(array[start : start + rows], dtype=native)
            file.write(piece.reshape(-1).view(np.uint8).data)


def bytes_of(path: Path) -> "bytes | mmap.mmap":
    """The bytes of a file, mapped where they are many."""
    with path.open("rb") as file:
        if path.stat().st_size < MAPPED:
            return file.read()
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def read(data: "bytes | mmap.mmap", start: int) -> tuple["Array", int]:
    """The array that begins somewhere in some bytes, and where it ends."""
    import numpy as np

    head = io.BytesIO(data[start : start + _HEAD])
    try:
        version = np.lib.format.read_magic(head)
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(head, max_header_size=_HEAD)
    except Exception as error:  # it is parsed as Python, so this can be anything
        raise ValueError("the file is not an array that plait wrote") from error
    if version != (1, 0):
        raise ValueError("the file is not an array that plait wrote")
    begin = start + head.tell()
    end = begin + math.prod(shape) * dtype.itemsize
    if fortran or dtype.hasobject or end > len(data):  # before any memory is taken
        raise ValueError("the file is cut short, or is not an array that plait wrote")
    array: Array = np.ndarray(shape, dtype, data, begin)
    return locked(own(array) if isinstance(data, bytes) else array), end
