"""What a drawing of a graph shows, whatever it is drawn with: boxes, and wires between them."""

from typing import NamedTuple


class Box(NamedTuple):
    """A node, or a parameter that several nodes read or that somebody must give."""

    name: str  # its address, by which wires find it
    kind: str  # node, input
    about: str = ""  # what it says when one points at it
    dials: tuple[str, ...] = ()  # what is set in the node itself: "depth = 3", "seed"
    parts: tuple[str, ...] = ()  # of its result, that somebody reads
    state: str = ""  # what would become of it, or became of it


class Wire(NamedTuple):
    """A value on its way. Names of boxes are (kind, name), since a node and an input may share one."""

    source: tuple[str, str]
    part: str | None
    target: tuple[str, str]
    checked: bool  # do the types on both ends say that it fits?


class Sketch(NamedTuple):
    """A whole graph."""

    name: str
    boxes: dict[tuple[str, str], Box]
    wires: list[Wire]
    counted: bool = True  # is each node one box? Not where a mapped one is drawn once for all its items
