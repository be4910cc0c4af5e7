"""Wiring by name: what is wired, and every way in which it is refused."""

import gc
import tracemalloc
from typing import Any, NamedTuple

import pandas as pd
import pytest

from plait import GraphError, ParameterError, Pipeline, Seed, auto, step
from plait.core.builder import build
from plait.core.sources import Ambient, Collect, Const, Output, Param


class Split(NamedTuple):
    train: list
    test: list


@step
def raw(n: int) -> list:
    return list(range(n))


@step
def split(raw: list, k: int = 2) -> Split:
    return Split(raw[:k], raw[k:])


@step
def total(train: list) -> int:
    return sum(train)


def source(graph, node, name):
    return dict(graph.nodes[node].inputs)[name]


def test_an_input_without_a_default_is_wired_to_the_node_of_its_name():
    assert source(build("p", [raw, split]), "split", "raw") == Output("raw")


def test_an_input_that_no_node_makes_is_a_parameter():
    graph = build("p", [raw])
    assert source(graph, "raw", "n") == Param("n") and graph.parameters["n"].required


def test_an_input_with_a_default_is_a_parameter_with_an_address():
    assert source(build("p", [raw, split]), "split", "k") == Param("split.k")


def test_a_part_goes_by_its_short_name_while_one_node_makes_it():
    assert source(build("p", [raw, split, total]), "total", "train") == Output("split", "train")


def test_two_makers_of_a_part_clash_only_for_who_uses_the_short_name():
    again = split.named("resplit")
    assert build("p", [raw, split, again, total.bind(train="resplit.train")])
    with pytest.raises(
        GraphError, match=r"'train' is split\.train and resplit\.train\. Say which: total\.bind\(train='split\.train'\)"
    ):
        build("p", [raw, split, again, total])


def test_a_default_is_never_captured_by_a_node_in_silence():
    @step
    def k() -> int:
        return 5

    with pytest.raises(
        GraphError,
        match=r"split\(k=2\) has a default, and there is a node 'k'\. Say which: split\.bind\(k=\"k\"\) or split\.with_\(k=2\)",
    ):
        build("p", [raw, split, k])
    assert source(build("p", [raw, split.bind(k="k"), k]), "split", "k") == Output("k")
    assert source(build("p", [raw, split.with_(k=2), k]), "split", "k") == Const(2)


def test_a_default_is_not_captured_by_a_part_either():
    @step
    def fit(raw: list, train: int = 3) -> int:
        return train

    with pytest.raises(GraphError, match="has a default, and there is a node 'train'"):
        build("p", [raw, split, fit])


def test_a_closed_list_of_inputs_names_what_is_missing_with_the_near_miss():
    @step
    def customers(csv: str) -> list:
        return []

    @step
    def size(costumers: list) -> int:
        return 0

    with pytest.raises(
        GraphError, match=r"nothing makes 'costumers' \(size\), and it is not in inputs=\. Did you mean 'customers'\?"
    ):
        build("p", [customers, size], ["csv"])


def test_an_input_that_nobody_reads_is_refused():
    with pytest.raises(GraphError, match=r"inputs= names 'm', which no step reads"):
        build("p", [raw], ["n", "m"])


def test_a_cycle_is_printed_as_a_path():
    @step
    def a(c: int) -> int:
        return c

    @step
    def b(a: int) -> int:
        return a

    @step
    def c(b: int) -> int:
        return b

    with pytest.raises(GraphError, match=r"p has a cycle: (a -> b -> c -> a|b -> c -> a -> b|c -> a -> b -> c)"):
        build("p", [a, b, c])


def test_a_node_that_reads_itself_is_a_cycle():
    @step
    def table(table: int) -> int:
        return table

    with pytest.raises(GraphError, match="cycle: table -> table"):
        build("p", [table])


def test_two_producers_of_one_name_are_refused_with_where_they_are():
    with pytest.raises(
        GraphError, match=r"two nodes named 'raw': .*raw\(n: int\).* and .*total\(train: list\).*Give one another name"
    ):
        build("p", [raw, total.named("raw")])


def test_the_same_step_listed_twice_is_one_node():
    assert list(build("p", [raw, raw]).nodes) == ["raw"]


def test_an_output_that_does_not_fit_is_refused_with_what_would():
    @step
    def frame(n: int) -> pd.DataFrame:
        return pd.DataFrame()

    @step
    def clean(n: int) -> dict[str, int]:
        return {}

    @step
    def train(clean: pd.DataFrame) -> int:
        return 0

    with pytest.raises(
        GraphError,
        match=r"train\(clean: DataFrame\) cannot take clean -> dict\[str, int\]\. Did you mean 'frame' \(DataFrame\)\?",
    ):
        build("p", [frame, clean, train])


def test_a_part_that_does_not_fit_is_refused():
    @step
    def frame(train: pd.DataFrame) -> int:
        return 0

    with pytest.raises(GraphError, match=r"frame\(train: DataFrame\) cannot take split\.train -> list"):
        build("p", [raw, split, frame])


def test_missing_hints_are_not_checked():
    @step
    def loose(raw):
        return raw

    assert list(build("p", [raw, loose]).nodes) == ["raw", "loose"]


def test_bind_gathers_many_nodes_into_one_argument():
    @step
    def table(columns: dict[str, int]) -> int:
        return len(columns)

    graph = build("p", [raw, split, total, table.bind(columns={"a": total, "b": "total"})])
    assert source(graph, "table", "columns") == Collect(dict, (Output("total"), Output("total")), ("a", "b"))


def test_what_is_gathered_must_fit():
    @step
    def table(columns: dict[str, str]) -> int:
        return len(columns)

    with pytest.raises(GraphError, match=r"table\(columns: dict\[str, str\]\) cannot take total"):
        build("p", [raw, split, total, table.bind(columns={"a": total})])


def test_bind_renames_a_parameter():
    assert list(build("p", [raw.bind(n="rows")]).parameters) == ["rows"]


def test_binding_an_input_that_is_not_there_names_the_near_miss():
    with pytest.raises(
        GraphError,
        match=r"total\.bind\(trian=\.\.\.\): total\(train: list\) -> int has no 'trian'\. Did you mean 'train'\?",
    ):
        total.bind(trian="split.train")


def test_binding_a_constant_says_with():
    with pytest.raises(GraphError, match=r"for a value: raw\.with_\(n=3\)"):
        raw.bind(n=3)


def test_binding_an_unknown_part_names_the_near_miss():
    with pytest.raises(GraphError, match=r"nothing makes 'split\.trian'\. Did you mean 'split\.train'\?"):
        build("p", [raw, split, total.bind(train="split.trian")])


def test_an_ambient_input_is_no_parameter():
    @step
    def fit(raw: list, seed: Seed = auto) -> int:
        return seed

    graph = build("p", [raw, fit])
    assert source(graph, "fit", "seed") == Ambient("seed") and list(graph.parameters) == ["n"]


def test_auto_without_an_ambient_type_is_refused():
    @step
    def fit(seed: int = auto) -> int:
        return seed

    with pytest.raises(GraphError, match="auto is for Seed"):
        build("p", [fit])


def test_an_annotation_that_is_not_there_at_run_time_is_named():
    @step
    def trips(csv: "Fiel") -> Any:  # noqa: F821
        return csv

    with pytest.raises(
        GraphError, match=r"trips\(csv: 'Fiel'\): Fiel is not there when the program runs.*TYPE_CHECKING"
    ):
        build("p", [trips])


def test_annotations_as_text_may_name_what_is_local():
    class Here(NamedTuple):
        x: int
        y: int

    @step
    def made() -> "Here":
        return Here(1, 2)

    @step
    def use(x: "int") -> int:
        return x

    assert source(build("p", [made, use]), "use", "x") == Output("made", "x")


def test_a_graph_in_another_order_is_the_same_graph():
    assert list(build("p", [total, split, raw]).nodes) == ["raw", "split", "total"]


@pytest.mark.parametrize(
    "items, what",
    [("abc", "give a list"), ([lambda x: x], "decorate it with @step"), ([3], "is no step"), (raw, "give a list")],
)
def test_what_is_no_list_of_steps_is_refused(items, what):
    with pytest.raises(GraphError, match=what):
        Pipeline("p", items)


def test_a_pipeline_in_a_list_joins_it_with_its_values():
    inner = Pipeline("inner", [raw]).with_(n=3)
    assert Pipeline("outer", [inner, split]).run("split", store=None)["split"] == Split([0, 1], [2])


def test_what_needs_a_node_is_never_what_was_meant():
    @step
    def used(raw: str) -> float:
        return 0.0

    @step
    def frame(used: float) -> str:
        return ""

    @step
    def later(frame: str) -> str:
        return ""

    with pytest.raises(GraphError, match=r"used\(raw: str\) cannot take raw -> list\. Change one of the two types"):
        build("p", [raw, used, frame, later])

    @step
    def size(fram: str) -> float:
        return 0.0

    reads_size = frame.bind(used="size")
    with pytest.raises(GraphError, match=r"nothing makes 'fram' \(size\), and it is not in inputs=\. Add it there"):
        build("p", [size, reads_size, later], inputs=[])
    with pytest.raises(ParameterError, match=r"nothing makes 'fram': str for size\(fram\), .* given\. Pass fram="):
        Pipeline("p", [size, reads_size, later]).run(store=None)
    with pytest.raises(GraphError, match=r"Did you mean 'frame'"):
        build("p", [size, raw, frame.bind(used="other")], inputs=["other"])


def test_a_large_graph_takes_less_than_a_kilobyte_a_node():
    @step
    def turned(rows: list) -> list:
        return rows[::-1]

    n = 20_000
    tracemalloc.start()
    try:
        made = Pipeline("chain", [turned.named(f"n{i}").bind(rows=f"n{i - 1}" if i else "rows") for i in range(n)])
        gc.collect()
        held, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(made.nodes) == n and held <= 900 * n and most <= 1000 * n
