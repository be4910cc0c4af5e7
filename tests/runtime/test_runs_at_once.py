"""Many runs at once in one program: the same bits as one after the other, no deadlocks, and no wrong value is stored."""

import asyncio
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from plait import Pipeline, step
from plait.runtime import process_lock

QUIET = {"listeners": []}


@step
def draws(n: int = 0) -> list[float]:
    first = random.random()
    time.sleep(0.005)
    return [first, random.random(), float(np.random.rand())]


@step
async def awaits(n: int = 0) -> list[float]:
    first = random.random()
    await asyncio.sleep(0.005)
    return [first, random.random()]


@step
def steady(n: int = 0) -> int:
    return n


@pytest.fixture(autouse=True)
def nothing_is_left():
    yield
    assert not process_lock.at_work and process_lock._alone is None and not process_lock._suspended
    assert not process_lock.in_the_way


@pytest.mark.parametrize("executor", ["sequential", "threads", "borrowed"])
@pytest.mark.parametrize("kind", [draws, awaits])
def test_runs_in_many_threads_draw_as_one_after_the_other(tmp_path, executor, kind):
    pipes = [Pipeline("p", [kind.named(f"draws{i}"), steady.named(f"steady{i}")]) for i in range(12)]
    target = [f"draws{i}" for i in range(12)]
    want = [p.run(name, store=None, **QUIET)[name] for p, name in zip(pipes, target, strict=True)]
    for store in (None, tmp_path):
        with ThreadPoolExecutor(6) as pool, ThreadPoolExecutor(2) as lent:
            how = lent if executor == "borrowed" else executor
            runs = list(pool.map(lambda p, how=how, store=store: p.run(executor=how, store=store, **QUIET), pipes))
        assert [run[name] for run, name in zip(runs, target, strict=True)] == want
    kept = [p.run(store=tmp_path, **QUIET) for p in pipes]
    assert [run[name] for run, name in zip(kept, target, strict=True)] == want
    assert all(run.states[name] == "hit" for run, name in zip(kept, target, strict=True))


def test_runs_from_one_event_loop():
    pipes = [Pipeline("p", [draws.named(f"draws{i}")]) for i in range(6)]
    want = [p.run(store=None, **QUIET).result for p in pipes]

    async def all_at_once():
        return await asyncio.gather(*[asyncio.to_thread(lambda p=p: p.run(store=None, **QUIET).result) for p in pipes])

    assert asyncio.run(all_at_once()) == want


INNER = Pipeline("inner", [draws])


def inner() -> list[float]:
    return INNER.run(store=None, **QUIET).result


def in_a_thread():
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(inner).result()


def inner_threads():
    return INNER.run(store=None, executor="threads", **QUIET).result


@step(ignore=[INNER])
def outer(how: str) -> list[float]:
    return {"here": inner, "thread": in_a_thread, "threads": inner_threads}[how]()


@step(ignore=[INNER])
def outer_draws(how: str) -> list[float]:
    first = random.random()
    return [first, *{"here": inner, "thread": in_a_thread, "threads": inner_threads}[how](), random.random()]


@step(ignore=[INNER])
async def outer_async(how: str) -> list[float]:
    return await asyncio.to_thread(inner)


@pytest.mark.parametrize("executor", ["sequential", "threads"])
@pytest.mark.parametrize("kind", [outer, outer_draws, outer_async])
@pytest.mark.parametrize("how", ["here", "thread", "threads"])
def test_a_step_that_runs_a_pipeline_waits_for_no_lock_of_its_own(executor, kind, how, monkeypatch):
    monkeypatch.setattr(process_lock, "_STUCK", 3600.0)  # a step that waits would be passed over by the time-out alone
    pipeline = Pipeline("p", [kind])
    want = pipeline.run(how=how, store=None, **QUIET).result
    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(pipeline.run, how=how, store=None, executor=executor, **QUIET) for _ in range(3)]
        assert [future.result().result for future in asked] == [want] * 3
    assert inner() in (want, want[1:-1])


def test_a_step_that_waits_for_a_run_in_a_pool_of_old_threads_is_passed_over(monkeypatch):
    monkeypatch.setattr(process_lock, "_STUCK", 0.5)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(int).result()  # its thread was not started by the step
        handed = {"run": lambda: pool.submit(inner).result()}

        @step(ignore=[handed])
        def waits() -> list[float]:
            return handed["run"]()

        assert Pipeline("p", [waits]).run(store=None, **QUIET).result == inner()


def test_a_step_that_draws_waits_for_those_of_other_runs_and_they_for_it():
    log, begun, go = [], threading.Event(), threading.Event()
    gates = {"begun": begun, "go": go, "log": log}

    @step(ignore=[gates])
    def long() -> int:
        gates["begun"].set()
        gates["go"].wait(20)
        gates["log"].append("long")
        return 1

    @step(ignore=[gates])
    def draw() -> float:
        gates["log"].append("draw")
        return random.random()

    def run(one):
        return Pipeline("p", [one]).run(store=None, **QUIET)

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(run, long)
        assert begun.wait(20)
        second = pool.submit(run, draw)
        while not process_lock.in_the_way:
            time.sleep(0.001)
        go.set()
        first.result()
        second.result()
    assert log == ["long", "draw"]


@pytest.mark.timeout(60)
def test_ctrl_c_while_waiting_leaves_nothing_behind():
    import _thread

    begun, go = threading.Event(), threading.Event()
    gates = {"begun": begun, "go": go}

    @step(ignore=[gates])
    def long() -> int:
        gates["begun"].set()
        gates["go"].wait(20)
        return 1

    def interrupt():
        while not process_lock.in_the_way:
            time.sleep(0.001)
        _thread.interrupt_main()

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(lambda: Pipeline("p", [long]).run(store=None, **QUIET))
        assert begun.wait(20)
        pool.submit(interrupt)
        with pytest.raises(KeyboardInterrupt):
            Pipeline("p", [draws]).run(store=None, **QUIET)
        go.set()
        assert first.result().ok
    assert Pipeline("p", [draws]).run(store=None, **QUIET).ok
