"""Nodes on a backend of joblib: the one that `joblib.parallel_config` names, else loky's processes.

joblib's backends are an interface that others implement: loky, threading, multiprocessing, Dask, and, once registered,
Ray and Spark. A run uses the one that is active where it begins:

    with joblib.parallel_config(backend="threading", n_jobs=4):
        pipeline.run(executor="joblib")

joblib only carries jobs. It cannot kill a task, so a step with a `timeout` is refused. When a process of loky dies,
the tasks of its siblings are lost with it, and plait runs these nodes again. `multiprocessing` is refused: it waits
forever for the task of a process that died.
"""

import threading
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Future
from typing import Any

from plait.errors import PlaitError


class Joblib:
    """A configured backend of joblib, shut down with the run."""

    inline = False
    killable = False
    shares_files = True

    def __init__(self, backend: Any, workers: int) -> None:
        self.in_process = bool(getattr(backend, "supports_sharedmem", False))
        self._lock = threading.Lock()  # around the start of a new pool in place of a broken one
        self._running: set[Future[Any]] = set()
        self._started = False
        self._backend, self.workers = backend, workers
        self._start()

    def _start(self) -> None:
        from joblib import Parallel
        from joblib.parallel import FallbackToBackend

        parallel = Parallel(n_jobs=self.workers)  # which backends ask for its id, and nothing else
        try:
            self.workers = self._backend.configure(n_jobs=self.workers, parallel=parallel)
        except FallbackToBackend:  # for one job joblib would call it itself; a run wants a worker even so
            self.workers = self._backend.configure(n_jobs=max(2, self.workers), parallel=parallel)
        self._backend.start_call()
        self._started = True

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> "Future[Any]":
        from joblib import delayed
        from joblib.parallel import BatchedCalls

        call = BatchedCalls([delayed(fn)(*args)], self._backend.get_nested_backend())
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        self._running.add(future)
        future.add_done_callback(self._running.discard)
        try:
            self._submit(call, future)
        except BrokenExecutor:  # a process died since the last task
            with self._lock:
                self._stop()
                self._start()
            self._submit(call, future)
        return future

    def _submit(self, call: Any, future: "Future[Any]") -> None:
        def settle(out: Any) -> None:
            try:
                (result,) = self._backend.retrieve_result_callback(out)
            except BaseException as error:  # whatever the task raised belongs to its future
                _fail(future, error)
            else:
                future.set_result(result)

        task = self._backend.submit(call, settle)
        if hasattr(task, "add_done_callback"):  # Dask's backend calls back for results only, not for errors
            task.add_done_callback(lambda done: _fail(future, done.exception()))

    def kill(self, future: "Future[Any]") -> None:
        raise RuntimeError("joblib cannot kill a task that runs")

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        if wait and not cancel_futures:
            for future in list(self._running):
                future.exception()
        with self._lock:
            self._stop()

    def _stop(self) -> None:
        if self._started:
            self._started = False
            self._backend.stop_call()
            self._backend.terminate()


def _fail(future: "Future[Any]", error: BaseException | None) -> None:
    if error is not None and not future.done():
        future.set_exception(error)


def create(*, workers: int | None = None) -> Joblib:
    """The backend of joblib that is active in this thread, with `workers` or as many as its configuration says."""
    from joblib.parallel import MultiprocessingBackend, get_active_backend

    backend, jobs = get_active_backend()
    if isinstance(backend, MultiprocessingBackend) and type(backend).__module__.startswith("joblib."):
        raise PlaitError(
            "joblib's backend 'multiprocessing' waits forever for a task whose process died. Take 'loky', or "
            "executor='processes'"
        )
    if workers is None:
        workers = jobs if jobs is not None else -1
    return Joblib(backend, workers)
