"""What a worker process does for itself: how it begins, and whether it may serve another run.

A worker that rests between two runs must be worth as much as a new one. It may be, if nothing of the first run is left
in it but what it has imported; and that is worth something only while no file of it has changed. Both are asked here,
and a worker that cannot be sure of it ends.
"""

import gc
import importlib
import os
import pickle
import signal
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from plait.errors import CodeMismatch
from plait.executors.processes.children import below, kill
from plait.executors.processes.pipes import Pipe
from plait.executors.processes.setting import folder

_GROWN = 300_000_000  # bytes of its own that it may have taken since it began
_TICK = 100_000_000  # in nanoseconds; the times of files are coarser than the clock
_GLANCE = 0.5  # seconds between two looks whether who started this process is there
_FILES = "/dev/fd"  # the open files of a process, where the system tells them
_THEIRS = ("KMP_", "_RJEM_")  # variables that numeric libraries set for each other when they are imported
TOLD = b"\0"  # begins a message that is neither an answer nor a pickle
_Looks: TypeAlias = tuple[int, int, int, int]


class _Begun(NamedTuple):
    """What was so when this process began."""

    at: int  # in nanoseconds, before it did
    environment: dict[str, str]
    folder: str
    path: frozenset[str]
    connections: int
    memory: int


_begun: _Begun
_imported: dict[str, _Looks] = {}  # the files of all modules, as they were when the last run ended
_alarm: threading.Timer | None = None


class Crash(NamedTuple):
    """What a call raised."""

    error: BaseException


def serve(
    argv: Sequence[str], ends: Sequence[int], at: int, parent: int, key: bytes, main: tuple[str, str] = ("", "")
) -> None:
    """Does what is said over a pipe, call by call, until its other end is closed.

    This process was started by `parent`, after the time `at`; `key` is what managers know theirs by, and `main` the
    name and file of the user's `__main__`, which children of `multiprocessing` read.
    """
    sys.argv[:] = argv
    name, file = main
    if name:
        sys.modules["__main__"].__spec__ = ModuleSpec(name, None, origin=file)
    if file:
        sys.modules["__main__"].__file__ = file
    pipe = _pipe(ends)
    if key:
        from multiprocessing import current_process

        current_process().authkey = key
    _begin(at, parent)
    me = os.getpid()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=partial(_is_child, pipe, me))
    while True:
        try:
            call = pipe.receive()
        except (EOFError, OSError):
            return
        answer = _answer(call, pipe)
        if os.getpid() != me:  # it came back from the step, as if it were the worker
            os._exit(0)
        pipe.send(answer)


def _is_child(pipe: Pipe, parent: int) -> None:
    """In a child that a step has forked: it has no part in this, and ends with the worker."""
    pipe.close()
    if os.getppid() == parent:  # not a grandchild, which a child may leave behind
        threading.Thread(target=_ends_with, args=(parent,), name="plait-leash", daemon=True).start()


def _pipe(ends: Sequence[int]) -> Pipe:
    reading, writing = ends
    if sys.platform == "win32":
        import msvcrt

        reading, writing = msvcrt.open_osfhandle(reading, os.O_RDONLY), msvcrt.open_osfhandle(writing, 0)
    for end in (reading, writing):
        os.set_inheritable(end, False)
    return Pipe(reading, writing)


class _Telling:
    """Sends what a call says while it goes on; several threads may."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe, self._lock, self._me, self._over = pipe, threading.Lock(), os.getpid(), False

    def __call__(self, said: Any) -> None:
        if os.getpid() != self._me:  # in a child of the step, which has no part in this
            return
        message = TOLD + pickle.dumps(said, 5)
        with self._lock:
            if not self._over:
                self._pipe.send(message)

    def end(self) -> None:
        """Nothing is sent any more."""
        with self._lock:
            self._over = True


def _answer(call: bytes, pipe: Pipe) -> bytes:
    telling = _Telling(pipe)
    try:
        fn, args, place = pickle.loads(call)  # noqa: S301 - from the process that started us
        found = fn(*args) if place is None else fn(*args[:place], telling, *args[place:])
    except BaseException as error:  # sys.exit in a step does not end the worker
        found = Crash(error)
    telling.end()
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # none, or closed
            stream.flush()
    try:
        return pickle.dumps(found, 5)
    except Exception as error:
        return pickle.dumps(Crash(TypeError(f"what was found cannot be sent back: {error}")), 5)


def _begin(at: int, parent: int) -> None:
    """The Ctrl-C of a terminal is for who started us."""
    global _begun
    # Before any work: who started it may be killed before there is some.
    threading.Thread(target=_ends_with, args=(parent,), name="plait-leash", daemon=True).start()

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    _begun = _Begun(at, _environment(), folder(), frozenset({*sys.path, ""}), _connections(), _memory())


def _ends_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_GLANCE)
    kill(list(below(os.getpid())))
    os._exit(1)


def rest(seconds: float) -> None:
    """The last of a run: this process waits for another one, so long. It ends, if it is not as good as a new one."""
    global _alarm
    now = {file: _looks(file) for file in _files()}
    changed = any(
        max(looks[:2]) > _begun.at - _TICK or _imported.get(file, looks) != looks for file, looks in now.items()
    )
    if changed or not _is_tidy():
        os._exit(0)
    _imported.update(now)
    _alarm = threading.Timer(seconds, os._exit, (0,))
    _alarm.name, _alarm.daemon = "plait-idle", True
    _alarm.start()


def resumed(fn: Callable[..., Any], *args: Any) -> Any:
    """The first work of another run; `CodeMismatch` if a file has changed since this process imported it."""
    if _alarm is not None:
        _alarm.cancel()
    for file, looks in _imported.items():
        if _looks(file) != looks:
            raise CodeMismatch(f"{file} has changed since a worker imported it; start the workers again")
    importlib.invalidate_caches()  # there may be new modules
    _forget_classes()
    return fn(*args)


def _forget_classes() -> None:
    """Classes of `__main__` and of notebooks are sent whole, and made as they are now, whatever an earlier run had."""
    module = sys.modules.get("cloudpickle.cloudpickle")
    for name in ("_DYNAMIC_CLASS_TRACKER_BY_CLASS", "_DYNAMIC_CLASS_TRACKER_BY_ID"):
        getattr(module, name, {}).clear()


def _is_tidy() -> bool:
    """Is nothing left of what was done here, that another run could see or that somebody else waits for?"""
    return (
        _environment() == _begun.environment
        and folder() == _begun.folder
        and _begun.path.issuperset(sys.path)
        and all(
            thread is threading.main_thread() or thread.name.startswith("plait-") for thread in threading.enumerate()
        )
        and not _has_children()
        and 0 < _connections() <= _begun.connections
        and _is_small()
    )


def _environment() -> dict[str, str]:
    """All variables that a step could have left."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_THEIRS)}


def _has_children() -> bool:
    try:
        while True:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                return True
    except ChildProcessError:
        return False


def _connections() -> int:
    """The open files that are no plain ones: sockets, pipes, devices such as a GPU; 0 where nobody says."""
    count = 0
    with suppress(OSError):
        for fd in os.listdir(_FILES):
            with suppress(OSError):
                count += not stat.S_ISREG(os.fstat(int(fd)).st_mode)
    return count


def _is_small() -> bool:
    if _memory() - _begun.memory < _GROWN:
        return True
    gc.collect()
    return _memory() - _begun.memory < _GROWN


def _memory() -> int:
    """Bytes that this process has for itself; where the system does not say, the most that it ever had."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    try:
        import resource
    except ImportError:  # Windows, where no worker rests
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _files() -> Iterator[str]:
    """The files of all that was imported, ours and the user's and everybody's."""
    for module in list(sys.modules.values()):
        file = getattr(module, "__dict__", {}).get("__file__")
        if isinstance(file, str):
            yield file


def _looks(file: str) -> _Looks:
    """When a file was modified and changed, and which it is; of one that is gone, or is in a zip, what it was in."""
    try:
        looks = os.stat(file)
    except OSError:
        above = Path(file).parent
        return (0, 0, 0, 0) if str(above) == file else _looks(str(above))
    return looks.st_mtime_ns, looks.st_ctime_ns, looks.st_ino, looks.st_size
