"""Processes that die, hang, stop, or are interrupted: one node pays, nobody is left behind, and it is said why.

Real processes and real signals. Each test counts the faults that fired.
"""

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

from leftovers import SECONDS, children, environment, gone, is_helper, left_in_tmp
from plait import NodeFailed, ParameterError, Pipeline, Retry, WorkerDied, step
from plait.executors import processes
from plait.executors.processes import idle
from plait.runtime.events import Failed, Retried
from waiting import LAST_RESORT

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals")


@pytest.fixture(autouse=True)
def _alone():
    """Workers of earlier tests may rest still."""
    idle.end()


@step
def fine(n: int) -> int:
    return n


@step
def ends(how: str) -> int:
    if how.startswith("SIG"):
        os.kill(os.getpid(), getattr(signal, how))
        time.sleep(600)
    os._exit(int(how))


@step(timeout="600ms")
def hangs(how: str) -> int:
    if how == "stopped":
        os.kill(os.getpid(), signal.SIGSTOP)
    time.sleep(600)
    return 0


def siblings(count):
    return [fine.named(f"fine{i}").with_(n=i) for i in range(count)]


def test_a_node_that_kills_its_workers_is_left_alone_and_its_siblings_finish(tmp_path):
    hows = ["SIGKILL", "SIGKILL", "SIGSEGV", "SIGABRT", "SIGTERM", "3"]
    bad = [ends.named(f"bad{i}").with_(how=how) for i, how in enumerate(hows)]
    told = []
    p = Pipeline("p", [*bad[:3], *siblings(20), *bad[3:]])
    run = p.run(store=tmp_path, executor="processes", workers=2, fail="keep-going", listeners=[told.append])
    deaths = sum(isinstance(event, (Retried, Failed)) for event in told)
    print(f"workers killed {deaths}, siblings {len(run.states) - len(run.failures)}, lost 0")
    assert deaths == 2 * len(hows), "each was tried once more"
    assert [run[f"fine{i}"] for i in range(20)] == list(range(20))
    assert sorted(failure.node for failure in run.failures) == [f"bad{i}" for i in range(len(hows))]
    said = {failure.node: str(failure.error) for failure in run.failures}
    assert all(isinstance(failure.error, WorkerDied) for failure in run.failures)
    for node, how in zip(sorted(said), hows, strict=True):
        assert (f"was ended by {how}" if how.startswith("SIG") else "exit code 3") in said[node]
        assert "It happened 2 times" in said[node]
    assert "want of memory" in said["bad0"] and "Native code crashed" in said["bad2"]
    assert gone(children()) and left_in_tmp(tmp_path) == []


def test_a_worker_that_dies_once_costs_nothing_but_time(tmp_path):
    flag = tmp_path / "flag"

    @step(ignore=["flag"])
    def unlucky(flag: str) -> int:
        if not Path(flag).exists():
            Path(flag).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return 7

    told = []
    p = Pipeline("p", [unlucky, *siblings(3)])
    run = p.run(flag=str(flag), store=tmp_path / "s", executor="processes", workers=2, listeners=[told.append])
    assert run.ok and run["unlucky"] == 7 and flag.exists()
    (again,) = (event for event in told if isinstance(event, Retried))
    assert again.node == "unlucky" and "SIGKILL" in again.error


def test_a_worker_that_dies_is_missed_though_a_child_of_its_holds_its_pipes(tmp_path):
    left = tmp_path / "left"

    @step(ignore=["left"])
    def forks(left: Path) -> int:
        if (child := os.fork()) == 0:
            time.sleep(600)
            os._exit(0)
        with left.open("a") as file:
            print(child, file=file)
        os.kill(os.getpid(), signal.SIGKILL)
        return 0

    p = Pipeline("p", [forks.with_(left=left)])
    run = p.run(store=None, executor="processes", workers=1, fail="keep-going", listeners=[])
    assert "was ended by SIGKILL" in str(run.failures[0].error)
    for child in left.read_text().split():
        psutil.Process(int(child)).kill()  # it is there still, and held the pipes


@pytest.mark.parametrize("how", ["returns", "leaves"])
def test_a_child_that_a_step_forks_answers_nobody(how):
    @step
    def forks() -> int:
        if os.fork() == 0:
            if how == "leaves":
                sys.exit(0)
            return -1
        time.sleep(0.2)
        return 7

    p = Pipeline("p", [forks, *siblings(6)])
    run = p.run(store=None, executor="processes", workers=1, listeners=[])
    assert run["forks"] == 7 and [run[f"fine{i}"] for i in range(6)] == list(range(6))


@pytest.mark.parametrize("flag", ["-I", "-E", "-B"])
def test_workers_have_one_seed_of_hashes_whatever_python_was_told(tmp_path, flag):
    (tmp_path / "ordered.py").write_text("""if True:
        from plait import Pipeline, step
        @step
        def order() -> list[str]:
            return list({f"k{i}" for i in range(9)})
        def found():
            return Pipeline("p", [order]).run(store=None, executor="processes", workers=1, listeners=[])["order"]
    """)
    paths = [str(tmp_path), *environment()["PYTHONPATH"].split(os.pathsep)]
    code = f"import sys; sys.path[:0] = {paths!r}; import ordered; print(ordered.found())"
    command = [sys.executable, flag, "-c", code]
    one, two = (subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(2))
    assert one == two != ""


class Unreadable:
    """It cannot be read back by who gets it, and raises what ends a program."""

    def __reduce__(self):
        return sys.exit, (3,)


def test_an_answer_that_cannot_be_read_ends_neither_the_future_nor_the_worker():
    pool = processes.create(workers=1)
    try:
        assert isinstance(pool.submit(Unreadable).exception(240), SystemExit)
        assert pool.submit(pow, 2, 3).result(240) == 8
    finally:
        pool.shutdown(cancel_futures=True)


def waits(told):
    with subprocess.Popen(["sleep", "600"]) as child:
        told.write_text(str(child.pid))


def test_what_a_step_has_started_ends_with_it_when_it_is_killed(tmp_path):
    told, pool = tmp_path / "told", processes.create(workers=1)
    try:
        future = pool.submit(waits, told)
        end = time.monotonic() + LAST_RESORT
        while not (told.exists() and told.read_text()):
            assert time.monotonic() < end
            time.sleep(0.02)
        child = psutil.Process(int(told.read_text()))
        pool.kill(future)
        assert gone([child])
    finally:
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("closed", ["0", "1", "0, 1, 2"])
def test_a_program_without_standard_streams_has_workers_too(tmp_path, closed):
    """As one that runs in the background: then the pipes to a worker could take their places."""
    script = f"""
        import os
        for stream in ({closed},):
            os.close(stream)
        from plait.executors import processes
        pool = processes.create(workers=2)
        found = {{future.result(240) for future in [pool.submit(os.getppid) for _ in range(4)]}}
        open("told", "w").write(str(found == {{os.getpid()}}))
        pool.shutdown(cancel_futures=True)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], cwd=tmp_path, env=environment(), timeout=240)
    assert (tmp_path / "told").read_text() == "True"


def test_fail_fast_ends_with_the_worker_that_died(tmp_path):
    with pytest.raises(NodeFailed, match=r"bad: WorkerDied: the process that ran bad was ended by SIGKILL") as failed:
        Pipeline("p", [ends.named("bad").with_(how="SIGKILL")]).run(
            store=tmp_path, executor="processes", workers=1, listeners=[]
        )
    assert failed.value.__cause__.signal == "SIGKILL" and gone(children())


@pytest.mark.parametrize("how", ["asleep", "stopped"])
def test_a_step_that_takes_too_long_is_killed_and_its_siblings_finish(tmp_path, how):
    p = Pipeline("p", [hangs.with_(how=how), *siblings(6)])
    begun = time.monotonic()
    run = p.run(store=tmp_path, executor="processes", workers=2, fail="keep-going", listeners=[])
    assert time.monotonic() - begun < LAST_RESORT
    (failure,) = run.failures
    assert isinstance(failure.error, TimeoutError)
    assert "hangs took longer than its timeout of 600 ms; it was killed" in str(failure.error)
    if how == "asleep":
        assert "test_workers.py" in failure.error.__notes__[0] and "in hangs" in failure.error.__notes__[0]
    assert [run[f"fine{i}"] for i in range(6)] == list(range(6))
    assert gone(children()) and left_in_tmp(tmp_path) == []


def test_native_code_that_holds_the_interpreter_is_killed_too(tmp_path):
    @step(timeout="500ms")
    def stuck() -> int:
        import ctypes

        ctypes.PyDLL(None).sleep(600)  # a PyDLL call keeps the interpreter's lock
        return 0

    begun = time.monotonic()
    with pytest.raises(NodeFailed, match="stuck took longer than its timeout"):
        Pipeline("p", [stuck]).run(store=tmp_path, executor="processes", workers=1, listeners=[])
    assert time.monotonic() - begun < LAST_RESORT and gone(children())


def test_a_timeout_may_pass_like_any_error(tmp_path):
    @step(timeout="2s", retry=Retry(on=TimeoutError, wait="10ms"), ignore=["path"])
    def slow_once(path: str) -> int:
        if not Path(path).exists():
            Path(path).touch()
            time.sleep(600)
        return 1

    told = []
    p = Pipeline("p", [slow_once])
    run = p.run(path=str(tmp_path / "x"), store=None, executor="processes", workers=1, listeners=[told.append])
    assert run.ok and [event.attempt for event in told if isinstance(event, Retried)] == [1]


@pytest.mark.parametrize("executor", ["sequential", "threads"])
def test_a_timeout_that_could_not_be_kept_is_refused_before_any_work(executor):
    calls = []

    @step
    def first() -> str:
        calls.append(1)
        return "x"

    with pytest.raises(ParameterError, match=r"hangs has a timeout.*cannot be killed.*executor=\"processes\""):
        Pipeline("p", [first, hangs.bind(how="first")]).run(executor=executor, store=None, listeners=[])
    assert calls == []


SCRIPT = """
import asyncio, os, signal, sys, time
from plait import Pipeline, step

@step
def quick() -> int:
    return 1

@step
def slow(n: int, quick: int) -> int:
    open(f"started{n}", "w").close()
    time.sleep(600)
    return n

@step
async def asks(n: int, quick: int) -> int:
    open(f"started{n}", "w").close()
    await asyncio.sleep(600)
    return n

def told(event):
    pass

if __name__ == "__main__":
    executor, kind = sys.argv[1:]
    work = asks if kind == "asks" else slow
    steps = [quick, *(work.named(f"w{i}").with_(n=i) for i in range(2))]
    size = {} if executor == "sequential" else {"workers": 2}
    Pipeline("p", steps).run(store="store", executor=executor, listeners=[], **size)
"""


@contextlib.contextmanager
def at_work(folder, executor, kind="slow"):
    """A program whose steps have begun; its process, and those that it started."""
    (folder / "script.py").write_text(SCRIPT)
    program = subprocess.Popen(
        [sys.executable, "script.py", executor, kind],
        cwd=folder,
        env=environment(),
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wanted = 1 if executor == "sequential" else 2
        deadline = time.monotonic() + LAST_RESORT
        while len(list(folder.glob("started*"))) < wanted:
            assert program.poll() is None, program.communicate()[1]
            assert time.monotonic() < deadline, "the steps did not begin"
            time.sleep(0.02)
        yield program, psutil.Process(program.pid).children(recursive=True)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(program.pid, signal.SIGKILL)
        program.communicate()


def history(folder):
    return Pipeline("p", [fine]).runs(store=folder / "store")


EXECUTORS = [
    ("sequential", "slow"),
    ("threads", "slow"),
    ("processes", "slow"),
    ("threads", "asks"),
    ("sequential", "asks"),
]


@pytest.mark.parametrize(("executor", "kind"), EXECUTORS)
def test_ctrl_c_ends_all_of_it(tmp_path, executor, kind):
    with at_work(tmp_path, executor, kind) as (program, started):
        assert bool([p for p in started if not is_helper(p)]) == (executor == "processes")
        begun = time.monotonic()
        os.killpg(program.pid, signal.SIGINT)  # as a terminal does it: to all of the group
        _, err = program.communicate(timeout=240)
        took = time.monotonic() - begun
        print(f"{executor} {kind}: over after {took:.2f} s, processes left {0 if gone(started) else 'some'}")
        assert took < SECONDS and gone(started)
        assert program.returncode != 0 and err.count("KeyboardInterrupt") >= 1
        assert err.count("Traceback") == 1, f"one traceback, and it is that of the program:\\n{err}"
    (run,) = history(tmp_path)
    assert run.status == "cancelled" and run.states["quick"] == "run"
    assert left_in_tmp(tmp_path / "store") == []


def test_a_second_ctrl_c_ends_it_at_once(tmp_path):
    with at_work(tmp_path, "processes") as (program, started):
        begun = time.monotonic()
        os.killpg(program.pid, signal.SIGINT)
        time.sleep(0.05)
        os.killpg(program.pid, signal.SIGINT)
        program.communicate(timeout=240)
        assert time.monotonic() - begun < SECONDS and gone(started)


def test_a_killed_program_leaves_no_worker_and_the_rest_is_done_by_the_next_run(tmp_path):
    """To resume is to run again on what the store has."""
    with at_work(tmp_path, "processes") as (program, started):
        assert len(started) == 2, "its workers, and no other process"
        program.kill()
        program.wait(240)
        assert gone(started)
        print(f"program killed 1, workers that outlived it by 5 s: 0 of {len(started)}")
    (run,) = history(tmp_path)
    assert run.status == "died", "it is not running for ever"
    quick = SCRIPT.replace("time.sleep(600)", "time.sleep(0)")
    (tmp_path / "script.py").write_text(quick)
    subprocess.run([sys.executable, "script.py", "processes", "slow"], cwd=tmp_path, check=True, env=environment())
    newest, oldest = history(tmp_path)
    assert (newest.status, oldest.status) == ("done", "died")
    assert newest.states == {"quick": "hit", "w0": "run", "w1": "run"}


def test_a_worker_ends_with_its_program_though_no_node_was_given_to_it():
    """A program may be killed while its workers start."""
    script = """
        import os, signal
        from plait.executors import processes
        print(processes.create(workers=1).submit(os.getpid).result(240), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True) as program:
        worker = int(program.stdout.readline())
        assert program.wait(240) == -signal.SIGKILL
    with contextlib.suppress(psutil.NoSuchProcess):
        assert gone([psutil.Process(worker)])
