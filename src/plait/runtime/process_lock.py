"""One lock for the process: a step that changes what all steps share runs alone, whichever run it belongs to.

Random state and the number of numeric threads exist once in a process, and runs in several threads of a program share
them. So each step is either *beside* others or *alone*. To be beside others costs two changes of a dict: a thread says
that it is at work, and looks whether a step waits to be alone; a step that wants to be alone says so, and looks which
threads are at work. One of the two sees the other. Only then is a real lock taken.

What prevents deadlocks:
- A step that runs a pipeline does not count while that run is under way, and the steps of that run may run although the
  outer step runs alone. This holds in the thread of the step, in threads that it starts, and in `asyncio.to_thread`.
- A step that waits to be alone stops new ones for a while only, then lets them pass for as long: whatever its
  predecessors wait for goes on.
- A step that is beside others and has been waiting for another thread all the time is passed over in the end.
"""

import os
import sys
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import get_ident
from time import monotonic
from typing import Any

from plait.core.graph import Node
from plait.runtime.naming import warn_once

at_work: dict[int, Node] = {}  # the steps that run beside others, by the thread that waits for their results
in_the_way: set[object] = set()  # not empty: enter and leave through `enter_beside` and `leave_beside`

_CLOSED = 0.5  # seconds for which new steps are stopped at first
_LOOK = 0.5  # seconds between two looks at the other threads
_STUCK = 10.0  # seconds after which a step that only waits is passed over
_LONG = 30.0  # seconds after which it is said what is waited for
_WAITING = ("threading", "queue", "concurrent.futures", "selectors", "asyncio", "multiprocessing", "subprocess")
_STARTS = frozenset({"_thread.start_new_thread", "_thread.start_joinable_thread"})

_changed = threading.Condition(threading.Lock())
_alone: "Alone | None" = None  # the innermost step that runs alone
_is_closed = False
_suspended: dict[tuple[int, int], int] = {}  # runs under way in a step, by its thread and the id of its node
_here = threading.local()  # .under: the step that runs alone, for which this thread works
_started_by: "weakref.WeakKeyDictionary[threading.Thread, tuple[int, Node]]" = weakref.WeakKeyDictionary()
_is_hooked = False
async_step: ContextVar[tuple[int, Node] | None] = ContextVar("async_step", default=None)


class Alone:
    """A step that runs alone, or waits to; `outer` is the one that runs the pipeline in which it stands."""

    __slots__ = ("node", "outer", "thread", "under")

    def __init__(self, node: Node, under: "Alone | None") -> None:
        self.node, self.under = node, under
        self.thread = get_ident()
        self.outer: Alone | None = None


@contextmanager
def alone(node: Node) -> Iterator[None]:
    """Run a step while no other step of this process runs, but those of the pipelines that it runs."""
    global _alone
    mine = Alone(node, under())
    try:
        _wait_to_be_alone(mine)
        yield
    finally:
        with _changed:
            if _alone is mine:
                _alone = mine.outer
            in_the_way.discard(mine)
            _forget(mine.thread, node)
            _changed.notify_all()


def enter_beside(node: Node) -> None:
    """Wait until no step runs alone. Called where `in_the_way` is not empty, after a thread has said that it works."""
    me, above, began = get_ident(), under(), monotonic()
    with _changed:
        at_work.pop(me, None)
        _changed.notify_all()
        while not _is_allowed(above) or (_is_closed and above is None):
            _changed.wait(_LOOK)
            _drop_the_dead()
            _say_if_long(began, node)
        at_work[me] = node


def leave_beside(node: Node) -> None:
    """Tell a step that waits to be alone. Called where `in_the_way` is not empty, after a thread has ended its work."""
    with _changed:
        _forget(get_ident(), node)
        _changed.notify_all()


def under() -> Alone | None:
    """Return the step that runs alone and for which this thread works, if there is one."""
    me, step, top = get_ident(), None, _alone
    if top is None:
        return None
    inherited: Alone | None = getattr(_here, "under", None)
    if inherited is None and (step := _parent()) is None:
        step = (me, top.node)
    while top is not None:
        if top.thread == me or top is inherited or (step is not None and step[0] == top.thread and step[1] is top.node):
            return top
        top = top.outer
    return None


@contextmanager
def inheriting(above: Alone) -> Iterator[None]:
    """Let this thread work for a step that runs alone."""
    before = getattr(_here, "under", None)
    _here.under = above
    try:
        yield
    finally:
        _here.under = before


@contextmanager
def nested() -> Iterator[None]:
    """While a run is under way here: the step that runs it, if one does, does not count as being at work."""
    _hook_thread_starts()
    me = get_ident()
    node = at_work.get(me)
    step = _parent() if node is None else (me, node)
    if step is None:
        yield
        return
    place = (step[0], id(step[1]))
    with _changed:
        counts = at_work.get(step[0]) is step[1]
        if counts:
            del at_work[step[0]]
        if counts or place in _suspended:
            _suspended[place] = _suspended.get(place, 0) + 1
            in_the_way.add(place)
        _changed.notify_all()
    try:
        yield
    finally:
        _resume(step, place)


def _resume(step: tuple[int, Node], place: tuple[int, int]) -> None:
    above = under()
    with _changed:
        if place not in _suspended:  # it has ended meanwhile
            return
        if _suspended[place] > 1:
            _suspended[place] -= 1
            return
        while not _is_allowed(above):
            _changed.wait(_LOOK)
            _drop_the_dead()
        if _suspended.pop(place, None) is not None:
            in_the_way.discard(place)
            at_work[step[0]] = step[1]


def _wait_to_be_alone(mine: Alone) -> None:
    global _alone, _is_closed
    began, patience = monotonic(), _CLOSED
    seen: dict[int, float] = {}  # threads that only wait, and since when
    with _changed:
        in_the_way.add(mine)
        try:
            turn = began + patience
            _is_closed = True
            while not (_is_allowed(mine.under) and not _others(mine.thread, seen)):
                _changed.wait(min(_LOOK, max(0.01, turn - monotonic())))
                if monotonic() >= turn:
                    _is_closed = not _is_closed
                    patience *= 1 if _is_closed else 2
                    turn = monotonic() + patience
                    _changed.notify_all()
                _drop_the_dead()
                _look_for_stuck(seen)
                _say_if_long(began, mine.node)
            mine.outer, _alone = _alone, mine
        finally:
            _is_closed = False


def _is_allowed(above: Alone | None) -> bool:
    """May a step start beside the one that runs alone, since it works for it?"""
    while above is not None and above is not _alone:
        above = above.under
    return _alone is None or above is _alone


def _others(me: int, seen: dict[int, float]) -> bool:
    now = monotonic()
    return any(thread != me and now - seen.get(thread, now) < _STUCK for thread in list(at_work))


def _look_for_stuck(seen: dict[int, float]) -> None:
    frames = sys._current_frames()
    now = monotonic()
    waiting = {thread for thread in list(at_work) if _waits(frames.get(thread))}
    for thread in [*seen]:
        if thread not in waiting:
            del seen[thread]
    for thread in waiting:
        seen.setdefault(thread, now)


def _waits(frame: Any) -> bool:
    return frame is not None and str(frame.f_globals.get("__name__")).startswith(_WAITING)


def _drop_the_dead() -> None:
    """Forget threads that have ended."""
    global _alone
    alive = sys._current_frames()
    for thread in list(at_work):
        if thread not in alive:
            at_work.pop(thread, None)
    while _alone is not None and _alone.thread not in alive:
        in_the_way.discard(_alone)
        _alone = _alone.outer


def _say_if_long(began: float, node: Node) -> None:
    if monotonic() - began < _LONG:
        return
    names = sorted(
        {one.name for one in (*list(at_work.values()), *([_alone.node] if _alone else [])) if one is not node}
    )
    warn_once(
        RuntimeWarning,
        f"{node.name} has waited {_LONG:.0f} s for {', '.join(names[:5]) or 'another step'} of another run, since "
        f"one of the two changes what the whole process shares (random state, or numeric threads) and so runs alone. "
        f"If that step waits for this run, both wait for ever: run the pipeline in the step's own thread, or in one "
        f'that it starts. To let both run at once, give the step a seed: Seed, or @step(executor="processes")',
    )


def _forget(thread: int, node: Node) -> None:
    """A step has ended, whatever runs under way in it do."""
    place = (thread, id(node))
    if _suspended.pop(place, None) is not None:
        in_the_way.discard(place)
    if at_work.get(thread) is node:
        del at_work[thread]


def _parent() -> tuple[int, Node] | None:
    """The step for which this thread or this task was started, by its thread and node."""
    found = async_step.get()
    if found is None and len(_started_by):
        found = _started_by.get(threading.current_thread())
    return found


def _hook_thread_starts() -> None:
    global _is_hooked
    if _is_hooked:
        return
    _is_hooked = True
    if sys.version_info >= (3, 12):
        sys.addaudithook(_hook)
    else:  # whose audit hooks are not told
        start = threading._start_new_thread  # type: ignore[attr-defined]

        def start_new_thread(function: Any, *args: Any) -> Any:
            _note_start(function)
            return start(function, *args)

        threading._start_new_thread = start_new_thread  # type: ignore[attr-defined]


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if event in _STARTS:
        _note_start(arguments[0])


def _note_start(function: Any) -> None:
    """A thread that a step starts works for it."""
    if not (at_work or in_the_way):
        return
    step = step_here() or _parent()
    thread = getattr(function, "__self__", None)
    if step is not None and isinstance(thread, threading.Thread):
        _started_by[thread] = step


def step_here() -> tuple[int, Node] | None:
    """The step that this thread works on."""
    me = get_ident()
    node = at_work.get(me) or next((one.node for one in _chain() if one.thread == me), None)
    return None if node is None else (me, node)


def _chain() -> Iterator[Alone]:
    one = _alone
    while one is not None:
        yield one
        one = one.outer


def _in_child() -> None:
    """A forked child has one thread, and only its step."""
    global _changed, _alone, _is_closed
    me = get_ident()
    _changed = threading.Condition(threading.Lock())
    for thread in list(at_work):
        if thread != me:
            del at_work[thread]
    while _alone is not None and _alone.thread != me:
        _alone = _alone.outer
    in_the_way.clear()
    in_the_way.update(_chain())
    _suspended.clear()
    _is_closed = False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
