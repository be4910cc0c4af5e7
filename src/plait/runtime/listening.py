"""The one loop that owns a run's events, and hands each to whoever listens."""

from collections.abc import Callable, Generator
from contextlib import closing

from plait.runtime.events import RunEvent
from plait.runtime.native_threads import limited
from plait.runtime.process_lock import nested

Listener = Callable[[RunEvent], None]


def tell(listeners: list[Listener], event: RunEvent) -> None:
    """Tells each listener; one that raises is logged once and taken off the list."""
    for listener in list(listeners):
        try:
            listener(event)
        except Exception:
            import logging

            listeners.remove(listener)
            logging.getLogger("plait").exception("a listener failed, and is not told any more: %r", listener)


def drive(events: Generator[RunEvent, None, None], listeners: list[Listener]) -> None:
    """Runs to the end, whatever the listeners do; numeric libraries are limited meanwhile."""
    with nested(), limited(), closing(events):
        for event in events:
            if listeners:
                tell(listeners, event)
