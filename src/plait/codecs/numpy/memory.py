"""How an array lies in memory: the one layout that is handed on, and who may write to it."""

import pickle
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from plait.core.containers import IMMUTABLE

if TYPE_CHECKING:
    import numpy as np

    Array: TypeAlias = np.ndarray[Any, Any]

ALIGNED: Final = 64  # some kernels give other last bits where memory starts elsewhere


def own(value: "Array") -> "Array":
    """A copy in C order and native byte order, in memory of its own that is aligned."""
    import numpy as np

    dtype = ordered(value.dtype, "=")
    if dtype.hasobject and not is_immutable(value):
        value = again(value)
    if dtype.hasobject or dtype.kind == "T" or value.nbytes == 0:
        return np.array(value, dtype, order="C", subok=False)
    raw = np.zeros(value.nbytes + ALIGNED, np.uint8) if dtype.names else np.empty(value.nbytes + ALIGNED, np.uint8)
    start = -raw.ctypes.data % ALIGNED
    copied: Array = np.ndarray(value.shape, dtype, raw, start)
    _fill(copied, value)
    return copied


def locked(array: "Array") -> "Array":
    """The array, closed to writing; its memory too, else who holds a view could unlock it."""
    array.flags.writeable = False
    if array.base is not None and hasattr(array.base, "flags"):
        array.base.flags.writeable = False
    return array


def _fill(copied: "Array", value: "Array") -> None:
    if copied.dtype.names is None:
        copied[...] = value
        return
    for name in copied.dtype.names:  # what lies between fields stays zero
        _fill(copied[name], value[name])


def again(value: "Array") -> "Array":
    """A copy, down to the last object that it holds."""
    copied: Array = pickle.loads(pickle.dumps(value, 5))  # noqa: S301 - made here
    return copied


def is_immutable(value: "Array") -> bool:
    """Does it hold objects of such types only that cannot change?"""
    return value.dtype.names is None and set(map(type, value.reshape(-1).tolist())) <= IMMUTABLE


def ordered(dtype: "np.dtype[Any]", order: Literal["<", "="]) -> "np.dtype[Any]":
    """The dtype in another byte order, if it has one."""
    return dtype if dtype.kind == "T" else dtype.newbyteorder(order)
