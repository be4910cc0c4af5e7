"""The ledger: what was kept is found, by anybody, whatever happened since."""

import os
import pickle
import platform
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import warnings
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plait.core.digest import digest
from plait.core.records import Acceptance, Record, hit_of
from plait.errors import StoreError
from plait.ports import Limits
from plait.stores.local import create, index, recovery, segments, sqlite
from plait.stores.local import ledger as module
from plait.testing.stores import look_up, record, run
from stores.harness import elsewhere, forked, given_to_nobody, joined, unprivileged
from waiting import ended

MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # a thousand stores, none of which needs a disk


def kept(store, *records, newest=False):
    with closing(store.ledger()) as ledger:
        for one in records:
            ledger.add(one, newest=newest)


def found(store, *keys):
    with closing(store.ledger()) as ledger:
        records = look_up(ledger, [digest(key) for key in keys])
    return {one.node: one.artifact.data.decode() for one in records.values()}


def everything(store):
    with closing(store.ledger()) as ledger:
        rows = ledger._index._connection.execute("SELECT key, rank, writer, step, entry FROM records ORDER BY key")
        return rows.fetchall()


def segment_files(store):
    return sorted(Path(store.root, "segments").iterdir())


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch):
    monkeypatch.setattr(module, "_BATCH", 7)
    monkeypatch.setattr(recovery, "_AT_ONCE", 5)


@pytest.fixture
def tmp_path():
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        yield Path(folder)


@pytest.fixture
def _quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


# A model: of each key, the last that was to win as the newest, or else the first.
STEPS = st.one_of(
    st.tuples(st.just("add"), st.integers(0, 4), st.booleans(), st.integers(0, 3)),
    st.tuples(st.sampled_from(["reopen", "crash", "torn", "rebuild", "no index", "bad index", "clock"])),
)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(STEPS, max_size=25), data=st.data())
def test_find_is_a_dictionary_whatever_happens(steps, data, monkeypatch):
    model, torn = {}, []
    now = [1_800_000_000 * 10**9]
    monkeypatch.setattr(segments.time, "time_ns", lambda: now[0])
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder, ExitStack() as opened:
        store = create(Path(folder, "store"))
        ledger = store.ledger()
        opened.callback(let_go, ledger)
        for number, (step, *rest) in enumerate(steps):
            if step == "add":
                key, newest, retried = rest
                one = record(str(key), str(number), made=float(data.draw(st.integers(0, 3))))
                ledger.add(one, newest=newest)
                if newest or key not in model:
                    model[key] = (newest, str(number))
                if retried == 0:
                    now[0] += 1
            elif step == "clock":
                now[0] += data.draw(st.sampled_from([-(10**16), -1, 1, 10**16]))
            elif step == "rebuild":
                ledger.rebuild()
            else:
                if step == "reopen":
                    ledger.close()
                last = max(Path(store.root).glob("segments/*"), default=None)
                if step == "torn" and last not in (None, *torn):
                    torn.append(last)
                    whole = segments.pack(segments.RECORD, now[0], b"never finished")
                    with open(last, "ab") as file:
                        file.write(whole[: data.draw(st.integers(1, len(whole) - 1))])
                index = Path(store.root, "index.sqlite")
                if step == "no index":
                    index.unlink(missing_ok=True)
                if step == "bad index" and index.exists():
                    index.write_bytes(b"not a database" * 100)
                ledger = store.ledger()  # any other step leaves the one before as a crash would
                opened.callback(let_go, ledger)
            keys = [digest(str(key)) for key in range(6)]
            records = look_up(ledger, keys)
            expected = {digest(str(key)): value for key, (_, value) in model.items()}
            assert {key: one.artifact.data.decode() for key, one in records.items()} == expected
            for key in keys:
                assert look_up(ledger, [key]).keys() == {key} & expected.keys()
        opened.close()
        assert {one.key for one in ledger_records(store)} == set(expected if steps else ())


VOUCHING = st.one_of(
    st.tuples(st.sampled_from(["add", "newest", "accept", "withdraw"]), st.integers(0, 2)),
    st.tuples(st.sampled_from(["reopen", "crash", "rebuild", "no index"]), st.just(0)),
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(VOUCHING, max_size=20))
def test_what_is_accepted_holds_until_withdrawn_or_computed_whatever_happens(steps):
    computed, vouched = {}, {}
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder, ExitStack() as opened:
        store = create(Path(folder, "store"))
        ledger = store.ledger()
        opened.callback(let_go, ledger)
        for number, (step, key) in enumerate(steps):
            one = record(str(key), str(number))
            if step in ("add", "newest"):
                ledger.add(one, newest=step == "newest")
                computed[key] = str(number) if step == "newest" else computed.get(key, str(number))
            elif step in ("accept", "withdraw"):
                gone = "somebody" if step == "withdraw" else ""
                ledger.accept(Acceptance(one, one.key, one.code, "p", "somebody", float(number), withdrawn=gone))
                vouched[key] = (str(number), gone)
            elif step == "rebuild":
                ledger.rebuild()
            else:
                if step == "reopen":
                    ledger.close()
                if step == "no index":
                    Path(store.root, "index.sqlite").unlink(missing_ok=True)
                ledger = store.ledger()
                opened.callback(let_go, ledger)
            expected = {digest(str(key)): value for key, (value, gone) in vouched.items() if not gone}
            expected |= {digest(str(key)): value for key, value in computed.items()}
            keys = [digest(str(key)) for key in range(3)]
            assert {key: one.artifact.data.decode() for key, one in look_up(ledger, keys).items()} == expected
            assert {one.key for one in ledger.earlier("m:f")} == set(expected)
            said = {one.record.node: (one.record.artifact.data.decode(), one.withdrawn) for one in ledger.accepted()}
            assert said == {str(key): word for key, word in vouched.items()}


def let_go(ledger):
    """Closes the files of a ledger and does nothing else: as when its process was killed."""
    ledger._writer.close()
    if ledger._index is not None:
        ledger._index.close()


def ledger_records(store):
    with closing(store.ledger()) as ledger:
        return ledger.earlier("m:f")


def test_two_writers_at_once_agree_later_on_who_was_first(tmp_path):
    store = create(tmp_path)
    one, two = store.ledger(), store.ledger()
    for i in range(40):
        (one if i % 3 else two).add(record(str(i % 10), f"value {i}"), newest=i % 10 in (3, 5))
    two.close()
    one.close()
    expected = {str(i): f"value {i + 30 if i in (3, 5) else i}" for i in range(10)}
    assert found(store, *map(str, range(10))) == expected
    before = everything(store)
    store.rebuild()
    assert everything(store) == before
    assert found(store, *map(str, range(10))) == expected


def test_the_index_is_the_same_in_whatever_order_it_was_filled(tmp_path):
    store = create(tmp_path / "a")
    random.seed(7)
    ledgers = [store.ledger() for _ in range(4)]
    for i in range(300):
        random.choice(ledgers).add(record(str(random.randrange(30)), str(i)), newest=random.random() < 0.1)
    for ledger in ledgers:
        ledger.close()
    before = everything(store)
    for trial in range(5):
        copy = create(tmp_path / f"copy {trial}")
        shutil.copytree(store.root, copy.root)
        os.remove(Path(copy.root, "index.sqlite"))
        names = segment_files(copy)
        random.shuffle(names)
        aside = tmp_path / "aside"
        aside.mkdir(exist_ok=True)
        [path.rename(aside / path.name) for path in names]
        for path in names:
            (aside / path.name).rename(path)
            everything(copy)
        assert everything(copy) == before


def test_a_missing_index_and_one_of_another_version_are_made_again(tmp_path):
    store = create(tmp_path)
    kept(store, *(record(str(i)) for i in range(20)))
    before, index = everything(store), tmp_path / "index.sqlite"
    index.unlink()
    assert everything(store) == before
    connection = sqlite3.connect(index)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    assert everything(store) == before
    index.write_bytes(b"")
    assert everything(store) == before


@pytest.mark.usefixtures("_quiet")
def test_a_flipped_bit_anywhere_in_the_index_never_gives_another_value(tmp_path):
    store = create(tmp_path)
    originals = {one.key: one for one in (record(str(i), "v" * 40) for i in range(25))}
    with closing(store.ledger()) as ledger:
        for one in originals.values():
            ledger.add(one)
        ledger.add_run(run("r", started=1.0))
        ledger.add_code(digest("code"), b"the code")
    index = tmp_path / "index.sqlite"
    whole = index.read_bytes()
    random.seed(11)
    used = [i for i in range(len(whole)) if whole[i]]
    flips = misses = mended = 0
    for position in sorted(random.sample(used, 250)) + list(range(100)):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << random.randrange(8)
        index.write_bytes(damaged)
        with closing(store.ledger()) as ledger:
            for key in originals:
                assert ledger.hits([key]).get(key) in (None, hit_of(originals[key])), position
            records = ledger.find(originals)
            assert all(originals[key] == one for key, one in records.items()), position
            assert ledger.code(digest("code")) in (None, b"the code")
            assert ledger.runs() in ([], [run("r", started=1.0)])
            kept_one = record("new", str(position))
            ledger.add(kept_one, newest=True)
            assert look_up(ledger, [kept_one.key]) == {kept_one.key: kept_one}
        misses += len(records) < len(originals)
        mended += index.read_bytes()[:100] == whole[:100]
        flips += 1
        store.rebuild()
        assert len(found(store, *map(str, range(25)))) == 25
        for path in segment_files(store)[1:]:
            path.unlink()
    print(f"{flips} flips in the index: {misses} times something was missed, never wrong")
    assert flips == 350


@pytest.mark.usefixtures("_quiet")
def test_a_flipped_bit_anywhere_in_a_segment_is_a_miss_at_most(tmp_path):
    store = create(tmp_path)
    kept(store, record("a"), record("b"))
    path = segment_files(store)[0]
    whole, misses = path.read_bytes(), 0
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << position % 8
        path.write_bytes(damaged)
        (tmp_path / "index.sqlite").unlink()
        segments._warned.clear()
        values = found(store, "a", "b")
        assert values.items() <= {"a": "v", "b": "v"}.items()
        misses += len(values) < 2
    print(f"{len(whole)} flips in a segment: {misses} missed something")
    assert misses > len(whole) // 2


def test_a_segment_cut_off_at_every_byte_of_its_last_entry_keeps_the_others(tmp_path):
    store = create(tmp_path)
    kept(store, record("a"))
    whole = segment_files(store)[0].read_bytes()
    (tmp_path / "index.sqlite").unlink()
    ends = [end for _, end in segments.read(str(segment_files(store)[0]))]
    kept(store, record("b"))
    second = segment_files(store)[1]
    last = second.read_bytes()
    start, end, _ = [end for _, end in segments.read(str(second))][-3:]  # the very last says that nothing more comes
    for length in range(start, end):
        second.write_bytes(last[:length])
        (tmp_path / "index.sqlite").unlink()
        assert found(store, "a", "b") == {"a": "v"}
        kept(store, record("b", "again"))
        assert found(store, "a", "b") == {"a": "v", "b": "again"}
        segment_files(store)[2].unlink()
    assert ends[-1] == len(whole)


def test_a_writer_killed_at_any_time_loses_nothing_that_it_was_told_is_kept(tmp_path_factory):
    tmp_path = tmp_path_factory.mktemp("on a disk, where writing takes its time")
    store = create(tmp_path)
    hit = {"adding": 0, "idle": 0, "writing the index": 0}
    random.seed(3)
    acknowledged = 0
    for trial in range(40):
        reader, writer = os.pipe()

        def work(trial=trial, writer=writer):
            ledger = store.ledger()
            for i in range(100_000):
                os.write(writer, b"+")
                ledger.add(record(f"{trial}/{i}", f"value {trial}/{i}"))
                os.write(writer, b".")

        child = forked(work)
        os.close(writer)
        os.read(reader, 1)
        time.sleep(random.random() * 0.02)
        os.kill(child, signal.SIGKILL)
        assert joined(child) == -signal.SIGKILL
        log = b"+"
        while chunk := os.read(reader, 1 << 16):
            log += chunk
        os.close(reader)
        done = log.count(b".")
        hit["adding" if log.endswith(b"+") else "idle"] += 1
        acknowledged += done
        journal = tmp_path / "index.sqlite-journal"
        hit["writing the index"] += journal.exists() and journal.stat().st_size > 0
        names = [f"{trial}/{i}" for i in range(log.count(b"+"))]
        values = found(store, *names)
        assert set(names[:done]) <= set(values)
        assert all(values[name] == f"value {name}" for name in values)
    print(f"kills: {hit}, records acknowledged: {acknowledged}, lost: 0")
    assert hit["adding"] > 0
    before = everything(store)
    store.rebuild()
    assert everything(store) == before
    assert not list(tmp_path.glob("tmp/*"))


def test_processes_add_at_once_and_everything_is_found(tmp_path):
    store = create(tmp_path)

    def work(number):
        for session in range(4):
            with closing(store.ledger()) as ledger:
                for i in range(50):
                    ledger.add(record(f"{number}/{session}/{i}", "mine"))
                    ledger.add(record(f"shared {i}", f"{number}/{session}"))

    children = [forked(work, number) for number in range(4)]
    assert [joined(child) for child in children] == [0] * 4
    names = [f"{number}/{session}/{i}" for number in range(4) for session in range(4) for i in range(50)]
    assert found(store, *names) == dict.fromkeys(names, "mine")
    before = everything(store)
    store.rebuild()
    assert everything(store) == before
    assert len(segment_files(store)) == 16


def test_an_index_made_again_under_a_writer_loses_nothing(tmp_path):
    store = create(tmp_path)
    one = store.ledger()
    for i in range(30):
        one.add(record(str(i)))
        if i % 10 == 4:
            store.rebuild()
        if i == 17:
            (tmp_path / "index.sqlite").unlink()
    one.close()
    assert len(found(store, *map(str, range(30)))) == 30
    assert len(everything(store)) == 30


def test_an_index_made_again_stays_in_its_file_unless_that_is_damaged(tmp_path):
    store = create(tmp_path)
    kept(store, record("a"), record("b"))
    place = tmp_path / "index.sqlite"
    before = place.stat().st_ino
    with closing(store.ledger()) as reader:
        with closing(sqlite3.connect(place)) as other, other:
            other.execute("DELETE FROM records")
        store.rebuild()
        assert place.stat().st_ino == before
        assert look_up(reader, [digest("a")])
        place.write_bytes(b"SQLite format 3\0" + b"?" * 4000)
        store.rebuild()
    assert place.stat().st_ino != before
    assert len(everything(store)) == 2


def test_what_a_clean_up_took_from_an_index_that_replaced_ours_is_not_found(tmp_path):
    store = create(tmp_path)
    kept(store, record("a"), record("b"))
    with closing(store.ledger()) as ledger:
        newer = tmp_path / "newer"
        shutil.copy(tmp_path / "index.sqlite", newer)
        with closing(sqlite3.connect(newer)) as other, other:
            other.execute("DELETE FROM records WHERE key = ?", [index.short(record("a").key)])
        os.replace(newer, tmp_path / "index.sqlite")
        assert look_up(ledger, [record("a").key]) == {}
        assert look_up(ledger, [record("b").key])


def test_a_clean_up_while_a_writer_ends_does_not_make_the_index_anew(tmp_path, monkeypatch):
    store, taken = create(tmp_path), []
    for name in "abc":
        kept(store, record(name))
    before = os.stat(tmp_path / "index.sqlite").st_ino

    def finish(self, real=segments.Writer.finish):
        real(self)
        names = set(os.listdir(tmp_path / "segments"))
        store.upkeep().collect(Limits(age=0.0, size=0, grace=3600.0))
        taken.append(names - set(os.listdir(tmp_path / "segments")))

    with monkeypatch.context() as patch:
        patch.setattr(segments.Writer, "finish", finish)
        kept(store, record("d"))
    assert taken[0], "nothing was written anew"
    assert found(store, "a", "b", "c", "d").keys() == {"a", "b", "c", "d"}
    assert os.stat(tmp_path / "index.sqlite").st_ino == before


def test_what_a_writer_gave_to_an_index_while_another_one_was_made_is_not_lost(tmp_path):
    store = create(tmp_path)
    first, last = [record(f"first {i}") for i in range(7)], [record(f"last {i}") for i in range(7)]
    kept(store, record("a"))
    with closing(store.ledger()) as ledger:
        ledger.add(record("b"))
        ledger.rebuild()  # an index that knows our segment up to here
        early = tmp_path / "early"
        shutil.copy(tmp_path / "index.sqlite", early)
        for one in first:
            ledger.add(one)
        os.replace(early, tmp_path / "index.sqlite")  # as if that one took its place only now
        for one in last:
            ledger.add(one)
    with closing(store.ledger()) as ledger:
        assert not {one.key for one in [*first, *last]} - look_up(ledger, [one.key for one in [*first, *last]]).keys()


def test_a_segment_that_ends_while_others_are_read_does_not_make_the_index_anew(tmp_path, monkeypatch):
    store = create(tmp_path)
    kept(store, record("a"))
    kept(store, record("b"))
    before, listed, others = os.stat(tmp_path / "index.sqlite").st_ino, segments.listed, []

    def listing(folder):
        found = listed(folder)
        if len(others) < 5:  # another process begins and ends just now
            others.append(record(f"other {len(others)}"))
            monkeypatch.setattr(segments, "listed", listed)
            kept(store, others[-1])
            monkeypatch.setattr(segments, "listed", listing)
        return found

    Path(tmp_path, "segments", f"{1:020d}-{1:016x}.seg").touch()  # so that there is something to read
    monkeypatch.setattr(segments, "listed", listing)
    assert found(store, "a", "b").keys() == {"a", "b"}
    assert len(others) > 1, "nobody came between"
    assert os.stat(tmp_path / "index.sqlite").st_ino == before


def test_an_index_that_another_process_holds_does_not_lose_anything(tmp_path, monkeypatch):
    monkeypatch.setattr(sqlite, "_TIMEOUT", 0.01)
    store = create(tmp_path)
    kept(store, record("before"))
    other = sqlite3.connect(tmp_path / "index.sqlite", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    kept(store, *(record(str(i)) for i in range(20)))
    assert len(found(store, "before", *map(str, range(20)))) == 21
    other.execute("ROLLBACK")
    other.close()
    assert len(found(store, "before", *map(str, range(20)))) == 21


@pytest.fixture
def read_only():
    with tempfile.TemporaryDirectory() as folder:
        store = create(Path(folder, "store"))
        kept(store, record("a"))
        blob, _ = store.blobs.put(lambda file: file.write(b"a,b\n"))
        os.chmod(folder, 0o755)
        yield store, blob
        given_to_nobody(Path(store.root), file_mode=0o600, folder_mode=0o700)


@pytest.mark.parametrize("index", ["whole", "missing", "behind"])
def test_a_store_that_can_only_be_read_gives_hits_and_lets_misses_be_computed(read_only, index):
    store, blob = read_only
    if index == "missing":
        Path(store.root, "index.sqlite").unlink()
    if index == "behind":
        abandoned = store.ledger()
        abandoned.add(record("late"))
    given_to_nobody(Path(store.root), file_mode=0o400, folder_mode=0o500)

    def work():
        unprivileged()
        assert store.blobs.path(blob).read_bytes() == b"a,b\n"
        link = store.blobs.path(blob, ".csv")
        assert (link.suffix, link.read_bytes()) == (".csv", b"a,b\n")
        with closing(store.ledger()) as ledger:
            known = {record("a").key, *([record("late").key] if index == "behind" else [])}
            assert look_up(ledger, [record("a").key, record("late").key]).keys() == known
            with pytest.warns(UserWarning, match="can only be read .* for this run only") as said:
                for i in range(20):
                    ledger.add(record(str(i)))
                    ledger.add_run(run(str(i), started=float(i)))
                    ledger.add_code(digest(str(i)), b"code")
            assert len(said) == 1
            assert look_up(ledger, [record(str(i)).key for i in range(20)]).keys() == {
                record(str(i)).key for i in range(20)
            }
            assert len(ledger.runs()) == 20
            assert ledger.code(digest("3")) == b"code"
            ledger.rebuild()
            assert look_up(ledger, [record("3").key, record("a").key]).keys() == {record("3").key, record("a").key}
        assert found(store, "a", "3") == {"a": "v"}
        new, _ = store.blobs.put(lambda file: file.write(b"new"))
        assert store.blobs.path(new).read_bytes() == b"new"
        assert not store.blobs.path(new).is_relative_to(store.root)
        assert not create(store.root).blobs.has(new)

    elsewhere(work)
    if index == "behind":
        abandoned.close()


def test_a_full_disk_is_said_and_what_was_kept_stays(tmp_path):
    store = create(tmp_path)
    kept(store, record("before"))

    def work():
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        ledger = store.ledger()
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
        names = []
        with pytest.raises(StoreError, match=r"cannot write .*segments.*File too large.*ulimit"):
            for i in range(1000):
                ledger.add(record(str(i)))
                names.append(str(i))
        assert 10 < len(names) < 1000
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        ledger.add(record("after"))
        ledger.close()
        names += ["before", "after"]
        assert found(store, *names) == dict.fromkeys(names, "v")
        store.rebuild()
        assert found(store, *names) == dict.fromkeys(names, "v")

    elsewhere(work)


def test_a_disk_that_was_full_at_the_start_may_have_space_later(tmp_path):
    store = create(tmp_path)
    kept(store, record("before"))

    def work():
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        ledger = store.ledger()
        for limit in (0, 10, 50, 100, 200):
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
            with pytest.raises(StoreError, match="File too large"):
                ledger.add(record(f"refused {limit}"))
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        ledger.add(record("after"))
        ledger.close()
        store.rebuild()
        assert found(store, "before", "after") == {"before": "v", "after": "v"}
        assert len(segment_files(store)) == 2

    elsewhere(work)


def test_a_full_disk_for_the_index_alone_costs_nothing(tmp_path, monkeypatch):
    store = create(tmp_path)
    ledger = store.ledger()
    full = []

    def refuse(self, rows):
        full.append(1)
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = 13
        raise error

    monkeypatch.setattr("plait.stores.local.index.Index.write", refuse)
    for i in range(30):
        ledger.add(record(str(i)))
    assert len(look_up(ledger, [digest(str(i)) for i in range(30)])) == 30
    ledger.close()
    monkeypatch.undo()
    assert 1 < len(full) < 20
    assert len(found(store, *map(str, range(30)))) == 30


def test_a_run_whose_process_is_gone_has_died(tmp_path):
    store, here = create(tmp_path), platform.node()
    child = forked(time.sleep, 0)
    joined(child)
    rows = {
        "ours": (here, os.getpid(), time.time()),
        "gone": (here, child, time.time()),
        "its number is used again": (here, os.getpid(), time.time() - 3e6),
        "of another host": ("another host", child, time.time()),
        "of another host, long silent": ("another host", child, time.time() - 3e6),
        "no start": (here, os.getpid(), 0.0),
    }
    with closing(store.ledger()) as ledger:
        for i, (name, process) in enumerate(rows.items()):
            ledger.add_run(run(name, started=process[2] or float(i), status="running")._replace(process=process))
            ledger.add_run(run(name + ", done", started=float(i))._replace(process=process))
    with closing(store.ledger()) as ledger:
        status = {row.id: row.status for row in ledger.runs()}
    assert {name for name, is_ in status.items() if is_ == "died"} == {
        "gone",
        "its number is used again",
        "of another host, long silent",
    }
    assert {status[name + ", done"] for name in rows} == {"done"}


def test_a_zombie_has_died(tmp_path):
    child = forked(time.sleep, 0)
    ended(child)
    with closing(create(tmp_path).ledger()) as ledger:
        process = (platform.node(), child, time.time())
        ledger.add_run(run("r", started=1.0, status="running")._replace(process=process))
        assert [row.status for row in ledger.runs()] == ["died"]
    joined(child)


def test_a_ledger_does_not_follow_into_a_fork_and_says_when_it_is_closed(tmp_path):
    store = create(tmp_path)
    ledger = store.ledger()
    ledger.add(record("a"))

    def work():
        a = [digest("a")]
        for use in (lambda: ledger.add(record("b")), lambda: ledger.find(a), lambda: ledger.hits(a)):
            with pytest.raises(StoreError, match="belongs to the process that opened it"):
                use()
        ledger.close()
        assert found(store, "a") == {"a": "v"}

    elsewhere(work)
    ledger.close()
    ledger.close()
    for ask in (ledger.find, ledger.hits):
        with pytest.raises(StoreError, match="was closed"):
            ask([digest("a")])
    assert found(store, "a", "b") == {"a": "v"}


def test_a_key_may_be_asked_for_twice(tmp_path):
    store = create(tmp_path)
    one = record("a")
    with closing(store.ledger()) as ledger:
        ledger.add(one)
        assert look_up(ledger, [one.key] * 1200) == {one.key: one}
    with closing(store.ledger()) as ledger:
        assert look_up(ledger, [one.key] * 1200) == {one.key: one}


def test_code_is_written_once_however_often_it_is_added(tmp_path):
    store = create(tmp_path)
    for _ in range(3):
        with closing(store.ledger()) as ledger:
            for _ in range(3):
                ledger.add_code(digest("code"), b"x" * 1000)
    assert len(segment_files(store)) == 1
    assert segment_files(store)[0].stat().st_size < 2000


def test_a_record_from_a_later_version_is_a_miss(tmp_path):
    store = create(tmp_path)
    ledger = store.ledger()
    ledger._writer.append(segments.RECORD, b'["key", "and", "too", "little"]')
    ledger._writer.append(77, b"a kind that is not known")
    ledger.add(record("a"))
    ledger.close()
    store.rebuild()
    assert found(store, "a") == {"a": "v"}


@pytest.mark.parametrize("rebuilt_elsewhere", [False, True])
def test_a_clean_segment_is_not_opened_again(tmp_path, monkeypatch, rebuilt_elsewhere):
    store = create(tmp_path)
    for i in range(3):
        kept(store, record(str(i)))
    if rebuilt_elsewhere:  # where nobody can ask whether the owner lives
        with monkeypatch.context() as patch:
            patch.setattr(recovery.owners, "dead", lambda owner: None)
            store.rebuild()
    child = forked(lambda: store.ledger().add(record("of the dead")))
    joined(child)
    assert found(store, "of the dead", "1") == {"of the dead": "v", "1": "v"}
    monkeypatch.setattr(segments, "owner", lambda path: pytest.fail(f"opened {path}"))
    assert found(store, "of the dead", "1") == {"of the dead": "v", "1": "v"}


def test_a_store_is_small_when_it_travels(tmp_path):
    store = create(tmp_path)
    kept(store, record("a"))
    assert len(pickle.dumps(store)) < 200 + len(str(tmp_path))
    assert found(pickle.loads(pickle.dumps(store)), "a") == {"a": "v"}


def test_importing_the_store_does_not_import_sqlite():
    code = "import sys, plait.stores.local as l; l.create('/no').ledger().close(); assert 'sqlite3' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=240)


def test_write_ahead_logs_only_where_sqlite_keeps_them_whole(tmp_path):
    sound = [(3, 50, 7), (3, 51, 3), (3, 52, 0), (4, 0, 0)]
    unsound = [(3, 7, 0), (3, 40, 1), (3, 50, 6), (3, 51, 0), (3, 51, 2)]
    assert all(map(sqlite.wal_is_sound, sound))
    assert not any(map(sqlite.wal_is_sound, unsound))
    store = create(tmp_path)
    kept(store, record("a"))
    with closing(store.ledger()) as ledger:
        mode = ledger._index._connection.execute("PRAGMA journal_mode").fetchone()[0]
        synchronous = ledger._index._connection.execute("PRAGMA synchronous").fetchone()[0]
    sound = sqlite.wal_is_sound(sqlite3.sqlite_version_info)
    assert (mode, synchronous) == (("wal", 1) if sound else ("truncate", 2))


def test_write_ahead_logs_work_too(tmp_path, monkeypatch):
    monkeypatch.setattr(sqlite, "wal_is_sound", lambda version: True)
    store = create(tmp_path)
    kept(store, *(record(str(i)) for i in range(20)))
    store.rebuild()
    kept(store, record("more"))
    assert len(found(store, "more", *map(str, range(20)))) == 21
    monkeypatch.undo()  # an older Python opens the same store
    assert len(found(store, "more", *map(str, range(20)))) == 21
    assert isinstance(next(iter(ledger_records(store))), Record)
