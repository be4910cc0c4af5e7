"""Who made an unfinished file, and whether that process still lives.

A process id alone proves nothing: it is used again after a while, after a restart, and in every container. So an owner
is a machine since its last start, a process id there, and the moment when that process began.
"""

import os
import platform
import re
from functools import lru_cache

from blake3 import blake3

OWNER = re.compile(r"([0-9a-f]{12})-([0-9]{1,10})-([0-9]{1,20})")
_CLOCK_SLACK = 2.0  # seconds; the clock of the day may have been set a little since


def me() -> str:
    """The name of this process, fit for a file name."""
    return _name(os.getpid())  # by process, so that a forked child is somebody else


def my_parent() -> str:
    """The name of the process that started this one."""
    pid = os.getppid()
    return f"{machine()}-{pid}-{_proc(pid)[1]}"


def dead(owner: str) -> bool | None:
    """Is the process of this name gone? None where it ran on a machine that cannot be asked."""
    named = OWNER.fullmatch(owner)
    if named is None or named[1] != machine():
        return None
    return not alive(int(named[2]), int(named[3]))


def alive(pid: int, began: int = 0) -> bool:
    """Does the process still run, and is it the one that began at this tick?"""
    if os.path.exists("/proc/self/stat"):
        state, ticks = _proc(pid)
        return state not in "ZX" and began in (0, ticks)
    if os.name == "nt":  # signal 0 is Ctrl-C there
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def died(host: str, pid: int, began: float) -> bool:
    """Is a process that began then, in seconds since 1970, surely gone? Only this host can be asked."""
    if elsewhere(host):
        return False
    if not alive(pid):
        return True
    _, ticks = _proc(pid)
    if not ticks or not began:
        return False
    return _epoch(ticks) > began + _CLOCK_SLACK


def elsewhere(host: str) -> bool:
    """Is a host another one, which cannot be asked?"""
    return host != platform.node()


@lru_cache(maxsize=1)
def machine() -> str:
    """This machine since it last started, and the space in which its process ids mean something."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            boot = file.read().strip()
        space = str(os.stat("/proc/self/ns/pid").st_ino)
    except OSError:
        boot, space = platform.node(), ""
    return blake3(f"{boot}/{space}".encode()).hexdigest()[:12]


@lru_cache(maxsize=1)
def _name(pid: int) -> str:
    return f"{machine()}-{pid}-{_proc(pid)[1]}"


def _proc(pid: int) -> tuple[str, int]:
    """The state of a process, and the tick at which it began; ("X", 0) if there is none."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()  # the command before it may hold anything
        return fields[0], int(fields[19])
    except (OSError, IndexError, ValueError):
        return "X", 0


def _epoch(ticks: int) -> float:
    with open("/proc/stat", encoding="ascii") as file:
        booted = next(int(line.split()[1]) for line in file if line.startswith("btime "))
    return booted + ticks / os.sysconf("SC_CLK_TCK")
