"""What a test leaves behind in its process: found by looking before and after it, named, and put back.

A test that leaves a module, a variable or a thread breaks another one far away, on the days on which the two share a
process. So each test is looked at: what it has left fails that very test, and is put back, so that no other test fails
for it. Fixtures of a module or of the session last longer than a test: what they change is no test's fault.

Not looked at: the state of the global random numbers, which no test leans on; the folder for temporary files,
which other processes share; and the filters of warnings, which pytest itself puts back after each test.
"""

import gc
import time
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from guard import ending, libraries, modules, process
from guard.kinds import Kind, Look

KINDS = [*modules.KINDS, *process.KINDS, *libraries.KINDS, *ending.KINDS]
LAST_RESORT = 60.0  # seconds until what ends by itself (a thread, a worker) counts as left behind


class Left(NamedTuple):
    kind: Kind
    name: Any
    old: Any
    new: Any

    def __str__(self) -> str:
        return f"{self.kind.name}: {self.kind.describe(self.name, self.old, self.new)}"

    def undo(self) -> None:
        self.kind.put(self.name, self.old)


def look() -> Look:
    return {kind.name: kind.look() for kind in KINDS}


def _changed(kind: Kind, before: Look, now: Look) -> Iterator[tuple[Hashable, Any, Any]]:
    was, found = before[kind.name], now[kind.name]
    if was == found:  # nearly always, and quick, since it compares by identity first
        return
    for name, new in found.items():
        old = was.get(name)
        if old is not new and old != new:
            yield name, old, new
    if not kind.ends:
        yield from ((name, old, None) for name, old in was.items() if name not in found)


class Guard:
    """Knows what was there before a test, and finds what is there after it and should not be."""

    def __init__(self, patience: float = LAST_RESORT) -> None:
        self._patience = patience
        self._before = look()

    def begin(self) -> None:
        self._before = look()

    def left(self, *, wait: bool = True) -> list[Left]:
        """What is there that was not; what may be about to end is waited for, in patience."""
        found, end, pause = self._left(look()), time.monotonic() + self._patience * wait, 0.001
        if any(one.kind.ends for one in found):
            gc.collect()  # what only the garbage holds open
            found = self._left(look())
        while any(one.kind.ends for one in found) and time.monotonic() < end:
            time.sleep(pause)
            pause = min(2 * pause, 0.2)
            gc.collect()  # a thread that has ended may leave garbage
            found = self._left(look())
        return found

    def _left(self, now: Look) -> list[Left]:
        return [
            Left(kind, name, old, new)
            for kind in KINDS
            for name, old, new in _changed(kind, self._before, now)
            if not kind.allows(name, new, self._before)
        ]

    @contextmanager
    def lending(self) -> Iterator[None]:
        """What changes meanwhile is no test's fault: a fixture that lasts longer begins, or ends."""
        before = look()
        yield
        now = look()
        for kind in KINDS:
            lent = dict(self._before[kind.name])
            for name, _, new in _changed(kind, before, now):
                lent[name] = new
                if new is None:
                    del lent[name]
            self._before[kind.name] = lent
