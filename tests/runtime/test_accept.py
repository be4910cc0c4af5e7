"""Accepting a change of code: what it takes, what it gives, and how it is taken back."""

import linecache
import sys
from types import ModuleType

import pytest

import plait
from plait import Pipeline, PlaitError
from plait.stores.local import create

SOURCE = """
from plait import Pipeline, step
import os

def kept(xs):
    return [x for x in xs if x > 1]

@step
def rows(n: int) -> list[int]:
    return list(range(n))

@step
def clean(rows: list[int]) -> list[int]:
    return kept(rows)

@step(env=["PLAIT_TEST_VARIABLE"])
def fit(clean: list[int], depth: int = 3) -> float:
    return float(sum(clean)) + depth

@step
def score(fit: float) -> float:
    return fit

@step(cache=False)
def push(score: float) -> None:
    return None

demo = Pipeline("demo", [rows, clean, fit, score, push])
"""
CHANGED = SOURCE.replace("x > 1]", "not x <= 1]")
FURTHER = SOURCE.replace("x > 1]", "1 < x]")


@pytest.fixture
def defined(monkeypatch):
    def define(source: str) -> Pipeline:
        module = ModuleType("accepted_demo")
        monkeypatch.setitem(sys.modules, "accepted_demo", module)
        name = f"<accepted {hash(source)}>"
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        exec(compile(source, name, "exec"), vars(module))
        return module.demo

    return define


@pytest.fixture
def ran(defined, tmp_path):
    defined(SOURCE).run("score", n=5, store=tmp_path, listeners=[])
    return tmp_path


def test_what_is_accepted_is_a_hit_and_so_is_all_after_it(defined, ran):
    demo = defined(CHANGED)
    assert demo.plan("score", n=5, store=ran)["run"] == ["clean"]
    (accepted,) = plait.accept(demo, "clean", n=5, store=ran, note="the same, said otherwise")
    assert demo.plan("score", n=5, store=ran)["hit"] == ["rows", "clean", "fit", "score"]
    run = demo.run("score", n=5, store=ran, listeners=[])
    assert set(run.states.values()) == {"hit"}
    assert run["clean"] == [2, 3, 4]
    assert plait.accepted(store=ran) == [accepted]
    assert (accepted.note, accepted.pipeline, accepted.withdrawn) == ("the same, said otherwise", "demo", "")


def test_it_holds_for_these_inputs_only(defined, ran):
    demo = defined(CHANGED)
    plait.accept(demo, "clean", n=5, store=ran)
    assert demo.plan("clean", n=6, store=ran)["run"] == ["rows"]
    demo.run("rows", n=6, store=ran, listeners=[])
    assert demo.plan("clean", n=6, store=ran)["run"] == ["clean"]


def test_taken_back_it_is_a_miss_again_and_what_is_then_computed_stays(defined, ran):
    demo = defined(CHANGED)
    (accepted,) = plait.accept(demo, "clean", n=5, store=ran)
    (withdrawn,) = plait.withdraw(accepted.id, store=ran)
    assert withdrawn.withdrawn and withdrawn.record == accepted.record
    assert plait.accepted(store=ran) == [withdrawn]
    create(ran).rebuild()
    assert demo.plan("score", n=5, store=ran)["run"] == ["clean"]
    assert demo.run("score", n=5, store=ran, listeners=[]).states["clean"] == "run"
    assert demo.run("score", n=5, store=ran, listeners=[]).states["clean"] == "hit"
    with pytest.raises(PlaitError, match="nothing accepted has the id"):
        plait.withdraw(accepted.id, store=ran)


def test_what_was_accepted_can_be_accepted_again_after_it_was_taken_back(defined, ran):
    demo = defined(CHANGED)
    (accepted,) = plait.accept(demo, "clean", n=5, store=ran)
    plait.withdraw(accepted.id[:6], store=ran)
    plait.accept(demo, "clean", n=5, store=ran)
    create(ran).rebuild()
    assert demo.plan("clean", n=5, store=ran)["hit"] == ["rows", "clean"]


def test_what_rests_on_an_acceptance_goes_with_it(defined, ran):
    (first,) = plait.accept(defined(CHANGED), "clean", n=5, store=ran)
    (second,) = plait.accept(defined(FURTHER), "clean", n=5, store=ran)
    assert second.source == first.record.key  # the change that `explain` shows is the one from there
    assert [one.id for one in plait.withdraw(first.id, store=ran)] == [first.id, second.id]
    assert defined(FURTHER).plan("clean", n=5, store=ran)["run"] == ["clean"]


def test_several_nodes_are_accepted_at_once_or_none(defined, ran):
    source = CHANGED.replace("float(sum(clean)) + depth", "depth + float(sum(clean))")
    demo = defined(source)
    with pytest.raises(
        PlaitError, match="fit cannot be accepted while clean would run: accept clean too, or run first"
    ):
        plait.accept(demo, "fit", n=5, store=ran)
    with pytest.raises(PlaitError, match="push cannot be accepted: .* cache=False"):
        plait.accept(demo, "clean", "fit", "push", n=5, store=ran)
    assert plait.accepted(store=ran) == []
    assert len(plait.accept(demo, "clean", "fit", n=5, store=ran)) == 2
    assert demo.plan("score", n=5, store=ran)["hit"] == ["rows", "clean", "fit", "score"]


@pytest.mark.parametrize(
    ("change", "arguments", "said"),
    [
        ({}, {}, "fit is up to date: there is nothing to accept"),
        ({"+ depth": "+ depth + 0"}, {"depth": 4}, "not only its code differs from what is kept .*depth changed"),
        ({}, {"depth": 4}, "not only its code differs from what is kept .depth changed"),
        ({"+ depth": "+ depth + 0"}, {"given": {"fit": 3.0}}, "fit cannot be accepted: it is given"),
        (
            {
                "+ depth": "+ depth + 0",
                "def fit": "def fitted",
                "rows, clean, fit,": "rows, clean, fitted.named('fit'),",
            },
            {},
            "nothing was kept of it",
        ),
        ({}, {"store": None}, "without a store nothing is kept that could be accepted"),
    ],
)
def test_where_more_than_the_code_differs_it_is_refused(defined, ran, change, arguments, said):
    source = SOURCE
    for old, new in change.items():
        assert old in source
        source = source.replace(old, new)
    with pytest.raises(PlaitError, match=said):
        plait.accept(defined(source), "fit", **{"n": 5, "store": ran, **arguments})


def test_an_environment_that_changed_too_is_not_accepted(defined, ran, monkeypatch):
    monkeypatch.setenv("PLAIT_TEST_VARIABLE", "other")
    with pytest.raises(PlaitError, match="not only its code differs from what is kept .*environment"):
        plait.accept(defined(SOURCE.replace("+ depth", "+ depth + 0")), "fit", n=5, store=ran)


def test_a_node_must_be_named(defined, ran):
    with pytest.raises(PlaitError, match="name the nodes"):
        plait.accept(defined(CHANGED), n=5, store=ran)


def test_an_explanation_says_whose_word_it_is(defined, ran):
    demo = defined(CHANGED)
    (accepted,) = plait.accept(demo, "clean", n=5, store=ran, note="only said otherwise")
    said = demo.explain("clean", n=5, store=ran)
    assert "clean is up to date, and so is what it needs. It was made in " in said
    assert f"clean was accepted by {accepted.by} at " in said
    assert ": only said otherwise\n" in said
    assert f"plait accept --undo {accepted.id}" in said
    assert "clean was accepted by" in demo.explain("score", n=5, store=ran)
    run = demo.run("score", n=5, store=ran, listeners=[])
    assert "clean was accepted by" in run.explain("clean")
    plait.withdraw(accepted.id, store=ran)
    assert "accepted" not in demo.explain("clean", n=5, store=ran)
    assert "it was taken back by " in run.explain("clean")
    again = demo.run("score", n=5, store=ran, listeners=[])
    assert "it was taken back by " in run.explain("clean")
    assert "accepted" not in again.explain("clean")
    assert "accepted" not in demo.explain("clean", n=5, store=ran)


def test_a_change_after_an_accepted_one_is_compared_with_it(defined, ran):
    plait.accept(defined(CHANGED), "clean", n=5, store=ran)
    said = defined(FURTHER).explain("clean", n=5, store=ran)
    assert "    +     return [x for x in xs if 1 < x]" in said


MAPPED = """
from plait import each, pipeline, step

def grown(x):
    if x == 3:
        raise ValueError("no")
    return x + 1

@step
def fit(x: int) -> int:
    return grown(x)

@step
def total(models: list[int]) -> int:
    return sum(models)

@pipeline
def demo(xs: list[int]) -> int:
    return total(fit.map(each(xs)))
"""


def test_of_a_map_those_items_are_accepted_that_differ_only_in_code(defined, tmp_path):
    before = defined(MAPPED)
    before.run(xs=[1, 2, 3], store=tmp_path, fail="keep-going", listeners=[])
    demo = defined(MAPPED.replace("x + 1", "1 + x"))
    with pytest.raises(PlaitError, match=r"no item of fit can be accepted\. fit\[9\]: nothing was kept|differs from"):
        plait.accept(demo, "fit", xs=[9], store=tmp_path)
    found = plait.accept(demo, "fit", xs=[1, 2, 3, 4], store=tmp_path)
    assert [one.record.node for one in found] == ["fit[1]", "fit[2]"]
    assert set(found.left) == {"fit[3]", "fit[4]"} and all(found.left.values())
    states = {one.node: one.state for one in demo.plan(xs=[1, 2, 3, 4], store=tmp_path)}
    assert states["fit[1]"] == states["fit[2]"] == "hit" and states["fit[3]"] == states["fit[4]"] == "run"
