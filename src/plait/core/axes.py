"""Where the axes of a run stand: how many items each has, what these are called, and which of them go together.

An axis is opened once for each place of the axes that its own source varies over (ragged maps), as soon as that source
is known. The results of a map are not looked at for this: their items are those of the map, and are called as these.
"""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias, cast

from plait.core.addresses import together, with_item
from plait.core.extents import Context, Extent, Piece, called
from plait.core.graph import Graph
from plait.core.looping import Listed, listed, paired
from plait.core.sources import (
    Ambient,
    Attempt,
    Axis,
    Choice,
    Collect,
    Const,
    Flat,
    Gather,
    Item,
    Output,
    Param,
    Source,
    inner,
)
from plait.errors import PlaitError

Inputs: TypeAlias = tuple[tuple[str, Source], ...]
_SIMPLE = (Param, Const, Ambient)


class Look(Protocol):
    """What is known of a run's values by now."""

    def is_known(self, node: str, /) -> bool: ...
    def value(self, source: Output | Param, /) -> Any: ...
    def digest(self, value: Any, /) -> str | None: ...  # none: it has no content to name
    def take(self, piece: Piece, /) -> None: ...  # which nodes are about to read


class Places(NamedTuple):
    """What a gather gathers: for each item, where the axes stand, and what the item is called."""

    contexts: list[Context]
    labels: list[str]
    shown: list[object]
    keys: Sequence[Any] | None


class Sources(Protocol):
    """Turns sources into plain ones: see `core/unfolding.py`."""

    @property
    def look(self) -> Look: ...
    def plain(self, source: Source, at: Context, waits: set[str], /, *, attempted: bool = False) -> Flat | None: ...
    def branch(self, choice: Choice, at: Context, waits: set[str], /) -> Source | None: ...


class Axes:
    """The axes of a graph in one run."""

    def __init__(self, graph: Graph, sources: Sources) -> None:
        self._sources = sources
        self.groups = {node: graph.axes(node) for node in graph.whole}  # over what each node is mapped
        self._extents: dict[tuple[Any, ...], Extent] = {}
        self._alone: dict[Axis, Extent] = {}  # of axes that depend on no other
        self._outer: dict[Axis, tuple[Axis, ...]] = {}

    def shown(self, node: str, at: Context) -> list[object]:
        """The items at which a node's axes stand, as people know them."""
        return [self._extents[self._key(group[0], at)].shown[at[group[0]]] for group in self.groups.get(node, ())]

    def name(self, node: str, at: Context) -> str:
        """What a mapped node is called for the items at which its axes stand."""
        groups = self.groups[node]
        if len(groups) == 1 and len(groups[0]) == 1:
            axis = groups[0][0]
            extent = self._alone.get(axis)
            if extent is not None:  # by far the commonest map
                return f"{node}[{extent.labels[at[axis]]}]"
        return with_item(node, [self._label(group, at) for group in groups])

    def forget(self) -> None:
        """Nobody will ask for another item."""
        for extent in self._extents.values():
            extent.forget()

    def _label(self, group: tuple[Axis, ...], at: Context) -> str:
        labels = [self._extents[self._key(axis, at)].labels[at[axis]] for axis in group]
        return labels[0] if len(labels) == 1 else together(labels)

    def _key(self, axis: Axis, at: Context) -> tuple[Any, ...]:
        outer = self._outer.get(axis)
        if outer is None:
            outer = self._outer[axis] = tuple(self._varies(axis.source))
        return (axis, *[at[one] for one in outer]) if outer else (axis,)

    def _varies(self, source: Source) -> dict[Axis, None]:
        """Over what a source varies."""
        match source:
            case Output():
                return dict.fromkeys(axis for group in self.groups.get(source.node, ()) for axis in group)
            case Item():
                return {**self._varies(source.axis.source), source.axis: None}
            case _:
                found = {axis: None for one in inner(source) for axis in self._varies(one)}
                over = source.over if isinstance(source, Gather) else ()
                return {axis: None for axis in found if axis not in over}

    def places(self, gather: Gather, at: Context, waits: set[str]) -> Places | None:
        """What a gather gathers, when all its axes are known."""
        extents = [self.extent(axis, at, waits) for axis in gather.over]
        known = [extent for extent in extents if extent is not None]
        if len(known) < len(extents):
            return None
        if len(known) == 1:
            axis, (extent,) = gather.over[0], known
            contexts: list[Context] = [{**at, axis: place} if at else {axis: place} for place in extent.first]
            return Places(
                contexts, [*extent.labels], [*extent.shown], extent.texts if extent.keys is None else extent.keys
            )
        marked = [(a.label, Listed(e.labels, e.keys)) for a, e in zip(gather.over, known, strict=True)]
        keys, pairs = paired(gather.who, marked)
        if keys is None:
            keys = next((extent.texts for extent in known if extent.texts is not None), None)
        rows = list(zip(*pairs, strict=True))
        contexts = [
            {**at, **{a: e.first[place] for a, e, place in zip(gather.over, known, row, strict=True)}} for row in rows
        ]
        labels = [together(e.labels[place] for e, place in zip(known, row, strict=True)) for row in rows]
        return Places(contexts, labels, [known[0].shown[row[0]] for row in rows], keys)

    def are_all(self, gather: Gather, at: Context) -> bool:
        """Does it gather all items of a node's only map, which depends on no other map?"""
        source, over = gather.source, gather.over
        return not at and len(over) == 1 and type(source) is Output and self.groups.get(source.node) == [over]

    def item(self, source: Item, at: Context) -> Flat | None:
        """An item that is a small value, where it is known."""
        extent = self._alone.get(source.axis)
        return None if extent is None or source.path else extent.plain[at[source.axis]]

    def columns(self, inputs: Inputs, places: Collection[Context]) -> list[list[tuple[str, Flat]]] | None:
        """The inputs of a node at many places, one after the other; none, if there is more to it than to look."""
        found: list[list[tuple[str, Flat]]] = []
        for name, source in inputs:
            kind = type(source)
            if type(source) is Item and not source.path and (extent := self._alone.get(source.axis)) is not None:
                items = [extent.plain[at[source.axis]] for at in places]
                if None in items:
                    return None
                found.append([(name, item) for item in items if item is not None])
            elif kind in _SIMPLE or (type(source) is Output and source.node not in self.groups):
                found.append([(name, cast(Flat, source))] * len(places))
            else:
                return None
        return found

    def extent(self, axis: Axis, at: Context, waits: set[str]) -> Extent | None:
        """The items of an axis, when they are known."""
        known = self._alone.get(axis)
        if known is not None:
            return known
        key = self._key(axis, at)
        known = self._extents.get(key)
        if known is None:
            made = self._opened(axis, at, waits)
            if made is None:
                return None
            known = self._extents[key] = made
            if len(key) == 1:
                self._alone[axis] = made
        return known

    def _opened(self, axis: Axis, at: Context, waits: set[str]) -> Extent | None:
        source: Source | None = axis.source
        tried = False
        while isinstance(source, (Choice, Attempt)):
            tried = tried or isinstance(source, Attempt)
            source = source.source if isinstance(source, Attempt) else self._sources.branch(source, at, waits)
        if source is None:
            return None
        if isinstance(source, Gather):  # what a map gave: its items are called as those of the map
            places = self.places(source, at, waits)
            if places is None:
                return None
            one = Attempt(source.source) if tried else source.source
            found = [(one, context) for context in places.contexts]
            return Extent.of_sources(places.labels, places.shown, places.keys if source.keyed else None, found)
        if isinstance(source, Collect) and source.kind is dict:
            labels = [called(key, self._sources.look.digest, place) for place, key in enumerate(source.keys)]
            items = [(Attempt(item) if tried else item, at) for item in source.items]
            return Extent.of_sources(labels, source.keys, source.keys, items)
        plain = self._sources.plain(source, at, waits, attempted=tried)
        if plain is None or not is_known(plain, self._sources.look, waits):
            return None
        values = listed(value_of(plain, self._sources.look), axis.label)
        where = [self._extents[self._key(one, at)].labels[at[one]] for one in self._outer[axis]]
        name = with_item(axis.name, where) if where else axis.name
        return Extent.of_values(name, values.items, values.keys, plain, self._sources.look.digest)


def is_known(source: Source, look: Look, waits: set[str]) -> bool:
    """Is the value of a plain source known? If not, for what it waits."""
    if isinstance(source, Collect):
        return all([is_known(item, look, waits) for item in source.items])
    if not isinstance(source, Output) or look.is_known(source.node):
        return True
    waits.add(source.node)
    return False


def value_of(source: Source, look: Look) -> Any:
    """The value of a plain source that is known."""
    match source:
        case Const(value):
            return value
        case Param() | Output():
            return look.value(source)
        case Collect(kind, items, keys):
            values = [value_of(item, look) for item in items]
            return dict(zip(keys, values, strict=True)) if kind is dict else kind(values)
        case _:
            raise PlaitError("what the run itself gives decides nothing")
