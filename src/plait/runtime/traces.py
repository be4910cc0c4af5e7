"""Tracebacks show the frames of the user's code: those of plait and of thread pools are left out.

An error that was raised in a worker process comes back with the text of its traceback there.
"""

import os
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, NamedTuple

from plait.core.error_text import describe_error
from plait.core.error_transport import SentError, add_note, decode_error, encode_error
from plait.errors import PlaitError

if TYPE_CHECKING:
    import traceback

_OURS = str(Path(__file__).parent.parent) + os.sep
_STANDARD = str(Path(os.__file__).parent)
_POOLS = tuple(os.path.join(_STANDARD, name) for name in ("concurrent" + os.sep, "asyncio" + os.sep, "threading.py"))
LONGEST = 100_000  # characters of a traceback


def users_own(error: BaseException) -> BaseException:
    """Return the error with a traceback that begins at the user's first frame; unchanged where there is none."""
    frame: TracebackType | None = error.__traceback__
    while frame is not None and _is_machinery(frame.tb_frame):
        frame = frame.tb_next
    return error if frame is None else error.with_traceback(frame)


def _is_machinery(frame: FrameType) -> bool:
    """Does a frame belong to what calls a step: to plait, or to the pool or loop on which plait calls it?"""
    return frame.f_code.co_filename.startswith((_OURS, *_POOLS))


def format_traceback(error: BaseException) -> str:
    """Return an error with its traceback as text, without frames of plait and of the import system.

    Never raises. A text of more than `LONGEST` characters loses its middle.
    """
    import traceback

    try:
        text = "".join(_shown(error).format()).rstrip()
    except Exception:  # an error whose attributes fail when they are read
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if is_users(frame)]
        text = "".join(["Traceback (most recent call last):\n", *traceback.format_list(frames), describe_error(error)])
    if len(text) <= LONGEST:
        return text
    half = LONGEST // 2
    return f"{text[:half]}\n... ({len(text) - 2 * half:,} characters are left out) ...\n{text[-half:]}"


def _shown(error: BaseException) -> "traceback.TracebackException":
    import traceback

    shown = traceback.TracebackException.from_exception(error)
    seen = set()
    chain: list[traceback.TracebackException | None] = [shown]
    while chain:
        one = chain.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        one.stack = traceback.StackSummary.from_list(_without_machinery(one.stack))
        if not one.stack:
            one.stack = None  # type: ignore[assignment] # TracebackException.format asks whether there is one
        chain += [one.__cause__, one.__context__, *(one.exceptions or ())]
    return shown


def _without_machinery(stack: "traceback.StackSummary") -> "list[traceback.FrameSummary]":
    """Frames of plait are dropped everywhere; those of a pool only where plait's own stood before them."""
    kept: list[traceback.FrameSummary] = []
    for frame in stack:
        if is_users(frame) and not (not kept and frame.filename.startswith(_POOLS)):
            kept.append(frame)
    return kept or [frame for frame in stack if is_users(frame)]


def is_users(frame: "traceback.FrameSummary") -> bool:
    """Is a frame neither plait's nor of the import system?"""
    name = frame.filename
    return not name.startswith((_OURS, "<frozen ")) and f"{os.sep}importlib{os.sep}" not in name


class Broken(NamedTuple):
    """An error that comes back from another process, with the text of its traceback there."""

    sent: SentError
    message: str
    trace: str

    @property
    def error(self) -> BaseException:
        """The error, rebuilt here: of its own class, with the traceback of the other process as a note."""
        error = decode_error(self.sent)
        if self.trace:
            add_note(error, f"in the worker process:\n{self.trace}")
        return error


def broken(error: BaseException) -> Broken:
    """Return an error in a form that can be sent to another process."""
    own = users_own(error)
    trace = "" if isinstance(own, PlaitError) else format_traceback(own)
    return Broken(encode_error(error), describe_error(error), trace)
