"""Explanations: the way from what changed to the node that was asked about, in words."""

import linecache
import sys
from types import ModuleType

import pytest

from plait import PlaitError
from plait.core.manifest import Change
from plait.core.reasons import Reason
from plait.pipeline import Pipeline
from plait.runtime.plan import Plan, Planned
from plait.show.explaining import explained
from plait.stores.local import create

SOURCE = """
from plait import Pipeline, Seed, auto, step
import os

LIMIT = 1

def kept(xs):
    return [x for x in xs if x > LIMIT]

@step
def rows(n: int) -> list[int]:
    return list(range(n))

@step
def clean(rows: list[int]) -> list[int]:
    return kept(rows)

@step(env=["PLAIT_TEST_VARIABLE"])
def fit(clean: list[int], seed: Seed = auto, depth: int = 3) -> float:
    return float(sum(clean)) + depth

@step
def score(fit: float) -> float:
    return fit

@step(cache=False)
def push(score: float) -> None:
    return None

demo = Pipeline("demo", [rows, clean, fit, score, push])
"""


@pytest.fixture
def defined(monkeypatch):
    def define(source: str) -> Pipeline:
        module = ModuleType("explained_demo")
        monkeypatch.setitem(sys.modules, "explained_demo", module)
        name = f"<explained {hash(source)}>"
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        exec(compile(source, name, "exec"), vars(module))
        return module.demo

    return define


@pytest.fixture
def ran(defined, tmp_path):
    defined(SOURCE).run("score", n=5, store=tmp_path, listeners=[])
    return tmp_path


def test_what_is_known_is_up_to_date(defined, ran):
    said = defined(SOURCE).explain("score", n=5, store=ran)
    assert said.startswith("score is up to date, and so are all 3 nodes that it needs. It was made in ")


def test_a_node_that_never_ran_is_new(defined, tmp_path):
    said = defined(SOURCE).explain("rows", n=5, store=tmp_path)
    assert said == "rows would run: nothing was kept of it before."


def test_changed_code_is_shown_by_its_lines_and_the_way_to_it(defined, ran):
    said = defined(SOURCE.replace("x > LIMIT]", "x >= LIMIT]")).explain("score", n=5, store=ran)
    assert said.startswith("Whether score would run depends on what clean gives:\n\n  clean -> fit -> score\n\n")
    assert "clean would run: code that it reaches changed since " in said
    assert said.endswith(
        "  function kept\n    by clean -> kept\n"
        "    -     return [x for x in xs if x > LIMIT]\n    +     return [x for x in xs if x >= LIMIT]"
    )


def test_comments_and_docstrings_are_not_among_the_lines_that_changed(defined, ran):
    edited = SOURCE.replace(
        "    return [x for x in xs if x > LIMIT]",
        '    """Keeps\n\n    them."""\n\n    # a comment\n    return [x for x in xs if x >= LIMIT]  # another',
    )
    said = defined(edited).explain("clean", n=5, store=ran)
    assert said.endswith(
        "  function kept\n    by clean -> kept\n"
        "    -     return [x for x in xs if x > LIMIT]\n    +     return [x for x in xs if x >= LIMIT]"
    )


def test_text_that_only_looks_like_a_comment_or_a_docstring_counts(defined, ran):
    edited = SOURCE.replace("return kept(rows)", 'return kept(rows) if \'# no\' else """some\n  text"""')
    said = defined(edited).explain("clean", n=5, store=ran)
    assert '+     return kept(rows) if \'# no\' else """some\n    +   text"""' in said


def test_a_constant_far_away_is_found(defined, ran):
    said = defined(SOURCE.replace("LIMIT = 1", "LIMIT = 2")).explain("clean", n=5, store=ran)
    assert said.endswith("  constant LIMIT: 1 -> 2\n    by clean -> kept -> LIMIT")


def test_the_body_of_the_step_itself_is_its_code(defined, ran):
    said = defined(SOURCE.replace("return kept(rows)", "return kept(rows)[:2]")).explain("clean", n=5, store=ran)
    assert "clean would run: its code changed since " in said
    assert "\n  clean\n    -     return kept(rows)\n" in said


def test_parameters_and_seeds_are_named(defined, ran):
    said = defined(SOURCE).explain("fit", n=5, seed=3, depth=4, store=ran)
    assert "  - the parameter fit.depth changed: 3 -> 4" in said
    assert "  - the seed changed: 0 -> 3" in said


def test_an_environment_variable_is_named(defined, ran, monkeypatch):
    monkeypatch.setenv("PLAIT_TEST_VARIABLE", "other")
    assert "(PLAIT_TEST_VARIABLE)" in defined(SOURCE).explain("fit", n=5, store=ran)


def test_without_a_store_everything_runs(defined):
    assert "without a store nothing is kept" in defined(SOURCE).explain("rows", n=5, store=None)


def test_a_step_that_is_never_kept_says_so(defined, ran):
    demo = defined(SOURCE)
    demo.run(n=5, store=ran, listeners=[])
    assert "since its step says cache=False" in demo.explain("push", n=5, store=ran)


def test_what_is_given_is_not_explained_away(defined, ran):
    assert defined(SOURCE).explain("fit", given={"fit": 3.0}, store=ran).startswith("fit is given")


def test_many_roots_are_cut_short(defined):
    graph = defined(SOURCE).graph
    new = (Reason("new"),)
    plan = Plan("demo", [Planned("rows", "run", new), Planned("clean", "wait", waits_for=("rows",))])
    assert "rows -> clean" in explained(plan, graph)


def test_long_changes_and_packages_are_short(defined):
    graph = defined(SOURCE).graph
    lines = tuple(f"+ line {i}\x1b[2J" for i in range(100))
    changed = (
        Change("explained_demo.clean", "function", "changed", ("explained_demo.clean",), lines),
        Change("numpy", "package", "changed", ("explained_demo.clean", "numpy"), ("- 2.3.0", "+ 2.3.1")),
        Change("gone", "function", "gone", ("explained_demo.clean", "gone"), lines),
    )
    said = explained(Plan("demo", [Planned("clean", "run", (Reason("code"),), changed)]), graph)
    assert "    … 60 more lines" in said
    assert "  package numpy: 2.3.0 -> 2.3.1\n    by clean -> numpy" in said
    assert "  function gone is gone" in said
    assert "\x1b" not in said


def test_a_hit_says_by_whom_it_was_made_and_how_it_is_called(defined, ran):
    run = defined(SOURCE).runs(store=ran)[0]
    said = defined(SOURCE).explain("score", n=5, store=ran)
    assert f" by the run {run.id}: key " in said
    assert said.endswith(f"digest {run.digest('score')[:12]}.")


def test_a_parameter_above_is_found_where_the_difference_begins(defined, ran):
    demo = defined(SOURCE)
    demo.run("fit", n=5, depth=8, store=ran, listeners=[])
    said = demo.explain("score", n=5, depth=8, store=ran)
    assert said.startswith("score would run: its input fit is another value since ")
    assert "\n\nfit gave another value: the parameter fit.depth changed: 3 -> 8 since " in said


def test_the_root_is_followed_over_several_nodes(defined, ran):
    demo = defined(SOURCE)
    demo.run("fit", n=9, store=ran, listeners=[])
    said = demo.explain("score", n=9, store=ran)
    assert "rows gave another value: the parameter n changed: 5 -> 9" in said
    assert "  (rows -> clean -> fit -> score)" in said
    assert "clean gave" not in said


def test_a_waiting_node_whose_own_input_changed_is_sure_to_run(defined, ran):
    demo = defined(SOURCE.replace("x > LIMIT]", "x >= LIMIT]"))
    plan = demo.plan("score", n=5, depth=4, store=ran)
    assert (plan["run"], plan["wait"]) == (["clean", "fit"], ["score"])
    said = demo.explain("fit", n=5, depth=4, store=ran)
    assert said.startswith("fit would run: the parameter fit.depth changed: 3 -> 4 since ")
    assert "What it needs would run too:\n  clean: function kept changed" in said.replace("explained_demo.", "")


def test_an_input_that_is_new_or_gone_is_named(defined, ran):
    demo = defined(SOURCE.replace("depth: int = 3) -> float", "depth: int = 3, more: int = 0) -> float"))
    assert "the parameter fit.more has another value" in demo.explain("fit", n=5, store=ran)


def test_code_and_environment_that_changed_together_are_both_named(defined, ran, monkeypatch):
    monkeypatch.setenv("PLAIT_TEST_VARIABLE", "other")
    said = defined(SOURCE.replace("+ depth", "- depth")).explain("fit", n=5, store=ran)
    assert "  - its code changed\n  - an environment variable that it reads changed (PLAIT_TEST_VARIABLE)" in said


def test_a_plan_has_the_keys_of_hits(defined, ran):
    demo = defined(SOURCE)
    keys = {one.node: one.key for one in demo.plan("score", n=5, store=ran)}
    assert keys == demo.run("score", n=5, store=ran, listeners=[])._state.keys


class TestRuns:
    """Of runs that are over."""

    def test_what_is_new_says_so(self, defined, tmp_path):
        run = defined(SOURCE).run("score", n=5, store=tmp_path, listeners=[])
        assert run.explain("fit").startswith(f"fit ran in the run {run.id}: nothing was kept of it before. It was made")

    def test_a_hit_says_when_it_was_made(self, defined, ran):
        first = defined(SOURCE).runs(store=ran)[0]
        run = defined(SOURCE).run("score", n=5, store=ran, listeners=[])
        said = run.explain("fit")
        assert said.startswith(f"fit was a hit in the run {run.id}: ")
        assert f"by the run {first.id}: key {run._state.keys['fit'][:12]}, digest {run.digest('fit')[:12]}." in said

    def test_a_change_is_explained_then_and_later_on(self, defined, ran):
        changed = defined(SOURCE.replace("LIMIT = 1", "LIMIT = 2"))
        run = changed.run("score", n=5, depth=8, seed=4, store=ran, listeners=[])
        defined(SOURCE).run("score", n=50, store=ran, listeners=[])
        for one in (run, defined(SOURCE).runs(store=ran)[1]):
            assert one.id == run.id
            fit = one.explain("fit")
            assert f"fit ran in the run {run.id}: what changed since " in fit
            assert "  - the parameter fit.depth changed: 3 -> 8\n  - the seed changed: 0 -> 4" in fit
            assert "clean gave another value: code that it reaches changed since " in fit
            assert "  constant LIMIT: 1 -> 2\n    by clean -> kept -> LIMIT" in fit
            assert "rows was a hit" in one.explain("rows")
            assert "  (clean -> fit -> score)" in one.explain("score")

    def test_without_the_graph_of_then_names_and_digests_tell(self, defined, ran):
        from plait.show.recounting import recounted

        run = defined(SOURCE).run("score", n=9, depth=8, seed=4, store=ran, listeners=[])
        ledger = create(ran).ledger()
        row = next(row for row in ledger.runs() if row.id == run.id)
        fit = recounted(row, "fit", ledger, None)
        ledger.close()
        assert fit.replace("rows.n", "n") == run.explain("fit")

    def test_another_step_of_the_same_computation(self, defined, tmp_path):
        source = SOURCE.replace("[rows, clean, fit", "[rows, clean, clean.named('again'), fit")
        run = defined(source).run("clean", "again", n=5, store=tmp_path, listeners=[])
        hit = next(node for node in ("clean", "again") if run.states[node] == "hit")
        assert "is the same computation, and ran in it" in run.explain(hit)

    def test_what_runs_each_time_says_that_it_was_made_before(self, defined, ran):
        demo = defined(SOURCE)
        first = demo.run(n=5, store=ran, listeners=[])
        assert f"though the run {first.id} had its result" in demo.run(n=5, store=ran, listeners=[]).explain("push")

    def test_failures_and_what_was_not_run(self, defined, tmp_path):
        demo = defined(SOURCE.replace("return kept(rows)", "raise ValueError(rows)"))
        run = demo.run("fit", n=2, store=tmp_path, listeners=[], fail="keep-going")
        assert "clean ran in the run " in run.explain("clean")
        assert "and failed" in run.explain("clean")
        assert "fit was not run" in run.explain("fit")

    def test_what_is_not_known_is_said(self, defined, ran):
        demo = defined(SOURCE)
        run = demo.run("fit", n=5, given={"clean": [1]}, store=ran, listeners=[])
        assert "clean was given" in run.explain("clean")
        with pytest.raises(PlaitError, match="score was not asked for in this run"):
            run.explain("score")
        with pytest.raises(PlaitError, match="no node 'cleam'. Did you mean 'clean'"):
            run.explain("cleam")
        assert "kept nothing" in demo.run("rows", n=5, store=None, listeners=[]).explain(demo.steps["rows"])
