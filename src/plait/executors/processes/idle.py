"""The workers that rest between two runs of this process.

A worker is taken by one run at a time. All that was fixed when it was started is compared with what a new one would be
started with, so that it can stand for a new one. A forked child has none of its parent's.
"""

import atexit
import os
import threading

from plait.executors.processes.setting import Setting
from plait.executors.processes.worker import Worker

_lock = threading.Lock()
_resting: list[Worker] = []


def put(worker: Worker) -> None:
    """Takes a worker that has done all that a run had for it. It rests, or ends."""
    with _lock:
        _resting[:] = [one for one in _resting if one.is_alive]
        gone = [_resting.pop(0)] if len(_resting) >= (os.cpu_count() or 1) else []
        try:
            worker.rest()
        except Exception:  # it died since
            gone.append(worker)
        else:
            _resting.append(worker)
    for one in gone:
        one.kill(wait=False)


def take(wanted: Setting) -> Worker | None:
    """A worker that is as good as one that is started now; none, if there is none."""
    while True:
        with _lock:
            worker = next((one for one in reversed(_resting) if one.setting == wanted), None)
            if worker is None:
                return None
            _resting.remove(worker)
        if worker.is_fit():
            return worker
        worker.kill(wait=False)


def end() -> None:
    """Ends all that rest."""
    with _lock:
        ending, _resting[:] = list(_resting), []
    for wait in (False, True):  # all are told before any is waited for
        for worker in ending:
            worker.kill(wait=wait)


def _in_child() -> None:
    global _lock
    _lock = threading.Lock()
    for worker in _resting:
        worker.disown()
    _resting.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
atexit.register(end)
