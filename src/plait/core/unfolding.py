"""From a graph to the nodes of one run: what is mapped becomes a node for each item, as soon as a run knows the items.

    report <- Gather(score) over [each(parts)]              report <- [score[a], score[b]]
    score  <- Item(each(parts)), Output(fit)         ==>    score[a] <- Output(each(parts)[a]), Output(fit)
                                                            score[b] <- Output(each(parts)[b]), Output(fit)

It goes by demand, from what is asked for up to what that needs: a branch of a switch that is not chosen is not looked
at. A node is *unfolded* when its sources are plain (`Flat`): then a scheduler can take it, and need not know of maps.
What cannot be unfolded yet waits for nodes whose value, or whose end, has to be known first: the list that is mapped
over, the selector of a switch, what is attempted. Whoever runs the nodes tells with `settle` that one is known or has
failed, and gets the nodes that can be unfolded now.
"""

import threading
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, assert_never

from plait.core.addresses import item_of, node_of
from plait.core.agenda import Agenda, Because, Gone, Pending
from plait.core.axes import Axes, Look, Places, is_known, value_of
from plait.core.choosing import chosen
from plait.core.definition import EMPTY, near
from plait.core.demand import unchosen
from plait.core.extents import Context, Extent, Piece, given_item
from plait.core.failure import Failure
from plait.core.grafting import projected
from plait.core.graph import Graph, Node
from plait.core.looping import named
from plait.core.sources import (
    Ambient,
    Attempt,
    Choice,
    Collect,
    Const,
    Flat,
    Gather,
    Item,
    Output,
    Param,
    Source,
    outputs,
)
from plait.core.tuples import new
from plait.errors import GraphError, PlaitError


class Ended(NamedTuple):
    """A node that will not run, because of another one; or that cannot be unfolded, with the error that says why."""

    name: str
    because: str
    error: PlaitError | None = None


class Unfolded(NamedTuple):
    """What came of a step forward: nodes with plain sources, and those that will not be; each only once."""

    nodes: dict[str, list[Node]]  # by the node of the graph that they are of
    ended: list[Ended]
    asked: list[Flat]  # what was asked for, as plain sources


class Unfolding:
    """The part of a graph that a run has come to ask for, item by item."""

    def __init__(self, graph: Graph, given: Iterable[str], look: Look | None) -> None:
        self._graph = graph
        self._looking: Look | None = look
        self._lock = threading.RLock()
        self._given = set(given)
        self._asked: dict[str, tuple[str, Context]] = {}  # the nodes of the run, each with that of the graph
        self._agenda = Agenda()
        self._axes = Axes(graph, weakref.proxy(self))  # who lets go of a run has it back at once: no cycles
        self._because: dict[str, str] = {}  # of what cannot come to be: the node that is to blame
        self._failures: dict[str, Failure] = {}  # of these
        self._choices: dict[str, Any] = {}  # what switches were decided by
        self._out = Unfolded({}, [], [])

    # what a run calls

    @property
    def look(self) -> Look:
        """What is known of the run's values."""
        assert self._looking is not None
        return self._looking

    @contextmanager
    def seen_by(self, look: Look) -> Iterator[None]:
        """Somebody else looks meanwhile, as whoever reads a run that is over."""
        with self._lock:
            before, self._looking = self._looking, look
            try:
                yield
            finally:
                self._looking = before

    def leave(self) -> None:
        """The run is over, and need not be held any more."""
        self._looking = None

    @property
    def waits_for(self) -> Mapping[str, Sequence[object]]:
        """The nodes of the run whose end decides what else there is to do."""
        return self._agenda.waiting

    def place(self, name: str) -> tuple[int, ...]:
        """Where a node of the run stands among those of its node: by the places of its items, the outer map first."""
        if name not in self._asked:
            return ()
        node, at = self._asked[name]
        if len(at) == 1:
            return (*at.values(),)
        return tuple([at[axis] for group in self._axes.groups.get(node, ()) for axis in group])

    def node(self, name: str) -> str:
        """The node of the graph that a node of the run is of."""
        return self._asked[name][0] if name in self._asked else node_of(name)

    @property
    def complete(self) -> bool:
        """Is all that was asked for unfolded?"""
        return not self._agenda.open

    def ask(self, sources: Iterable[Source]) -> Unfolded:
        """What is needed for some sources, as far as it can be said by now."""
        for source in sources:
            self._agenda.add(Pending("", None, source, {}))
        return self._advance()

    def settle(self, name: str, failure: Failure | None = None, because: str = "") -> Unfolded:
        """A node of the run is known; or it failed, or will not run since another one failed."""
        if failure is not None:
            self._because[name] = because or name
            self._failures[self._because[name]] = failure
        self._agenda.wake(name)
        return self._advance()

    def item(self, name: str) -> object:
        """The item that a node of the run is for, as people know it: its key, or itself; for nested maps, all."""
        if name not in self._asked:
            return item_of(name)
        node, at = self._asked[name]
        found = self._axes.shown(node, at)
        return None if not found else found[0] if len(found) == 1 else tuple(found)

    def chosen_by(self, label: str) -> Any:
        """The value that decided a switch; `EMPTY` if that is not known."""
        return self._choices.get(label, EMPTY)

    def waiting(self) -> dict[str, tuple[str, ...]]:
        """The nodes of the run that cannot be unfolded yet, and for whom they wait."""
        found: dict[str, list[str]] = {}
        for name, waiting in self._agenda.waiting.items():
            for pending in waiting:
                if pending.node is not None:
                    found.setdefault(pending.name, []).append(name)
        return {name: tuple(waits) for name, waits in found.items()}

    def undecided(self) -> set[str]:
        """The nodes of the graph of which more nodes of the run may come, or some at all."""
        sources = [one.source for waiting in self._agenda.waiting.values() for one in waiting if one.source is not None]
        names = {output.node for source in sources for output in outputs(source)}
        names.update(node_of(name) for name in self.waiting())
        return set(self._graph.needed(map(node_of, names))) - unchosen(self._graph, self.chosen_by).keys()

    # the agenda

    def _advance(self) -> Unfolded:
        waits = set[str]()
        for pending in self._agenda:
            if waits:
                waits = set()
            try:
                done = self._unfold(pending, waits)
            except Gone as gone:
                self._agenda.wait(pending, (gone.name,))
            except Because as ended:
                self._end(pending, Ended(pending.name, ended.name))
            except PlaitError as error:
                self._end(pending, Ended(pending.name, pending.name, error))
            else:
                if done:
                    self._agenda.open -= 1
                else:
                    self._agenda.wait(pending, waits)
        if self.complete:
            self._axes.forget()
        out, self._out = self._out, Unfolded({}, [], [])
        return out

    def _end(self, pending: Pending, ended: Ended) -> None:
        self._agenda.open -= 1
        if pending.node is None:  # what was asked for itself; a node that it needs says why
            if ended.error is not None:
                raise ended.error
            return
        if ended.error is not None:
            self._failures[pending.name] = Failure(pending.node.name, self.item(pending.name), ended.error)
        self._because[pending.name] = ended.because
        self._out.ended.append(ended)
        self._agenda.wake(pending.name)

    def _unfold(self, pending: Pending, waits: set[str]) -> bool:
        """Gives a node, if all its sources are plain by now; asks for what they need in any case."""
        node, at = pending.node, pending.at
        if node is None:
            assert pending.source is not None
            if isinstance(pending.source, Output) and "[" in pending.source.node:
                return self._one(pending.source.node, waits)
            found = self.plain(pending.source, at, waits)
            if found is not None:
                self._out.asked.append(found)
            return found is not None
        plain: list[tuple[str, Any]] = []
        ended: Because | None = None
        for name, source in node.inputs:
            if type(source) is Item and (known := self._axes.item(source, at)) is not None:
                plain.append((name, known))
                continue
            try:
                plain.append((name, self.plain(source, at, waits)))
            except Because as because:  # all that is needed is asked for, also for the sake of other readers
                ended = because
        if ended is not None:
            raise ended
        if not waits:
            self._out.nodes.setdefault(node.name, []).append(Node(pending.name, node.definition, tuple(plain)))
        return not waits

    # the nodes of the run

    def _one(self, name: str, waits: set[str]) -> bool:
        """Asks for one item of a map by its name, when the items are known."""
        node = node_of(name)
        found: list[Context] = [{}]
        source = self._graph.whole.get(node)
        while isinstance(source, Gather):
            places = [self._axes.places(source, at, waits) for at in found]
            found = [at for place in places if place is not None for at in place.contexts]
            source = source.source
        if waits:
            return False
        names = [self._axes.name(node, at) for at in found]
        if name not in names:
            items = [item_of(one) or "" for one in names]
            listed = ", ".join(items[:8]) + (", …" if len(items) > 8 else "")
            raise GraphError(
                f"{node} has no item {item_of(name)}{near(item_of(name) or '', items) or f': it has {listed}'}"
            )
        self._instance(node, found[names.index(name)])
        return True

    def _instance(self, node: str, at: Context) -> str:
        """A node for the items at which its axes stand; it is asked for, if it was not yet."""
        groups = self._axes.groups.get(node)
        if groups is None:
            if node not in self._asked:
                self._ask(node, node, {})
            return node
        name = self._axes.name(node, at)
        if name not in self._asked:
            own = at if len(at) == 1 else {axis: at[axis] for group in groups for axis in group}
            self._ask(name, node, own)
        return name

    def _ask(self, name: str, node: str, at: Context) -> None:
        self._asked[name] = (node, at)
        if self._given and (name in self._given or node in self._given):
            if name not in self._given:
                places = [at[group[0]] for group in self._axes.groups[node]]
                steps = list(zip(places, self._axes.shown(node, at), strict=True))
                self.look.take(given_item(name, Output(node), steps, self.look.value(Output(node))))
            return
        self._agenda.add(Pending(name, self._graph.nodes[node], None, at))

    # sources

    def plain(self, source: Source, at: Context, waits: set[str], *, attempted: bool = False) -> Flat | None:
        """A source without items, gathers and choices; none, if it has to wait for some nodes.

        Raises `Because` for what cannot come to be; where it is `attempted`, that is a `Failure`.
        """
        if isinstance(source, Output):  # the commonest first
            return self._output(source, at, waits, attempted=attempted)
        match source:
            case Param() | Const() | Ambient():
                return source
            case Collect(kind, items, keys):
                return self._collected(kind, [(item, at) for item in items], keys, waits, attempted=attempted)
            case Item(axis, path):
                extent = self._axes.extent(axis, at, waits)
                return None if extent is None else self._of_item(extent, at[axis], path, waits, attempted=attempted)
            case Gather(gathered, _, keyed, who):
                places = self._axes.places(source, at, waits)
                if places is None:
                    return None
                keys = tuple(named(who, places.keys)) if keyed else ()
                if type(gathered) is Output and self._axes.are_all(source, at) and not (self._because or attempted):
                    return self._all_items(gathered, places, dict if keyed else list, keys)
                gathering = [(gathered, context) for context in places.contexts]
                return self._collected(dict if keyed else list, gathering, keys, waits, attempted=attempted)
            case Choice():
                branch = self.branch(source, at, waits)
                return None if branch is None else self.plain(branch, at, waits, attempted=attempted)
            case Attempt(tried):
                try:
                    return self.plain(tried, at, waits, attempted=True)
                except Because as because:
                    return Const(self._failures[because.name])
            case _:
                assert_never(source)

    def _output(self, source: Output, at: Context, waits: set[str], *, attempted: bool) -> Flat | None:
        name = self._instance(source.node, at)
        if name in self._because:
            if attempted:
                return Const(self._failures[self._because[name]])
            raise Because(self._because[name])
        if attempted and not self.look.is_known(name):
            waits.add(name)
            return None
        return source if name is source.node else Output(name, source.part)

    def _all_items(self, source: Output, places: Places, kind: type, keys: tuple[Any, ...]) -> Flat:
        """What a node gives for each item of its only map: the commonest gathering, and there may be very many."""
        node, part = source
        names = [f"{node}[{label}]" for label in places.labels]
        self._ask_all(node, dict(zip(names, places.contexts, strict=True)))
        return Collect(kind, tuple([new(Output, (name, part)) for name in names]), keys)

    def _ask_all(self, name: str, found: Mapping[str, Context]) -> None:
        """Asks for many items of a node's only map; at once, where nothing of them has to be waited for."""
        node, columns = self._graph.nodes[name], None
        if not self._given and not self._because and self._asked.keys().isdisjoint(found):
            columns = self._axes.columns(node.inputs, found.values())
        if columns is None:
            for item, at in found.items():
                if item not in self._asked:
                    self._ask(item, name, at)
            return
        for _, source in node.inputs:
            if type(source) is Output:
                self._instance(source.node, {})
        self._asked.update({item: (name, at) for item, at in found.items()})
        rows = zip(found, zip(*columns, strict=True), strict=True)
        made = [new(Node, (item, node.definition, inputs)) for item, inputs in rows]
        self._out.nodes.setdefault(name, []).extend(made)

    def _collected(
        self,
        kind: type,
        items: Sequence[tuple[Source, Context]],
        keys: tuple[Any, ...],
        waits: set[str],
        *,
        attempted: bool,
    ) -> Flat | None:
        found: list[Any] = []
        ended: Because | None = None
        for item, at in items:
            try:
                if isinstance(item, Output):
                    found.append(self._output(item, at, waits, attempted=attempted))
                else:
                    found.append(self.plain(item, at, waits, attempted=attempted))
            except Because as because:  # as above
                ended = because
        if ended is not None:
            raise ended
        return None if None in found else Collect(kind, tuple(found), keys)

    def _of_item(
        self, extent: Extent, place: int, path: tuple[str, ...], waits: set[str], *, attempted: bool
    ) -> Flat | None:
        if extent.sources is not None:
            source, at = extent.sources[place]
            return self.plain(projected(source, path), at, waits, attempted=attempted)
        found = extent.piece(place, path)
        if isinstance(found, Piece):
            self.look.take(found)
            found = extent.pieces[place, path] = Output(found.name)
        return found

    def branch(self, choice: Choice, at: Context, waits: set[str]) -> Source | None:
        """What a switch chooses, when its selector is known."""
        selector = self.plain(choice.selector, at, waits)
        if selector is None or not is_known(selector, self.look, waits):
            return None
        value = self._choices[choice.label] = value_of(selector, self.look)
        default = EMPTY if choice.default is None else choice.default
        found: Source = chosen(choice.label, value, choice.branches, default)
        return found
