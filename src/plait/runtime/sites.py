"""Where the nodes of a run are worked on: by its executor, by those of single steps, or on the loop of async steps."""

import os
import shutil
import threading
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from sys import getsizeof
from typing import TYPE_CHECKING, Any, NamedTuple

from plait.core.calling import call
from plait.core.containers import IMMUTABLE
from plait.core.definition import Definition
from plait.core.graph import Node
from plait.core.records import Artifact, lasting, part_of
from plait.core.sources import Const, outputs, params
from plait.errors import ArtifactLost, ParameterError, PlaitError
from plait.history.nodes import NodeLog
from plait.ports import Executor
from plait.runtime.contents import files_in
from plait.runtime.interrupts import leave_child
from plait.runtime.library_settings import put_back
from plait.runtime.logs import Levels, handle, levels
from plait.runtime.loop import Loop
from plait.runtime.native_threads import cores
from plait.runtime.output import Slot, current, joined, reset_current, set_current
from plait.runtime.pools import SLOTS, Needs
from plait.runtime.process_lock import inheriting, under
from plait.runtime.recording import here
from plait.runtime.reporting import reported, reported_live
from plait.runtime.results import Results
from plait.runtime.travel import check_step, check_value
from plait.runtime.vault import INLINE, Vault
from plait.runtime.watchdog import Overdue
from plait.runtime.work import Work
from plait.runtime.worker import Done, Job, luggage, packed, perform

if TYPE_CHECKING:
    from concurrent.futures import Future

ASYNC = "async"


def check_timeouts(definitions: Iterable[Definition], started: Mapping[str, Executor]) -> None:
    """Raises `ParameterError` for a step whose timeout could not be kept where it would run."""
    for definition in definitions:
        options = definition.options
        executor = started.get(options.executor or "", started[""])
        if options.timeout is not None and not definition.asynchronous and not executor.killable:
            kind = type(executor).__name__.lower()
            raise ParameterError(
                f"{definition.name} has a timeout, and work on the executor {kind!r} cannot be killed. Let it run "
                f'where it can: run(executor="processes"), or @step(timeout=..., executor="processes"); '
                f"an async def step can be timed everywhere"
            )


class Raised(NamedTuple):
    """An error that a step raised in this process: a value, since futures and `contextlib` cannot pass on all errors.

    They take an error that is false (its length is 0) for none, and a frozen one becomes another.
    """

    error: BaseException


class Running(NamedTuple):
    """A node that is being worked on."""

    name: str
    needs: Needs
    overdue: Overdue | None


class Sites:
    """Starts nodes where they belong; `started` are the executors by name, that of the run under ""."""

    def __init__(
        self, work: Work, results: Results, started: Mapping[str, Executor], *, one_by_one: bool = False
    ) -> None:
        self.work, self.results, self.started = work, results, started
        self.loop = Loop(work.vault.naming.settings)
        some_wait = any(definition.asynchronous for definition in work.request.graph.definitions)
        self._call = self.loop.call if some_wait else call
        self.here = frozenset({ASYNC, *(name for name, executor in started.items() if executor.in_process)})
        self._needs: dict[Definition, Needs] = {}
        self._luggage: dict[str, bytes] = {}
        self._params: dict[str, Artifact | None] = {}  # those that are big, as workers read them
        self._traces: Path | None = None  # where workers say what they did when their time was over
        self._count = 0
        self._under = under()
        # One for all nodes, since to set and reset a context variable is 6 % of what a small node costs. Where several
        # nodes are at work, or tasks that may outlive a node take its context along, each node has its own.
        self._slot = Slot(current()) if one_by_one and not some_wait else None

    def slots(self) -> dict[str, float]:
        """How many nodes can be worked on at once, by site."""
        workers = {name: executor.workers for name, executor in self.started.items()}
        return {SLOTS + name: float(count) for name, count in {**workers, ASYNC: workers[""]}.items()}

    def needs(self, name: str) -> Needs:
        """What a node takes while it is worked on."""
        definition = self.work.nodes[name].definition
        known = self._needs.get(definition)
        if known is None:
            known = self._needs[definition] = self._asked(definition)
        return known

    def _asked(self, definition: Definition) -> Needs:
        options = definition.options
        named = options.executor or ""
        site = ASYNC if definition.asynchronous else named if named in self.started else ""
        takes = tuple(sorted(options.resources.items()))
        if site != ASYNC or not takes:  # how many async steps wait at once is said by what they name, if they do
            takes = (*takes, (SLOTS + site, 1.0))
        alone = site in self.here and self._changes_the_process(definition)
        return Needs(site, takes, alone, site != ASYNC and self.started[site].inline)

    def _changes_the_process(self, definition: Definition) -> bool:
        """Random state, the number of numeric threads, and settings are one for all that runs in it."""
        naming = self.work.vault.naming
        return cores(definition) > 1 or naming.draws(definition) is not None or naming.changes_settings(definition)

    def check_that_all_travel(self) -> None:
        """Raises `PlaitError` for a step, parameter or constant that cannot go where it is needed; before any work."""
        if self.here.issuperset(self.started):
            return
        checked: set[Any] = set()
        for name in self.work.frontier.needed:
            node = self.work.nodes[name]
            if name in self.work.state.states or self.needs(name).site in self.here:
                continue
            if node.definition not in checked:
                checked.add(node.definition)
                check_step(name, node.definition)
            for argument, source in node.inputs:
                if isinstance(source, Const):
                    check_value(source.value, f"{name}({argument})")
                for param in params(source):
                    if param.address not in checked:
                        checked.add(param.address)
                        check_value(self.work.request.surface.params[param.address], param.address)

    def start(self, name: str, needs: Needs) -> tuple["Future[Any]", Running]:
        """Begins the work of a node. Raises `ArtifactLost` where an input is being made again."""
        node = self.work.nodes[name]
        if needs.site == ASYNC:
            return self.loop.submit(self._perform_beside, node), Running(name, needs, None)
        executor = self.started[needs.site]
        if executor.in_process:
            return executor.submit(self._perform_beside, node), Running(name, needs, None)
        overdue = self._overdue(node) if executor.killable else None
        if needs.site not in self._luggage:
            leashed, shared = executor.killable and executor.shares_files, executor.shares_files
            self._luggage[needs.site] = luggage(self.work.vault, leashed=leashed, shared=shared)
        args = self._luggage[needs.site], self._packed(node, overdue), self._levels
        telling = getattr(executor, "submit_telling", None)
        if telling is not None:
            return telling(handle, reported_live, *args), Running(name, needs, overdue)
        return executor.submit(reported, *args), Running(name, needs, overdue)

    @cached_property
    def _levels(self) -> Levels:
        """Which records loggers make, as it was when the first node was sent away."""
        return levels()

    def perform(self, node: Node) -> Done:
        """Does the work of a node in this process."""
        name, work = node.name, self.work
        read = bool(work.frontier.children[name])
        key = work.state.keys.get(name)
        slot = self._slot
        if slot is None:
            slot = Slot()
            token = set_current(slot)
        elif current() is not slot:
            set_current(slot)
        slot.is_open = True
        try:
            return perform(node, key, work.vault, work.request.surface, self.results.output, read=read, call=self._call)
        finally:
            slot.is_open = False
            if self._slot is None:
                reset_current(token)
            if slot.log is not None:
                log, slot.log = slot.log, None
                self.keep_log(name, log.closed(None if work.ledger is None else work.vault.blobs))

    def keep_log(self, name: str, log: NodeLog) -> None:
        """Keep what an attempt of a node printed and logged, behind what earlier ones did."""
        logs, work = self.work.state.logs, self.work
        logs[name] = joined(logs.get(name), log, None if work.ledger is None else work.vault.blobs)

    def _perform_beside(self, node: Node) -> Done | Raised:
        self.work.state.workers[node.name] = here()
        before = self.work.vault.naming.settings.write_to_thread()
        try:
            if self._under is not None:  # this run was started by a step that runs alone
                with inheriting(self._under):
                    return self._performed(node)
            return self._performed(node)
        finally:
            if before:
                put_back(before)

    def _performed(self, node: Node) -> Done | Raised:
        process, in_pool = os.getpid(), threading.current_thread() is not threading.main_thread()
        done: Done | Raised
        try:
            done = self.perform(node)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            done = Raised(error)
        if in_pool and os.getpid() != process:  # a child that the step forked would wait for work of this pool for ever
            leave_child(done.error if isinstance(done, Raised) else None)
        return done

    def kill(self, future: "Future[Done]", running: Running) -> None:
        """Ends work at once, where that can be."""
        if not future.cancel() and running.needs.site != ASYNC and self.started[running.needs.site].killable:
            self.started[running.needs.site].kill(future)

    def close(self) -> None:
        """Nothing is left."""
        if self._slot is not None and current() is self._slot:
            set_current(self._slot.outer)
        self.loop.close()
        if self._traces is not None:
            shutil.rmtree(self._traces, ignore_errors=True)

    def _overdue(self, node: Node) -> Overdue | None:
        timeout = node.definition.options.timeout
        if timeout is None:
            return None
        if self._traces is None:
            self._traces = self.work.vault.blobs.scratch()
        self._count += 1
        return Overdue(timeout, str(self._traces / str(self._count)))

    def _packed(self, node: Node, overdue: Overdue | None) -> bytes:
        work, name, definition = self.work, node.name, node.definition
        known, artifacts = work.state.artifacts, {}
        for parent in work.frontier.parents[name]:
            if parent not in known:
                raise ArtifactLost(f"{parent} is being made again", digest="")
            if self.results.growth is not None:
                self.results.growth.write(parent)
            artifacts[parent] = (known[parent], work.nodes[parent].definition.result_class)
        code = work.vault.naming.code(definition).digest if definition.importable else None
        read = bool(work.frontier.children[name])
        for output in {output for _, source in node.inputs for output in outputs(source)}:
            whole = known[output.node]
            if not lasting(whole if output.part is None else part_of(whole, output.part)):
                raise PlaitError(
                    f"{name} reads {output.node}, whose value cannot leave this process; open it inside {name}, "
                    f'or let both stay here: @step(executor="threads")'
                )
        addresses = {param.address for _, source in node.inputs for param in params(source)}
        big = {address: artifact for address in addresses if (artifact := self._kept(address)) is not None}
        surface = work.request.surface
        surface = surface._replace(params={name: surface.params[name] for name in addresses if name not in big})
        timeout, trace = (None, "") if overdue is None else (overdue.seconds, overdue.trace)
        return packed(Job(node, work.state.keys[name], code, artifacts, surface, read, timeout, trace, big))

    def _kept(self, address: str) -> Artifact | None:
        """Where a big parameter is, for workers to read it there; none, if it is small and can go along."""
        if address not in self._params:
            value = self.work.request.surface.params[address]
            small = type(value) in IMMUTABLE and getsizeof(value) <= INLINE
            self._params[address] = None if small else _as_blob(self.work.vault, value)
        return self._params[address]


def _as_blob(vault: Vault, value: Any) -> Artifact | None:
    """A value in the store, if it is big; files stay where they are, and what cannot be kept is sent as it is."""
    if any(files_in(value)):
        return None
    try:
        artifact = vault.keep(value)
    except Exception:
        return None
    return artifact if artifact.where == "blob" else None
