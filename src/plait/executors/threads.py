"""Nodes side by side in threads of this process: for steps that wait, or that release the interpreter's lock.

The threads are daemons, so that a step that never ends holds up neither Ctrl-C nor the end of the program; those of
`concurrent.futures` are waited for when the interpreter ends.
"""

import contextvars
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeAlias

_Job: TypeAlias = "tuple[Future[Any], contextvars.Context, Callable[..., Any], tuple[Any, ...]]"


class Threads:
    """A pool of threads; values are shared, never sent. Work sees the context variables of who submits it."""

    inline = False
    in_process = True
    killable = False
    shares_files = True

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._threads: list[threading.Thread] = []
        self._closed = False

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> "Future[Any]":
        if self._closed:
            raise RuntimeError("these threads were shut down")
        future: Future[Any] = Future()
        self._jobs.put((future, contextvars.copy_context(), fn, args))
        if not self._idle.acquire(blocking=False) and len(self._threads) < self.workers:
            name = f"plait-{len(self._threads)}"
            self._threads.append(threading.Thread(target=_works, args=(self._jobs, self._idle), name=name, daemon=True))
            self._threads[-1].start()
        return future

    def kill(self, future: "Future[Any]") -> None:
        raise RuntimeError("a thread cannot be killed")

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._closed = True
        if cancel_futures:
            while not self._jobs.empty():
                job = self._jobs.get()
                if job is not None:
                    job[0].cancel()
        for _ in self._threads:
            self._jobs.put(None)
        if wait and not cancel_futures:
            for thread in self._threads:
                thread.join()


def _works(jobs: "SimpleQueue[_Job | None]", idle: threading.Semaphore) -> None:
    while (job := jobs.get()) is not None:
        future, context, fn, args = job
        if future.set_running_or_notify_cancel():
            try:
                result = context.run(fn, *args)
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)
        del job, future, context, fn, args  # nothing is held while this thread waits
        idle.release()


def create(*, workers: int | None = None) -> Threads:
    """As many threads as there are cores, or as `workers` says."""
    return Threads(workers or os.cpu_count() or 1)
