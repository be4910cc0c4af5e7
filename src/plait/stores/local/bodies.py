"""What the bodies of entries say: JSON and plain bytes, read with nothing but a parser."""

from collections.abc import Sequence

from plait.core.digest import Digest, Key
from plait.core.records import Acceptance, Hit, Record
from plait.history.row_lines import dump_run, load_run
from plait.history.rows import RunRow
from plait.lines import dumps, loads, reader

_TROUBLE = (ValueError, RecursionError)
_AT_ONCE = 200  # records that are read at once: about 100 kB, for which memory need not be asked of the system
_records = reader(list[Record])
_hits = reader(list[Hit])
_said = reader(tuple[Key, Digest, str, str, float, str, str, float])  # an acceptance without its record


def record_of(body: bytes) -> Record | None:
    """The record of a body; None if it is not one that this version can read."""
    try:
        return loads(body)
    except _TROUBLE:
        return None


def records_of(bodies: Sequence[bytes]) -> list[Record | None]:
    """The records of many bodies, as `record_of` gives them; a parser that is called once is quicker."""
    found: list[Record | None] = []
    for start in range(0, len(bodies), _AT_ONCE):
        some = bodies[start : start + _AT_ONCE]
        try:
            read: Sequence[Record | None] = _records(b"[%b]" % b",".join(some))
        except _TROUBLE:
            read = ()
        found += read if len(read) == len(some) else map(record_of, some)
    return found


def hits_body(hits: Sequence[Hit]) -> bytes:
    """Many hits at once."""
    return dumps(tuple(hits))


def hits_of(body: bytes) -> list[Hit]:
    """The hits of a body; none, if this version cannot read all of it."""
    try:
        return _hits(body)
    except _TROUBLE:
        return []


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
    return dumps(acceptance[1:]) + b"\n" + dumps(acceptance.record)


def acceptance_of(body: bytes) -> Acceptance | None:
    """The acceptance of a body; None if it is not one that this version can read."""
    said, _, line = body.partition(b"\n")
    try:
        return Acceptance(loads(line), *_said(said))
    except _TROUBLE:
        return None


def run_body(run: RunRow) -> bytes:
    """A row of a run."""
    return dump_run(run)


def run_of(body: bytes) -> RunRow | None:
    """The row of a body; None if it is not one that this version can read."""
    try:
        return load_run(body)
    except _TROUBLE:
        return None
