"""What the bodies of entries say: JSON and plain bytes, read with nothing but a parser."""

import json
from typing import cast

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
    """The code digest of a body, and what it is made of."""
    end = 2 + int.from_bytes(body[:2], "little")
    return body[2:end].decode("utf-8", "surrogatepass"), body[end:]


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
        return None if record is None else Acceptance(record, Key(source), *rest)
    except _TROUBLE:
        return None


def run_body(run: RunRow) -> bytes:
    """A row of a run."""
    return json.dumps(run, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")


def run_of(body: bytes) -> RunRow | None:
    """The row of a body; None if it is not one that this version can read."""
    try:
        row = RunRow(*json.loads(body.decode("utf-8", "surrogatepass")))
        return row._replace(
            targets=tuple(row.targets),
            params=tuple((name, value) for name, value in row.params),
            nodes=tuple((name, key, state, seconds) for name, key, state, seconds in row.nodes),
            process=cast(tuple[str, int, float], tuple(row.process)),
        )
    except _TROUBLE:
        return None
