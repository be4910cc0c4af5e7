"""What the store remembers: runs, what became of their nodes, and the values that nodes had."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from os import fspath
from typing import Any, NamedTuple

from plait import plugins
from plait.cli.loading import loaded
from plait.cli.telling import out
from plait.core.addresses import node_of, parsed
from plait.core.definition import near
from plait.core.digest import Key
from plait.core.durations import readable
from plait.core.records import Artifact, Record
from plait.errors import PlaitError
from plait.files.urls import shown as without_secrets
from plait.opening import opened
from plait.ports import Ledger, RunRow, Store
from plait.runtime.contents import Contents
from plait.runtime.naming import Naming
from plait.runtime.surroundings import live
from plait.runtime.vault import Vault
from plait.settings import DEFAULT
from plait.settings import store as default_store
from plait.show.recounting import recounted
from plait.show.report import counted
from plait.show.values import printable, shown

_RUN = re.compile(r"\d{8}-[0-9a-f-]*|last")
_MANY = 10_000  # runs that are searched for an id
_ITEMS = 20  # of a map, that are shown


class Place(NamedTuple):
    """A store that is open for reading."""

    name: str
    store: Store
    ledger: Ledger


def runs(where: str | None, store: str | None, limit: int, *, as_json: bool) -> None:
    """Prints earlier runs, newest first."""
    pipeline = None if where is None else loaded(where).name
    place = open_place(store)
    try:
        rows = place.ledger.runs(pipeline, limit)
    finally:
        place.ledger.close()
    if as_json:
        out(json.dumps([_as_json(row) for row in rows], indent=2))
    elif rows:
        out(table(["run", "pipeline", "when", "status", "seconds", "nodes"], [_row(row) for row in rows], right={4}))
    else:
        out(f"no runs{'' if pipeline is None else f' of {pipeline}'} yet in {place.name}")


def show(what: str, node: str | None, store: str | None) -> None:
    """Prints what became of a run, or the value of a node."""
    by_id = is_run(what)
    if not by_id and node is None:
        raise PlaitError(f"show {what}: say which node: show {what} NODE; or a run by its id (see `plait runs`)")
    pipeline = None if by_id else loaded(what).name
    place = open_place(store)
    try:
        if node is None:
            out(_of_run(found_run(place, what), place.ledger))
        elif by_id:
            out(_of_node(found_run(place, what), node, place))
        else:
            out(_of_node(_latest(place, str(pipeline), node), node, place))
    finally:
        place.ledger.close()


def is_run(what: str) -> bool:
    """Is it the id of a run, rather than a pipeline?"""
    return _RUN.fullmatch(what) is not None


def explain(what: str, node: str, store: str | None) -> None:
    """Prints why a node ran in a run, or was a hit in it."""
    place = open_place(store)
    try:
        out(recounted(found_run(place, what), node, place.ledger, None))
    finally:
        place.ledger.close()


def open_place(folder: str | None) -> Place:
    """The store in a folder, or the one that is used unless another is named."""
    store = opened(DEFAULT if folder is None else folder)
    if store is None:
        raise PlaitError("there is no store to look into")
    return Place(without_secrets(folder or str(default_store())), store, store.ledger())


def found_run(place: Place, run: str) -> RunRow:
    """The run of that id, or of which that is the beginning."""
    rows = place.ledger.runs(None, 1 if run == "last" else _MANY)
    found = [row for row in rows if run in ("last", row.id)] or [row for row in rows if row.id.startswith(run)]
    if len(found) == 1:
        return found[0]
    if found:
        raise PlaitError(f"{len(found)} runs begin with {run}: {', '.join(row.id for row in found[:5])}")
    hint = near(run, [row.id for row in rows])
    raise PlaitError(f"{place.name} has no run {run}{hint or '; `plait runs` lists them'}")


def _latest(place: Place, pipeline: str, node: str) -> RunRow:
    rows = place.ledger.runs(pipeline, _MANY)
    for row in rows:
        if any(key and state in ("run", "hit") for _, key, state, _ in _nodes(row, node)):
            return row
    known = list(dict.fromkeys(name for row in rows for name, *_ in row.nodes))
    if not rows:
        raise PlaitError(f"{pipeline} has not run yet in {place.name}")
    raise PlaitError(f"no run of {pipeline} made {node!r}{near(node, known)}")


def _nodes(row: RunRow, address: str) -> list[tuple[str, str, str, float]]:
    """The node that an address is of, or of a part of which it is; of a mapped one, all its items."""
    node, item, part = parsed(address)
    name = address if part is None else address.removesuffix(f".{part}")
    found = [one for one in row.nodes if one[0] == address] or [one for one in row.nodes if one[0] == name]
    return found or ([one for one in row.nodes if node_of(one[0]) == node] if item is None else [])


def _of_run(row: RunRow, ledger: Ledger) -> str:
    records = ledger.find([Key(key) for _, key, _, _ in row.nodes if key])
    lines = [
        f"{row.id}  {row.pipeline}  {row.status}, {_when(row.started)}, in {readable(_seconds(row))}, seed {row.seed}",
        *(f"  {address} = {printable(value)}" for address, value in row.params),
        *([f"  {printable(row.error)}"] if row.error else []),
        "",
        table(
            ["node", "state", "seconds", "size", "digest"],
            [_node_row(node, records.get(Key(node[1]))) for node in row.nodes],
            right={2, 3},
        ),
    ]
    return "\n".join(lines)


def _node_row(node: tuple[str, str, str, float], record: Record | None) -> list[str]:
    name, _, state, seconds = node
    if record is None:
        return [name, _WORDS.get(state, state), "", "", ""]
    size = _size(record.artifact)
    return [name, _WORDS.get(state, state), f"{seconds:.2f}", f"{size:,}", record.artifact.digest[:12]]


def _of_node(row: RunRow, address: str, place: Place) -> str:
    found = _nodes(row, address)
    if not found:
        raise PlaitError(f"the run {row.id} has no node {address!r}{near(address, [name for name, *_ in row.nodes])}")
    if len(found) > 1:
        part = parsed(address).part
        shown = [_of_node(row, name if part is None else f"{name}.{part}", place) for name, *_ in found[:_ITEMS]]
        return "\n\n".join([*shown, *([f"… and {len(found) - _ITEMS} more items"] if len(found) > _ITEMS else [])])
    node, key, state, _ = found[0]
    record = place.ledger.find([Key(key)]).get(Key(key)) if key else None
    if record is None:
        why = f"{node} {_WORDS.get(state, state)}" if state in ("failed", "skipped") else f"{node} is not kept"
        raise PlaitError(f"there is no value of {address} in the run {row.id}: {why}")
    artifacts = {address: record.artifact}
    if address != node:
        parts = dict(record.artifact.parts)
        part = address.rpartition(".")[2]
        if part not in parts:
            raise PlaitError(f"{node} has no part {part!r}{near(part, list(parts))}")
        artifacts = {address: parts[part]}
    elif record.artifact.where == "parts":
        artifacts = {f"{node}.{part}": artifact for part, artifact in record.artifact.parts}
    contents = Contents(place.store.blobs)
    codecs = contents.bound(plugins.codecs())
    vault = Vault(place.store.blobs, codecs, Naming(codecs, {}, live(), strict=False), contents)
    return "\n\n".join(_of_artifact(name, artifact, record, vault, place) for name, artifact in artifacts.items())


def _of_artifact(name: str, artifact: Artifact, record: Record, vault: Vault, place: Place) -> str:
    value = vault.load(artifact)
    made = f"made {_when(record.made)} in {readable(record.seconds)} by the run {record.run}"
    return f"{name}: {made}\n{_lies(artifact, vault, place)}\n\n{shown(value)}"


def _lies(artifact: Artifact, vault: Vault, place: Place) -> str:
    if artifact.where == "blob":
        path = vault.blobs.path(artifact.blob, artifact.data.decode())
        return f"{_size(artifact):,} bytes in {fspath(path)}"
    if artifact.where == "reference":
        return f"the file {artifact.blob}"
    return f"{_size(artifact):,} bytes in the records of {place.name}"


_WORDS = {"hit": "up to date", "skipped": "not run"}


def _size(artifact: Artifact) -> int:
    return artifact.size + sum(_size(part) for _, part in artifact.parts)


def _seconds(row: RunRow) -> float:
    return max(row.finished - row.started, 0.0) if row.finished else 0.0


def _when(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC).astimezone():%Y-%m-%d %H:%M:%S}"


def _counts(row: RunRow) -> dict[str, int]:
    states = [state for _, _, state, _ in row.nodes]
    return {state: states.count(state) for state in dict.fromkeys(states)}


def _row(row: RunRow) -> list[str]:
    seconds = f"{_seconds(row):.1f}" if row.finished else ""
    return [row.id, row.pipeline, _when(row.started), row.status, seconds, counted(_counts(row))]


def _as_json(row: RunRow) -> Mapping[str, Any]:
    return {
        "run": row.id,
        "pipeline": row.pipeline,
        "started": datetime.fromtimestamp(row.started, UTC).isoformat(),
        "status": row.status,
        "seconds": round(_seconds(row), 6),
        "seed": row.seed,
        "targets": list(row.targets),
        "params": dict(row.params),
        "counts": _counts(row),
        "error": row.error,
        "tags": list(row.tags),
    }


def table(head: Sequence[str], rows: Sequence[Sequence[str]], right: set[int]) -> str:
    """Text in columns.

    >>> print(table(["a", "n"], [["x", "10"], ["yy", "9"]], right={1}))
    a    n
    x   10
    yy   9
    """
    cells = [head, *rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    aligned = [
        [cell.rjust(widths[i]) if i in right else cell.ljust(widths[i]) for i, cell in enumerate(row)] for row in cells
    ]
    return "\n".join("  ".join(row).rstrip() for row in aligned)
