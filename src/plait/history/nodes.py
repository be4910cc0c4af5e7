"""What became of one node in one run. All texts are bounded, whatever a step printed or raised."""

from typing import NamedTuple

HEAD, TAIL = 4 << 10, 12 << 10  # characters of a text that are kept: of its beginning, and of its end
_LINE = 200  # characters of an error in one line


class NodeError(NamedTuple):
    """An error as text: history never unpickles what a step raised."""

    type: str  # the name of its class
    message: str = ""
    traceback: str = ""  # without frames of plait

    @property
    def line(self) -> str:
        r"""The error in one line.

        >>> NodeError("ValueError", "no rows\nin a.csv").line
        'ValueError: no rows'
        """
        return one_line(f"{self.type}: {self.message}")


class NodeLog(NamedTuple):
    """What a node printed and logged: all of it where it is short, else its beginning and its end."""

    head: str
    tail: str = ""
    size: int = 0  # characters of all of it
    lines: int = 0
    blob: str = ""  # where the store has more of it, in UTF-8 (lone surrogates as in WTF-8)

    @property
    def is_whole(self) -> bool:
        """Is nothing left out of `text`?"""
        return len(self.head) + len(self.tail) >= self.size

    @property
    def text(self) -> str:
        """As much as the history itself has."""
        if self.is_whole:
            return self.head + self.tail
        left = self.size - len(self.head) - len(self.tail)
        return f"{self.head}\n[... {left:,} characters are left out here ...]\n{self.tail}"


class NodeRun(NamedTuple):
    """What became of a node. Of a cache hit only the first four fields are known."""

    name: str
    key: str = ""
    state: str = ""  # run, hit, given, failed, skipped
    seconds: float = 0.0  # that its last attempt took; of a hit, when it was computed
    started: float = 0.0  # its last attempt, in seconds since 1970; 0.0 if its step was not called
    worker: str = ""  # where: host, process and thread; "" if its step was not called
    attempts: tuple[str, ...] = ()  # the errors of attempts that failed and were retried, one line each
    error: NodeError | None = None
    log: NodeLog | None = None

    @property
    def is_detailed(self) -> bool:
        """Is there more to it than of a cache hit?"""
        return any(self[4:])


def bounded(text: str, head: int = HEAD, tail: int = TAIL) -> str:
    """A text of which the middle is left out where it is long.

    >>> bounded("abcdefghij", 3, 2)
    'abc\\n[... 5 characters are left out here ...]\\nij'
    """
    if len(text) <= head + tail:
        return text
    return (
        f"{text[:head]}\n[... {len(text) - head - tail:,} characters are left out here ...]\n{text[len(text) - tail :]}"
    )


def one_line(text: str) -> str:
    """The first line of a text, and not too much of it."""
    line = text.strip().partition("\n")[0].rstrip()
    return line if len(line) <= _LINE else f"{line[: _LINE - 3]}..."


def error_of(kind: str, message: str, traceback: str) -> NodeError:
    """An error, bounded."""
    return NodeError(kind[:_LINE], bounded(message, 2 << 10, 2 << 10), bounded(traceback))


def log_of(text: str) -> NodeLog:
    """The log of a text that is at hand."""
    lines = text.count("\n") + (bool(text) and not text.endswith("\n"))
    if len(text) <= HEAD + TAIL:
        return NodeLog(text, "", len(text), lines)
    return NodeLog(text[:HEAD], text[-TAIL:], len(text), lines)
