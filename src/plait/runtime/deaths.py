"""Worker processes that died: which signal it was, and what that mostly means."""

import re

from plait.core.error_text import error_message
from plait.errors import WorkerDied

LIVES = 2  # workers that one node may take with it, until it is left alone
_HINTS = {
    "SIGKILL": (
        "Mostly the system did that for want of memory: let the step hold less at once, or let fewer run beside it "
        '(workers=..., or resources={"memory": "4GiB"} and run(limits=...))'
    ),
    "SIGSEGV": "Native code crashed; PYTHONFAULTHANDLER=1 shows where",
    "SIGBUS": "Native code crashed, or a file that was mapped became shorter; PYTHONFAULTHANDLER=1 shows where",
    "SIGABRT": "Native code gave up; what it said is above, in the output of the worker",
    "SIGILL": "Native code was built for another processor",
    "SIGFPE": "Native code divided by zero",
    "SIGTERM": "Somebody, or a scheduler of jobs, asked it to end",
    "SIGXCPU": "Its limit of processor time was reached (ulimit -t)",
}


def died(node: str, error: BaseException, deaths: int) -> WorkerDied:
    """What is said of a worker that died under a node, after so many of them have."""
    signal, code = how(error)
    if signal:
        end = f"was ended by {signal}"
    elif code is not None:
        end = f"ended itself with exit code {code}"
    else:
        end = f"died ({error_message(error)})" if error_message(error) else "died"
    hint = f". {_HINTS[signal]}" if signal in _HINTS else ""
    again = f" It happened {deaths} times, so {node} is not tried again." if deaths >= LIVES else ""
    return WorkerDied(f"the process that ran {node} {end}{hint}.{again}", signal=signal)


def how(error: BaseException) -> tuple[str, int | None]:
    """The signal that ended a worker, and its exit code, as far as the error says them.

    >>> how(RuntimeError("The exit codes of the workers are {SIGKILL(-9)}"))
    ('SIGKILL', -9)
    """
    text = error_message(error)
    found = re.search(r"\b(SIG[A-Z0-9]+)\((-?\d+)\)", text)
    if found is not None:
        return found[1], int(found[2])
    named = re.search(r"\bSIG[A-Z]{2,}\b", text)
    if named is not None:
        return named[0], None
    exited = re.search(r"\bEXIT\((-?\d+)\)", text)
    return ("", int(exited[1])) if exited else ("", None)
