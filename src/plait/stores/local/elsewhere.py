"""What is new in a store that we can only read: it is kept in a temporary folder, and gone with this process."""

import atexit
import os
import shutil
from contextlib import suppress
from functools import lru_cache

from blake3 import blake3

from plait.stores.local.layout import Layout, refused


def link(place: str, name: str) -> str:
    """A name for a file, which is gone when this process is. Another store's file of that name has another."""
    folder = name
    try:
        folder = os.path.join(_folder(os.getpid()), blake3(os.fsencode(place)).hexdigest(8))
        os.makedirs(folder, 0o700, exist_ok=True)
        with suppress(FileExistsError):
            os.symlink(place, os.path.join(folder, name))
    except OSError as error:
        raise refused(folder, "write", error) from error
    return os.path.join(folder, name)


def is_fixed(layout: Layout) -> bool:
    """Is there a store that we can read, and not write to?"""
    return layout.exists() and not os.access(layout.root, os.W_OK)


def folder() -> str:
    """A folder for a store beside it."""
    try:
        path = os.path.join(_folder(os.getpid()), "store")
        os.makedirs(path, 0o700, exist_ok=True)
    except OSError as error:
        raise refused("a temporary folder", "make", error) from error
    return path


@lru_cache(maxsize=1)
def _folder(pid: int) -> str:
    import tempfile  # hardly ever needed

    folder = tempfile.mkdtemp(prefix="plait-")
    atexit.register(_clear, folder, pid)
    return folder


def _clear(folder: str, pid: int) -> None:
    if os.getpid() == pid:  # a forked child ends before we do
        shutil.rmtree(folder, ignore_errors=True)
