"""What is outside of the steps of a test: gates that hold them, and a store whose bytes go. None of it is in a key."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from waiting import LAST_RESORT

now: dict[str, Any] = {}


@contextmanager
def world(store: Path, **more: Any) -> Iterator[dict[str, Any]]:
    """A new one; when it is over, nobody waits at a gate any more."""
    now.clear()
    now.update(store=store, gates={}, **more)
    yield now
    gates: dict[str, threading.Event] = now["gates"]
    for gate in gates.values():
        gate.set()


def passed(name: str) -> None:
    """Waits at a gate, if there is one of that name."""
    gate = now["gates"].get(name)
    assert gate is None or gate.wait(LAST_RESORT), f"nothing opened {name}"


def opened(name: str) -> None:
    """Opens a gate."""
    if name in now["gates"]:
        now["gates"][name].set()


def lose(store: Path | None = None) -> None:
    """Loses all bytes that are not in records."""
    lost = [path for path in ((store or now["store"]) / "blobs").rglob("*") if path.is_file()]
    assert lost
    for path in lost:
        path.unlink()
