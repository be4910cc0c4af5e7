"""The workers of a run: who gets which job, and what becomes of them."""

import os
import threading
import weakref
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Future
from concurrent.futures import wait as wait_for
from functools import partial
from typing import Any, NamedTuple

from plait.errors import CodeMismatch
from plait.executors.processes import idle
from plait.executors.processes.setting import setting
from plait.executors.processes.worker import Worker


class _Job(NamedTuple):
    future: "Future[Any]"
    fn: Callable[..., Any]
    args: tuple[Any, ...]
    told: Callable[[Any], None] | None = None


class Processes:
    """Workers, started when they are needed; all with the same environment variables, and so hash seeds."""

    inline = False
    in_process = False
    killable = True
    shares_files = True

    def __init__(self, workers: int | None, environment: Mapping[str, str] | None) -> None:
        self.workers = workers or os.cpu_count() or 1
        self._environment = {"PYTHONHASHSEED": "0", **(environment or {})}
        self._alone = environment is not None  # its workers are new, and serve no other run
        self._lock = threading.RLock()
        self._waiting: deque[_Job] = deque()
        self._busy: dict[Future[Any], Worker] = {}
        self._idle: list[Worker] = []
        weakref.finalize(self, _kill, self._idle, wait=False)  # where nobody shuts it down
        self._closed = False

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> "Future[Any]":
        return self._submitted(_Job(Future(), fn, args))

    def submit_telling(self, told: Callable[[Any], None], fn: Callable[..., Any], /, *args: Any) -> "Future[Any]":
        """As `submit`; `fn` gets a function first, and what that is called with reaches `told` here at once."""
        return self._submitted(_Job(Future(), fn, args, told))

    def _submitted(self, job: _Job) -> "Future[Any]":
        with self._lock:
            if self._closed:
                raise RuntimeError("these processes were shut down")
            self._waiting.append(job)
        self._go_on()
        return job.future

    def kill(self, future: "Future[Any]") -> None:
        with self._lock:
            worker = self._busy.pop(future, None)
            self._alone = True  # when something went wrong, nothing of it is kept
        if worker is not None:
            worker.kill()  # without the lock, for which those wait who see its end

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        with self._lock:
            self._closed = True
            at_work = [*self._busy, *(job.future for job in self._waiting)]
        if cancel_futures:
            self._cancel(wait=wait)
        elif wait:
            wait_for(at_work)
        self._let_go(wait=wait)

    def _cancel(self, *, wait: bool) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, deque()
            busy, self._busy = list(self._busy.values()), {}
            self._alone = self._alone or bool(busy)
        for job in waiting:
            job.future.cancel()
        _kill(busy, wait=wait)

    def _let_go(self, *, wait: bool) -> None:
        """Workers that have nothing more to do rest; after trouble they end."""
        with self._lock:
            if self._waiting or not self._closed:
                return
            workers = list(self._idle)
            self._idle.clear()  # those that rest are not ours any more
        if self._alone:
            _kill(workers, wait=wait)
        else:
            for worker in workers:
                idle.put(worker)

    def _go_on(self) -> None:
        """Gives work to workers that have none."""
        while True:
            with self._lock:
                if not self._waiting or len(self._busy) >= self.workers:
                    return
                job = self._waiting.popleft()
                if not job.future.set_running_or_notify_cancel():
                    continue
                worker = self._busy[job.future] = self._worker()
            self._give(worker, job)

    def _worker(self) -> Worker:
        while self._idle:
            worker = self._idle.pop()
            if worker.is_alive:
                return worker
        rested = None if self._alone else idle.take(setting(self._environment))
        return rested or Worker(self._environment)

    def _give(self, worker: Worker, job: _Job) -> None:
        try:
            inner = worker.submit(job.fn, *job.args, told=job.told)
        except Exception as error:  # it was killed, or has died
            inner = Future()
            inner.set_exception(error)
        inner.add_done_callback(partial(self._ended, worker, job))

    def _ended(self, worker: Worker, job: _Job, inner: "Future[Any]") -> None:
        error = inner.exception()
        if isinstance(error, CodeMismatch) and not worker.is_new and self._renewed(worker, job):
            return
        with self._lock:
            had = self._busy.pop(job.future, None)
            self._alone = self._alone or isinstance(error, BrokenExecutor)
            if had is not None:
                self._idle.append(worker)
        self._go_on()
        self._let_go(wait=False)
        if error is None:
            job.future.set_result(inner.result())
        else:
            job.future.set_exception(error)

    def _renewed(self, worker: Worker, job: _Job) -> bool:
        """Has a new worker taken the place of one that holds old code? Not, if the work was given up meanwhile."""
        with self._lock:
            if self._busy.get(job.future) is not worker:
                return False
            fresh = self._busy[job.future] = Worker(self._environment)
        worker.kill(wait=False)
        self._give(fresh, job)
        return True


def _kill(workers: Sequence[Worker], *, wait: bool) -> None:
    for waits in (False, True) if wait else (False,):  # all are told before any is waited for
        for worker in workers:
            worker.kill(wait=waits)
