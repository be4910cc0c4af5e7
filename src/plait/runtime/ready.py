"""The nodes that can run now, and which of them goes first."""

import heapq
from collections.abc import Callable, Sequence
from typing import Protocol

from plait.runtime.pools import Needs, Pools


class Ready(Protocol):
    """Nodes that can run now."""

    def push(self, names: Sequence[str], /) -> None: ...
    def __len__(self) -> int: ...


class Stack(list[str]):
    """Depth first, so that few values are alive: where one node runs after the other. `pop` takes the last."""

    def push(self, names: Sequence[str]) -> None:
        """Makes nodes ready, the first of them to be taken first."""
        self.extend(names if len(names) < 2 else reversed(names))


class Lanes:
    """The most urgent first: where nodes run at once. Nodes with the same needs queue in one lane.

    No node starves: what the most urgent node waits for is given to no other one, so its turn comes when those who
    hold it are done. All else that is free is used meanwhile.
    """

    def __init__(self, pools: Pools, needs: Callable[[str], Needs], rank: Callable[[str], tuple[float, ...]]) -> None:
        self._pools, self._needs, self._rank = pools, needs, rank
        self._lanes: dict[Needs, list[tuple[tuple[float, ...], int, str]]] = {}
        self._count = 0

    def push(self, names: Sequence[str]) -> None:
        """Makes nodes ready; of those that are equally urgent, who came first goes first."""
        for name in names:
            self._count += 1
            heapq.heappush(self._lanes.setdefault(self._needs(name), []), (self._rank(name), self._count, name))

    def pop(self) -> tuple[str, Needs] | None:
        """Takes the most urgent node that can start, and what it needs; none, if none can."""
        awaited: set[str] = set()  # pools that a more urgent node waits for
        waiting = [needs for needs, lane in self._lanes.items() if lane]
        for needs in sorted(waiting, key=lambda needs: (needs.waits, self._lanes[needs][0])):
            if awaited.isdisjoint(self._pools.named(needs)) and self._pools.take(needs):
                return heapq.heappop(self._lanes[needs])[2], needs
            awaited |= self._pools.awaited(needs)
        return None

    def __len__(self) -> int:
        return sum(map(len, self._lanes.values()))
