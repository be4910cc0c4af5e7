"""A few threads that carry bytes in the background, and keep nobody waiting who wants to leave."""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")
_COUNT = 8  # transfers at once


class Threads:
    """Started when there is work. They do not hold up the end of the process, as those of a pool would."""

    def __init__(self, count: int = _COUNT) -> None:
        self._count = count
        self._work: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()
        self._started = 0

    def submit(self, act: Callable[[], T]) -> "Future[T]":
        """Has `act` done, after all that was submitted before has begun."""
        future: Future[T] = Future()
        self._work.put((future, act))
        if self._started < self._count:
            self._started += 1
            threading.Thread(target=self._go, name="plait-transfer", daemon=True).start()
        return future

    def close(self) -> None:
        """Lets the threads end when they have nothing to do."""
        for _ in range(self._started):
            self._work.put(None)
        self._started = 0

    def _go(self) -> None:
        while (job := self._work.get()) is not None:
            future, act = job
            try:
                future.set_result(act())
            except BaseException as error:
                future.set_exception(error)
            del job, future, act  # what they hold shall not wait for the next one
