"""Long texts of a run: in one blob beside its row, so that it is quick to read many rows."""

import contextlib
from pathlib import Path

from plait.errors import PlaitError
from plait.history.nodes import NodeError, NodeLog, NodeRun, bounded, one_line
from plait.history.rows import Detail, RunRow, clean_run
from plait.ports import Blobs

_INLINE = 4 << 10  # characters of text that a row holds itself
_MOST = 64 << 20  # characters of one run's texts that are kept; more have their beginnings and ends cut shorter


def split(run: RunRow, blobs: Blobs) -> RunRow:
    """A row whose texts are short, after the long ones were put into a blob.

    A store that cannot take the blob costs the texts, never the row.
    """
    size = sum(map(_size, run.nodes))
    if size <= _INLINE:
        return run
    share = None if size <= _MOST else _MOST // (2 * sum(node.is_detailed for node in run.nodes))
    details = tuple(
        (place, 0.0, 0, node.attempts, _cut_error(node.error, share), _cut_log(node.log, share))
        for place, node in enumerate(run.nodes)
        if node.attempts or node.error or node.log
    )
    from plait.lines import dumps

    bulk = ""
    with contextlib.suppress(PlaitError, OSError):
        bulk = blobs.put(lambda file: void(file.write(dumps(details))))[0]
    return run._replace(nodes=tuple(_short(node) if node.is_detailed else node for node in run.nodes), bulk=bulk)


def void(_: object) -> None:
    """Nothing."""


def joined(run: RunRow, blobs: Blobs) -> RunRow:
    """A row with its long texts; as it is, if these are gone."""
    if not run.bulk:
        return run
    from plait.lines import reader

    try:
        details = reader(tuple[Detail, ...])(Path(blobs.path(run.bulk)).read_bytes())
    except (PlaitError, OSError, ValueError, RecursionError):
        return run
    nodes = list(run.nodes)
    for detail in details:
        if 0 <= detail.place < len(nodes):
            node, log = nodes[detail.place], detail.log
            if log is not None:  # the row alone says where the rest is: it was checked if it is of others
                log = log._replace(blob="" if node.log is None else node.log.blob)
            nodes[detail.place] = node._replace(attempts=detail.attempts, error=detail.error, log=log)
    whole = run._replace(nodes=tuple(nodes), bulk="")
    return clean_run(whole) if run.foreign else whole


def whole_text(log: NodeLog, blobs: Blobs) -> str:
    """All that a node printed and logged, as far as the store has it."""
    if log.is_whole or not log.blob:
        return log.text
    try:
        content = Path(blobs.path(log.blob)).read_bytes().decode("utf-8", "surrogatepass")
    except (PlaitError, OSError, UnicodeDecodeError):
        return log.text
    left = log.size - len(content)
    if left <= 0:
        return content
    tail = log.tail[-left:]
    between = left - len(tail)
    return f"{content}\n[... {between:,} characters were not kept ...]\n{tail}" if between else content + tail


def _size(node: NodeRun) -> int:
    error, log = node.error, node.log
    size = sum(map(len, node.attempts)) if node.attempts else 0
    if error is not None:
        size += len(error.message) + len(error.traceback)
    return size if log is None else size + len(log.head) + len(log.tail)


def _short(node: NodeRun) -> NodeRun:
    error, log = node.error, node.log
    return node._replace(
        attempts=tuple(node.attempts[-3:]),
        error=None if error is None else NodeError(error.type, one_line(error.message)),
        log=None if log is None else log._replace(head="", tail=""),
    )


def _cut_error(error: NodeError | None, share: int | None) -> NodeError | None:
    if error is None or share is None:
        return error
    return NodeError(error.type, bounded(error.message, share // 8, share // 8), bounded(error.traceback, 0, share))


def _cut_log(log: NodeLog | None, share: int | None) -> NodeLog | None:
    if log is None or share is None or len(log.head) + len(log.tail) <= share:
        return log
    text = log.head + log.tail if log.is_whole else log.head
    return log._replace(head=text[: share // 4], tail=(log.tail or log.head)[-(share - share // 4) :])
