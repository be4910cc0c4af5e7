"""How far two arrays are apart.

Numbers that differ by rounding and values that are something else altogether ask for different cures. So floats are
compared by their difference, absolute and relative, and by how many floats lie from one to the other (units in the
last place, Goldberg 1991).
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

_CLOSE = 1 << 20  # units in the last place, beyond which their number says nothing
_MANY = 1 << 20  # objects, whose order is not looked into


class Gap(NamedTuple):
    """One place in which two values differ."""

    where: str  # as one would write it after the value: `.train['delay']`; "" for the whole
    what: str  # in words
    differing: int = 0  # elements of an array or column
    size: int = 0  # all of its elements
    absolute: float = 0.0  # at most
    relative: float = 0.0  # at most
    ulps: int = 0  # at most; only for floats


def distances(one: Any, two: Any, where: str) -> Iterator[Gap]:
    """The one place in which two arrays of numpy differ, if they do.

    >>> import numpy as np
    >>> [gap] = distances(np.array([1.0, 2.0]), np.array([1.0, np.nextafter(2.0, 3)]), "")
    >>> gap.differing, gap.size, gap.ulps
    (1, 2, 1)
    """
    import numpy

    if one.shape != two.shape or one.dtype != two.dtype:
        yield Gap(where, f"{shape(one)} of {one.dtype}, then {shape(two)} of {two.dtype}")
        return
    size, numbers = int(one.size), one.dtype.kind in "iuf"
    if one.dtype.kind in "OSUV":
        pairs = zip(one.ravel(), two.ravel(), strict=True)
        differ = numpy.array([not same(a, b) for a, b in pairs], dtype=bool).reshape(one.shape)
    else:
        differ = (one != two) & ~((one != one) & (two != two))
    count = int(differ.sum())
    if not count:
        if one.dtype.kind == "f" and one.tobytes() != two.tobytes():
            yield Gap(where, "only the sign of zeros, or the bits of NaN", size=size)
        return
    first = tuple(int(at[0]) for at in numpy.nonzero(differ))
    values = f"{short(one[first])}, then {short(two[first])}"
    apart = _apart(one[differ], two[differ]) if numbers else (0.0, 0.0, 0)
    if size == 1:
        yield Gap(where, f"{values}{f', apart by {_said(*apart)}' if numbers else ''}", count, size, *apart)
    elif _is_shuffled(one, two, numbers=numbers):
        yield Gap(where, f"the same {size:,} values in another order", count, size, *apart)
    else:
        kind = {"f": "floats", "i": "integers", "u": "integers"}.get(one.dtype.kind, "values")
        at = f"first at [{', '.join(map(str, first))}]: {values}"
        said = f"by at most {_said(*apart)}; {at}" if numbers else at
        yield Gap(where, f"{count:,} of {size:,} {kind} differ, {said}", count, size, *apart)


def _said(absolute: float, relative: float, ulps: int) -> str:
    near = f", {ulps:,} ulp{'s' if ulps != 1 else ''}" if 0 < ulps < _CLOSE else ""
    return f"{absolute:.2g} (relative {relative:.2g}{near})"


def _apart(one: Any, two: Any) -> tuple[float, float, int]:
    """The largest differences of two arrays of numbers: absolute, relative, and in units in the last place."""
    import numpy

    finite = numpy.isfinite(one) & numpy.isfinite(two)
    if not finite.all():  # from a number to none there is no distance
        one, two = one[finite], two[finite]
        if not one.size:
            return float("inf"), float("inf"), 0
    a, b = one.astype("f8"), two.astype("f8")
    with numpy.errstate(all="ignore"):
        apart, largest = numpy.abs(a - b), numpy.maximum(numpy.abs(a), numpy.abs(b))
        relative = numpy.where(largest > 0, apart / largest, 0.0)
    ulps = 0
    if one.dtype.kind == "f" and one.dtype.itemsize in (2, 4, 8):
        low, high = numpy.sort([_steps(one), _steps(two)], axis=0)
        ulps = int((high.view("u8") - low.view("u8")).max())  # it may need all 64 bits
    return float(apart.max()), float(relative.max()), ulps


def _steps(floats: Any) -> Any:
    """Floats as whole numbers, of which neighbours are neighbours."""
    import numpy

    bits = floats.view(f"i{floats.dtype.itemsize}").astype("i8")
    most = (1 << (floats.dtype.itemsize * 8 - 1)) - 1
    return numpy.where(bits >= 0, bits, -(bits & most))


def _is_shuffled(one: Any, two: Any, *, numbers: bool) -> bool:
    import numpy

    if numbers:
        return bool(numpy.array_equal(numpy.sort(one, axis=None), numpy.sort(two, axis=None), equal_nan=True))
    return one.size <= _MANY and shuffled(one.ravel().tolist(), two.ravel().tolist())


def shuffled(one: Sequence[Any], two: Sequence[Any]) -> bool:
    """The same items, in another order? As far as their reprs say: those of some objects do not tell them apart."""
    try:
        first, second = list(map(repr, one)), list(map(repr, two))
        return first != second and sorted(first) == sorted(second)
    except Exception:  # a repr of the user's own
        return False


def same(one: Any, two: Any) -> bool:
    """Are two items equal, as far as they can say?"""
    if one is two:
        return True
    try:
        return bool(one == two) or bool(one != one and two != two)
    except Exception:  # an array, or an equality of the user's own
        return False


def shape(value: Any) -> str:
    """Rows and columns, in words."""
    return " x ".join(f"{length:,}" for length in value.shape) or "a scalar"


def short(value: Any) -> str:
    """A value in a few characters."""
    if hasattr(value, "dtype") and hasattr(value, "item") and not getattr(value, "shape", ()):
        value = value.item()  # a number, as Python writes it
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."
