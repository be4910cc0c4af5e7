"""What processes that are alive hold on to, so that no clean-up takes it from under them.

A process has one file in `pins/`, named by its owner. Its time of making says that whatever was put into the store
since is in use; its lines name the keys that the process asked for or kept. They are written before the question is
answered, and a clean-up looks for them after it has taken a record out of the index: so one of the two sees the other.
A pin goes with its process, so that what a run gave can be read for as long as somebody holds the run.
"""

import atexit
import json
import os
import platform
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

from plait.errors import StoreError
from plait.stores.local import owners
from plait.stores.local.layout import ABANDONED, Layout, create_file, remove

_OPEN = 32  # stores whose pins we keep open
_SHORT = 16  # bytes of a short key
_SIGN = 60.0  # seconds between signs of life, for machines that cannot ask whether the process lives


class Pin(NamedTuple):
    """What one process holds on to."""

    owner: str
    host: str
    pid: int
    born: int  # in nanoseconds, by the clock of the file system
    keys: frozenset[str]  # short, in hexadecimal


class _Own:
    """The pin of this process in one store."""

    def __init__(self, fd: int, path: str) -> None:
        self.path = path
        self.noted: set[bytes] = set()
        self.sign = time.monotonic()
        self._fd = fd

    def write(self, lines: bytes) -> None:
        """Adds lines. `OSError` if that cannot be."""
        if self._fd < 0:
            self._fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | getattr(os, "O_CLOEXEC", 0))
        os.write(self._fd, lines)

    def rest(self) -> None:
        """Lets go of the file, until there is more to add."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1


_own: dict[tuple[int, str], _Own | None] = {}  # by process, since a forked child is another one
_many = 2 * _OPEN  # with so many stores, we look whether some are gone
_lock = threading.Lock()  # a file that two threads close may be a third one's by then


def _unlock() -> None:
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unlock)  # whoever held it did not come along


def hold(layout: Layout, keys: Iterable[bytes] = ()) -> None:
    """Keeps what is put into the store from now on, and these short keys, until this process ends.

    Many may be one text, where they stand one after the other already.
    """
    with _lock:
        _hold(layout, keys)


def _hold(layout: Layout, keys: Iterable[bytes]) -> None:
    name = (os.getpid(), layout.root)
    if name not in _own:
        if len(_own) % _OPEN == 0:
            for other in filter(None, list(_own.values())):
                other.rest()
        if len(_own) >= _many:
            _forget()
        _own[name] = _made(layout)
    own = _own[name]
    if own is None:  # a store that can only be read
        return
    new = {*keys} - own.noted
    if new:
        own.noted |= new
        with suppress(OSError):  # a full disk: then at worst something is made again
            own.write(b"".join(new).hex("\n", _SHORT).encode() + b"\n")
            own.sign = time.monotonic()
    elif time.monotonic() - own.sign > _SIGN:
        own.sign = time.monotonic()
        with suppress(OSError):
            os.utime(own.path)


def _forget() -> None:
    """Forget the stores that are gone, and those of the process that this one was forked from.

    A service may open one store after the other for as long as it runs. A pin that is there stays known: its lines
    hold until the process ends, which then takes it away.
    """
    global _many
    for name, own in list(_own.items()):
        if name[0] != os.getpid() or own is None or not os.path.exists(own.path):
            if own is not None:
                own.rest()
            del _own[name]
    _many = 2 * max(_OPEN, len(_own))  # so that the look costs little for each store


def living(layout: Layout, *, sweep: bool = False) -> list[Pin]:
    """The pins of the processes that live, or may; those of the dead can be swept away."""
    return [pin for name in _listed(layout) if (pin := _read(layout, name, sweep=sweep)) is not None]


def _read(layout: Layout, name: str, *, sweep: bool) -> Pin | None:
    path = os.path.join(layout.pins, name)
    gone = owners.dead(name)
    try:
        with open(path, encoding="ascii") as file:
            head, *lines = file.read().split("\n")
            if gone is None:
                gone = layout.now() - os.fstat(file.fileno()).st_mtime > ABANDONED
        host, pid, born = json.loads(head)
        pin = Pin(name, str(host), int(pid), int(born), frozenset(lines[:-1]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError):  # it is just being made
        pin = Pin(name, "", 0, _changed(path), frozenset())
    if gone and sweep:
        remove(path)
    return None if gone else pin


def _changed(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


def signs_of_life(layout: Layout) -> set[tuple[str, int]]:
    """The hosts and process ids of those that hold something, and cannot be asked whether they live."""
    return {(pin.host, pin.pid) for pin in living(layout) if owners.dead(pin.owner) is None}


def _listed(layout: Layout) -> list[str]:
    try:
        return [name for name in os.listdir(layout.pins) if owners.OWNER.fullmatch(name)]
    except OSError:
        return []


def _made(layout: Layout) -> _Own | None:
    path = os.path.join(layout.pins, owners.me())
    try:
        try:
            fd = create_file(path, os.O_WRONLY | os.O_APPEND)
        except (FileNotFoundError, FileExistsError):
            layout.make(layout.pins)
            remove(path)  # of a process of our number, in a machine that has forgotten when it began
            fd = create_file(path, os.O_WRONLY | os.O_APPEND)
        head = json.dumps([platform.node(), os.getpid(), os.fstat(fd).st_mtime_ns])
        os.write(fd, f"{head}\n".encode("ascii"))
    except (OSError, StoreError):
        return None
    for name in _listed(layout):
        if owners.dead(name) is True:
            remove(os.path.join(layout.pins, name))
    return _Own(fd, path)


def _let_go() -> None:
    for (pid, _), own in list(_own.items()):
        if own is not None and pid == os.getpid():  # a forked child ends before we do
            remove(own.path)


atexit.register(_let_go)
