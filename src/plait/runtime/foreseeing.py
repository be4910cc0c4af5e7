"""Which nodes a run would have, as far as that is known before it: those of maps whose items are known, and of switches
that are decided. The rest is said by what it waits for.
"""

from collections.abc import Iterator
from typing import Any, Protocol

from plait.core.addresses import node_of
from plait.core.demand import deciding
from plait.core.extents import Piece
from plait.core.grafting import field_at
from plait.core.graph import Node, reads
from plait.core.records import Artifact, part_of
from plait.core.sources import Output, Param
from plait.core.unfolding import Unfolded, Unfolding
from plait.errors import FingerprintError
from plait.runtime.frontier import Frontier
from plait.runtime.plan import Planned
from plait.runtime.request import Request
from plait.runtime.unfolding import named
from plait.runtime.vault import Vault


class Planning(Protocol):
    """What is known while a plan is made: see `runtime/planning.py`."""

    request: Request
    vault: Vault
    artifacts: dict[str, Artifact]

    @property
    def digests(self) -> Any: ...


class Foreseeing:
    """Gives the nodes of a run that is not run, each after those that it reads."""

    def __init__(self, planning: Planning) -> None:
        self._planning, self._request = planning, planning.request
        graph, given = self._request.graph, self._request.given
        self._unfolding = Unfolding(graph, given, self)
        self._values: dict[Output, Any] = {Output(name): value for name, value in given.items()}
        self._seen: dict[str, None] = dict.fromkeys(name for name in given if name not in graph.whole)
        self._nodes: dict[str, Node] = {}
        self._frontier = Frontier({}, (), given, self._seen, None)

    def nodes(self) -> Iterator[Node]:
        """Each node; when the next one is asked for, it is looked whether this one is known by then."""
        order = {name: place for place, name in enumerate(self._request.graph.nodes)}
        ready = self._take(self._unfolding.ask(self._request.roots))
        while ready:
            ready.sort(key=lambda name: order[node_of(name)])
            fresh: list[str] = []
            for name in ready:
                yield self._nodes[name]
                self._seen[name] = None
                fresh += self._frontier.known(name)
                if name in self._planning.artifacts and name in self._unfolding.waits_for:
                    fresh += self._take(self._unfolding.settle(name))
            ready = fresh
        left = [name for name in self._nodes if name not in self._seen]  # they read what is not unfolded
        for name in sorted(left, key=lambda name: order[node_of(name)]):
            yield self._nodes[name]
            self._seen[name] = None

    def others(self) -> Iterator[Planned]:
        """What is needed, and not a node yet; with that for which it waits."""
        graph = self._request.graph
        seen = {node_of(name) for name in (*self._seen, *self._request.given)}
        waiting, undecided = self._unfolding.waiting(), self._unfolding.undecided()
        decide = [name for name in self._seen if node_of(name) in set(deciding(graph))]
        for name in self._request.needed:
            for pending, waits in waiting.items():
                if node_of(pending) == name:
                    yield Planned(pending, "wait", waits_for=waits)
                    seen.add(name)
            if name in seen or name not in undecided:
                continue
            above = {*graph.needed([name])}
            waits = tuple(one for one in decide if one not in self._planning.artifacts)
            waits = tuple(one for one in waits if node_of(one) in above) or waits
            mapped = name in graph.whole
            axes = [axis for group in graph.axes(name) for axis in group] if mapped else []
            size = ", ".join(axis.label.removeprefix("each(").removesuffix(")") for axis in axes)
            yield Planned(f"{name}[*]" if mapped else name, "wait", waits_for=waits, size=size)

    def place(self, name: str) -> tuple[int, ...]:
        """Where a node of the run stands among those of its node of the graph."""
        return self._unfolding.place(name)

    def _take(self, more: Unfolded) -> list[str]:
        nodes = {node.name: node for some in more.nodes.values() for node in some}
        self._nodes.update(nodes)
        return self._frontier.add(reads(nodes)[0])

    # what `Unfolding` asks

    def is_known(self, node: str) -> bool:
        return node in self._planning.artifacts or node in self._request.given

    def value(self, source: Output | Param) -> Any:
        if isinstance(source, Param):
            return field_at(self._request.surface.params[source.address], source.path)
        name, part = source
        if Output(name) in self._values:
            return field_at(self._values[Output(name)], () if part is None else (part,))
        artifact = self._planning.artifacts[name]
        cls = self._request.graph.nodes[node_of(name)].definition.result_class
        return self._planning.vault.load(artifact if part is None else part_of(artifact, part), cls)

    def digest(self, value: Any) -> str | None:
        try:
            return self._planning.vault.naming.digest(value)
        except FingerprintError:
            return None

    def take(self, piece: Piece) -> None:
        self._values[Output(piece.name)] = piece.value
        self._planning.artifacts[piece.name] = Artifact(named(piece, self.digest, self._planning.digests), "memory")
        self._seen[piece.name] = None
        self._frontier.hold(piece.name)
