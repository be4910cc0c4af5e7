"""What is to be sent, in files: so that it is not forgotten, whatever becomes of the process or of the network.

A batch is a file of entries. Whoever writes or sends it has it locked, and the system takes the lock away from the
dead; so what a killed run left behind is found, and sent, by the next one. It is removed when it was sent.
"""

import os
import re
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_NAME = re.compile(r"[0-9]{20}-[0-9a-f]{16}\.batch")
_ABANDONED = 24 * 3600.0  # seconds, where the system has no such locks


class Batch:
    """Entries that are sent together. They are only added, and only by its owner."""

    def __init__(self, path: str, fd: int) -> None:
        self.path = path
        self.blobs: dict[str, None] = {}  # that its records need, in the order in which they came
        self.entries = 0
        self._fd = fd
        self._end = os.fstat(fd).st_size

    @property
    def stamp(self) -> int:
        """When it was begun, in nanoseconds since 1970: part of its name for ever, whoever sends it and how often."""
        return int(Path(self.path).name[:20])

    def append(self, entry: bytes) -> None:
        """Adds an entry. `OSError` if it cannot be; then nothing of it is there."""
        try:
            written = 0
            while written < len(entry):
                written += os.write(self._fd, entry[written:])
        except OSError:
            os.ftruncate(self._fd, self._end)
            raise
        self._end += len(entry)
        self.entries += 1

    def content(self) -> bytes:
        """All entries, as bytes."""
        return Path(self.path).read_bytes()

    def release(self) -> None:
        """Lets others have it."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def remove(self) -> None:
        """Forgets it, once it was sent."""
        with suppress(FileNotFoundError):
            os.remove(self.path)
        self.release()


class Outbox:
    """A folder of batches."""

    def __init__(self, folder: str, make: Callable[[str], None]) -> None:
        self._folder = folder
        self._make = make

    def begin(self) -> Batch:
        """A new batch, which is ours."""
        self._make(self._folder)
        path = os.path.join(self._folder, f"{time.time_ns():020d}-{os.urandom(8).hex()}.batch")
        fd = os.open(f"{path}.new", os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | _CLOEXEC, 0o600)
        _lock(fd)
        os.replace(f"{path}.new", path)  # only now is it seen by others, who find it locked
        return Batch(path, fd)

    def left(self) -> list[Batch]:
        """Batches that nobody has any more, which are ours now."""
        try:
            names = sorted(filter(_NAME.fullmatch, os.listdir(self._folder)))
        except OSError:
            return []
        found = [_taken(os.path.join(self._folder, name)) for name in names]
        return [batch for batch in found if batch is not None]


_CLOEXEC = getattr(os, "O_CLOEXEC", 0)


def _taken(path: str) -> Batch | None:
    try:
        fd = os.open(path, os.O_RDWR | os.O_APPEND | _CLOEXEC)
    except OSError:
        return None
    with suppress(OSError):
        if _lock(fd) and os.stat(path).st_ino == os.fstat(fd).st_ino:  # else it was sent and removed meanwhile
            return Batch(path, fd)
    os.close(fd)
    return None


def _lock(fd: int) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows
        return time.time() - os.fstat(fd).st_mtime > _ABANDONED
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
