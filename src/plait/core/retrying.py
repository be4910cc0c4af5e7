"""When a step that raised is called again, and how long is waited before."""

from typing import Any

from plait.core.durations import readable, seconds
from plait.errors import GraphError


class Retry:
    """Call a step again when it raises one of these exceptions: for `@step(retry=...)`.

    - `on`: an exception, or a tuple of them. There is no default: a mistake in the code does not pass by waiting.
    - `attempts`: how often the step is called at most, the first call counted.
    - `wait`: the longest wait before the second call; it doubles from call to call, up to `max_wait`.

    Each wait is drawn between half of that and all of it, so that nodes that failed together do not come back
    together ("equal jitter", Brooker, *Exponential Backoff and Jitter*, 2015). It is drawn from the run's seed and the
    node's name: the same run waits the same. A node that waits holds no worker, and every call gets the same seed.
    Raises `GraphError` for values that make no sense.

    >>> Retry(on=ConnectionError, attempts=5, wait="500ms")
    Retry(on=ConnectionError, attempts=5, wait='500 ms', max_wait='1 min 00 s')
    """

    __slots__ = ("attempts", "max_wait", "on", "wait")

    def __init__(
        self,
        on: type[Exception] | tuple[type[Exception], ...],
        *,
        attempts: int = 3,
        wait: str = "1s",
        max_wait: str = "1m",
    ) -> None:
        self.on = on if isinstance(on, tuple) else (on,)
        for error in self.on:
            _check_exception(error)
        if not self.on:
            raise GraphError("Retry(on=()): name the exceptions that may pass, such as Retry(on=ConnectionError)")
        if type(attempts) is not int or attempts < 1:
            raise GraphError(f"Retry(attempts={attempts!r}): give a whole number, at least 1; 3 is two more tries")
        self.attempts = attempts
        self.wait, self.max_wait = _length("wait", wait), _length("max_wait", max_wait)

    def __reduce__(self) -> Any:
        return _made, (self.on, self.attempts, self.wait, self.max_wait)

    def __repr__(self) -> str:
        on = ", ".join(error.__qualname__ for error in self.on)
        said = f"({on})" if len(self.on) > 1 else on
        waits = f"wait={readable(self.wait)!r}, max_wait={readable(self.max_wait)!r}"
        return f"Retry(on={said}, attempts={self.attempts}, {waits})"

    def wants(self, error: BaseException, attempt: int) -> bool:
        """Shall the step be called again, after so many calls of which the last raised this?"""
        return attempt < self.attempts and isinstance(error, self.on)

    def delay(self, seed: int, node: str, attempt: int) -> float:
        """How many seconds are waited after an attempt that failed; they follow from the names alone."""
        from plait.core.seeds import derive

        longest = min(self.max_wait, self.wait * 2.0 ** min(attempt - 1, 64))
        share = derive(seed, node, "retry", str(attempt)) / 2**32
        return longest * (0.5 + share / 2)


def _made(on: tuple[type[Exception], ...], attempts: int, wait: float, max_wait: float) -> Retry:
    made = Retry(on, attempts=attempts)
    made.wait, made.max_wait = wait, max_wait
    return made


def _check_exception(error: object) -> None:
    if isinstance(error, type) and issubclass(error, Exception):
        return
    if isinstance(error, type) and issubclass(error, BaseException):
        raise GraphError(
            f"Retry(on={error.__qualname__}): this ends a program and is never tried again; name errors that may pass"
        )
    raise GraphError(f"Retry(on={error!r}): give an exception class, or a tuple of them, such as ConnectionError")


def _length(name: str, text: object) -> float:
    if not isinstance(text, str):
        raise GraphError(f'Retry({name}={text!r}): give a length of time with its unit, such as "500ms" or "1m"')
    return seconds(text)
