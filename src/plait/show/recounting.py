"""Why a node ran in a run that is over, or was a hit in it: what its record then had that no earlier one had."""

from typing import Any

from plait.core.definition import near
from plait.core.digest import Key
from plait.core.graph import Graph
from plait.core.reasons import nearest
from plait.core.records import Record
from plait.errors import PlaitError, StoreError
from plait.history.nodes import NodeRun
from plait.ports import Ledger, RunRow, Store
from plait.runtime.causes import Causes, Scene
from plait.runtime.run import Run
from plait.show.values import printable
from plait.show.wording import above, because, made, vouched, when

_MANY = 10_000  # runs that are searched for an id
_EARLIER = 1000  # records of a step that are looked at


def found(store: Store, run: Run[Any], node: str) -> str:
    """What a store tells of a node of a run."""
    ledger = store.ledger()
    try:
        row = next((row for row in ledger.runs(run._graph.name, _MANY) if row.id == run.id), None)
        if row is None:
            raise StoreError(f"the store does not know the run {run.id} any more")
        return recounted(row, node, ledger, run._graph)
    finally:
        ledger.close()


def recounted(row: RunRow, node: str, ledger: Ledger, graph: Graph | None) -> str:
    """What became of a node in a run, and why. The graph, if there is one, is that of today."""
    told = next((one for one in row.nodes if one.name == node), None)
    if told is None:
        raise PlaitError(no_node(row, node))
    key, state = told.key, told.state
    match state:
        case "given":
            return f"{node} was given to the run {row.id}, and not run."
        case "failed":
            error = f": {printable(_error_of(row, told))}"
            return f"{node} ran in the run {row.id} and failed{error}\nOf what fails nothing is kept to compare with."
        case "skipped":
            return f"{node} was not run in the run {row.id}, because what it needs failed."
    known = ledger.find([Key(one.key) for one in row.nodes if one.key])
    record = known.get(Key(key)) if key else None
    records = {one.name: known[Key(one.key)] for one in row.nodes if Key(one.key) in known}
    causes = Causes(ledger, graph, Scene(records, dict(row.params), row.seed))
    if record is None:
        said = f"{node} {_DID.get(state, state)} in the run {row.id}. Its result is not kept, so that no more is known."
        return _with_word(said, row, Key(key), record, causes)
    return _hit(row, node, record, causes) if state == "hit" else _ran(row, node, record, ledger, causes, graph)


def no_node(row: RunRow, node: str) -> str:
    """Return what to say of a node that is not in a run, which may have ended before it was done."""
    hint = near(node, [one.name for one in row.nodes])
    if row.status not in _ENDED_EARLY:
        return f"the run {row.id} has no node {node!r}{hint}"
    return (
        f"the run {row.id} {_ENDED_EARLY[row.status]} before any node {node!r} was done; "
        f"`plait show {row.id}` lists those that were{hint}"
    )


def _error_of(row: RunRow, told: NodeRun) -> str:
    if told.error is not None:
        return told.error.line
    known = row.error.startswith(f"{told.name}:")
    return row.error if known else "an earlier version of plait recorded it, which kept no reasons"


def _hit(row: RunRow, node: str, record: Record, causes: Causes) -> str:
    if record.run == row.id and record.node != node:
        return f"{node} was not run in the run {row.id}: {record.node} is the same computation, and ran in it."
    since = "" if record.made <= row.started else " That was another time; since then it was made again."
    said = f"{node} was a hit in the run {row.id}: its code, its seed and its inputs were known.{since} {made(record)}"
    return _with_word(said, row, record.key, record, causes)


def _with_word(said: str, row: RunRow, key: Key, record: Record | None, causes: Causes) -> str:
    """The same, and who vouched then that it is a hit."""
    word = causes.accepted.get(key)
    if word is None or word.at > row.started or (word.withdrawn and word.withdrawn_at < row.started):
        return said
    computed = record is not None and record != word.record and record.made <= row.started
    return said if computed else f"{said}\n\n{vouched(word)}"


def _ran(row: RunRow, node: str, record: Record, ledger: Ledger, causes: Causes, graph: Graph | None) -> str:
    head = f"ran in the run {row.id}"
    again = _made_before(row, record.key, causes)
    if again is not None:
        return (
            f"{node} {head}, though the run {again.id} had its result at {when(again.started)}: "
            f"it was too old, or could not be read any more, or its step says cache=False."
        )
    if record.run != row.id:
        return f"{node} {head}. The record of its key is of the run {record.run} now, so that no more is known."
    earlier = [one for one in ledger.earlier(record.step, _EARLIER) if one.run != row.id and one.made < row.started]
    if not earlier:
        return f"{node} {head}: nothing was kept of it before. {made(record)}"
    before = nearest(node, record.code, dict(record.inputs), earlier)
    cause = causes.compared(node, record, before, (node,))
    blocks = [because(node, head, cause.reasons, cause.changed, graph)]
    return "\n\n".join([*blocks, *above(causes.above(node, cause.reasons), graph), made(record)])


def _made_before(row: RunRow, key: Key, causes: Causes) -> RunRow | None:
    """The last run before this one that had a result under a key."""
    earlier = [one for one in causes.rows.values() if one.started < row.started]
    had = [one for one in earlier if any(node.key == key and node.state in _DID for node in one.nodes)]
    return max(had, key=lambda one: one.started, default=None)


_DID = {"run": "ran", "hit": "was a hit"}
_ENDED_EARLY = {"failed": "failed", "cancelled": "was stopped", "died": "died"}
