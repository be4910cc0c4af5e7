"""A run as one row of history."""

from collections.abc import Iterator
from typing import NamedTuple

from plait.history.nodes import NodeError, NodeLog, NodeRun


class RunRow(NamedTuple):
    """One execution, as history keeps it."""

    id: str
    pipeline: str
    started: float  # seconds since 1970
    finished: float  # 0.0 while it runs
    status: str  # running, done, failed, cancelled
    seed: int
    targets: tuple[str, ...]
    params: tuple[tuple[str, str], ...]  # as text, for people
    nodes: tuple[NodeRun, ...]
    process: tuple[str, int, float]  # host, process id, when that process began
    error: str = ""
    tags: tuple[str, ...] = ()  # names that a person gave it: while it has one, what it used is kept
    bulk: str = ""  # the blob that has the long texts of its nodes, which are cut short here; "" if all is here
    foreign: bool = False  # has it come from another machine? Its texts are shown without what moves a cursor


class Detail(NamedTuple):
    """What is known of a node beyond the four fields of a hit."""

    place: int
    after: float = 0.0  # seconds; negative if its step was not called
    worker: int = 0
    attempts: tuple[str, ...] = ()
    error: NodeError | None = None
    log: NodeLog | None = None


def blobs_of_run(run: RunRow) -> Iterator[str]:
    """The blobs that a row speaks of: its long texts, and what its nodes printed and logged."""
    if run.bulk:
        yield run.bulk
    for node in run.nodes:
        if node.log is not None and node.log.blob:
            yield node.log.blob


def clean_run(run: RunRow) -> RunRow:
    """Return a row of others, marked as such, whose texts can neither move the cursor nor colour what follows."""
    nodes = tuple(_clean_node(node) if node.is_detailed else node for node in run.nodes)
    return run._replace(nodes=nodes, error=_clean(run.error), foreign=True)


def _clean_node(node: NodeRun) -> NodeRun:
    error, log = node.error, node.log
    return node._replace(
        worker=_clean(node.worker),
        attempts=tuple(map(_clean, node.attempts)),
        error=None if error is None else NodeError(*map(_clean, error)),
        log=None if log is None else log._replace(head=_clean(log.head), tail=_clean(log.tail)),
    )


def _clean(text: str) -> str:
    """Return a text of the same length, as is said beside it."""
    return text if text.isprintable() else "".join(c if c.isprintable() or c in "\n\t" else "?" for c in text)
