"""A run that is over, for a notebook: in a line, as its graph with what became of each node, and what failed."""

from collections import Counter
from html import escape
from typing import Any

from plait.runtime.run import Run
from plait.show.drawing import cell
from plait.show.notebook import dim, noted, was_said_here
from plait.show.report import line
from plait.show.tally import Notable

_SHOWN = 12  # failures with a line of their own


def html(run: Run[Any]) -> str:
    """A run as HTML: what it came to, what failed, and its graph with what became of each node.

    The first two are left out where progress has said them under the same cell.
    """
    drawn = cell(run._graph, run.states, run.params)
    if was_said_here(run.id):
        return f"<div>{drawn}</div>"
    counts = Counter(run.states.values())
    head = escape(line(run._graph.name, counts, run.seconds, run.status))
    failed = [Notable(node, 0.0, run._state.errors[node].line) for node in run._state.failures]
    lines = [f'<div style="margin-left:1em">{noted(one)}</div>' for one in failed[:_SHOWN]]
    if len(failed) > _SHOWN:
        lines.append(f'<div style="margin-left:1em">{dim(f"and {len(failed) - _SHOWN} more")}</div>')
    said = f'<div style="font-size:90%;line-height:1.5">{head}{"".join(lines)}</div>'
    return f"<div>{said}{drawn}</div>"
