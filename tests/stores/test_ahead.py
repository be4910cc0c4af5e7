"""Hits are read ahead, in the order in which they were kept: a question costs less, and no answer is another."""

import random
import sqlite3
from collections import Counter
from contextlib import closing

import pytest

from plait.core.records import hit_of
from plait.errors import StoreError
from plait.stores.local import ahead as module
from plait.stores.local import create, index
from plait.testing.stores import record


@pytest.fixture
def asked(monkeypatch):
    """How often the database was asked, and how."""
    count = Counter()
    for name in ("find", "following", "packed"):
        real = getattr(index.Index, name)
        monkeypatch.setattr(index.Index, name, lambda *args, name=name, real=real: count.update([name]) or real(*args))
    return count


def hit(ledger, name):
    """What is known of a record, asked for alone."""
    return ledger.hits([record(name).key]).get(record(name).key)


# few records are read row by row, and many that were kept together by packs
in_both_ways = pytest.mark.parametrize(
    "names", [["a", "b", "c"], ["a", "b", "c", *map(str, range(20))]], ids=["rows", "packs"]
)


def kept(store, names, value="v"):
    with closing(store.ledger()) as ledger:
        for name in names:
            ledger.add(record(name, value))


def test_a_chain_of_questions_is_answered_by_few(tmp_path, asked):
    store, names = create(tmp_path), [str(i) for i in range(1_000)]
    kept(store, names)
    with closing(store.ledger()) as ledger:
        for name in names:
            assert hit(ledger, name) == hit_of(record(name))
        assert 0 < asked.total() < 15
        for name in names[-20:]:  # asked once more, it is still there
            assert hit(ledger, name)
        assert asked.total() < 15


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
            assert hit(ledger, name) == (None if name.startswith("no") else hit_of(record(name)))


@in_both_ways
def test_what_others_replace_is_seen_soon(tmp_path, monkeypatch, names):
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    store = create(tmp_path)
    kept(store, names)
    with closing(store.ledger()) as ledger:
        assert hit(ledger, "a")
        with closing(store.ledger()) as other:
            other.add(record("b", "newest"), newest=True)
        now[0] += 1.5
        assert hit(ledger, "b") == hit_of(record("b", "newest"))


@in_both_ways
def test_what_we_keep_ourselves_goes_before_what_was_read_ahead(tmp_path, names):
    store = create(tmp_path)
    kept(store, names)
    with closing(store.ledger()) as ledger:
        assert hit(ledger, "a")
        ledger.add(record("b", "first stays"))
        ledger.add(record("c", "newest"), newest=True)
        assert hit(ledger, "b") == hit_of(record("b"))
        assert hit(ledger, "c") == hit_of(record("c", "newest"))


@in_both_ways
def test_a_closed_ledger_answers_nothing_from_memory(tmp_path, names):
    store = create(tmp_path)
    kept(store, names)
    ledger = store.ledger()
    assert hit(ledger, "a")
    ledger.close()
    with pytest.raises(StoreError, match="was closed"):
        hit(ledger, "b")


@pytest.mark.parametrize("way", ["packed", "following"])
def test_nothing_is_read_ahead_that_others_may_have_taken_before_it_was_held(tmp_path, monkeypatch, way):
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    store, asked, taken = create(tmp_path), [], []
    names = [str(i) for i in range(200 if way == "packed" else 20)]
    kept(store, names)

    def reading(self, *args, real=getattr(index.Index, way)):
        found = real(self, *args)
        keys = [*found] if way == "following" else [index.short(hit.key) for pack in found for hit in pack.hits()]
        if not asked:  # a clean-up takes one out now, and then sees that nobody holds it
            taken.append(keys[-2])
            with closing(sqlite3.connect(tmp_path / "index.sqlite")) as database, database:
                assert database.execute("DELETE FROM records WHERE key = ?", taken).rowcount == 1
        asked.append(keys)
        return found

    with closing(store.ledger()) as ledger:
        assert hit(ledger, "0")  # so that it goes by what it knows of the index
        now[0] += 1.5
        monkeypatch.setattr(index.Index, way, reading)
        for name in names[1:]:
            gone = index.short(record(name).key) in taken
            assert hit(ledger, name) == (None if gone else hit_of(record(name)))
    assert taken[0] in asked[0], "it was there when it was read"
    assert asked[1:]
    assert not any(taken[0] in keys for keys in asked[1:]), "it was read again"


@pytest.mark.parametrize("key", ["CAST(zeroblob(16) AS TEXT)", "7", "1.5", "x'00'"])
def test_a_damaged_key_among_those_that_are_read_ahead_is_left_out(tmp_path, key):
    store, names = create(tmp_path), ["a", "b", "c"]
    kept(store, names)
    with closing(sqlite3.connect(tmp_path / "index.sqlite")) as database, database:
        assert database.execute(f"UPDATE records SET key = {key} WHERE rowid = 2").rowcount == 1  # noqa: S608
    with closing(store.ledger()) as ledger:
        for name in names:
            assert hit(ledger, name) == (None if name == "b" else hit_of(record(name)))
    lines = next((tmp_path / "pins").iterdir()).read_text().splitlines()
    assert {len(line) for line in lines[1:]} == {32}
