"""A pack is a copy of rows, and quicker to read: it is there for what was kept together, and never says anything else."""

import sqlite3
from collections import Counter
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plait.core.records import hit_of
from plait.stores.local import create, index, packs
from plait.stores.local.checking import check
from plait.stores.local.layout import Layout
from plait.testing.stores import look_up, record
from stores.harness import elsewhere


def kept(store, names, value="v", **how):
    with closing(store.ledger()) as ledger:
        for name in names:
            ledger.add(record(name, value), **how)


def listed(root):
    """The packs of a store, by the numbers of their rows."""
    with closing(sqlite3.connect(root / "index.sqlite")) as database:
        return database.execute("SELECT first, last FROM packs ORDER BY first").fetchall()


def change(root, sql):
    with closing(sqlite3.connect(root / "index.sqlite")) as database, database:
        assert database.execute(sql).rowcount == 1


def agree(store, names):
    with closing(store.ledger()) as ledger:
        return look_up(ledger, [record(name).key for name in names])


def test_what_is_kept_together_is_packed_and_read_so(tmp_path, monkeypatch):
    store, names = create(tmp_path), [str(i) for i in range(200)]
    kept(store, names)
    assert listed(tmp_path) == [(1, 64), (65, 128), (129, 192), (193, 200)]

    asked = Counter()
    for name in ("find", "following", "packed"):
        real = getattr(index.Index, name)
        monkeypatch.setattr(index.Index, name, lambda *args, name=name, real=real: asked.update([name]) or real(*args))
    with closing(store.ledger()) as ledger:
        for name in names:
            key = record(name).key
            assert ledger.hits([key]) == {key: hit_of(record(name))}
    assert asked["following"] <= 2, "a few first, since it may be that no more are asked for; and what is left"
    assert 1 <= asked["packed"] <= 3 and not asked["find"]


def test_one_lookup_holds_no_pack(tmp_path):
    store, names = create(tmp_path), [str(i) for i in range(640)]
    elsewhere(lambda: kept(store, names))  # else they are held since we have put them there
    with closing(store.ledger()) as ledger:
        for name in names[5::64]:
            assert ledger.hits([record(name).key])
    lines = next((tmp_path / "pins").iterdir()).read_text().splitlines()
    assert len(lines) < 100, "else a clean-up could take next to nothing while somebody looks things up"


def test_a_few_records_and_long_ones_are_not_packed(tmp_path):
    store = create(tmp_path)
    kept(store, ["a", "b", "c", "d", "e", "f", "g"])
    kept(store, [f"long {i}" for i in range(20)], "long" * 2000)
    assert listed(tmp_path) == []
    assert len(agree(store, ["a", "g", "long 0", "long 19"])) == 4


def test_a_pack_goes_with_the_first_of_its_rows_that_goes_and_no_other_does(tmp_path):
    store = create(tmp_path)
    kept(store, [str(i) for i in range(200)])
    change(tmp_path, "DELETE FROM records WHERE id = 100")
    assert listed(tmp_path) == [(1, 64), (129, 192), (193, 200)]


def test_a_pack_goes_with_the_first_of_its_rows_that_is_replaced_and_no_other_does(tmp_path):
    store, names = create(tmp_path), [str(i) for i in range(200)]
    kept(store, names)
    kept(store, ["99", "one that is new"], "newest", newest=True)
    assert listed(tmp_path) == [(1, 64), (129, 192), (193, 200)]
    assert agree(store, names)[record("99").key] == record("99", "newest")


def test_a_row_that_is_in_no_pack_takes_none_with_it(tmp_path):
    store = create(tmp_path)
    kept(store, [str(i) for i in range(64)])
    kept(store, ["alone"])
    change(tmp_path, "DELETE FROM records WHERE id = 65")
    assert listed(tmp_path) == [(1, 64)]
    kept(store, ["alone"], "again")  # in the place of the other
    assert listed(tmp_path) == [(1, 64)]
    assert agree(store, ["alone", "63"])[record("alone").key] == record("alone", "again")


def test_a_row_whose_writer_moved_stays_in_its_pack(tmp_path):
    store = create(tmp_path)
    kept(store, [str(i) for i in range(64)])
    change(tmp_path, "UPDATE records SET writer = 7 WHERE id = 3")
    assert listed(tmp_path) == [(1, 64)]


def test_what_lost_against_a_record_that_was_known_is_in_no_pack_and_the_others_are(tmp_path):
    store, names = create(tmp_path), [str(i) for i in range(20)]
    with closing(store.ledger()) as slower:
        kept(store, ["5"], "first")
        for name in names:
            slower.add(record(name, "second"))
    assert listed(tmp_path) == [(2, 20)]
    found = agree(store, names)
    assert found.pop(record("5").key) == record("5", "first")
    assert set(found.values()) == {record(name, "second") for name in names if name != "5"}


@pytest.mark.parametrize(
    "sql",
    [
        "hits = substr(hits, 2)",
        "keys = x'00'",
        "crc = 1",
        "hits = 7",
        "hits = 'text'",
        "last = 63",
        "last = 'text'",
        "first = 0",
    ],
)
def test_a_damaged_pack_is_seen_and_the_index_made_again(tmp_path, sql):
    store, names = create(tmp_path), [str(i) for i in range(64)]
    kept(store, names)
    change(tmp_path, f"UPDATE packs SET {sql}")
    assert len(agree(store, names)) == 64
    assert listed(tmp_path) == [(1, 64)]
    with closing(index.connect(str(tmp_path / "index.sqlite"))) as found:
        assert found.is_sound() and found.agrees()


def test_a_pack_of_another_version_is_left_out(tmp_path):
    store, names = create(tmp_path), [str(i) for i in range(64)]
    kept(store, names)
    with closing(sqlite3.connect(tmp_path / "index.sqlite")) as database, database:
        (keys,) = database.execute("SELECT keys FROM packs").fetchone()
        body = b'[["of","another","kind"]]'
        database.execute("UPDATE packs SET hits = ?, crc = ?", (body, packs._crc(1, 64, keys, body)))
    assert len(agree(store, names)) == 64
    assert listed(tmp_path) == [(1, 64)], "nothing is wrong with the file"


def test_a_check_finds_a_pack_that_says_something_else_than_its_rows(tmp_path):
    store = create(tmp_path)
    kept(store, [str(i) for i in range(64)])
    assert {found.level for found in check(Layout(str(tmp_path)))} <= {"fine", "note"}
    with closing(index.connect(str(tmp_path / "index.sqlite"))) as found:
        (pack,) = found.packed(1, 1)
    hits = [hit._replace(made=2.0) if i == 3 else hit for i, hit in enumerate(pack.hits())]
    (false,) = packs.packed(1, [index.short(hit.key) for hit in hits], hits)
    with closing(sqlite3.connect(tmp_path / "index.sqlite")) as database, database:
        database.execute("UPDATE packs SET hits = ?, crc = ?", (false.listed, false.crc))
    assert [found.what for found in check(Layout(str(tmp_path))) if found.level == "bad"] == [
        f"{tmp_path / 'index.sqlite'} did not say what the segments say"
    ]
    assert agree(store, ["3"])


def test_many_that_are_asked_for_at_once_come_from_packs_and_the_rest_from_rows(tmp_path, monkeypatch):
    store, names = create(tmp_path), [str(i) for i in range(6_000)]
    kept(store, names)
    asked = []
    find = index.Index.find
    monkeypatch.setattr(index.Index, "find", lambda self, keys: asked.extend(keys) or find(self, keys))
    keys = {record(name).key: hit_of(record(name)) for name in names}
    with closing(store.ledger()) as ledger:
        assert ledger.hits(keys) == keys
        assert not asked
        assert ledger.hits([*keys][::-1]) == keys
    assert len(asked) > 5_000, "what is asked for in another order"
    change(tmp_path, "DELETE FROM records WHERE id = 1000")
    asked.clear()
    with closing(store.ledger()) as ledger:
        assert ledger.hits(keys) == {key: hit for key, hit in keys.items() if key != record("999").key}
    assert 64 <= len(asked) < 6_000


_NAMES = st.integers(0, 40).map(str)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.lists(_NAMES, min_size=1, max_size=60),
            st.sampled_from(["first", "newest", "beside", "gone", "rebuilt", "again"]),
        ),
        min_size=2,
        max_size=8,
    )
)
def test_whatever_is_done_hits_are_what_is_found(tmp_path_factory, done):
    """The law: a pack never says anything else than its rows do."""
    root = tmp_path_factory.mktemp("store")
    store = create(root)
    kept(store, map(str, range(64)))
    for turn, (names, what) in enumerate(done):
        if what == "gone":
            with closing(sqlite3.connect(root / "index.sqlite")) as database, database:
                database.executemany(
                    "DELETE FROM records WHERE key = ?", [(index.short(record(n).key),) for n in names]
                )
        elif what == "rebuilt":
            store.rebuild()
        elif what == "beside":
            with closing(store.ledger()) as slower:
                kept(store, names[:3], f"beside {turn}")
                for name in names:
                    slower.add(record(name, f"slower {turn}"))
        elif what == "again":
            kept(store, [f"{name} of {turn}" for name in {*names}])
        else:
            kept(store, names, f"{what} {turn}", newest=what == "newest")
        agree(store, [*map(str, range(64)), *(f"{name} of {turn}" for name in names)])
        with closing(index.connect(str(root / "index.sqlite"))) as found:
            assert found.is_sound() and found.agrees()
