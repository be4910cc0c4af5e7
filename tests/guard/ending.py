"""Threads, child processes and open files: what may be about to end by itself, and what may stay."""

import os
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import psutil

from guard.kinds import Kind, Look
from guard.modules import INSTALLED

_LOOPS = {"fsspecIO"}  # one for the whole process, which the library never ends
# native libraries have loops of their own (polars); one of asyncio that is left has sockets too, which are found
_OF_LIBRARIES = {"anon_inode:[eventpoll]", "anon_inode:[eventfd]"}


def _keep(name: Any, value: Any) -> None:
    """Nothing ends a thread or closes the file of another one: the next test begins with it."""


def _resting() -> list[Any]:
    """The workers that plait keeps for the next run, as it promises."""
    idle = sys.modules.get("plait.executors.processes.idle")
    return [] if idle is None else [*idle._resting]


def _trackers() -> list[Any]:
    """They serve all pools of the process, and end with it."""
    names = (
        "multiprocessing.resource_tracker",
        "joblib.externals.loky.backend.resource_tracker",
        "loky.backend.resource_tracker",
    )
    return [
        sys.modules[name]._resource_tracker for name in names if hasattr(sys.modules.get(name), "_resource_tracker")
    ]


def _threads() -> Mapping[threading.Thread, Any]:
    return {thread: thread.name for thread in threading.enumerate()}


def _thread_may(thread: threading.Thread, name: str, before: Look) -> bool:
    return name in _LOOPS or thread in _of_loop() or any(worker._thread is thread for worker in _resting())


def _of_loop() -> set[threading.Thread]:
    """The threads in which the loop of the library resolves the names of hosts, say."""
    asyn = sys.modules.get("fsspec.asyn")
    loop = None if asyn is None else asyn.loop[0]
    return set(getattr(getattr(loop, "_default_executor", None), "_threads", ()))


def _describe_thread(thread: threading.Thread, old: Any, new: Any) -> str:
    target = getattr(thread, "_target", None)
    doing = f", which runs {target.__module__}.{target.__qualname__}" if hasattr(target, "__qualname__") else ""
    return f"{thread.name}{doing}{' (a daemon)' if thread.daemon else ''}"


def _children() -> Mapping[int, Any]:
    found: set[int] = set()
    for task in os.listdir("/proc/self/task"):
        with suppress(OSError), open(f"/proc/self/task/{task}/children") as file:
            found.update(map(int, file.read().split()))
    return dict.fromkeys(found, True)


def _child_may(pid: int, value: Any, before: Look) -> bool:
    resting = (worker._process is not None and worker._process.pid == pid for worker in _resting())
    return any(resting) or any(tracker._pid == pid for tracker in _trackers())


def _describe_child(pid: int, old: Any, new: Any) -> str:
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return f"{pid}, which has ended, and was not waited for"
        return f"{pid} ({' '.join(process.cmdline())[:200]})"
    return str(pid)


def _kill(pid: int, value: Any) -> None:
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        for one in [*process.children(recursive=True), process]:
            with suppress(psutil.Error):
                one.kill()


def _files() -> Mapping[int, Any]:
    found = {}
    for number in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # the one that the listing itself had open
            found[int(number)] = os.readlink(f"/proc/self/fd/{number}")
    return found


def _file_may(number: int, target: str, before: Look) -> bool:
    pipes = [worker._pipe for worker in _resting() if hasattr(worker, "_pipe")]
    known = {end for pipe in pipes for end in (pipe._reading, pipe._writing)}
    if target in _OF_LIBRARIES or target.startswith(INSTALLED):  # fonts of matplotlib, say
        return True
    return number in known | _pins() | {tracker._fd for tracker in _trackers()} | _of_loops()


def _pins() -> set[int]:
    """A process says in each store that it is there; for the last stores, this file stays open."""
    pins = sys.modules.get("plait.stores.local.pins")
    return set() if pins is None else {own._fd for own in pins._own.values() if own is not None}


def _of_loops() -> set[int]:
    asyn = sys.modules.get("fsspec.asyn")
    loop = None if asyn is None else asyn.loop[0]
    return set() if loop is None else {loop._selector.fileno(), loop._csock.fileno(), loop._ssock.fileno()}


def _describe_file(number: int, old: Any, new: Any) -> str:
    return f"{new} (descriptor {number})"


KINDS = [Kind("thread", _threads, _keep, _thread_may, _describe_thread, ends=True)]
if os.path.isdir("/proc/self/task"):
    KINDS += [
        Kind("child process", _children, _kill, _child_may, _describe_child, ends=True),
        Kind("open file", _files, _keep, _file_may, _describe_file, ends=True),
    ]
