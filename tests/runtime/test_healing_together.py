"""Healing, while parts, twins, given values, items of lists and failures are about: no wrong record, nobody forgotten."""

import os
import threading
from contextlib import closing
from typing import NamedTuple

import numpy as np
import pytest

import outside
from outside import lose, opened, passed
from plait import attempt, each, pipeline, step
from plait.core.addresses import node_of
from plait.errors import NodeFailed, PlaitError
from plait.runtime.events import Cached, Finished, Lost, Skipped, Started
from plait.stores.local import create

BIG = 100_000
BOTH = ["sequential", "threads"]


@pytest.fixture(autouse=True)
def world(tmp_path):
    with outside.world(tmp_path, fails=False, handles=0) as found:
        yield found


def fails() -> bool:
    return bool(outside.now["fails"])


def chance(n: int) -> np.ndarray:
    return np.frombuffer(os.urandom(8 * n), np.uint64).astype(float)


class Two(NamedTuple):
    a: np.ndarray
    b: np.ndarray


@step
def parts(n: int) -> Two:
    return Two(chance(n), chance(n))


@step
def one(b: np.ndarray) -> float:
    return float(b.max())


@step
def two(a: np.ndarray) -> float:
    return float(a.max())


@step
def three(b: np.ndarray) -> float:
    return float(b.min())


@pipeline
def one_part(n: int):
    return parts(n).a


@pipeline
def of_parts(n: int):
    whole = parts(n)
    return one(whole.b), two(whole.a), three(whole.b), whole


def test_no_part_stays_in_memory_of_a_value_that_came_back_as_another(tmp_path):
    one_part.run(n=BIG, store=tmp_path, listeners=[])
    started = []

    def listen(event) -> None:
        if isinstance(event, Started):
            if event.node == "two" and "two" not in started:
                lose()
            started.append(event.node)

    run = of_parts.run(n=BIG, store=tmp_path, listeners=[listen])
    assert started.count("parts") == 1 and started.count("three") == 1, "three is not run before it is named anew"
    again = of_parts.run(n=BIG, store=tmp_path, listeners=[])
    assert again.states["three"] == "hit"
    assert again["three"] == run["three"] == run["parts"].b.min() == again["parts"].b.min()


@step(executor="processes")
def far(n: int) -> np.ndarray:
    return chance(n)


@step(executor="threads", ignore=[lose])
def loses(values: np.ndarray) -> float:
    found = float(values.max())
    lose()
    return found


@step(executor="processes")
def misses(values: np.ndarray, after: float) -> float:
    return float(values.max())


@step(executor="threads")
def reads_late(values: np.ndarray, after: float) -> float:
    return float(values.min())


@pipeline
def from_far(n: int):
    values = far(n)
    return reads_late(values, misses(values, loses(values)))


def test_a_value_that_a_worker_made_again_is_not_taken_from_memory(tmp_path):
    run = from_far.run(n=BIG, store=tmp_path, listeners=[])
    assert run.result == run["far"].min()
    with closing(create(tmp_path).ledger()) as ledger:
        (record,) = ledger.earlier(f"{__name__}:reads_late")
    assert dict(record.inputs)["values"] == run.digest("far")


class Handle:
    """Nothing that could be named, kept or sent."""

    def __init__(self, number: int) -> None:
        self.number, self.lock = number, threading.Lock()


def handles_of(n: int) -> list[object]:
    outside.now["handles"] += 1
    return [Handle(n)]


@step(executor="threads", ignore=[handles_of])
def handles(n: int) -> list[object]:
    return handles_of(n)


@step(executor="processes")
def cannot(handle: object) -> int:
    return 1


@step(executor="threads", ignore=[passed])
def later(n: int) -> int:
    passed("later")
    return 5


@step(executor="threads")
def number(handle: object, after: int) -> int:
    return handle.number


@pipeline
def of_handles(n: int):
    some = handles(n)
    return cannot.map(each(some)), number.map(each(some), later(n))


@pytest.mark.filterwarnings("ignore::plait.errors.UnnamedResult")
def test_an_item_that_has_no_content_to_name_keeps_the_name_that_says_how_it_was_made(tmp_path, world):
    for n in (1, 2):
        world["gates"]["later"] = threading.Event()

        def listen(event) -> None:
            if type(event).__name__ == "Failed":
                opened("later")

        run = of_handles.run(n=n, store=tmp_path, fail="keep-going", listeners=[listen])
        assert run["number"] == [n], "a stale value"


@step
def never(n: int) -> int:
    raise ValueError("no")


@step
def counted(k: int) -> list[int]:
    return list(range(k))


@step
def plus(a: int, item: int) -> int:
    return a + item


@step
def same(a: int) -> int:
    return a


@step
def summed(items: list[int]) -> int:
    return sum(items)


@pipeline
def failing_early(n: int, k: int):
    value = never(n)
    return same(value), summed(plus.map(value, each(counted(k))))


@pytest.mark.parametrize("executor", BOTH)
@pytest.mark.parametrize("kept", [True, False])
def test_what_fails_before_a_map_is_known_lets_the_others_go_on(tmp_path, executor, kept):
    run = failing_early.run(
        n=1, k=2, store=tmp_path if kept else None, executor=executor, fail="keep-going", listeners=[]
    )
    assert run.states["counted"] == "run" and run.states["summed"] == "skipped"


@step(executor="threads", ignore=[lose])
def loses_given(values: np.ndarray) -> float:
    lose()
    return float(values.max())


@pipeline
def of_given(n: int):
    values = far(n)
    return misses(values, loses_given(values))


def test_a_given_value_whose_bytes_are_lost_is_written_again(tmp_path):
    given = np.arange(float(BIG)) + 7
    run = of_given.run(given={"far": given}, store=tmp_path, listeners=[])
    assert run["misses"] == given.max() and run.states["far"] == "given"


@step(executor="threads")
def tables(n: int) -> list[np.ndarray]:
    return [np.arange(float(n)) + i for i in range(2)]


@step(executor="processes")
def doubled(rows: np.ndarray) -> np.ndarray:
    return rows * 2


@step(executor="threads", ignore=[lose])
def loses_all(some: list[np.ndarray]) -> int:
    lose()
    return len(some)


@step(executor="processes")
def joined(some: list[np.ndarray], after: int) -> float:
    return float(sum(one.sum() for one in some))


@pipeline
def of_items(n: int):
    some = doubled.map(each(tables(n)))
    return joined(some, loses_all(some))


def test_an_item_is_taken_out_of_its_list_again_where_both_are_lost(tmp_path):
    run = of_items.run(n=BIG, store=tmp_path, listeners=[])
    assert run.result == 2 * (2 * sum(range(BIG)) + BIG)


@step(ignore=[fails])
def left(n: int) -> np.ndarray:
    if fails():
        raise ValueError("it cannot be made again")
    return np.arange(float(n))


@step
def right(n: int) -> np.ndarray:
    return np.arange(float(n)) + 0.0


@step
def total(values: np.ndarray) -> float:
    return float(values.sum())


@pipeline
def sides(n: int):
    return left(n), right(n)


@pipeline
def twins(n: int):
    return total.named("first")(left(n)), total.named("second")(right(n))


@pytest.mark.parametrize("executor", BOTH)
def test_who_waits_for_a_twin_is_not_forgotten_when_that_is_skipped(tmp_path, executor, world):
    sides.run(n=BIG, store=tmp_path, listeners=[])
    lose()
    world["fails"] = True
    run = twins.run(n=BIG, store=tmp_path, executor=executor, fail="keep-going", listeners=[])
    assert run.states["first"] == "skipped"
    assert run["second"] == sum(range(BIG))


@step(ignore=[passed, opened, lose])
def slow(values: np.ndarray) -> float:
    lose()
    opened("lost")
    passed("slow")
    return float(values.sum())


@step
def after_slow(slow: float) -> float:
    return slow + 1


@step(ignore=[passed])
def late(n: int) -> int:
    passed("lost")
    return n


@pipeline
def only_left(n: int):
    return left(n)


@pipeline
def skipping(n: int):
    values = left(n)
    return after_slow(slow(values)), misses(values, late(n))


def test_a_node_that_is_at_work_when_what_it_read_is_gone_for_good_ends_its_work(tmp_path, world):
    only_left.run(n=BIG, store=tmp_path, listeners=[])
    world["fails"] = True
    world["gates"].update(lost=threading.Event(), slow=threading.Event())
    told = []

    def listen(event) -> None:
        told.append((type(event), getattr(event, "node", "")))
        if told[-1] == (Skipped, "misses"):
            opened("slow")

    run = skipping.run(n=BIG, store=tmp_path, executor="threads", workers=3, fail="keep-going", listeners=[listen])
    assert told.index((Skipped, "misses")) < told.index((Finished, "slow"))
    assert (Skipped, "slow") not in told and run["after_slow"] == sum(range(BIG)) + 1
    assert (run.states["left"], run.states["misses"]) == ("failed", "skipped")


@step(ignore=[fails])
def lists(n: int) -> list[np.ndarray]:
    if fails():
        raise ValueError("it cannot be made again")
    return [np.arange(float(n)) + i for i in range(2)]


@step
def halved(rows: np.ndarray) -> np.ndarray:
    return rows / 2


@step
def both(some: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(some)


@step
def end(both: np.ndarray) -> float:
    return float(both[-1])


@pipeline
def of_lists(n: int):
    return both(halved.map(each(lists(n))))


@pipeline
def end_of_lists(n: int):
    return end(both(halved.map(each(lists(n)))))


def test_what_was_known_and_could_not_be_made_again_says_so(tmp_path, world):
    of_lists.run(n=BIG, store=tmp_path, listeners=[])
    world["fails"] = True

    def listen(event) -> None:
        if isinstance(event, Cached) and event.node == "both":
            lose()

    run = end_of_lists.run(n=BIG, store=tmp_path, fail="keep-going", listeners=[listen])
    assert (run.states["lists"], run.states["both"], run.states["end"]) == ("failed", "skipped", "skipped")
    with pytest.raises(PlaitError, match="both was not run, because lists failed"):
        run["both"]


@step
def first_item(values: np.ndarray) -> float:
    return float(values[0])


@step
def shifted(values: np.ndarray, by: float) -> float:
    return float(values.sum() + by)


@step
def nothing(n: int) -> float:
    return 0.0


@step
def one_more(value: float) -> float:
    return value + 1


@step
def greatest(values: np.ndarray) -> float:
    return float(values.max())


@pipeline
def before(n: int):
    return first_item(left(n)), right(n), nothing(n)


@pipeline
def beside(n: int):
    gone = left(n)  # it is lost and cannot be made again; what was made of it is known
    there = right(n)
    head = shifted.named("head")(there, nothing(n))
    return greatest(gone), one_more(head), shifted.named("twin")(there, first_item(gone))


@pytest.mark.parametrize("executor", BOTH)
def test_what_needs_only_what_is_known_runs_though_something_before_that_failed(tmp_path, executor, world):
    before.run(n=BIG, store=tmp_path, listeners=[])
    lose()
    world["fails"] = True
    run = beside.run(n=BIG, store=tmp_path, executor=executor, fail="keep-going", listeners=[])
    assert (run.states["left"], run.states["greatest"]) == ("failed", "skipped")
    assert run["one_more"] == sum(range(BIG)) + 1 and run["twin"] == sum(range(BIG))


@step(ignore=[fails])
def first_half(n: int) -> np.ndarray:
    if fails():
        raise ValueError("it cannot be made again")
    return np.arange(float(n)) + 1


@step(ignore=[fails])
def second_half(n: int) -> np.ndarray:
    if fails():
        raise ValueError("it cannot be made again")
    return np.arange(float(n)) + 2


@step(ignore=[handles_of])
def handle(n: int) -> object:
    return handles_of(n)[0]


@step
def whole(first: np.ndarray, second: np.ndarray, handle: object) -> np.ndarray:
    return first + second


@step
def holds(handle: object, after: int) -> int:
    return handle.number + after


@pipeline
def halves(n: int):
    return whole(first_half(n), second_half(n), handle(n))


@pipeline
def of_halves(n: int):
    second, held, after = second_half(n), handle(n), later(n)
    return greatest(whole(first_half(n), second, held)), misses(second, after), holds(held, after)


@pytest.mark.filterwarnings("ignore::plait.errors.UnnamedResult", "ignore::plait.errors.OpaqueCode")
@pytest.mark.parametrize("executor", BOTH)
def test_what_two_failures_take_is_skipped_once_and_frees_what_it_reads_once(tmp_path, executor, world):
    halves.run(n=BIG, store=tmp_path, listeners=[])
    lose()
    world.update(fails=True, handles=0)
    told = []
    run = of_halves.run(
        n=BIG, store=tmp_path, executor=executor, fail="keep-going",
        listeners=[lambda event: told.append((type(event), getattr(event, "node", "")))],
    )  # fmt: skip
    assert told.count((Skipped, "whole")) == 1 and world["handles"] == 1
    assert run["holds"] == BIG + 5


@step
def kind(value: object) -> str:
    return type(value).__name__


@pipeline
def attempted(n: int):
    return kind(attempt(left(n)))


@pytest.mark.parametrize("fail", ["fast", "keep-going"])
def test_what_somebody_went_on_with_and_cannot_be_made_again_is_a_failure_of_the_run(tmp_path, world, fail):
    """It was attempted, and there: who reads it by that cannot be given the failure any more, and is not forgotten."""
    before.run(n=BIG, store=tmp_path, listeners=[])
    world["fails"] = True

    def listen(event) -> None:
        if isinstance(event, Cached) and event.node == "left":
            lose()

    if fail == "fast":
        with pytest.raises(NodeFailed, match="left: "):
            attempted.run(n=BIG, store=tmp_path, fail=fail, listeners=[listen])
    else:
        run = attempted.run(n=BIG, store=tmp_path, fail=fail, listeners=[listen])
        assert run.states == {"left": "failed", "kind": "skipped"}
        assert not run.ok


@pipeline
def items_of_lists(n: int):
    return first_item.map(each(both(lists(n))))


def test_an_item_of_a_map_that_never_came_to_be_says_why(tmp_path, world):
    of_lists.run(n=BIG, store=tmp_path, listeners=[])
    lose()
    world["fails"] = True
    run = items_of_lists.run(n=BIG, store=tmp_path, fail="keep-going", listeners=[])
    assert run.states == {"lists": "failed", "both": "skipped", "first_item": "skipped"}
    for key in ("first_item[0]", ("first_item", 0)):
        with pytest.raises(PlaitError, match="first_item was not run, because lists failed"):
            run[key]


@pipeline
def attempted_map(n: int):
    return kind(attempt(halved.map(each(lists(n)))))


@pipeline
def mapped_attempt(n: int):
    return first_item.map(each(halved.map(each(attempt(lists(n))))))


@pipeline
def halves_of_lists(n: int):
    return halved.map(each(lists(n)))


@pipeline
def halves_of_attempts(n: int):
    return halved.map(each(attempt(lists(n))))


@pytest.mark.parametrize("fail", ["fast", "keep-going"])
@pytest.mark.parametrize(("before", "pipe"), [(halves_of_lists, attempted_map), (halves_of_attempts, mapped_attempt)])
def test_no_run_is_ok_in_which_what_was_asked_for_was_skipped(tmp_path, world, before, pipe, fail):
    """The items and the list that they are of are lost; what reads them was unfolded while they were there."""
    before.run(n=BIG, store=tmp_path, listeners=[])
    world["fails"] = True

    def listen(event) -> None:
        if isinstance(event, Started) and node_of(event.node) in ("kind", "first_item"):
            lose()

    if fail == "fast":
        with pytest.raises(NodeFailed, match="lists: "):
            pipe.run(n=BIG, store=tmp_path, fail=fail, listeners=[listen])
        return
    run = pipe.run(n=BIG, store=tmp_path, fail=fail, listeners=[listen])
    assert not run.ok and run.states["lists"] == "failed"
    with pytest.raises(PlaitError, match=r"lists failed|lists: "):
        assert run.result
    assert {node_of(name) for name in run.states} == {*pipe.graph.nodes}, "each has a state"


@pipeline
def of_nodes(n: int):
    return both(halved.map(each([left(n), right(n)])))


@pipeline
def halves_of_nodes(n: int):
    return halved.map(each([left(n), right(n)]))


def test_an_item_that_is_a_node_is_made_again_with_it(tmp_path):
    """The item and the node have one digest."""
    halves_of_nodes.run(n=BIG, store=tmp_path, listeners=[])
    told = []

    def listen(event) -> None:
        told.append((type(event), getattr(event, "node", "")))
        if told[-1] == (Started, "both") and told.count((Started, "both")) == 1:
            lose()

    run = of_nodes.run(n=BIG, store=tmp_path, listeners=[listen])
    assert run["both"].sum() == sum(range(BIG))
    assert (Lost, "left") in told and any(what is Lost and node.startswith("halved[") for what, node in told)


@step
def only_for_items(n: int) -> int:
    return n


@step
def item_and(rows: np.ndarray, only: int) -> float:
    return float(rows[0] + only)


@pipeline
def beside_a_list(n: int):
    return item_and.map(each(lists(n)), only_for_items(n))


def test_what_only_items_would_have_read_says_why_it_was_not_run(tmp_path, world):
    world["fails"] = True
    run = beside_a_list.run(n=BIG, store=tmp_path, fail="keep-going", listeners=[])
    assert run.states == {"lists": "failed", "only_for_items": "skipped", "item_and": "skipped"}
    with pytest.raises(PlaitError, match="only_for_items was not run, because lists failed"):
        run["only_for_items"]


@step
def doubled_side(n: int) -> np.ndarray:
    return np.arange(float(n)) * 2


@step
def told_apart(values: object) -> str:
    return f"{len(values)} arrays" if isinstance(values, list) else type(values).__name__


@pipeline
def items_for_a_step(n: int):
    return both(halved.map(each([left(n), doubled_side(n)])))


@pipeline
def items_returned(n: int):
    return halved.map(each([left(n), doubled_side(n)]))


@pipeline
def items_attempted(n: int):
    return told_apart(attempt(halved.map(each([left(n), doubled_side(n)]))))


def losing_once(what, name):
    told = []

    def listen(event) -> None:
        if (type(event), getattr(event, "node", "")) == (what, name) and not told:
            told.append(event)
            lose()

    return listen


@pytest.mark.parametrize("fail", ["fast", "keep-going"])
@pytest.mark.parametrize("pipe", [items_for_a_step, items_returned, items_attempted])
def test_a_value_that_is_lost_before_its_items_are_known_is_made_again(tmp_path, pipe, fail):
    only_left.run(n=BIG, store=tmp_path, listeners=[])
    run = pipe.run(n=BIG, store=tmp_path, fail=fail, listeners=[losing_once(Started, "doubled_side")])
    assert run.ok and run.states["left"] == "run"
    assert sum(array.sum() for array in run["halved"]) == 1.5 * sum(range(BIG))
    assert pipe is not items_attempted or run["told_apart"] == "2 arrays"


@pytest.mark.parametrize("pipe", [items_for_a_step, items_returned, items_attempted])
def test_a_value_that_is_lost_before_its_items_are_known_and_cannot_be_made_again_is_a_failure(tmp_path, world, pipe):
    only_left.run(n=BIG, store=tmp_path, listeners=[])
    world["fails"] = True
    run = pipe.run(n=BIG, store=tmp_path, fail="keep-going", listeners=[losing_once(Started, "doubled_side")])
    assert run.states["left"] == "failed" and run.states["doubled_side"] == "run"
    if pipe is items_attempted:
        assert run["told_apart"] == "Failure" and run.ok
    else:
        assert not run.ok
        with pytest.raises(PlaitError, match=r"left failed|left: "):
            run["halved"]
