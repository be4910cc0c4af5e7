"""What history says of the nodes of a run: from what the run has come to, to `NodeRun`s, and back."""

import os
import threading
from collections.abc import Sequence
from functools import partial
from itertools import repeat

from plait.core.error_text import error_message
from plait.core.tuples import new
from plait.errors import PastError
from plait.history.nodes import NodeError, NodeRun, error_of
from plait.history.rows import RunRow
from plait.runtime.request import State
from plait.runtime.traces import format_traceback
from plait.secret import masked


def node_runs(state: State) -> tuple[NodeRun, ...]:
    """What became of all nodes of a run; there may be very many, most of them cache hits."""
    states, none, zero = state.states, repeat(""), repeat(0.0)
    keys, seconds = map(state.keys.get, states, none), map(state.seconds.get, states, zero)
    rest = (zero, none, repeat(()), repeat(None), repeat(None))
    rows = zip(states, keys, states.values(), seconds, *rest)  # noqa: B905 - the others never end
    hits = map(partial(new, NodeRun), rows)
    if not state.began and not state.errors:
        return tuple(hits)
    found = dict(zip(states, hits, strict=True))
    special = {*state.attempts, *state.errors, *state.logs}
    (epoch, steady), workers, worker = state.zero, state.workers, state.worker
    for name, began in state.began.items():
        if name in special or (hit := found.get(name)) is None:
            continue
        where = workers.get(name, worker) if workers else worker
        found[name] = new(NodeRun, (*hit[:4], epoch + round(began - steady, 3), where, (), None, None))
    for name in special:
        if name in found:
            found[name] = node_run(state, name)
    return tuple(found.values())


def node_run(state: State, name: str) -> NodeRun:
    """What became of one node."""
    began = state.began.get(name)
    epoch, steady = state.zero
    return NodeRun(
        name,
        state.keys.get(name, ""),
        state.states.get(name, "running"),
        state.seconds.get(name, 0.0),
        0.0 if began is None else epoch + round(began - steady, 3),
        "" if began is None else state.workers.get(name, state.worker),
        tuple(state.attempts.get(name, ())),
        state.errors.get(name),
        state.logs.get(name),
    )


def take_in(state: State, row: RunRow) -> None:
    """Fills the state of a run of the past."""
    state.zero = (row.started, 0.0)
    for name, key, word, seconds, started, worker, attempts, error, log in row.nodes:
        state.states[name] = word
        state.seconds[name] = seconds
        if key:
            state.keys[name] = key  # type: ignore[assignment] # a key, as text
        if started:
            state.began[name] = started - row.started
            state.workers[name] = worker
        if attempts:
            state.attempts[name] = list(attempts)
        if log is not None:
            state.logs[name] = log
        if word == "failed":
            error = error or _of_row(row, name)
            state.errors[name] = error
            state.failures[name] = PastError(*error)


def _of_row(row: RunRow, name: str) -> NodeError:
    """What a row says of a failure that was recorded by a version that kept no errors of nodes."""
    kind, _, message = row.error.removeprefix(f"{name}: ").partition(": ")
    if row.error.startswith(f"{name}: ") and kind.isidentifier():
        return NodeError(kind, message)
    return NodeError("Exception", "its reason was not kept: an earlier version of plait recorded this run")


def describe(error: BaseException) -> NodeError:
    """An error for the history: bounded, without secrets, and without frames of plait. It never raises."""
    text = masked(format_traceback(error))
    return error_of(type(error).__qualname__, masked(error_message(error, longest=None)), text)


_processes: dict[int, str] = {}  # this one, and in a forked child those that it comes from


def here() -> str:
    """This thread, as history names where a node ran: host, process, thread."""
    process = os.getpid()
    if (known := _processes.get(process)) is None:
        import platform

        known = _processes[process] = f"{platform.node()} {process}"
    return f"{known} {threading.current_thread().name}"


def failed_only(state: State) -> Sequence[NodeRun]:
    """What became of the nodes that failed."""
    return [node_run(state, name) for name in state.errors]
