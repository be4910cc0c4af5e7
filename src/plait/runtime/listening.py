"""The one loop that owns a run's events, and hands each to whoever listens."""

import time
from collections.abc import Callable, Generator
from contextlib import closing

from plait.runtime.events import Failed, Finished, Retried, RunEvent, RunFinished, RunStarted
from plait.runtime.native_threads import limited
from plait.runtime.process_lock import nested
from plait.runtime.request import State

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


def drive(events: Generator[RunEvent, None, None], listeners: list[Listener], run: str, state: State) -> None:
    """Runs to the end, whatever the listeners do; numeric libraries are limited meanwhile."""
    with nested(), limited(), closing(events):
        for event in events:
            if listeners:
                tell(listeners, _stamped(event, run, state))


def _stamped(event: RunEvent, run: str, state: State) -> RunEvent:
    """An event with its run, time and worker: looked up here, where listeners pay for it and nothing else does."""
    if isinstance(event, (RunStarted, RunFinished)):
        return event._replace(time=time.time())
    if isinstance(event, (Finished, Failed, Retried)):
        worker = state.workers.get(event.node, state.worker)
        return event._replace(run=run, time=time.time(), worker=worker)
    return event._replace(run=run, time=time.time())
