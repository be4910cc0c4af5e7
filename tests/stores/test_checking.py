"""Checking, measuring and diagnosing a store: what is wrong is found, said, and mended."""

import os
import platform
import re
import sqlite3
import tempfile
import time
import warnings
from contextlib import closing
from pathlib import Path

import pytest

from plait.core.digest import digest
from plait.errors import StoreError
from plait.history.nodes import NodeRun
from plait.ports import Limits
from plait.stores.local import catalogue, create, doctoring, layout, locks, owners, segments
from plait.testing.stores import put, record, run
from stores.harness import elsewhere, forked, given_to_nobody, joined, unprivileged
from stores.test_collecting import dangling, found, kept, with_blob


@pytest.fixture
def store(tmp_path):
    return create(tmp_path / "store")


@pytest.fixture(autouse=True)
def _quiet():
    segments._warned.clear()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*is damaged at byte.*")
        yield


def open_to_all(folder):
    """Lets other users reach a folder of the tests."""
    for one in (folder, *folder.parents):
        if one == Path(tempfile.gettempdir()):
            return
        one.chmod(0o755)


def bad(store):
    return [one.what for one in store.upkeep().check() if one.level == "bad"]


def blob_file(store, blob):
    return Path(store.root, "blobs", blob[:2], blob[2:])


def segment(store, number=0):
    return sorted(Path(store.root, "segments").iterdir())[number]


def test_a_sound_store_is_said_to_be_sound(store):
    kept(store, with_blob(store, "a"), record("b"), runs=[run("r", started=1.0)])
    (one,) = store.upkeep().check()
    assert one.level == "fine"
    assert "2 records, 1 blobs" in one.what


def test_every_flipped_byte_of_a_blob_is_found_and_put_aside(store):
    one = with_blob(store, "a", 60)
    kept(store, one)
    path, whole = blob_file(store, one.artifact.blob), None
    for position in range(60):
        whole = whole or path.read_bytes()
        damaged = bytearray(whole)
        damaged[position] ^= 1 << position % 8
        path.write_bytes(damaged)
        first, second = bad(store)
        assert "1 blob is damaged" in first
        assert "1 result is without all of its bytes: a" in second
        assert not path.exists()
        path.write_bytes(whole)
        assert bad(store) == []
    assert len(list(Path(store.root, "quarantine").iterdir())) == 60


def test_a_blob_that_was_verified_before_is_read_again(store):
    blob = put(store, b"x" * 100)
    looks = store.blobs.path(blob).stat()
    blob_file(store, blob).write_bytes(b"x" * 99 + b"y")
    os.utime(blob_file(store, blob), ns=(looks.st_atime_ns, looks.st_mtime_ns))
    assert len(bad(store)) == 1


def test_what_a_segment_lost_comes_back_from_the_index(store):
    kept(store, record("a"), record("b"), record("c"), runs=[run("r", started=1.0)])
    path, healed = segment(store), 0
    whole = path.read_bytes()
    starts = [end - len(entry) for entry, end in segments.read(str(path))]
    for start in starts[1:4]:
        damaged = bytearray(whole)
        damaged[start + 30] ^= 4
        path.write_bytes(damaged)
        said = bad(store)
        assert any("1 segment is damaged" in what for what in said)
        assert any("1 entry is in the index only" in what for what in said)
        assert bad(store) == []
        (Path(store.root) / "index.sqlite").unlink()
        assert found(store, record("a"), record("b"), record("c")) == {"a", "b", "c"}
        healed += 1
        for other in Path(store.root, "segments").iterdir():
            other.unlink()
        path.write_bytes(whole)
        store.upkeep().rebuild()
    assert healed == 3


def test_what_is_lost_in_both_is_said_and_the_rest_stays(store):
    kept(store, record("a"), record("b"), record("c"))
    path = segment(store)
    starts = [end - len(entry) for entry, end in segments.read(str(path))]
    damaged = bytearray(path.read_bytes())
    damaged[starts[2] + 30] ^= 4
    path.write_bytes(damaged)
    (Path(store.root) / "index.sqlite").unlink()
    assert any("1 segment is damaged" in what for what in bad(store))
    assert bad(store) == []
    assert found(store, record("a"), record("b"), record("c")) == {"a", "c"}


def test_an_end_that_was_cut_off_is_no_damage(store):
    def work():
        store.ledger().add(record("a"))
        os._exit(0)

    joined(forked(work))
    with open(segment(store), "ab") as file:
        file.write(segments.pack(segments.RECORD, 7, b"never kept")[:-3])
    assert bad(store) == []
    assert found(store, record("a")) == {"a"}


@pytest.mark.parametrize("hurt", ["rows", "bytes", "empty", "missing"])
def test_an_index_that_says_something_else_is_made_again(store, hurt):
    kept(store, record("a"), record("b"))
    index = Path(store.root) / "index.sqlite"
    if hurt == "rows":
        with closing(sqlite3.connect(index)) as connection:
            connection.execute("DELETE FROM records WHERE rowid = 1")
            connection.commit()
    if hurt == "bytes":
        damaged = bytearray(index.read_bytes())
        damaged[8192:9000] = os.urandom(808)
        index.write_bytes(damaged)
    if hurt == "empty":
        index.write_bytes(b"")
    if hurt == "missing":
        index.unlink()
    assert len(bad(store)) == (hurt in ("rows", "bytes"))
    assert bad(store) == []
    assert found(store, record("a"), record("b")) == {"a", "b"}


def test_a_copied_name_for_other_bytes_is_removed(store):
    blob = put(store, b"a,b\n")
    link = store.blobs.path(blob, ".csv")
    link.unlink()
    link.write_bytes(b"a,c\n")
    assert len(bad(store)) == 1
    assert not link.exists()
    assert bad(store) == []


def test_a_store_that_can_only_be_read_is_checked_and_left_as_it_is(tmp_path):
    store = create(tmp_path / "store")
    one = with_blob(store, "a")
    kept(store, one)
    blob_file(store, one.artifact.blob).write_bytes(b"z" * 100)
    open_to_all(tmp_path)
    given_to_nobody(Path(store.root), file_mode=0o400, folder_mode=0o500)

    def work():
        unprivileged()
        said = store.upkeep().check()
        assert "1 blob is damaged" in said[0].what
        assert "Nothing was mended" in said[0].move
        with pytest.raises(StoreError, match="clean up"):
            store.upkeep().collect(Limits(age=0.0))

    elsewhere(work)
    assert blob_file(store, one.artifact.blob).exists()
    given_to_nobody(Path(store.root), file_mode=0o600, folder_mode=0o700)


# measuring


def test_usage_says_whose_the_bytes_are_and_counts_shared_ones_once(store):
    one = with_blob(store, "one", 5000, step="m:f", made=2.0)
    two = record("two", step="m:g", made=3.0)._replace(artifact=one.artifact)
    row = run("r", started=9.0, pipeline="p")._replace(nodes=(NodeRun("one", one.key, "run", 0.1),))
    orphan = put(store, b"o" * 700)
    kept(store, one, two, runs=[row])
    uses = {use.node: use for use in store.upkeep().usage()}
    assert uses["one"].size > 5000 > uses["two"].size
    assert (uses["one"].step, uses["one"].pipelines, uses["one"].kind) == ("m:f", ("p",), "plain")
    assert (uses["one"].used, uses["two"].used) == (9.0, 3.0)
    rest = store.upkeep().overhead()
    assert rest["blobs that no result needs"] == 700
    assert orphan
    total = sum(use.size for use in uses.values()) + rest["runs, code and superseded records"] + 700
    assert total == sum(
        p.stat().st_size for place in ("blobs", "segments") for p in Path(store.root, place).rglob("*") if p.is_file()
    )


# diagnosing


def said(store, level=None):
    return [f"{one.what} | {one.move}" for one in store.upkeep().diagnose() if level in (None, one.level)]


def test_the_doctor_finds_nothing_wrong_with_a_new_store(store):
    kept(store, record("a"))
    before = {path: path.stat().st_mtime_ns for path in Path(store.root).rglob("*") if path.is_file()}
    assert said(store, "bad") == said(store, "note") == []
    assert any("SQLite" in text for text in said(store))
    assert any("bytes are free" in text for text in said(store))
    after = {path: path.stat().st_mtime_ns for path in Path(store.root).rglob("*") if path.is_file()}
    assert before == after


def test_the_doctor_says_what_is_wrong_and_what_to_do(store, monkeypatch):
    root = Path(store.root)
    dead = forked(os._exit, 0)
    joined(dead)
    gone = run("20260101-000000-abcd", started=1.0, status="running")
    kept(
        store,
        record("a"),
        runs=[
            gone._replace(process=(platform.node(), dead, time.time())),
            gone._replace(id="20260101-000000-ffff", process=("another host", 7, 1.0)),
        ],
    )
    joined(forked(lambda: (store.blobs.scratch() / "x").write_bytes(b"left")))
    (root / "quarantine").mkdir()
    (root / "quarantine" / "bad").write_bytes(b"z")
    (root / "segments" / "notes.txt").write_text("mine")
    with open(segment(store), "ab") as file:
        file.write(b"some more")
    old = root / "tmp" / "0123456789ab-1-1-fedcba9876543210"
    old.write_bytes(b"")
    os.utime(old, (1, 1))
    ahead = root / "segments" / f"{int((time.time() + 1e6) * 1e9):020d}-{'a' * 16}.seg"
    ahead.write_bytes(segment(store).read_bytes())
    root.joinpath("blobs").mkdir(exist_ok=True)
    root.joinpath("blobs").chmod(0o777)
    monkeypatch.setattr(doctoring, "_LITTLE", 1 << 70)
    text = "\n".join(said(store))
    for expected in (
        r"anybody can write to .*blobs.*chmod o-w",
        "bytes are free on the disk .*plait store gc",
        "unfinished files of dead processes",
        "for more than a day",
        "1 damaged files",
        "1 runs ended without saying so, the last 20260101-000000-abcd",
        "1 runs of other machines .* another host",
        "no segments, such as notes.txt",
        "cut off or damaged .*plait store check",
        "clock is 277.8 h ahead",
    ):
        assert re.search(expected, text), (expected, text)


def test_the_doctor_names_a_store_that_others_share(tmp_path):
    store = create(tmp_path / "store", group=True)
    put(store, b"x")
    assert any("group can write" in text for text in said(store, "note"))


# runs of the dead


def test_a_run_of_another_machine_lives_while_it_gives_signs(store, monkeypatch):
    """Its process cannot be asked; its pin is what it leaves behind while it lives."""
    put(store, b"x")
    began = time.time() - 8 * 86400
    row = run("r", started=began, status="running")._replace(process=("far", 7, began))
    kept(store, runs=[row])
    pins_folder = Path(store.root, "pins")
    pins_folder.mkdir(exist_ok=True)
    pin = pins_folder / "0123456789ab-7-1"
    pin.write_text(f'["far", 7, {time.time_ns()}]\n')

    def status():
        with closing(store.ledger()) as ledger:
            return ledger.runs()[0].status

    assert status() == "running"
    os.utime(pin, (time.time() - layout.ABANDONED - 60,) * 2)
    assert status() == "died"
    store.upkeep().collect(Limits(age=30 * 86400.0))
    assert not pin.exists()


# who may read and write


@pytest.mark.parametrize("mask", [0o000, 0o077, 0o777])
def test_a_store_for_a_group_is_for_the_group_whatever_the_umask(tmp_path, mask):
    before = os.umask(mask)
    try:
        store = create(tmp_path / "store", group=True)
        blob = put(store, b"a,b\n")
        store.blobs.path(blob, ".csv")
        store.blobs.remember("x", "y")
        store.blobs.scratch().joinpath("file").touch()
        with closing(store.ledger()) as ledger:
            ledger.add(record("a"))
        store.rebuild()
    finally:
        os.umask(before)
    for path in [Path(store.root), *Path(store.root).rglob("*")]:
        mode = path.stat().st_mode & 0o7777
        if path.is_dir():
            assert mode == 0o2770, path
        elif path.name != "file":
            assert mode == (0o440 if path.stat().st_nlink == 2 else 0o660), path
    assert not store.blobs.private, "others can put pickles there"


def test_a_store_is_not_shared_by_chance(tmp_path):
    (tmp_path / "store").mkdir()
    (tmp_path / "store").chmod(0o775)
    store = create(tmp_path / "store")
    blob = put(store, b"x")
    assert blob_file(store, blob).stat().st_mode & 0o777 == 0o600
    with pytest.raises(StoreError, match="not for a group.*chmod 2770"):
        create(tmp_path / "store", group=True)


def test_two_members_of_a_group_use_one_store(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root can be two people")
    open_to_all(tmp_path)
    store = create(tmp_path / "store", group=True)
    for path in [Path(store.root), *Path(store.root).rglob("*")]:
        os.chown(path, -1, 5000)
    Path(store.root).chmod(0o2770)
    Path(store.root, "segments").chmod(0o2770)

    def member(user, work):
        def become():
            os.setgroups([5000])
            os.setgid(5000)
            os.setuid(user)
            work()

        elsewhere(become)

    def first():
        put(store, b"a,b\n")
        kept(store, record("a"))

    def second():
        blob = put(store, b"a,b\n")
        assert store.blobs.path(blob, ".csv").read_bytes() == b"a,b\n"
        assert found(store, record("a")) == {"a"}
        kept(store, record("b"))
        assert store.upkeep().collect(Limits(age=0.0, grace=0.0)).results >= 0
        store.rebuild()

    member(4001, first)
    member(4002, second)
    member(4001, lambda: put(store, b"a,b\n"))
    assert dangling(store) == []


def test_locks_hold_between_processes_and_go_with_them(store):
    put(store, b"x")
    place = layout.Layout(store.root)

    def work():
        with locks.held(place, "gc") as mine:
            assert mine
            os._exit(0)

    with locks.held(place, "gc", shared=True), locks.held(place, "gc", shared=True, wait=False) as both:
        assert both
        with locks.held(place, "gc", wait=False) as alone:
            assert not alone
    joined(forked(work))
    with locks.held(place, "gc", wait=False) as alone:
        assert alone
    assert owners.dead(owners.me()) is False
    assert catalogue.read(place).records.keys() <= {digest("a")}
