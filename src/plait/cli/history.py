"""What the store remembers: runs, what became of their nodes, and the values that nodes had."""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from os import fspath
from pathlib import Path
from typing import Any, NamedTuple

from plait import plugins
from plait.cli.loading import loaded
from plait.cli.telling import out
from plait.cli.writing import write_value
from plait.core.addresses import node_of, parsed
from plait.core.definition import near
from plait.core.digest import Key
from plait.core.durations import readable
from plait.core.records import Artifact, Record
from plait.errors import PlaitError
from plait.files.urls import shown as without_secrets
from plait.history.bulk import joined, whole_text
from plait.history.nodes import NodeRun
from plait.history.reading import failed_nodes, nodes_json, run_json
from plait.opening import digest_of, opened
from plait.ports import Ledger, RunRow, Store
from plait.runtime.contents import Contents
from plait.runtime.naming import Naming
from plait.runtime.reading import by_text
from plait.runtime.surroundings import live
from plait.runtime.vault import Vault
from plait.settings import DEFAULT
from plait.settings import store as default_store
from plait.show.recounting import no_node, recounted
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
        out(json.dumps([run_json(row, _counts(row)) for row in rows], indent=2))
    elif rows:
        out(table(["run", "pipeline", "when", "status", "seconds", "nodes"], [_row(row) for row in rows], right={4}))
    else:
        out(f"no runs{'' if pipeline is None else f' of {pipeline}'} yet in {place.name}")


def show(
    what: str,
    node: str | None,
    store: str | None,
    *,
    log: bool = False,
    failed: bool = False,
    as_json: bool = False,
    output: Path | None = None,
) -> None:
    """Print what became of a run, the value of a node, or what a node printed and logged."""
    by_id = is_run(what)
    if log and node is None:
        raise PlaitError(f"show {what} --log: say of which node: show {what} NODE --log")
    if not by_id and node is None:
        raise PlaitError(f"show {what}: say which node: show {what} NODE; or a run by its id (see `plait runs`)")
    if failed and (node is not None or not by_id):
        raise PlaitError("show --failed: give a run by its id, or last, and no node")
    if output is not None and (node is None or log or failed or as_json):
        raise PlaitError("show -o FILE: it takes the value of one node: show RUN NODE -o FILE")
    pipeline = None if by_id else loaded(what).name
    place = open_place(store)
    try:
        row = found_run(place, what) if by_id else _latest(place, str(pipeline), str(node))
        if log or as_json or node is not None or failed_nodes(row):
            row = joined(row, place.store.blobs)
        node = None if node is None else by_text(node, {one.name for one in row.nodes}, digest_of)
        if output is not None and node is not None:
            write_value(_value_of(row, node, place), output, node)
            return
        if failed:
            row = row._replace(nodes=tuple(failed_nodes(row)))
        if as_json:
            out(_json_of(row, node))
        elif failed:
            out("\n\n".join(map(_of_failed, row.nodes)) or f"nothing failed in the run {row.id}")
        elif node is None:
            out(_of_run(row, place.ledger))
        elif log:
            out(_log_of(row, node, place))
        else:
            out(_of_node(row, node, place))
    finally:
        place.ledger.close()


def is_run(what: str) -> bool:
    """Is it the id of a run, rather than a pipeline?"""
    return _RUN.fullmatch(what) is not None


def explain(what: str, node: str, store: str | None) -> None:
    """Prints why a node ran in a run, or was a hit in it."""
    place = open_place(store)
    try:
        row = found_run(place, what)
        out(recounted(row, by_text(node, {one.name for one in row.nodes}, digest_of), place.ledger, None))
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
        if any(one.key and one.state in ("run", "hit") for one in _nodes(row, node)):
            return row
    known = list(dict.fromkeys(one.name for row in rows for one in row.nodes))
    if not rows:
        raise PlaitError(f"{pipeline} has not run yet in {place.name}")
    raise PlaitError(f"no run of {pipeline} made {node!r}{near(node, known)}")


def _nodes(row: RunRow, address: str) -> list[NodeRun]:
    """The node that an address is of, or of a part of which it is; of a mapped one, all its items."""
    address = by_text(address, {one.name for one in row.nodes}, digest_of)
    node, item, part = parsed(address)
    name = address if part is None else address.removesuffix(f".{part}")
    found = [one for one in row.nodes if one.name == address] or [one for one in row.nodes if one.name == name]
    return found or ([one for one in row.nodes if node_of(one.name) == node] if item is None else [])


def _of_run(row: RunRow, ledger: Ledger) -> str:
    records = ledger.find([Key(one.key) for one in row.nodes if one.key])
    printed = any(node.log is not None for node in row.nodes)
    failures = [f"{node.name}: {node.error.line}" for node in failed_nodes(row) if node.error is not None]
    lines = [
        f"{row.id}  {row.pipeline}  {row.status}, {_when(row.started)}, in {readable(_seconds(row))}, seed {row.seed}",
        *(f"  {address} = {printable(value)}" for address, value in row.params),
        *([f"  {printable(row.error)}"] if row.error and not failures else []),
        *(f"  failed: {printable(failure)}" for failure in failures),
        "",
        table(
            ["node", "state", "seconds", "size", "digest", *(["printed"] if printed else [])],
            [_node_row(node, records.get(Key(node.key))) + ([_lines(node)] if printed else []) for node in row.nodes],
            right={2, 3},
        ),
    ]
    return "\n".join(lines)


def _node_row(node: NodeRun, record: Record | None) -> list[str]:
    name, state, seconds = node.name, node.state, node.seconds
    if record is None:
        return [name, _WORDS.get(state, state), f"{seconds:.2f}" if node.started else "", "", ""]
    size = _size(record.artifact)
    return [name, _WORDS.get(state, state), f"{seconds:.2f}", f"{size:,}", record.artifact.digest[:12]]


def _lines(node: NodeRun) -> str:
    return "" if node.log is None else f"{node.log.lines:,} line{'' if node.log.lines == 1 else 's'}"


def _found_nodes(row: RunRow, address: str) -> list[NodeRun]:
    found = _nodes(row, address)
    if not found:
        raise PlaitError(no_node(row, address))
    return found


def _json_of(row: RunRow, node: str | None) -> str:
    nodes = row.nodes if node is None else _found_nodes(row, node)
    return json.dumps({**run_json(row, _counts(row)), "nodes": nodes_json(nodes)}, indent=2)


def _log_of(row: RunRow, address: str, place: Place) -> str:
    """What nodes printed and logged, as it was; more than one node have their names above."""
    found = _found_nodes(row, address)
    said = [(one.name, _text_of(row, one, place)) for one in found[:_ITEMS]]
    if len(said) == 1:
        return said[0][1]
    more = [f"... and {len(found) - _ITEMS} more items"] if len(found) > _ITEMS else []
    return "\n".join([*(f"--- {name}\n{text}" for name, text in said), *more])


def _text_of(row: RunRow, node: NodeRun, place: Place) -> str:
    if node.log is not None:
        return printable(whole_text(node.log, place.store.blobs).removesuffix("\n"))
    if node.state == "hit":
        return f"{node.name} was up to date in the run {row.id}; the run that computed it has what it printed"
    return f"{node.name} printed and logged nothing in the run {row.id}"


def _of_failed(node: NodeRun) -> str:
    """Why a node failed, as far as the history has it."""
    if node.error is None:
        return f"{node.name} failed"
    lines = [f"{node.name} failed: {printable(node.error.line)}"]
    if node.started:
        lines.append(f"  at {_when(node.started)}, after {readable(node.seconds)}, on {printable(node.worker)}")
    lines += [f"  attempt {place}: {printable(said)}" for place, said in enumerate(node.attempts, 1)]
    if node.log is not None:
        lines.append(f"  it printed {_lines(node)}: show them with --log")
    if node.error.traceback:
        lines += ["", printable(node.error.traceback)]
    return "\n".join(lines)


def _of_node(row: RunRow, address: str, place: Place) -> str:
    found = _found_nodes(row, address)
    if len(found) > 1:
        part = parsed(address).part
        shown = [
            _of_node(row, name if part is None else f"{name}.{part}", place)
            for name in [one.name for one in found[:_ITEMS]]
        ]
        return "\n\n".join([*shown, *([f"… and {len(found) - _ITEMS} more items"] if len(found) > _ITEMS else [])])
    artifacts, record, vault = _stored(row, found[0], address, place)
    return "\n\n".join(_of_artifact(name, artifact, record, vault, place) for name, artifact in artifacts.items())


def _value_of(row: RunRow, address: str, place: Place) -> Any:
    found = _found_nodes(row, address)
    if len(found) > 1:
        raise PlaitError(f"{address} has {len(found)} items, and a file holds one value: give {found[0].name}, for one")
    artifacts, _, vault = _stored(row, found[0], address, place)
    if list(artifacts) != [address]:
        raise PlaitError(f"{address} has parts, and a file holds one value: give {' or '.join(artifacts)}")
    return vault.load(artifacts[address])


def _stored(row: RunRow, found: NodeRun, address: str, place: Place) -> tuple[dict[str, Artifact], Record, Vault]:
    """Return what is stored of a node, or of a part of it, by address."""
    node, key, state = found[:3]
    record = place.ledger.find([Key(key)]).get(Key(key)) if key else None
    if record is None:
        why = f"{node} {_WORDS.get(state, state)}" if state == "skipped" else f"{node} is not kept"
        why = _of_failed(found) if state == "failed" else why
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
    return artifacts, record, vault


def _of_artifact(name: str, artifact: Artifact, record: Record, vault: Vault, place: Place) -> str:
    value = vault.load(artifact)
    made = f"made {_when(record.made)} in {readable(record.seconds)} by the run {record.run}"
    return f"{name}: {made}\n{_lies(artifact, vault, place)}\n\n{shown(value)}"


def _lies(artifact: Artifact, vault: Vault, place: Place) -> str:
    if artifact.where == "blob":
        path = vault.blobs.path(artifact.blob, artifact.data.decode("utf-8", "surrogatepass"))
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
    states = [one.state for one in row.nodes]
    return {state: states.count(state) for state in dict.fromkeys(states)}


def _row(row: RunRow) -> list[str]:
    seconds = f"{_seconds(row):.1f}" if row.finished else ""
    return [row.id, row.pipeline, _when(row.started), row.status, seconds, counted(_counts(row))]


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
