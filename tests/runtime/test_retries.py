"""Trying again: what may pass is waited for, and nothing else; a wait holds no worker, and changes no seed."""

import os
import threading
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clocks import Simulated
from plait import NodeFailed, Pipeline, Retry, Seed, auto, step
from plait.runtime.events import Failed, Finished, Retried, Started


@pytest.fixture
def clock(monkeypatch):
    simulated = Simulated()
    monkeypatch.setattr("plait.session.SystemClock", lambda: simulated)
    return simulated


def failing(times, error=ConnectionError, **retry):
    calls = []

    @step(retry=Retry(on=ConnectionError, **retry))
    def ask(seed: Seed = auto) -> int:
        calls.append(seed)
        if len(calls) <= times:
            raise error(f"call {len(calls)}")
        return len(calls)

    return ask, calls


def test_what_passes_by_waiting_is_called_until_it_does(clock):
    ask, calls = failing(2, attempts=3, wait="8s")
    told = []
    run = Pipeline("p", [ask]).run(store=None, listeners=[told.append])
    assert run["ask"] == 3 and run.ok and len(calls) == 3
    assert [type(event) for event in told[1:-1]] == [Started, Retried, Started, Retried, Started, Finished]
    first, second = (event for event in told if isinstance(event, Retried))
    assert (first.attempt, second.attempt) == (1, 2) and first.error == "ConnectionError: call 1"
    assert 4 <= first.wait <= 8 and 8 <= second.wait <= 16
    assert clock.slept == [first.wait, second.wait]


def test_each_call_gets_the_same_seed(clock):
    ask, calls = failing(2)
    Pipeline("p", [ask]).run(store=None, listeners=[])
    assert len(calls) == 3 and len(set(calls)) == 1


def test_the_same_run_waits_the_same_and_another_seed_does_not(clock):
    waits = []
    for seed in (1, 1, 2):
        clock.slept.clear()
        Pipeline("p", [failing(2)[0]]).run(seed=seed, store=None, listeners=[])
        waits.append(tuple(clock.slept))
    assert waits[0] == waits[1] != waits[2]


def test_after_the_last_attempt_the_error_is_the_last_one(clock):
    ask, calls = failing(9, attempts=4)
    with pytest.raises(NodeFailed, match="ask: ConnectionError: call 4"):
        Pipeline("p", [ask]).run(store=None, listeners=[])
    assert len(calls) == 4 and len(clock.slept) == 3


def test_another_error_is_not_tried_again(clock):
    ask, calls = failing(9, error=ValueError)
    with pytest.raises(NodeFailed, match="call 1"):
        Pipeline("p", [ask]).run(store=None, listeners=[])
    assert len(calls) == 1 and clock.slept == []


def test_a_retry_is_in_no_key(tmp_path):
    def made(**options):
        @step(**options)
        def one() -> int:
            return 1

        return Pipeline("p", [one])

    made().run(store=tmp_path, listeners=[])
    other = made(retry=Retry(on=OSError), resources={"cpu": 1}, timeout="9s", executor="processes")
    assert other.run(store=tmp_path, listeners=[]).states == {"one": "hit"}


def test_others_go_on_while_one_waits(clock):
    """One after the other, and yet the wait is not waited for as long as there is something else to do."""
    ask, _ = failing(1, wait="1m")
    done_at = []

    @step
    def other(n: int) -> int:
        done_at.append(clock.time)
        return n

    told = []
    nodes = [ask, *(other.named(f"o{i}").with_(n=i) for i in range(5))]
    Pipeline("p", nodes).run(store=None, listeners=[told.append])
    assert done_at == [0.0] * 5 and 30 <= clock.time <= 60
    assert told[-2].node == "ask"


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_a_wait_holds_no_worker(executor, tmp_path):
    @step(retry=Retry(on=OSError, wait="400ms", max_wait="400ms"))
    def ask(path: str) -> int:
        from pathlib import Path

        if not Path(path).exists():
            Path(path).touch()
            raise OSError("not yet")
        return 1

    @step
    def other() -> int:
        return 2

    told = []
    p = Pipeline("p", [ask, other])
    run = p.run(path=str(tmp_path / "x"), store=None, executor=executor, workers=1, listeners=[told.append])
    assert run.ok
    order = [(type(event).__name__, event.node) for event in told[1:-1]]
    assert order.index(("Finished", "other")) < order.index(("Finished", "ask")) and order[1] == ("Retried", "ask")


def test_under_keep_going_only_the_last_attempt_fails_the_node(clock):
    ask, _ = failing(9, attempts=2)

    @step
    def after(ask: int) -> int:
        return ask

    told = []
    run = Pipeline("p", [ask, after]).run(store=None, fail="keep-going", listeners=[told.append])
    assert run.states == {"ask": "failed", "after": "skipped"} and len(run.failures) == 1
    assert sum(isinstance(event, Failed) for event in told) == 1


def test_a_thread_that_raises_keyboard_interrupt_ends_the_run(clock):
    calls = []

    @step(retry=Retry(on=Exception, attempts=5))
    def stopped() -> int:
        calls.append(threading.current_thread())
        raise KeyboardInterrupt

    for executor in ("sequential", "threads"):
        with pytest.raises(KeyboardInterrupt):
            Pipeline("p", [stopped]).run(store=None, executor=executor, listeners=[])
    assert len(calls) == 2


PASSING = [ConnectionError, ConnectionResetError, BrokenPipeError]  # the second and third are kinds of the first
LASTING = [ValueError, OSError, TimeoutError, KeyError]
EXAMPLES = int(os.environ.get("PLAIT_EXAMPLES", "25")) * 20


@pytest.mark.law
def test_whatever_errors_come_waits_are_in_bounds_and_what_lasts_is_not_tried_again():
    met = Counter()

    @settings(max_examples=EXAMPLES, deadline=None)
    @given(
        st.lists(st.sampled_from(PASSING * 4 + LASTING), max_size=7),
        st.integers(1, 6),
        st.integers(0, 20_000),
        st.integers(0, 60_000),
        st.integers(0, 9),
    )
    def law(errors, attempts, wait, max_wait, seed):
        retry = Retry(on=ConnectionError, attempts=attempts, wait=f"{wait}ms", max_wait=f"{max_wait}ms")
        seeds = []

        @step(retry=retry)
        def ask(seed: Seed = auto) -> int:
            seeds.append(seed)
            if len(seeds) <= len(errors):
                raise errors[len(seeds) - 1]("it fired")
            return len(seeds)

        with pytest.MonkeyPatch.context() as patch:
            clock = Simulated()
            patch.setattr("plait.session.SystemClock", lambda: clock)
            run = Pipeline("p", [ask]).run(seed=seed, store=None, listeners=[], fail="keep-going")
        lasting = next((i for i, error in enumerate(errors) if error in LASTING), len(errors))
        calls = min(lasting + 1, attempts)
        assert len(seeds) == calls and len(set(seeds)) == 1
        assert run.ok == (calls == len(errors) + 1)
        if not run.ok:
            assert type(run.failures[0].error) is errors[calls - 1]
        longest = [min(max_wait, wait * 2**i) / 1000 for i in range(calls - 1)]
        slept = iter(clock.slept)
        for most in (most for most in longest if most):
            assert most / 2 <= next(slept) <= most
        assert sum(slept) == 0.0
        met.update(runs=1, calls=calls, waits=len(clock.slept), lasting=lasting < len(errors) and calls == lasting + 1)
        met["given up"] += not run.ok and lasting >= calls

    law()
    print(dict(met))
    assert met["runs"] >= EXAMPLES and min(met.values()) > 0
