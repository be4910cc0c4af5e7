"""Nodes on a Dask cluster: the one whose client or address is given, or one on this machine for the length of the run.

Dask only carries jobs. Nodes are named, cached and tried again by plait, and values go through the store, so the
workers must see the store: a folder that all share, or a bucket. Dask cannot kill a task, so steps with a `timeout` are
refused.
"""

from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Future
from contextlib import ExitStack
from typing import Any

SCHEMES = ("tcp", "tls", "ucx", "ws", "wss")  # of a scheduler's address
_SETTINGS = {
    "distributed.scheduler.allowed-failures": 0,  # a task whose worker died is for plait to try again
    "distributed.nanny.pre-spawn-environ.PYTHONHASHSEED": "0",
    "distributed.worker.daemon": False,  # steps may start processes of their own
}


class Dask:
    """A client, or the cluster and client that this executor started and will close."""

    inline = False
    in_process = False
    killable = False

    def __init__(self, client: Any, closing: ExitStack, *, shares_files: bool) -> None:
        self.shares_files = shares_files
        self.workers = max(1, sum(client.nthreads().values()))
        self._client = client
        self._closing = closing
        self._tasks: dict[Future[Any], Any] = {}

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> "Future[Any]":
        task = self._client.submit(fn, *args, pure=False)
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        self._tasks[future] = task
        future.add_done_callback(self._tasks.pop)
        task.add_done_callback(lambda done: _settle(future, done))
        return future

    def kill(self, future: "Future[Any]") -> None:
        raise RuntimeError("Dask cannot kill a task that runs")

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        for future, task in list(self._tasks.items()):
            if cancel_futures:
                task.cancel()
            elif wait:
                future.exception()
        self._closing.close()


def _settle(future: "Future[Any]", task: Any) -> None:
    """What became of a task, in the words of `concurrent.futures`."""
    from distributed import KilledWorker

    if task.cancelled():
        future.set_exception(BrokenExecutor("Dask gave the task up"))
        return
    error = task.exception()
    if isinstance(error, KilledWorker):
        future.set_exception(BrokenExecutor(f"its Dask worker died ({error.last_worker.address})"))
    elif error is not None:
        future.set_exception(error)
    else:
        future.set_result(task.result())


def adopts(pool: object) -> bool:
    """Is it a client of Dask?"""
    return any(f"{cls.__module__}.{cls.__qualname__}" == "distributed.client.Client" for cls in type(pool).__mro__)


def create(*, workers: int | None = None, pool: Any = None, address: str | None = None) -> Dask:
    """A client of the user's, a client for an address, or a cluster of `workers` processes on this machine."""
    from distributed import Client

    closing = ExitStack()
    if pool is not None:
        return Dask(pool, closing, shares_files=False)
    if address is not None:
        client = closing.enter_context(Client(address, set_as_default=False))
        return Dask(client, closing, shares_files=False)
    return _here(workers, closing)


def _here(workers: int | None, closing: ExitStack) -> Dask:
    import os

    import dask
    from distributed import Client, LocalCluster

    with closing:
        closing.enter_context(dask.config.set(_SETTINGS))
        cluster = closing.enter_context(
            LocalCluster(
                n_workers=workers or os.cpu_count() or 1, threads_per_worker=1, dashboard_address=":0", silence_logs=50
            )
        )
        client = closing.enter_context(Client(cluster, set_as_default=False))
        return Dask(client, closing.pop_all(), shares_files=True)
