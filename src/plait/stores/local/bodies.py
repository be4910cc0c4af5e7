"""What the bodies of entries say: JSON and plain bytes, read with nothing but a parser."""

import json
from collections.abc import Iterable

from plait.core.digest import Digest, Key
from plait.core.records import Acceptance, Record, dumps, loads
from plait.ports import RunRow

_TROUBLE = (ValueError, TypeError, LookupError, RecursionError)


def record_of(body: bytes) -> Record | None:
    """The record of a body; None if it is not one that this version can read."""
    try:
        return loads(body)
    except _TROUBLE:
        return None


def code_body(code: Digest, manifest: bytes) -> bytes:
    """A code digest and what it is made of."""
    name = code.encode("utf-8", "surrogatepass")
    return len(name).to_bytes(2, "little") + name + manifest


def code_of(body: bytes) -> tuple[str, bytes]:
    """The code digest of a body, and what it is made of; both empty where it has none that can be read."""
    end = 2 + int.from_bytes(body[:2], "little")
    try:
        return body[2:end].decode("utf-8", "surrogatepass"), body[end:]
    except UnicodeDecodeError:
        return "", b""


def acceptance_body(acceptance: Acceptance) -> bytes:
    """An acceptance: what is said of the record on one line, and the record on the next."""
    said = json.dumps(acceptance[1:], separators=(",", ":"), ensure_ascii=False)
    return said.encode("utf-8", "surrogatepass") + b"\n" + dumps(acceptance.record)


def acceptance_of(body: bytes) -> Acceptance | None:
    """The acceptance of a body; None if it is not one that this version can read."""
    said, _, line = body.partition(b"\n")
    record = record_of(line)
    try:
        source, *rest = json.loads(said.decode("utf-8", "surrogatepass"))
        if record is None:
            return None
        one = Acceptance(record, Key(source), *rest)
        return one if _are((*one[1:5], one.note, one.withdrawn), (one.at, one.withdrawn_at)) else None
    except _TROUBLE:
        return None


def run_body(run: RunRow) -> bytes:
    """A row of a run."""
    return json.dumps(run, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")


def run_of(body: bytes) -> RunRow | None:
    """The row of a body; None if it is not one that this version can read."""
    try:
        row = RunRow(*json.loads(body.decode("utf-8", "surrogatepass")))
        host, pid, began = row.process
        row = row._replace(
            targets=tuple(row.targets),
            params=tuple((name, value) for name, value in row.params),
            nodes=tuple((name, key, state, seconds) for name, key, state, seconds in row.nodes),
            process=(host, pid, began),
            tags=tuple(row.tags),
        )
    except _TROUBLE:
        return None
    pairs = [text for pair in row.params for text in pair]
    nodes = [text for node in row.nodes for text in node[:3]]
    texts = (row.id, row.pipeline, row.status, row.error, host, *row.targets, *row.tags, *pairs, *nodes)
    numbers = (row.started, row.finished, began, *(node[3] for node in row.nodes))
    return row if _are(texts, numbers) and type(row.seed) is type(pid) is int else None


def _are(texts: Iterable[object], numbers: Iterable[object]) -> bool:
    """Is each of these what a parser of JSON gives for it? A line that others wrote may hold anything."""
    return all(type(text) is str for text in texts) and all(type(number) in (int, float) for number in numbers)
