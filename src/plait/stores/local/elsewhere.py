"""Names with a suffix for the blobs of a store that we can only read: in a temporary folder of this process."""

import atexit
import os
import shutil
from contextlib import suppress
from functools import lru_cache


def link(place: str, name: str) -> str:
    """A name for a file, which is gone when this process is."""
    path = os.path.join(_folder(os.getpid()), name)
    with suppress(FileExistsError):
        os.symlink(place, path)
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
