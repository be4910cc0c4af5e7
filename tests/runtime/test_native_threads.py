"""BLAS and OpenMP use as many threads inside a step as it asks for, in every executor, and after a run as before it."""

import os
import threading

import numpy as np
import pytest
import sklearn.ensemble  # noqa: F401 - so that there is an OpenMP library too
import threadpoolctl

from plait import Pipeline, step
from plait.runtime.native_threads import VARIABLES, _of_process, limit, limited


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


def test_who_was_overtaken_by_another_thread_is_told_again():
    import inspect
    import sys

    lines, first = inspect.getsourcelines(limit)
    paused = set()

    def overtaken(line: int) -> set[int]:
        """What is set when one thread asked for 1, was held up at a line, and another asked for 2, and again."""
        here, go = threading.Event(), threading.Event()

        def look(frame, event, _):
            if frame.f_code is not limit.__code__:
                return None
            if (event, frame.f_lineno) == ("line", line) and line not in paused:
                paused.add(line)
                here.set()
                go.wait(0.2)  # it may hold what the other one waits for
            return look

        def asks_for_one():
            sys.settrace(look)
            limit(1)
            sys.settrace(None)
            here.set()

        found = []

        def asks_for_two():
            limit(2)
            go.set()
            one.join()
            limit(2)
            found.extend(library.num_threads for library in _of_process())

        one, two = threading.Thread(target=asks_for_one), threading.Thread(target=asks_for_two)
        one.start()
        assert here.wait(240)
        two.start()
        two.join()
        return set(found)

    with limited():
        assert all(overtaken(line) == {2} for line in range(first, first + len(lines)))
    assert len(paused) > 5, "nothing was held up"
