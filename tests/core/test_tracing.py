"""Wiring by call: a function of calls becomes a graph, and says what it cannot be."""

from dataclasses import dataclass
from typing import NamedTuple

import pytest
from pydantic import BaseModel

from plait import GraphError, Pipeline, Seed, auto, pipeline, step
from plait.core.sources import Ambient, Collect, Const, Output, Param


class Pair(NamedTuple):
    left: int
    right: int


@step
def load(path: str) -> int:
    return len(path)


@step
def pair(x: int, by: int = 2) -> Pair:
    return Pair(x // by, x - x // by)


@step
def add(a: int, b: int) -> int:
    return a + b


@step
def noisy(x: int, seed: Seed = auto) -> int:
    return x + seed % 7


@step
def total(items: list[int]) -> int:
    return sum(items)


def inputs(pipe, node):
    return dict(pipe.graph.nodes[node].inputs)


def test_calls_become_nodes_and_arguments_their_sources():
    @pipeline
    def p(path: str) -> int:
        left, right = pair(load(path))
        return add(left, b=right)

    assert list(p.graph.nodes) == ["load", "pair", "add"]
    assert inputs(p, "load") == {"path": Param("path")}
    assert inputs(p, "pair") == {"x": Output("load"), "by": Param("pair.by")}
    assert inputs(p, "add") == {"a": Output("pair", "left"), "b": Output("pair", "right")}
    assert p.graph.result == Output("add")


def test_called_outside_a_run_it_is_plain_python():
    @pipeline
    def p(path: str) -> int:
        return add(load(path), 10)

    assert p("abc") == 13 == p.run(path="abc", store=None).result


def test_a_part_is_read_by_its_name():
    @pipeline
    def p(path: str) -> int:
        both = pair(load(path))
        return add(both.left, both.right)

    assert inputs(p, "add")["b"] == Output("pair", "right")


def test_an_unknown_part_is_refused():
    with pytest.raises(GraphError, match=r"pair\.middle: pair has no such part \(it has left, right\)"):

        @pipeline
        def p(path: str) -> int:
            return pair(load(path)).middle


def test_a_step_used_twice_must_be_named_and_the_lines_are_said():
    with pytest.raises(GraphError, match=r"load is used twice \(lines \d+, \d+\): give one another name: load\.named"):

        @pipeline
        def p(a: str, b: str) -> int:
            return add(load(a), load(b))


def test_named_uses_are_nodes_of_their_own():
    @pipeline
    def p(a: str, b: str) -> int:
        return add(load.named("first")(a), load.named("second")(b))

    assert list(p.graph.nodes) == ["first", "second", "add"]
    assert p.run(a="x", b="yy", store=None).result == 3


def test_defaults_left_alone_inside_are_reached_by_address():
    @pipeline
    def p(path: str) -> int:
        return pair(load(path)).left

    assert p.with_({"pair.by": 4}).run(path="12345678", store=None).result == 2
    assert p.run(path="12345678", by=1, store=None).result == 8


def test_values_with_with_are_constants():
    @pipeline
    def p(path: str) -> int:
        return pair.with_(by=8)(load(path)).left

    assert inputs(p, "pair")["by"] == Const(8)


def test_ambient_inputs_come_from_the_run():
    @pipeline
    def p(path: str) -> int:
        return noisy(load(path))

    assert inputs(p, "noisy")["seed"] == Ambient("seed")


def test_a_list_that_holds_results_gathers_them():
    @pipeline
    def p(path: str) -> int:
        return total([load(path), add(1, 2), 5])

    assert inputs(p, "total")["items"] == Collect(list, (Output("load"), Output("add"), Const(5)))
    assert p.run(path="ab", store=None).result == 10


def test_a_loop_over_a_fixed_list_is_python():
    @pipeline
    def p(path: str) -> int:
        return total([add.named(f"add_{n}")(load.named(f"load_{n}")(path), n) for n in range(3)])

    assert p.run(path="ab", store=None).result == 9


@pytest.mark.parametrize(
    "use",
    [
        bool,
        len,
        list,
        lambda x: x + 1,
        lambda x: x > 1,
        lambda x: x == 1,
        lambda x: x[0],
        float,
        lambda x: -x,
        lambda x: x(),
    ],
)
def test_a_reference_refuses_what_only_a_value_could_answer(use):
    with pytest.raises(GraphError, match="only when the pipeline runs"):

        @pipeline
        def p(path: str) -> int:
            return use(load(path))


def test_fields_of_a_parameter_are_projected():
    class Config(BaseModel):
        left: int = 1
        right: int = 2

    @dataclass
    class Other:
        left: int

    @pipeline
    def p(config: Config, other: Other) -> int:
        return add(config.left, other.left)

    assert inputs(p, "add") == {"a": Param("config", ("left",)), "b": Param("other", ("left",))}
    assert p.run(config={"left": 5}, other=Other(2), store=None).result == 7


def test_a_field_that_is_not_read_does_not_count(tmp_path):
    class Config(BaseModel):
        left: int = 1
        right: int = 2

    @pipeline
    def p(config: Config) -> int:
        return add(config.left, 0)

    p.run(config=Config(), store=tmp_path)
    assert p.run(config=Config(right=9), store=tmp_path).states == {"add": "hit"}
    assert p.run(config=Config(left=9), store=tmp_path).states == {"add": "run"}


def test_a_result_that_does_not_fit_is_refused():
    @step
    def text() -> str:
        return ""

    with pytest.raises(GraphError, match=r"add\(a: int\) cannot take text -> str"):

        @pipeline
        def p() -> int:
            return add(text(), 1)


def test_missing_and_extra_arguments_are_refused():
    with pytest.raises(GraphError, match="called without 'b'; pass it"):
        pipeline(lambda x: add(x), name="p")
    with pytest.raises(GraphError, match="called with other arguments"):
        pipeline(lambda x: add(x, 1, 2), name="p")


def test_a_pipeline_in_a_pipeline_is_a_namespace():
    @pipeline
    def inner(path: str, extra: int = 1) -> int:
        return add(load(path), extra)

    @pipeline
    def outer(path: str) -> int:
        return add(inner(path), inner.named("again")(path, extra=5))

    assert list(outer.graph.nodes) == ["inner/load", "inner/add", "again/load", "again/add", "add"]
    run = outer.run(path="abc", store=None)
    assert run.result == (3 + 1) + (3 + 5) and run["inner"] == 4 and run["again/add"] == 8
    assert outer("abc") == 12


def test_a_traced_pipeline_in_a_list_acts_as_one_step():
    @pipeline
    def inner(path: str) -> int:
        return add(load(path), 1)

    @step
    def twice(inner: int) -> int:
        return 2 * inner

    whole = Pipeline("whole", [inner, twice])
    run = whole.run(path="abc", store=None)
    assert run["twice"] == 8 and run["inner"] == 4 and list(whole.nodes) == ["inner/load", "inner/add", "twice"]


def test_nodes_that_nobody_reads_run_too():
    seen = []

    @step
    def tell(x: int) -> None:
        seen.append(x)

    @pipeline
    def p(path: str) -> int:
        n = load(path)
        tell(n)
        return n

    p.run(path="abc", store=None)
    assert seen == [3]


def test_what_is_returned_keeps_its_structure():
    @pipeline
    def p(path: str):
        n = load(path)
        return {"n": n, "sums": [add(n, 1), 7]}

    assert p.run(path="abc", store=None).result == {"n": 3, "sums": [4, 7]}


def test_star_pipelines_are_refused():
    with pytest.raises(GraphError, match="known by name"):
        pipeline(lambda *paths: load(paths[0]), name="p")
