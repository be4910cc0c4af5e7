"""Faults of every kind beside each other: each costs its own node, is said for what it was, and leaves nothing behind.

Real processes, real signals, real limits of memory. A fault that did not fire is no test, so each is counted.
"""

import contextlib
import ctypes
import mmap
import os
import random
import signal
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from leftovers import children, gone, left_in_tmp
from plait import Pipeline, WorkerDied, step
from plait.executors.processes import idle
from plait.runtime.events import Failed, Retried
from stores.harness import tries

pytestmark = [pytest.mark.law, pytest.mark.skipif(sys.platform != "linux", reason="signals, /proc and control groups")]
MUCH = 400_000_000  # bytes; ten times as much as there is


@step
def fine(n: int) -> int:
    return n


@step
def dies(how: str) -> int:
    match how:
        case "segfault":
            ctypes.string_at(0)
        case "exit":
            os._exit(7)
        case _:
            os.kill(os.getpid(), getattr(signal, how))
    time.sleep(60)
    return 0


@step(timeout="600ms")
def hangs(how: str) -> int:
    match how:
        case "stopped":
            os.kill(os.getpid(), signal.SIGSTOP)
        case "in native code":
            ctypes.PyDLL(None).sleep(60)  # a PyDLL call keeps the interpreter's lock
        case "spinning":
            while True:
                pass
    time.sleep(60)
    return 0


@step
def eats(how: str) -> int:
    import resource

    before = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * mmap.PAGESIZE + MUCH // 10, before[1]))
    try:
        return len(bytearray(MUCH))
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


@step
def is_too_large(group: str) -> int:
    Path(group, "cgroup.procs").write_text(str(os.getpid()))
    return len(b"x" * MUCH)  # the kernel ends us while this is written


SAID = {
    "SIGKILL": (WorkerDied, "was ended by SIGKILL"),
    "SIGTERM": (WorkerDied, "was ended by SIGTERM"),
    "SIGABRT": (WorkerDied, "was ended by SIGABRT"),
    "segfault": (WorkerDied, "was ended by SIGSEGV"),
    "exit": (WorkerDied, "exit code 7"),
    "asleep": (TimeoutError, "it was killed"),
    "stopped": (TimeoutError, "it was killed"),
    "in native code": (TimeoutError, "it was killed"),
    "spinning": (TimeoutError, "it was killed"),
    "memory": (MemoryError, ""),
    "killer of the kernel": (WorkerDied, "want of memory"),
}
SHOWN = {"asleep", "in native code", "spinning"}  # what hung says where


@pytest.fixture(scope="module")
def group():
    """A control group with little memory; none, where we may not make one."""
    made = None
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/self/cgroup").read_text().splitlines()
        own = next(line.split(":")[2] for line in lines if line.split(":")[1] == "memory")
        made = Path(f"/sys/fs/cgroup/memory{own}", f"plait-{os.getpid()}")
        made.mkdir()
        (made / "memory.limit_in_bytes").write_text(str(MUCH // 10))
    yield str(made) if made and made.is_dir() else ""
    if made and made.is_dir():
        made.rmdir()


def faulty(kind, group):
    if kind == "killer of the kernel":
        return is_too_large.with_(group=group)
    made = eats if kind == "memory" else hangs if SAID[kind][0] is TimeoutError else dies
    return made.with_(how=kind)


def test_any_mixture_of_faults_costs_the_faulty_nodes_alone(tmp_path, group):
    idle.end()
    kinds = [kind for kind in SAID if group or kind != "killer of the kernel"]
    fired, finished, rounds = Counter(), 0, 0
    while fired.total() < tries(50, 3_000):
        rng = random.Random(rounds)
        bad = {f"bad{i}": kind for i, kind in enumerate(rng.sample(kinds, len(kinds)))}
        nodes = [faulty(kind, group).named(name) for name, kind in bad.items()]
        nodes += [fine.named(f"fine{i}").with_(n=i) for i in range(20)]
        rng.shuffle(nodes)
        store, workers, told = tmp_path / str(rounds), rng.randint(2, 5), []
        run = Pipeline("p", nodes).run(
            store=store, executor="processes", workers=workers, fail="keep-going", listeners=[told.append]
        )
        here = Counter(bad[event.node] for event in told if isinstance(event, Retried | Failed))
        assert here == {kind: 2 if SAID[kind][0] is WorkerDied else 1 for kind in kinds}, f"round {rounds}"
        assert {failure.node for failure in run.failures} == set(bad)
        for failure in run.failures:
            error, said = SAID[bad[failure.node]]
            assert isinstance(failure.error, error) and said in str(failure.error), (bad[failure.node], failure.error)
            if bad[failure.node] in SHOWN:
                assert "in hangs" in failure.error.__notes__[0]
        assert [run[f"fine{i}"] for i in range(20)] == list(range(20))
        assert gone(children()), "a worker is left"
        assert left_in_tmp(store) == []
        fired, finished, rounds = fired + here, finished + 20, rounds + 1
    print(f"{fired.total()} faults in {rounds} runs: {dict(fired)}; siblings {finished} done, 0 lost; 0 left behind")
    assert set(fired) == set(kinds)
