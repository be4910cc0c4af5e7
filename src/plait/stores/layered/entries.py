"""What is sent and received: entries, one after another. Whatever comes from others is checked before it is used.

An entry is: length (4 bytes) · first 8 bytes of the blake3 of the rest (8) · kind (1) · body. What is cut off at the
end is not there. A body is JSON, or a code digest and its manifest; there is nothing in it that could run.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from blake3 import blake3

from plait.core.digest import Digest, Key
from plait.core.records import Acceptance, Artifact, Record
from plait.history.row_lines import dump_run, load_run
from plait.history.rows import RunRow, blobs_of_run, clean_run
from plait.lines import dumps, loads, reader

RECORD, NEWEST, CODE, RUN, ACCEPTANCE = range(1, 6)

_HEAD = 12
_DEPTH = 8  # of parts in parts, and of files in these
_BLOB = re.compile(r"[0-9a-f]{64}")
_SUFFIX = re.compile(rb"|(\.[A-Za-z0-9]{1,12}){1,2}")
_TROUBLE = (ValueError, RecursionError)
_said = reader(tuple[Key, Digest, str, str, float, str, str, float])  # an acceptance without its record


class Entry(NamedTuple):
    """One thing, of a kind."""

    kind: int
    body: bytes


def packed(kind: int, body: bytes) -> bytes:
    """An entry as bytes."""
    rest = bytes([kind]) + body
    return len(rest).to_bytes(4, "little") + blake3(rest).digest(8) + rest


def unpacked(data: bytes) -> Iterator[Entry]:
    """The whole entries at the start of some bytes."""
    at = 0
    while at + _HEAD < len(data):
        end = at + _HEAD + int.from_bytes(data[at : at + 4], "little")
        rest = data[at + _HEAD : end]
        if end > len(data) or not rest or blake3(rest).digest(8) != data[at + 4 : at + _HEAD]:
            return
        yield Entry(rest[0], rest[1:])
        at = end


def record_body(record: Record) -> bytes:
    return dumps(record)


def record_of(body: bytes) -> Record | None:
    """The record of a body; none if it is not one in every field."""
    try:
        record = loads(body)
        return record if _sound(record.artifact, _DEPTH) else None
    except _TROUBLE:
        return None


def code_body(code: str, manifest: bytes) -> bytes:
    """A code digest and what it is made of."""
    return code.encode("utf-8", "surrogatepass") + b"\n" + manifest


def code_of(body: bytes) -> tuple[str, bytes] | None:
    """The code digest of a body and what it is made of; none if it is not that."""
    code, _, manifest = body.partition(b"\n")
    try:
        rows = json.loads(manifest)
        sound = isinstance(rows, list) and all(_is_part(row) for row in rows)
        return (code.decode("utf-8", "surrogatepass"), manifest) if sound else None
    except _TROUBLE:
        return None


def run_body(run: RunRow) -> bytes:
    """A row of a run."""
    return dump_run(run)


def run_of(body: bytes) -> RunRow | None:
    """The row of a body; none if it is not one, or has names that are not for people."""
    try:
        row = clean_run(load_run(body))
    except _TROUBLE:
        return None
    shown = [row.id, row.pipeline, row.status, row.process[0], *row.targets, *row.tags]
    shown += [text for pair in row.params for text in pair] + [text for node in row.nodes for text in node[:3]]
    sound = all(text.isprintable() for text in shown) and all(map(_BLOB.fullmatch, blobs_of_run(row)))
    return row if sound else None


def acceptance_body(acceptance: Acceptance) -> bytes:
    """An acceptance: what is said of the record on one line, and the record on the next."""
    return dumps(acceptance[1:]) + b"\n" + dumps(acceptance.record)


def acceptance_of(body: bytes) -> Acceptance | None:
    """The acceptance of a body; none if it is not one in every field."""
    said, _, line = body.partition(b"\n")
    record = record_of(line)
    try:
        return None if record is None else Acceptance(record, *_said(said))
    except _TROUBLE:
        return None


def spoken(acceptance: Acceptance) -> float:
    """When it was said last, in seconds since 1970."""
    return max(acceptance.at, acceptance.withdrawn_at)


def blobs(artifact: Artifact) -> Iterator[str]:
    """The blobs that an artifact is made of."""
    if artifact.where == "blob":
        yield artifact.blob
    for inner in (*(part for _, part in artifact.parts), *artifact.files):
        yield from blobs(inner)


def believable(artifact: Artifact, safe: frozenset[str]) -> bool:
    """Can it be used though nobody vouches for it? Not if to read it can run code, or leads to files here."""
    inner = (*(part for _, part in artifact.parts), *artifact.files)
    known = artifact.where == "parts" or artifact.codec in safe
    return known and artifact.where != "reference" and all(believable(one, safe) for one in inner)


def _sound(artifact: Artifact, depth: int) -> bool:
    where, inner = artifact.where, (*(part for _, part in artifact.parts), *artifact.files)
    return (
        depth > 0
        and where != "memory"
        and (where != "blob" or bool(_BLOB.fullmatch(artifact.blob) and _SUFFIX.fullmatch(artifact.data)))
        and all(_sound(one, depth - 1) for one in inner)
    )


def _is_part(row: Any) -> bool:
    return isinstance(row, list) and len(row) == 5 and all(isinstance(text, str) for text in row)
