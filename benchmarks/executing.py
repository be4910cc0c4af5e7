"""Work side by side: how near to ideal, how soon the first result, how much memory."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measuring import Figure, quickest, table
from benchmarks.spinning import SPINS
from plait import Pipeline, step
from plait.executors.processes import idle

ROUNDS = 3
BIG = 50_000_000  # numbers of an array of 400 MB
LARGE = 12_500_000  # of 100 MB


@step
def numbers(n: int) -> np.ndarray:
    return np.arange(n, dtype=float)


@step
def part(numbers: np.ndarray, at: int) -> float:
    """Reads all of it."""
    return float(numbers[at::8].sum()) + float(numbers.max())


@step
def shifted(numbers: np.ndarray) -> np.ndarray:
    made: np.ndarray = numbers + 1.0
    return made


@step
def nothing(x: int) -> int:
    return x


READERS = Pipeline("readers", [numbers, *(part.named(f"part{i}").with_(at=i) for i in range(8))])
WIDE = Pipeline("wide", [nothing.named(f"n{i}") for i in range(1000)])


def _chain(n: int) -> Pipeline[..., Any]:
    steps = [shifted.named(f"a{i}").bind(numbers=f"a{i - 1}" if i else "numbers") for i in range(n)]
    return Pipeline("chain", [numbers, *steps])


CHAIN = _chain(20)


def figures() -> list[Figure]:
    """All figures; each that measures memory is in processes of its own."""
    found = [*_speed_up(), *_first_result()]
    readers = {**_apart("read"), "seconds": min(_apart("readers")["seconds"] for _ in range(ROUNDS))}
    chain = _apart("chain")
    wide = quickest(lambda: WIDE.run(x=1, store=None, listeners=[])) * 1e3
    return [
        *found,
        Figure("eight readers of 400 MB in two processes: memory", readers["megabytes"], "MB", 600),
        Figure("the same: time, the array being there", readers["seconds"], "s", 0.8),
        Figure("chain of twenty arrays of 100 MB: alive at once", chain["arrays"], "x", 2.2),
        Figure("wide graph of 1,000 nodes that do nothing, a node", wide, "us", 10),
    ]


def _speed_up() -> list[Figure]:
    """Eight steps of half a second on two processes, beside half of what one after the other takes.

    The first run of a program starts its workers, the next one finds them.
    """

    def run(executor: str) -> float:
        begun = time.perf_counter()
        SPINS.run(seconds=0.5, store=None, listeners=[], executor=executor, **workers[executor])
        return time.perf_counter() - begun

    workers: dict[str, dict[str, int]] = {"sequential": {}, "processes": {"workers": 2}}
    alone, first, after = [], [], []
    for _ in range(ROUNDS):
        alone.append(run("sequential"))
        idle.end()
        first.append(run("processes"))
        after.append(run("processes"))
    ideal = min(alone) / 2
    return [
        Figure(f"eight steps of .5 s on two processes, {which} run", min(taken), "s", 1.05 * ideal, ideal, "ideal")
        for which, taken in (("the first", first), ("the next", after))
    ]


def _first_result() -> list[Figure]:
    """From `run` to the first result, of processes that are started for it, and of those that rest."""

    def run() -> float:
        begun, first = time.perf_counter(), []

        def listen(event: Any) -> None:
            if type(event).__name__ == "Finished":
                first.append(time.perf_counter() - begun)

        SPINS.run("spin0", "spin1", seconds=0.0, store=None, listeners=[listen], executor="processes", workers=2)
        return first[0]

    times: dict[str, list[float]] = {"new": [], "resting": []}
    for _ in range(ROUNDS):
        idle.end()
        times["new"].append(run())
        times["resting"].append(run())
    return [Figure(f"first result of {which} processes", min(taken), "s", 0.5) for which, taken in times.items()]


def _apart(what: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.executing", what]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _readers() -> dict[str, float]:
    """How long eight nodes take that read one array which a store has; nobody looks on, which would take time too."""
    with tempfile.TemporaryDirectory(prefix="plait-bench-") as store:
        READERS.run("numbers", n=BIG, store=store, listeners=[])
        begun = time.perf_counter()
        READERS.run(n=BIG, store=store, listeners=[], executor="processes", workers=2)
        return {"seconds": time.perf_counter() - begun}


def _read() -> dict[str, float]:
    """Proportional memory of this process and its workers meanwhile."""
    with tempfile.TemporaryDirectory(prefix="plait-bench-") as store:
        READERS.run("numbers", n=BIG, store=store, listeners=[])
        with _Watch(_all_at_once) as watch:
            READERS.run(n=BIG, store=store, listeners=[], executor="processes", workers=2)
    return {"megabytes": watch.most / 1e6}


def _all_at_once() -> int:
    """Workers are stopped while we look: what moves from one to the other would be counted twice."""
    family = _family()
    for process in family[1:]:
        _signal(process, signal.SIGSTOP)
    try:
        return sum(map(_proportional, family))
    finally:
        for process in family[1:]:
            _signal(process, signal.SIGCONT)


def _signal(process: int, what: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, what)


def _chained() -> dict[str, float]:
    """Resident memory of one process beyond what it has without any array, in arrays."""
    with tempfile.TemporaryDirectory(prefix="plait-bench-") as store:
        CHAIN.run("a2", n=10, store=store, listeners=[])
        before = _resident()
        with _Watch(_resident) as watch:
            CHAIN.run("a19", n=LARGE, store=store, listeners=[])
    return {"arrays": (watch.most - before) / (LARGE * 8)}


class _Watch:
    """The most that something was while a block ran."""

    def __init__(self, look: Callable[[], int]) -> None:
        self.most, self._look, self._over = 0, look, threading.Event()
        self._thread = threading.Thread(target=self._go, daemon=True)

    def _go(self) -> None:
        while not self._over.wait(0.005):
            self.most = max(self.most, self._look())

    def __enter__(self) -> "_Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _family() -> list[int]:
    """This process, and those that it started."""
    found, at = [os.getpid()], 0
    while at < len(found):
        for task in Path(f"/proc/{found[at]}/task").glob("*/children"):
            try:
                found += [int(child) for child in task.read_text().split()]
            except OSError:
                continue
        at += 1
    return found


def _proportional(process: int) -> int:
    try:
        text = Path(f"/proc/{process}/smaps_rollup").read_text()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:"))


if __name__ == "__main__":
    if sys.argv[1:]:
        print(json.dumps({"readers": _readers, "read": _read, "chain": _chained}[sys.argv[1]]()))
    else:
        print(table(figures()))
