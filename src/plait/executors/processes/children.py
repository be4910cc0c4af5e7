"""The processes that a process has started, where the system tells them."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress


def below(process: int) -> Iterator[int]:
    """What a process has started, and what that has."""
    with suppress(OSError):
        for task in os.listdir(f"/proc/{process}/task"):
            with open(f"/proc/{process}/task/{task}/children", encoding="ascii") as file:
                for child in map(int, file.read().split()):
                    yield child
                    yield from below(child)


def kill(processes: list[int]) -> None:
    """End processes at once; some may have ended before."""
    for process in processes:
        with suppress(OSError):
            os.kill(process, signal.SIGKILL)
