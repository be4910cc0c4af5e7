"""What goes wrong, in words: one message or the user's own traceback on stderr, and an exit code. Never frames of ours.

| code | |
|---|---|
| 0 | it is done |
| 1 | a step failed, or something that was given cannot be used |
| 2 | the command line is not understood |
| 130 | it was stopped with Ctrl-C |
"""

import os
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout, suppress
from pathlib import Path
from typing import TextIO

from plait.cli.loading import BrokenModuleError
from plait.core.error_text import describe_error, error_message
from plait.errors import NodeFailed, ParameterError, PlaitError
from plait.runtime.traces import format_traceback, is_users
from plait.show.streams import write

_STDOUT, _STDERR = 1, 2


class Exit(Exception):  # noqa: N818 - it is no error
    """The end of a command, with its code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


_results: TextIO | None = None  # where `out` writes, if that is not `sys.stdout`
_ends = False  # does this process end with the command?


def command_is_all() -> None:
    """Say that this process ends with its command, so that nothing that it changed need be as it was."""
    global _ends
    _ends = True


@contextmanager
def results_only() -> Iterator[None]:
    """Let nothing reach stdout but what `out` writes: what else is printed there goes to stderr.

    So does what native code writes to the file descriptor, and what worker processes do, which inherit it; and, where
    the process ends with the command, what is printed while it ends.
    """
    global _results
    real, saved = sys.stdout, -1
    with suppress(OSError, ValueError, AttributeError):  # none, or not a file
        if real.fileno() == _STDOUT:
            real.flush()
            saved = os.dup(_STDOUT)
            os.dup2(_STDERR, _STDOUT)
    _results = real if saved < 0 else os.fdopen(saved, "w", encoding=real.encoding, errors=real.errors)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        ours, _results = _results, None
        if saved >= 0:
            with suppress(OSError):  # a reader that has gone
                ours.flush()
            with suppress(OSError, ValueError):
                real.flush()
            if not _ends:
                os.dup2(saved, _STDOUT)
            with suppress(OSError):
                ours.close()


@contextmanager
def told(*, as_json: bool = False) -> Iterator[None]:
    """Whatever is raised within is said, and becomes an `Exit`; with `as_json`, stdout holds JSON and nothing else."""
    try:
        with results_only() if as_json else nullcontext():
            yield
            (_results or sys.stdout).flush()
    except Exit:
        raise
    except NodeFailed as failure:
        say(failed(failure))
        raise Exit(1) from None
    except BrokenModuleError as broken:
        say(of_module(broken))
        raise Exit(1) from None
    except PlaitError as error:
        said = error.in_shell if isinstance(error, ParameterError) else None
        say(f"plait: {said or error_message(error)}")
        raise Exit(1) from None
    except KeyboardInterrupt:
        say("plait: stopped")
        raise Exit(130) from None
    except BrokenPipeError:  # whoever read stdout has seen enough, as in `plait runs | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise Exit(0) from None
    except OSError as error:
        say(f"plait: {error.strerror or error}{f': {error.filename}' if error.filename else ''}")
        raise Exit(1) from None
    except Exception as error:
        say(_defect(error))
        raise Exit(1) from None


def say(text: str) -> None:
    """A message on stderr."""
    write(f"{text}\n", sys.stderr)
    sys.stderr.flush()


def out(text: object) -> None:
    """A result, on stdout."""
    write(f"{text}\n", _results or sys.stdout)


def failed(failure: NodeFailed) -> str:
    """The error of a step as Python would show it in the step alone, then which node it was."""
    error = failure.__cause__
    if error is None or isinstance(error, PlaitError):
        return str(failure)
    return f"{format_traceback(error)}\n{failure}"


def of_module(broken: BrokenModuleError) -> str:
    """Why a module could not be imported."""
    error = broken.__cause__ or broken
    if not isinstance(error, PlaitError):
        return f"{format_traceback(error)}\nplait: {broken} cannot be imported"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if is_users(frame)]
    where = f"{_near(frames[-1].filename)}, line {frames[-1].lineno}: " if frames else f"{broken}: "
    return f"plait: {where}{error}"


def _near(path: str) -> str:
    """A path as one would write it here."""
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return path


def _defect(error: Exception) -> str:
    """An error that plait should not have raised: its traceback is kept for a report, and not shown."""
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", errors="backslashreplace", prefix="plait-defect-", suffix=".txt", delete=False
    ) as file:
        file.write("".join(traceback.format_exception(error)))
    return f"plait: this is a defect of plait ({describe_error(error)}); please report it with {file.name}"
