"""What a sweep gave: its runs in order, and a frame of settings and results."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from plait.core.definition import near
from plait.errors import PlaitError
from plait.runtime.run import Run

if TYPE_CHECKING:
    import pandas as pd

R_co = TypeVar("R_co", covariant=True)
_PLAIN = (int, float, str, bool)


class Sweep(Generic[R_co]):
    """The runs of a sweep, in the order of its settings; for each setting, those of all seeds."""

    def __init__(
        self,
        settings: Sequence[Mapping[str, Any]],
        seeds: Sequence[int],
        runs: Sequence[Run[R_co]],
        used: Sequence[Mapping[str, Any]],
    ) -> None:
        self.settings = settings  # one a run
        self.seeds = seeds  # one a run
        self._runs = runs
        self._used = used  # one a run: the parameters that settings name, with the values that the run used

    def __len__(self) -> int:
        return len(self._runs)

    def __iter__(self) -> Iterator[Run[R_co]]:
        return iter(self._runs)

    def __getitem__(self, place: int) -> Run[R_co]:
        return self._runs[place]

    @property
    def ok(self) -> bool:
        """Did every run succeed?"""
        return all(run.ok for run in self._runs)

    def to_frame(self) -> "pd.DataFrame":
        """One row a run: the parameters that vary, the seed, whether the run succeeded, and its results.

        Each parameter has the value that the run used, also where its setting left it at the default. A dict of
        numbers, or a result of several parts, has a column for each: `scores.auc`. Any other list or dict is one
        value. Arrays, frames and models are left out.
        """
        import pandas

        return pandas.DataFrame(self._rows())

    def best(self, result: str, *, lowest: bool = False) -> Run[R_co]:
        """Return the run with the highest value in a column of `to_frame`, or with the lowest one.

        Failed runs and runs without a number there do not count; of equal ones, the first is taken.
        """
        rows = self._rows()
        known = [name for name in dict.fromkeys(name for row in rows for name in row) if name not in ("seed", "ok")]
        if result not in known:
            raise PlaitError(
                f"best({result!r}): the sweep has no such column{near(result, known) or f'; it has {known}'}"
            )
        scored = [
            (row[result], run)
            for row, run in zip(rows, self._runs, strict=True)
            if run.ok and isinstance(row.get(result), (int, float)) and row[result] == row[result]
        ]
        if not scored:
            raise PlaitError(f"best({result!r}): no run that succeeded has a number there")
        return (min if lowest else max)(scored, key=lambda pair: pair[0])[1]

    def _rows(self) -> list[dict[str, Any]]:
        rows = []
        for used, seed, run in zip(self._used, self.seeds, self._runs, strict=True):
            row = {**used, "seed": seed, "ok": run.ok}
            for name in run._targets:
                try:
                    value = run[name]
                except PlaitError:
                    continue
                row.update({key: found for key, found in _flat(name, value) if key not in row})
            rows.append(row)
        return rows

    def _repr_html_(self) -> str:
        from html import escape

        return f"<div>{escape(repr(self))}{self.to_frame().to_html(max_rows=60, max_cols=20)}</div>"

    def __repr__(self) -> str:
        failed = sum(not run.ok for run in self._runs)
        return f"<sweep of {len(self)} runs{f', {failed} failed' if failed else ''}>"


def _flat(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, _PLAIN):
        yield name, value
    elif isinstance(value, Mapping) and value and all(isinstance(one, _PLAIN) for one in value.values()):
        yield from ((f"{name}.{key}", one) for key, one in value.items())
    elif hasattr(value, "_fields"):
        for field in value._fields:
            yield from _flat(f"{name}.{field}", getattr(value, field))
    elif hasattr(value, "dtype") and getattr(value, "shape", None) == () and hasattr(value, "item"):
        yield name, value.item()
    elif value is None or isinstance(value, (Mapping, list, tuple, set, frozenset)):
        yield name, value
