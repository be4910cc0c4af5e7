"""From what somebody asks of a run that is over to the nodes of that run: all items of a map, or one of them."""

from collections.abc import Callable, Container, Sequence
from typing import Any

from plait.core.addresses import by_digest, item_of, label, node_of, parsed, with_item
from plait.core.agenda import Because
from plait.core.definition import near
from plait.core.extents import Piece
from plait.core.graph import Graph
from plait.core.sources import NESTED, Flat, Output, Param, Source, outputs
from plait.core.unfolding import Unfolding
from plait.errors import FingerprintError, GraphError, PlaitError
from plait.runtime.request import State


class Missing(Exception):  # noqa: N818 - no error: it says which node something needs that has no value
    def __init__(self, node: str) -> None:
        super().__init__(node)
        self.node = node


class AsText(str):
    """The text of a parameter of a run of the past, where history does not say its value."""

    def __repr__(self) -> str:
        return str(self)


def check_run(state: State, node: str) -> None:
    """Raises `PlaitError` for a node that was not run, and says why."""
    if node in state.because:
        raise PlaitError(f"{node} was not run, because {state.because[node]} failed")
    if node in state.unchosen:
        raise PlaitError(f"{node} was not run, because {state.unchosen[node]}")


def _shown(item: object) -> str:
    return ", ".join(map(str, item if isinstance(item, tuple) else (item,)))


def by_text(name: str, known: Container[str], digest: Callable[[Any], str]) -> str:
    """Return a node whose item is written as its text, as it is called: `fit[west, far]` is `fit[#bb5a0cc10d30]`.

    A text with a comma or a bracket is called by its digest. Returns the name as it is where no such node is known.
    """
    item = item_of(name)
    if item is None or name in known:
        return name
    called = with_item(node_of(name), [label(item) or by_digest(digest(item))])
    part = parsed(name).part
    if called not in known:
        return name
    return called if part is None else f"{called}.{part}"


class Reading:
    """Finds out which nodes of a run a source is made of; of a run of the past, by looking at its values."""

    def __init__(
        self, graph: Graph, state: State, digest: Callable[[Any], str], look: Callable[[Output | Param], Any]
    ) -> None:
        self._graph, self._state, self._digest, self._look = graph, state, digest, look

    def plain(self, source: Source) -> Flat:
        """A source as it was in this run. Raises `Missing` for what has no value."""
        if type(source) not in NESTED:
            return source  # type: ignore[return-value] # what is not nested is plain
        if self._state.unfolding is None:
            self._state.unfolding = Unfolding(self._graph, (), None)
        waits: set[str] = set()
        try:
            with self._state.unfolding.seen_by(self):
                found = self._state.unfolding.plain(source, {}, waits)
        except Because as because:
            raise Missing(because.name) from None
        if found is None:
            raise Missing(next(iter(sorted(waits))))
        return found

    def one(self, node: str, items: Sequence[object]) -> Output:
        """A node for one item of each of its maps."""
        base, part = next(outputs(self._graph.source(node)))
        count = len(self._graph.axes(base))
        if count != len(items):
            raise GraphError(f"run[{node!r}, ...]: {base} is mapped {count} times, and {len(items)} items are given")
        name = with_item(base, [self._called(item) for item in items])
        if name not in self._state.states:  # as it is written in an address
            written = with_item(base, map(str, items))
            name = written if written in self._state.states else name
        self.check_item(name)
        return Output(name, part)

    def known(self, name: str) -> str:
        """Return the node of this run that a name means, also where the item is written as a `Failure` shows it."""
        wanted = item_of(name)
        if wanted is None or name in self._state.states:
            return name
        for one in self._state.states:
            if node_of(one) == node_of(name) and _shown(self.item(one)) == wanted:
                return one
        return by_text(name, self._state.states, self._digest)  # of an earlier run, whose items are not at hand

    def check_item(self, name: str) -> None:
        """Raises `GraphError` for an item that a map of this run does not have, `PlaitError` if the map was not run."""
        wanted, node = item_of(name), node_of(name)
        if wanted is None or name in self._state.states:
            return
        check_run(self._state, node)  # of a map whose items never came to be known
        known = [item for one in self._state.states if node_of(one) == node and (item := item_of(one)) is not None]
        listed = f": it has {', '.join(known[:8])}{', …' if len(known) > 8 else ''}" if known else ""
        raise GraphError(f"{node} has no item {wanted} in this run{near(wanted, known) or listed}")

    def item(self, name: str) -> object:
        """The item that a node of this run is for."""
        return item_of(name) if self._state.unfolding is None else self._state.unfolding.item(name)

    def _called(self, item: object) -> str:
        found = label(item)
        return by_digest(self._digest(item)) if found is None else found

    # what `Unfolding` asks of a run of the past

    def is_known(self, node: str) -> bool:
        return node in self._state.artifacts

    def value(self, source: Output | Param) -> Any:
        return self._look(source)

    def digest(self, value: Any) -> str | None:
        try:
            return self._digest(value)
        except FingerprintError:
            return None

    def take(self, piece: Piece) -> None:
        raise PlaitError(f"{piece.name} is not the result of a node; read that of which it is a piece")
