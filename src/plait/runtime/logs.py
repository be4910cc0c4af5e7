"""Log records of steps that run in other processes: handled here, by the handlers, filters and levels of this program.

A worker process does not run the `__main__` that set up logging. So it is told the levels that hold here, and sends
each record that passes them; here it goes the way of a record that was made here. In the worker only those handlers see
it that a step has added itself: others were made by the import of a module that this program has imported too, and
would say everything twice.
"""

import logging
import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple, TypeAlias
from weakref import WeakSet

from plait.runtime import output

Sent: TypeAlias = tuple[dict[str, Any], bool]  # the fields of a record; and has a handler in the worker had it?
_MOST = 10_000  # records of one node that are kept until its end, where they cannot be sent at once
_PLAIN = (str, int, float, bool, type(None))
_EXCEPTION = logging.Formatter().formatException


class Levels(NamedTuple):
    """Which records are made at all."""

    disabled: int  # records up to this level are not, whatever the loggers say
    loggers: tuple[tuple[str, int], ...]


def levels() -> Levels:
    """The levels that hold in this process now."""
    manager = logging.root.manager
    known = [(name, one.level) for name, one in list(manager.loggerDict.items()) if isinstance(one, logging.Logger)]
    return Levels(manager.disable, (("", logging.root.level), *((name, level) for name, level in known if level)))


def handle(sent: Sent) -> None:
    """Handle a record of another process as if it had been made here. It never raises."""
    fields, handled = sent
    token = output.set_current(None)  # it was noted where it was made
    try:
        logger = logging.getLogger(fields["name"])
        if logger.isEnabledFor(fields["levelno"]) and (logger.hasHandlers() or not handled):
            logger.handle(logging.makeLogRecord(fields))
    except Exception:
        logging.getLogger("plait").debug("a log record of a worker process could not be handled", exc_info=True)
    finally:
        output.reset_current(token)


# in the worker

_set: dict[str, int] = {}  # the levels that were set here for another process
_of_imports: WeakSet[logging.Handler] = WeakSet()
_of_steps: WeakSet[logging.Handler] = WeakSet()


@contextmanager
def sending(wanted: Levels, send: Callable[[Sent], None] | None) -> Iterator[tuple[list[Sent], Callable[[], None]]]:
    """Send the records that are made within, at once by `send`, else by the list that is given, at the end.

    The other thing that is given is to be called when all is imported, before the step is: only now levels can be set.
    """
    kept: list[Sent] = []

    def forward(logger: logging.Logger, record: logging.LogRecord) -> None:
        sent = _fields(record), _handled_here(logger, record)
        if send is not None:
            with suppress(Exception):  # the program is gone, and this process ends soon
                send(sent)
        elif len(kept) < _MOST:
            kept.append(sent)

    def begin() -> None:
        _apply(wanted)
        _of_imports.update(one for one in _handlers() if one not in _of_steps)

    with output.forwarding(forward, anywhere=send is not None):
        yield kept, begin
    _of_steps.update(one for one in _handlers() if one not in _of_imports)


def _handlers() -> list[logging.Handler]:
    """All that there are in this process."""
    found = [reference() for reference in list(getattr(logging, "_handlerList", ()))]
    return [one for one in found if one is not None]


def _handled_here(logger: logging.Logger, record: logging.LogRecord) -> bool:
    """Give a record to the handlers that steps have added; was there one?"""
    found, at = False, logger
    while at is not None:
        for handler in at.handlers:
            if handler not in _of_imports and record.levelno >= handler.level:
                found = found or not isinstance(handler, logging.NullHandler)
                handler.handle(record)
        if not at.propagate or at.parent is None:
            break
        at = at.parent
    return found


def _apply(wanted: Levels) -> None:
    """Set the levels; those that were set for an earlier run are taken back."""
    if logging.root.manager.disable != wanted.disabled:
        logging.disable(wanted.disabled)
    now = dict(wanted.loggers)
    for name in _set.keys() - now.keys():
        logging.getLogger(name).setLevel(logging.NOTSET)
        del _set[name]
    for name, level in wanted.loggers:
        logger = logging.getLogger(name) if name else logging.root
        if logger.level != level:
            logger.setLevel(level)
            _set[name] = level


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    """A record as it can be sent: its message made, its error as text, all else as it is or as its `repr`."""
    fields = dict(record.__dict__)
    try:
        fields["msg"] = record.getMessage()
    except Exception as error:
        fields["msg"] = f"{record.msg!r} cannot be formatted ({type(error).__name__})"
    if record.exc_info and not record.exc_text:
        with suppress(Exception):
            fields["exc_text"] = _EXCEPTION(record.exc_info)
    fields.update(args=None, exc_info=None)
    for name in [name for name, value in fields.items() if type(value) not in _PLAIN]:
        fields[name] = _as_sent(fields[name])
    return fields


def _as_sent(value: Any) -> Any:
    try:
        return pickle.loads(pickle.dumps(value))  # noqa: S301 - made just now: can it be made again there?
    except Exception:
        try:
            return repr(value)
        except Exception:
            return f"a {type(value).__name__}"


def taken(sent: Sequence[Sent]) -> None:
    """Handle records that come at the end of a node."""
    for one in sent:
        handle(one)
