"""Graphs to YAML and back: the same graph, and nothing is imported that is not allowed."""

import os
import sys
import tempfile
from enum import Enum
from typing import List, Literal  # noqa: UP035 - an old spelling, to be read as the new one

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.strategies import integers

from calls import called
from plait import GraphError, ParameterError, Pipeline, pipeline, step, switch
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
@step
def plus(a: int, b: int) -> int: return a + b
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


def test_types_that_only_the_function_says_are_written(shop):
    @pipeline
    def other(train: list[int], kind: Literal["a", "b"], free, table: dict[str, shop.Split | None]) -> int:
        return switch(kind, {"a": shop.total(train), "b": shop.rows(free)})

    with pytest.raises(GraphError, match="the parameter table of other is read by nobody"):
        to_yaml(other)

    @pipeline
    def another(
        train: list[int],
        kind: Literal["a", "b"],
        free,
        table: dict[str, shop.Split | None],
        more: List[int],  # noqa: UP006 - likewise
    ) -> list:
        return [switch(kind, {"a": shop.total(train), "b": shop.rows(free)}), table, more]

    text = to_yaml(another)
    assert "table: dict[str, shop.steps.Split | None]" in text and "free: []" in text
    made = from_yaml(text, allow=["shop.*"])
    for address, parameter in another.graph.parameters.items():
        assert made.graph.parameters[address].hints == (parameter.hints if address != "more" else (list[int],))
    with pytest.raises(ParameterError, match="kind = 'c' does not fit"):
        made.run(train=[1], kind="c", free=2, table={}, more=[], store=None)
    with pytest.raises(GraphError, match="types: shop.steps is not among the modules that may be imported"):
        from_yaml("pipeline: p\ntypes: {n: shop.steps.Split}", allow=[])


LAWS = settings(max_examples=int(os.environ.get("PLAIT_EXAMPLES", "20")), deadline=None)


@pytest.mark.law
@LAWS
@given(called, integers(0, 7), integers(0, 5))
def test_maps_and_choices_come_back_with_the_same_keys_and_results(graph, n, seed):
    pipe = graph.pipeline()
    text = to_yaml(pipe)
    made = from_yaml(text, allow=["calls"])
    assert to_yaml(made) == text and list(made.parameters.items()) == list(pipe.parameters.items())
    with tempfile.TemporaryDirectory() as store:
        first = pipe.run(n=n, seed=seed, store=store, listeners=[])
        again = made.run(n=n, seed=seed, store=store, listeners=[])
        assert first.states.keys() == again.states.keys() and "run" not in again.states.values()
        assert sorted(map(str, first.failures)) == sorted(map(str, again.failures))
        np.testing.assert_equal(again.result, first.result)


HAND = """
pipeline: hand
axes:
  each(rows): rows
  each(ns): {param: ns}
nodes:
  rows: {step: shop.steps:rows}
  plus:
    step: shop.steps:plus
    maps: [{over: [each(rows)], gives: list}]
    reads: {a: {item: each(rows)}, b: {value: 10}}
  again:
    step: shop.steps:plus
    maps: [{over: [each(rows), each(ns)], gives: list}]
    reads: {a: {one: plus}, b: {item: each(ns)}}
  total: {step: shop.steps:total, reads: {train: {switch: {param: kind}, branches: {a: plus, b: again}}}}
types: {ns: "list[int]", kind: "Literal['a', 'b']"}
"""


def test_maps_are_written_by_hand(shop):
    hand = from_yaml(HAND, allow=["shop.steps"])
    assert hand.run(n=3, ns=[1, 1, 1], kind="b", store=None, listeners=[]).result == 36
    run = hand.run(n=3, ns=[], kind="a", store=None, listeners=[])
    assert run["plus"] == [10, 11, 12] and run["total"] == 33


@pytest.mark.parametrize(
    "before, after, said",
    [
        ("maps: [{over: [each(rows)], gives: list}]", "maps: []", r"plus: write maps:"),
        (
            "[each(rows), each(ns)]",
            "[each(rows)]",
            r"again reads items of each\(ns\), each\(rows\), and its maps: are over each\(rows\);",
        ),
        ("[each(rows), each(ns)]", "[each(ns), each(ns)]", r"again has each\(ns\) twice among its maps:"),
        ("{one: plus}", "plus", r"again\(a: int\) cannot take plus -> list\[int\]"),
        ("{one: plus}", "{one: total}", r"cycle"),
        (
            "{item: each(ns)}",
            "{item: each(sn)}",
            r"again\.b: there is no axis 'each\(sn\)'\. Did you mean 'each\(ns\)'",
        ),
        ("each(rows): rows", "each(rows): {item: each(ns)}", r"plus reads items of each\(ns\), each\(rows\)"),
        ("each(rows): rows", "each(rows): {item: each(rows)}", r"each\(rows\) varies over itself"),
        ("each(rows): rows", "each(rows): plus", r"each\(rows\) varies over itself"),
        ("each(rows): rows", "each(rows): total", r"each\(rows\) is one int, not many|cycle"),
        ("{a: plus, b: again}", "{a: plus, c: again}", r"there is no branch for 'b'"),
        ("branches", "branchs", r"switch has no 'branchs'. Did you mean 'branches'"),
        ("{a: plus, b: again}", "{a: plsu, b: again}", r"hand has no node 'plsu'. Did you mean 'plus'"),
        ("list[int]", "list[print]", r"print is not among the modules|types: "),
        ("list[int]", "__import__('os').system('x')", r"is no type that is read here"),
        ("list[int]", "int[str]", r"is no type that is read here"),
        ("list[int]", "[" * 300, r"is no type that is read here"),
        ("list[int]", "Literal[[1]]", r"is no type that is read here"),
        ("list[int]", "Literal[()]", r"is no type that is read here"),
        ("list[int]", "Literal[1.5]", r"is no type that is read here"),
        ("list[int]", "tuple[...]", r"is no type that is read here"),
        ("list[int]", "dict[str, ...]", r"is no type that is read here"),
    ],
)
def test_what_is_wrong_in_a_map_is_said(shop, before, after, said):
    assert before in HAND
    with pytest.raises(GraphError, match=said):
        from_yaml(HAND.replace(before, after), allow=["shop.steps"])


def test_axes_that_are_put_together_without_end_are_refused(shop):
    axes = "".join(f"  a{i}: [{{item: a{i - 1}}}, {{item: a{i - 1}}}]\n" for i in range(1, 60))
    with pytest.raises(GraphError, match="comes to more than"):
        from_yaml(f"pipeline: p\naxes:\n  a0: {{param: x}}\n{axes}", allow=[])
    axes = "".join(f"  a{i}: {'{attempt: ' * 40}{{item: a{i + 1}}}{'}' * 40}\n" for i in range(60))
    with pytest.raises(GraphError, match="nested too deep|more than 100"):
        from_yaml(f"pipeline: p\naxes:\n{axes}  a60: {{param: x}}\n", allow=[])
