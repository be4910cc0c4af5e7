"""Other pipelines made of one: `replace`, `bind`, `select`, and pipelines as items of others."""

from typing import Literal, NamedTuple

import pytest

from plait import GraphError, ParameterError, Pipeline, Seed, auto, each, pipeline, step, switch


class Split(NamedTuple):
    train: list[int]
    test: list[int]


@step
def rows(n: int) -> list[int]:
    return list(range(n))


@step
def split(rows: list[int], k: int = 2) -> Split:
    return Split(rows[:k], rows[k:])


@step(tags=["train"])
def total(train: list[int]) -> int:
    return sum(train)


@step
def plus(total: int, one: int = 1) -> int:
    return total + one


@step
def count(train: list[int], weight: int = 1) -> int:
    return len(train) * weight


@pipeline
def called(n: int) -> int:
    train, _ = split(rows(n))
    return plus(total(train))


@pipeline
def tuned(train: list[int], by: int = 2) -> int:
    return plus(count(train), one=by)


named = Pipeline("named", [rows, split, total, plus])
both = pytest.mark.parametrize("pipe", [named, called], ids=["by name", "by call"])


def result(pipe, **params):
    return pipe.run(store=None, listeners=[], **params).result


# replace


@both
def test_a_node_with_another_step_keeps_its_name_and_its_readers(pipe):
    other = pipe.replace(total=count)
    assert other.nodes == pipe.nodes == ("rows", "split", "total", "plus")
    assert other.parameters == {"n": ..., "split.k": 2, "total.weight": 1, "plus.one": 1}
    assert result(other, n=4) == 3 and result(other, n=4, **{"total.weight": 5}) == 11
    assert result(pipe, n=4) == 2, "the pipeline itself is as it was"


def test_a_step_in_its_own_place_changes_nothing():
    for pipe in (named, called, validated, Pipeline("listed", [rows.named("train"), tuned])):
        for name, node in pipe.graph.nodes.items():
            again = pipe.replace(**{name: step(node.definition.fn, name=node.definition.name)})
            for one, other in zip(pipe.graph.nodes.values(), again.graph.nodes.values(), strict=True):
                assert one.name == other.name and one.inputs == other.inputs
            assert again.graph.whole == pipe.graph.whole and again.graph.result == pipe.graph.result
            assert again.parameters == pipe.parameters


@both
def test_a_step_comes_with_what_is_fixed_for_it(pipe):
    other = pipe.replace(total=count.with_(weight=3))
    assert result(other, n=4) == 7 and "total.weight" not in other.parameters


@both
def test_a_replaced_node_keeps_its_seed_and_what_is_not_replaced_its_keys(pipe, tmp_path):
    seen = []

    @step
    def drawn(train: list[int], seed: Seed = auto) -> int:
        seen.append(seed)
        return 0

    @step
    def drawn_too(train: list[int], seed: Seed = auto) -> int:
        seen.append(seed)
        return 1

    pipe.run(n=4, store=tmp_path, listeners=[])
    run = pipe.replace(total=drawn).run(n=4, store=tmp_path, listeners=[])
    assert run.states == {"rows": "hit", "split": "hit", "total": "run", "plus": "run"}
    pipe.replace(total=drawn_too).run(n=4, store=tmp_path, listeners=[])
    assert len(seen) == 2 and seen[0] == seen[1]


@both
def test_a_pipeline_stands_for_a_node_as_a_namespace_of_its_name(pipe):
    other = pipe.replace(total=tuned)
    assert [node for node in other.nodes if node.startswith("total")] == ["total/count", "total/plus"]
    assert other.run(n=4, store=None, listeners=[])["total"] == 4 and result(other, n=4) == 5
    assert result(other, n=4, **{"total.by": 10, "total/count.weight": 2}) == 15
    assert result(pipe.replace(total=tuned.with_(by=20)), n=4) == 23


@both
def test_a_pipeline_by_name_stands_for_a_node_if_it_ends_in_one(pipe):
    assert result(pipe.replace(total=Pipeline("sub", [total, plus])), n=4) == 3
    with pytest.raises(GraphError, match=r"ends in 2 nodes \(total, count\).*select one"):
        pipe.replace(total=Pipeline("sub", [total, count]))


@both
def test_nodes_that_are_replaced_together_are_checked_together(pipe):
    @step
    def joined(train: list[int]) -> str:
        return "".join(map(str, train))

    @step
    def longer(total: str) -> str:
        return total + "!"

    assert (
        result(pipe.replace(total=joined, plus=longer), n=4)
        == result(pipe.replace(plus=longer, total=joined), n=4)
        == "01!"
    )
    with pytest.raises(GraphError, match=r"plus\(total: str\) cannot take total -> int"):
        pipe.replace(plus=longer)


@step
def misspelt(trian: list[int]) -> int:
    return 0


@step
def text(train: list[int]) -> str:
    return ""


@step
def partless(rows: list[int]) -> int:
    return 0


@both
@pytest.mark.parametrize(
    "steps, said",
    [
        ({"totl": count}, r"has no node 'totl'\. Did you mean 'total'\?"),
        ({"total": misspelt}, r"Did you mean 'trian?|trian.*Did you mean 'train'"),
        ({"total": text}, r"plus\(total: int\) cannot take total -> str"),
        ({"total": len}, r"'len' is no step or pipeline; decorate it with @step"),
        ({"split": partless}, r"total\(train\) (reads split\.train|would read the parameter 'train')"),
    ],
)
def test_what_does_not_fit_is_refused(pipe, steps, said):
    with pytest.raises(GraphError, match=said):
        pipe.replace(**steps)


def test_what_is_passed_by_call_must_be_taken():
    @step
    def nothing() -> int:
        return 0

    with pytest.raises(GraphError, match=r"total is called with 'train', which nothing\(\) -> int does not take"):
        called.replace(total=nothing)

    @step
    def more(train: list[int], weights: list[int]) -> int:
        return 0

    with pytest.raises(GraphError, match=r"wants 'weights', which total is not called with\. It gets train"):
        called.replace(total=more)
    assert result(called.replace(total=more.bind(weights="split.test")), n=4) == 1
    with pytest.raises(GraphError, match="cycle"):
        called.replace(total=count.bind(weight="plus"))


def test_by_name_a_step_may_read_other_things_but_no_other_node_is_rewired():
    @step
    def spread(train: list[int], test: list[int], floor: int) -> int:
        return floor

    assert result(named.replace(total=spread), n=4, floor=9) == 10

    class Caught(NamedTuple):
        train: list[int]
        scale: int

    @step
    def caught(rows: list[int]) -> Caught:
        return Caught(rows, 1)

    @step
    def scaled(total: int, scale: int) -> int:
        return total * scale

    pipe = Pipeline("pipe", [rows, split, total, scaled])
    with pytest.raises(GraphError, match=r"scaled\(scale\) would read split, and not a parameter"):
        pipe.replace(split=caught)


def test_what_was_bound_for_a_node_stays_bound():
    tested = Pipeline("tested", [rows, split, total.bind(train="test")])
    assert result(tested.replace(total=count), n=5) == 3


def test_a_value_that_has_no_place_any_more_is_not_dropped_in_silence():
    fixed = called.with_({"split.k": 3})

    @step
    def halves(rows: list[int]) -> Split:
        return Split(rows[::2], rows[1::2])

    with pytest.raises(GraphError, match=r"'split\.k' was set, and is no parameter any more"):
        fixed.replace(split=halves)
    assert result(called.replace(split=halves), n=4) == 3


def test_steps_inside_a_pipeline_are_replaced_by_their_address():
    @step
    def use(tuned: int) -> int:
        return -tuned

    @pipeline
    def outer(train: list[int]) -> int:
        return use(tuned(train))

    listed = Pipeline("outer", [tuned, use])
    for pipe in (outer, listed):
        assert result(pipe, train=[7, 8]) == -4
        assert result(pipe.replace(**{"tuned/count": total}), train=[7, 8]) == -17
    with pytest.raises(GraphError, match=r"tuned is a pipeline that outer calls; replace nodes in it: tuned/count"):
        outer.replace(tuned=count)
    assert result(listed.replace(tuned=count), train=[7, 8]) == -2


def test_a_pipeline_with_another_step_is_not_called_as_plain_python():
    with pytest.raises(GraphError, match=r"does not know that total is another step; use called\.run"):
        called.replace(total=count)(4)

    @pipeline
    def outer(n: int) -> int:
        return called.replace(total=count)(n)

    assert result(outer, n=4) == 3


@step
def folds(n: int) -> dict[str, int]:
    return {"a": n, "b": n + 1}


@step
def fit(x: int, depth: int = 1) -> int:
    return x * depth


@step
def best(scores: dict[str, int]) -> int:
    return max(scores.values())


@pipeline
def deeper(x: int, k: int = 5) -> int:
    return fit(x, k)


@pipeline
def validated(n: int) -> int:
    models = fit.map_values(each(folds(n)))
    return best(plus.map_values(each(models)))


def test_a_mapped_node_is_replaced_for_each_item():
    @step
    def square(x: int) -> int:
        return x * x

    run = validated.replace(fit=square).run(n=2, store=None, listeners=[])
    assert run["fit"] == {"a": 4, "b": 9} and run.result == 10


def test_a_pipeline_in_the_place_of_a_mapped_node_is_mapped():
    run = validated.replace(fit=deeper).run(n=2, store=None, listeners=[])
    assert run["fit"] == run["fit/fit"] == {"a": 10, "b": 15} and run["fit/fit", "b"] == 15 and run.result == 16


def test_a_pipeline_in_the_place_of_a_node_in_two_maps_is_in_both():
    @pipeline
    def row(n: int) -> list[int]:
        return fit.map(each(rows(n)))

    @pipeline
    def table(ns: list[int]) -> list[list[int]]:
        return row.map(each(ns))

    assert result(table, ns=[2, 3]) == [[0, 1], [0, 1, 2]]
    run = table.replace(**{"row/fit": deeper}).run(ns=[2, 3], store=None, listeners=[])
    assert run.result == run["row/fit"] == run["row/fit/fit"] == [[0, 5], [0, 5, 10]]


def test_a_pipeline_in_a_mapped_pipeline_is_read_for_all_items():
    @pipeline
    def row(n: int) -> int:
        return plus(called(n))

    @pipeline
    def table(ns: list[int]) -> list[int]:
        return row.map(each(ns))

    run = table.run(ns=[2, 3], store=None, listeners=[])
    assert run["row/called"] == [2, 2] and run["row/called", "2"] == 2
    assert table.run("row/called", ns=[3], store=None, listeners=[])["row/called"] == [2]

    @pipeline
    def also(total: int) -> int:
        return plus(tuned([total]))

    run = table.replace(**{"row/plus": also}).run(ns=[2, 3], store=None, listeners=[])
    assert run["row/plus/tuned"] == [3, 3] and run.result == run["row/plus"] == [4, 4]


def test_a_node_at_the_end_of_a_long_chain_is_replaced():
    @pipeline
    def last(total: int) -> int:
        return plus(total)

    @pipeline
    def long(n: int) -> list[int]:
        made = fit.map(each(rows(n)))
        for i in range(1200):  # more than Python's stack is deep
            made = plus.named(f"plus{i}").map(each(made))
        return made

    made = long.replace(plus1199=last)
    assert made.graph.axes("plus1199/plus") == long.graph.axes("plus1199") and len(made.nodes) == 1202


def test_what_is_mapped_over_must_stay_many():
    @step
    def one(n: int) -> int:
        return n

    with pytest.raises(GraphError, match=r"each\(folds\) is one int, not many"):
        validated.replace(folds=one)


def test_a_switch_is_checked_again():
    @step
    def kind(n: int) -> Literal["a", "b"]:
        return "a"

    @step
    def other(n: int) -> Literal["a", "c"]:
        return "a"

    @pipeline
    def chosen(n: int) -> int:
        return plus(switch(kind(n), {"a": fit.named("x")(n), "b": fit.named("y")(n)}))

    with pytest.raises(GraphError, match=r"no branch for 'c'"):
        chosen.replace(kind=other)


# items of others


def test_a_pipeline_in_a_pipeline_in_a_list_is_not_lost():
    @step
    def use(tuned: int) -> int:
        return -tuned

    inner = Pipeline("inner", [tuned, use])
    outer = Pipeline("outer", [inner, step(lambda use: use * 10, name="tenfold")])
    assert outer.nodes == ("tuned/count", "tuned/plus", "use", "tenfold")
    assert result(outer, train=[1, 2]) == -40


def test_what_a_listed_pipeline_has_fixed_stays_fixed_and_can_be_set():
    listed = Pipeline("listed", [rows.named("train"), tuned.with_(train=[1, 2, 3], by=1)])
    assert listed.parameters["tuned.train"] == [1, 2, 3] and listed.parameters["tuned.by"] == 1
    assert listed.run(n=1, store=None, listeners=[])["tuned"] == 4
    assert listed.run(n=1, store=None, listeners=[], **{"tuned.by": 7})["tuned"] == 10


def test_bind_says_where_a_listed_pipeline_reads_from():
    pipe = Pipeline("p", [rows, split, tuned.bind(train="split.test"), tuned.named("again").bind(train="train")])
    run = pipe.run(n=5, store=None, listeners=[])
    assert (run["tuned"], run["again"]) == (5, 4)
    assert result(tuned.bind(train="numbers"), numbers=[1]) == 3


def test_bind_of_a_pipeline_by_name_binds_its_parameters():
    pipe = named.bind(n="length", **{"split.k": "size"})
    assert set(pipe.parameters) == {"length", "size", "plus.one"}
    assert result(pipe, length=4, size=3) == 4
    made = Pipeline("more", [step(lambda: 5, name="length"), pipe])
    assert result(made, size=3) == 4


def test_many_nodes_are_gathered_into_one_argument_also_pipelines():
    @step
    def report(sums: dict[str, int], all: list[int]) -> str:
        return f"{sums} {all}"

    pipe = Pipeline("p", [rows, split, total, tuned, report.bind(sums={"a": total, "b": tuned}, all=["total", tuned])])
    assert result(pipe, n=4) == "{'a': 1, 'b': 4} [1, 4]"


@pytest.mark.parametrize(
    "make, said",
    [
        (lambda: tuned.bind(trian="x"), r"tuned\.bind\(trian=\.\.\.\): it has no parameter 'trian'\. Did you mean 'train'\?"),
        (lambda: tuned.bind(by=3), r"bind takes names of nodes or parameters, or steps; for a value: tuned\.with_\(by=3\)"),
        (lambda: tuned.with_(by=1).bind(by="x"), r"'by' is fixed by with_"),
        (lambda: Pipeline("p", [rows, plus, tuned.bind(train="plus")]), r"tuned\(plus: list\[int\]\) cannot take plus -> int"),
        (lambda: Pipeline("p", [rows, total.bind(train=[count])]), r"p has no such step\. Did you mean|p has no such step\. Add"),
        (lambda: Pipeline("p", [rows, total.bind(train=tuned)]), r"p has no such pipeline\. Add it to the list"),
        (lambda: total.bind(train={"a": 3}), r"for a value: total\.with_"),
    ],
)  # fmt: skip
def test_bind_refuses_what_it_cannot_mean(make, said):
    with pytest.raises(GraphError, match=said):
        make()


# select


@both
@pytest.mark.parametrize(
    "selectors, nodes",
    [
        (["total"], ["total"]),
        (["+total"], ["rows", "split", "total"]),
        (["split+"], ["split", "total", "plus"]),
        (["+split+"], ["rows", "split", "total", "plus"]),
        (["tag:train"], ["total"]),
        (["+tag:train"], ["rows", "split", "total"]),
        (["tag:train+", "rows"], ["rows", "total", "plus"]),
    ],
)
def test_a_part_is_chosen_by_name_tag_and_ancestry(pipe, selectors, nodes):
    assert list(pipe.select(*selectors).nodes) == nodes


def test_what_was_made_by_the_rest_is_a_parameter():
    assert result(named.select("total"), train=[1, 2]) == 3
    assert result(called.select("total"), split=Split([1, 2], [])) == 3
    assert result(called.select("plus"), total=6) == 7
    with pytest.raises(ParameterError, match="total = 'x' does not fit int"):
        called.select("plus").run(total="x", store=None)


def test_a_part_keeps_names_keys_and_values(tmp_path):
    called.run(n=4, store=tmp_path, listeners=[])
    part = called.with_({"split.k": 2}).select("+total")
    assert part.run(n=4, store=tmp_path, listeners=[]).states == {"rows": "hit", "split": "hit", "total": "hit"}


def test_a_part_is_never_wired_to_another_node():
    again = split.named("again")
    pipe = Pipeline("p", [rows, split, again, total.bind(train="split.train")])
    with pytest.raises(
        GraphError, match=r"total\(train\) reads split\.train, and would read again\.train; select both"
    ):
        pipe.select("total", "again")


def test_a_namespace_is_selected_as_a_whole():
    listed = Pipeline("listed", [rows.named("train"), tuned, step(lambda tuned: tuned, name="use")])
    assert listed.select("tuned+").nodes == ("tuned/count", "tuned/plus", "use")


def test_a_map_is_cut_where_its_results_are_gathered_and_not_between_its_items():
    assert result(validated.select("best"), plus={"a": 4}) == 4
    assert result(validated.select("fit", "plus", "best"), folds={"a": 4, "b": 6}) == 7
    with pytest.raises(GraphError, match="reads the items of fit one by one, or parts of them; select fit too"):
        validated.select("plus")


@both
@pytest.mark.parametrize(
    "selectors, said",
    [
        ([], r"select\(\): say what"),
        (["totl"], r"has no node 'totl'\. Did you mean 'total'\?"),
        (["tag:trian"], r"no step of \w+ has the tag 'trian'\. Did you mean 'train'\?"),
        (["tag:x"], r"no step of \w+ has the tag 'x'\. There are 'train'"),
    ],
)
def test_a_selector_that_chooses_nothing_is_refused(pipe, selectors, said):
    with pytest.raises(GraphError, match=said):
        pipe.select(*selectors)
