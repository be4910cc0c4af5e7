"""What makes a file or a folder itself: its content, read while it holds still.

All that a step could see in a folder counts: the names of files and of folders, hidden ones too, and what is in the
files. A link counts as what it points to. Where something cannot be read, that is said, and nothing is guessed.
"""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from blake3 import blake3

from plait.core.digest import Digest, digest
from plait.errors import FingerprintError, InputChanged, PlaitError
from plait.files.urls import is_url, shown
from plait.files.values import Dir, File

Fingerprint: TypeAlias = Callable[[str], tuple[str, int]]  # a path -> the hash of what is in the file, and its size
Looks: TypeAlias = tuple[int, int, int, int, int]

_READ = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_CHUNK = 1 << 20
_ATTEMPTS = 3


def fingerprint(path: str) -> tuple[str, int]:
    """The hash of what is in a file, and its size; all of it is read."""
    with opened(path) as fd:
        found, about = read_through(fd, path)
    return found, about.st_size


def content_of(value: File | Dir, fingerprint: Fingerprint = fingerprint) -> Digest:
    """The name of what is in a file or folder. A `fingerprint` may know from before what is in a file."""
    try:
        if isinstance(value, File):
            return digest(
                "file", value.suffix.encode("utf-8", "surrogatepass"), fingerprint(os.fspath(value))[0].encode()
            )
        return digest("dir", *_in_folder(value, fingerprint))
    except PermissionError as error:
        where = error.filename or value
        raise PlaitError(f"{where} cannot be read ({error.strerror}); look at its permissions, or move it") from error


def _in_folder(folder: Dir, fingerprint: Fingerprint) -> Iterator[bytes]:
    if not os.path.isdir(folder):  # a folder that is not there must not look like an empty one
        raise FileNotFoundError(f"there is no folder {str(folder)!r}")
    for name in sorted(folder.names()):
        yield os.fsencode(name)
        path = f"{folder}/{name}"
        if name.endswith("/"):
            yield b"folder"
        else:  # a link to nowhere, a socket: it can be seen, but not be read
            yield fingerprint(path)[0].encode() if os.path.isfile(path) else b"nothing to read"


@contextmanager
def opened(path: str) -> Iterator[int]:
    """A regular file, open to be read."""
    if is_url(path):
        raise FingerprintError(f"{shown(path)} was not fetched. Give it as a parameter of a run: run(name=File(url))")
    fd = os.open(path, _READ)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise FingerprintError(f"{path} is not a regular file, so it has no content to name")
        yield fd
    finally:
        os.close(fd)


def read_through(fd: int, path: str) -> tuple[str, os.stat_result]:
    """The hash of an open file, and how it looked from before it was read until after."""
    for _ in range(_ATTEMPTS):
        before = os.fstat(fd)
        os.lseek(fd, 0, os.SEEK_SET)
        hasher = blake3()  # without threads: they do not live on in a forked process, which would wait for them
        left = before.st_size
        while left > 0 and (chunk := os.read(fd, _CHUNK)):  # and no further: it may grow as fast as we read
            hasher.update(chunk)
            left -= len(chunk)
        if left == 0 and looks(os.fstat(fd)) == looks(before):
            return hasher.hexdigest(), before
    raise InputChanged(f"{path} changes while it is read. Run again, when nothing writes to it", path=path)


def looks(about: os.stat_result) -> Looks:
    """What of a file tells that it may have changed: device, inode, size, and when it was modified and changed."""
    return about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns
