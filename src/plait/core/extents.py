"""The items of an axis, once a run knows them: what they are called, and where their values come from."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from plait.core.addresses import by_digest, label
from plait.core.containers import IMMUTABLE
from plait.core.grafting import field_at
from plait.core.looping import listed, texts
from plait.core.sources import Axis, Const, Flat, Output, Source
from plait.errors import ParameterError, PlaitError
from plait.secret import Secret

Context = Mapping[Axis, int]  # at which item of each axis
_LONG = frozenset({str, bytes})
_SMALL = 4096  # letters or bytes up to which an item travels with the node that reads it


class Piece(NamedTuple):
    """An item that nodes read by itself, under a name of its own: a piece of what a node made, or of a parameter."""

    name: str
    value: Any
    of: Flat
    again: Callable[[Any], Any]  # takes it out of what it is a piece of


class Extent:
    """The items of an axis.

    `labels` are what they are called in addresses, `shown` what people know them by, `first` the place where an equal
    item stood first, since equal items are one. `keys` are those of a dict.
    """

    __slots__ = ("_values", "first", "keys", "labels", "name", "of", "pieces", "plain", "shown", "sources", "texts")

    def __init__(self, labels: Sequence[str], shown: Sequence[object], keys: Sequence[Any] | None) -> None:
        self.labels, self.shown, self.keys = labels, shown, keys
        places: dict[str, int] = {}
        self.first = [places.setdefault(one, place) for place, one in enumerate(labels)]
        self.texts: Sequence[str] | None = None  # the items, if they are texts that differ
        self.sources: Sequence[tuple[Source, Context]] | None = None  # where each item comes from
        self.name = ""
        self.of: Flat = Const(None)  # what they are pieces of, if they are values
        self.pieces: dict[tuple[int, tuple[str, ...]], Flat] = {}  # those that somebody reads
        self.plain: Sequence[Const | None] = [None] * len(labels)  # the items that are small values
        self._values: Sequence[Any] = ()

    @classmethod
    def of_sources(
        cls,
        labels: Sequence[str],
        shown: Sequence[object],
        keys: Sequence[Any] | None,
        sources: Sequence[tuple[Source, Context]],
    ) -> "Extent":
        """Items that are results of nodes, each with a source of its own."""
        made = cls(labels, shown, keys)
        made.sources = sources
        return made

    @classmethod
    def of_values(
        cls,
        name: str,
        items: Sequence[Any],
        keys: Sequence[Any] | None,
        of: Flat,
        digest: Callable[[Any], str | None],
    ) -> "Extent":
        """Items that are pieces of one value; `name` is what the axis is called."""
        if any([type(item) is Secret for item in items]):
            raise ParameterError(
                f"{name}: its items are secrets, and nothing tells one from another; map over what does, such as names"
            )
        ids = items if keys is None else keys
        plain = [label(item) for item in ids]
        labels = [called(ids[at], digest, at) if one is None else one for at, one in enumerate(plain)]
        shown = [labels[at] if one is None and keys is None else ids[at] for at, one in enumerate(plain)]
        made = cls(_told_apart(labels, ids, digest), shown, keys)
        if keys is not None and len(set(made.first)) < len(keys):  # one NaN is not the other
            again = next(one for place, one in enumerate(made.labels) if made.first[place] != place)
            raise ParameterError(f"{name}: two of its keys are called {again}, so nothing tells their items apart")
        made.texts = texts(items) if keys is None else None
        made.name, made.of, made._values = name, of, items
        made.plain = [Const(value) if _is_small(value) else None for value in items]
        return made

    def piece(self, place: int, path: tuple[str, ...]) -> Flat | Piece:
        """An item that is a value, or a field of it, as a source; new ones as the pieces that they are."""
        if not path and (small := self.plain[place]) is not None:
            return small
        known = self.pieces.get((place, path))
        if known is not None:
            return known
        name = ".".join((f"{self.name}[{self.labels[place]}]", *path))
        if not self._values:
            raise PlaitError(f"{name} was not asked for in this run, and is not held any more; ask for it")
        value = field_at(self._values[place], path)
        if _is_small(value):
            made = self.pieces[place, path] = Const(value)
            return made
        return Piece(name, value, self.of, lambda whole: field_at(listed(whole, self.name).items[place], path))

    def forget(self) -> None:
        """Nobody will ask for another item: large ones need not be held here. A result may be made of the others."""
        self._values = ()


def given_item(name: str, of: Output, steps: Sequence[tuple[int, object]], whole: Any) -> Piece:
    """One item of a mapped node of which all values were given, as a list or a dict for each of its maps.

    `steps` lead to it: for each map its place, and what people know it by.
    """

    def again(value: Any) -> Any:
        for place, shown in steps:
            try:
                value = value[shown if isinstance(value, Mapping) else place]
            except (KeyError, IndexError):
                raise PlaitError(f"given[{of.node!r}] has nothing for the item {shown!r}") from None
        return value

    return Piece(name, again(whole), of, again)


def _is_small(value: Any) -> bool:
    cls = type(value)
    return cls in IMMUTABLE and (cls not in _LONG or len(value) <= _SMALL)


def called(item: Any, digest: Callable[[Any], str | None], place: int = 0) -> str:
    """What an item is called: by itself, by its digest, or, if it has no content to name, by its place."""
    found = label(item)
    if found is None:
        named = digest(item)
        return f"@{place}" if named is None else by_digest(named)
    return found


def _told_apart(labels: list[str], items: Sequence[Any], digest: Callable[[Any], str | None]) -> Sequence[str]:
    """Two items whose digests begin alike are called by all of them."""
    whole: dict[str, str | None] = {}
    for place, one in enumerate(labels):
        if one.startswith("#"):
            named = digest(items[place])
            if whole.setdefault(one, named) != named:
                labels[place] = f"#{named}"
    return labels
