"""Nodes side by side in processes: pools of one worker each, so that a dead worker fails one node and no other.

The pools are loky's: they start quickly, never fork a process that has threads, and do not run
the user's `__main__` again, so that a script needs no `if __name__ == "__main__"`.
"""

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any


class Processes:
    """One-worker pools, started when they are needed; all with the same environment variables, and so hash seeds."""

    inline = False
    in_process = False
    killable = True
    shares_files = True

    def __init__(self, workers: int, environment: Mapping[str, str]) -> None:
        self.workers = workers
        self._environment = dict(environment)
        self._pools: list[Any] = []
        self._busy: dict[Future[Any], Any] = {}

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> "Future[Any]":
        pool = self._idle()
        with _interrupts_blocked():  # a worker that starts now inherits this
            future: Future[Any] = pool.submit(fn, *args)
        self._busy[future] = pool
        return future

    def _idle(self) -> Any:
        self._busy = {future: pool for future, pool in self._busy.items() if not future.done()}
        self._pools = [pool for pool in self._pools if pool._flags.broken is None]
        busy = set(map(id, self._busy.values()))
        for pool in self._pools:
            if id(pool) not in busy:
                return pool
        if len(self._pools) < self.workers:
            self._pools.append(_pool(self._environment))
            return self._pools[-1]
        return self._pools[len(self._busy) % len(self._pools)]

    def kill(self, future: "Future[Any]") -> None:
        pool = self._busy.pop(future, None)
        if pool is not None:
            self._pools.remove(pool)
            pool.shutdown(wait=True, kill_workers=True)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        pools, self._pools = self._pools, []
        for waits in (False, True) if wait else (False,):  # all are told before any is waited for
            for pool in pools:
                pool.shutdown(wait=waits, kill_workers=cancel_futures)


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Ctrl-C in a terminal reaches all its processes; what it means is for the one that the user started."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing import resource_tracker as semaphores

    from loky.backend import resource_tracker as files

    for tracker in (semaphores, files):
        tracker.ensure_running()  # to start one later would let interrupts through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _deaf() -> None:
    from loky import process_executor

    process_executor._USE_PSUTIL = False  # it would replace a process that has grown, and warn of that
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _pool(environment: dict[str, str]) -> Any:
    from loky.backend.context import get_context
    from loky.process_executor import ProcessPoolExecutor

    return ProcessPoolExecutor(1, context=get_context("loky"), initializer=_deaf, env=environment)


def create(*, workers: int | None = None, environment: Mapping[str, str] | None = None) -> Processes:
    """As many processes as there are cores, or as `workers` says; `environment` is set before they start."""
    return Processes(workers or os.cpu_count() or 1, {"PYTHONHASHSEED": "0", **(environment or {})})
