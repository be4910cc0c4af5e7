"""What a value is called: `(namespace/)*node([item])?(.part)?`, with one grammar everywhere.

An item is called by its dict key, or by itself, where that is short and plain; else by its digest. What an item is
called follows from what it is, and from nothing else: seeds come from these names, and two items must never have one.
"""

import re
from collections.abc import Iterable
from datetime import date
from typing import Any, NamedTuple

from plait.core.digest import Digest

_LONG = 60  # characters, from which an item is called by its digest
_LARGE = 10**_LONG
_PLAIN = re.compile(r"[^\W\d][^\[\]{}|,'\"\\]*")
_QUOTED = re.compile(r"[^\[\]{}|,'\"\\]*")
_WORDS = frozenset({"None", "True", "False", "nan", "inf"})


class Address(NamedTuple):
    """The pieces of an address."""

    node: str
    item: str | None
    part: str | None


def parsed(address: str) -> Address:
    """An address in its pieces.

    >>> parsed("tune/fit[EMEA, 3].low"), parsed("split.train").part
    (Address(node='tune/fit', item='EMEA, 3', part='low'), 'train')
    """
    node, bracket, rest = address.partition("[")
    if bracket:
        item, _, part = rest.rpartition("]")
        return Address(node, item, part.removeprefix(".") or None)
    node, dot, part = address.rpartition(".")
    return Address(node, None, part) if dot else Address(address, None, None)


def node_of(name: str) -> str:
    """The node of the graph that a node of a run is of: `fit` for `fit[EMEA]`."""
    return name.partition("[")[0]


def item_of(name: str) -> str | None:
    """The item that a node of a run is for, if it is one of a map."""
    return parsed(name).item if "[" in name else None


def label(item: Any) -> str | None:
    """What an item is called, where it can be called by itself.

    >>> [label(item) for item in ("EMEA", "01", 1, 0.5, True, None, "a,b")]
    ['EMEA', "'01'", '1', '0.5', 'True', 'None', None]
    """
    kind = type(item)
    if kind is int:
        return repr(item) if -_LARGE < item < _LARGE else None
    if kind is float or kind is bool or item is None:
        return repr(item)
    if kind is date:
        return str(item.isoformat())
    if kind is not str or len(item) > _LONG or not item.isprintable():
        return None
    if _PLAIN.fullmatch(item) and item not in _WORDS and item == item.strip():
        return str(item)
    return f"'{item}'" if _QUOTED.fullmatch(item) else None


def by_digest(digest: Digest | str) -> str:
    """What an item is called that is not called by itself."""
    return f"#{digest.removeprefix('by-key:')[:12]}"


def together(labels: Iterable[str]) -> str:
    """What items are called that are zipped; once, if all of them are called alike.

    Were some left out, `a, b, a` and `a, a, b` would be called alike.

    >>> together(["EMEA", "EMEA"]), together(["EMEA", "3"]), together(["EMEA", "EMEA", "3"])
    ('EMEA', 'EMEA|3', 'EMEA|EMEA|3')
    """
    said = list(labels)
    return said[0] if len(set(said)) == 1 else "|".join(said)


def with_item(node: str, labels: Iterable[str]) -> str:
    """A node for one item of each of its maps, the outer one first."""
    return f"{node}[{', '.join(labels)}]"
