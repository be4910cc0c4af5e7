"""The one loop that owns a run's events, and hands each to whoever listens."""

import logging
from collections.abc import Callable, Generator, Sequence
from contextlib import closing

from plait.runtime.events import RunEvent

Listener = Callable[[RunEvent], None]


def drive(events: Generator[RunEvent, None, None], listeners: Sequence[Listener]) -> None:
    """Runs to the end; a listener that raises is logged once and asked no more, and never stops a run."""
    active = list(listeners)
    with closing(events):
        for event in events:
            for listener in list(active):
                try:
                    listener(event)
                except Exception:
                    active.remove(listener)
                    logging.getLogger("plait").exception("a listener failed, and is not told any more: %r", listener)
