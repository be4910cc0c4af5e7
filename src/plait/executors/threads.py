"""Nodes side by side in threads of this process: for steps that wait, or that release the interpreter's lock."""

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any


class Threads:
    """A pool of threads; values are shared, never sent."""

    inline = False
    in_process = True
    killable = False
    shares_files = True

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="plait")

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> "Future[Any]":
        return self._pool.submit(fn, *args)

    def kill(self, future: "Future[Any]") -> None:
        raise RuntimeError("a thread cannot be killed")

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._pool.shutdown(wait, cancel_futures=cancel_futures)


def create(*, workers: int | None = None) -> Threads:
    """As many threads as there are cores, or as `workers` says."""
    return Threads(workers or os.cpu_count() or 1)
