"""A run that is killed or interrupted at any moment, its program or a worker or all, is finished by the next one."""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path

import psutil
import pytest

import killed
from leftovers import children, environment, gone, left_in_tmp
from plait.stores.local import create, segments
from plait.stores.local.bodies import record_of
from stores.harness import MEMORY, forked, joined, tries

pytestmark = [pytest.mark.law, pytest.mark.skipif(os.name == "nt", reason="signals")]
WAYS = {  # how often at each commit
    ("sequential", "program"): 42,
    ("threads", "program"): 42,
    ("processes", "program"): 5,
    ("processes", "all"): 5,
    ("processes", "worker"): 6,
    ("sequential", "Ctrl-C"): 3,
    ("threads", "Ctrl-C"): 3,
    ("processes", "Ctrl-C"): 3,
    ("processes", "Ctrl-C twice"): 3,
}


def kept(store):
    """The run and the node of each record, and the keys."""
    entries = [entry for path in Path(store, "segments").glob("*.seg") for entry, _ in segments.read(str(path))]
    wanted = (segments.RECORD, segments.NEWEST)
    records = [record_of(segments.body(entry)) for entry in entries if segments.kind(entry) in wanted]
    return [(record.run, record.node) for record in records], {record.key for record in records}


class Forked:
    """A program that is a child of this process, for executors that start no processes."""

    def __init__(self, store, executor):
        read, write = os.pipe()
        self.pid = forked(self._run, store, executor, write)
        os.close(write)
        self.told = open(read, "rb", buffering=0)

    @staticmethod
    def _run(store, executor, write):
        os.chdir(Path(store).parent)
        killed.once(store, executor, 2, lambda event: os.write(write, b"."))

    def await_events(self, count):
        while count and self.told.read(1):
            count -= 1

    def kill(self, whom, rng):
        os.kill(self.pid, signal.SIGINT if whom == "Ctrl-C" else signal.SIGKILL)
        return []

    def code(self):
        with self.told:
            return joined(self.pid)


class Started:
    """A program of its own, with workers."""

    def __init__(self, store, executor):
        self.process = subprocess.Popen(
            [sys.executable, "-c", "import killed; killed.main()", str(store), executor],
            cwd=Path(store).parent,
            env=environment(),
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.pid = self.process.pid

    def await_events(self, count):
        while count and self.process.stdout.readline():
            count -= 1

    def workers(self):
        with suppress(psutil.NoSuchProcess):
            return children(psutil.Process(self.pid))
        return []

    def kill(self, whom, rng):
        if whom == "worker":
            _until(lambda: self.workers() or self.process.poll() is not None)
        workers = self.workers()
        with suppress(ProcessLookupError, psutil.NoSuchProcess, IndexError):
            match whom:
                case "program":
                    os.kill(self.pid, signal.SIGKILL)
                case "all":
                    os.killpg(self.pid, signal.SIGKILL)
                case "worker":
                    rng.choice(workers).kill()
                case _:
                    os.killpg(self.pid, signal.SIGINT)  # as a terminal does it
                    if whom == "Ctrl-C twice":
                        time.sleep(rng.uniform(0, 0.05))
                        os.killpg(self.pid, signal.SIGINT)
        return workers

    def code(self):
        with self.process.stdout:
            self.process.stdout.read()
            return self.process.wait(240)


def _until(true, seconds=240.0):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)


@pytest.mark.parametrize(("executor", "whom"), WAYS, ids=[" ".join(way) for way in WAYS])
def test_a_killed_run_is_finished_by_the_next_one_with_the_same_bytes(executor, whom):
    wanted = tries(WAYS[executor, whom], 30 * WAYS[executor, whom])
    rng = random.Random(f"{executor} {whom}")
    found, kills, late = Counter(), 0, 0
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        clean, _ = killed.once(Path(folder, "clean"))
        while kills < wanted or not (found["some"] or whom == "worker"):
            assert late + kills < 3 * wanted + 10, "the kills come too late"
            store, hold = Path(folder, "store"), Path(folder, killed.HOLD)
            hold.touch()  # the program cannot be over before it is killed, on however slow a machine
            program = (Started if executor == "processes" else Forked)(store, executor)
            interrupted = whom.startswith("Ctrl-C")
            # of the last step, which waits, some executors tell nothing before it has ended
            program.await_events(rng.randrange(interrupted, 2 * len(clean) - 4))
            time.sleep(rng.uniform(0, 0.008))
            workers = program.kill(whom, rng)
            hold.unlink()
            code = program.code()
            if whom == "worker":
                assert code == 0, "the run goes on without the worker"
                fired = bool(workers)
            else:
                assert interrupted or code in (0, -signal.SIGKILL)
                fired = code != 0
            kills, late = kills + fired, late + (not fired)
            digests, states = killed.once(store, rng.choice(["sequential", "threads"]))
            assert digests == clean
            hits = sum(state == "hit" for state in states.values())
            if fired:
                found["all" if hits == len(states) else "some" if hits else "nothing"] += 1
            assert gone(workers), "a worker outlived its program"
            rows, keys = kept(store)
            assert len(rows) == len(set(rows)), "a run kept two records of a node"
            assert len(keys) == len(states)
            with closing(create(store).ledger()) as ledger:
                assert {row.status for row in ledger.runs()} <= {"done", "died", "cancelled"}
            assert set(killed.once(store)[1].values()) == {"hit"}
            assert left_in_tmp(store) == []
            shutil.rmtree(store)
    print(f"{executor}: {kills} times {whom}; the next run found of its results {dict(found)}; lost 0, wrong 0")
