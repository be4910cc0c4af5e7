"""Nodes side by side in processes: pools of one worker each, so that a dead worker fails one node and no other.

The pools are loky's, as joblib ships them: they start quickly, never fork a process that has threads, and do not run
the user's `__main__` again, so that a script needs no `if __name__ == "__main__"`.
"""

import os
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any


class Processes:
    """One-worker pools, started when they are needed; hash seeds are the same in all of them."""

    inline = False
    in_process = False
    killable = True
    shares_files = True

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._pools: list[Any] = []
        self._busy: dict[Future[Any], Any] = {}

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> "Future[Any]":
        pool = self._idle()
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
            self._pools.append(_pool())
            return self._pools[-1]
        return self._pools[len(self._busy) % len(self._pools)]

    def kill(self, future: "Future[Any]") -> None:
        pool = self._busy.pop(future, None)
        if pool is not None:
            self._pools.remove(pool)
            pool.shutdown(wait=True, kill_workers=True)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        for pool in self._pools:
            pool.shutdown(wait=wait, kill_workers=cancel_futures)
        self._pools = []


def _pool() -> Any:
    from joblib.externals.loky.backend.context import get_context
    from joblib.externals.loky.process_executor import ProcessPoolExecutor

    return ProcessPoolExecutor(1, context=get_context("loky"), env={"PYTHONHASHSEED": "0"})


def create(*, workers: int | None = None) -> Processes:
    """As many processes as there are cores, or as `workers` says."""
    return Processes(workers or os.cpu_count() or 1)
