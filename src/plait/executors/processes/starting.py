"""Starts a Python that has nothing of ours but two pipes, and what it is told first.

No fork, which threads would not survive; and the user's `__main__` is not run again, so that a script needs no
`if __name__ == "__main__"`. It imports from where this process does, and has its arguments and its folder.
"""

import marshal
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from plait.executors.processes.pipes import Pipe

_STANDARD = 3  # streams
_FIRST = (
    "'a worker of plait'; import marshal, sys; told = marshal.load(sys.stdin.buffer); sys.path[:] = told[0]; "
    "from plait.executors.processes.inside import serve; serve(*told[1:])"
)


def started(environment: Mapping[str, str]) -> "tuple[subprocess.Popen[bytes], Pipe]":
    """A process that serves, and our end of the pipe to it."""
    at, (their_reading, our_writing), (our_reading, their_writing) = time.time_ns(), _pipe(), _pipe()
    ours, theirs = Pipe(our_reading, our_writing), Pipe(their_reading, their_writing)
    try:
        ends, options = _inherited(their_reading, their_writing)
        process = subprocess.Popen(  # noqa: S603 - this Python
            [*_python(), "-c", _FIRST], stdin=subprocess.PIPE, env={**os.environ, **environment}, **options
        )
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    told = marshal.dumps((list(map(str, sys.path)), list(map(str, sys.argv)), ends, at, os.getpid(), _key()))
    with suppress(OSError):  # it has died, which is seen when it is given work
        assert process.stdin is not None
        with process.stdin:
            process.stdin.write(told)
    return process, ours


def _pipe() -> tuple[int, int]:
    """A pipe of which no end has the place of a standard stream, where a daemon has closed these."""
    low: list[int] = []
    ends = os.pipe()
    while min(ends) < _STANDARD:
        low += ends
        ends = os.pipe()
    for end in low:
        os.close(end)
    return ends


def _inherited(*ends: int) -> tuple[tuple[int, ...], dict[str, Any]]:
    """What the process knows the ends of its pipes by, and how it comes to have them."""
    if sys.platform == "win32":
        import msvcrt

        handles = tuple(map(msvcrt.get_osfhandle, ends))
        for handle in handles:
            os.set_handle_inheritable(handle, True)
        return handles, {"startupinfo": subprocess.STARTUPINFO(lpAttributeList={"handle_list": list(handles)})}
    return ends, {"pass_fds": ends}


def _key() -> bytes:
    """What managers of `multiprocessing` know their own by, if there are some."""
    process = sys.modules.get("multiprocessing.process")
    return b"" if process is None else bytes(process.current_process().authkey)


def _python() -> list[str]:
    """This Python, with the flags that it was started with."""
    flags: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined] # as multiprocessing does
    set_by_user = sys.modules.get("multiprocessing.spawn")
    executable = sys.executable if set_by_user is None else set_by_user.get_executable()
    return [os.fsdecode(executable), *flags]
