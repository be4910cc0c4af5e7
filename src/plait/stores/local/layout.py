"""The folder of a store: made when first written to, for its owner alone, and swept of what the dead left behind."""

import contextlib
import errno
import os
import re
import shutil
import stat
import time
from pathlib import Path

from plait.errors import StoreError
from plait.stores.local import owners
from plait.stores.local.filesystems import index_of

VERSION = 1
_FORMAT = "plait-store"
_TEMPORARY = re.compile(rf"(?P<owner>{owners.OWNER.pattern})-[0-9a-f]{{16}}")
ABANDONED = 24 * 3600.0  # seconds after which a temporary file of another machine has no owner any more

_SHARED = 0o2770  # what is made in such a folder is of its group; no umask makes one by chance

NOT_WRITABLE = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class Layout:
    """Names and makes what is in the folder of a store. Making one touches nothing."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.format = os.path.join(root, "FORMAT")
        self.blobs = os.path.join(root, "blobs")
        self.segments = os.path.join(root, "segments")
        self.links = os.path.join(root, "links")
        self.notes = os.path.join(root, "notes")
        self.pins = os.path.join(root, "pins")
        self.quarantine = os.path.join(root, "quarantine")
        self.tmp = os.path.join(root, "tmp")

    @property
    def index(self) -> str:
        """The file of the index."""
        return index_of(self.root)

    def exists(self) -> bool:
        """Is there a store that this version can read? `StoreError` if it is of a later one."""
        try:
            text = Path(self.format).read_text("utf-8", "replace")
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise refused(self.format, "read", error) from error
        name, _, version = text.strip().partition(" ")
        if name != _FORMAT or not version.isdecimal():
            raise StoreError(
                f"{self.format} does not hold the version of a store: {text[:40]!r}. "
                f"If this is one, write '{_FORMAT} {VERSION}' there; else give another folder: run(store=...)"
            )
        if int(version) > VERSION:
            raise StoreError(
                f"{self.root} was written by a later plait (format {version}; this one knows {VERSION}). "
                "Install a later plait, or give another folder: run(store=...)"
            )
        return True

    def make(self, folder: str) -> None:
        """Makes a folder of the store, and all of the store if it is new."""
        if not self.exists():
            self.found()
        _make(folder, _SHARED if self.is_shared() else 0o700)

    def is_shared(self) -> bool:
        """Was it made for a group? What is made in it then is for the group too."""
        return _is_shared(self.root)

    def found(self, *, group: bool = False) -> None:
        """Makes a new store. Its version comes first: what has our folders has a version, whenever it was cut off."""
        mode = _SHARED if group else 0o700
        made = [path for path in (Path(self.root), *Path(self.root).parents) if not path.is_dir()]
        if made:
            Path(self.root).parent.mkdir(parents=True, exist_ok=True)
            _make(self.root, mode)
        if not os.listdir(self.root):  # in a folder with other things in it, these are for git to see
            _publish(os.path.join(self.root, ".gitignore"), "*\n")
        _publish(self.format, f"{_FORMAT} {VERSION}\n")
        _make(self.segments, mode)
        for folder in (self.root, *(str(path.parent) for path in made)):  # a synced file needs a name that lasts
            with contextlib.suppress(PermissionError):  # one that we may pass, and not look into
                sync_folder(folder)

    def temporary(self) -> str:
        """A path for something unfinished, on the file system of the store."""
        return os.path.join(self.tmp, f"{owners.me()}-{os.urandom(8).hex()}")

    def sweep(self) -> None:
        """Removes what dead processes left unfinished. What cannot be removed stays for the next time."""
        try:
            names = os.listdir(self.tmp)
        except OSError:
            return
        oldest: float | None = None
        for name in names:
            ours = _TEMPORARY.fullmatch(name)
            if ours is None:
                continue
            path = os.path.join(self.tmp, name)
            gone = owners.dead(ours["owner"])
            if gone is None:
                oldest = self.now() - ABANDONED if oldest is None else oldest
                gone = _changed(path) < oldest
            if gone:
                remove(path)

    def now(self) -> float:
        """The time by the clock of the file system, which all machines that share it have in common."""
        probe = self.temporary()
        try:
            os.close(create_file(probe))
            return os.stat(probe).st_mtime
        except OSError:
            return 0.0  # then nothing is old
        finally:
            remove(probe)


def refused(path: str, doing: str, error: OSError) -> StoreError:
    """What to say when the system refuses: what, where, why, and the next move."""
    move = "Look at the disk, or give another folder: run(store=...)"
    if error.errno in NOT_WRITABLE:
        move = "Give a folder that you may write to: run(store=...), or run(store=None) to keep nothing"
    if error.errno in _FULL:
        move = "Free some space, or give a folder on another disk: run(store=...)"
    if error.errno == errno.EFBIG:
        move = "Raise the limit on the size of files (ulimit -f), or give a folder elsewhere: run(store=...)"
    return StoreError(f"cannot {doing} {path}: {error.strerror or error}. {move}")


def create_file(path: str, flags: int = os.O_WRONLY) -> int:
    """A new file that only its owner can open, or the group of a shared folder, whatever the umask."""
    fd = os.open(path, flags | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0), 0o600)
    try:
        if hasattr(os, "fchmod"):
            os.fchmod(fd, 0o660 if _is_shared(os.path.split(path)[0]) else 0o600)
    except BaseException:
        os.close(fd)
        remove(path)
        raise
    return fd


def remove(path: str) -> None:
    """Removes a file or a folder, if it can be."""
    with contextlib.suppress(OSError):
        try:
            os.remove(path)
        except (IsADirectoryError, PermissionError):  # a folder: the one on Linux, the other elsewhere
            shutil.rmtree(path, ignore_errors=True)


def sync_folder(path: str) -> None:
    """Makes the names in a folder durable, where the system can."""
    if os.name == "nt":
        return
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _is_shared(folder: str) -> bool:
    try:
        return stat.S_IMODE(os.stat(folder).st_mode) == _SHARED
    except OSError:
        return False


def _make(folder: str, mode: int, *, again: bool = False) -> None:
    path = Path(folder)
    try:
        path.mkdir(0o700)
    except FileNotFoundError:
        if not path.parent.is_dir():
            _make(str(path.parent), mode)
        elif again:  # a file system where no folder can be made, and not another process that was quicker
            raise
        _make(folder, mode, again=True)
    except FileExistsError:
        if not path.is_dir():
            raise
    else:
        try:
            path.chmod(mode)  # whatever the umask
        except OSError:
            with contextlib.suppress(OSError):
                path.rmdir()
            raise


def _publish(path: str, text: str) -> None:
    part = f"{path}.{os.getpid()}.{time.monotonic_ns()}"
    fd = create_file(part)
    try:
        os.write(fd, text.encode())
        os.fsync(fd)
    finally:
        os.close(fd)
    os.replace(part, path)


def _changed(path: str) -> float:
    try:
        return os.lstat(path).st_mtime
    except OSError:
        return float("inf")
