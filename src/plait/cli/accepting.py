"""Vouching for changes of code: accepting, the log of it, and taking it back."""

from collections.abc import Sequence

from plait.accepting import accept as accept_in
from plait.accepting import accepted, withdraw
from plait.cli.commands import Selection
from plait.cli.history import table
from plait.cli.telling import out, say
from plait.core.records import Acceptance
from plait.settings import DEFAULT
from plait.show.values import printable
from plait.show.wording import when


def accept(selection: Selection, note: str) -> None:
    """Accepts the targets of a selection, and prints the ids."""
    found = accept_in(selection.pipeline(), *selection.targets, note=note, **selection.options)
    out("\n".join(f"{one.record.node} is accepted; plait accept --undo {one.id} takes it back" for one in found))
    for name, why in found.left.items():
        say(f"{name} is left to run: {why}")


def listed(store: str | None) -> None:
    """Prints the log."""
    found = accepted(store=DEFAULT if store is None else store)
    if found:
        out(table(["id", "pipeline", "node", "accepted", "by", "code", "note"], _rows(found), right=set()))
    else:
        out("nothing was accepted")


def undo(wanted: str, store: str | None) -> None:
    """Takes back, and prints what."""
    for one in withdraw(wanted, store=DEFAULT if store is None else store):
        out(f"{one.record.node} ({one.id}) is not accepted any more, and is to be run again")


def _rows(found: Sequence[Acceptance]) -> list[list[str]]:
    return [
        [
            one.id,
            printable(one.pipeline),
            one.record.node,
            when(one.at),
            printable(one.by),
            f"{one.before[:8]} -> {one.record.code[:8]}",
            "; ".join(filter(None, [printable(one.note), _withdrawn(one)])),
        ]
        for one in found
    ]


def _withdrawn(one: Acceptance) -> str:
    return f"taken back at {when(one.withdrawn_at)} by {printable(one.withdrawn)}" if one.withdrawn else ""
