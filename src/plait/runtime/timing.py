"""How long nodes will take, by what they took before; and so which of those that are ready goes first."""

from collections.abc import Iterable
from math import log

from plait.core.definition import Definition
from plait.core.graph import Node
from plait.core.records import Artifact
from plait.ports import Ledger
from plait.runtime.naming import Naming
from plait.runtime.work import Work

_LEAST = 1e-3  # seconds: starting a node takes that
_ALIKE = log(1.05)  # paths that differ by less are equally long
_EARLIER = 20  # records of a step that are looked at


def _median(seconds: list[float]) -> float:
    """The upper one of two: it is an estimate."""
    return sorted(seconds)[len(seconds) // 2]


class Times:
    """Seconds by node, from the newest records of its step; where nothing is known, all are alike."""

    def __init__(self, nodes: Iterable[Node], ledger: Ledger | None, naming: Naming) -> None:
        self._by_node: dict[str, float] = {}
        self._by_step: dict[Definition, float] = {}
        for definition in {node.definition for node in nodes} if ledger is not None else ():
            earlier = ledger.earlier(naming.home(definition), _EARLIER) if ledger is not None else ()
            for record in reversed(earlier):
                self._by_node[record.node] = max(record.seconds, _LEAST)
            if earlier:
                self._by_step[definition] = max(_median([record.seconds for record in earlier]), _LEAST)
        self._typical = _median(list(self._by_step.values())) if self._by_step else 1.0

    def of(self, node: Node) -> float:
        """How long a node will take, in seconds."""
        known = self._by_node.get(node.name)
        return known if known is not None else self._by_step.get(node.definition, self._typical)


def rank(work: Work, name: str) -> tuple[float, ...]:
    """The longest remaining path first; of those that are about as long, what frees most memory."""
    frontier = work.frontier
    last = [parent for parent in frontier.parents[name] if frontier.readers[parent] == 1 and parent not in work.kept]
    freed = sum(_size(work.state.artifacts[parent]) for parent in last if parent in work.state.artifacts)
    return (-round(log(max(frontier.remaining.get(name, _LEAST), _LEAST)) / _ALIKE), -freed)


def _size(artifact: Artifact) -> int:
    return 1 + artifact.size + sum(_size(part) for _, part in artifact.parts)
