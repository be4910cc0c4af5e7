"""Looking after a store from Python: names for runs, limits as text, and any store that can be looked after."""

import pytest

from plait import Pipeline, PlaitError, step, upkeep
from plait.stores.local import create


@step
def made(n: int) -> int:
    return n + 1


P = Pipeline("p", [made])


def test_a_name_is_of_one_run_at_a_time(tmp_path):
    first, second = (P.run(n=n, store=tmp_path, listeners=[]) for n in (1, 2))
    upkeep.tag(first.id, "best", store=tmp_path)
    upkeep.tag(first.id, "first", store=tmp_path)
    upkeep.tag("last", "best", store=tmp_path)
    assert {name: row.id for name, row in upkeep.tags(store=tmp_path).items()} == {"best": second.id, "first": first.id}
    assert upkeep.untag("best", store=tmp_path) == second.id
    assert list(upkeep.tags(store=tmp_path)) == ["first"]
    with pytest.raises(PlaitError, match="no run is named 'furst'.*first"):
        upkeep.untag("furst", store=tmp_path)


def test_what_cannot_be_named_is_said(tmp_path):
    P.run(n=1, store=tmp_path, listeners=[])
    with pytest.raises(PlaitError, match="there is no run 2020"):
        upkeep.tag("2020", "x", store=tmp_path)
    for name in ("", " x", "a\nb"):
        with pytest.raises(PlaitError, match="no name for a run"):
            upkeep.tag("last", name, store=tmp_path)


def test_what_was_tagged_stays_and_the_rest_goes(tmp_path):
    run = P.run(n=1, store=tmp_path, listeners=[])
    upkeep.tag(run.id, "best", store=tmp_path)
    assert {use.kept for use in create(tmp_path).upkeep().usage()} == {"running"}, "this process holds it"
    assert upkeep.collect(age="0s", grace="0s", store=tmp_path).results == 0


def test_a_store_that_cannot_be_looked_after_is_named():
    class Other:
        def ledger(self):
            raise AssertionError

    with pytest.raises(PlaitError, match="cannot be looked after"):
        upkeep.check(store=Other())


@pytest.mark.parametrize("size", ["", "GB", "1 XB", "-", "ten", "1e999"])
def test_what_is_no_size_is_said(size, tmp_path):
    with pytest.raises(PlaitError, match="500MB"):
        upkeep.collect(size=size, store=tmp_path)


@pytest.mark.parametrize("verb", [upkeep.collect, upkeep.check, upkeep.tags])
def test_where_there_is_no_store_nothing_is_made(verb, tmp_path):
    verb(store=tmp_path / "none")
    tended = upkeep.tended(tmp_path / "none")
    assert (list(tended.usage()), tended.rebuild()) == ([], 0)
    assert [one.level for one in tended.diagnose()] == ["note"]
    assert list(tmp_path.iterdir()) == []
