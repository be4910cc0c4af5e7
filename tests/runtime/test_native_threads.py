"""BLAS and OpenMP use as many threads inside a step as it asks for, in every executor, and after a run as before it."""

import os
import threading

import numpy as np
import pytest
import sklearn.ensemble  # noqa: F401 - so that there is an OpenMP library too
import threadpoolctl

from plait import Pipeline, step
from plait.runtime.native_threads import VARIABLES, limit, limited


def threads() -> set[int]:
    return {library["num_threads"] for library in threadpoolctl.threadpool_info()}


@pytest.fixture(autouse=True)
def three_threads():
    with threadpoolctl.threadpool_limits(3):
        assert threads() == {3}, "this machine's libraries cannot use three threads"
        yield


@step
def product(n: int) -> list[int]:
    values = np.arange(n * n, dtype=float).reshape(n, n)
    values @= values
    return sorted({library["num_threads"] for library in threadpoolctl.threadpool_info()})


@step(resources={"cpu": 2})
def wide(n: int) -> list[int]:
    return sorted({library["num_threads"] for library in threadpoolctl.threadpool_info()})


@pytest.mark.parametrize("executor", ["sequential", "threads", "processes"])
def test_a_step_has_one_thread_or_those_that_it_asks_for_everywhere(executor):
    pipeline = Pipeline("p", [product, wide, product.named("again")])
    run = pipeline.run(n=30, store=None, listeners=[], executor=executor, limits={"cpu": 2})
    assert (run["product"], run["wide"], run["again"]) == ([1], [2], [1])


def test_after_a_run_all_is_as_before_it():
    before = {name: os.environ.get(name) for name in VARIABLES}
    Pipeline("p", [product]).run(n=3, store=None, listeners=[])
    assert threads() == {3}
    assert {name: os.environ.get(name) for name in VARIABLES} == before


def test_also_after_a_run_that_fails():
    @step
    def fails() -> int:
        assert threads() == {1}
        raise ValueError

    with pytest.raises(Exception, match="fails"):
        Pipeline("p", [fails]).run(store=None, listeners=[])
    assert threads() == {3}


def test_runs_that_overlap_leave_no_limit_behind():
    first, second = limited(), limited()
    first.__enter__()
    limit(1)
    second.__enter__()
    limit(2)
    first.__exit__(None, None, None)
    assert threads() == {2}, "the second run is still under way"
    second.__exit__(None, None, None)
    assert threads() == {3}


def test_a_pool_whose_threads_live_longer_than_a_run_is_told_again():
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        for _ in range(2):
            run = Pipeline("p", [product]).run(n=3, store=None, listeners=[], executor=pool)
            assert run["product"] == [1]
            assert threads() == {3}


def test_what_one_thread_sets_for_the_process_another_sets_back():
    seen = []

    def other():
        limit(2)
        seen.append(threads())

    with limited():
        limit(1)
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        limit(1)
        assert seen == [{2}]
        assert threads() == {1}


def test_a_library_that_a_step_loads_reads_what_the_step_asked_for():
    """In a new process it is loaded within the step; elsewhere it may have been there before."""
    before = {name: os.environ.get(name) for name in VARIABLES}
    with limited():
        limit(2)
        assert {os.environ[name] for name in VARIABLES} == {"2"}
        limit(1)
        assert {os.environ[name] for name in VARIABLES} == {"1"}
    assert {name: os.environ.get(name) for name in VARIABLES} == before
