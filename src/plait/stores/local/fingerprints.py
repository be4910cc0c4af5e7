"""What is in files that lie anywhere, known from before where nothing can have happened to them since.

A file is known by its device, inode, size, and when it was modified and changed. A program can set the first of these
times back; the other, the *change time*, only the system sets. So a file that looks as it did has the content that it
had, but for one trap: a file that is written to twice within one tick of the clock looks the same both times. What was
read is remembered only if the file had not changed for `_MARGIN` before we began to read; whatever happens to it from
then on is given a later time. That is asked of the clock that gives files their times: of the store's file system, by
making a file there; else of the system's own, which is the clock of all file systems in `LOCAL`. On those that keep
no change time, or go by the clock of another machine that we cannot read, all files are read each time.

What is known is in memory, and in a file beside the store for the next process: lines that are only appended, each with
a checksum. It may be removed at any time. Not seen: writes of another process through a mapping of memory, which
Linux gives a time only when a page is written for the first time.
"""

import os
import threading
import time
from contextlib import suppress
from functools import lru_cache

from blake3 import blake3

from plait.errors import StoreError
from plait.files import Looks, looks, opened, read_through
from plait.stores.local.filesystems import LOCAL, SERVED, kind_of
from plait.stores.local.layout import Layout, create_file, remove

_MARGIN = 2_000_000_000  # in nanoseconds: no file system has a coarser clock
_PROBE = 1.0  # seconds for which we believe the clock of a file system to have gone on; it has, so this errs early
_MOST = 100_000  # files to remember


class Fingerprints:
    """The hashes of files, for all stores of this process in one folder."""

    def __init__(self, layout: Layout) -> None:
        self.path = os.path.join(layout.root, "fingerprints")
        self._layout = layout
        self._lock = threading.Lock()
        self._known: dict[Looks, str] = {}
        self._kinds: dict[int, str] = {}  # of file systems, by device
        self._late: list[bytes] = []  # to be appended, once there is a store
        self._read = 0  # bytes of the file that are in memory
        self._clock: tuple[float, int, int] = (-1e9, 0, 0)  # asked when, and then: device and time

    def of(self, path: str) -> tuple[str, int]:
        """The hash of what is in a file, and its size."""
        with opened(path) as fd:  # opened even if known: only then a network file system looks at the file anew
            about = os.fstat(fd)
            key = looks(about)
            if (known := self._find(key)) is not None:
                return known, about.st_size
            moment = self._moment(path, about.st_dev)
            found, about = read_through(fd, path)
        key = looks(about)
        if moment is not None and about.st_ctime_ns + _MARGIN <= moment:
            self._remember(key, found)
        return found, about.st_size

    def _find(self, key: Looks) -> str | None:
        known = self._known.get(key)
        if known is None:
            with self._lock:
                self._catch_up()
            known = self._known.get(key)
        if self._late and os.path.isdir(self._layout.root):
            self._append()
        return known

    def _remember(self, key: Looks, found: str) -> None:
        self._known[key] = found
        self._late.append(_line(key, found))
        if os.path.isdir(self._layout.root):
            self._append()

    def _append(self) -> None:
        with self._lock:
            lines, self._late = b"".join(self._late), []
            try:
                with suppress(FileExistsError):
                    os.close(create_file(self.path))
                fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | getattr(os, "O_CLOEXEC", 0))
                try:
                    os.write(fd, lines)
                finally:
                    os.close(fd)
            except OSError:
                return  # then the next process reads the files again

    def _catch_up(self) -> None:
        """Takes in what other processes have learned, and what we had before."""
        try:
            with open(self.path, "rb") as file:
                size = os.fstat(file.fileno()).st_size
                if size <= self._read:
                    self._read = size if size < self._read else self._read
                    return
                file.seek(self._read)
                lines = file.read().split(b"\n")
        except OSError:
            return
        self._read = size - len(lines[-1])  # the last one may not be whole yet
        for line in lines[:-1]:
            if (entry := _entry(line)) is not None:
                self._known[entry[0]] = entry[1]
        if len(self._known) > 2 * _MOST:
            self._shrink()

    def _shrink(self) -> None:
        self._known = dict(list(self._known.items())[-_MOST:])
        part = self._layout.temporary()
        try:
            self._layout.make(self._layout.tmp)
            with open(create_file(part), "wb") as file:
                file.writelines(_line(key, found) for key, found in self._known.items())
                self._read = file.tell()
            os.replace(part, self.path)
        except (OSError, StoreError):
            remove(part)

    def _moment(self, path: str, device: int) -> int | None:
        """The time by the clock of a file's file system, or a little before it; none where it cannot be known."""
        if os.name == "nt":  # what it calls the change time is when the file was made
            return None
        kind = self._kinds.get(device)
        if kind is None:
            kind = self._kinds[device] = kind_of(path)
        if kind and kind not in LOCAL and kind not in SERVED:
            return None
        asked, where, moment = self._clock
        if time.monotonic() - asked > _PROBE:
            asked, where, moment = self._clock = (time.monotonic(), *self._asked())
        if where == device:
            return moment
        return time.time_ns() if kind in LOCAL else None

    def _asked(self) -> tuple[int, int]:
        probe = self._layout.temporary()
        try:
            fd = create_file(probe)
            try:
                about = os.fstat(fd)
            finally:
                os.close(fd)
                remove(probe)
        except OSError:
            return -1, 0
        return about.st_dev, about.st_ctime_ns


@lru_cache(maxsize=64)
def fingerprints(root: str) -> Fingerprints:
    """Those of a store: one object a process, so that each file is read once however often the store is opened."""
    return Fingerprints(Layout(root))


def _line(key: Looks, found: str) -> bytes:
    said = " ".join([*map(str, key), found]).encode()
    return said + b" " + blake3(said).hexdigest(8).encode() + b"\n"


def _entry(line: bytes) -> tuple[Looks, str] | None:
    said, _, check = line.rpartition(b" ")
    if blake3(said).hexdigest(8).encode() != check:
        return None
    try:
        *key, found = said.decode().split(" ")
        device, inode, size, modified, changed = map(int, key)
    except ValueError:
        return None
    return (device, inode, size, modified, changed), found
