"""A run in a notebook: its graph with what became of each node, what failed, and nothing of the user as markup."""

import re
from xml.etree import ElementTree

import pytest

from plait import NodeFailed, Pipeline, Secret, each, pipeline, step


@step
def numbers(n: int, key: Secret = Secret("hunter2")) -> list[int]:
    return list(range(n))


@step
def risky(x: int, limit: int = 2) -> int:
    if x > limit:
        raise ValueError("<b>too large</b>")
    return x


@step
def total(xs: list[int]) -> int:
    return sum(xs)


@step
def aside(n: int) -> int:
    return n


@pipeline
def demo(n: int) -> int:
    aside(n)
    return total(risky.map(each(numbers(n))))


def states(html):
    """The colours of boxes, by the names of nodes."""
    found = ElementTree.fromstring(re.search("<svg.*</svg>", html, re.DOTALL)[0])
    return {
        group.find("{*}title").text.splitlines()[0]: group.find("{*}rect").get("stroke")
        for group in found.findall("{*}g")
        if group.find("{*}title") is not None
    }


def test_a_run_shows_its_graph_with_what_became_of_each_node(tmp_path):
    first = demo.run("total", n=2, store=tmp_path, listeners=[])
    again = demo.run("total", n=3, store=tmp_path, listeners=[])
    assert set(states(first._repr_html_())) == {"n: int = 2", "aside", "numbers, run", "risky, run", "total, run"}
    shown = again._repr_html_()
    assert "risky, run" in states(shown) and "1 run, 2 up to date" in shown
    assert states(shown)["aside"] == "currentColor", "it was not asked for"
    assert "3 run, 2 up to date, in" in shown


def test_what_failed_is_said_and_nothing_of_the_user_is_markup():
    run = demo.run(n=4, store=None, fail="keep-going", listeners=[])
    shown = run._repr_html_()
    assert {"risky, failed", "total, not run", "aside, run"} < set(states(shown))
    assert "risky[3]</span> ValueError: &lt;b&gt;too large&lt;/b&gt;" in shown and "<b>" not in shown
    assert "hunter2" not in shown
    with pytest.raises(NodeFailed) as failed:
        demo.run(n=4, store=None, listeners=[])
    assert "risky, failed" in states(failed.value.run._repr_html_())


def test_many_failures_are_counted():
    shown = demo.with_({"risky.limit": -1}).run(n=20, store=None, fail="keep-going", listeners=[])._repr_html_()
    assert shown.count("too large") == 12 and "and 8 more" in shown and "limit = -1" in shown


def test_runs_of_the_past_and_of_a_sweep_are_shown_too(tmp_path):
    made = demo.sweep([{"n": 1}, {"n": 3}], store=tmp_path, listeners=[])
    assert "n: int = 3" in states(made[1]._repr_html_())
    assert made._repr_html_().count("<tr") == 3 and "&lt;sweep of 2 runs&gt;" in made._repr_html_()
    demo.run(n=3, store=tmp_path, listeners=[])
    (past,) = demo.runs(store=tmp_path)
    assert "numbers, up to date" in states(past._repr_html_())


def test_a_pipeline_shows_the_values_that_it_has():
    assert "n: int = 7" in states(demo.with_(n=7)._repr_html_())


def test_a_graph_that_would_make_a_notebook_slow_is_not_drawn():
    large = Pipeline("large", [aside.named(f"a{i}") for i in range(1001)])
    run = large.run(n=1, store=None, listeners=[])
    assert "large has 1,001 nodes" in run._repr_html_() and "<svg" not in run._repr_html_()
    assert "large.select" in large._repr_html_()
