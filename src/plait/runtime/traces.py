"""The user's own traceback stays the user's: our frames are taken off its front, and it survives a process border."""

import traceback
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, NoReturn

from plait.errors import PlaitError

_OURS = str(Path(__file__).parent.parent)


def users_own(error: BaseException) -> BaseException:
    """The error, with its traceback beginning at the first frame that is not ours; unchanged if all are."""
    frame: TracebackType | None = error.__traceback__
    while frame is not None and frame.tb_frame.f_code.co_filename.startswith(_OURS):
        frame = frame.tb_next
    return error if frame is None else error.with_traceback(frame)


class Broken(NamedTuple):
    """An error that comes back from another process, with the text of its traceback there."""

    error: BaseException | None  # none, if it cannot travel
    message: str
    trace: str

    def again(self) -> NoReturn:
        """Raises the error here."""
        error = self.error if self.error is not None else PlaitError(self.message)
        if self.trace:
            error.add_note(f"in the worker process:\n{self.trace}")
        raise error


def broken(error: BaseException) -> Broken:
    """An error made ready to travel."""
    import pickle

    own = users_own(error)
    trace = "" if isinstance(own, PlaitError) else "".join(traceback.format_exception(own)).rstrip()
    message = f"{type(error).__name__}: {error}"
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes: does it survive the way back?
    except Exception:
        return Broken(None, message, trace)
    return Broken(error, message, trace)
