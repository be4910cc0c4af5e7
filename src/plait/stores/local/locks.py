"""Locks between processes, which the system lets go of when their holder dies.

No result hangs on them, since readers check all that they read. They keep a clean-up from taking out of the index what
another process is just reading into it. Where the system or its file system has none, there is none.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from plait.stores.local.layout import Layout, create_file

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment] # there is nothing of that name to have a type


@contextmanager
def held(layout: Layout, name: str, *, shared: bool = False, wait: bool = True) -> Iterator[bool]:
    """Holds the lock of that name; false, if it is another's, and we would not wait."""
    fd = -1 if fcntl is None else _opened(os.path.join(layout.root, f"{name}.lock"))
    try:
        yield fd < 0 or _taken(fd, shared=shared, wait=wait)
    finally:
        if fd >= 0:
            os.close(fd)


def _opened(path: str) -> int:
    """The file to lock, or less than nothing, where it can neither be found nor made: a store that is only read."""
    with suppress(OSError):
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    with suppress(FileExistsError):
        with suppress(FileNotFoundError, PermissionError, OSError):
            return create_file(path)
        return -1
    with suppress(OSError):  # somebody else has made it meanwhile
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    return -1


def _taken(fd: int, *, shared: bool, wait: bool) -> bool:
    how = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(fd, how if wait else how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # there are no locks here
    return True
