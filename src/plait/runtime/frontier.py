"""Which nodes can run now, and whose values nobody will read any more: the counting behind the scheduler."""

import heapq
from collections.abc import Iterable, Mapping, Sequence

from plait.core.graph import Graph


class Frontier:
    """The part of a graph that a run needs, and how far it has come.

    Nodes are taken in the order of the longest remaining path, where several can run at once; else depth first, so
    that few values are alive.
    """

    def __init__(self, graph: Graph, needed: Sequence[str], given: Iterable[str], *, parallel: bool) -> None:
        given = list(given)
        self.needed = needed
        self.parents: Mapping[str, Sequence[str]] = graph.reads
        self.children: dict[str, list[str]] = {name: [] for name in (*self.needed, *given)}
        self.waiting: dict[str, int] = {}  # for how many nodes each node waits
        children, known = self.children, set(given)
        for name in self.needed:
            parents = self.parents[name]
            self.waiting[name] = len(parents) if not known else len([p for p in parents if p not in known])
            for parent in parents:
                children[parent].append(name)
        self.readers = {name: len(readers) for name, readers in children.items()}  # that are not done yet
        self._ranks = _ranks(self.needed, children) if parallel else None
        self._ready: list[str] = []
        self._ranked: list[tuple[tuple[int, int], str]] = []

    def first(self) -> list[str]:
        """The nodes that wait for nobody."""
        return [name for name in self.needed if not self.waiting[name]]

    def push(self, names: Sequence[str]) -> None:
        """Makes nodes ready to be taken."""
        if self._ranks is None:
            self._ready.extend(names if len(names) < 2 else reversed(names))
            return
        for name in names:
            heapq.heappush(self._ranked, (self._ranks[name], name))

    def pop(self) -> str:
        """Takes the most urgent node that is ready."""
        return self._ready.pop() if self._ranks is None else heapq.heappop(self._ranked)[1]

    def __bool__(self) -> bool:
        return bool(self._ready or self._ranked)

    def clear(self) -> None:
        """Nothing more is to be taken."""
        self._ready.clear()
        self._ranked.clear()

    def known(self, name: str) -> list[str]:
        """A node is known: those that waited for it last."""
        fresh = []
        waiting = self.waiting
        for child in self.children[name]:
            waiting[child] -= 1
            if not waiting[child]:
                fresh.append(child)
        return fresh

    def done(self, name: str) -> list[str]:
        """A node will not read any more: those that nobody else will read."""
        freed = []
        readers = self.readers
        for parent in self.parents[name]:
            readers[parent] -= 1
            if not readers[parent]:
                freed.append(parent)
        return freed

    def again(self, name: str) -> None:
        """A node that was done will read once more."""
        for parent in self.parents[name]:
            self.readers[parent] += 1

    def after(self, name: str) -> list[str]:
        """All nodes of the run that depend on a node."""
        stack, found = [name], dict[str, None]()
        while stack:
            for child in self.children[stack.pop()]:
                if child not in found:
                    found[child] = None
                    stack.append(child)
        return list(found)


def _ranks(needed: Sequence[str], children: Mapping[str, Sequence[str]]) -> dict[str, tuple[int, int]]:
    """The longest remaining path first; then the order of the graph."""
    length: dict[str, int] = {}
    for name in reversed(needed):
        length[name] = 1 + max((length[child] for child in children[name]), default=0)
    return {name: (-length[name], place) for place, name in enumerate(needed)}
