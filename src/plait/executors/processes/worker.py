"""One worker process, as the process sees it that started it."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from typing import Any

from plait.executors.processes.inside import begin, rest, resumed
from plait.executors.processes.setting import are_same, modules, setting

IDLE = 30.0  # seconds that a worker may wait for another run
_MARGIN = 5.0  # seconds after which it ends itself, if nobody has ended it
_PATIENCE = 2.0  # seconds until a worker has looked whether it may rest


class Worker:
    """A pool of loky's with one process: a dead worker fails one node and no other."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        from loky.backend.context import get_context
        from loky.process_executor import ProcessPoolExecutor

        self.setting = setting(environment)
        self.is_new = True  # it has worked for no other run
        self._modules = modules()
        self._resting: tuple[float, Future[Any]] | None = None
        self._manager: threading.Thread | None = None  # which loky forgets when it is told to end
        self._pool = ProcessPoolExecutor(
            1,
            context=get_context("loky"),
            initializer=begin,
            initargs=(time.time_ns(), os.getpid()),
            env=dict(environment),
        )

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> "Future[Any]":
        """Has work done; `BrokenExecutor` if the process is dead."""
        if self._resting is not None:
            self._resting = None
            fn, args = resumed, (fn, *args)
        with _interrupts_blocked():  # a process that starts now inherits this
            future: Future[Any] = self._pool.submit(fn, *args)
        return future

    def rest(self) -> None:
        """The process waits for another run, if it can, else it ends by itself; an error, if it cannot be asked."""
        before, self._modules = self._modules, modules()
        if not are_same(before, self._modules):
            raise RuntimeError("modules were imported again while it worked")
        self.is_new = False
        self._resting = time.monotonic(), self._pool.submit(rest, IDLE + _MARGIN)

    @property
    def is_alive(self) -> bool:
        """Is its process there, or not yet?"""
        return self._pool._flags.broken is None and all(
            process.is_alive() for process in list(self._pool._processes.values())
        )

    def is_fit(self) -> bool:
        """Is it as good as a new one of its setting, after it has rested?"""
        if self._resting is None or not are_same(self._modules, modules()):
            return False
        since, resting = self._resting
        if time.monotonic() - since > IDLE:
            return False
        with suppress(Exception):  # it has ended itself
            resting.result(_PATIENCE)
            return self.is_alive
        return False

    def disown(self) -> None:
        """In a forked child: the process is none of its own, and its end is not waited for."""
        from multiprocessing import process

        children: set[Any] = getattr(process, "_children", set())
        children.difference_update(self._pool._processes.values())

    def kill(self, *, wait: bool = True) -> None:
        """Ends the process now; may be said again, to wait for its end."""
        if self._pool._executor_manager_thread is not None:
            self._manager = self._pool._executor_manager_thread
        self._pool.shutdown(wait=False, kill_workers=True)
        if wait and self._manager is not None:
            self._manager.join()


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
