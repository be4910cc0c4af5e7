"""Over what nodes and sources vary: the axes of the items that they are made of, without those that are gathered."""

from collections.abc import Callable, Mapping

from plait.core.graph import Node
from plait.core.sources import Axis, Gather, Item, Output, Source, inner


class Over:
    """Over what the nodes of a graph vary, which are given so that each comes after those it reads.

    `moved` says which axis stands in the place of one, where sources are being rewritten.
    """

    def __init__(self, nodes: Mapping[str, Node], moved: Callable[[Axis], Axis] = lambda axis: axis) -> None:
        self._nodes, self._moved = nodes, moved
        self._known: dict[str, frozenset[Axis]] = {}
        for name in nodes:  # in their order, so that no question goes deep
            self(Output(name))

    def __call__(self, source: Source) -> frozenset[Axis]:
        match source:
            case Output(node, _):
                if node not in self._known:
                    self._known[node] = frozenset()
                    self._known[node] = frozenset().union(*(self(s) for _, s in self._nodes[node].inputs))
                return self._known[node]
            case Item(axis, _):
                return self(axis.source) | {self._moved(axis)}
            case _:
                found = frozenset[Axis]().union(*(self(one) for one in inner(source)))
                over = [self._moved(axis) for axis in source.over] if isinstance(source, Gather) else []
                return found.difference(over)
