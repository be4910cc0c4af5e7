r"""The one way to run a graph: a scheduler over content-addressed records, as a generator of what happens.

    waiting --inputs known--> ready --no record--> running --> known
                                 \------record----------------> known (a hit)
    running --it raised, and may pass--> ready again, after a wait that holds no worker
    known --its bytes are gone when a reader asks--> ready again, and the reader waits (`ArtifactLost`)

A node is *known* when its artifact is: a hit needs the record, not the value. A value is *held* in memory only from
when somebody makes or reads it until its last reader is done. Records are kept before `Finished` is yielded. It is
the topological scheduler with constructive traces of *Build systems à la carte* (Mokhov, Mitchell, Peyton Jones 2018).

Each idea has a module: what becomes known (`results`), what waits for whom (`frontier`), what goes first (`ready`,
`timing`), what there is to take (`pools`), where work is done (`sites`), what goes wrong (`failing`, `healing`).
"""

import os
from collections.abc import Generator, Iterator, Mapping
from concurrent.futures import BrokenExecutor, CancelledError
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from plait.core.durations import readable
from plait.core.garbage import paused
from plait.core.tuples import new
from plait.errors import ArtifactLost, PlaitError
from plait.ports import Clock, Executor, Ledger
from plait.runtime.events import Finished, RunEvent, Started
from plait.runtime.failing import Failing
from plait.runtime.healing import Healing
from plait.runtime.interrupts import ends_run
from plait.runtime.logs import taken
from plait.runtime.naming import warn_once
from plait.runtime.pools import Needs, Pools, sized
from plait.runtime.ready import Lanes, Stack
from plait.runtime.reporting import Report
from plait.runtime.request import MEMORY, Request, State
from plait.runtime.results import Results
from plait.runtime.sites import Raised, Running, Sites
from plait.runtime.timing import Times, rank
from plait.runtime.traces import Broken
from plait.runtime.unfolding import Growth
from plait.runtime.vault import Vault
from plait.runtime.watchdog import Overdue
from plait.runtime.work import Work
from plait.runtime.worker import Done

if TYPE_CHECKING:
    from concurrent.futures import Future


_LOOK = 1.0  # seconds after which somebody who waits looks around


def execute(
    request: Request,
    state: State,
    *,
    vault: Vault,
    ledger: Ledger | None,
    executor: Executor,
    clock: Clock,
    others: Mapping[str, Executor] | None = None,
) -> Generator[RunEvent, None, None]:
    """Runs what the targets need, and yields what happens. Without a ledger nothing is named or kept.

    `others` are the executors that single steps ask for, by name. Raises `NodeFailed` for the first failure, unless the
    request says to keep going; `PlaitError` before any work for what cannot go where it is to run.
    """
    started = {**(others or {}), "": executor}
    way = _OneByOne if started[""].inline and len(started) == 1 else _SideBySide
    with paused():
        scheduler = way(request, state, vault, ledger, clock, started)
        scheduler.begin()
        if not scheduler.ready:  # all of it is known
            yield from scheduler.go()
            del scheduler  # with all that nobody needs to look through then
            return
    yield from scheduler.go()


class _Scheduler:
    """What both ways to go through a graph have in common."""

    def __init__(self, work: Work, started: Mapping[str, Executor], *, one_by_one: bool = False) -> None:
        self.work = work
        self._process = os.getpid()
        self.results = Results(work)
        self.healing = Healing(work, self.results)
        self.failing = Failing(work, self.results)
        self.sites = Sites(work, self.results, started, one_by_one=one_by_one)
        self.growth = Growth(work, self.results, self.failing) if work.request.graph.folded else None

    def begin(self) -> None:
        """Takes in what was given, and all that can be known without work."""
        work = self.work
        try:
            elsewhere = not self.sites.here.issuperset(self.sites.started)
            for name, value in work.request.given.items():
                if self.growth is not None and name in work.request.graph.whole:
                    self.growth.give(name, value)
                else:
                    self.results.give(name, value, publish=elsewhere)
            self.results.admit(work.frontier.first() if self.growth is None else self.growth.first())
        except BaseException:
            self._stop()
            raise

    def go(self) -> Generator[RunEvent, None, None]:
        """Does the work, and yields what happens."""
        work, state = self.work, self.work.state
        try:
            yield from self._rounds()
            while not self.failing.settled():  # who attempts to read what is skipped goes on
                yield from self._rounds()
            if self.growth is not None:
                self.growth.ended()
                yield from work.told
            if self.failing.fatal is not None:
                raise self.failing.fatal
            left = [name for name in work.frontier.needed if name not in state.states]
            if left and not state.failures:
                raise PlaitError(f"plait stopped before {', '.join(left[:5])} could run; this is a defect of plait")
        finally:
            self._stop()

    def _rounds(self) -> Iterator[RunEvent]:
        raise NotImplementedError

    def _stop(self) -> None:
        self.sites.close()
        self.failing.end()
        if self.growth is not None:
            self.growth.leave()

    def _lost(self, name: str, lost: ArtifactLost) -> None:
        if not self.results.stands(name) or self.failing.doomed(name):
            return
        error = self.healing.again(name, lost)
        if error is not None:
            self.failing.failed_for_good(name, error)


class _OneByOne(_Scheduler):
    """One node after the other, in this thread; an async step is waited for."""

    def __init__(
        self,
        request: Request,
        state: State,
        vault: Vault,
        ledger: Ledger | None,
        clock: Clock,
        started: Mapping[str, Executor],
    ) -> None:
        self.ready = Stack()
        super().__init__(Work(request, state, vault, ledger, clock, None, self.ready), started, one_by_one=True)

    def _rounds(self) -> Iterator[RunEvent]:
        work, results, failing = self.work, self.results, self.failing
        told, ready, perform, unkept = work.told, self.ready, self.sites.perform, work.ledger is None
        while True:
            while told:
                yield told.popleft()
            if failing.fatal is not None:
                raise failing.fatal
            if failing.due:
                if not ready:
                    work.clock.sleep(failing.until_next() or 0.0)
                failing.resume()
            if not ready:
                return
            name = ready.pop()
            if not results.stands(name):
                continue
            yield new(Started, (name, "", 0.0))
            work.began[name] = work.clock.steady()
            try:
                done = perform(work.nodes[name])
            except ArtifactLost as lost:
                self._lost(name, lost)
            except BaseException as error:
                if ends_run(error, self._process):
                    raise
                failing.failed(name, error)
            else:
                if unkept:
                    ready.push(results.settle(name, done.value, MEMORY, done.seconds, here=True))
                    yield new(Finished, (name, MEMORY.digest, done.seconds, "", 0.0, ""))
                else:
                    results.finished(name, done, here=True)


class _SideBySide(_Scheduler):
    """As many nodes at once as there are workers, and as limits let."""

    def __init__(
        self,
        request: Request,
        state: State,
        vault: Vault,
        ledger: Ledger | None,
        clock: Clock,
        started: Mapping[str, Executor],
    ) -> None:
        nodes = request.graph.nodes
        times = Times((nodes[name] for name in request.needed), ledger, vault.naming)
        work = Work(request, state, vault, ledger, clock, times.of, Stack())
        super().__init__(work, started)
        sizes = sized({nodes[name].definition for name in request.needed}, request.limits)
        self.pools = Pools({**sizes, **self.sites.slots()}, self.sites.here)
        self.ready = work.ready = Lanes(self.pools, self.sites.needs, lambda name: rank(work, name))
        self.running: dict[Future[Any], Running] = {}
        self._blocking: tuple[str, Needs] | None = None  # a node that keeps us busy while it runs
        self._ended: SimpleQueue[Future[Any]] = SimpleQueue()

    def _rounds(self) -> Iterator[RunEvent]:
        """Every free slot is filled before anything is told: a listener that is slow keeps nobody waiting."""
        told, failing = self.work.told, self.failing
        if self.ready:
            self.sites.check_that_all_travel()
        while True:
            self._take_in(wait=not told and self._blocking is None)
            failing.resume()
            if failing.fatal is None:
                self._fill()
            if told:
                yield told.popleft()
            elif failing.fatal is not None:
                if not self.running:
                    raise failing.fatal
                for future in self.running:  # what runs beside a failure is not thrown away; what waits is
                    future.cancel()
            elif self._blocking is not None:
                (name, needs), self._blocking = self._blocking, None
                self._start(name, needs)
            elif not self.running and not self.ready and not failing.due:
                return

    def _fill(self) -> None:
        while self._blocking is None and (taken := self.ready.pop()) is not None:
            name, needs = taken
            if not self.results.stands(name):
                self.pools.give_back(needs)
                continue
            self.work.at_work.add(name)
            self.work.told.append(Started(name))
            self.work.began[name] = self.work.clock.steady()
            if needs.waits:
                self._blocking = taken  # first all is told
            else:
                self._start(name, needs)

    def _start(self, name: str, needs: Needs) -> None:
        try:
            future, running = self.sites.start(name, needs)
        except ArtifactLost as lost:
            self._leave(name, needs)
            self._lost(name, lost)
        except PlaitError as error:
            self._leave(name, needs)
            self.failing.failed(name, error)
        except BrokenExecutor as error:
            self._leave(name, needs)
            self.failing.lost_worker(name, error)
        else:
            self.running[future] = running
            future.add_done_callback(self._ended.put)

    def _leave(self, name: str, needs: Needs) -> None:
        self.work.at_work.discard(name)
        self.pools.give_back(needs)

    def _take_in(self, *, wait: bool) -> None:
        """Takes in what has ended; if there is nothing else to do, waits for it, or for who is tried again."""
        if self.running:
            until = self.failing.until_next()
            pause = _LOOK if until is None else min(until, _LOOK)
            for future in self._those_that_ended(pause if wait else 0.0):
                running = self.running.pop(future, None)
                if running is not None:
                    self._leave(running.name, running.needs)
                    self._ended_with(future, running)
            for future, running in list(self.running.items()):
                if running.overdue:
                    del self.running[future]
                    self.sites.kill(future, running)
                    self._leave(running.name, running.needs)
                    self.failing.failed(running.name, _too_long(running.name, running.overdue))
        elif wait and self.failing.due and not self.ready:
            self.work.clock.sleep(self.failing.until_next() or 0.0)

    def _those_that_ended(self, pause: float) -> Iterator["Future[Any]"]:
        try:
            yield self._ended.get(timeout=pause) if pause else self._ended.get_nowait()
            while True:
                yield self._ended.get_nowait()
        except Empty:
            return

    def _ended_with(self, future: "Future[Any]", running: Running) -> None:
        name, here = running.name, running.needs.site in self.sites.here
        is_own = False  # did the step raise it, and not its executor?
        try:
            done: Report | Done | Broken | Raised = future.result()
            if isinstance(done, Report):
                done = self._told(name, done)
            if isinstance(done, (Broken, Raised)):
                is_own = True
                try:
                    raise done.error
                finally:
                    del done  # it would hold this frame by the error, and what the step was given
            for category, message in done.warnings:
                warn_once(category, message)
        except ArtifactLost as lost:
            self._lost(name, lost)
        except BaseException as error:
            if ends_run(error, self._process):
                raise
            if is_own or not isinstance(error, (BrokenExecutor, CancelledError)):
                self.failing.failed(name, error)
            elif running.overdue is not None and running.overdue.ended():
                self.failing.failed(name, _too_long(name, running.overdue))
            elif isinstance(error, BrokenExecutor):
                self.failing.lost_worker(name, error)
            elif self.failing.fatal is None or not future.cancelled():  # else it was we who cancelled it
                self.failing.failed(name, error)
        else:
            self.results.finished(name, done, here=here)

    def _told(self, name: str, report: Report) -> Done | Broken:
        self.work.state.workers[name] = report.worker
        taken(report.records)
        if report.log is not None:
            self.sites.keep_log(name, report.log)
        return report.outcome

    def _stop(self) -> None:
        """Nothing is left running."""
        for future, running in self.running.items():
            self.sites.kill(future, running)
        self.work.ready = Stack()
        super()._stop()


def _too_long(name: str, overdue: Overdue) -> TimeoutError:
    """The error of a step whose worker was ended since its time was over."""
    error = TimeoutError(f"{name} took longer than its timeout of {readable(overdue.seconds)}; it was killed")
    if place := overdue.place():
        error.add_note(f"it was at\n{place}")
    return error
