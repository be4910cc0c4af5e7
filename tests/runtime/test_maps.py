"""Maps in runs: each item is a node of its own, everywhere with the same bits, and no more work than there must be."""

import gc
import os
import tempfile
import threading
import weakref
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from plait import (
    GraphError,
    NodeFailed,
    ParameterError,
    Pipeline,
    PlaitError,
    Scratch,
    Seed,
    auto,
    each,
    pipeline,
    step,
)


class Fold(NamedTuple):
    train: np.ndarray
    test: np.ndarray


@step
def table(n: int) -> dict[str, np.ndarray]:
    return {f"r{i}": np.arange(i + 1.0) for i in range(n)}


@step
def noisy(rows: np.ndarray, seed: Seed = auto) -> np.ndarray:
    return rows + np.random.default_rng(seed).normal(size=len(rows))


@step
def summed(a: np.ndarray) -> float:
    return float(a.sum())


@step
def report(scores: dict[str, float]) -> list[str]:
    return [f"{name}: {score:.3f}" for name, score in scores.items()]


@pipeline
def regional(n: int) -> list[str]:
    rows = each(table(n))
    return report(summed.map_values(each(noisy.map_values(rows))))


@step
def square(x: int) -> int:
    return x * x


@step
def picky(x: int) -> int:
    if x == 3:
        raise ValueError("three is too much")
    return x


@step
def total(xs: list[int]) -> int:
    return sum(xs)


@step
def pair(a: int, b: int) -> tuple[int, int]:
    return a, b


@step
def numbers(n: int) -> list[int]:
    return list(range(n))


def quiet(pipe, *targets, store=None, **options):
    return pipe.run(*targets, store=store, listeners=[], **options)


@pipeline
def squares(xs: list[int]) -> int:
    return total(square.map(each(xs)))


# values


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_every_executor_gives_the_same_digests(executor):
    here = quiet(regional, n=4, seed=7)
    there = quiet(regional, n=4, seed=7, executor=executor, workers=2)
    assert {n: here.digest(n) for n in here.states} == {n: there.digest(n) for n in there.states}
    assert here.result == there.result


def test_each_item_draws_from_a_seed_of_its_own_and_the_chain_keeps_it():
    from plait.core.seeds import derive

    run = quiet(regional, n=3, seed=5)
    for name, rows in run["table"].items():
        expected = noisy(rows, derive(5, f"noisy[{name}]"))
        np.testing.assert_array_equal(run["noisy", name], expected)


def test_results_come_in_the_order_of_the_input():
    assert quiet(squares, xs=[3, 1, 2])["square"] == [9, 1, 4]


def test_an_empty_input_gives_an_empty_result():
    run = quiet(squares, xs=[])
    assert run.result == 0 and run["square"] == [] and run.states == {"total": "run"}
    assert quiet(regional, n=0).result == []


def test_equal_items_are_computed_once_and_listed_twice():
    run = quiet(squares, xs=[2, 5, 2])
    assert run["square"] == [4, 25, 4] and list(run.states) == ["square[2]", "square[5]", "total"]


def test_items_of_all_kinds_are_told_apart():
    @step
    def kind(x: object) -> str:
        return type(x).__name__

    @pipeline
    def kinds(xs: list) -> list[str]:
        return kind.map(each(xs))

    values = [1, 1.0, True, "1", "True", None, "None", b"1", (1,), [1], "a,b", "a|b", "[", "x", "#x", -0.0, 0.0]
    run = quiet(kinds, xs=values)
    assert run.result == [type(value).__name__ for value in values]
    assert len([name for name in run.states if name.startswith("kind")]) == len(values)


def test_a_map_over_a_constant_list_and_over_a_list_of_results():
    @pipeline
    def p(n: int) -> list[int]:
        return square.map(each([1, 2, total(numbers(n))]))

    @pipeline
    def q(n: int) -> dict[str, int]:
        return square.map_values(each({"a": total(numbers(n)), "b": 7}))

    assert quiet(p, n=4).result == [1, 4, 36] == p(4)
    assert quiet(q, n=4).result == {"a": 36, "b": 49} == q(4)


def test_a_map_over_texts_gives_a_dict_by_them():
    @step
    def length(word: str) -> int:
        return len(word)

    @pipeline
    def p(words: list[str]) -> dict[str, int]:
        return length.map_values(each(words))

    assert quiet(p, words=["one", "three"]).result == {"one": 3, "three": 5} == p(["one", "three"])
    with pytest.raises(PlaitError, match="a dict needs keys"):
        quiet(p, words=["one", "one"])
    with pytest.raises(PlaitError, match="a dict needs keys"):
        p(["one", "one"])


def test_a_ragged_map_of_maps():
    @pipeline
    def row(xs: list[int]) -> int:
        return total(square.map(each(xs)))

    @pipeline
    def rows(groups: dict[str, list[int]]) -> dict[str, int]:
        return row.map_values(each(groups))

    groups = {"a": [1, 2], "b": [], "c": [2, 3, 4]}
    run = quiet(rows, groups=groups)
    assert run.result == {"a": 5, "b": 0, "c": 29} == rows(groups)
    assert run["row/square"] == {"a": [1, 4], "b": [], "c": [4, 9, 16]}
    assert run["row/square", "c", 3] == 9


def test_dicts_are_zipped_by_their_keys():
    @pipeline
    def p(a: dict[str, int], b: dict[str, int]) -> dict[str, tuple[int, int]]:
        return pair.map_values(each(a), each(b))

    a, b = {"x": 1, "y": 2}, {"y": 20, "x": 10}
    assert quiet(p, a=a, b=b).result == {"x": (1, 10), "y": (2, 20)} == p(a, b)
    with pytest.raises(GraphError, match=r"pair.map_values: each\(a\) has the key 'y' and each\(b\) has not"):
        quiet(p, a=a, b={"x": 1, "z": 2})


def test_zipped_items_are_named_by_all_of_them():
    @pipeline
    def p(a: list[int], b: list[int]) -> list[tuple[int, int]]:
        return pair.map(each(a), each(b))

    run = quiet(p, a=[1, 1, 2], b=[5, 6, 2])
    assert run.result == [(1, 5), (1, 6), (2, 2)] == p([1, 1, 2], [5, 6, 2])
    assert list(run.states) == ["pair[1|5]", "pair[1|6]", "pair[2]"]


def test_unequal_lengths_are_an_error_before_any_work():
    @pipeline
    def p(a: list[int], b: list[int]) -> list[tuple[int, int]]:
        return pair.map(each(a), each(b))

    message = r"pair.map: each\(a\) has 2 items and each\(b\) has 3"
    with pytest.raises(GraphError, match=message):
        quiet(p, a=[1, 2], b=[1, 2, 3])


def test_unequal_lengths_that_show_in_the_run_fail_the_map_only():
    @step
    def count(pairs: list) -> int:
        return len(pairs)

    @pipeline
    def p(n: int, b: list[int]) -> int:
        square(n)
        return count(pair.map(each(numbers(n)), each(b)))

    with pytest.raises(NodeFailed, match=r"pair.map: each\(numbers\) has 3 items and each\(b\) has 2"):
        quiet(p, n=3, b=[1, 2])
    run = quiet(p, n=3, b=[1, 2], fail="keep-going")
    assert run["square"] == 9 and not run.ok and [failure.node for failure in run.failures] == ["count"]


@pytest.mark.parametrize("value", [{1, 2}, "text", 5])
def test_what_has_no_items_in_an_order_is_refused(value):
    @pipeline
    def p(xs) -> list:
        return square.map(each(xs))

    with pytest.raises(ParameterError, match=r"each\(xs\): a (set|str|int)"):
        quiet(p, xs=value)


def test_a_mapped_pipeline_runs_what_does_not_depend_on_the_item_once():
    @pipeline
    def inner(x: int, n: int) -> tuple[int, int]:
        return pair(x, total(numbers(n)))

    @pipeline
    def outer(xs: list[int], n: int) -> list[tuple[int, int]]:
        return inner.map(each(xs), n)

    run = quiet(outer, xs=[1, 2], n=3)
    assert run.result == [(1, 3), (2, 3)] == outer([1, 2], 3)
    assert list(run.states) == ["inner/numbers", "inner/total", "inner/pair[1]", "inner/pair[2]"]


def test_a_list_of_one_frame_too_large_to_travel_along_is_written_for_workers():
    @step
    def parts(n: int) -> list[Fold]:
        return [Fold(np.arange(n * 5000.0) + i, np.ones(3)) for i in range(3)]

    @pipeline
    def p(n: int) -> list[float]:
        fold = each(parts(n))
        return summed.map(fold.train)

    here = quiet(p, n=2)
    there = quiet(p, n=2, executor="processes", workers=2)
    assert here.result == there.result and here.digest("summed") == there.digest("summed")


# records


def test_a_warm_run_does_nothing_and_a_new_item_runs_alone(tmp_path):
    quiet(squares, xs=[1, 2, 3], store=tmp_path)
    assert set(quiet(squares, xs=[1, 2, 3], store=tmp_path).states.values()) == {"hit"}
    run = quiet(squares, xs=[3, 4, 1], store=tmp_path)
    assert run.result == 26
    assert run.states == {"square[3]": "hit", "square[4]": "run", "square[1]": "hit", "total": "run"}


@step(ignore=["said"])
def varied(x: int, by: float, base: list[int], rng: Seed = auto, *, k: int = 2, said: str = "") -> float:
    return x * by + sum(base) + k + rng % 7


@pipeline
def many(n: int, by: float = 0.5, said: str = "") -> list[float]:
    base = numbers(3)
    return varied.map(each(numbers.named("items")(n)), by, base, said=said)


def test_an_item_alone_is_a_hit_after_all_of_a_large_map_and_the_other_way_round(tmp_path):
    """Many items are named together, by what they have in common; that must give the keys that they have alone."""
    whole = quiet(many, n=150, store=tmp_path)
    assert set(quiet(many, n=150, said="other", store=tmp_path).states.values()) == {"hit"}
    one = many.run("varied[77]", n=150, store=tmp_path, listeners=[])
    assert one.states["varied[77]"] == "hit" and one["varied", 77] == whole.result[77]
    other = many.run("varied[77]", n=150, by=2.0, store=tmp_path, listeners=[])
    assert other.states["varied[77]"] == "run"
    later = quiet(many, n=150, by=2.0, store=tmp_path)
    assert [name for name, state in later.states.items() if state == "hit"] == ["numbers", "items", "varied[77]"]


@step
def placed(n: int, folder: Scratch = auto) -> str:
    return str(folder) if n else "scratch"


@pytest.mark.parametrize("count", [20, 150])
def test_a_folder_that_is_given_counts_beside_nodes_that_have_one_of_the_run(count, tmp_path):
    given = [placed.named(f"p{i}").with_(n=1, folder=Path(f"/d{i}")) for i in range(1, count)]
    run = Pipeline("p", [placed.named("p0").with_(n=0), *given]).run(store=tmp_path, listeners=[])
    assert [run[f"p{i}"] for i in range(count)] == ["scratch", *(f"/d{i}" for i in range(1, count))]


@pytest.mark.parametrize("executor", ["sequential", "threads", "processes"])
def test_a_run_that_nobody_holds_is_gone_at_once(executor, tmp_path, monkeypatch):
    """Its values may be large, in memory or in files: they must not wait until Python looks for garbage."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    gc.collect()
    gc.disable()
    try:
        for store in (None, tmp_path, tmp_path):
            run = quiet(squares, xs=[1, 2, 3], store=store, executor=executor)
            assert run["square", 2] == 4
            held = [weakref.ref(run), weakref.ref(run._state), weakref.ref(run._state.unfolding)]
            del run
            assert [one() for one in held] == [None, None, None] and not list(folder.glob("plait-*"))
    finally:
        gc.enable()


def test_the_order_of_a_dict_and_of_workers_do_not_change_an_item(tmp_path):
    first = quiet(regional, n=3, seed=1, store=tmp_path)
    again = quiet(regional, n=5, seed=1, store=tmp_path)
    assert all(again.states[f"noisy[r{i}]"] == "hit" for i in range(3))
    assert first.digest("noisy[r1]") == again.digest("noisy[r1]")


def test_a_damaged_list_is_made_again_before_its_items_are_looked_at(tmp_path):
    @step
    def large(n: int) -> list[np.ndarray]:
        return [np.arange(5000.0) + i for i in range(n)]

    @pipeline
    def p(n: int) -> list[float]:
        return summed.map(each(large(n)))

    first = quiet(p, n=3, store=tmp_path)
    blobs = [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()]
    assert blobs
    for path in blobs:
        path.chmod(0o600)
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    again = quiet(p, n=3, store=tmp_path)
    assert again.states["large"] == "run" and again.result == first.result


@pytest.mark.parametrize("executor", ["sequential", "threads"])
def test_items_flow_through_chained_maps_without_waiting_for_each_other(executor):
    seen = []

    @step
    def first(x: int) -> int:
        seen.append(("first", x))
        return x

    @step
    def second(x: int) -> int:
        seen.append(("second", x))
        return x

    @pipeline
    def p(xs: list[int]) -> list[int]:
        return second.map(each(first.map(each(xs))))

    if executor == "sequential":
        quiet(p, xs=[1, 2, 3])
        assert seen == [(name, x) for x in (1, 2, 3) for name in ("first", "second")]
    else:
        quiet(p, xs=[1, 2, 3], executor=executor, workers=1)
        assert seen.index(("second", 1)) < len(seen) - 1


def test_items_run_side_by_side():
    gate = threading.Barrier(2, timeout=240)

    @step
    def meet(x: int) -> int:
        return gate.wait() * 0 + x

    @pipeline
    def p(xs: list[int]) -> list[int]:
        return meet.map(each(xs))

    assert quiet(p, xs=[1, 2], executor="threads", workers=2).result == [1, 2]


# failures


@pipeline
def risky(xs: list[int]) -> int:
    return total(square.map(each(picky.map(each(xs)))))


def test_a_failed_item_ends_a_run_and_says_which_it_was():
    with pytest.raises(NodeFailed, match=r"picky\[3\]: ValueError: three is too much") as failed:
        quiet(risky, xs=[1, 3, 4])
    assert (failed.value.node, failed.value.item) == ("picky", 3)


@pytest.mark.parametrize("executor", ["sequential", "threads", "processes"])
def test_siblings_of_a_failed_item_go_on(executor):
    run = quiet(risky, xs=[1, 3, 4], fail="keep-going", executor=executor)
    assert run["picky", 1] == 1 and run["square", 4] == 16
    assert run.states["square[3]"] == run.states["total"] == "skipped"
    (failure,) = run.failures
    assert (failure.node, failure.item, failure.kind) == ("picky", 3, "ValueError")
    with pytest.raises(NodeFailed, match=r"picky\[3\]"):
        run["picky"]
    with pytest.raises(PlaitError, match=r"square\[3\] was not run, because picky\[3\] failed"):
        run["square", 3]


def test_what_depends_on_a_list_that_failed_is_skipped():
    @step
    def broken(n: int) -> list[int]:
        raise OSError("no list")

    @pipeline
    def p(n: int) -> int:
        return total(square.map(each(broken(n))))

    run = quiet(p, n=1, fail="keep-going")
    assert run.states == {"broken": "failed", "square": "skipped", "total": "skipped"}
    with pytest.raises(NodeFailed, match="broken: OSError: no list"):
        run["square"]


# reading


def test_one_item_is_read_and_the_others_are_not(tmp_path):
    quiet(regional, n=3, store=tmp_path)
    run = regional.runs(store=tmp_path)[0]
    assert run["summed", "r0"] == run["summed[r0]"] and isinstance(run["summed", "r0"], float)
    assert list(run["summed"]) == ["r0", "r1", "r2"]


def test_an_item_that_is_not_there_is_said_with_the_near_miss():
    run = quiet(regional, n=3)
    with pytest.raises(GraphError, match=r"summed has no item r9 in this run: it has r0, r1, r2"):
        run["summed", "r9"]
    with pytest.raises(GraphError, match=r"summed has no item r11 in this run. Did you mean 'r1'"):
        run["summed", "r11"]
    with pytest.raises(GraphError, match="summed is mapped 1 times, and 2 items are given"):
        run["summed", "r1", "r2"]
    with pytest.raises(GraphError, match="table is not mapped, and has no items"):
        run["table[r1]"]


def test_items_that_are_named_by_content_are_read_by_content():
    @pipeline
    def p(xs: list[np.ndarray]) -> list[float]:
        return summed.map(each(xs))

    arrays = [np.arange(3.0), np.arange(4.0)]
    run = quiet(p, xs=arrays)
    assert run["summed", np.arange(4.0)] == 6.0
    name = list(run.states)[1]
    assert run[name] == 6.0 and name.startswith("summed[#")


def test_a_frame_of_a_run_has_a_line_an_item():
    frame = quiet(regional, n=2).to_frame()
    assert list(frame.index) == ["table", "noisy[r0]", "noisy[r1]", "summed[r0]", "summed[r1]", "report"]


def test_one_item_can_be_asked_for():
    run = quiet(squares, "square[2]", xs=[1, 2, 3])
    assert run.states == {"square[2]": "run"} and run["square", 2] == 4
    with pytest.raises(GraphError, match="square has no item 5: it has 1, 2, 3"):
        quiet(squares, "square[5]", xs=[1, 2, 3])


def test_values_of_a_map_can_be_given():
    run = quiet(squares, xs=[1, 2], given={"square": [10, 20]})
    assert run.result == 30 and run.states == {"square[1]": "given", "square[2]": "given", "total": "run"}
    run = quiet(regional, n=2, given={"summed": {"r1": 5.0, "r0": 1.0}})
    assert run.result == ["r0: 1.000", "r1: 5.000"] and "noisy[r0]" not in run.states


def test_the_value_of_one_item_can_be_given():
    run = quiet(squares, xs=[1, 2], given={"square[2]": 40})
    assert run.result == 41 and run.states == {"square[1]": "run", "square[2]": "given", "total": "run"}


# plans


def test_a_plan_says_what_the_size_depends_on_until_it_is_known(tmp_path):
    assert "square[*]" not in str(squares.plan(xs=[1, 2], store=tmp_path))
    plan = regional.plan(n=2, store=tmp_path)
    assert plan["wait"] == ["noisy[*]", "summed[*]", "report"] and "noisy[*]   wait   (size: table)" in str(plan)
    quiet(regional, "table", n=2, store=tmp_path)
    assert regional.plan(n=2, store=tmp_path)["run"] == [
        "noisy[r0]", "noisy[r1]", "summed[r0]", "summed[r1]", "report",
    ]  # fmt: skip


def test_a_plan_names_the_items_of_a_parameter(tmp_path):
    quiet(squares, xs=[1, 2], store=tmp_path)
    plan = squares.plan(xs=[2, 3], store=tmp_path)
    assert plan["hit"] == ["square[2]"] and plan["run"] == ["square[3]"] and plan["wait"] == ["total"]


def test_an_item_is_explained(tmp_path):
    quiet(regional, n=2, seed=1, store=tmp_path)
    assert "noisy[r1] would run: the seed changed: 1 -> 2" in regional.explain("noisy[r1]", n=2, seed=2, store=tmp_path)
    run = quiet(regional, n=2, seed=2, store=tmp_path)
    assert "noisy[r1] gave another value: the seed changed: 1 -> 2" in run.explain("summed[r1]")


# plain Python


def test_called_outside_a_run_a_map_is_a_loop():
    assert squares([1, 2, 3]) == 14 and square.map(each([1, 2])) == [1, 4]
    assert square.map_values(each({"a": 2})) == {"a": 4}
    assert pair.map(each([1, 2]), b=5) == [(1, 5), (2, 5)]


def test_called_outside_a_run_the_errors_are_the_same():
    with pytest.raises(GraphError, match=r"square\(\.\.\.\) got each\(\.\.\.\): write square\.map"):
        square(each([1]))
    with pytest.raises(GraphError, match=r"pair\.map: each\(\.\.\.\) has 1 items and each\(\.\.\.\) has 2"):
        pair.map(each([1]), each([1, 2]))
    with pytest.raises(GraphError, match="nothing varies"):
        square.map(1)


def test_values_that_were_fixed_are_there_in_plain_calls_too():
    assert pair.with_(b=7)(1) == (1, 7) and pair.with_(b=7).map(each([1, 2])) == [(1, 7), (2, 7)]


def test_a_map_of_many_items_in_processes_leaves_no_file_behind(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    run = quiet(regional, n=6, executor="processes", workers=2)
    assert run.ok and run["summed", "r5"] == run["summed"]["r5"]
    del run
    assert os.listdir(tmp_path) == [] or all("plait" not in name for name in os.listdir(tmp_path))


def test_values_that_a_pipeline_comes_with_are_there_in_plain_calls_too():
    @pipeline
    def p(a: int, b: int) -> tuple[int, int]:
        return pair(a, b)

    assert p.with_(b=7)(1) == (1, 7) == quiet(p.with_(b=7), a=1).result
    assert p.with_(b=7).map(each([1, 2])) == [(1, 7), (2, 7)] and p.with_(b=7)(1, 2) == (1, 2)

    @step
    def scaled(x: int, by: int = 2) -> int:
        return x * by

    @pipeline
    def q(x: int) -> int:
        return scaled(x)

    with pytest.raises(GraphError, match=r"q has scaled.by fixed inside, which a plain call cannot reach; use q.run"):
        q.with_({"scaled.by": 3})(1)


def test_the_longest_way_goes_first_also_through_maps_that_are_not_unfolded_yet():
    order = []

    @step
    def short(n: int) -> int:
        order.append("short")
        return n

    @step
    def listed(n: int) -> list[int]:
        order.append("listed")
        return [1, 2]

    @pipeline
    def p(n: int) -> int:
        short(n)
        return total(square.map(each(picky.map(each(listed(n))))))

    quiet(p, n=1, executor="threads", workers=1)
    assert order == ["listed", "short"]


@pytest.mark.parametrize("executor", ["sequential", "processes"])
def test_a_store_that_is_emptied_while_items_run_costs_no_item(executor, tmp_path):
    store = tmp_path / "store"

    @step
    def large(n: int) -> list[np.ndarray]:
        return [np.arange(5000.0) + i for i in range(n)]

    @step
    def emptied(a: np.ndarray, folder: str) -> float:
        gone = [path for path in Path(folder, "blobs").rglob("*") if path.is_file()]
        for path in gone:
            path.unlink(missing_ok=True)
        return float(a[0] + 1000 * bool(gone))

    @pipeline
    def p(n: int, folder: str) -> list[float]:
        return emptied.map(each(large(n)), folder)

    run = quiet(p, n=4, folder=str(store), executor=executor, store=store)
    assert [value % 1000 for value in run.result] == [0.0, 1.0, 2.0, 3.0]
    assert run.result[0] >= 1000  # the fault fired
