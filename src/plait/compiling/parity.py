"""Is a function, row by row, what it is on the whole table? A sample says; bits differ, so a tolerance is stated.

One row at a time gives other last bits than a batch in a third of all rows, for a linear model of scikit-learn: its
matrix products are added up in another order. So numbers are compared with a relative tolerance, all else exactly.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from plait.errors import ParityError

_TINY = 1e-12  # what a zero may differ by, where nothing is relative


@dataclass(frozen=True)
class Parity:
    """What came of a comparison: `differing` of `rows`; the first ones as (row, alone, in the batch)."""

    rows: int
    differing: int = 0
    first: tuple[tuple[int, Any, Any], ...] = ()

    @property
    def ok(self) -> bool:
        """Was each row the same?"""
        return not self.differing

    def raise_for_differences(self, what: str = "it", because: str = "") -> "Parity":
        """This comparison, if all was the same; else raises `ParityError` with the first rows that were not."""
        if self.ok:
            return self
        shown = "; ".join(f"row {row}, {_brief(alone)} against {_brief(batch)}" for row, alone, batch in self.first)
        why = f" ({because})" if because else ""
        raise ParityError(f"{what} differs in {self.differing} of {self.rows} rows{why}; first: {shown}")


def parity(
    function: Callable[..., Any], /, *, rows: int = 1_000, rtol: float = 1e-9, expected: Any = None, **inputs: Any
) -> Parity:
    """Compares a compiled function, called with single rows, with what it gives for the whole.

    - `function`: of `Pipeline.compile`, or any function whose arguments can be cut into rows.
    - `rows`: how many are looked at, evenly spread.
    - `rtol`: by what part of itself a number may differ; all else must be equal.
    - `expected`: what comes of the whole; if none is given, the function is called with it.
    - `inputs`: tables, series, arrays or lists of equal length, by the names of the function's arguments; what is none
      of these is handed over as it is.

    Raises `ParityError` if the inputs or the result cannot be cut into rows.

    >>> parity(lambda x: [v * 2 for v in x], x=[1.0, 2.0, 3.0])
    Parity(rows=3, differing=0, first=())
    >>> parity(lambda x: [v / max(x) for v in x], x=[1.0, 2.0]).first
    ((0, 1.0, 0.5),)
    """
    if inspect.iscoroutinefunction(getattr(type(function), "__call__", function)):  # noqa: B004 - which of them is asked
        import asyncio

        waiting = function

        def function(**row: Any) -> Any:
            return asyncio.run(waiting(**row))

    if expected is None:
        expected = function(**inputs)
    tables = {name: value for name, value in inputs.items() if length(value) is not None}
    many = _rows(tables, inputs, expected)
    looked = range(many) if many <= rows else [place * many // rows for place in range(rows)]
    differing = 0
    first: list[tuple[int, Any, Any]] = []
    for place in looked:
        alone = function(**{**inputs, **{name: row(value, place) for name, value in tables.items()}})
        wanted = row(expected, place)
        if not alike(alone, wanted, rtol):
            differing += 1
            if len(first) < 3:
                first.append((place, _plain(alone), _plain(wanted)))
    return Parity(len(looked), differing, tuple(first))


def row(value: Any, place: int) -> Any:
    """One row of a table, series, array or list, as one of its own kind."""
    if hasattr(value, "iloc"):
        return value.iloc[[place]]
    return value[place : place + 1]


def length(value: Any) -> int | None:
    """How many rows a value has; none, if it has no rows."""
    if (
        hasattr(value, "iloc")
        or isinstance(value, list | tuple)
        or (hasattr(value, "slice") and hasattr(value, "height"))
    ):
        return len(value)
    shape = getattr(value, "shape", None)
    return shape[0] if isinstance(shape, tuple) and shape and hasattr(value, "dtype") else None


def _rows(tables: Mapping[str, Any], inputs: Mapping[str, Any], expected: Any) -> int:
    """How many rows the tables among the inputs have, and what comes of them."""
    if not tables:
        said = " and ".join(f"{name} is a {type(value).__name__}" for name, value in inputs.items())
        raise ParityError(f"{said} and cannot be cut into rows; pass parity=0 to vouch for it")
    lengths = {name: length(value) for name, value in tables.items()}
    if len(set(lengths.values())) > 1:
        raise ParityError(f"inputs have different lengths: {', '.join(f'{n} {found}' for n, found in lengths.items())}")
    rows = next(iter(lengths.values())) or 0
    made = length(expected)
    if made != rows:
        raise ParityError(
            f"{rows} rows go in, and a {type(expected).__name__}{'' if made is None else f' of {made}'} comes out: "
            f"it is not made row by row; pass parity=0 to vouch for it"
        )
    return rows


def alike(alone: Any, wanted: Any, rtol: float) -> bool:
    """Is it the same row? Labels of rows are not compared, types of columns are."""
    if hasattr(wanted, "columns"):
        return (
            list(getattr(alone, "columns", ())) == list(wanted.columns)
            and len(alone) == len(wanted)
            and all(alike(alone[name], wanted[name], rtol) for name in wanted.columns)
        )
    if length(wanted) is not None and not hasattr(wanted, "dtype"):
        return (
            type(alone) is type(wanted)
            and len(alone) == len(wanted)
            and all(alike(a, b, rtol) for a, b in zip(alone, wanted, strict=True))
        )
    import numpy

    a, b = numpy.asarray(alone), numpy.asarray(wanted)
    if a.shape != b.shape or a.dtype.kind != b.dtype.kind:
        return False
    if a.dtype.kind in "fc":
        return bool(numpy.isclose(a, b, rtol=rtol, atol=_TINY, equal_nan=True).all())
    same = a == b
    return bool(numpy.all(same | ((a != a) & (b != b))))  # two that are missing are the same


def _plain(value: Any) -> Any:
    """A row of one number as that number."""
    if hasattr(value, "columns"):
        return value.to_dict("records")[0] if hasattr(value, "iloc") and len(value) else value
    if hasattr(value, "iloc") or isinstance(value, list | tuple):
        return (value.iloc[0] if hasattr(value, "iloc") else value[0]) if len(value) == 1 else value
    if getattr(value, "size", 0) == 1 and hasattr(value, "item"):
        return value.item()
    return value


def _brief(value: Any) -> str:
    text = f"{value:.12g}" if isinstance(value, float) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
