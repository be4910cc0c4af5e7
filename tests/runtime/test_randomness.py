"""Steps that draw from random state which their process shares: the same bits everywhere, and nobody else's touched."""

import random
import warnings

import numpy as np
import pandas as pd
import pytest

from plait import NodeFailed, Pipeline, UndeclaredRead, step
from plait.runtime.randomness import Shared, seeded


@step
def legacy(n: int) -> np.ndarray:
    return np.random.rand(n)


@step
def shuffled(n: int) -> list[int]:
    order = list(range(n))
    random.shuffle(order)
    return order


@step
def sampled(legacy: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"x": legacy}).sample(5)


@step
def helped(n: int) -> float:
    return draw() * n


def draw() -> float:
    return random.random()


@step
def other(n: int) -> np.ndarray:
    return np.random.default_rng(n).random(n)


NOISE = Pipeline("noise", [legacy, shuffled, sampled, helped, other])


def digests(**options):
    run = NOISE.run(n=100, listeners=[], **{"store": None, **options})
    return {node: run.digest(node) for node in NOISE.nodes}


@pytest.mark.parametrize("executor", ["sequential", "threads", "processes"])
def test_every_executor_gives_the_same(executor):
    assert digests(executor=executor, workers=3 if executor != "sequential" else None) == digests()


def test_what_ran_before_does_not_count():
    first = digests()
    np.random.rand(7)
    random.random()
    assert digests() == first


def test_with_a_store_or_without_one_half_warm_or_cold(tmp_path):
    expected = digests()
    assert digests(store=tmp_path) == expected
    assert digests(store=tmp_path) == expected
    NOISE.run("legacy", n=100, store=tmp_path / "half", listeners=[])
    assert digests(store=tmp_path / "half") == expected


def test_the_caller_draws_on_as_if_nothing_had_been():
    random.seed(1)
    np.random.seed(1)
    expected = random.random(), np.random.rand()
    random.seed(1)
    np.random.seed(1)
    digests()
    assert (random.random(), np.random.rand()) == expected


def test_another_seed_gives_other_draws_and_runs_again_what_draws(tmp_path):
    one = NOISE.run(n=100, store=tmp_path, listeners=[])
    two = NOISE.run(n=100, seed=2, store=tmp_path, listeners=[])
    assert {node: state for node, state in two.states.items() if state != "run"} == {"other": "hit"}
    assert all(one.digest(node) != two.digest(node) for node in ("legacy", "shuffled", "sampled", "helped"))
    assert "seed" in str(NOISE.plan("legacy", n=100, seed=3, store=tmp_path))


def test_two_uses_of_a_step_draw_differently():
    pair = Pipeline("pair", [legacy.named("a"), legacy.named("b")])
    run = pair.run(n=5, store=None, listeners=[])
    assert not np.array_equal(run["a"], run["b"])


def test_draws_that_no_name_shows_are_said_once_and_are_an_error_under_strict(tmp_path):
    generator = {"hidden": random}

    @step(ignore=[generator])
    def sly(n: int) -> float:
        return getattr(generator["hidden"], "ran" + "dom")() * n

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        Pipeline("p", [sly]).run(n=1, store=tmp_path, listeners=[])
    assert [w for w in said if w.category is UndeclaredRead and "sly drew from random" in str(w.message)]


def test_seeded_puts_all_back_when_the_block_fails():
    before = random.getstate(), np.random.get_state()[1].tobytes()
    with pytest.raises(ZeroDivisionError), seeded(Shared(1, frozenset({"numpy"}))):
        random.random()
        np.random.rand()
        1 / 0
    assert (random.getstate(), np.random.get_state()[1].tobytes()) == before


def test_a_step_that_fails_leaves_no_seed_behind():
    @step
    def fails() -> float:
        raise ValueError(random.random())

    before = random.getstate()
    with pytest.raises(NodeFailed):
        Pipeline("p", [fails]).run(store=None, listeners=[])
    assert random.getstate() == before
