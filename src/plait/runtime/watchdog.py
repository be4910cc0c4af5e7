"""What keeps a worker process from running on: its deadline, and the end of who started it.

The deadline is kept in the worker itself, by a thread of `faulthandler`'s that needs no interpreter lock: it begins
when the work does, stops native code that hangs, and writes down where that was. Who started the worker looks on, for
workers that are stopped altogether.
"""

import faulthandler
import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path

_GRACE = 2.0  # seconds that a worker has to end itself
_START = 60.0  # seconds that it may take to begin
_OURS = (str(Path(__file__).parent.parent) + os.sep, f"{os.sep}loky{os.sep}", f"{os.sep}concurrent{os.sep}")
_leashed = False


def leash() -> None:
    """This process does not outlive the one that started it, and leaves Ctrl-C to that."""
    global _leashed
    if _leashed:
        return
    _leashed = True
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    if any(thread.name == "plait-leash" for thread in threading.enumerate()):
        return  # a worker of ours, which has one that ends its children too
    threading.Thread(target=_watch, args=(os.getppid(),), name="plait-leash", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


@contextmanager
def deadline(seconds: float | None, trace: str) -> Iterator[None]:
    """In a worker: the process ends after so many seconds, and says in the file `trace` what it was doing."""
    if seconds is None or not trace:
        yield
        return
    with open(trace, "w", encoding="utf-8") as file:
        faulthandler.dump_traceback_later(seconds, exit=True, file=file)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()


class Overdue:
    """In the process that started a worker: is it past its deadline, and what was it doing?"""

    def __init__(self, seconds: float, trace: str) -> None:
        self.seconds = seconds
        self.trace = trace
        self._submitted = time.monotonic()

    def __bool__(self) -> bool:
        """Must it be killed from here, since it did not end itself?"""
        elapsed = time.monotonic() - self._submitted
        if elapsed < self.seconds + _GRACE:
            return False
        try:
            began = os.stat(self.trace).st_mtime
        except OSError:
            return elapsed > self.seconds + _START
        return time.time() - began > self.seconds + _GRACE

    def ended(self) -> bool:
        """Did the worker end itself, since its time was over?"""
        try:
            return os.stat(self.trace).st_size > 0
        except OSError:
            return False

    def place(self) -> str:
        """Where the step was then, its own frames only, the innermost first; empty if that is not known."""
        try:
            text = Path(self.trace).read_text("utf-8", "replace")
        except OSError:
            return ""
        for thread in re.split(r"\n\n|^(?=Thread|Current thread)", text, flags=re.MULTILINE):
            frames = [line.strip() for line in thread.splitlines() if line.startswith("  File")]
            if any(f"{_OURS[0]}runtime" in frame and frame.endswith(" in work") for frame in frames):
                own = takewhile(lambda frame: not any(part in frame for part in _OURS), frames)
                return "\n".join(list(own)[:10])
        return ""
