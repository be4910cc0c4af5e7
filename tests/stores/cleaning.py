"""A store with old and new results in it, and a clean-up that takes the old ones: to be run under strace."""

import os
import sys
import time
from contextlib import closing
from pathlib import Path

from plait.core.digest import digest
from plait.core.records import Artifact
from plait.ports import Limits
from plait.stores.local import create
from plait.testing.stores import record
from stores.straced import ACK

DAY = 86400.0
NAMES = [f"{age} {i}" for i in range(3) for age in ("old", "new")]


def content(name):
    return name.encode() * 100


def result(store, name):
    """A result whose bytes are safe from a power cut, as they are on a disk after some seconds."""
    blob, size = store.blobs.put(lambda file: file.write(content(name)))
    path = store.blobs.path(blob)
    for place in (path, path.parent, path.parent.parent):
        fd = os.open(place, os.O_RDONLY)
        os.fsync(fd)
        os.close(fd)
    made = 1.0 if name.startswith("old") else 4e9
    return record(name, made=made)._replace(artifact=Artifact(digest(name), "blob", "plain", blob, size))


def work(root):
    store = create(root)
    for half in (NAMES[:2], NAMES[2:]):
        with closing(store.ledger()) as ledger:
            for name in half:
                ledger.add(result(store, name))
    for path in Path(root).rglob("*"):
        os.utime(path, (1, 1))


if __name__ == "__main__":
    for step in (work, lambda root: create(root).upkeep().collect(Limits(age=30 * DAY))):
        child = os.fork()  # of another name for each step, so that nobody holds on to anything
        if not child:
            step(sys.argv[1])
            os.write(1, ACK + b"1\n")
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        time.sleep(0.02)
