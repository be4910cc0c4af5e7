"""What runs may leave behind: processes, and files that nobody finished."""

import contextlib
import os
from pathlib import Path

import psutil

SECONDS = 240.0  # until nothing is left: a last resort, for steps that would last longer


_before = set()  # the processes that were there when the test began


def note_what_is_there():
    _before.clear()
    _before.update(psutil.Process().children(recursive=True))


def children(process=None):
    """The workers of a process, and theirs, that began with this test."""
    with contextlib.suppress(psutil.NoSuchProcess):
        found = (process or psutil.Process()).children(recursive=True)
        return [child for child in found if child not in _before and not is_helper(child)]
    return []


def is_helper(process):
    """The trackers of semaphores serve all pools of a process, and end with it."""
    try:
        return "resource_tracker" in " ".join(process.cmdline()) or process.status() == psutil.STATUS_ZOMBIE
    except psutil.Error:
        return True


def gone(processes, seconds=SECONDS):
    _, alive = psutil.wait_procs(processes, timeout=seconds)
    return not [process for process in alive if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]


def left_in_tmp(store):
    return list((Path(store) / "tmp").rglob("*"))


def environment():
    """Of a program that imports what the tests do."""
    here = Path(__file__).parent
    paths = [str(here.parent / "src"), str(here), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
