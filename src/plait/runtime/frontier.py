"""Which nodes wait for which, and whose values nobody will read any more: the counting behind the scheduler."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence


class Frontier:
    """The part of a graph that a run needs, and how far it has come.

    It can grow while the run goes on: `add` takes nodes that nobody knew of before.
    """

    def __init__(
        self,
        reads: dict[str, tuple[str, ...]],
        needed: Iterable[str],
        given: Iterable[str],
        known: Collection[str],
        weigh: Callable[[str], float] | None,
    ) -> None:
        self.parents = reads
        self.needed = list(needed)
        given = set(given)
        self.children: dict[str, list[str]] = {name: [] for name in (*self.needed, *given)}
        self.waiting: dict[str, int] = {}  # for how many nodes each node waits
        self._known = known  # the nodes that are known by now
        self._once: set[str] = set()  # those that were, and are made again: who comes to read them asks for that
        self._weigh = weigh  # how long a node takes; none, if nobody asks for the longest path
        children, parents_of = self.children, self.parents
        for name in self.needed:
            parents = parents_of[name]
            self.waiting[name] = len(parents) if not given else len([p for p in parents if p not in given])
            for parent in parents:
                children[parent].append(name)
        self.readers = {name: len(readers) for name, readers in children.items()}  # that are not done yet
        self.remaining: dict[str, float] = {}  # how long the longest path is that begins with a node
        self._measure(self.needed)

    def first(self) -> list[str]:
        """The nodes that wait for nobody."""
        return [name for name in self.needed if not self.waiting[name]]

    def add(self, new: Mapping[str, tuple[str, ...]]) -> list[str]:
        """Takes in new nodes, each with those that it reads, after these: the nodes that wait for nobody."""
        self.parents.update(new)
        self.waiting.update(dict.fromkeys(new, 0))
        for name, parents in new.items():
            if name not in self.children:  # a reader of it may have been added before it
                self.children[name], self.readers[name] = [], 0
            if parents:
                self._link(name, parents)
        self.needed += new
        self._measure(list(new))
        return [name for name in new if not self.waiting[name]]

    def lengths(self, children: Mapping[str, Sequence[str]]) -> dict[str, float]:
        """How long the longest path is that begins with each node of a graph, listed so that readers come after."""
        found: dict[str, float] = {}
        if self._weigh is not None:
            for name in reversed(list(children)):
                found[name] = self._weigh(name) + max((found[child] for child in children[name]), default=0.0)
        return found

    def measure(self, names: Iterable[str], length: float) -> None:
        """Says how long the longest path is that begins with some nodes, those included that are not added yet."""
        if self._weigh is not None:
            self.remaining.update(dict.fromkeys(names, length))

    def hold(self, name: str) -> None:
        """Takes in a value that is known, reads nothing, and is read as those of nodes are."""
        self.parents[name] = ()
        self.children.setdefault(name, [])
        self.readers.setdefault(name, 0)

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
        """A node that was known is made again, and will read once more."""
        self._once.add(name)
        for parent in self.parents[name]:
            self.readers[parent] += 1

    def _link(self, name: str, parents: Iterable[str]) -> None:
        children, readers, known = self.children, self.readers, self._known
        waits = 0
        for parent in parents:
            if parent in children:
                children[parent].append(name)
                readers[parent] += 1
            else:
                children[parent], readers[parent] = [name], 1
            waits += parent not in known and parent not in self._once
        self.waiting[name] += waits

    def _measure(self, names: Sequence[str]) -> None:
        """The longest remaining path of each, those who read before those they read."""
        if self._weigh is None:
            return
        remaining = self.remaining
        for name in reversed(names):
            behind = max((remaining.get(child, 0.0) for child in self.children[name]), default=0.0)
            remaining[name] = self._weigh(name) + behind
