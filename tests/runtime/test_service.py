"""What a service does: many runs at once from threads and event loops, over one store, for long; and forks."""

import asyncio
import gc
import os
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import psutil
import pytest

from plait import Pipeline, step
from stores.harness import forked

QUIET = {"listeners": []}
SHORT = float(os.environ.get("PLAIT_SOAK_SHORT", "12"))  # seconds
LONG = float(os.environ.get("PLAIT_SOAK", "600"))


@step
def rows(n: int) -> list[int]:
    return list(range(n))


@step
def noise(rows: list[int]) -> list[float]:
    return [random.random(), float(np.random.rand()), *(random.random() for _ in rows)]


@step
async def fetched(rows: list[int]) -> list[float]:
    first = random.random()
    await asyncio.sleep(0.001)
    return [first, random.random(), float(len(rows))]


@step
def total(noise: list[float], fetched: list[float]) -> float:
    return sum(noise) + sum(fetched)


PIPE = Pipeline("service", [rows, noise, fetched, total])


@step(ignore=[PIPE])
def around(n: int) -> float:
    return random.random() + PIPE.run(n=n, store=None, **QUIET).result


OUTER = Pipeline("outer", [around])


def resources(me):
    gc.collect()
    return me.memory_info().rss / 2**20, me.num_fds(), threading.active_count(), len(me.children(recursive=True))


def soak(seconds, store):
    """Many runs at once, until the time is over: what differed, and what was in use early and at the end."""
    want = {n: PIPE.run(n=n, store=None, **QUIET).result for n in range(5)}
    outer = {n: OUTER.run(n=n, store=None, **QUIET).result for n in range(5)}
    served = PIPE.compile("total", inputs=["noise", "fetched"], given={}, parity=0)
    wrong, count, me = [], 0, psutil.Process()

    def one(i):
        n, executor = i % 5, "threads" if i % 3 else "sequential"
        keep = store if i % 4 else None
        found = PIPE.run(n=n, executor=executor, store=keep, **QUIET)
        if found.result != want[n] or (i % 7 == 0 and OUTER.run(n=n, store=keep, **QUIET).result != outer[n]):
            wrong.append(i)
        if served(found["noise"], found["fetched"]) != want[n]:
            wrong.append(-i)

    async def many(first):
        await asyncio.gather(*[asyncio.to_thread(one, first + i) for i in range(8)])

    begun, early = time.monotonic(), None
    with ThreadPoolExecutor(6) as pool:
        while time.monotonic() - begun < seconds:
            list(pool.map(one, range(count, count + 24)))
            asyncio.run(many(count))
            if count % 320 == 0:
                assert PIPE.run(n=count % 5, executor="processes", workers=1, store=store, **QUIET).ok
            count += 32
            if early is None and time.monotonic() - begun > seconds / 3:
                early = resources(me)
    return wrong, count, early, resources(me)


def check(seconds, store):
    wrong, count, early, late = soak(seconds, store)
    print(f"{count} runs in {seconds:.0f} s; MB, files, threads, children: {early} early, {late} at the end")
    assert not wrong
    assert late[0] - early[0] < 30 and late[1] <= early[1] + 3 and late[2] <= early[2] + 2 and late[3] <= early[3] + 1


@pytest.mark.skipif(os.name == "nt", reason="num_fds")
def test_many_runs_at_once_give_equal_bits_and_leave_nothing(tmp_path):
    check(SHORT, tmp_path)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.skipif(os.name == "nt", reason="num_fds")
def test_also_for_ten_minutes(tmp_path):
    check(LONG, tmp_path)


def child_runs(store, want):
    assert PIPE.run(n=3, store=store, **QUIET).result == want
    assert PIPE.run(n=3, store=None, executor="threads", **QUIET).result == want


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_child_that_is_forked_during_or_after_runs_can_run_pipelines(tmp_path):
    want = PIPE.run(n=3, store=tmp_path, **QUIET).result
    begun, go = threading.Event(), threading.Event()
    gates = {"begun": begun, "go": go}

    @step(ignore=[gates])
    def holds() -> float:
        gates["begun"].set()
        gates["go"].wait(30)
        return random.random()

    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(lambda: Pipeline("p", [holds]).run(store=None, **QUIET))
        assert begun.wait(20)
        try:
            child = forked(child_runs, tmp_path, want)
            assert os.waitpid(child, 0)[1] == 0
        finally:
            go.set()
        assert other.result().ok
    child = forked(child_runs, tmp_path, want)
    assert os.waitpid(child, 0)[1] == 0
