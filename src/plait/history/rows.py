"""A run as history keeps it: one row, and the line that it is stored as.

There may be very many cache hits in a run, so that a hit takes four fields in the line and no more. What is known of
the nodes that ran stands behind, for these alone:

    [id, ..., [[name, key, state, seconds], ...], process, error, tags, [[place, after, worker], ...], workers, bulk]

`place` is that of the node in the list of nodes, `after` the seconds between the start of the run and its own, and
`worker` a place in the list of workers. Long texts are not in the row at all: see `bulk.py`.
"""

from collections.abc import Iterator
from operator import itemgetter
from typing import NamedTuple

from plait.history.nodes import NodeError, NodeLog, NodeRun
from plait.lines import dumps, reader


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


class _Stored(NamedTuple):
    id: str
    pipeline: str
    started: float
    finished: float
    status: str
    seed: int
    targets: tuple[str, ...]
    params: tuple[tuple[str, str], ...]
    nodes: tuple[NodeRun, ...]  # of which a line has four fields each
    process: tuple[str, int, float]
    error: str = ""
    tags: tuple[str, ...] = ()
    details: tuple[Detail, ...] = ()
    workers: tuple[str, ...] = ()
    bulk: str = ""


_read = reader(_Stored)
_brief = itemgetter(slice(0, 4))


def dump_run(run: RunRow) -> bytes:
    """A row as a line."""
    workers: dict[str, int] = {}
    details = tuple(_details(run, workers))
    nodes = tuple(map(_brief, run.nodes))
    more = (details, tuple(workers), run.bulk) if details or run.bulk else ()
    return dumps((*run[:8], nodes, *run[9:12], *more))


def _details(run: RunRow, workers: dict[str, int]) -> Iterator[tuple[object, ...]]:
    for place, node in enumerate(run.nodes):
        if not any(node[4:]):
            continue
        after = round(node.started - run.started, 3) if node.started else -1.0
        worker = workers.setdefault(node.worker, len(workers))
        if node.attempts or node.error or node.log:
            yield place, after, worker, node.attempts, node.error, node.log
        else:
            yield place, after, worker


def load_run(line: bytes) -> RunRow:
    """The row of a line; raises `ValueError` or `RecursionError` for what is not one."""
    row = _read(line)
    nodes = row.nodes
    if row.details:
        found = list(nodes)
        for place, after, worker, attempts, error, log in row.details:
            if not (0 <= place < len(found) and 0 <= worker < len(row.workers)):
                raise ValueError("it speaks of a node or a worker that is not there")
            began = row.started + after if after >= 0 else 0.0
            found[place] = NodeRun(*found[place][:4], began, row.workers[worker], attempts, error, log)
        nodes = tuple(found)
    return RunRow(*row[:8], nodes, *row[9:12], row.bulk)


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
