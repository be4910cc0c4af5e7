"""How a run comes to know its nodes: by a record, or by what their work gave; and who can go on then."""

import threading
from collections.abc import Callable, Container, Iterable, Sequence
from contextlib import nullcontext
from itertools import groupby
from operator import attrgetter
from typing import Any, Protocol

from blake3 import blake3

from plait.core.addresses import node_of
from plait.core.definition import EMPTY, Definition
from plait.core.digest import Digest, Key
from plait.core.garbage import paused
from plait.core.graph import Node
from plait.core.keys import all_arguments, arguments, node_key
from plait.core.manifest import manifest
from plait.core.records import Artifact, Hit, Record, lasting, part_of, refers
from plait.core.sources import Output
from plait.core.tuples import new
from plait.errors import ArtifactLost
from plait.ports import Clock, Ledger
from plait.runtime.digests import InputDigests
from plait.runtime.events import Cached, Finished
from plait.runtime.naming import Naming
from plait.runtime.request import MEMORY
from plait.runtime.vault import Vault
from plait.runtime.work import Work
from plait.runtime.worker import Done

_MANY = 100  # nodes, from which it pays not to look for garbage meanwhile


class Grows(Protocol):
    """Lets a run grow: see `runtime/unfolding.py`."""

    @property
    def awaited(self) -> Container[str]: ...
    def known(self, name: str, /) -> list[str]: ...
    def keeps(self, name: str, /) -> bool: ...
    def write(self, name: str, /, *, again: bool = False) -> bool: ...
    def again(self, name: str, /) -> Any: ...
    def is_piece(self, name: str, /) -> bool: ...
    def behind(self, names: Iterable[str], /) -> list[str]: ...


class _Prefixes(dict[Definition, blake3]):
    """What the keys of each step begin with, hashed as far."""

    def __init__(self, naming: Naming) -> None:
        self._naming = naming

    def __missing__(self, definition: Definition) -> blake3:
        made = self[definition] = blake3(self._naming.prefix(definition))
        return made


class Results:
    """What is known of the nodes of a run, and the values that are held for those who read them."""

    def __init__(self, work: Work) -> None:
        self.work, self.state, self.vault = work, work.state, work.vault
        self.digests = InputDigests(work.vault.naming, work.request.surface, work.state.artifacts)
        self.inputs: dict[str, Sequence[tuple[str, Digest]]] = {}
        self.twins: dict[Key, list[str]] = {}  # the node that makes what a key names, and those that wait for it
        self.waiters: dict[str, list[str]] = {}  # who waits for a node that is made again
        self.doomed: Callable[[str], bool] = not_doomed  # does it miss what failed? Then it is skipped: see `Failing`
        self.growth: Grows | None = None  # where it takes the run to say what there is to do
        self._prefixes = _Prefixes(work.vault.naming)
        self._codes: set[Digest] = set()  # whose manifests were kept
        self._replaced: set[str] = set()  # nodes whose record points at bytes that are gone
        self._reading = threading.Lock()  # what is read is held only while it is what is known
        self._misnamed: set[str] = set()  # nodes that read another value than that by which they were named

    def give(self, name: str, value: Any, *, publish: bool) -> None:
        """A node's value was given; it is written down if workers elsewhere will read it."""
        state, definition = self.state, self.work.nodes[node_of(name)].definition
        state.held[Output(name)] = value
        state.states[name] = "given"
        if self.work.ledger is None:
            state.artifacts[name] = MEMORY
        elif publish:
            state.artifacts[name] = self.vault.publish(definition, value, Key(f"given/{name}"), None)[0]
        else:
            state.artifacts[name] = self.vault.given(definition, value)

    def admit(self, names: Sequence[str]) -> None:
        """Nodes whose inputs are known: those with a record are known too, the others are ready."""
        ledger, ready = self.work.ledger, self.work.ready
        if ledger is None:
            ready.push(names)
            return
        rounds = 0
        while names and len(names) < _MANY and rounds < _MANY:
            names = self._looked_up(ledger, names)
            rounds += 1
        with paused() if names else nullcontext():
            while names:
                names = self._looked_up(ledger, names)

    def _looked_up(self, ledger: Ledger, names: Sequence[str]) -> list[str]:
        """Asks for the records of nodes that can go on; gives those that can go on then."""
        if self.work.remade:
            names = [name for name in names if not (self._is_over(name) or self._waits_again(name))]
        if len(names) == 1:  # as in a chain
            (name,) = names
            key = self._key(name)
            hit = ledger.hits((key,)).get(key)
            if hit is not None and self._is_hit(name, hit):
                del self.inputs[name]  # nobody asks for those of a hit, and there may be very many
                return self._hit(name, hit.artifact, hit.seconds)
            if self._first_of_its_key(name):
                self.work.ready.push(names)
            return []
        fresh: list[str] = []
        keys = self._keys(names) if len(names) >= _MANY else list(map(self._key, names))
        found = ledger.hits(keys)
        missing = []
        for name, key in zip(names, keys, strict=True):
            hit = found.get(key)
            if hit is not None and self._is_hit(name, hit):
                del self.inputs[name]
                fresh += self._hit(name, hit.artifact, hit.seconds)
            elif self._first_of_its_key(name):
                missing.append(name)
        if missing:
            self.work.ready.push(missing)
        return fresh

    def finished(self, name: str, done: Done, *, here: bool) -> None:
        """A node's work is done; `here`, if its value is in this process."""
        if not self.stands(name):
            return
        artifact = done.artifact or MEMORY
        fresh = self.settle(name, done.value, artifact, done.seconds, here=here)
        self.work.told.append(new(Finished, (name, artifact.digest, done.seconds, "", 0.0, "")))
        if self.work.ledger is None:
            self.work.ready.push(fresh)
            return
        for twin in self.waiting_twins(name):
            if twin in self._misnamed:
                fresh.append(twin)
            elif not self._is_over(twin):
                fresh += self._hit(twin, artifact, done.seconds)
                if not lasting(artifact):
                    self.state.held[Output(twin)] = done.value
        self.admit(fresh)

    def settle(self, name: str, value: Any, artifact: Artifact, seconds: float, *, here: bool) -> list[str]:
        """Takes in a result: holds it for its readers, keeps its record, and gives the nodes that can go on now."""
        self.state.states[name] = "run"
        unkept = artifact is MEMORY or not lasting(artifact)
        if here and (self.work.frontier.readers[name] or (unkept and self._stays(name))):
            self.state.held[new(Output, (name, None))] = value
        if self.work.ledger is not None and not unkept:
            self._record(self.work.ledger, name, artifact, seconds)
        return self._known(name, artifact, seconds)

    def _stays(self, name: str) -> bool:
        """Is a value held though nobody reads it now? Nobody could get it again."""
        return name in self.work.kept or (self.growth is not None and self.growth.keeps(name))

    def output(self, source: Output) -> Any:
        """The canonical value of a source, read only if it is not held."""
        held = self.state.held
        value = held.get(source, EMPTY)
        if value is not EMPTY:
            return value
        name, part = source
        definition = self.work.nodes[name].definition
        if part is not None and (whole := held.get(Output(name), EMPTY)) is not EMPTY:
            return whole[list(definition.parts).index(part)]
        artifact = self.state.artifacts.get(name)
        if artifact is None:
            raise ArtifactLost(f"{name} is being made again", digest="")
        if self.growth is not None and (piece := self.growth.again(name)) is not EMPTY:
            held[source] = piece
            return piece
        artifact = self.state.artifacts.get(name, artifact)
        value = self.vault.load(artifact if part is None else part_of(artifact, part), definition.result_class)
        with self._reading:
            if self.state.artifacts.get(name) is not artifact:
                raise ArtifactLost(f"{name} was made again meanwhile", digest="")
            held[source] = value
        return value

    def release(self, name: str) -> None:
        """A node will not read any more: what nobody else will read is not held any longer."""
        self.free(self.work.frontier.done(name))

    def free(self, names: Iterable[str]) -> None:
        """Nobody reads these any more."""
        for name in names:
            if name not in self.work.nodes:  # of a map that never came to be
                continue
            if name not in self.work.kept and (self.growth is None or not self.growth.keeps(name)):
                self.state.held.pop(new(Output, (name, None)), None)
                for part in self.work.nodes[name].definition.parts:
                    self.state.held.pop(Output(name, part), None)

    def stands(self, name: str) -> bool:
        """Does what was said of a node that is ready or done still hold?

        One that was skipped meanwhile is not run, and one that reads another value than that by which it was named is
        named anew first.
        """
        if self._is_over(name):
            return False
        if name in self._misnamed:
            self.admit(self.with_twins(name))
            return False
        return True

    def go_on(self, twins: Sequence[str]) -> None:
        """Nodes whose key another one had that failed: each tries for itself, and nobody waits for it."""
        anew, at_once = [], []
        for name in twins:
            if name in self._misnamed:
                anew.append(name)
            elif not (self._is_over(name) or (self.work.remade and self._waits_again(name))):
                at_once.append(name)
        self.work.ready.push(at_once)
        self.admit(anew)

    def _is_over(self, name: str) -> bool:
        return self.state.states.get(name) in ("skipped", "failed")

    def forget(self, name: str) -> Artifact:
        """The bytes of a node are gone: what was held of it goes too, since it may come back as another value."""
        with self._reading:
            for part in (None, *self.work.nodes[name].definition.parts):
                self.state.held.pop(Output(name, part), None)
            return self.state.artifacts.pop(name)

    def with_twins(self, name: str) -> list[str]:
        """Who has the key of a node waits for it, so it goes where the node goes."""
        key = self.state.keys.get(name, Key(""))
        return self.twins.pop(key) if self.twins.get(key, [""])[0] == name else [name]

    def waiting_twins(self, name: str) -> list[str]:
        """The others that have the key of a node and waited for it; nobody does any more."""
        return [twin for twin in self.with_twins(name) if twin != name]

    def _waits_again(self, name: str) -> bool:
        """Is something that a node reads just being made again? Then it goes on after that; never, if that failed."""
        work = self.work
        if self.doomed(name):
            return True
        for parent in work.frontier.parents[name]:
            if parent in work.remade and parent not in self.state.artifacts:
                self.waiters.setdefault(parent, []).append(name)
                return True
        return False

    def _key(self, name: str) -> Key:
        node = self.work.nodes[name]
        self._misnamed.discard(name)
        given = self.inputs[name] = arguments(node, self.digests)
        key = self.state.keys[name] = node_key(self._prefixes[node.definition], given)
        return key

    def _keys(self, names: Sequence[str]) -> list[Key]:
        """As `_key`, for many nodes."""
        of_steps = groupby([self.work.nodes[name] for name in names], key=attrgetter("definition"))
        keys: list[Key] = []
        for definition, some in of_steps:
            nodes, prefix = list(some), self._prefixes[definition]
            given = all_arguments(nodes, self.digests)
            self.inputs.update(zip([node.name for node in nodes], given, strict=True))
            keys += [node_key(prefix, one) for one in given]
        self.state.keys.update(zip(names, keys, strict=True))
        self._misnamed.difference_update(names)
        return keys

    def given_to(self, name: str) -> tuple[tuple[str, Digest], ...]:
        """What a node was given, by name and digest."""
        return tuple(self.inputs[name] if name in self.inputs else arguments(self.work.nodes[name], self.digests))

    def _is_hit(self, name: str, hit: Hit) -> bool:
        work, artifact = self.work, hit.artifact
        node = work.nodes[name]
        if name in work.remade or not (node.definition.options.cache is True or is_fresh(node, hit.made, work.clock)):
            return False
        where = artifact.where
        whole = where != "parts" and node.definition.parts  # as it was stored before its type was read as one
        if where == "inline" and not whole and not artifact.files and name not in work.read:  # the commonest
            return True
        if not whole and is_usable(artifact, self.vault, read=name in work.read):
            return True
        self._replaced.add(name)
        return False

    def _first_of_its_key(self, name: str) -> bool:
        """The same computation twice in one run is done once."""
        if self.work.nodes[name].definition.options.cache is False:
            return True
        twins = self.twins.setdefault(self.state.keys[name], [])
        twins.append(name)
        return len(twins) == 1

    def _hit(self, name: str, artifact: Artifact, seconds: float) -> list[str]:
        """Takes in what was known, with how long it took when it was made; gives the nodes that can go on now."""
        self.state.states[name] = "hit"
        fresh = self._known(name, artifact, seconds)
        self.work.told.append(new(Cached, (name, artifact.digest, seconds, "", 0.0)))
        return fresh

    def _known(self, name: str, artifact: Artifact, seconds: float) -> list[str]:
        """Takes in an artifact, frees what its node was the last to read, and gives the nodes that can go on now."""
        work, state, growth = self.work, self.state, self.growth
        state.artifacts[name] = artifact
        state.seconds[name] = seconds
        freed = work.frontier.done(name)
        if state.held:  # nothing is, in a run of hits
            self.free(freed)
        if name in work.remade:
            fresh = self.waiters.pop(name, [])
            if artifact.digest != work.remade[name]:  # who was named by what it was may be at work
                readers = work.frontier.children[name]
                self._misnamed.update(one for one in readers if one in state.keys and one not in state.artifacts)
        else:
            fresh = work.frontier.known(name)
        if growth is not None and name in growth.awaited:
            fresh += growth.known(name)
        return fresh

    def _record(self, ledger: Ledger, name: str, artifact: Artifact, seconds: float) -> None:
        work, naming = self.work, self.vault.naming
        definition = work.nodes[name].definition
        code = naming.code(definition)
        record = Record(
            self.state.keys[name],
            artifact,
            name,
            naming.home(definition),
            code.digest,
            self.given_to(name),
            seconds,
            work.clock.now(),
            work.request.run,
            work.request.environment,
        )
        if code.digest not in self._codes:
            self._codes.add(code.digest)
            ledger.add_code(code.digest, manifest(code))
        replaces = definition.options.cache is not True or name in work.remade or name in self._replaced
        ledger.add(record, newest=replaces)


def not_doomed(_: str) -> bool:
    """Nothing has failed."""
    return False


def is_usable(artifact: Artifact, vault: Vault, *, read: bool) -> bool:
    """Does a record still stand? Its bytes are looked at if somebody will read them, or others can write to them."""
    return not (read or refers(artifact)) or vault.available(artifact)


def is_fresh(node: Node, made: float, clock: Clock) -> bool:
    """May a record that was made then be used, by what its step says of keeping results?"""
    cache = node.definition.options.cache
    return cache is True or (cache is not False and clock.now() - made <= cache)
