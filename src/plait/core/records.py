"""What is kept of a computation: its artifact, and the record that proves it.

These are tuples, since a run makes one of each for every node. They are written as JSON, by `lines.py`, which
checks what it reads against the types here.
"""

from typing import Literal, NamedTuple

from plait.core.digest import Digest, Key
from plait.core.tuples import new

Where = Literal["inline", "blob", "reference", "memory", "parts"]
BY_KEY = "by-key:"


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


class Hit(NamedTuple):
    """What a run goes by of a record that it finds. There may be very many, and this is read in less time."""

    key: Key
    artifact: Artifact
    seconds: float
    made: float


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


def hit_of(record: Record) -> Hit:
    """What a run goes by of a record."""
    return new(Hit, (record.key, record.artifact, record.seconds, record.made))


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
