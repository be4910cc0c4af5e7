"""Sparse matrices and arrays of scipy that are made of index arrays: CSR, CSC, BSR and COO.

What is stored counts, in the order in which it is stored, since sums go through it in that order. What scipy noticed
of it (that indices are sorted, that there are no duplicates) does not: it comes of what was asked before, so it is
given up, and noticed again. Other formats (DIA, DOK, LIL) notice nothing; the canonical walk of core names them.
"""

import io
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, Final, TypeAlias

from plait.core.values import Stream
from plait.ports import UnwritableError

if TYPE_CHECKING:
    import numpy as np

    Array: TypeAlias = np.ndarray[Any, Any]

ORDER = 25
_FORMATS: Final = frozenset({f"{name}_{kind}" for name in ("csr", "csc", "bsr", "coo") for kind in ("matrix", "array")})
_NOTICED: Final = ("has_sorted_indices", "has_canonical_format")
_ALIGNED: Final = 64  # some kernels give other last bits where memory starts elsewhere


def create() -> "Sparse":
    return Sparse()


@dataclass(frozen=True, slots=True)
class Sparse:
    """CSR, CSC, BSR and COO, as matrices and as arrays."""

    name: ClassVar[str] = "sparse"
    runs_code: ClassVar[bool] = False
    names_values: ClassVar[bool] = True

    def accepts(self, value: Any, /) -> bool:
        cls = type(value)
        return cls.__name__ in _FORMATS and cls is getattr(sys.modules.get("scipy.sparse"), cls.__name__, None)

    def digest(self, value: Any, stream: Stream, /) -> None:
        stream.value(_about(value))
        for array in _arrays(value):
            stream.value(_plain(array))
        if stream.rigid:  # the object around it keeps what was noticed, or was said without being so
            stream.value(_untrue(value))

    def canonical(self, value: Any, /) -> Any:
        return _put(_about(value), [_own(array) for array in _arrays(value)])

    share = canonical  # nobody could sort, or sum duplicates, in arrays that are read-only

    def maps(self, value: Any, /) -> bool:
        return False

    def write(self, value: Any, file: BinaryIO, /) -> None:
        import numpy as np

        arrays = [_plain(array) for array in _arrays(value)]
        if any(array.dtype.hasobject for array in arrays):
            raise UnwritableError("objects are not bytes in a row")
        file.write(json.dumps(_about(value)).encode() + b"\n")
        for array in arrays:
            head = io.BytesIO()
            np.lib.format.write_array_header_1_0(head, np.lib.format.header_data_from_array_1_0(array))
            file.write(head.getvalue())
            file.write(array.reshape(-1).view(np.uint8).data)

    def read(self, content: Path | bytes, /) -> Any:
        import numpy as np

        with io.BytesIO(content) if isinstance(content, bytes) else content.open("rb") as file:
            about = json.loads(file.readline())
            count = about["arrays"]
            arrays = [_own(np.lib.format.read_array(file, allow_pickle=False)) for _ in range(count)]
            return _put(about, arrays)


def _about(value: Any) -> dict[str, Any]:
    shape = [int(length) for length in value.shape]
    block = [int(length) for length in value.blocksize] if value.format == "bsr" else []
    return {"class": type(value).__name__, "shape": shape, "block": block, "arrays": len(_arrays(value))}


def _arrays(value: Any) -> list["Array"]:
    """What it is made of, without room that is kept for more."""
    if value.format == "coo":
        return [value.data, *value.coords]
    stored = int(value.indptr[-1])
    return [value.data[:stored], value.indices[:stored], value.indptr]


def _put(about: dict[str, Any], arrays: list["Array"]) -> Any:
    import scipy.sparse

    cls = getattr(scipy.sparse, about["class"])
    data, *indices = arrays
    block = {"blocksize": tuple(about["block"])} if about["block"] else {}
    made = cls(tuple(about["shape"]), dtype=data.dtype, **block)
    made.data = data
    if made.format == "coo":  # set as they are: to give them to the class may change their dtype
        made.coords = tuple(indices)
        made.has_canonical_format = False
        return made
    made.indices, made.indptr = indices
    for noticed in _NOTICED:
        vars(made).pop(f"_{noticed}", None)
    return made


def _untrue(value: Any) -> list[str]:
    """What is said of a value and is not so."""
    said = {name: vars(value).get(f"_{name}", vars(value).get(name)) for name in _NOTICED}
    said = {name: so for name, so in said.items() if so is not None and not (value.format == "coo" and not so)}
    if not said:
        return []
    if value.format == "coo":
        import numpy as np

        order = np.lexsort(value.coords[::-1])
        pairs = zip(*[np.diff(row[order]) for row in value.coords], strict=True)
        so = bool((order == np.arange(len(order))).all()) and all(any(steps) for steps in pairs)
        return [] if so else ["has_canonical_format"]
    again = _put(_about(value), _arrays(value))
    return [name for name in said if bool(getattr(again, name)) != bool(said[name])]


def _plain(array: "Array") -> "Array":
    """In C order and native byte order."""
    import numpy as np

    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))


def _own(array: "Array") -> "Array":
    """A copy of that, in memory that is aligned."""
    import numpy as np

    if array.dtype.hasobject:
        return np.array(array, order="C")
    raw = np.empty(array.nbytes + _ALIGNED, np.uint8)
    copied: Array = np.ndarray(array.shape, array.dtype.newbyteorder("="), raw, -raw.ctypes.data % _ALIGNED)
    copied[...] = array
    return copied
