"""Tests wait for what the other side says: a file, a line, a state. The clock is there against hangs alone."""

import os
import time

LAST_RESORT = 240.0  # seconds: a hang, on any machine and beside any other work; less than the time-out of a test


def until(true, what="nothing of it came", seconds=LAST_RESORT):
    """Waits until a condition holds, and gives what it found."""
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, what
        time.sleep(0.002)
    return found


def ended(pid):
    """Waits until a child has ended, which is then a zombie."""
    if hasattr(os, "waitid"):
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    else:
        time.sleep(1)
