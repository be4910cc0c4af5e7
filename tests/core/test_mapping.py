"""`each` and `.map` as graph: what varies, what is gathered, and what is refused when a pipeline is built."""

from enum import Enum
from typing import Literal, NamedTuple

import pytest

from plait import GraphError, Pipeline, Seed, attempt, auto, each, pipeline, step, switch
from plait.core.sources import Attempt, Choice, Gather, Item, Output, Param


class Fold(NamedTuple):
    train: list[int]
    test: list[int]


@step
def items(n: int) -> list[int]:
    return list(range(n))


@step
def named_items(n: int) -> dict[str, int]:
    return {f"k{i}": i for i in range(n)}


@step
def double(x: int) -> int:
    return 2 * x


@step
def add(a: int, b: int) -> int:
    return a + b


@step
def total(xs: list[int]) -> int:
    return sum(xs)


@step
def totals(xs: dict[str, int]) -> int:
    return sum(xs.values())


@step
def folds(n: int) -> list[Fold]:
    return [Fold([j for j in range(n) if j != i], [i]) for i in range(n)]


@step
def size(train: list[int], seed: Seed = auto) -> int:
    return len(train)


def inputs(pipe, node):
    return dict(pipe.graph.nodes[node].inputs)


def axes(pipe, node):
    return [[axis.label for axis in group] for group in pipe.graph.axes(node)]


def test_a_mapped_step_is_one_node_that_reads_an_item():
    @pipeline
    def p(n: int) -> int:
        return total(double.map(each(items(n))))

    assert list(p.graph.nodes) == ["items", "double", "total"]
    item = inputs(p, "double")["x"]
    assert isinstance(item, Item) and item.axis.source == Output("items") and axes(p, "double") == [["each(items)"]]
    gathered = inputs(p, "total")["xs"]
    assert isinstance(gathered, Gather) and gathered.source == Output("double") and not gathered.keyed


def test_a_chained_map_stays_on_the_axis_of_the_map_that_began_it():
    @pipeline
    def p(n: int) -> int:
        return total(double.named("again").map(each(double.map(each(items(n))))))

    assert inputs(p, "again") == {"x": Output("double")}
    assert axes(p, "again") == axes(p, "double") == [["each(items)"]]


def test_two_marks_of_one_source_are_one_axis():
    @pipeline
    def p(n: int) -> int:
        rows = items(n)
        return total(add.map(each(rows), each(rows)))

    assert axes(p, "add") == [["each(items)"]]


def test_marks_of_two_sources_in_one_call_are_zipped():
    @pipeline
    def p(n: int, others: list[int]) -> int:
        return total(add.map(each(items(n)), each(others)))

    assert axes(p, "add") == [["each(items)", "each(others)"]]


def test_a_mapped_pipeline_maps_only_what_depends_on_the_item():
    @pipeline
    def inner(x: int, n: int) -> int:
        return add(double(x), total(items(n)))

    @pipeline
    def outer(xs: list[int], n: int) -> int:
        return total.named("all")(inner.map(each(xs), n))

    assert axes(outer, "inner/double") == axes(outer, "inner/add") == [["each(xs)"]]
    assert axes(outer, "inner/items") == axes(outer, "inner/total") == []


def test_a_map_in_a_mapped_pipeline_is_a_product():
    @pipeline
    def row(x: int, ys: list[int]) -> list[int]:
        return add.map(x, each(ys))

    @pipeline
    def table(xs: list[int], ys: list[int]) -> list[list[int]]:
        return row.map(each(xs), ys)

    assert axes(table, "row/add") == [["each(xs)"], ["each(ys)"]]
    assert table([1, 2], [10, 20]) == [[11, 21], [12, 22]]


def test_items_that_are_named_tuples_have_fields():
    @pipeline
    def p(n: int) -> int:
        fold = each(folds(n))
        return total(size.map(fold.train))

    source = inputs(p, "size")["train"]
    assert isinstance(source, Item) and source.path == ("train",)


def test_items_that_are_named_tuples_unpack():
    @step
    def gap(train: list[int], test: list[int]) -> int:
        return len(train) - len(test)

    @pipeline
    def p(n: int) -> int:
        train, test = each(folds(n))
        return total(gap.map(train, test))

    assert p(4) == 4 * 2 == p.run(n=4, store=None, listeners=[]).result


def test_parts_of_mapped_results_are_read_through_each():
    @step
    def halves(x: int) -> Fold:
        return Fold([x], [x, x])

    @pipeline
    def p(xs: list[int]) -> int:
        return total(size.map(each(halves.map(each(xs))).test))

    assert inputs(p, "size")["train"] == Output("halves", "test")
    assert p([1, 2, 3]) == 6 == p.run(xs=[1, 2, 3], store=None, listeners=[]).result


def test_nested_cross_validation_is_ten_nodes():
    @step
    def fit(train: list[int], depth: int) -> int:
        return depth * len(train)

    @step
    def best(depths: list[int], scores: list[int]) -> int:
        return max(zip(scores, depths, strict=True))[1]

    @pipeline
    def cross_validate(inner: list[Fold], depth: int) -> int:
        fold = each(inner)
        return total(add.map(each(fit.map(fold.train, depth=depth)), 0))

    @step
    def inner_folds(train: list[int]) -> list[Fold]:
        return [Fold(train, train)]

    @pipeline
    def tune(train: list[int], depths: list[int]) -> int:
        return best(depths, cross_validate.map(inner_folds(train), depth=each(depths)))

    @pipeline
    def nested(n: int, depths: list[int]) -> int:
        fold = each(folds(n))
        models = fit.named("final").map(fold.train, depth=each(tune.map(fold.train, depths)))
        return total.named("honest")(add.named("score").map(each(models), 0))

    assert len(nested.graph.nodes) == 9  # one step less than the program of the design: there is no loading
    assert axes(nested, "tune/cross_validate/fit") == [["each(folds)"], ["each(depths)"], ["each(inner)"]]
    assert axes(nested, "tune/inner_folds") == [["each(folds)"]]  # not of the depths: all depths see the same folds
    assert nested.run(n=3, depths=[1, 2], store=None, listeners=[]).result == nested(3, [1, 2])


# what is refused


def refused(message, function):
    with pytest.raises(GraphError, match=message):
        pipeline(function)


def test_an_item_in_a_plain_call_is_refused():
    def p(n: int) -> int:
        return double(each(items(n)))

    refused(r"double\(\.\.\.\) got each\(items\): write double\.map\(\.\.\.\) to run it once an item", p)


def test_an_item_in_a_plain_call_of_a_pipeline_is_refused():
    @pipeline
    def inner(x: int) -> int:
        return double(x)

    def p(n: int) -> int:
        return inner(each(items(n)))

    refused(r"inner\(\.\.\.\) got each\(items\): write inner\.map\(\.\.\.\)", p)


def test_a_map_in_which_nothing_varies_is_refused():
    def p(n: int) -> list[int]:
        return double.map(x=items(n))

    refused(r"double\.map\(\.\.\.\): nothing varies; mark it: x=each\(\.\.\.\)", p)


def test_a_loop_over_a_result_says_how_to_map():
    def p(n: int) -> list[int]:
        return [double(x) for x in items(n)]

    refused(r"items is known only when the pipeline runs, so Python cannot loop over it.*fit\.map\(each\(items\)\)", p)


def test_an_item_of_what_is_one_value_is_refused():
    def p(n: int) -> list[int]:
        return double.map(each(double.named("one")(n)))

    refused(r"each\(one\): one is one int, not many", p)


def test_an_item_of_an_item_is_refused():
    def p(rows: list[list[int]]) -> list[int]:
        return double.map(each(each(rows)))

    refused(r"each\(each\(rows\)\): each\(rows\) stands for one item already.*map the pipeline", p)


def test_an_item_is_no_result_of_a_pipeline():
    def p(n: int) -> int:
        return each(items(n))

    refused(r"p returns each\(items\), which stands for one item", p)


def test_a_dict_of_results_needs_keys():
    def p(n: int) -> dict[str, int]:
        return double.named("again").map_values(each(double.map(each(items(n)))))

    refused(r"again\.map_values: a dict needs keys, and each\(double\) is a list that a map made", p)


def test_the_type_of_items_is_checked():
    @step
    def words(n: int) -> list[str]:
        return ["a"] * n

    def p(n: int) -> list[int]:
        return double.map(each(words(n)))

    refused(r"double\(x: int\) cannot take each\(words\) -> str", p)


def test_the_type_of_what_is_gathered_is_checked():
    def p(n: int) -> int:
        return totals(double.map(each(items(n))))

    refused(r"totals\(xs: dict\[str, int\]\) cannot take double -> list\[int\]", p)


def test_the_type_of_a_parameter_is_checked():
    def p(text: str) -> int:
        return double(text)

    refused(r"double\(x: int\) cannot take text -> str", p)


def test_a_field_that_items_do_not_have_is_refused():
    def p(n: int) -> list[int]:
        return size.map(each(folds(n)).rest)

    refused(r"each\(folds\)\.rest: each\(folds\) has no such field \(it has train, test\)", p)


def test_used_twice_counts_for_maps_too():
    def p(n: int) -> list[int]:
        double.map(each(items(n)))
        return double.map(each(items.named("more")(n)))

    refused(r"double is used twice \(lines \d+, \d+\)", p)


@pytest.mark.parametrize("use", [lambda x: f"{x}", str, lambda x: {x: 1}, lambda x: {x}, lambda x: x in [1]])
def test_a_reference_does_not_slip_into_other_values(use):
    def p(n: int) -> object:
        return total([use(items(n))])

    refused("only when the pipeline runs|holds results", p)


def test_a_dataclass_around_results_is_refused():
    from dataclasses import dataclass

    @dataclass
    class Box:
        x: int

    @step
    def opened(box: object) -> int:
        return 0

    def p(n: int) -> int:
        return opened(Box(double(n)))

    refused("a Box holds results.*make the Box in a step", p)


# switch and attempt


class Kind(Enum):
    SMALL = "small"
    LARGE = "large"


def test_a_switch_is_a_choice():
    @pipeline
    def p(kind: Literal["one", "two"], n: int) -> int:
        return add(switch(kind, {"one": double(n), "two": total(items(n))}), 1)

    source = inputs(p, "add")["a"]
    assert isinstance(source, Choice) and source.selector == Param("kind")
    assert dict(source.branches) == {"one": Output("double"), "two": Output("total")}


def test_a_branch_that_is_missing_is_said_when_the_pipeline_is_built():
    def p(kind: Literal["one", "two", "three"], n: int) -> int:
        return switch(kind, {"one": double(n), "two": total(items(n))})

    refused(r"switch\(kind\): there is no branch for 'three'; add it, or a default=", p)


def test_a_branch_that_can_never_be_is_said_with_the_near_miss():
    def p(kind: Literal["one", "two"], n: int) -> int:
        return switch(kind, {"one": double(n), "two": 1, "twoo": 2})

    refused(r"switch\(kind\): kind is never 'twoo', but 'one', 'two'\. Did you mean 'two'\?", p)


def test_enums_and_bools_are_checked_too():
    def by_kind(kind: Kind, n: int) -> int:
        return switch(kind, {Kind.SMALL: double(n)})

    def by_flag(flag: bool, n: int) -> int:
        return switch(flag, {True: double(n)})

    refused(r"there is no branch for <Kind\.LARGE", by_kind)
    refused(r"there is no branch for False", by_flag)


def test_a_default_is_for_all_other_values():
    @pipeline
    def p(kind: Literal["one", "two", "three"], n: int) -> int:
        return switch(kind, {"one": double(n)}, default=n)

    assert p("one", 3) == 6 and p("three", 3) == 3


def test_a_switch_without_branches_is_refused():
    def p(n: int) -> int:
        return switch(n, {})

    refused(r"switch\(n\): it has no branches", p)


def test_branches_must_fit_their_reader():
    @step
    def text(n: int) -> str:
        return ""

    def p(flag: bool, n: int) -> int:
        return add(switch(flag, {True: text(n), False: text.named("other")(n)}), 1)

    refused(r"add\(a: int\) cannot take text, other -> str", p)


def test_an_attempt_is_a_source_around_another_one():
    @step
    def count(xs: list) -> int:
        return len(xs)

    @pipeline
    def p(n: int) -> int:
        return count(attempt(double.map(each(items(n)))))

    source = inputs(p, "count")["xs"]
    assert isinstance(source, Attempt) and isinstance(source.source, Gather)


# async, and lists of pipelines


def test_an_async_pipeline_is_traced_by_driving_it_once():
    @pipeline
    async def p(n: int) -> int:
        return add(double(n), 1)

    assert list(p.graph.nodes) == ["double", "add"]
    assert p.run(n=4, store=None, listeners=[]).result == 9


def test_an_async_pipeline_that_waits_for_something_else_is_refused():
    import asyncio

    async def p(n: int) -> int:
        await asyncio.sleep(0)
        return double(n)

    refused("p waits for something that is no step", p)


def test_a_mapped_pipeline_in_a_list_keeps_its_maps():
    @pipeline
    def mapped(n: int) -> list[int]:
        return double.map(each(items(n)))

    @step
    def last(mapped: list[int]) -> int:
        return mapped[-1]

    whole = Pipeline("whole", [mapped, last])
    assert axes(whole, "mapped/double") == [["each(items)"]]
    assert whole.run(n=4, store=None, listeners=[])["last"] == 6


def test_pipelines_in_a_list_that_read_each_other_share_an_axis():
    @pipeline
    def first(n: int) -> list[int]:
        return double.map(each(items(n)))

    @pipeline
    def second(first: list[int]) -> int:
        return total(add.map(each(first), 1))

    for order in ([first, second], [second, first]):
        run = Pipeline("whole", order).run(n=3, store=None, listeners=[])
        assert run["second"] == 9 and list(run.states) == list(
            [
                "first/items",
                *(f"first/double[{i}]" for i in range(3)),
                *(f"second/add[{i}]" for i in range(3)),
                "second/total",
            ]
            if order[0] is first
            else run.states
        )
