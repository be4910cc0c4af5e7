"""Lets a run grow: items of maps, branches of switches and what is attempted become nodes as soon as they are known.

What there is to do says `core/unfolding.py`, which knows nothing of runs; here it is told what is known, and what it
gives goes to the scheduler, which knows nothing of maps. An item that nodes read by itself (a frame out of a list) is a
*piece*: it has a name, an artifact and readers like the result of a node, and nobody runs it. It is written down only
when a worker elsewhere is to read it.
"""

from collections.abc import Callable, Iterable
from threading import get_ident
from typing import Any

from plait.core.addresses import node_of
from plait.core.agenda import Gone
from plait.core.axes import value_of
from plait.core.definition import EMPTY, Definition, Options
from plait.core.demand import deciding, exposed, unchosen
from plait.core.digest import Digest, Key, digest
from plait.core.extents import Piece
from plait.core.failure import Failure
from plait.core.garbage import paused
from plait.core.grafting import field_at
from plait.core.graph import Node
from plait.core.keys import Digests, source_digest
from plait.core.records import BY_KEY, Artifact, lasting
from plait.core.sources import Output, Param, outputs
from plait.core.unfolding import Ended, Unfolded, Unfolding
from plait.errors import ArtifactLost, FingerprintError, PlaitError
from plait.runtime.events import Lost, Skipped, Unfolds
from plait.runtime.failing import Failing
from plait.runtime.request import MEMORY
from plait.runtime.results import Results
from plait.runtime.work import Work


def _piece() -> Any:
    raise PlaitError("a piece of a value is not run")


_PIECE = Definition(_piece, "piece", Options(), None)


class Growth:
    """Takes in the nodes of a run as they become known."""

    def __init__(self, work: Work, results: Results, failing: Failing) -> None:
        self.work, self.results, self.failing = work, results, failing
        results.growth = failing.growth = self
        request = work.request
        self.unfolding = work.state.unfolding = Unfolding(request.graph, request.given, self)
        self.awaited = self.unfolding.waits_for  # the nodes of which `known` wants to hear
        self.pieces: dict[str, Piece] = {}  # without their values
        self.exposed = exposed(request.graph, request.needed, request.roots)
        self._late: set[str] = set()  # whose values nobody reads just now, and somebody might
        self._rewritten: set[str] = set()  # pieces whose bytes were lost once
        self._digests: dict[int, tuple[Any, str | None]] = {}  # of items; held, so that an id stays its own
        self._advancing: int | None = None  # the thread that finds out what there is to do
        self._gone: list[str] = []  # nodes that are made again for that
        self._decide = set(deciding(request.graph))
        self._targets = set(request.targets)
        self._places = {name: place for place, name in enumerate(request.graph.nodes)}
        self._remaining = work.frontier.lengths(request.graph.children)

    # what `Unfolding` asks

    def is_known(self, node: str) -> bool:
        return node in self.work.state.artifacts

    def value(self, source: Output | Param) -> Any:
        if isinstance(source, Param):
            params = self.work.request.surface.params
            if source.address not in params:  # somebody reads a run that is over
                raise PlaitError(f"{source.address} was read by nothing in this run, so nobody gave it a value")
            return field_at(params[source.address], source.path)
        held = self.work.state.held
        was_held = source in held
        try:
            value = self.results.output(source)
        except ArtifactLost as lost:
            if self._advancing == get_ident() and self._is_made_again(source.node):
                raise Gone(source.node) from lost
            raise
        if not was_held:
            held.pop(source, None)  # it is looked at once
        return value

    def _is_made_again(self, name: str) -> bool:
        """Is a node made again, whose value is lost that decides what there is to do? Once a run."""
        work, results = self.work, self.results
        if name in work.remade:
            return name not in work.state.artifacts
        if name in self.pieces or work.state.states.get(name) == "given":
            return False
        digest = work.remade[name] = results.forget(name).digest
        work.told.append(Lost(name, digest))
        work.frontier.again(name)
        self._gone.append(name)
        return True

    def digest(self, value: Any) -> str | None:
        known = self._digests.get(id(value))
        if known is None:
            try:
                known = value, self.work.vault.naming.digest(value)
            except FingerprintError:
                known = value, None
            self._digests[id(value)] = known
        return known[1]

    def take(self, piece: Piece) -> None:
        """Holds an item for the nodes that read it by itself."""
        work, (name, value, _, _) = self.work, piece
        work.nodes[name] = Node(name, _PIECE, ())
        work.frontier.hold(name)
        work.state.held[Output(name)] = value
        self.pieces[name] = piece._replace(value=None)
        if node_of(name) in work.request.graph.nodes:  # of a mapped node whose values were given
            work.state.states[name] = "given"
        if work.ledger is None:
            work.state.artifacts[name] = MEMORY
        else:
            work.state.artifacts[name] = Artifact(named(piece, self.digest, self.results.digests), "memory")

    # what the scheduler tells

    def give(self, name: str, value: Any) -> None:
        """All values of a mapped node were given; each is a piece, when somebody asks for it."""
        self.work.state.held[Output(name)] = value

    def first(self) -> list[str]:
        """The nodes with which a run begins."""
        return self._advanced(lambda: self.unfolding.ask(self.work.request.roots))

    def known(self, name: str) -> list[str]:
        """A node is known: the nodes that can go on since there is more to do."""
        return self._advanced(lambda: self.unfolding.settle(name))

    def item(self, name: str, /) -> object:
        """The item that a node of the run is for, as people know it."""
        return self.unfolding.item(name)

    def matters(self, name: str, /) -> bool:
        """Is the failure of a node one of the run, since not only those read it who attempt to?"""
        return name in self.exposed or node_of(name) in self.exposed

    def failed(self, name: str, because: str, error: BaseException, /) -> None:
        """A node has failed, or will not run since another one failed."""
        item = self.unfolding.item(because)
        failure = Failure(node_of(because), item, error)
        self.results.admit(self._advanced(lambda: self.unfolding.settle(name, failure, because)))

    def ended(self) -> None:
        """Says of the nodes that there was nothing to do for, why that is."""
        work, state, graph = self.work, self.work.state, self.work.request.graph
        if not self.unfolding.complete and not state.failures:
            raise PlaitError(f"plait stopped while {', '.join(self.unfolding.waits_for)} decided; a defect of plait")
        with paused():
            state.states = self._in_order(state.states)
        seen = {node_of(name) for name in state.states}
        failed = {node_of(name): name for name in reversed(state.failures)}
        said = unchosen(graph, self.unfolding.chosen_by)
        ended = {name: name for name in state.failures} | state.because  # those that do not run, and why
        stopped = {node_of(name): because for name, because in ended.items() if because not in state.attempted}
        unseen = [name for name in graph.nodes if name not in seen]
        for name in unseen if failed else ():  # what they read has failed
            before = [node for node in graph.needed([name]) if node in failed] if name in work.request.needed else []
            if before:
                self._skipped(name, failed[before[0]])
                if failed[before[0]] not in state.attempted:
                    stopped[name] = failed[before[0]]
        for name in unseen:
            if name in state.states:
                continue
            if name in said:
                state.states[name], state.unchosen[name] = "skipped", said[name]
                if name in work.request.needed:
                    work.told.append(Skipped(name, "", said[name]))
            elif stopped and name in work.request.needed:  # or who would have asked for it was stopped
                after = [node for node in graph.descendants(name) if node in stopped]
                if after:
                    self._skipped(name, stopped[after[0]])

    def _skipped(self, name: str, because: str) -> None:
        self.work.state.states[name], self.work.state.because[name] = "skipped", because
        self.work.told.append(Skipped(name, because))

    def _in_order(self, states: dict[str, str]) -> dict[str, str]:
        """In the order of the graph; the items of a map in their own."""
        found: dict[str, list[str]] = {name: [] for name in self.work.request.graph.nodes}
        node, place = self.unfolding.node, self.unfolding.place
        for name in states:
            found[node(name)].append(name)
        return {name: states[name] for names in found.values() for name in sorted(names, key=place)}

    def leave(self) -> None:
        """The run is over: nothing of it holds the rest any more, unless a node that failed may be called again."""
        if not self.work.state.replays:
            self.unfolding.leave()
            self.results.growth = self.failing.growth = None

    def keeps(self, name: str) -> bool:
        """Is a value held on to, since nobody could get it again, and who will read it is not known yet?"""
        if self.unfolding.complete or lasting(self.work.state.artifacts.get(name, MEMORY)):
            return False
        self._late.add(name)
        return True

    def write(self, name: str, /, *, again: bool = False) -> bool:
        """Writes a piece down, so that another process can read it; not twice, unless its bytes were lost, `again`."""
        artifacts = self.work.state.artifacts
        if name not in self.pieces or (lasting(artifacts[name]) and not again) or (again and name in self._rewritten):
            return False
        value = self.work.state.held.get(Output(name), EMPTY)
        if value is EMPTY:
            value = self._taken_again(name)
        key = Key(artifacts[name].digest.removeprefix(BY_KEY))  # what has no content to name keeps the name that it has
        written = self.work.vault.publish(_PIECE, value, key, None)[0]
        if lasting(written):
            artifacts[name] = written
        if again:
            self._rewritten.add(name)
        return True

    def again(self, name: str, /) -> Any:
        """The value of a piece that is not held any more, out of what it is a piece of; `EMPTY` if it is no piece."""
        if name not in self.pieces or lasting(self.work.state.artifacts[name]):
            return EMPTY
        return self._taken_again(name)

    def _taken_again(self, name: str) -> Any:
        piece = self.pieces[name]
        value = self.work.vault.canonical(piece.again(value_of(piece.of, self)))
        remade = [out.node for out in outputs(piece.of) if out.node in self.work.remade]
        if remade:
            digest = named(piece._replace(value=value), self.digest, self.results.digests)
            if digest != self.work.state.artifacts[name].digest:
                raise PlaitError(
                    f"{name} is another item than it was: {remade[0]} was lost, and came back as another value, which "
                    "the items that are done do not fit. Nothing wrong was kept; run again"
                )
        return value

    def is_piece(self, name: str, /) -> bool:
        """Is it an item by itself, and no node?"""
        return name in self.pieces

    def behind(self, names: Iterable[str], /) -> list[str]:
        """The nodes of which some pieces are pieces: they are made again if these cannot be read."""
        return [out.node for name in names if name in self.pieces for out in outputs(self.pieces[name].of)]

    # what comes of it

    def _advanced(self, step: Callable[[], Unfolded]) -> list[str]:
        """Lets it be said what there is to do: the nodes that can go on."""
        with paused():
            before, self._advancing = self._advancing, get_ident()
            try:
                more = step()
            finally:
                self._advancing = before
            gone, self._gone = self._gone, []
            return self._take(more) + gone

    def _take(self, more: Unfolded) -> list[str]:
        """Takes in new nodes: those that wait for nobody."""
        work, request = self.work, self.work.request
        fresh: list[str] = []
        for base in sorted(more.nodes, key=self._places.__getitem__):
            nodes = more.nodes[base]
            names = [node.name for node in nodes]
            fresh += work.add(nodes)
            work.frontier.measure(names, self._remaining.get(base, 0.0))
            if base in self._targets:
                work.kept.update(names)
            if base in request.read or base in self._decide:
                work.read.update(names)
            if base in request.graph.whole:
                work.told.append(Unfolds(base, len(names)))
        if self.pieces:  # those that a result is made of are read when all is over
            work.kept.update(out.node for plain in more.asked for out in outputs(plain) if out.node in self.pieces)
        for ended in more.ended:
            self._end(ended)
        if self.unfolding.complete:
            self._digests.clear()
            late, self._late = self._late, set[str]()
            self.results.free(name for name in late if not work.frontier.readers[name])
        return [name for name in fresh if name not in work.state.states]

    def _end(self, ended: Ended) -> None:
        work = self.work
        work.add([Node(ended.name, work.request.graph.nodes[node_of(ended.name)].definition, ())])
        work.began[ended.name] = work.clock.steady()
        if ended.error is not None:
            self.failing.failed_for_good(ended.name, ended.error)
        else:
            self.failing.skip([ended.name, *self.failing.behind(ended.name)], ended.because)


def named(piece: Piece, known: Callable[[Any], str | None], digests: Digests) -> Digest:
    """The name of a piece; of one that has no content to name, by how it was made."""
    found = known(piece.value)
    if found is not None:
        return Digest(found)
    whole = source_digest(piece.of, "", digests)
    return Digest(BY_KEY + digest("piece", whole.encode(), piece.name.encode()))
