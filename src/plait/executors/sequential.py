"""One node after the other, in this thread: nothing to start, and a debugger works."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any


class Sequential:
    """Calls the work where it is submitted."""

    workers = 1
    inline = True
    in_process = True
    killable = False
    shares_files = True

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # what it means is for the run to say
            future.set_exception(error)
        return future

    def kill(self, future: "Future[Any]") -> None:
        raise RuntimeError("work in this thread cannot be killed")

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        return None


def create() -> Sequential:
    """One node after the other, in this thread."""
    return Sequential()
