"""An executor of the user's own, of `concurrent.futures`' shape: used, and not shut down."""

import concurrent.futures
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any


class Borrowed:
    """Somebody else's pool; what it cannot say of itself is assumed to be so that results stay right."""

    inline = False
    killable = False
    shares_files = True

    def __init__(self, pool: Any, workers: int) -> None:
        self.workers = workers
        self.in_process = isinstance(pool, concurrent.futures.ThreadPoolExecutor)
        self._pool = pool

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> "Future[Any]":
        future: Future[Any] = self._pool.submit(fn, *args)
        return future

    def kill(self, future: "Future[Any]") -> None:
        raise RuntimeError("a borrowed pool cannot kill work")

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        return None


def create(*, pool: Any, workers: int | None = None) -> Borrowed:
    """Wraps a pool that has `submit`."""
    return Borrowed(pool, workers or getattr(pool, "_max_workers", None) or 1)
