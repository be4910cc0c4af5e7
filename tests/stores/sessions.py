"""One whole session with a local store, told claim by claim, and what must be true of the store whenever it ends."""

import os
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from plait.core.digest import Digest, digest
from plait.core.records import Acceptance, hit_of
from plait.errors import ArtifactLost
from plait.stores.local import create, ledger, recovery
from plait.testing.stores import look_up, record, run

LARGE = bytes(range(256)) * 600  # more than one write
BLOBS = {"small": b"small", "large": LARGE, "adopted": b"adopted" * 40, "mended": b"mended" * 30}
ACCEPTED = Acceptance(record("vouched"), record("old").key, Digest("code"), "p", "somebody", 2.0)
COSTLY = 3.0  # seconds of work


class Beside(Exception):
    """What a session does itself was refused, not what the store does."""


@contextmanager
def _beside():
    try:
        yield
    except OSError as error:
        raise Beside from error


class Claim(NamedTuple):
    """What the store has said is kept."""

    kind: str  # blob, record, code, run, accepted; durable: all before it outlives a power cut, but for blobs
    name: str = ""
    value: object = None


def small_batches():
    """So that a short session writes its index more than once."""
    ledger._BATCH = 4
    recovery._AT_ONCE = 3


def session(root, number=0):
    """Uses all that a store can do, and yields what the store says is kept as soon as it says so."""
    store = create(root)
    for name in ("small", "large"):
        blob, _ = store.blobs.put(lambda file, name=name: file.write(BLOBS[name]))
        yield Claim("blob", blob, BLOBS[name])
    assert store.blobs.path(blob, ".csv").stat().st_size == len(LARGE)
    folder = store.blobs.scratch()
    try:
        with _beside():
            (folder / "file").write_bytes(BLOBS["adopted"])
        blob, _ = store.blobs.adopt(str(folder / "file"))
    finally:
        with suppress(OSError):
            (folder / "file").unlink(missing_ok=True)
            folder.rmdir()
    yield Claim("blob", blob, BLOBS["adopted"])
    store.blobs.remember("where", "there")
    assert store.blobs.recall("where") in ("there", "")
    yield from _damaged(store, number)
    yield from _recorded(store, number)
    with closing(store.ledger()) as ledger:
        yield _added(ledger, f"another {number}")
        ledger.rebuild()
        yield _added(ledger, f"after the index was made again {number}")
    yield Claim("durable")


def _damaged(store, number):
    content = BLOBS["mended"] + b"%d" % number  # one of its own: what an earlier session kept must stay as it is
    blob, _ = store.blobs.put(lambda file: file.write(content))
    place = Path(store.root, "blobs", blob[:2], blob[2:])
    with _beside(), open(place, "r+b") as file:  # as a bad disk would
        file.write(b"M")
    with _beside():
        os.utime(place, (1, 1))
    try:
        store.blobs.path(blob)
    except ArtifactLost:
        store.blobs.put(lambda file: file.write(content))
    else:
        raise AssertionError("damage was not seen")
    yield Claim("blob", blob, content)


def _recorded(store, number):
    with closing(store.ledger()) as ledger:
        ledger.add_run(run(f"run {number}", started=1.0, status="running"))
        ledger.add_code(digest("code"), b"def f(): ...")
        yield Claim("code", digest("code"), b"def f(): ...")
        for i in range(4):
            yield _added(ledger, f"{number}/{i}")
        yield _added(ledger, f"dear {number}", seconds=COSTLY)
        yield Claim("durable")
        for name in ("small", "large", "adopted"):  # work goes on, and the next record may be far away
            content = BLOBS[name] + b"%d" % number
            blob, _ = store.blobs.put(lambda file, content=content: file.write(content))
            yield Claim("blob", blob, content)
        for i in range(4, 7):
            yield _added(ledger, f"{number}/{i}")
        ledger.accept(ACCEPTED)
        yield Claim("accepted", ACCEPTED.record.key, ACCEPTED)
        yield Claim("durable")
        ledger.add_run(run(f"run {number}", started=1.0))
        yield Claim("run", f"run {number}", run(f"run {number}", started=1.0))
    yield Claim("durable")


def _added(ledger, name, seconds=0.001):
    one = record(name, f"value {name}")._replace(seconds=seconds)
    ledger.add(one)
    assert look_up(ledger, [one.key]) == {one.key: one}
    return Claim("record", one.key, one)


class Found(NamedTuple):
    """What was seen of a store that was left in the middle."""

    lost: list  # said to be kept, and gone
    wrong: list  # not what was kept
    unsaid: int  # kept, though the store had no time to say so


def survivors(root, every, said, *, blobs=True):
    """Opens a store again: which of the claims that were `said`, of `every` that a session makes, do not hold?

    A blob may be gone if not `blobs`, but no bytes may be other bytes.
    """
    store = create(root)
    lost, wrong, unsaid = [], [], 0
    with closing(store.ledger()) as ledger:
        names = [claim.name for claim in every if claim.kind == "record"]
        # where a row is damaged a hit may be had and the record not: what counts is that neither is another one
        hits = {name: hit for name in names for hit in ledger.hits([name]).values()} | dict(ledger.hits(names))
        records = ledger.find(names)
        runs = {row.id: row for row in ledger.runs()}
        accepted = {one.record.key: one for one in ledger.accepted()}
        for place, claim in enumerate(every):
            match claim.kind:
                case "record":
                    value = records.get(claim.name)
                    if hits.get(claim.name, hit_of(claim.value)) != hit_of(claim.value):
                        wrong.append((claim, hits[claim.name]))
                case "run":
                    value = runs.get(claim.name)
                    if value is not None and value.status != "done":
                        value = None  # its first row
                case "code":
                    value = ledger.code(claim.name)
                case "accepted":
                    value = accepted.get(claim.name)
                case "blob":
                    value = bytes_of(store, claim.name)
                    if value is None and not blobs:
                        continue
                case _:
                    continue
            if value is None:
                lost += [claim] * (place < said)
            elif value != claim.value:
                wrong.append((claim, value))
            else:
                unsaid += place >= said
    return Found(lost, wrong, unsaid)


def bytes_of(store, blob):
    """The bytes of a blob, or none where the store says that it has them no more."""
    try:
        return store.blobs.path(blob).read_bytes()
    except ArtifactLost:
        return None


def works_again(root, number=1, *, leavings=()):
    """A store that was left in the middle does all that a new one does, and holds nothing unfinished but `leavings`."""
    every = list(session(root, number))
    found = survivors(root, every, len(every))
    assert found == ([], [], 0), found
    assert set(os.listdir(Path(root, "tmp"))) <= {*leavings}
