"""Starts a Python that has nothing of ours but two pipes, and what it is told first.

No fork, which threads would not survive; and the user's `__main__` is not run again, so that a script needs no
`if __name__ == "__main__"`. It imports from where this process does, and has its arguments and its folder. What a step
starts with `multiprocessing` finds `__main__` as it would from here: its file is known, though it was not run.
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
from plait.executors.processes.setting import main

_STANDARD = 3  # streams
_FIRST = (
    "'a worker of plait'; import marshal, sys; told = marshal.load(sys.stdin.buffer); sys.path[:] = told[0]; "
    "from plait.executors.processes.inside import serve; serve(*told[1:])"
)


def started(environment: Mapping[str, str]) -> "tuple[subprocess.Popen[bytes], Pipe]":
    """A process that serves, and our end of the pipe to it."""
    at, open_ends = time.time_ns(), list[int]()
    try:
        their_reading, our_writing = _pipe(open_ends)
        our_reading, their_writing = _pipe(open_ends)
        ends, options = _inherited(their_reading, their_writing)
        process = subprocess.Popen(  # noqa: S603 - this Python
            [*_python(), "-c", _FIRST], stdin=subprocess.PIPE, env=_variables(environment), **options
        )
        for end in (our_reading, our_writing):
            open_ends.remove(end)
    finally:
        for end in open_ends:
            os.close(end)
    told = marshal.dumps((list(map(str, sys.path)), list(map(str, sys.argv)), ends, at, os.getpid(), _key(), main()))
    with suppress(OSError):  # it has died, which is seen when it is given work
        assert process.stdin is not None
        with process.stdin:
            process.stdin.write(told)
    return process, Pipe(our_reading, our_writing)


def _pipe(opened: list[int]) -> tuple[int, int]:
    """A pipe of which no end has the place of a standard stream, where a daemon has closed these."""
    ends = os.pipe()
    opened += ends
    return ends if min(ends) >= _STANDARD else _pipe(opened)


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


def _variables(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of the process; without what this one was told not to look at."""
    blind = sys.flags.ignore_environment
    ours = {name: value for name, value in os.environ.items() if not (blind and name.startswith("PYTHON"))}
    return {**ours, **environment}


def _python() -> list[str]:
    """This Python, with the flags that it was started with; but it looks at its environment, for the seed of hashes."""
    flags: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined] # as multiprocessing does
    alone = ["-s", "-P"] if sys.flags.isolated else []
    set_by_user = sys.modules.get("multiprocessing.spawn")
    executable = sys.executable if set_by_user is None else set_by_user.get_executable()
    return [os.fsdecode(executable), *(flag for flag in flags if flag not in ("-I", "-E")), *alone]
