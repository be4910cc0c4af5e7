"""Real processes and real limits for the tests of stores."""

import os
import signal
import sys
import time
import traceback
import warnings
from contextlib import contextmanager
from pathlib import Path

NOBODY = 65534
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # a thousand stores, none of which needs a disk


FAULTS = float(os.environ.get("PLAIT_FAULTS", "0"))


def tries(commit, nightly):
    """How often to try: `PLAIT_FAULTS` is the part of the nightly number, of which each commit sees the least."""
    return max(commit, int(nightly * FAULTS))


def nightly():
    """Shall each call and each byte be tried, rather than some of them?"""
    return FAULTS > 0


def forked(work, *args):
    """Starts `work` in a child, and gives its process id. What it raises is printed, and makes it end with 1."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the threads of the test runner do not matter to the child
        pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        work(*args)
        code = 0
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


def joined(pid, timeout=240.0):
    """The exit code of a child; minus the signal that ended it."""
    until = time.monotonic() + timeout
    while time.monotonic() < until:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    raise AssertionError(f"the child {pid} hung for {timeout} s")


def elsewhere(work, *args, timeout=240.0):
    """Does `work` in a child, and asserts that it was done."""
    assert joined(forked(work, *args), timeout) == 0


def unprivileged():
    """Makes this process, a child, somebody whom permissions stop."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)


def given_to_nobody(folder, *, file_mode, folder_mode):
    """Sets the modes of all in a folder, for `unprivileged` to meet."""
    for path in [folder, *folder.rglob("*")]:
        if path.is_symlink():
            continue
        if os.geteuid() == 0:
            os.chown(path, NOBODY, NOBODY)
        path.chmod(folder_mode if path.is_dir() else file_mode)


@contextmanager
def flipped(path, position, bit=0):
    """Flips a bit of a file for a while, keeping its time: as a bad disk would."""
    looks = path.stat()
    content = bytearray(path.read_bytes())
    whole = bytes(content)
    content[position] ^= 1 << bit
    _write(path, content, looks)
    try:
        yield
    finally:
        _write(path, whole, looks)


def _write(path, content, looks):
    path.write_bytes(content)
    os.utime(path, ns=(looks.st_atime_ns, looks.st_mtime_ns))
