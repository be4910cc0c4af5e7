"""Many processes use one store at once, beside others that check it, make its index again and clean it."""

import os
import random
import shutil
import tempfile
import time
from contextlib import closing
from pathlib import Path

import pytest

from plait.errors import ArtifactLost
from plait.ports import Limits, Tended
from plait.stores.local import blobs, create, ledger, recovery, segments, sqlite
from plait.testing.stores import put, record, run
from stores.harness import MEMORY, forked, joined, nightly, tries

pytestmark = pytest.mark.law

SHARED = 40
CONTENTS = [bytes([i]) * (1 + 5_000 * i) for i in range(12)]


@pytest.fixture(params=["truncate", "wal"])
def store(request, monkeypatch):
    monkeypatch.setattr(sqlite, "wal_is_sound", lambda version: request.param == "wal")
    monkeypatch.setattr(ledger, "_BATCH", 10)
    monkeypatch.setattr(recovery, "_AT_ONCE", 7)
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        yield create(Path(folder, "store"))


def works(store, number, sessions):
    """Sessions of one user: what was kept is found, at once and later, and nobody is told that a database is locked."""
    random.seed(number)
    for session in range(sessions):
        with closing(store.ledger()) as ledger:
            ledger.add_run(run(f"{number}/{session}", started=float(session), status="running"))
            own = [record(f"{number}/{session}/{i}", made=time.time()) for i in range(5)]
            for one in own:
                ledger.add(one)
                ledger.add(record(f"shared {random.randrange(SHARED)}", f"{number}/{session}", made=time.time()))
            assert ledger.find([one.key for one in own]) == {one.key: one for one in own}
            for content in random.sample(CONTENTS, 2):
                blob = put(store, content)
                try:
                    assert store.blobs.path(blob, random.choice(["", ".bin"])).read_bytes() == content
                except (ArtifactLost, FileNotFoundError):  # a clean-up may be quicker: that is a miss
                    put(store, content)
            ledger.add_run(run(f"{number}/{session}", started=float(session)))


def disturbs(store, until, cleaning):
    """Makes the index again, looks at all of it and cleans it, until the others are done."""
    while not os.path.exists(until):
        with closing(store.ledger()) as ledger:
            ledger.rebuild()
        if cleaning and isinstance(store, Tended):
            store.upkeep().check()
            store.upkeep().collect(Limits(age=0.0, size=0, grace=3600.0))
        time.sleep(0.02)


@pytest.mark.parametrize("beside", ["alone", "rebuilding", "cleaning"])
def test_many_processes_use_one_store_at_once(store, beside):
    users, sessions = (4, 25) if not nightly() else (16, tries(0, 1_000))
    done = Path(store.root + " done")
    started = [forked(works, store, number, sessions) for number in range(users)]
    others = [] if beside == "alone" else [forked(disturbs, store, done, beside == "cleaning")]
    assert [joined(child, 3_000) for child in started] == [0] * users
    done.touch()
    assert [joined(child, 60) for child in others] == [0] * len(others)
    seen_right(store, users, sessions)
    shutil.rmtree(store.root)


def seen_right(store, users, sessions):
    blobs._verified.clear()
    names = [f"{number}/{session}" for number in range(users) for session in range(sessions)]
    own = {record(f"{name}/{i}").key for name in names for i in range(5)}
    with closing(store.ledger()) as ledger:
        assert not own - ledger.find(own).keys()
        shared = ledger.find([record(f"shared {i}").key for i in range(SHARED)])
        rows = ledger.runs(limit=10 * len(names))
        assert sorted(row.id for row in rows) == sorted(names)
        assert {row.status for row in rows} == {"done"}
        before = ledger._index._connection.execute("SELECT key, rank, entry FROM records ORDER BY key").fetchall()
    assert len(shared) == SHARED
    assert {one.key: one for one in shared.values()} == firsts(store)
    with closing(store.ledger()) as ledger:
        ledger.rebuild()
        after = ledger._index._connection.execute("SELECT key, rank, entry FROM records ORDER BY key").fetchall()
    assert before == after
    for content in CONTENTS:
        assert store.blobs.path(put(store, content)).read_bytes() == content
    assert not os.listdir(Path(store.root, "tmp"))
    print(f"{len(names)} sessions of {users} processes: {len(own)} records of their own, lost: 0, wrong: 0")


def firsts(store):
    """Of each shared key, the record that was kept first, by what the segments say."""
    from plait.stores.local.bodies import record_of

    found = {}
    for path in Path(store.root, "segments").iterdir():
        for entry, _ in segments.read(str(path)):
            if segments.kind(entry) == segments.RECORD:
                one = record_of(segments.body(entry))
                stamp = (segments.stamp(entry), -segments.writer_of(path.name))
                if one.node.startswith("shared") and (one.key not in found or stamp < found[one.key][0]):
                    found[one.key] = (stamp, one)
    return {key: one for key, (_, one) in found.items()}


@pytest.mark.parametrize("first", ["put", "scratch", "ledger", "remember"])
def test_processes_that_found_a_store_at_the_same_time_do_not_disturb_each_other(first):
    for _ in range(tries(6, 300)):
        with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
            store, start = create(Path(folder, "deep", "store")), time.monotonic() + 0.02

            def work(store=store, start=start):
                while time.monotonic() < start:
                    pass
                if first == "put":
                    put(store, b"x" * os.getpid())
                elif first == "scratch":
                    store.blobs.scratch()
                elif first == "remember":
                    store.blobs.remember("a", "b")
                    assert store.blobs.recall("a") == "b"
                else:
                    works(store, os.getpid(), 1)

            children = [forked(work) for _ in range(4)]
            assert [joined(child) for child in children] == [0] * 4
