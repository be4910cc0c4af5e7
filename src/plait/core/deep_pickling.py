"""Pickling without recursion, for chains of objects that are deeper than the stack of C.

Python's own pickler calls itself for each object within an object; reading a pickle never does. So what is too deep is
written by the pickler of the standard library that is written in Python, whose calls of itself and writes are put in a
queue: the same instructions, in the same order, and ten times as slow.
"""

import pickle
from collections import deque
from collections.abc import Callable
from typing import Any

_Act = tuple[Callable[..., Any], tuple[Any, ...]]


class _Out:
    """The end of the pickler: it takes whole pickles."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def write(self, data: Any) -> int:
        self.parts.append(bytes(data))
        return len(data)


_Pickler: Any = vars(pickle)["_Pickler"]  # the one that is written in Python


class DeepPickler(_Pickler):  # type: ignore[misc]
    """A pickler that puts off what it would do after an object within an object, until that is written.

    `code` gives what stands for a class or function that no name leads to: a callable and its arguments.
    """

    def __init__(self, protocol: int, buffer_callback: Any, code: Callable[[Any], Any]) -> None:
        self._out = _Out()
        super().__init__(self._out, protocol, buffer_callback=buffer_callback)
        self._later: deque[_Act] = deque()
        self._write_now = self._out.write
        self.write: Callable[..., Any] = lambda *parts: self._later.append((self._write_now, parts))
        self._write_large_bytes = lambda *parts: [self.write(part) for part in parts]
        self._code = code

    def reducer_override(self, value: Any) -> Any:
        return self._code(value)

    def save(self, obj: Any, save_persistent_id: bool = True) -> None:
        self._later.append((self._save_now, (obj, save_persistent_id)))

    def memoize(self, obj: Any) -> None:
        self._later.append((self._memoize_now, (obj,)))

    def _save_now(self, obj: Any, save_persistent_id: bool) -> None:
        super().save(obj, save_persistent_id)

    def _memoize_now(self, obj: Any) -> None:
        if id(obj) in self.memo:  # a tuple, or what an object is made with, that leads back to itself
            raise pickle.PicklingError("it is very deep, and something in it is made with itself")
        now, self.write = self.write, self._write_now
        try:
            super().memoize(obj)
        finally:
            self.write = now

    def dumps(self, value: Any) -> bytes:
        """The pickle of a value."""
        self._write_now(pickle.PROTO + bytes([self.proto]))
        self.save(value)
        waiting = [self._later]
        while waiting:
            if not waiting[-1]:
                waiting.pop()
                continue
            act, arguments = waiting[-1].popleft()
            self._later = deque()
            act(*arguments)
            if self._later:
                waiting.append(self._later)
        self._write_now(pickle.STOP)
        return b"".join(self._out.parts)
