"""What a sweep gave: its runs in order, and a frame of settings and results."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from plait.errors import PlaitError
from plait.runtime.run import Run

if TYPE_CHECKING:
    import pandas as pd

R_co = TypeVar("R_co", covariant=True)
_PLAIN = (int, float, str, bool)


class Sweep(Generic[R_co]):
    """The runs of a sweep, in the order of its settings; for each setting, those of all seeds."""

    def __init__(self, settings: Sequence[Mapping[str, Any]], seeds: Sequence[int], runs: Sequence[Run[R_co]]) -> None:
        self.settings = settings  # one a run
        self.seeds = seeds  # likewise
        self._runs = runs

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
        """One line a run: its setting, its seed, whether it succeeded, and every result that is a number or a text.

        A dict of numbers, or a result of several parts, has a column for each: `scores.auc`.
        """
        import pandas

        lines = []
        for setting, seed, run in zip(self.settings, self.seeds, self._runs, strict=True):
            line = {**setting, "seed": seed, "ok": run.ok}
            for name in run._targets:
                try:
                    value = run[name]
                except PlaitError:
                    continue
                line.update({key: found for key, found in _flat(name, value) if key not in line})
            lines.append(line)
        return pandas.DataFrame(lines)

    def _repr_html_(self) -> str:
        from html import escape

        return f"<div>{escape(repr(self))}{self.to_frame().to_html(max_rows=60, max_cols=20)}</div>"

    def __repr__(self) -> str:
        failed = sum(not run.ok for run in self._runs)
        return f"<sweep of {len(self)} runs{f', {failed} failed' if failed else ''}>"


def _flat(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, _PLAIN):
        yield name, value
    elif isinstance(value, Mapping) and all(isinstance(one, _PLAIN) for one in value.values()):
        yield from ((f"{name}.{key}", one) for key, one in value.items())
    elif hasattr(value, "_fields"):
        for field in value._fields:
            yield from _flat(f"{name}.{field}", getattr(value, field))
    elif hasattr(value, "dtype") and getattr(value, "shape", None) == () and hasattr(value, "item"):
        yield name, value.item()
