"""Nodes that have one key are one computation; what becomes of the others when one fails, is lost or never kept."""

import threading

import numpy as np
import pytest

import outside
from outside import lose, opened, passed
from plait import pipeline, step
from plait.runtime.events import Finished, Started

BIG = 100_000


@pytest.fixture(autouse=True)
def world(tmp_path):
    with outside.world(tmp_path) as found:
        yield found


@step
def five(n: int) -> int:
    return 5


@step
def right(n: int) -> np.ndarray:
    return np.arange(float(n))


def itself_once(n: int, who: str) -> int:
    passed(who)
    return n


kept = step(ignore=["who", passed])(itself_once)
never_kept = step(cache=False, ignore=["who", passed])(itself_once)


@step
def summed(first: int, second: int) -> int:
    return first + second


@pipeline
def kept_and_not(n: int):
    return summed(kept.named("kept")(n, "kept"), five(n)), never_kept.named("anew")(n, "anew")


@pytest.mark.parametrize("first", ["kept", "anew"])
def test_of_two_nodes_with_one_key_one_of_which_is_never_kept_each_ends_by_itself(tmp_path, world, first):
    world["gates"].update({"kept": threading.Event(), "anew": threading.Event()})
    second = "anew" if first == "kept" else "kept"
    told = []

    def listen(event) -> None:
        told.append((type(event), getattr(event, "node", "")))
        if {(Started, "kept"), (Started, "anew")} <= {*told}:
            opened(first)
        if told[-1] == (Finished, first):
            opened(second)

    run = kept_and_not.run(n=BIG, store=tmp_path, executor="threads", workers=3, listeners=[listen])
    assert (run["summed"], run["anew"]) == (BIG + 5, BIG)
    assert {run.states[name] for name in ("kept", "anew", "summed")} == {"run"}


@step(ignore=["who", passed])
def once_failing(n: int, who: str) -> int:
    passed(who)
    if who == "one":
        raise ValueError("not this time")
    return n


@step(ignore=[passed])
def itself(n: int) -> int:
    passed("itself")
    return n


@pipeline
def three_of_one_key(n: int):
    one, two = once_failing.named("one")(n, "one"), once_failing.named("two")(n, "two")
    return one, summed(two, once_failing.named("three")(itself(n), "three"))


@pytest.mark.parametrize("first", ["two", "three"])
def test_who_has_the_key_of_a_node_that_failed_goes_on_beside_who_comes_later(tmp_path, world, first):
    world["gates"].update(itself=threading.Event(), two=threading.Event(), three=threading.Event())
    told = []

    def listen(event) -> None:
        told.append((type(event), getattr(event, "node", "")))
        if told[-1] == (Started, "two"):
            opened("itself")
        if told[-1] == (Started, "three"):
            opened(first)
        if told[-1] == (Finished, first):
            opened("two" if first == "three" else "three")

    run = three_of_one_key.run(
        n=3, store=tmp_path, executor="threads", workers=3, fail="keep-going", listeners=[listen]
    )
    assert (Started, "three") in told, "it came while the second was at work"
    assert run.states["one"] == "failed" and run["summed"] == 6


def shift() -> float:
    return float(outside.now.get("shift", 0.0))


@step(ignore=[shift])
def moving(n: int) -> np.ndarray:
    return np.arange(float(n)) + shift()


@step(ignore=[passed, opened])
def total_of(values: np.ndarray) -> float:
    found = float(values.sum())
    opened("at work")
    passed("came back")
    return found


@step(ignore=[passed, lose])
def losing(n: int) -> int:
    passed("at work")
    lose()
    return n


@step
def reads_too(values: np.ndarray, after: int) -> float:
    return float(values.max())


@pipeline
def there_before(n: int):
    return moving(n), right(n)


@pipeline
def moving_twin(n: int):
    still, moved = right(n), moving(n)
    head, twin = total_of.named("head")(still), total_of.named("twin")(moved)
    return head, twin, reads_too(moved, losing(n)), moved


def test_a_twin_whose_input_comes_back_as_another_value_is_not_given_what_its_old_key_gives(tmp_path, world):
    there_before.run(n=BIG, store=tmp_path, listeners=[])
    world["shift"] = 1000.0
    world["gates"].update({"at work": threading.Event(), "came back": threading.Event()})
    told = []

    def listen(event) -> None:
        told.append((type(event), getattr(event, "node", "")))
        if told[-1] == (Finished, "moving"):
            opened("came back")

    run = moving_twin.run(n=BIG, store=tmp_path, executor="threads", workers=4, listeners=[listen])
    assert (Finished, "moving") in told and told.index((Finished, "moving")) < told.index((Finished, "head"))
    assert run["head"] == sum(range(BIG))
    assert run["twin"] == run["moving"].sum() == sum(range(BIG)) + 1000.0 * BIG
