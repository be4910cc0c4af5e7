"""What a run would do, and why; nothing is run."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from plait.core.digest import Key
    from plait.core.manifest import Change
    from plait.core.reasons import Reason

_FEW = 4  # nodes that are named
_ROWS = 500  # of a table in a notebook
State = Literal["given", "hit", "run", "wait"]


class Planned(NamedTuple):
    """What would become of a node."""

    node: str
    state: State
    reasons: "tuple[Reason, ...]" = ()
    changed: "tuple[Change, ...]" = ()  # in its code
    waits_for: tuple[str, ...] = ()
    seconds: float = 0.0  # that it took when it was made, for a hit
    key: "Key | None" = None  # where all that it reads is known
    reads: tuple[str, ...] = ()
    size: str = ""  # of a mapped node whose items are not known: what says how many there are


class Plan:
    """What a run would do, node by node: `plan["run"]`, `plan["hit"]`, `plan["wait"]`.

    A waiting node runs only if what it waits for turns out to be another value than before.
    """

    def __init__(self, pipeline: str, nodes: list[Planned]) -> None:
        self.pipeline = pipeline
        self.nodes = nodes

    def __getitem__(self, state: State) -> list[str]:
        return [planned.node for planned in self.nodes if planned.state == state]

    def __iter__(self) -> Iterator[Planned]:
        return iter(self.nodes)

    def summary(self) -> str:
        """The plan in a line."""
        hit, run, wait = (len(self[state]) for state in ("hit", "run", "wait"))
        maps = sum(bool(planned.size) for planned in self.nodes)
        more = f", at most {wait - maps} more" if wait > maps else ""
        more += f", and the items of {maps} maps that are not known yet" if maps else ""
        return f"{self.pipeline}: {hit} hit, {run} to run{more}"

    def __str__(self) -> str:
        width = max((len(planned.node) for planned in self.nodes), default=0)
        lines = [f"  {planned.node:<{width}}  {planned.state:<5}  {why(planned)}".rstrip() for planned in self.nodes]
        return "\n".join([self.summary(), *lines])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """The plan as a table, with all that users named escaped."""
        from html import escape  # which most runs need not load

        rows = [[planned.node, planned.state, why(planned)] for planned in self.nodes[:_ROWS]]
        if len(self.nodes) > _ROWS:
            rows.append([f"and {len(self.nodes) - _ROWS} more", "", ""])
        return f"<div>{escape(self.summary())}{html_table(['node', 'state', 'why'], rows)}</div>"


def html_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows of text as HTML; nothing in them is taken for HTML.

    >>> html_table(["a"], [["<b>"]])
    '<table><thead><tr><th>a</th></tr></thead><tbody><tr><td>&lt;b&gt;</td></tr></tbody></table>'
    """
    from html import escape

    names = "".join(f"<th>{escape(name)}</th>" for name in head)
    lines = "".join(f"<tr>{''.join(f'<td>{escape(text)}</td>' for text in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{names}</tr></thead><tbody>{lines}</tbody></table>"


def why(planned: Planned) -> str:
    """The reason, in a few words."""
    if planned.state == "wait":
        waits = planned.waits_for
        more = f" and {len(waits) - _FEW} more" if len(waits) > _FEW + 1 else ""
        return f"(size: {planned.size})" if planned.size else f"for {', '.join(waits[:_FEW] if more else waits)}{more}"
    said = []
    for reason in planned.reasons:
        if reason.word == "code":
            said.append(code_change(planned.changed))
        elif reason.word in ("input", "parameter", "constant"):
            said.append(f"{reason.input} changed")
        elif reason.word == "failed last time":
            said.append(f"{reason.word}: {reason.was}" if reason.was else reason.word)
        elif reason.word in ("seed", "time"):
            said.append(f"another {reason.word}")
        else:
            said.append(str(reason))
    return "; ".join(said)


def code_change(changed: "tuple[Change, ...]") -> str:
    """A change of code in a few words."""
    if not changed:
        return "its code changed"
    first = changed[0]
    what = "its code" if len(first.path) == 1 else f"{first.kind} {first.name}"
    more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
    if first.short is not None:
        return f"{what} {' -> '.join(first.short)}{more}"
    plus = sum(line.startswith("+") for line in first.lines)
    minus = len(first.lines) - plus
    size = ", ".join(f"{sign}{n}" for sign, n in (("+", plus), ("-", minus)) if n)
    how = f"{what} {first.how}" if first.how != "changed" else f"{what} changed"
    return f"{how}{f' ({size} lines)' if size else ''}{more}"
