"""Graphs to YAML and back: the same graph, and nothing is imported that is not allowed."""

import sys
from enum import Enum

import pytest

from plait import GraphError, Pipeline, pipeline, step
from plait.graphs import from_yaml, to_yaml

STEPS = """
from typing import NamedTuple
from plait import File, Pipeline, Secret, Seed, auto, each, pipeline, step

class Split(NamedTuple):
    train: list
    test: list

@step
def rows(n: int) -> list[int]: return list(range(n))
@step
def split(rows: list[int], k: int = 2) -> Split: return Split(rows[:k], rows[k:])
@step
def total(train: list, seed: Seed = auto) -> int: return sum(train)
@step
def report(sums: dict[str, int], title: str = "x", key: Secret = Secret.env("A")) -> str: return f"{title} {sums}"
deep = split.with_(k=5)

@pipeline
def inner(rows: list[int], k: int = 3) -> int:
    return total(split(rows, k).train)
@pipeline
def called(n: int, m: int = 4) -> dict[str, str]:
    train, test = split(rows(n))
    sums = {"a": total(train), "b": total.named("tested")(test), "c": inner(rows.named("more")(m))}
    return {"r": report(sums, title="no")}
named = Pipeline("named", [rows, split, total, total.named("tested").bind(train="test"),
    report.bind(sums={"a": total, "b": "tested"}).with_(title="1e5", key=Secret.env("B"))], inputs=["n"])
@pipeline
def mapped(n: int) -> list[int]: return total.map(each([rows(n)]))
not_a_step = print
"""


@pytest.fixture
def shop(tmp_path, monkeypatch):
    folder = tmp_path / "code" / "shop"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "steps.py").write_text(STEPS)
    (folder.parent / "trap.py").write_text("raise SystemExit('the trap was imported')")
    monkeypatch.syspath_prepend(str(folder.parent))
    yield __import__("shop.steps").steps
    for name in ("shop.steps", "shop", "trap"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("which", ["named", "called"])
def test_a_graph_comes_back_as_the_same_graph_with_the_same_keys(shop, tmp_path, which):
    pipe = getattr(shop, which)
    text = to_yaml(pipe)
    made = from_yaml(text, allow=["shop.*"])
    assert made.graph.nodes == pipe.graph.nodes and made.graph.aliases == pipe.graph.aliases
    assert made.graph.result == pipe.graph.result and made.parameters == pipe.parameters
    assert to_yaml(made) == text
    first = pipe.run(n=5, store=tmp_path / "s", listeners=[])
    again = made.run(n=5, store=tmp_path / "s", listeners=[])
    assert set(again.states.values()) == {"hit"} and again.result == first.result


def test_what_is_fixed_is_written_too(shop):
    made = from_yaml(to_yaml(shop.called.with_({"m": 2}, n=7)), allow=["shop.*"])
    assert made.parameters["n"] == 7 and made.parameters["m"] == 2


def test_a_graph_is_written_by_hand_as_bind_and_with_are_said(shop):
    text = """
    pipeline: hand
    nodes:
      rows: {step: shop.steps:rows, with: {n: 6}}
      split: {step: shop.steps:deep}
      total: {step: shop.steps:total, reads: {train: split.test}}
      report: {step: shop.steps:report, reads: {sums: {dict: {only: total}}}}
    """
    assert from_yaml(text, allow=["shop.steps"]).run(store=None, listeners=[]).result == "x {'only': 5}"


def hand(place="shop.steps:rows", more=""):
    return f"pipeline: p\nnodes:\n  a: {{step: {place}{more}}}\n"


@pytest.mark.parametrize(
    "allow", [[], ["shop"], ["shop.step"], ["trap.*"], ["shop.steps.*.x"], ["*"], ["sho*"], "shop.*"]
)
def test_nothing_is_imported_that_is_not_allowed(shop, allow):
    sys.modules.pop("shop.steps")
    with pytest.raises(GraphError, match="allow"):
        from_yaml(hand(), allow=allow)
    assert "shop.steps" not in sys.modules


def test_all_places_are_checked_before_the_first_import(shop):
    sys.modules.pop("shop.steps")
    with pytest.raises(GraphError, match="b: trap is not among the modules that may be imported"):
        from_yaml(hand() + "  b: {step: trap:x}\n", allow=["shop.*"])
    assert "shop.steps" not in sys.modules and "trap" not in sys.modules


@pytest.mark.parametrize(
    "text, said",
    [
        (hand("os:system"), r"os is not among the modules that may be imported"),
        (hand("shop.steps:not_a_step"), r"shop\.steps:not_a_step is no step"),
        (hand("shop.steps:Split"), r"shop\.steps:Split is no step. Did you mean 'split'\?"),
        (hand("shop.steps:rws"), r"shop\.steps:rws is not there\. Did you mean 'rows'\?"),
        (hand("shop.steps:rows.fn"), r"names no step; write step: module:name"),
        (hand("shop..steps:rows"), r"names no step"),
        (hand("shop.stps:rows"), r"shop\.stps cannot be imported"),
        (hand("shop.steps"), r"names no step"),
        (hand(more=", raeds: {}"), r"a has no 'raeds'\. Did you mean 'reads'\?"),
        (hand(more=", reads: {m: x}"), r"rows has no 'm'"),
        (hand(more=", reads: {n: 3}"), r"a\.n: write the name of a node"),
        (hand(more=", reads: {n: x}, with: {n: 3}"), r"'n' is under reads: and under with:"),
        (hand(more=", with: {n: x}"), r"a\.n = 'x' does not fit int"),
        (hand() + "  b: {step: shop.steps:total, reads: {train: a.tets}}", r"nothing makes 'a\.tets'"),
        (hand() + "  b: {step: shop.steps:split, reads: {rows: b}}", r"cycle|cannot take"),
        (hand() + "nods: {}", r"a graph has no 'nods'\. Did you mean 'nodes'\?"),
        (hand() + "defaults: {m: 3}", r"p has no parameter 'm'"),
        (hand() + "result: b", r"p has no node 'b'"),
        (hand().replace("  a:", "  a b:"), r"'a b' cannot name a node"),
        ("nodes: {}", r"a graph has a name"),
        ("- a", r"a graph: write names and values"),
        ("", r"a graph: write names and values"),
        ("pipeline: !!python/name:os.system x", r"not YAML that is taken here"),
        ("pipeline: &a x\nnodes: {b: *a}", r"aliases"),
    ],
)
def test_what_is_wrong_in_a_graph_is_said(shop, text, said):
    from plait import PlaitError

    with pytest.raises(PlaitError, match=said):
        from_yaml(text, allow=["shop.*"])


class Kind(Enum):
    A = 1


def test_what_has_no_yaml_is_refused_with_what_to_do(shop):
    with pytest.raises(GraphError, match="maps, switches or attempts.*write it as a @pipeline"):
        to_yaml(shop.mapped)

    @step
    def local(n: int) -> int:
        return n

    with pytest.raises(GraphError, match=r"local: its step local cannot be imported"):
        to_yaml(Pipeline("p", [local]))
    with pytest.raises(GraphError, match=r"rows\.n is a Kind, which has no YAML; make it a parameter"):
        to_yaml(Pipeline("p", [anything.named("rows").with_(n=Kind.A)]))
    from plait import Secret

    with pytest.raises(GraphError, match=r"report\.key is a secret, which has no YAML") as error:
        to_yaml(Pipeline("p", [shop.report.with_(key=Secret("hunter2"))]))
    assert "hunter2" not in str(error.value)


@step
def anything(n) -> int:
    return 0


def test_a_parameter_whose_type_only_the_function_says_is_refused(shop):
    @pipeline
    def other(train: list[int]) -> int:
        return shop.total(train)

    with pytest.raises(GraphError, match="the parameter train of other has another type than the steps that read it"):
        to_yaml(other)
