r"""Progress in a terminal: one line, always below whatever was printed last.

Each drawing is a single write that makes room below the cursor, draws there, and puts the cursor back where it was. So
nothing that anybody prints is lost or moved, whoever prints it: a step, a library written in C, a worker process, a
debugger that waits for input. What this process prints takes the line away first: the two streams get a `write` that
does so for as long as the line is there. The streams themselves stay what they are, so that loggers that hold on to
them, `redirect_stdout` and forked children need no care.
"""

import os
import shutil
import sys
from typing import Any, TextIO

from plait.core.durations import readable
from plait.runtime.output import Wrapper, can_be_wrapped
from plait.show.report import counted
from plait.show.streams import encodable
from plait.show.tally import Notable, Tally
from plait.show.values import printable

_ROOM = "\x1bD\x1b[A"  # a line down and up again: at the bottom of the screen this scrolls
_KEEP, _BACK = "\x1b7", "\x1b8"
_BELOW = "\x1b[B\r"
_CLEAR = "\x1b[J"  # from the cursor on: what stands there is an older line of ours
_BAR = 24


class Line:
    """The line, and the lines that stay: of nodes that took long or failed, and of the end."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._colour = not os.environ.get("NO_COLOR")
        self._plain = "utf" not in (getattr(stream, "encoding", "") or "").lower()
        self._write = stream.write
        self._there = False
        self._watched: list[Wrapper] = []

    def update(self, tally: Tally, news: list[Notable]) -> None:
        """Draws the line anew."""
        if not self._watched:
            self._watch()
        for notable in news:
            self._say(self._of(notable))
        width = shutil.get_terminal_size().columns - 1
        self._put(f"{_ROOM}{_CLEAR}{_KEEP}{_BELOW}{self._line(tally, width)}{_BACK}")
        self._there = True

    def close(self, news: list[Notable]) -> None:
        """Takes the line away."""
        for wrapper in self._watched:
            wrapper.remove()
        self._watched = []
        self._put(_CLEAR)
        for notable in news:
            self._say(self._of(notable))

    def sentence(self, tally: Tally) -> None:
        """A last line, which stays; below the ^C that the terminal itself has put where the cursor was."""
        above = "\n" if tally.status == "cancelled" else ""
        self._put(f"{above}{tally.sentence()}\n")

    def clear(self) -> str:
        """What takes the line away, if it is there."""
        there, self._there = self._there, False
        return _CLEAR if there else ""

    def _watch(self) -> None:
        for stream in (self._stream, sys.__stdout__):
            if can_be_wrapped(stream) and stream.isatty():
                self._watched.append(_Clearing(self, stream))

    def _say(self, text: str) -> None:
        self._put(f"{_CLEAR}{text}\n")

    def _put(self, text: str) -> None:
        try:
            self._write(text)
        except UnicodeEncodeError:
            self._write(encodable(text, self._stream))
        self._stream.flush()

    def _of(self, notable: Notable) -> str:
        node, seconds, error = notable
        if not error:
            return f"  {self._in(32, '+' if self._plain else '✓')} {node}  {self._in(2, readable(seconds))}"
        first = printable(error.partition("\n")[0].replace("\t", " "))
        return f"  {self._in(31, 'x' if self._plain else '✗')} {node}  {self._in(31, first)}"

    def _line(self, tally: Tally, width: int) -> str:
        total = tally.total
        share = tally.done / total if total else 1.0
        head = f"{tally.pipeline} "
        count = f" {tally.done} of {total}"
        said = counted(tally.counts) if len(tally.counts) > 1 else ""
        room = width - len(head) - len(count)
        bar = min(_BAR, room)
        text = self._in(1, head) + self._bar(share, bar) + count if bar >= 4 else (head + count)[:width]
        room -= bar
        for part in (self._now(tally), said):
            if part and len(part) + 3 <= room:
                text += f"{self._in(2, ' · ' if not self._plain else ' - ')}{part}"
                room -= len(part) + 3
        return text

    def _bar(self, share: float, width: int) -> str:
        full = min(width, int(share * width))
        done, rest = ("#", ".") if self._plain else ("━", "━")
        return self._in(32, done * full) + self._in(2, rest * (width - full))

    def _now(self, tally: Tally) -> str:
        """What runs, for how long: the oldest first, three of them."""
        running = [(node, tally.elapsed(node)) for node in list(tally.running)]
        said = [f"{node} {readable(seconds)}" if seconds >= 1 else node for node, seconds in running[:3]]
        more = [f"{len(running) - 3} more"] if len(running) > 3 else []
        return printable(", ".join(said + more))

    def _in(self, code: int, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colour and text else text


class _Clearing(Wrapper):
    """A stream's `write` that takes the line away first."""

    def __init__(self, line: Line, stream: TextIO) -> None:
        self._line = line
        super().__init__(stream)

    def __call__(self, text: str) -> Any:
        if cleared := self._line.clear():
            self.inner(cleared)
        return self.inner(text)
