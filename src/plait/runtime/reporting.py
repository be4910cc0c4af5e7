"""A node's work in another process, and what is said of it beside its outcome: where it ran, what it printed."""

from typing import NamedTuple

from plait.history.nodes import NodeLog
from plait.runtime.output import Log, capturing, noted
from plait.runtime.recording import here
from plait.runtime.traces import Broken
from plait.runtime.worker import Done, received, work


class Report(NamedTuple):
    """What comes back of a node's work."""

    outcome: Done | Broken
    worker: str
    log: NodeLog | None = None


def reported(bag: bytes, parcel: bytes) -> Report:
    """Do a node's work in this worker process, and say what it printed and logged."""
    logs: list[Log] = []
    with capturing(), noted(logs.append):
        outcome = work(bag, parcel)
    if not logs:
        return Report(outcome, here())
    kept = isinstance(outcome, Broken) or outcome.artifact is not None
    return Report(outcome, here(), logs[0].closed(received(bag).blobs if kept else None))
