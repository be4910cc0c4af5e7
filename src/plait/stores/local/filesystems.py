"""On what kind of file system a path lies: which clocks it goes by, and whether a database can be trusted to it."""

import os
import re
import sys
from functools import lru_cache
from pathlib import Path

from blake3 import blake3

# those of this machine: files get their times from its clock
LOCAL = frozenset({"bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "jfs", "overlay", "tmpfs", "xfs", "zfs"})
SERVED = frozenset({"nfs", "nfs4"})  # the change time is true, and the server's
# those that other machines can write to at the same time, or whose locks are only promised
_NETWORK = frozenset(
    {
        *SERVED,
        *("9p", "afs", "afp", "beegfs", "ceph", "cifs", "davfs", "glusterfs", "gpfs", "lustre", "ncpfs", "ocfs2"),
        *("gfs2", "orangefs", "prl_fs", "pvfs2", "smb2", "smb3", "smbfs", "vboxsf", "virtiofs"),
    }
)
_APART = "indexes"
_LOCAL_FUSE = frozenset({"fuse.fuse-overlayfs", "fuse.ntfs-3g", "fuse.exfat", "fuse.gocryptfs", "fuse.encfs"})


def kind_of(path: str) -> str:
    """The kind of the file system that a path lies on, by where it is mounted; "" if the system does not say."""
    if not sys.platform.startswith("linux"):
        return ""
    place, best, kind = os.path.realpath(path), "", "unknown"
    try:
        with open("/proc/self/mountinfo", "rb") as file:
            lines = os.fsdecode(file.read()).rstrip("\n").split("\n")
        for line in lines:
            before, _, after = line.partition(" - ")
            mount = before.split(" ")[4]
            if "\\" in mount:
                mount = re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), mount)
            if len(mount) >= len(best) and f"{place}/".startswith(mount.rstrip("/") + "/"):
                best, kind = mount, after.split(" ")[0]
    except (OSError, IndexError, ValueError):
        return "unknown"
    return kind


def is_network(kind: str) -> bool:
    """Is a kind one to which SQLite must not be trusted?"""
    return kind in _NETWORK or (kind.startswith("fuse.") and kind not in _LOCAL_FUSE)


def make_place(index: str) -> None:
    """Makes the folder of an index that lies apart from its store."""
    folder = Path(index).parent
    if folder.name == _APART and not folder.is_dir():
        folder.mkdir(0o700, parents=True, exist_ok=True)


@lru_cache(maxsize=64)
def index_of(root: str) -> str:
    """Where the index of a store lies: in it, or in the user's own folder of this machine where it must not.

    An index only helps to find things, and each machine may have its own. One that knows what is not in the store
    any more is made again.
    """
    if holds_databases(root):
        return os.path.join(root, "index.sqlite")
    above = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    name = blake3(os.path.realpath(root).encode("utf-8", "surrogateescape")).hexdigest(16)
    return os.path.join(above, "plait", _APART, f"{name}.sqlite")


@lru_cache(maxsize=64)
def holds_databases(root: str) -> bool:
    """Can a database lie in this folder? Asked once a process: a folder does not move to another disk meanwhile."""
    return not is_network(kind_of(root))
