"""Failures: what could run did, what could not says because of whom; what cannot travel is said first; and once more."""

import threading
import traceback

import numpy as np
import pytest

from plait import Failure, NodeFailed, Pipeline, PlaitError, Seed, auto, step
from plait.runtime.events import Failed, Finished, Skipped
from plait.runtime.travel import culprit, travels

# what a test closes over is not always content
pytestmark = pytest.mark.filterwarnings("ignore::plait.OpaqueCode")
EXECUTORS = ["sequential", "threads", "processes"]


@step
def table(n: int = 5) -> np.ndarray:
    return np.arange(n)


@step
def drawn(table: np.ndarray, k: int = 3, seed: Seed = auto) -> int:
    raise ValueError(f"{table.sum()} {k} {seed}")


@step
def size(table: np.ndarray) -> int:
    return len(table)


@step
def after(drawn: int, size: int) -> int:
    return drawn + size


@step
def last(after: int) -> int:
    return after


PIPE = Pipeline("p", [table, drawn, size, after, last])


@pytest.mark.parametrize("executor", EXECUTORS)
def test_what_could_run_did_and_what_could_not_says_because_of_whom(tmp_path, executor):
    told = []
    run = PIPE.run(store=tmp_path, executor=executor, fail="keep-going", listeners=[told.append])
    assert run.states == {"table": "run", "drawn": "failed", "size": "run", "after": "skipped", "last": "skipped"}
    assert run["size"] == 5 and not run.ok
    skipped = [event for event in told if isinstance(event, Skipped)]
    assert [(event.node, event.because) for event in skipped] == [("after", "drawn"), ("last", "drawn")]
    with pytest.raises(PlaitError, match="last was not run, because drawn failed"):
        run["last"]


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_what_runs_beside_a_failure_is_not_thrown_away(tmp_path, executor):
    @step(ignore=["path"])
    def fails(path: str) -> int:
        import time
        from pathlib import Path

        while not Path(path).exists():
            time.sleep(0.01)
        raise ValueError("no")

    @step(ignore=["path"])
    def beside(path: str) -> int:
        import time
        from pathlib import Path

        Path(path).touch()
        while not Path(path).with_name("failed").exists():  # the run knows of the failure, and this is at work still
            time.sleep(0.01)
        return 4

    told = []

    def listener(event):
        told.append(event)
        if isinstance(event, Failed):
            (tmp_path / "failed").touch()

    p = Pipeline("p", [fails, beside])
    with pytest.raises(NodeFailed, match="fails: ValueError: no") as failed:
        p.run(path=str(tmp_path / "x"), store=tmp_path / "s", executor=executor, workers=2, listeners=[listener])
    assert failed.value.run["beside"] == 4
    assert [event.node for event in told if isinstance(event, (Failed, Finished))] == ["fails", "beside"]
    assert p.run("beside", path=str(tmp_path / "x"), store=tmp_path / "s", listeners=[]).states == {"beside": "hit"}


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("kept", [True, False])
def test_a_failure_can_be_had_once_more_with_the_same_inputs_and_seed(tmp_path, executor, kept):
    store = tmp_path if kept else None
    run = PIPE.run(store=store, executor=executor, seed=4, k=9, fail="keep-going", listeners=[])
    (failure,) = run.failures
    assert isinstance(failure, Failure) and (failure.node, failure.item) == ("drawn", None)
    with pytest.raises(ValueError, match=str(failure.error)) as again:
        failure.reproduce()
    assert str(failure.error).startswith("10 9 ")
    assert traceback.extract_tb(again.value.__traceback__)[-1].name == "drawn", "a debugger opens in the step"


def test_a_failure_that_is_mended_gives_its_result():
    broken = [True]

    @step
    def moody(table: np.ndarray) -> int:
        if broken:
            raise ValueError("no")
        return len(table)

    failure = Pipeline("p", [table, moody]).run(store=None, fail="keep-going", listeners=[]).failures[0]
    with pytest.raises(ValueError, match="no"):
        failure.reproduce()
    broken.clear()
    assert failure.reproduce() == 5


def test_the_run_of_a_failed_node_has_it_too():
    with pytest.raises(NodeFailed) as failed:
        PIPE.run(store=None, listeners=[])
    with pytest.raises(ValueError, match="10 3"):
        failed.value.run.failures[0].reproduce()


def test_a_failure_of_which_nothing_is_known_says_where_to_look():
    with pytest.raises(PlaitError, match=r"plait reproduce RUN fit"):
        Failure("fit", None, ValueError("x")).reproduce()


# what cannot travel


class Connection:
    def __init__(self):
        self.pool = {"locks": [threading.Lock()]}


def test_a_step_that_cannot_be_sent_is_found_before_any_work(tmp_path):
    connection, ran = Connection(), tmp_path / "ran"

    @step(ignore=["path"])
    def first(path: str) -> int:
        open(path, "w").close()
        return 1

    @step
    def ask(first: int) -> int:
        return len(connection.pool)

    said = (
        r"ask cannot be sent to another process: connection\.pool\['locks'\]\[0\] is a _thread\.lock .*Make it inside"
    )
    for fail in ("fast", "keep-going"):
        with pytest.raises(PlaitError, match=said) as refused:
            Pipeline("p", [first, ask]).run(
                path=str(ran), store=None, executor="processes", workers=1, fail=fail, listeners=[]
            )
        assert not isinstance(refused.value, NodeFailed) and not ran.exists()


def test_a_step_that_stays_here_may_hold_what_it_likes(tmp_path):
    connection = Connection()

    @step(executor="threads")
    def ask(n: int = 1) -> int:
        return len(connection.pool) + n

    assert Pipeline("p", [ask]).run(store=None, executor="processes", workers=1, listeners=[])["ask"] == 2


def test_a_parameter_that_cannot_be_sent_is_found_before_any_work():
    @step(ignore=["connection"])
    def ask(connection: object) -> int:
        return 1

    with pytest.raises(PlaitError, match=r"connection\.pool\['locks'\]\[0\] is a _thread.lock.*cannot be sent"):
        Pipeline("p", [ask]).run(connection=Connection(), store=None, executor="processes", workers=1, listeners=[])


def test_a_warm_run_needs_nothing_to_travel(tmp_path):
    connection = Connection()

    @step
    def ask(n: int = 1) -> int:
        return len(connection.pool) + n

    p = Pipeline("p", [ask])
    p.run(store=tmp_path, listeners=[])
    assert p.run(store=tmp_path, executor="processes", workers=1, listeners=[]).states == {"ask": "hit"}


@pytest.mark.filterwarnings("ignore::plait.UnnamedResult")
def test_a_result_that_cannot_leave_its_process_is_named_with_the_part():
    @step
    def connect() -> Connection:
        return Connection()

    with pytest.raises(NodeFailed, match=r"connect\(\)\.pool\['locks'\]\[0\] is a _thread\.lock"):
        Pipeline("p", [connect]).run(store=None, executor="processes", workers=1, listeners=[])


@pytest.mark.filterwarnings("ignore::plait.UnnamedResult")
def test_a_value_that_lives_here_cannot_be_read_elsewhere_and_it_is_said():
    @step(executor="threads")
    def connect() -> Connection:
        return Connection()

    @step
    def used(connect: object) -> int:
        return 1

    with pytest.raises(
        NodeFailed, match="used reads connect, whose value cannot leave this process; open it inside used"
    ):
        Pipeline("p", [connect, used]).run(store=None, executor="processes", workers=1, listeners=[])


@pytest.mark.filterwarnings("ignore::plait.UnnamedResult")
def test_the_part_that_can_travel_does():
    @step(executor="threads")
    def connect() -> tuple[int, object]:
        return 3, Connection()

    @step
    def used(count: int) -> int:
        return count + 1

    p = Pipeline("p", [connect, used.bind(count="connect.0")])
    assert p.run(store=None, executor="processes", workers=1, listeners=[])["used"] == 4


def test_big_parameters_do_not_travel_with_each_job(tmp_path):
    sent = []

    class Counting:
        def __init__(self, pool):
            self.pool = pool

        def submit(self, fn, *args):
            sent.append(sum(len(arg) for arg in args))
            return self.pool.submit(fn, *args)

    @step
    def total(table: np.ndarray, n: int) -> float:
        return float(table.sum()) + n

    from loky import ProcessPoolExecutor

    p = Pipeline("p", [total.named(f"t{i}").with_(n=i) for i in range(3)])
    with ProcessPoolExecutor(1) as pool:
        run = p.run(table=np.ones(1_000_000), store=tmp_path, executor=Counting(pool), workers=1, listeners=[])
        assert [run[f"t{i}"] for i in range(3)] == [1e6, 1e6 + 1, 1e6 + 2]
    assert len(sent) == 3 and max(sent) < 200_000


def test_the_culprit_is_named_as_code_would_say_it():
    lock = threading.Lock()

    def closing(x):
        return lock, x

    class Slotted:
        __slots__ = ("inner",)

    slotted = Slotted()
    slotted.inner = (1, {"a": lock})
    assert culprit(closing, "f").startswith("lock is a _thread.lock")
    assert culprit(slotted, "s").startswith("s.inner[1]['a'] is a _thread.lock")
    assert culprit([slotted], "xs").startswith("xs[0].inner[1]['a'] is")
    assert culprit((i for i in range(3)), "items").startswith("items is a generator")
    assert travels({"a": np.zeros(3)}) and not travels([lock])
    looped = [lock]
    looped.append(looped)
    assert culprit(looped, "looped").startswith("looped[0] is a _thread.lock")
