"""Which errors end a run, and which are the failure of one node.

A step may call the `main()` of a command line, which ends with `sys.exit`, or code that raises `GeneratorExit`,
`asyncio.CancelledError` or an outcome of pytest: the node has failed, as with any other error. A run ends by Ctrl-C,
and by what a signal handler raises (`signal.signal(SIGTERM, lambda *_: sys.exit(1))`), since that is meant for the
program and not for the step that it happens to meet. `KeyboardInterrupt` ends a run also where a step raises it itself:
in the main thread the two cannot be told apart, and every executor does the same.
"""

import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import suppress
from types import CodeType

from plait.core.definition import underlying


def ends_run(error: BaseException, process: int) -> bool:
    """Is an error that a step raised meant for the whole run, which `process` executes?"""
    if isinstance(error, Exception):
        return False
    if isinstance(error, KeyboardInterrupt) or os.getpid() != process:  # a forked child that leaves by sys.exit
        return True
    return threading.current_thread() is threading.main_thread() and _raised_by_handler(error)


def leave_child(error: BaseException | None) -> None:
    """End a forked child that came out of its step, with the exit status that `error` would give a program."""
    code = error.code if isinstance(error, SystemExit) else error is not None
    if error is not None and not isinstance(error, SystemExit):
        traceback.print_exception(error)
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    os._exit(int(code) if isinstance(code, int) else int(code is not None))


def _raised_by_handler(error: BaseException) -> bool:
    handlers = set(_handlers())
    frame = error.__traceback__
    while frame is not None:
        if frame.tb_frame.f_code in handlers:
            return True
        frame = frame.tb_next
    return False


def _handlers() -> Iterator[CodeType]:
    """The code of all handlers that the program has set."""
    for number in signal.valid_signals():
        handler = signal.getsignal(number)
        if callable(handler) and isinstance(code := getattr(underlying(handler), "__code__", None), CodeType):
            yield code
