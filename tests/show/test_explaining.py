"""Explanations: the way from what changed to the node that was asked about, in words."""

import linecache
import sys
from types import ModuleType

import pytest

from plait.core.manifest import Change
from plait.core.reasons import Reason
from plait.pipeline import Pipeline
from plait.runtime.plan import Plan, Planned
from plait.show.explaining import explained

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


def test_a_constant_far_away_is_found(defined, ran):
    said = defined(SOURCE.replace("LIMIT = 1", "LIMIT = 2")).explain("clean", n=5, store=ran)
    assert said.endswith("  constant LIMIT\n    by clean -> kept -> LIMIT\n    - 1\n    + 2")


def test_the_body_of_the_step_itself_is_its_code(defined, ran):
    said = defined(SOURCE.replace("return kept(rows)", "return kept(rows)[:2]")).explain("clean", n=5, store=ran)
    assert "clean would run: its code changed since " in said
    assert "\n  clean\n    -     return kept(rows)\n" in said


def test_parameters_and_seeds_are_named(defined, ran):
    said = defined(SOURCE).explain("fit", n=5, seed=3, depth=4, store=ran)
    assert "  - the parameter fit.depth has another value" in said
    assert "  - the seed is another one" in said


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
    assert "  package numpy: 2.3.0 -> 2.3.1" in said
    assert "  function gone is gone" in said
    assert "\x1b" not in said
