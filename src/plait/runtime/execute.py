r"""The one way to run a graph: a scheduler over content-addressed records, as a generator of what happens.

    waiting --inputs known--> ready --no record--> running --> known
                                 \------record----------------> known (a hit)
    known --its bytes are gone when a reader asks--> ready again, and the reader waits (`ArtifactLost`)

A node is *known* when its artifact is: a hit needs the record, not the value. A value is *held* in memory only from
when somebody makes or reads it until its last reader is done. Records are kept before `Finished` is yielded. It is
the topological scheduler with constructive traces of *Build systems à la carte* (Mokhov, Mitchell, Peyton Jones 2018).
"""

from collections.abc import Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from plait.core.digest import Digest, Key
from plait.core.graph import Node
from plait.core.keys import arguments, node_key
from plait.core.manifest import manifest
from plait.core.records import Artifact, Record, lasting, part_of, refers
from plait.core.sources import Output
from plait.errors import ArtifactLost, NodeFailed, PlaitError, StoreError
from plait.ports import Clock, Executor, Ledger
from plait.runtime.digests import InputDigests
from plait.runtime.events import Cached, Failed, Finished, Lost, RunEvent, Skipped, Started
from plait.runtime.frontier import Frontier
from plait.runtime.naming import warn_once
from plait.runtime.request import MEMORY, Request, State
from plait.runtime.traces import Broken, users_own
from plait.runtime.vault import Vault
from plait.runtime.worker import Done, Job, luggage, packed, perform, work

if TYPE_CHECKING:
    from concurrent.futures import Future


def execute(
    request: Request, state: State, *, vault: Vault, ledger: Ledger | None, executor: Executor, clock: Clock
) -> Generator[RunEvent, None, None]:
    """Runs what the targets need, and yields what happens. Without a ledger nothing is named or kept.

    Raises `NodeFailed` for the first failure, unless the request says to keep going.
    """
    return _Scheduler(request, state, vault, ledger, executor, clock).go()


class _Scheduler:
    def __init__(
        self, request: Request, state: State, vault: Vault, ledger: Ledger | None, executor: Executor, clock: Clock
    ) -> None:
        self.request, self.state, self.vault, self.ledger = request, state, vault, ledger
        self.executor, self.clock = executor, clock
        self.nodes = request.graph.nodes
        self.frontier = Frontier(request.graph, request.needed, request.given, parallel=executor.workers > 1)
        self.kept = {*request.targets, *request.given}
        self.digests = InputDigests(vault.naming, request.surface, state.artifacts)
        self.luggage = b"" if executor.in_process else luggage(vault)
        self.running: dict[Future[Any], str] = {}
        self.began: dict[str, float] = {}
        self.inputs: dict[str, list[tuple[str, Digest]]] = {}
        self.codes: set[Digest] = set()  # whose manifests were kept
        self.twins: dict[Key, list[str]] = {}  # the node that makes what a key names, and those that wait for it
        self.remade: set[str] = set()  # nodes whose bytes were lost when somebody read them
        self.replaced: set[str] = set()  # nodes whose record points at bytes that are gone
        self.waiters: dict[str, list[str]] = {}  # who waits for a node that is made again

    def go(self) -> Generator[RunEvent, None, None]:
        try:
            for name, value in self.request.given.items():
                self._give(name, value)
            yield from self._admit(self.frontier.first())
            yield from self._one_by_one() if self.executor.inline else self._side_by_side()
            left = [name for name in self.frontier.needed if name not in self.state.states]
            if left and not self.state.failures:
                raise PlaitError(f"plait stopped before {', '.join(left[:5])} could run; this is a defect of plait")
        finally:
            for future in self.running:  # nothing is left running
                if not future.cancel() and self.executor.killable:
                    self.executor.kill(future)

    def _one_by_one(self) -> Iterator[RunEvent]:
        frontier, nodes, unkept = self.frontier, self.nodes, self.ledger is None
        while frontier:
            name = frontier.pop()
            yield Started(name)
            self.began[name] = self.clock.steady()
            try:
                done = self._perform(nodes[name])
            except ArtifactLost as lost:
                yield from self._again(name, lost)
            except Exception as error:
                yield from self._failed(name, error)
            else:
                if unkept:
                    frontier.push(self._settle(name, done.value, MEMORY, done.seconds))
                    yield Finished(name, MEMORY.digest, done.seconds)
                else:
                    yield from self._finished(name, done)

    def _side_by_side(self) -> Iterator[RunEvent]:
        frontier = self.frontier
        while frontier or self.running:
            while frontier and len(self.running) < self.executor.workers:
                yield from self._submit(frontier.pop())
            yield from self._collect()

    # what becomes known

    def _give(self, name: str, value: Any) -> None:
        self.state.held[Output(name)] = value
        self.state.states[name] = "given"
        definition = self.nodes[name].definition
        if self.ledger is None:
            self.state.artifacts[name] = MEMORY
        elif self.executor.in_process:
            self.state.artifacts[name] = self.vault.given(definition, value)
        else:
            self.state.artifacts[name] = self.vault.publish(definition, value, Key(f"given/{name}"), None)[0]

    def _admit(self, names: Sequence[str]) -> Iterator[RunEvent]:
        """Nodes whose inputs are known: those with a record are known too, the others are ready."""
        if self.ledger is None:
            self.frontier.push(names)
            return
        while names:
            found = self.ledger.find([self._key(name) for name in names])
            fresh: list[str] = []
            missing = []
            for name in names:
                record = found.get(self.state.keys[name])
                if record is not None and self._is_hit(name, record):
                    yield self._hit(name, record.artifact, record.seconds, fresh)
                elif self._first_of_its_key(name):
                    missing.append(name)
            self.frontier.push(missing)
            names = fresh

    def _key(self, name: str) -> Key:
        node = self.nodes[name]
        given = self.inputs[name] = arguments(node, self.digests)
        key = self.state.keys[name] = node_key(self.vault.naming.prefix(node.definition), given)
        return key

    def _is_hit(self, name: str, record: Record) -> bool:
        if name in self.remade or not is_fresh(self.nodes[name], record, self.clock.now()):
            return False
        if is_usable(record.artifact, self.vault, read=name in self.request.read):
            return True
        self.replaced.add(name)
        return False

    def _first_of_its_key(self, name: str) -> bool:
        """The same computation twice in one run is done once."""
        if self.nodes[name].definition.options.cache is False:
            return True
        twins = self.twins.setdefault(self.state.keys[name], [])
        twins.append(name)
        return len(twins) == 1

    def _hit(self, name: str, artifact: Artifact, seconds: float, fresh: list[str]) -> RunEvent:
        self.state.states[name] = "hit"
        fresh.extend(self._known(name, artifact, seconds))
        return Cached(name, artifact.digest, seconds)

    def _known(self, name: str, artifact: Artifact, seconds: float) -> list[str]:
        """Takes in an artifact, frees what its node was the last to read, and gives the nodes that can go on now."""
        self.state.artifacts[name] = artifact
        self.state.seconds[name] = seconds
        for parent in self.frontier.done(name):
            self._free(parent)
        return self.waiters.pop(name, []) if name in self.remade else self.frontier.known(name)

    def _free(self, name: str) -> None:
        if name in self.kept:
            return
        self.state.held.pop(Output(name), None)
        for part in self.nodes[name].definition.parts:
            self.state.held.pop(Output(name, part), None)

    # work

    def _perform(self, node: Node) -> Done:
        name = node.name
        read = bool(self.frontier.children[name])
        return perform(node, self.state.keys.get(name), self.vault, self.request.surface, self._output, read=read)

    def _output(self, source: Output) -> Any:
        """The canonical value of a source, read only if it is not held."""
        held = self.state.held
        if source in held:
            return held[source]
        name, part = source
        definition = self.nodes[name].definition
        if part is not None and Output(name) in held:
            return held[Output(name)][list(definition.parts).index(part)]
        if name not in self.state.artifacts:
            raise ArtifactLost(f"{name} is being made again", digest="")
        artifact = self.state.artifacts[name]
        value = held[source] = self.vault.load(
            artifact if part is None else part_of(artifact, part), definition.result_class
        )
        return value

    def _submit(self, name: str) -> Iterator[RunEvent]:
        node = self.nodes[name]
        yield Started(name)
        self.began[name] = self.clock.steady()
        try:
            if self.executor.in_process:
                future = self.executor.submit(self._perform, node)
            else:
                future = self.executor.submit(work, self.luggage, self._packed(node))
        except ArtifactLost as lost:
            yield from self._again(name, lost)
        except PlaitError as error:
            yield from self._failed(name, error)
        else:
            self.running[future] = name

    def _packed(self, node: Node) -> bytes:
        name, definition, known = node.name, node.definition, self.state.artifacts
        artifacts = {}
        for parent in self.frontier.parents[name]:
            if parent not in known:
                raise ArtifactLost(f"{parent} is being made again", digest="")
            artifacts[parent] = (known[parent], self.nodes[parent].definition.result_class)
        code = self.vault.naming.code(definition).digest if definition.importable else None
        read = bool(self.frontier.children[name])
        return packed(Job(node, self.state.keys[name], code, artifacts, self.request.surface, read))

    def _collect(self) -> Iterator[RunEvent]:
        """Waits for what runs, and takes in what is done."""
        if not self.running:
            return
        from concurrent.futures import FIRST_COMPLETED, wait

        for future in wait(self.running, return_when=FIRST_COMPLETED).done:
            name = self.running.pop(future)
            try:
                done = future.result()
                if isinstance(done, Broken):
                    done.again()
                for category, message in done.warnings:
                    warn_once(category, message)
            except ArtifactLost as lost:
                yield from self._again(name, lost)
            except Exception as error:
                yield from self._failed(name, error)
            else:
                yield from self._finished(name, done)

    def _finished(self, name: str, done: Done) -> Iterator[RunEvent]:
        artifact = done.artifact or MEMORY
        fresh = self._settle(name, done.value, artifact, done.seconds)
        yield Finished(name, artifact.digest, done.seconds)
        if self.ledger is None:
            self.frontier.push(fresh)
            return
        for twin in self.twins.pop(self.state.keys[name], ()):
            if twin != name:
                yield self._hit(twin, artifact, done.seconds, fresh)
                if not lasting(artifact):
                    self.state.held[Output(twin)] = done.value
        yield from self._admit(fresh)

    def _settle(self, name: str, value: Any, artifact: Artifact, seconds: float) -> list[str]:
        """Takes in a result: holds it for its readers, keeps its record, and gives the nodes that can go on now."""
        self.state.states[name] = "run"
        unkept = artifact is MEMORY or not lasting(artifact)
        if self.executor.in_process and (self.frontier.readers[name] or (unkept and name in self.kept)):
            self.state.held[Output(name)] = value
        if self.ledger is not None and not unkept:
            self._record(self.ledger, name, artifact, seconds)
        return self._known(name, artifact, seconds)

    def _record(self, ledger: Ledger, name: str, artifact: Artifact, seconds: float) -> None:
        definition = self.nodes[name].definition
        code = self.vault.naming.code(definition)
        record = Record(
            self.state.keys[name],
            artifact,
            name,
            self.vault.naming.home(definition),
            code.digest,
            tuple(self.inputs[name]),
            seconds,
            self.clock.now(),
            self.request.run,
            self.request.environment,
        )
        if code.digest not in self.codes:
            self.codes.add(code.digest)
            ledger.add_code(code.digest, manifest(code))
        replaces = definition.options.cache is not True or name in self.remade or name in self.replaced
        ledger.add(record, newest=replaces)

    # what goes wrong

    def _again(self, reader: str, lost: ArtifactLost) -> Iterator[RunEvent]:
        """A reader's input has no bytes any more: it is made again, then the reader goes on; once a node and run."""
        names = [name for name in self.frontier.parents[reader] if self._lacks(name, lost.digest)]
        if not names or any(name in self.remade and name in self.state.artifacts for name in names):
            error = StoreError(f"{reader} cannot read its inputs, even after they were made again: {lost}")
            error.__cause__ = lost
            yield from self._failed(reader, error)
            return
        producer = names[0]
        waiters = self.waiters.setdefault(producer, [])
        if self.twins.get(self.state.keys[reader], [""])[0] == reader:
            waiters.extend(self.twins.pop(self.state.keys[reader]))  # who waits for the reader waits too
        else:
            waiters.append(reader)
        if producer in self.remade:
            return
        self.remade.add(producer)
        self.frontier.again(producer)
        self.frontier.push([producer])
        yield Lost(producer, self.state.artifacts.pop(producer).digest)

    def _lacks(self, name: str, digest: str) -> bool:
        artifact = self.state.artifacts.get(name)
        if artifact is None:
            return True
        return artifact.digest == digest or any(part.digest == digest for _, part in artifact.parts)

    def _failed(self, name: str, error: BaseException) -> Iterator[RunEvent]:
        state = self.state
        state.states[name] = "failed"
        state.failures[name] = users_own(error)
        yield Failed(name, f"{type(error).__name__}: {error}", self.clock.steady() - self.began[name])
        if self.request.fail == "fast":
            yield from self._finish_running()
            raise NodeFailed.of(name, error)
        for other in self.twins.pop(state.keys.get(name, Key("")), ()):
            if other != name:
                self.frontier.push([other])
        for done in (name, *self.frontier.after(name)):
            if done not in state.states:
                state.states[done] = "skipped"
                state.because[done] = name
                yield Skipped(done, name)
            elif done != name:
                continue
            for parent in self.frontier.done(done):
                self._free(parent)

    def _finish_running(self) -> Iterator[RunEvent]:
        """What runs beside a failure is not thrown away."""
        for future in list(self.running):
            future.cancel()
        for future, name in list(self.running.items()):
            del self.running[future]
            if future.cancelled() or future.exception() is not None or isinstance(future.result(), Broken):
                continue
            done: Done = future.result()
            artifact = done.artifact or MEMORY
            self._settle(name, done.value, artifact, done.seconds)
            yield Finished(name, artifact.digest, done.seconds)


def is_usable(artifact: Artifact, vault: Vault, *, read: bool) -> bool:
    """Does a record still stand? Its bytes are looked at if somebody will read them, or others can write to them."""
    return not (read or refers(artifact)) or vault.available(artifact)


def is_fresh(node: Node, record: Record, now: float) -> bool:
    """May a record be used, by what its step says of keeping results?"""
    cache = node.definition.options.cache
    return cache is True or (cache is not False and now - record.made <= cache)
