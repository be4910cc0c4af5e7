"""Limits, order and room: pools are never overdrawn, nobody starves, every free slot is filled, values go when read."""

import os
import random
import threading
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plait import ParameterError, Pipeline, step
from plait.runtime.events import Finished, Started
from plait.runtime.pools import Needs, Pools
from plait.runtime.ready import Lanes
from waiting import LAST_RESORT, until


class Meter:
    """How many are at it at once, and how many at most."""

    def __init__(self):
        self.lock, self.now, self.most, self.told = threading.Lock(), 0, 0, threading.Event()

    def __enter__(self):
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)

    def __exit__(self, *_):
        with self.lock:
            self.now -= 1


def metered(seconds=0.02, wanted=0, **options):
    """A step that waits until so many are at it, and then a little: if there may be more, they come."""
    meter = Meter()

    @step(**options, ignore=[Meter])
    def work(n: int) -> int:
        with meter:
            until(lambda: meter.most >= wanted)
            time.sleep(seconds)
        return n

    return work, meter


def many(work, count):
    return Pipeline("p", [work.named(f"w{i}").with_(n=i) for i in range(count)])


def run(pipeline, **options):
    return pipeline.run(store=None, **{"executor": "threads", "workers": 8, "listeners": [], **options})


def test_a_pool_is_never_overdrawn():
    work, meter = metered(wanted=3, resources={"database": 1})
    assert run(many(work, 12), limits={"database": 3}).ok and meter.most == 3


def test_a_pool_that_is_not_limited_is_as_large_as_the_largest_need():
    work, meter = metered(resources={"gpu": 1})
    assert run(many(work, 5)).ok and meter.most == 1


def test_sizes_and_fractions_are_amounts_too():
    work, meter = metered(wanted=2, resources={"memory": "1.5GiB", "gpu": 0.1})
    assert run(many(work, 12), limits={"memory": "4GiB", "gpu": 0.3}).ok and meter.most == 2


def test_steps_that_name_no_pool_are_limited_by_workers_alone():
    work, meter = metered(wanted=3)
    assert run(many(work, 12), workers=3, limits={"database": 1}).ok and meter.most == 3


@pytest.mark.parametrize("executor", ["sequential", "threads"])
def test_a_need_above_the_limit_is_refused_before_any_work(executor):
    calls = []

    @step
    def first() -> int:
        calls.append(1)
        return 1

    @step(resources={"memory": "4GiB"})
    def fit(first: int) -> int:
        return first

    with pytest.raises(ParameterError, match=r"fit needs memory=4GiB, and limits has memory=2GiB.*raise the limit"):
        Pipeline("p", [first, fit]).run(executor=executor, limits={"memory": "2GiB"}, store=None, listeners=[])
    assert calls == []


def test_limits_that_make_no_sense_are_refused():
    work, _ = metered(resources={"gpu": 1})
    with pytest.raises(ParameterError, match=r"no step takes anything from 'gpus'\. Did you mean 'gpu'"):
        run(many(work, 1), limits={"gpus": 1})
    with pytest.raises(ParameterError, match='is no size.*"4GiB"'):
        run(many(work, 1), limits={"memory": "lots"})
    with pytest.raises(ParameterError, match="give pools by name"):
        run(many(work, 1), limits=3)


def test_a_limit_that_no_step_needs_is_fine():
    work, _ = metered()
    assert run(many(work, 1), limits={"gpu": 1}).ok


amounts = st.dictionaries(st.sampled_from(["a", "b", "c"]), st.integers(1, 4), max_size=3)


@settings(deadline=None, max_examples=200)
@given(st.lists(st.tuples(amounts, st.booleans()), min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_all_nodes_get_their_turn_whatever_they_need(wanted, rng):
    """Whoever runs ends at some time; then everybody has run, and no pool was ever overdrawn."""
    sizes = {"a": 4, "b": 4, "c": 4, "slots of here": 3}
    pools = Pools(sizes, ["here"])
    needs = {
        f"n{i}": Needs("here", (*sorted(takes.items()), ("slots of here", 1)), alone, False)
        for i, (takes, alone) in enumerate(wanted)
    }
    lanes = Lanes(pools, needs.__getitem__, lambda name: (-int(name[1:]),))
    lanes.push(list(needs))
    running, started = [], []
    while lanes or running:
        while (taken := lanes.pop()) is not None:
            running.append(taken[1])
            started.append(taken[0])
            for pool, size in sizes.items():
                assert sum(dict(one.takes).get(pool, 0) for one in running) <= size
            assert len(running) == 1 or not any(one.alone for one in running)
        assert running, "nobody runs, and nobody can start"
        pools.give_back(running.pop(rng.randrange(len(running))))
    assert sorted(started) == sorted(needs)


def test_what_the_most_urgent_node_waits_for_is_given_to_no_other():
    pools = Pools({"gpu": 2}, [])
    needs = {"big": Needs("x", (("gpu", 2),), False, False), "small": Needs("x", (("gpu", 1),), False, False)}
    lanes = Lanes(pools, lambda name: needs[name.rstrip("0123456789")], lambda name: (name != "big",))
    lanes.push(["small1", "small2"])
    assert [lanes.pop()[0], lanes.pop()[0]] == ["small1", "small2"]
    lanes.push(["small3", "big"])
    pools.give_back(needs["small"])
    assert lanes.pop() is None, "small3 would fit, and big would wait for ever behind such as it"
    pools.give_back(needs["small"])
    assert lanes.pop()[0] == "big"


def test_the_longest_remaining_path_goes_first_by_measured_times(tmp_path):
    @step
    def slow(n: int = 1) -> int:
        time.sleep(0.4)  # the others take less, also beside other work
        return n

    @step
    def quick(n: int = 1) -> int:
        return n

    steps = [quick.named(f"q{i}").with_(n=i) for i in range(3)] + [slow]
    p = Pipeline("p", steps)
    p.run(store=tmp_path, listeners=[])
    told = []
    p.run(store=tmp_path, seed=1, executor="threads", workers=1, n=2, listeners=[told.append])
    started = [event.node for event in told if isinstance(event, Started)]
    assert started == ["slow"], "n is a parameter of slow alone"
    fresh = Pipeline("p", [*(quick.named(f"q{i}").with_(n=i + 10) for i in range(3)), slow.with_(n=7)])
    told.clear()
    fresh.run(store=tmp_path, executor="threads", workers=1, listeners=[told.append])
    assert [event.node for event in told if isinstance(event, Started)][0] == "slow"


def test_every_free_slot_is_filled_before_anything_is_told():
    """A listener that is slow with the first event finds all workers busy."""
    meter = Meter()
    most = []

    @step(ignore=[Meter])
    def work(n: int) -> int:
        with meter:
            assert meter.told.wait(LAST_RESORT)
        return n

    def listener(event):
        if isinstance(event, Started) and not most:
            try:
                until(lambda: meter.now >= 4, "not all slots are filled", seconds=60.0)
                most.append(meter.now)
            finally:
                meter.told.set()

    assert run(many(work, 8), workers=4, listeners=[listener]).ok
    assert most == [4]


def test_no_more_is_in_flight_than_there_are_workers():
    class Counting:
        def __init__(self, pool):
            self.pool, self.open, self.most = pool, 0, 0

        def submit(self, fn, *args):
            self.open += 1
            self.most = max(self.most, self.open)
            future = self.pool.submit(fn, *args)
            future.add_done_callback(self.done)
            return future

        def done(self, _):
            self.open -= 1

    @step
    def work(n: int) -> int:
        return n

    with ThreadPoolExecutor(4) as pool:
        counting = Counting(pool)
        assert run(many(work, 50), executor=counting, workers=3).ok
    assert 0 < counting.most <= 2 * 3


@pytest.mark.parametrize("executor", ["sequential", "threads"])
def test_a_value_goes_when_its_last_reader_is_done(executor):
    held = []

    @step
    def first() -> np.ndarray:
        return np.zeros(1_000_000)

    @step
    def following(a: np.ndarray) -> np.ndarray:
        held.append(tracemalloc.get_traced_memory()[0])
        return a + 1

    steps = [first, following.named("c0").bind(a="first")]
    steps += [following.named(f"c{i}").bind(a=f"c{i - 1}") for i in range(1, 20)]
    pipeline = Pipeline("p", steps)
    tracemalloc.start()
    try:
        pipeline.run("c19", store=None, listeners=[], executor=executor)
    finally:
        tracemalloc.stop()
    assert len(held) == 20 and max(held) - min(held) < 4_000_000, "only the argument is there when a step begins"


def test_steps_that_share_random_state_run_alone_among_threads():
    work, meter = metered(seconds=0.1)
    seen: list[int] = []

    @step(ignore=[Meter])
    def drawn(n: int) -> float:
        seen.append(meter.now)
        time.sleep(0.02)
        seen.append(meter.now)
        return random.random()

    steps = [work.named(f"w{i}").with_(n=i) for i in range(10)] + [drawn.named(f"d{i}").with_(n=i) for i in range(4)]
    result = Pipeline("p", steps).run(store=None, executor="threads", workers=4, listeners=[])
    assert result.ok and seen == [0] * 8 and meter.most > 1


def test_steps_can_name_their_executor(tmp_path):
    @step(executor="threads")
    def here() -> int:
        return os.getpid()

    @step
    def there(here: int) -> tuple[int, int]:
        return here, os.getpid()

    @step(executor="sequential")
    def inline(there: tuple[int, int]) -> tuple[int, bool]:
        return there[1], threading.current_thread() is threading.main_thread()

    p = Pipeline("p", [here, there, inline])
    for store in (None, tmp_path):
        result = p.run(store=store, executor="processes", workers=1, listeners=[])
        assert result["here"] == os.getpid() != result["there"][1]
        assert result["inline"] == (result["there"][1], True)


def test_a_step_with_its_own_executor_has_it_in_a_sequential_run_too():
    @step(executor="processes")
    def there() -> int:
        return os.getpid()

    @step
    def after(there: int) -> tuple[int, int]:
        return there, os.getpid()

    told = []
    result = Pipeline("p", [there, after]).run(store=None, listeners=[told.append])
    assert result["after"] == (result["there"], os.getpid()) and result["there"] != os.getpid()
    assert [type(event) for event in told[1:-1]] == [Started, Finished] * 2


def test_an_executor_that_is_not_there_is_refused_with_the_step():
    @step(executor="thread")
    def here() -> int:
        return 1

    with pytest.raises(ParameterError, match=r"executor='thread'\) of here: there is no such executor. Did you mean"):
        Pipeline("p", [here]).run(store=None, listeners=[])
