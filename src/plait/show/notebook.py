"""Progress in a notebook: a piece of HTML under the cell, replaced as the run goes on. No scripts, no widgets."""

import sys
from html import escape
from typing import Any

from plait.core.durations import readable
from plait.show.report import counted
from plait.show.tally import Notable, Tally

_SHOWN = 12  # nodes with a line of their own


def kernel() -> Any:
    """The IPython kernel that this process is, if it is one; nothing is imported to find out."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None)


_said: tuple[int, set[str]] = (0, set())  # the number of a cell, and the runs that have their summary under it


def was_said_here(run: str) -> bool:
    """Return whether a run has its summary under the cell that is at work: it need not be there twice."""
    number, runs = _said
    return number == _cell_number() and run in runs


def _cell_number() -> int:
    shell = getattr(kernel(), "shell", None)
    return int(getattr(shell, "execution_count", None) or 0)


class Cell:
    """The piece of HTML. It follows the colours of the page, light or dark."""

    def __init__(self) -> None:
        self._handle: Any = None

    def update(self, tally: Tally, _: list[Notable]) -> None:
        """Draws it anew."""
        self._display(drawn(tally))

    def close(self, _: list[Notable]) -> None:
        """Nothing is to be undone."""

    def sentence(self, tally: Tally) -> None:
        """The last state, which stays."""
        self._display(drawn(tally))
        global _said
        number = _cell_number()
        _said = (number, {*(_said[1] if _said[0] == number else ()), tally.run})

    def _display(self, content: str) -> None:
        import IPython.display

        ipython: Any = IPython.display  # its functions have no types
        if self._handle is None:
            self._handle = ipython.display(ipython.HTML(content), display_id=True)
        else:
            self._handle.update(ipython.HTML(content))


def drawn(tally: Tally) -> str:
    """A tally as HTML, with all that users named escaped."""
    if tally.status == "running":
        total = tally.total or 1
        head = (
            f"<b>{escape(tally.pipeline)}</b> "
            f'<progress value="{tally.done}" max="{total}" style="vertical-align:middle"></progress> '
            f"{tally.done} of {tally.total}{dim(' · ' + counted(tally.counts)) if tally.counts else ''}"
        )
    else:
        head = escape(tally.sentence())
    lines = [noted(notable) for notable in _worth(tally.notable)]
    lines += [f"▸ {escape(node)} {dim(readable(tally.elapsed(node)))}" for node in list(tally.running)[:_SHOWN]]
    inner = "".join(f'<div style="margin-left:1em">{line}</div>' for line in lines)
    return f'<div style="font-size:90%;line-height:1.5">{head}{inner}</div>'


def _worth(notable: list[Notable]) -> list[Notable]:
    """What failed, and what took longest, in the order in which it ended."""
    worth = sorted(notable, key=lambda n: (not n.error, -n.seconds))[:_SHOWN]
    return [one for one in notable if one in worth]


def noted(notable: Notable) -> str:
    """A node that took long, or failed, in a line."""
    if not notable.error:
        return f'<span style="color:#2e9e5b">✓</span> {escape(notable.node)} {dim(readable(notable.seconds))}'
    first = escape(notable.error.partition("\n")[0])
    return f'<span style="color:#d64545">✗ {escape(notable.node)}</span> {first}'


def dim(text: str) -> str:
    """Words beside others."""
    return f'<span style="opacity:.6">{escape(text)}</span>'
