"""Steps that wait: on one loop in a thread of its own, many at once, cancelled for real, also where a loop runs already."""

import asyncio
import inspect
import threading
import time

import pytest

from plait import NodeFailed, Pipeline, PlaitError, Retry, Seed, auto, step
from plait.runtime.events import Retried
from waiting import LAST_RESORT, until

# what a test closes over is not always content
pytestmark = pytest.mark.filterwarnings("ignore::plait.OpaqueCode")


@step
async def ask(n: int) -> int:
    await asyncio.sleep(0)
    return n + 1


@step
def total(a: int, b: int) -> int:
    return a + b


PAIR = Pipeline("pair", [ask.named("a").with_(n=1), ask.named("b").with_(n=2), total])


@pytest.mark.parametrize("executor", ["sequential", "threads", "processes"])
def test_a_result_is_what_is_awaited(tmp_path, executor):
    for store in (None, tmp_path):
        run = PAIR.run(store=store, executor=executor, listeners=[])
        assert run["total"] == 5 and run["a"] == 2
    assert set(PAIR.run(store=tmp_path, executor=executor, listeners=[]).states.values()) == {"hit"}


def test_a_plain_call_gives_the_coroutine():
    made = ask(3)
    assert inspect.iscoroutine(made) and asyncio.run(made) == 4


class Gate:
    """Opens when as many as it wants are there: who comes alone waits in vain."""

    def __init__(self, wanted):
        self.wanted, self.there, self.most, self.loops = wanted, 0, 0, set()

    async def passes(self):
        self.loops.add((id(asyncio.get_running_loop()), threading.get_ident()))
        self.there += 1
        self.most = max(self.most, self.there)
        for _ in range(20_000):
            if self.most >= self.wanted:
                break
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.02)
        self.there -= 1


def gated(gate, count, **options):
    @step(**options)
    async def wait(n: int) -> int:
        await gate.passes()
        return n

    return Pipeline("p", [wait.named(f"w{i}").with_(n=i) for i in range(count)])


def test_they_wait_at_once_on_one_loop_that_is_not_ours():
    gate = Gate(4)
    assert gated(gate, 8).run(store=None, executor="threads", workers=4, listeners=[]).ok
    assert gate.most == 4 and len(gate.loops) == 1
    assert next(iter(gate.loops))[1] != threading.get_ident()


def test_who_names_a_resource_is_limited_by_that_alone():
    gate = Gate(12)
    run = gated(gate, 20, resources={"api": 1}).run(
        store=None, executor="threads", workers=2, limits={"api": 12}, listeners=[]
    )
    assert run.ok and gate.most == 12


def test_a_sequential_run_has_them_one_by_one():
    gate = Gate(1)
    assert gated(gate, 4).run(store=None, listeners=[]).ok and gate.most == 1


@pytest.mark.parametrize("executor", ["sequential", "threads"])
def test_they_run_where_a_loop_runs_already(executor):
    """As in a notebook."""

    async def cell():
        return PAIR.run(store=None, executor=executor, listeners=[])["total"]

    assert asyncio.run(cell()) == 5


@pytest.mark.parametrize("executor", ["sequential", "threads", "processes"])
def test_a_timeout_cancels_the_step_and_nothing_else(executor):
    ended = []

    @step(timeout="100ms")
    async def slow() -> int:
        try:
            await asyncio.sleep(2 * LAST_RESORT)
        finally:
            ended.append("slow")
        return 1

    begun = time.monotonic()
    p = Pipeline("p", [slow, ask.with_(n=1)])
    run = p.run(store=None, executor=executor, fail="keep-going", listeners=[])
    assert time.monotonic() - begun < LAST_RESORT and ended == ["slow"] and run["ask"] == 2
    (failure,) = run.failures
    assert isinstance(failure.error, TimeoutError)
    assert str(failure.error) == "slow took longer than its timeout of 100 ms"


def test_a_timeout_of_the_users_own_is_the_users_own():
    @step(timeout="1m")
    async def impatient() -> int:
        async with asyncio.timeout(0.01):
            await asyncio.sleep(60)
        return 1

    with pytest.raises(NodeFailed) as failed:
        Pipeline("p", [impatient]).run(store=None, listeners=[])
    assert "1 min" not in str(failed.value.__cause__)


def test_they_are_tried_again_with_the_same_seed():
    seeds = []

    @step(retry=Retry(on=ConnectionError, wait="1ms"))
    async def flaky(seed: Seed = auto) -> int:
        seeds.append(seed)
        if len(seeds) < 3:
            raise ConnectionError("not yet")
        return 1

    told = []
    assert Pipeline("p", [flaky]).run(store=None, executor="threads", listeners=[told.append]).ok
    assert len(seeds) == 3 and len(set(seeds)) == 1 == len({event.node for event in told if isinstance(event, Retried)})


def test_an_error_keeps_the_users_frames():
    @step
    async def bad() -> int:
        await asyncio.sleep(0)
        raise LookupError("no such answer")

    with pytest.raises(NodeFailed, match="bad: LookupError: no such answer") as failed:
        Pipeline("p", [bad]).run(store=None, executor="threads", listeners=[])
    frames = failed.value.__cause__.__traceback__
    while frames.tb_next is not None:
        frames = frames.tb_next
    assert frames.tb_frame.f_code.co_name == "bad"


def test_a_step_that_something_cancels_fails_and_does_not_hang():
    @step
    async def gives_up() -> int:
        task = asyncio.ensure_future(asyncio.sleep(60))
        task.cancel()
        await task
        return 1

    with pytest.raises(NodeFailed, match="gives_up.*was cancelled by what it awaited"):
        Pipeline("p", [gives_up]).run(store=None, listeners=[])


def test_no_thread_is_left_when_the_run_is_over():
    before = set(threading.enumerate())
    PAIR.run(store=None, executor="threads", listeners=[])
    until(lambda: not [one for one in threading.enumerate() if one not in before], "a thread is left")


def test_their_results_must_be_whole_too():
    @step
    async def lazily():
        return (x for x in range(3))

    with pytest.raises((NodeFailed, PlaitError), match="could be read only once; return a list"):
        Pipeline("p", [lazily]).run(store=None, listeners=[])
