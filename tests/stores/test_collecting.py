"""Cleaning up: what is used stays, what is not leaves the disk, and nobody who runs meanwhile is hurt."""

import os
import random
import signal
import tempfile
import time
import warnings
from contextlib import closing
from pathlib import Path

import numpy
import pytest

from plait import Pipeline, step
from plait.core.digest import digest
from plait.core.records import Acceptance, Artifact
from plait.core.retention import blobs_of
from plait.errors import StoreError
from plait.history.nodes import NodeLog, NodeRun
from plait.ports import Limits
from plait.stores.local import catalogue, collecting, compacting, create, locks, pins, segments
from plait.stores.local.bodies import record_of
from plait.stores.local.index import short
from plait.stores.local.layout import Layout
from plait.testing.stores import put, record, run
from stores.harness import MEMORY, elsewhere, forked, joined, tries

EVERYTHING = Limits(age=0.0, grace=0.0)
DAY = 86400.0


@step
def rows(n: int) -> numpy.ndarray:
    return numpy.arange(5_000.0) + n


@step
def twice(rows: numpy.ndarray) -> numpy.ndarray:
    return rows * 2


@step
def total(twice: numpy.ndarray, rows: numpy.ndarray) -> float:
    return float(twice.sum() + rows.sum())


SUMS = Pipeline("sums", [rows, twice, total])


def right(n):
    return float(((numpy.arange(5_000.0) + n) * 3).sum())


def ran(store, n, **options):
    """Runs elsewhere, so that no process that lives holds on to anything."""

    def work():
        assert SUMS.run("total", n=n, store=store, listeners=[], **options)["total"] == right(n)

    elsewhere(work)


def states(store, n):
    """What would become of the nodes of a run."""
    return {one.node: one.state for one in SUMS.plan(n=n, store=store)}


def kept(store, *records, runs=()):
    def work():
        with closing(store.ledger()) as ledger:
            for one in records:
                ledger.add(one)
            for row in runs:
                ledger.add_run(row)

    elsewhere(work)


def with_blob(store, name, size=100, **about):
    """A record whose value is a blob of its own."""
    blob = put(store, os.urandom(size))
    return record(name, **about)._replace(artifact=Artifact(digest(name), "blob", "plain", blob, size))


def known(store):
    return set(catalogue.read(Layout(store.root)).records)


def found(store, *records):
    with closing(store.ledger()) as ledger:
        return {one.node for one in ledger.find([one.key for one in records]).values()}


def on_disk(store, text):
    return [path for path in Path(store.root).rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


def dangling(store):
    """Rows of the index whose blobs are gone."""
    lost = []
    with closing(store.ledger()) as ledger:
        for table, _, entry in ledger._index.contents():
            if table == "records":
                blobs = blobs_of(record_of(segments.body(entry)).artifact)
                lost += [blob for blob in blobs if not store.blobs.has(blob)]
    return lost


def aged(store, days):
    """Makes all files of a store older, as if nobody had written to it since."""
    for path in Path(store.root).rglob("*"):
        if path.is_file():
            os.utime(path, (time.time() - days * DAY,) * 2)


@pytest.fixture
def store(tmp_path):
    return create(tmp_path / "store")


def test_what_no_run_used_for_long_goes_and_leaves_the_disk(store):
    old, new = with_blob(store, "long-unused", made=time.time() - 40 * DAY), with_blob(store, "used", made=time.time())
    kept(store, old, new)
    aged(store, 40)
    told = store.upkeep().collect(Limits(age=30 * DAY), dry_run=True)
    assert (told.results, told.blobs, told.kept_results) == (1, 1, 1)
    assert known(store) == {old.key, new.key}, "nothing was taken yet"
    before = sum(path.stat().st_size for path in Path(store.root).rglob("*.seg"))
    done = store.upkeep().collect(Limits(age=30 * DAY))
    assert (done.results, done.blobs) == (1, 1)
    assert abs(done.bytes - told.bytes) < 100, "but for the frames of segments"
    assert before > sum(path.stat().st_size for path in Path(store.root).rglob("*.seg"))
    assert found(store, old, new) == {"used"}
    assert not on_disk(store, "long-unused")
    assert not store.blobs.has(old.artifact.blob)
    assert store.blobs.has(new.artifact.blob)


def test_what_lies_in_its_record_only_goes_too(store):
    kept(store, record("old", made=1.0), record("new", made=time.time()))
    for dry_run in (True, False):
        assert store.upkeep().collect(Limits(age=30 * DAY), dry_run=dry_run).results == 1
    assert known(store) == {record("new").key}


def test_what_a_recent_run_used_stays_however_old_it_is(store):
    old = with_blob(store, "old", made=time.time() - 400 * DAY)
    other = with_blob(store, "other", made=time.time() - 400 * DAY)
    recent = run("r", started=time.time() - 2 * DAY)._replace(nodes=(NodeRun("old", old.key, "hit", 0.1),))
    kept(store, old, other, runs=[recent])
    assert store.upkeep().collect(Limits(age=30 * DAY)).results == 1
    assert known(store) == {old.key}


@pytest.mark.parametrize("why", ["tagged", "durable", "accepted"])
def test_what_is_tagged_durable_or_accepted_stays(store, why):
    one = with_blob(store, "one", made=1.0)
    row = run("r", started=1.0)._replace(nodes=(NodeRun("one", one.key, "run", 0.1),))
    kept(
        store,
        one._replace(retention="durable" if why == "durable" else "cache"),
        runs=[row._replace(tags=("best",) if why == "tagged" else ())],
    )
    if why == "accepted":
        with closing(store.ledger()) as ledger:
            ledger.accept(Acceptance(one, one.key, one.code, "p", "somebody", 2.0))
    aged(store, 400)
    assert [use.kept for use in store.upkeep().usage()] == [why]
    assert store.upkeep().collect(Limits(age=0.0, size=0, grace=0.0)).results == 0
    assert found(store, one) == {"one"}
    assert store.blobs.has(one.artifact.blob)


def test_what_is_over_the_limit_goes_the_longest_unused_first(store):
    records = [with_blob(store, str(i), 10_000, made=1000.0 + i) for i in range(10)]
    kept(store, *records, runs=[run("r", started=5000.0)._replace(nodes=(NodeRun("0", records[0].key, "hit", 0.1),))])
    done = store.upkeep().collect(Limits(size=45_000, grace=0.0))
    assert found(store, *records) == {"0", "7", "8", "9"}
    assert done.kept_bytes <= 45_000 < done.kept_bytes + 11_000


def test_a_blob_that_somebody_else_needs_stays(store):
    one = with_blob(store, "one", made=1.0)
    two = record("two", made=time.time())._replace(artifact=one.artifact)
    kept(store, one, two)
    aged(store, 400)
    assert store.upkeep().collect(Limits(age=30 * DAY)).blobs == 0
    assert store.blobs.has(one.artifact.blob)


def test_what_came_from_another_place_stays_while_runs_here_use_it(store):
    """Its record lies in a store within this one, its blob in ours; it can be had again, but that costs time."""
    mirror = create(Path(store.root, "remotes", "r", "mirror"))
    used, unused = with_blob(store, "used", made=1.0), with_blob(store, "unused", made=1.0)
    kept(mirror, used, unused)
    row = run("r", started=time.time() - DAY)._replace(nodes=(NodeRun("used", used.key, "hit", 0.1),))
    kept(store, runs=[row])
    aged(store, 100)
    assert store.upkeep().collect(Limits(age=30 * DAY), dry_run=True).blobs == 1
    store.upkeep().collect(Limits(age=30 * DAY))
    assert store.blobs.has(used.artifact.blob)
    assert not store.blobs.has(unused.artifact.blob)


def test_within_the_grace_nothing_goes(store):
    ran(store, 1)
    before = states(store, 1)
    assert store.upkeep().collect(Limits(age=0.0, size=0)).results == 0
    assert states(store, 1) == before == dict.fromkeys(before, "hit")


def test_a_blob_without_a_record_goes_once_it_is_old(store):
    new, old = put(store, b"new"), put(store, b"old")
    pins.hold(Layout(store.root))
    os.utime(store.blobs.path(old), (1, 1))
    assert store.upkeep().collect(Limits(age=30 * DAY)).blobs == 1
    assert (store.blobs.has(new), store.blobs.has(old)) == (True, False)


def test_other_names_of_a_blob_go_with_it(store):
    blob = put(store, b"a,b\n")
    link = store.blobs.path(blob, ".csv")
    os.utime(link, (1, 1))
    store.upkeep().collect(EVERYTHING)
    assert not link.exists()


def test_switching_a_branch_back_is_free(store, tmp_path):
    """Old results stay until they are collected: code A, code B, code A again is all hits."""
    source = "from plait import Pipeline, step\n@step\ndef f() -> int:\n    return {}\np = Pipeline('p', [f])\n"
    seen = []
    for value in (1, 2, 1):

        def work(value=value):
            spaces = {"__name__": "branch"}
            path = tmp_path / "branch.py"
            path.write_text(source.format(value))
            exec(compile(path.read_text(), str(path), "exec"), spaces)
            run = spaces["p"].run(store=store, listeners=[])
            (tmp_path / f"said {len(seen)}").write_text(f"{run['f']} {run.states['f']}")

        elsewhere(work)
        seen.append((tmp_path / f"said {len(seen)}").read_text())
    assert seen == ["1 run", "2 run", "1 hit"]


def test_runs_stay_in_the_history_when_their_results_are_gone(store):
    ran(store, 1)
    assert store.upkeep().collect(EVERYTHING).results == 3
    assert states(store, 1)["rows"] == "run"
    with closing(store.ledger()) as ledger:
        assert [row.status for row in ledger.runs()] == ["done"]
    ran(store, 1)
    assert dangling(store) == []


def test_segments_become_few_and_the_index_says_the_same_when_it_is_made_again(store):
    for i in range(12):
        kept(store, record(str(i), made=time.time()), record("shared", str(i), made=time.time()))
    assert len(list(Path(store.root, "segments").iterdir())) == 12
    store.upkeep().collect(Limits(age=30 * DAY))
    assert len(list(Path(store.root, "segments").iterdir())) == 1

    def everything():
        with closing(store.ledger()) as ledger:
            execute = ledger._index._connection.execute
            return [
                execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()
                for table in ("records", "code", "runs", "accepted", "segments")
            ]

    before = everything()
    assert store.upkeep().rebuild() == 13
    assert everything() == before
    with closing(store.ledger()) as ledger:
        assert ledger.find([digest("shared")])[digest("shared")].artifact.data == b"0", "the first one stays"


def test_what_a_living_process_used_stays_until_it_ends(store, tmp_path):
    ran(store, 2)
    ran(store, 1)
    go, ready = tmp_path / "go", tmp_path / "ready"

    def work():
        run = SUMS.run("rows", n=1, store=store, listeners=[])
        assert run.states["rows"] == "hit"
        ready.touch()
        wait_for(go)
        assert run["rows"][3] == 4.0

    child = forked(work)
    wait_for(ready)
    done = store.upkeep().collect(EVERYTHING)
    assert str(child) in done.remarks[0]
    assert done.results == 3, "those of the other run"
    assert "running" in {use.kept for use in store.upkeep().usage()}
    go.touch()
    assert joined(child) == 0
    assert store.upkeep().collect(EVERYTHING).results == 3
    assert known(store) == set()


def wait_for(path, timeout=240.0):
    until = time.monotonic() + timeout
    while not path.exists():
        assert time.monotonic() < until
        time.sleep(0.002)


def test_a_stopped_process_keeps_what_it_holds(store, tmp_path):
    """A lease that is frozen is still a lease: no clock says that its owner is gone."""
    ran(store, 1)
    ready, go = tmp_path / "ready", tmp_path / "go"

    def work():
        run = SUMS.run("total", "rows", n=1, store=store, listeners=[])
        ready.touch()
        wait_for(go)
        assert run["rows"][0] == 1.0

    child = forked(work)
    wait_for(ready)
    os.kill(child, signal.SIGSTOP)
    aged(store, 400)
    for _ in range(3):
        store.upkeep().collect(EVERYTHING)
    go.touch()
    os.kill(child, signal.SIGCONT)
    assert joined(child) == 0


def test_a_blob_that_is_put_again_while_it_is_taken_stays(store, monkeypatch):
    """Whoever puts what is there gives it a new time; the clean-up looks at that when it has moved it aside."""
    blob, hit = put(store, b"content"), []
    path = store.blobs.path(blob)
    os.utime(path, (1, 1))
    replace = os.replace

    def slowly(source, target):
        if str(source) == str(path):
            hit.append(target)
            put(store, b"content")  # in the very moment between its look and its move
        replace(source, target)

    monkeypatch.setattr(collecting.os, "replace", slowly)
    assert store.upkeep().collect(EVERYTHING).blobs == 0
    assert len(hit) == 1
    assert store.blobs.path(blob).read_bytes() == b"content"


def test_what_is_asked_for_while_it_is_taken_comes_back(store, monkeypatch):
    """The row is gone, then the pins are looked at: who found it before has said so before."""
    one = with_blob(store, "one", made=1.0)
    kept(store, one)
    aged(store, 400)
    real, asked = pins.living, []

    def living(layout, *, sweep=False):
        if asked:
            return real(layout)
        asked.append(real(layout))
        child = forked(lambda: (pins.hold(layout, [short(one.key)]), time.sleep(600)))
        wait_for_pin(layout, child)
        children.append(child)
        return asked[0]

    children = []
    monkeypatch.setattr(collecting.pins, "living", living)
    store.upkeep().collect(EVERYTHING)
    monkeypatch.undo()
    try:
        assert found(store, one) == {"one"}
        assert store.blobs.has(one.artifact.blob)
        store.rebuild()
        assert found(store, one) == {"one"}
    finally:
        os.kill(children[0], signal.SIGKILL)
        joined(children[0])


def wait_for_pin(layout, pid):
    until = time.monotonic() + 240
    while not any(pin.pid == pid and pin.keys for pin in pins.living(layout)):
        assert time.monotonic() < until
        time.sleep(0.002)


def test_a_file_from_elsewhere_stays_while_it_is_asked_for(store):
    old, used = put(store, b"old"), put(store, b"used")
    store.blobs.remember("s3://a", f"tag\n{old}")
    store.blobs.remember("s3://b", f"tag\n{used}")
    aged(store, 100)
    assert store.blobs.recall("s3://b") == f"tag\n{used}"
    store.upkeep().collect(Limits(age=30 * DAY))
    assert (store.blobs.has(old), store.blobs.has(used)) == (False, True)
    assert (store.blobs.recall("s3://a"), store.blobs.recall("s3://b")) == ("", f"tag\n{used}")


def test_two_clean_ups_at_once_are_refused(store):
    put(store, b"x")
    with locks.held(Layout(store.root), "gc") as alone:
        assert alone
        with pytest.raises(StoreError, match="at work; wait"):
            store.upkeep().collect(EVERYTHING)
    store.upkeep().collect(EVERYTHING)


def test_what_a_later_version_wrote_is_not_judged(store):
    kept(store, record("a", made=1.0))
    later = Path(store.root, "segments", f"{1:020d}-{'0' * 16}.seg")
    later.write_bytes(b"plait-segment 2\nwho knows")
    blob = put(store, b"of the later one")
    os.utime(store.blobs.path(blob), (1, 1))
    with pytest.warns(UserWarning, match="another version"), pytest.raises(StoreError, match="later plait"):
        store.upkeep().collect(EVERYTHING)
    assert store.blobs.has(blob)


def test_an_empty_place_has_nothing_to_clean_up(tmp_path):
    upkeep = create(tmp_path / "none").upkeep()
    assert upkeep.collect(EVERYTHING).results == 0
    assert list(upkeep.usage()) == []
    assert not (tmp_path / "none").exists()


# crashes: cut off anywhere, nothing that stays is lost, and the next clean-up goes on


def test_a_clean_up_that_is_cut_off_anywhere_loses_nothing_that_stays(tmp_path, monkeypatch):
    calls = ["replace", "remove", "rename", "unlink"]
    cuts = 0
    for cut in range(200):
        store = create(tmp_path / f"store {cut}")
        old = [with_blob(store, f"old {i}", made=1.0) for i in range(2)]
        new = [with_blob(store, f"new {i}", made=time.time()) for i in range(2)]
        for one in zip(old, new, strict=True):
            kept(store, *one)
        aged(store, 100)
        left = [cut]

        def work(store=store, left=left):
            def counted(real):
                def call(*args, **kwargs):
                    if left[0] == 0:
                        os._exit(9)
                    left[0] -= 1
                    return real(*args, **kwargs)

                return call

            for name in calls:
                setattr(os, name, counted(getattr(os, name)))
            index = collecting.Index
            for name in ("amend", "forget", "write"):
                setattr(index, name, counted(getattr(index, name)))
            compacting.sync_folder = counted(compacting.sync_folder)
            store.upkeep().collect(Limits(age=30 * DAY))

        ended = joined(forked(work))
        cuts += ended == 9
        assert ended in (0, 9)
        for again in range(2):
            assert found(store, *new) == {one.node for one in new}
            assert all(store.blobs.path(one.artifact.blob).exists() for one in new)
            assert dangling(store) == []
            if again == 0:
                store.rebuild()
        store.upkeep().collect(Limits(age=30 * DAY))
        assert known(store) == {one.key for one in new}
        assert not any(store.blobs.has(one.artifact.blob) for one in old)
        assert dangling(store) == []
        if ended == 0:
            break
    print(f"clean-ups cut off: {cuts}, lost: 0")
    assert 10 < cuts < 200


# beside runs


def hammered(store, *, cycles, processes, seed):
    """Runs pipelines while everything is taken again and again: how the processes ended, runs, and what was taken.

    Processes that live for a few runs begin and end all the time, and use what others made.
    """
    stop = Path(store.root).parent / "stop"

    def live(first):
        for n in (first, random.randrange(8), first):
            run = SUMS.run("total", "rows", n=n, store=store, listeners=[])
            assert (run["total"], run["rows"][0]) == (right(n), float(n))

    def work(number):
        random.seed(seed + number)
        warnings.simplefilter("ignore")
        while not stop.exists():
            elsewhere(live, random.randrange(8))
            with open(stop.parent / f"count {number}", "a") as file:
                file.write("...")

    def count():
        return sum(path.stat().st_size for path in stop.parent.glob("count *"))

    children = [forked(work, number) for number in range(processes)]
    done = taken = 0
    try:
        wait_for(Path(store.root, "FORMAT"))
        while done < cycles or count() < cycles // 4:
            taken += store.upkeep().collect(EVERYTHING).results
            done += 1
            if done % 10 == 5:
                store.upkeep().rebuild()
    finally:
        stop.touch()
        ended = [joined(child) for child in children]
    print(
        f"clean-ups: {done}, results taken: {taken}, runs meanwhile: {count()}, failed: {len(ended) - ended.count(0)}"
    )
    return ended, taken


@pytest.fixture
def quick_store():
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        yield create(Path(folder, "store"))


def test_runs_beside_two_hundred_clean_ups_of_everything_never_fail(quick_store):
    store = quick_store
    ended, taken = hammered(store, cycles=200, processes=3, seed=1)
    assert set(ended) == {0}
    assert taken > 20, "they had something to take"
    assert dangling(store) == []
    store.upkeep().collect(EVERYTHING)
    assert dangling(store) == []
    assert not list(Path(store.root, "tmp").iterdir())
    assert [one.what for one in store.upkeep().check() if one.level == "bad"] == []


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_runs_beside_thousands_of_clean_ups_never_fail(store):
    cycles = tries(500, 5_000)
    ended, taken = hammered(store, cycles=cycles, processes=4, seed=2)
    assert taken > cycles // 10
    assert set(ended) == {0}
    assert dangling(store) == []


def with_texts(store, name, at, *, tags=()):
    """A run whose node printed much: its row, and the blobs that only the row speaks of."""
    log, bulk = put(store, name.encode() * 10_000), put(store, f"texts of {name}".encode())
    node = NodeRun("n", "", "failed", 0.1, at, "here", (), None, NodeLog("", "", 10_000, 1, log))
    return run(name, started=at)._replace(nodes=(node,), bulk=bulk, tags=tags), [log, bulk]


def test_what_runs_printed_stays_as_long_as_what_they_used(store):
    now = time.time()
    rows = [with_texts(store, name, at) for name, at in (("old", 1.0), ("recent", now - 2 * DAY))]
    rows.append(with_texts(store, "tagged", 1.0, tags=("best",)))
    kept(store, runs=[row for row, _ in rows])
    aged(store, 400)
    for dry_run in (True, False):
        done = store.upkeep().collect(Limits(age=30 * DAY), dry_run=dry_run)
        assert (done.results, done.blobs) == (0, 2) and done.bytes > 30_000
    assert [[store.blobs.has(blob) for blob in blobs] for _, blobs in rows] == [[False] * 2, [True] * 2, [True] * 2]
    with closing(store.ledger()) as ledger:
        assert {row.id for row in ledger.runs()} == {"old", "recent", "tagged"}


def test_what_runs_printed_is_not_told_as_needed_by_nothing(store):
    kept(store, runs=[with_texts(store, "tagged", 1.0, tags=("best",))[0]])
    told = store.upkeep().overhead()
    assert told["what runs printed and said of failures"] > 60_000 and "blobs that no result needs" not in told


def test_what_runs_printed_counts_as_what_is_stored(store):
    rows = [with_texts(store, str(i), 1000.0 + i) for i in range(5)]
    kept(store, runs=[row for row, _ in rows])
    aged(store, 400)
    store.upkeep().collect(Limits(size=25_000, grace=0.0))
    assert [store.blobs.has(blobs[0]) for _, blobs in rows] == [False] * 3 + [True] * 2
