"""Nodes on Ray: the cluster that this process is connected to, one by its address, or one on this machine.

Ray only carries jobs. Nodes are named, cached and tried again by plait, and values go through the store, so the workers
must see the store: a folder that all share, or a bucket.
"""

from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Future
from typing import Any

SCHEMES = ("ray",)
_OURS = {"env_vars": {"PYTHONHASHSEED": "0"}}


class Ray:
    """A connection to Ray; it is closed if this executor made it."""

    inline = False
    in_process = False
    killable = True

    def __init__(self, workers: int, *, shares_files: bool, owned: bool) -> None:
        import ray

        self.workers = workers
        self.shares_files = shares_files
        self._owned = owned
        self._task = ray.remote(num_cpus=1, max_retries=0)(_call)
        self._running: dict[Future[Any], Any] = {}

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> "Future[Any]":
        reference = self._task.remote(fn, *args)
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        self._running[future] = reference
        future.add_done_callback(self._running.pop)
        reference.future().add_done_callback(lambda done: _settle(future, done))
        return future

    def kill(self, future: "Future[Any]") -> None:
        import ray

        reference = self._running.get(future)
        if reference is not None:
            ray.cancel(reference, force=True)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        import ray

        for future, reference in list(self._running.items()):
            if cancel_futures:
                ray.cancel(reference, force=True)
            elif wait:
                future.exception()
        if self._owned:
            self._owned = False
            ray.shutdown()


def _settle(future: "Future[Any]", theirs: "Future[Any]") -> None:
    """What became of a task, in the words of `concurrent.futures`."""
    from ray.exceptions import RayError, RayTaskError

    error = theirs.exception()
    if isinstance(error, RayTaskError):
        future.set_exception(error.cause)
    elif isinstance(error, RayError):
        future.set_exception(BrokenExecutor(f"its Ray worker died ({type(error).__name__})"))
    elif error is not None:
        future.set_exception(error)
    else:
        future.set_result(theirs.result())


def create(*, workers: int | None = None, address: str | None = None) -> Ray:
    """Ray as this process is connected to it, else at an address, else `workers` processes on this machine."""
    import os

    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a library does not report on its users
    import ray

    owned = not ray.is_initialized()
    if owned:
        quiet = {"log_to_driver": False, "logging_level": "error", "configure_logging": True}
        if address is None:
            ray.init(num_cpus=workers, include_dashboard=False, runtime_env=_OURS, **quiet)
        else:
            ray.init(address=address, **quiet)
    cores = int(ray.cluster_resources().get("CPU", 1))
    return Ray(min(workers or cores, cores), shares_files=owned and address is None, owned=owned)


def _call(fn: Callable[..., Any], *args: Any) -> Any:
    return fn(*args)
