"""A plain folder that a team shares, such as one on a file server. Its own mode says who may do what in it."""

import os
import stat
from pathlib import Path
from typing import Any

from plait.stores.remote.place import Place


class Folder(Place):
    """Files below a folder. They are for their owner alone, unless the folder is open to a group, or to all."""

    def _folder(self, system: Any, folder: str) -> None:
        root = self._system()[1]
        if not os.path.isdir(root):
            Path(root).parent.mkdir(parents=True, exist_ok=True)
            _make(root, 0o700)
        mode = stat.S_IMODE(os.stat(root).st_mode)
        below = Path(folder).relative_to(root).parts
        for depth in range(1, len(below) + 1):
            _make(os.path.join(root, *below[:depth]), mode)

    def _copy(self, system: Any, path: str, part: str) -> None:
        mode = stat.S_IMODE(os.stat(self._system()[1]).st_mode)
        fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)  # closed to others before a byte is in it
        os.close(fd)
        system.put_file(path, part)
        Path(part).chmod(mode & 0o666)


def _make(folder: str, mode: int) -> None:
    try:
        Path(folder).mkdir(mode)
    except FileExistsError:
        return
    Path(folder).chmod(mode)  # whatever the umask
