"""What a node prints and logs while it runs, kept with it; the user sees it as before.

One owner for the whole process, however many runs it has at once. While any run is under way, the streams that are
`sys.stdout` and `sys.stderr` have a `write` of ours that notes the text and passes it on; the streams themselves stay
what they are, so that `redirect_stdout`, handlers that hold on to them and other programs' replacements need no care.
`logging.Logger.callHandlers` is ours meanwhile too: it is where a record arrives that levels and filters let pass.

To which node a text belongs is said by a context variable, which async steps have as well; a thread that a step starts
has none, and what it prints belongs to no node. What native code writes to the file descriptors is not seen.
"""

import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, TextIO, TypeGuard

from plait.errors import PlaitError
from plait.history.bulk import whole_text
from plait.history.nodes import TAIL, NodeLog, log_of
from plait.ports import Blobs
from plait.secret import masked

_MOST = 16 << 20  # characters of what one node prints that are kept
_EDGE = 16 << 10  # characters at a cut that may be a part of a secret, such as a private key
_PARTS = 1000  # texts that are put together at once
_FORMAT = logging.Formatter("%(levelname)s %(name)s: %(message)s")


class Log:
    """The texts of one node, in their order. Several threads may add to it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blocks: list[str] = []
        self._parts: list[str] = []
        self._tail: list[str] = []
        self._held = 0  # characters in the tail
        self._size = 0
        self._lines = 0

    def add(self, text: str) -> None:
        """Note a text."""
        with self._lock:
            room = _MOST - self._size
            if room > 0:
                self._parts.append(text if len(text) <= room else text[:room])
                if len(self._parts) >= _PARTS:
                    self._blocks.append("".join(self._parts))
                    self._parts.clear()
            if len(text) > room:
                self._tail.append(text)
                self._held += len(text)
                if self._held > 8 * (TAIL + _EDGE):
                    self._tail = [self._ended()]
                    self._held = len(self._tail[0])
            self._size += len(text)
            self._lines += text.count("\n")

    def _ended(self) -> str:
        return "".join(self._tail)[-(TAIL + _EDGE) :]

    def closed(self, blobs: Blobs | None) -> NodeLog:
        """All of it, bounded and without secrets; what is long goes to the store, if there is one."""
        with self._lock:
            text, tail, size = "".join([*self._blocks, *self._parts]), self._ended(), self._size
        if not tail:
            return kept(masked(text), blobs)
        text = masked(text)[:-_EDGE]
        tail = masked(tail)[_EDGE:][-TAIL:]  # what is masked is shorter, and the cut is at the beginning
        made = log_of(text)
        return NodeLog(made.head, tail[-len(made.tail) :], size, self._lines, _put(text, blobs))


def kept(text: str, blobs: Blobs | None) -> NodeLog:
    """A text as a log."""
    made = log_of(text)
    return made if made.is_whole else made._replace(blob=_put(text, blobs))


def joined(first: NodeLog | None, then: NodeLog, blobs: Blobs | None) -> NodeLog:
    """The logs of two attempts as one."""
    if first is None:
        return then
    if blobs is None:
        text = first.text + then.text
        return log_of(text)._replace(lines=first.lines + then.lines)
    return kept((whole_text(first, blobs) + whole_text(then, blobs))[-_MOST:], blobs)


def _put(text: str, blobs: Blobs | None) -> str:
    if blobs is None:
        return ""
    content = text.encode("utf-8", "surrogatepass")
    with suppress(PlaitError, OSError):  # a full disk costs the middle of the text, and no result
        return blobs.put(lambda file: _all(file.write(content)))[0]
    return ""


def _all(_: object) -> None:
    return None


class Slot:
    """Where the text of the node at work goes: there is a log only when it prints, so that others cost next to nothing.

    `outer` takes the text while no node is at work here: that of the step which runs this pipeline.
    """

    __slots__ = ("is_open", "log", "outer")

    def __init__(self, outer: "Slot | None" = None) -> None:
        self.log: Log | None = None
        self.is_open = False
        self.outer = outer

    def add(self, text: str) -> None:
        """Note a text."""
        if self.log is None:
            self.log = Log()
        self.log.add(text)


_current: ContextVar[Slot | None] = ContextVar("plait_output", default=None)
current, set_current, reset_current = _current.get, _current.set, _current.reset


def _open_slot() -> Slot | None:
    slot = _current.get()
    while slot is not None and not slot.is_open:
        slot = slot.outer
    return slot


@contextmanager
def noted(keep: Callable[[Log], None]) -> Iterator[None]:
    """Note what is printed and logged within; `keep` gets it, if there was anything."""
    slot = Slot()
    slot.is_open = True
    token = _current.set(slot)
    try:
        yield
    finally:
        slot.is_open = False
        _current.reset(token)
        if slot.log is not None:
            keep(slot.log)


class Wrapper:
    """A stream's `write` with something done before; they may stand on each other, and be taken away in any order."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.inner: Callable[[str], Any] = stream.write
        stream.write = self

    def __call__(self, text: str) -> Any:
        return self.inner(text)

    def remove(self) -> None:
        """Take it away."""
        above = vars(self.stream).get("write")
        if above is self:
            del self.stream.write
            if self.stream.write != self.inner:  # another wrapper, or an attribute that the stream had before
                self.stream.write = self.inner
            return
        while isinstance(above, Wrapper):
            if above.inner is self:
                above.inner = self.inner
                return
            above = above.inner


def can_be_wrapped(stream: TextIO | None) -> TypeGuard[TextIO]:
    """Has a stream a place for a `write` of its own?"""
    return stream is not None and hasattr(stream, "__dict__") and hasattr(stream, "write")


class _Noting(Wrapper):
    def __call__(self, text: str) -> Any:
        done = self.inner(text)
        slot = _open_slot()
        if slot is not None and isinstance(text, str):
            slot.add(text)
        return done


_lock = threading.Lock()
_runs = 0
_wrapped: list[_Noting] = []
_handling: Callable[..., None] | None = None  # what `callHandlers` was


@contextmanager
def capturing() -> Iterator[None]:
    """Look at what is printed and logged, for as long as any run is under way."""
    _begin()
    try:
        yield
    finally:
        _end()


def _begin() -> None:
    global _runs, _handling
    with _lock:
        _runs += 1
        seen = [one.stream for one in _wrapped]
        for stream in (sys.stdout, sys.stderr):
            if can_be_wrapped(stream) and not any(stream is one for one in seen):
                with suppress(AttributeError, TypeError):  # a stream that takes no attribute
                    _wrapped.append(_Noting(stream))
                    seen.append(stream)
        if _handling is None:
            _handling = logging.Logger.callHandlers
            logging.Logger.callHandlers = _call_handlers  # type: ignore[method-assign] # see above


def _end() -> None:
    global _runs, _handling
    with _lock:
        _runs -= 1
        if _runs:
            return
        for one in _wrapped:
            one.remove()
        _wrapped.clear()
        if logging.Logger.callHandlers is _call_handlers and _handling is not None:
            logging.Logger.callHandlers = _handling  # type: ignore[method-assign] # see above
            _handling = None  # else another library has put its own over ours, which goes on calling it


Forward = Callable[[logging.Logger, logging.LogRecord], None]
_forward: ContextVar[Forward | None] = ContextVar("plait_forward", default=None)
_forward_all: Forward | None = None


@contextmanager
def forwarding(forward: Forward, *, anywhere: bool) -> Iterator[None]:
    """Have records handled by `forward` that are made within: in this context, or in all threads of this process."""
    global _forward_all
    token = _forward.set(forward)
    if anywhere:
        _forward_all = forward
    try:
        yield
    finally:
        _forward.reset(token)
        if anywhere:
            _forward_all = None


def _call_handlers(self: logging.Logger, record: logging.LogRecord) -> None:
    slot = _open_slot()
    handle = _forward.get() or _forward_all or _handling or _plain
    if slot is None:
        handle(self, record)
        return
    token = _current.set(None)  # a handler that prints it would note it twice
    try:
        slot.add(_said(record))
        handle(self, record)
    finally:
        _current.reset(token)


_plain = logging.Logger.callHandlers


def _said(record: logging.LogRecord) -> str:
    before = record.exc_text
    try:
        return f"{_FORMAT.format(record)}\n"
    except Exception as error:  # its arguments do not fit its message
        return f"{record.levelname} {record.name}: {record.msg!r} cannot be formatted ({type(error).__name__})\n"
    finally:
        record.exc_text = before  # else the formatters of the program find ours there, and do not make their own


def _in_child() -> None:
    global _lock
    _lock = threading.Lock()
    _current.set(None)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
