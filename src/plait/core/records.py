"""What is kept of a computation: its artifact, and the record that proves it.

These are tuples, since a run makes one of each for every node. A record is written as JSON, which is read with
nothing but a parser, and says its own version.
"""

import json
from base64 import b64encode
from binascii import a2b_base64
from typing import Any, Literal, NamedTuple, get_args

from plait.core.digest import Digest, Key

Where = Literal["inline", "blob", "reference", "memory", "parts"]
BY_KEY = "by-key:"
_WHERES = frozenset(get_args(Where))
_NUMBERS = (float, int)
_decode = json.JSONDecoder().raw_decode  # what json.loads does around it takes as long as the parsing
_new = tuple.__new__  # what Record(...) does, in half the time
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, check_circular=False).encode


class Artifact(NamedTuple):
    """A value's name, and where its bytes are.

    `inline`: in `data`; `blob`: in the store, under the hash of its bytes; `reference`: elsewhere, `blob` says where;
    `memory`: nowhere but in this process; `parts`: in the artifacts of its parts. `files` are those that the value
    holds: their bytes are not in its own.
    """

    digest: Digest
    where: Where
    codec: str = ""
    blob: str = ""
    size: int = 0
    data: bytes = b""
    parts: "tuple[tuple[str, Artifact], ...]" = ()
    files: "tuple[Artifact, ...]" = ()


class Record(NamedTuple):
    """The proof that a key gave an artifact."""

    key: Key
    artifact: Artifact
    node: str  # the name it had then
    step: str  # its definition, module:qualified name
    code: Digest
    inputs: tuple[tuple[str, Digest], ...]
    seconds: float
    made: float  # seconds since 1970, by the clock of who made it
    run: str
    environment: Digest
    retention: Literal["cache", "durable"] = "cache"


class Acceptance(NamedTuple):
    """A person's word that a change of code changes no result: a record under the new key, for a known artifact.

    It holds until it is withdrawn. A record that a computation gave goes before it.
    """

    record: Record  # under the new key; when and by which run it was made is said of the artifact itself
    source: Key  # of the record that it is taken from
    before: Digest  # the code of that record
    pipeline: str
    by: str
    at: float  # seconds since 1970
    note: str = ""
    withdrawn: str = ""  # by whom
    withdrawn_at: float = 0.0

    @property
    def id(self) -> str:
        """What a person names it by: the beginning of its key."""
        return self.record.key[:12]


def part_of(artifact: Artifact, part: str) -> Artifact:
    """The artifact of a part."""
    return next(found for name, found in artifact.parts if name == part)


def by_key(digest: str) -> bool:
    """Is a value named by how it was made, for want of content to name?"""
    return digest.startswith(BY_KEY)


def refers(artifact: Artifact) -> bool:
    """Is some of it in a file of the user's own, which may be another one by now?"""
    if not artifact.files and not artifact.parts:  # as nearly all are; asked of each hit
        return artifact.where == "reference"
    inner = (*artifact.files, *(part for _, part in artifact.parts))
    return artifact.where == "reference" or any(refers(held) for held in inner)


def lasting(artifact: Artifact) -> bool:
    """Can another process read it?"""
    if artifact.where == "parts":
        return all(lasting(part) for _, part in artifact.parts)
    return artifact.where != "memory"


def dumps(record: Record) -> bytes:
    """A record as one line of JSON.

    >>> artifact = Artifact(Digest("d"), "inline", "plain", size=2, data=b"42")
    >>> record = Record(Key("k"), artifact, "n", "m:n", Digest("c"), (), 0.1, 2.0, "r", Digest("e"))
    >>> loads(dumps(record)) == record
    True
    """
    row = (*record[:1], _packed(record.artifact), *record[2:])
    return _encode(row).encode("utf-8", "surrogatepass")


def loads(line: bytes) -> Record:
    """The record that a line says; `ValueError`, `TypeError` or `RecursionError` if it is not one in every field."""
    text = line.decode("utf-8", "surrogatepass")
    row, end = _decode(text)
    if end != len(text):
        raise ValueError("there is more on the line than a record")
    key, artifact, node, step, code, inputs, seconds, made, run, environment, retention = row
    given = tuple([(name, digest) for name, digest in inputs])
    if not (
        type(key) is type(node) is type(step) is type(code) is type(run) is type(environment) is type(retention) is str
        and type(seconds) in _NUMBERS
        and type(made) in _NUMBERS
        and all([type(name) is type(digest) is str for name, digest in given])
    ):
        raise ValueError("a field of the record is of another type")
    return _new(Record, (key, _unpacked(artifact), node, step, code, given, seconds, made, run, environment, retention))


def _packed(artifact: Artifact) -> list[Any]:
    data = b64encode(artifact.data).decode() if artifact.data else ""
    parts = [[name, _packed(part)] for name, part in artifact.parts]
    files = [[_packed(file) for file in artifact.files]] if artifact.files else []
    return [artifact.digest, artifact.where, artifact.codec, artifact.blob, artifact.size, data, parts, *files]


def _unpacked(row: list[Any]) -> Artifact:
    digest, where, codec, blob, size, data, parts, *files = row
    if not (type(digest) is type(where) is type(codec) is type(blob) is type(data) is str and type(size) is int):
        raise ValueError("a field of the artifact is of another type")
    if where not in _WHERES:
        raise ValueError(f"this version does not know where {where!r} is")
    inner = tuple([(name, _unpacked(part)) for name, part in parts]) if parts else ()
    if not all([type(name) is str for name, _ in inner]):
        raise ValueError("the name of a part is no text")
    held = tuple(map(_unpacked, files[0])) if files else ()
    return _new(Artifact, (digest, where, codec, blob, size, a2b_base64(data) if data else b"", inner, held))
