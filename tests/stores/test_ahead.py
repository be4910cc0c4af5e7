"""Records are read ahead, in the order in which they were kept: a question costs less, and no answer is another."""

import random
import sqlite3
from contextlib import closing

import pytest

from plait.errors import StoreError
from plait.stores.local import ahead as module
from plait.stores.local import create, index
from plait.testing.stores import record


@pytest.fixture
def asked(monkeypatch):
    """How often the database was asked for single keys."""
    count = []
    monkeypatch.setattr(
        index.Index, "find", lambda self, keys, real=index.Index.find: count.append(1) or real(self, keys)
    )
    return count


def kept(store, names, value="v"):
    with closing(store.ledger()) as ledger:
        for name in names:
            ledger.add(record(name, value))


def test_a_chain_of_questions_is_answered_by_few(tmp_path, asked):
    store, names = create(tmp_path), [str(i) for i in range(1_000)]
    kept(store, names)
    with closing(store.ledger()) as ledger:
        for name in names:
            assert ledger.find([record(name).key]) == {record(name).key: record(name)}
        assert len(asked) < 15
        for name in names[-20:]:  # asked once more, it is still there
            assert ledger.find([record(name).key])
        assert len(asked) < 15


@pytest.mark.parametrize("order", ["shuffled", "backwards", "every second", "with misses", "twice"])
def test_in_any_order_the_answers_are_the_same(tmp_path, order):
    random.seed(61)
    store, names = create(tmp_path), [str(i) for i in range(300)]
    kept(store, names)
    asking = {
        "shuffled": random.sample(names, 300),
        "backwards": names[::-1],
        "every second": names[::2],
        "with misses": [name for pair in zip(names, (f"no {name}" for name in names)) for name in pair],
        "twice": [name for name in names for _ in range(2)],
    }[order]
    with closing(store.ledger()) as ledger:
        for name in asking:
            one = record(name)
            assert ledger.find([one.key]) == ({} if name.startswith("no") else {one.key: one})


def test_what_others_replace_is_seen_soon(tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    store, names = create(tmp_path), ["a", "b", "c"]
    kept(store, names)
    with closing(store.ledger()) as ledger:
        assert ledger.find([record("a").key])
        with closing(store.ledger()) as other:
            other.add(record("b", "newest"), newest=True)
        now[0] += 1.5
        assert ledger.find([record("b").key]) == {record("b").key: record("b", "newest")}


def test_what_we_keep_ourselves_goes_before_what_was_read_ahead(tmp_path):
    store, names = create(tmp_path), ["a", "b", "c"]
    kept(store, names)
    with closing(store.ledger()) as ledger:
        assert ledger.find([record("a").key])
        ledger.add(record("b", "first stays"))
        ledger.add(record("c", "newest"), newest=True)
        assert ledger.find([record("b").key]) == {record("b").key: record("b")}
        assert ledger.find([record("c").key]) == {record("c").key: record("c", "newest")}


def test_a_closed_ledger_answers_nothing_from_memory(tmp_path):
    store = create(tmp_path)
    kept(store, ["a", "b"])
    ledger = store.ledger()
    assert ledger.find([record("a").key])
    ledger.close()
    with pytest.raises(StoreError, match="was closed"):
        ledger.find([record("b").key])


def test_nothing_is_read_ahead_that_others_may_have_taken_before_it_was_held(tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    store, asked = create(tmp_path), []
    names = [str(i) for i in range(20)]
    kept(store, names)

    def following(self, *args, real=index.Index.following):
        found = real(self, *args)
        if not asked:  # a clean-up takes one out now, and then sees that nobody holds it
            with closing(sqlite3.connect(tmp_path / "index.sqlite")) as database, database:
                assert database.execute("DELETE FROM records WHERE rowid = 3").rowcount == 1
        asked.append([*found])
        return found

    with closing(store.ledger()) as ledger:
        assert ledger.find([record("0").key])  # so that it goes by what it knows of the index
        now[0] += 1.5
        monkeypatch.setattr(index.Index, "following", following)
        for name in names[1:]:
            assert ledger.find([record(name).key]) == ({} if name == "2" else {record(name).key: record(name)})
    taken = index.short(record("2").key)
    assert taken in asked[0], "it was there when it was read"
    assert asked[1:]
    assert not any(taken in keys for keys in asked[1:]), "it was read again"


@pytest.mark.parametrize("key", ["CAST(zeroblob(16) AS TEXT)", "7", "1.5", "x'00'"])
def test_a_damaged_key_among_those_that_are_read_ahead_is_left_out(tmp_path, key):
    store, names = create(tmp_path), ["a", "b", "c"]
    kept(store, names)
    with closing(sqlite3.connect(tmp_path / "index.sqlite")) as database, database:
        assert database.execute(f"UPDATE records SET key = {key} WHERE rowid = 2").rowcount == 1  # noqa: S608
    with closing(store.ledger()) as ledger:
        for name in names:
            assert ledger.find([record(name).key]) == ({} if name == "b" else {record(name).key: record(name)})
    lines = next((tmp_path / "pins").iterdir()).read_text().splitlines()
    assert {len(line) for line in lines[1:]} == {32}
