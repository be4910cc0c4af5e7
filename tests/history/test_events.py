"""Each event says of which run it is, when it was told, and where a step was called."""

import os
import platform
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from plait import Pipeline, pipeline, step, switch
from plait.runtime.events import Failed, Finished, RunFinished, RunStarted, Skipped, Started


@step
def first(n: int) -> int:
    return n + 1


@step
def second(first: int) -> int:
    if first < 0:
        raise ValueError("less than nothing")
    return first


PIPE = Pipeline("p", [first, second])


@pytest.mark.parametrize("executor", ["sequential", "threads", "processes"])
def test_events_have_run_time_and_worker(executor, tmp_path):
    told, before = [], time.time()
    run = PIPE.run(n=-5, executor=executor, store=tmp_path, fail="keep-going", listeners=[told.append])
    assert {event.run for event in told} == {run.id}
    times = [event.time for event in told]
    assert times == sorted(times)
    assert before <= times[0]
    assert times[-1] <= time.time()
    assert [type(event) for event in told] == [RunStarted, Started, Finished, Started, Failed, RunFinished]
    workers = [event.worker for event in told if isinstance(event, (Finished, Failed))]
    assert workers == [run.node(name).worker for name in ("first", "second")]
    assert all(worker.startswith(f"{platform.node()} ") for worker in workers)
    assert all((worker.split()[1] == str(os.getpid())) is (executor != "processes") for worker in workers)


def test_one_listener_can_serve_many_runs_at_once():
    told = []
    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(lambda n: PIPE.run(n=n, store=None, listeners=[told.append]), range(8)))
    for run in runs:
        mine = [event for event in told if event.run == run.id]
        assert [type(event) for event in mine] == [RunStarted, Started, Finished, Started, Finished, RunFinished]


def test_a_branch_that_was_not_chosen_is_skipped_because_of_no_node():
    @pipeline
    def chosen(n: int) -> int:
        one = first(n)  # known only while the run goes on
        return switch(one, {1: one, 2: second(one)}, default=one)

    told = []
    chosen.run(n=0, store=None, listeners=[told.append])
    skipped = [event for event in told if isinstance(event, Skipped)]
    assert [event.node for event in skipped if event.node == "second"] == ["second"]
    assert all(event.because == "" and event.reason for event in skipped)
