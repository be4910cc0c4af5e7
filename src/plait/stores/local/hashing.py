"""A file that hashes what is written to it, and the hash of a file that is there."""

import io
import mmap
import os
import threading
from typing import Any

from blake3 import blake3

from plait.stores.local.layout import refused

LARGE = 1 << 20  # bytes; for less, waking threads costs more than they save
_threads = blake3.AUTO


def _alone() -> None:
    global _threads
    _threads = 1  # the threads of blake3 do not come along into a forked child, and it would wait for them for ever


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_alone)


def _beside() -> int:
    """How many threads may hash while another one writes: each write waits for the processor if they take it all."""
    return 1 if _threads == 1 else max(1, (os.cpu_count() or 1) - 1)


class HashingFile(io.RawIOBase):
    """Bytes on their way into a file. What is written from start to end is hashed as it passes, long runs of bytes
    by another thread, since to write and to hash takes about as long.

    Writers that go back, to fill in a header, may do so: then all is hashed again at the end. The descriptor stays
    with who made it, and so does the file: a writer that closes this one has closed nothing.
    """

    def __init__(self, fd: int, path: str) -> None:
        self.failed = False
        self._fd = fd
        self._path = path
        self._hasher: Any = None  # made when there is much, since only then threads pay
        self._late = bytearray()  # passed, but not hashed yet
        self._passed = self._hashed = 0
        self._again = False

    def digest(self) -> str:
        """The hash of all that is in the file."""
        if self._hasher is None and not self._again:
            return blake3(self._late).hexdigest()
        if not self._again:
            self._catch_up()
        if self._again or self._hashed != self._passed:
            return hash_of(self._fd)
        return str(self._hasher.hexdigest())

    def write(self, data: Any, /) -> int:
        if self.failed:  # the buffer above tries once more when it is thrown away
            return len(data)
        try:
            self._again = self._again or self.tell() != self._passed
            if len(data) >= LARGE and not self._again:
                return self._write_large(memoryview(data))
            count = os.write(self._fd, data)
        except OSError as error:
            self.failed = True
            raise refused(self._path, "write", error) from error
        if not self._again:
            self._passed += count
            self._late += memoryview(data)[:count]
            if len(self._late) >= LARGE:
                self._catch_up()
        return count

    def _write_large(self, data: memoryview) -> int:
        """Writes all of it, while another thread hashes it."""
        if self._hasher is None:
            self._hasher = blake3(max_threads=_beside())
        self._catch_up()
        hashing = threading.Thread(target=self._hash, args=(data,))
        try:
            hashing.start()
        except RuntimeError:  # no more threads can be had
            self._hash(data)
        try:
            left = data
            while left:
                left = left[os.write(self._fd, left) :]
        finally:
            if hashing.ident is not None:
                hashing.join()
        self._passed += len(data)
        return len(data)

    def _catch_up(self) -> None:
        self._hash(self._late)
        self._late = bytearray()

    def _hash(self, data: Any) -> None:
        if self._hasher is None:
            self._hasher = blake3(max_threads=_threads)
        self._hasher.update(data)
        self._hashed += len(data)

    def readinto(self, buffer: Any, /) -> int:
        data = os.read(self._fd, len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        return os.lseek(self._fd, offset, whence)

    def tell(self) -> int:
        return os.lseek(self._fd, 0, os.SEEK_CUR)

    def truncate(self, size: int | None = None, /) -> int:
        self._again = True
        size = self.tell() if size is None else size
        os.ftruncate(self._fd, size)
        return size

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True


def hash_of(fd: int) -> str:
    """The hash of an open file."""
    size = os.fstat(fd).st_size
    if size < LARGE:
        os.lseek(fd, 0, os.SEEK_SET)
        return blake3(b"".join(iter(lambda: os.read(fd, LARGE), b""))).hexdigest()
    with mmap.mmap(fd, size, access=mmap.ACCESS_READ) as mapped:
        return blake3(mapped, max_threads=_threads).hexdigest()
