"""A node's work in another process, and what comes back beside its outcome: where it ran, what it printed."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from plait.core.calling import call
from plait.core.definition import Definition
from plait.history.nodes import NodeLog
from plait.runtime.logs import Levels, Sent, sending
from plait.runtime.output import Log, capturing, noted
from plait.runtime.recording import here
from plait.runtime.traces import Broken
from plait.runtime.worker import Done, received, work


class Report(NamedTuple):
    """What comes back of a node's work."""

    outcome: Done | Broken
    worker: str
    log: NodeLog | None = None
    records: tuple[Sent, ...] = ()  # that could not be sent before


def reported(bag: bytes, parcel: bytes, levels: Levels) -> Report:
    """Do a node's work in this worker process; what it logs comes back at its end."""
    return reported_live(None, bag, parcel, levels)


def reported_live(send: Callable[[Sent], None] | None, bag: bytes, parcel: bytes, levels: Levels) -> Report:
    """Do a node's work in this worker process; what it logs is sent at once."""
    logs: list[Log] = []
    with capturing(), noted(logs.append), sending(levels, send) as (records, begin):

        def called(definition: Definition, arguments: Mapping[str, Any]) -> Any:
            begin()
            return call(definition, arguments)

        outcome = work(bag, parcel, called)
    if not logs:
        return Report(outcome, here(), None, tuple(records))
    kept = isinstance(outcome, Broken) or outcome.artifact is not None
    return Report(outcome, here(), logs[0].closed(received(bag).blobs if kept else None), tuple(records))
