"""The line that a row of history is stored as.

There may be very many cache hits in a run, so that a hit takes four fields in the line and no more. What is known of
the nodes that ran stands behind, for these alone:

    [id, ..., [[name, key, state, seconds], ...], process, error, tags, [[place, after, worker], ...], workers, bulk]

`place` is that of the node in the list of nodes, `after` the seconds between the start of the run and its own, and
`worker` a place in the list of workers. Long texts are not in the row at all: see `bulk.py`.
"""

from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import Any, NamedTuple

from plait.history.nodes import NodeRun
from plait.history.rows import Detail, RunRow
from plait.lines import dumps, reader


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
_rest = itemgetter(slice(4, None))
_OF_A_HIT = NodeRun("")[4:]


def dump_run(run: RunRow) -> bytes:
    """A row as a line."""
    workers: dict[str, int] = {}
    rests = list(map(_rest, run.nodes))
    details = () if rests.count(_OF_A_HIT) == len(rests) else tuple(_details(run, rests, workers))
    nodes = tuple(map(_brief, run.nodes))
    more = (details, tuple(workers), run.bulk) if details or run.bulk else ()
    return dumps((*run[:8], nodes, *run[9:12], *more))


def _details(run: RunRow, rests: Iterable[tuple[Any, ...]], workers: dict[str, int]) -> Iterator[tuple[object, ...]]:
    begun = run.started
    for place, rest in enumerate(rests):
        if rest == _OF_A_HIT:
            continue
        started, worker, attempts, error, log = rest
        after = round(started - begun, 3) if started else -1.0
        number = workers.setdefault(worker, len(workers))
        if attempts or error or log:
            yield place, after, number, attempts, error, log
        else:
            yield place, after, number


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
