"""What a run has come to ask for and does not have as plain nodes yet: to be looked at next, or waiting for others."""

from collections import deque
from collections.abc import Iterable, Iterator

from plait.core.extents import Context
from plait.core.graph import Node
from plait.core.sources import Source


class Pending:
    """A node of the run that is asked for and not unfolded yet; or, without a node, something that is asked for."""

    __slots__ = ("at", "missing", "name", "node", "source")

    def __init__(self, name: str, node: Node | None, source: Source | None, at: Context) -> None:
        self.name, self.node, self.source, self.at = name, node, source, at
        self.missing = 0  # for how many nodes it waits


class Because(Exception):  # noqa: N818 - no error: it says which node is to blame that something cannot come to be
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Gone(Exception):  # noqa: N818 - no error: the value of a node is lost, and made again before more can be said
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Agenda:
    """First come, first served; who waits comes back when all that it waits for is known or has failed."""

    def __init__(self) -> None:
        self.open = 0  # of all that was added and is not done
        self.waiting: dict[str, list[Pending]] = {}  # by the node whose end decides
        self._queue: deque[Pending] = deque()

    def add(self, pending: Pending) -> None:
        """Takes in what was not asked for before."""
        self.open += 1
        self._queue.append(pending)

    def __iter__(self) -> Iterator[Pending]:
        while self._queue:
            yield self._queue.popleft()

    def wait(self, pending: Pending, names: Iterable[str]) -> None:
        """Lets it wait for some nodes."""
        for name in names:
            pending.missing += 1
            self.waiting.setdefault(name, []).append(pending)

    def wake(self, name: str) -> None:
        """A node is known or has failed."""
        for pending in self.waiting.pop(name, ()):
            pending.missing -= 1
            if not pending.missing:
                self._queue.append(pending)
