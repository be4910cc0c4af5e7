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
from contextlib import contextmanager
from pathlib import Path

from plait.cli.loading import BrokenModuleError
from plait.errors import NodeFailed, PlaitError

_OURS = str(Path(__file__).parents[1]) + os.sep


class Exit(Exception):  # noqa: N818 - it is no error
    """The end of a command, with its code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@contextmanager
def told() -> Iterator[None]:
    """Whatever is raised within is said, and becomes an `Exit`."""
    try:
        yield
        sys.stdout.flush()
    except Exit:
        raise
    except NodeFailed as failure:
        say(failed(failure))
        raise Exit(1) from None
    except BrokenModuleError as broken:
        say(of_module(broken))
        raise Exit(1) from None
    except PlaitError as error:
        say(f"plait: {error}")
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
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def out(text: object) -> None:
    """A result, on stdout."""
    sys.stdout.write(f"{text}\n")


def failed(failure: NodeFailed) -> str:
    """The error of a step as Python would show it in the step alone, then which node it was."""
    error = failure.__cause__
    if error is None or isinstance(error, PlaitError):
        return str(failure)
    return f"{own_traceback(error)}\n{failure}"


def of_module(broken: BrokenModuleError) -> str:
    """Why a module could not be imported."""
    error = broken.__cause__ or broken
    if not isinstance(error, PlaitError):
        return f"{own_traceback(error)}\nplait: {broken} cannot be imported"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_users(frame)]
    where = f"{_near(frames[-1].filename)}, line {frames[-1].lineno}: " if frames else f"{broken}: "
    return f"plait: {where}{error}"


def own_traceback(error: BaseException) -> str:
    """An error with its traceback, without frames of plait, of its command line and of the import system."""
    shown = traceback.TracebackException.from_exception(error)
    seen = set()
    chain: list[traceback.TracebackException | None] = [shown]
    while chain:
        one = chain.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        one.stack = traceback.StackSummary.from_list([frame for frame in one.stack if _is_users(frame)])
        if not one.stack:
            one.stack = None  # type: ignore[assignment] # TracebackException.format asks whether there is one
        chain += [one.__cause__, one.__context__, *(one.exceptions or ())]
    return "".join(shown.format()).rstrip()


def _is_users(frame: traceback.FrameSummary) -> bool:
    name = frame.filename
    return not name.startswith((_OURS, "<frozen ")) and f"{os.sep}importlib{os.sep}" not in name


def _near(path: str) -> str:
    """A path as one would write it here."""
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return path


def _defect(error: Exception) -> str:
    """An error that plait should not have raised: its traceback is kept for a report, and not shown."""
    with tempfile.NamedTemporaryFile("w", prefix="plait-defect-", suffix=".txt", delete=False) as file:
        file.write("".join(traceback.format_exception(error)))
    return f"plait: this is a defect of plait ({type(error).__name__}: {error}); please report it with {file.name}"
