"""What a run shows while it goes on, where somebody is there to see it: a terminal or a notebook."""

import contextvars
import logging
import os
import sys
import threading
from collections.abc import Sequence
from typing import Protocol

from plait.runtime.events import RunEvent, RunFinished, RunStarted
from plait.runtime.listening import Listener
from plait.show import notebook
from plait.show.tally import Notable, Tally

PATIENCE = 0.3  # seconds in which a run may be over without anything being drawn
_EACH = 0.12  # seconds between two drawings
_said: set[str] = set()  # pipelines of which a quick run has had its line in this process


def progress(*, sentence: bool = True) -> Sequence[Listener]:
    """The listeners of a run that was given none: progress in a terminal or notebook, nothing elsewhere.

    A quick run draws nothing and says one line, once a pipeline and process: a loop of quick runs is not a flood of
    lines. `sentence=False` leaves out the last line.
    """
    if notebook.kernel() is not None:
        return [Progress(notebook.Cell(), sentence=sentence)]
    if sys.stderr is None or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        return []
    from plait.show.terminal import Line

    return [Progress(Line(sys.stderr), sentence=sentence)]


class Display(Protocol):
    """Where progress is drawn."""

    def update(self, tally: Tally, news: list[Notable], /) -> None:
        """Draws a run as it is now; `news` is what became notable since the last time."""
        ...

    def close(self, news: list[Notable], /) -> None:
        """Takes away what shall not stay."""
        ...

    def sentence(self, tally: Tally, /) -> None:
        """Says what became of the run."""
        ...


class Progress:
    """Keeps events as they come (see `Tally`); a thread of its own draws them, if the run is not over soon."""

    def __init__(self, display: Display, *, sentence: bool) -> None:
        self._display = display
        self._sentence = sentence
        self._begin()

    def _begin(self) -> None:
        self.tally = Tally()
        self._keep = self.tally.keep
        self._over = threading.Event()
        self._drawn = False
        self._thread: threading.Thread | None = None

    def __call__(self, event: RunEvent) -> None:
        """Keeps an event; the first and the last of a run begin and end the drawing."""
        kind = type(event)
        if kind is RunStarted:
            self._begin()
        self._keep(event)
        if kind is RunStarted:
            # in a copy of this context: by it a kernel knows under which cell to draw
            run = contextvars.copy_context().run
            self._thread = threading.Thread(target=run, args=(self._draw,), name="plait-progress", daemon=True)
            self._thread.start()
        elif kind is RunFinished:
            self._end()

    def _draw(self) -> None:
        try:
            if self._over.wait(PATIENCE):
                return
            self._drawn = True
            while True:
                self._display.update(self.tally, self.tally.look())
                if self._over.wait(_EACH):
                    return
        except Exception:  # a terminal that is gone must not end a run
            logging.getLogger("plait").debug("progress cannot be drawn", exc_info=True)

    def _end(self) -> None:
        """Nothing is drawn any more when this returns: what comes next may be a traceback."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()
        news = self.tally.look()
        try:
            if self._drawn:
                self._display.close(news)
            if self._sentence and (self._drawn or self._worth_a_line()):
                self._display.sentence(self.tally)
        except Exception:  # as above
            logging.getLogger("plait").debug("progress cannot be drawn", exc_info=True)

    def _worth_a_line(self) -> bool:
        pipeline, status = self.tally.pipeline, self.tally.status
        if status == "done" and pipeline in _said:
            return False
        _said.add(pipeline)
        return True
