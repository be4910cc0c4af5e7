"""After many misses a store knows what it lacks: a question costs less, and no answer is another."""

import random
from contextlib import closing

import pytest

from plait.stores.local import absent as module
from plait.stores.local import create, index
from plait.stores.local import ledger as ledgers
from plait.testing.stores import record


@pytest.fixture
def asked(monkeypatch):
    """How often the database was asked for single keys."""
    count = []
    monkeypatch.setattr(
        index.Index, "find", lambda self, keys, real=index.Index.find: count.append(1) or real(self, keys)
    )
    return count


@pytest.fixture
def store(tmp_path):
    store = create(tmp_path)
    with closing(store.ledger()) as ledger:
        for i in range(500):
            ledger.add(record(f"there {i}"))
    return store


def test_many_misses_cost_few_questions(store, asked):
    with closing(store.ledger()) as ledger:
        for i in range(2_000):
            assert not ledger.find([record(f"new {i}").key])
            ledger.add(record(f"new {i}"))
    assert len(asked) < 200


def test_what_is_there_is_found_among_misses_and_so_is_what_was_just_kept(store, monkeypatch):
    monkeypatch.setattr(ledgers, "_BATCH", 30)  # so that it moves from memory to the index meanwhile
    random.seed(3)
    new = []
    with closing(store.ledger()) as ledger:
        for i in range(1_000):
            assert not ledger.find([record(f"new {i}").key])
            ledger.add(record(f"new {i}"))
            new.append(f"new {i}")
            for name in (random.choice(new), f"there {random.randrange(500)}"):
                assert ledger.find([record(name).key]) == {record(name).key: record(name)}


def test_what_others_keep_is_seen_soon(store, monkeypatch):
    with closing(store.ledger()) as ledger, closing(store.ledger()) as other:
        for i in range(200):
            assert not ledger.find([record(f"new {i}").key])
        other.add(record("another's"))
        other.close()
        now = module.time.monotonic()
        monkeypatch.setattr(module.time, "monotonic", lambda: now + 2 * module._LASTS)
        assert ledger.find([record("another's").key])


def test_the_keys_of_a_big_store_are_not_read_before_many_misses(store, monkeypatch):
    monkeypatch.setattr(module, "_WORTH", 1)
    read = []
    monkeypatch.setattr(
        index.Index, "keys", lambda self, limit, real=index.Index.keys: read.append(real(self, limit)) or read[-1]
    )
    with closing(store.ledger()) as ledger:
        for i in range(600):
            assert not ledger.find([record(f"new {i}").key])
            assert read.count(None) == len(read) or i >= 499
    *early, last = read
    assert len(last) == 500 and early and not any(early)
