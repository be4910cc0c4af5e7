"""What a run is made of while it goes on: shared by those who work on it, each with one idea of its own."""

from collections import deque
from collections.abc import Callable, Sequence

from plait.core.addresses import node_of
from plait.core.digest import Digest
from plait.core.graph import Node, reads
from plait.ports import Clock, Ledger
from plait.runtime.events import RunEvent
from plait.runtime.frontier import Frontier
from plait.runtime.ready import Ready
from plait.runtime.request import Request, State
from plait.runtime.vault import Vault


class Work:
    """A run's nodes, how far they have come, and what is still to be told.

    `nodes` and `frontier.parents` begin as those of the graph; they grow where a run finds out what there is to do.
    """

    def __init__(
        self,
        request: Request,
        state: State,
        vault: Vault,
        ledger: Ledger | None,
        clock: Clock,
        weigh: Callable[[Node], float] | None,
        ready: Ready,
    ) -> None:
        self.request, self.state, self.vault = request, state, vault
        self.ledger, self.clock = ledger, clock
        graph = request.graph
        self.nodes: dict[str, Node] = dict(graph.nodes)
        self.nodes.update({name: graph.nodes[node_of(name)] for name in request.given if name not in self.nodes})
        nodes = self.nodes
        by_name = None if weigh is None else lambda name: weigh(nodes[name])
        reads, needed = (dict(graph.reads), request.needed) if not graph.folded else ({}, ())  # these come to be known
        self.frontier = Frontier(reads, needed, request.given, state.artifacts, by_name)
        self.ready = ready
        self.told: deque[RunEvent] = deque()
        self.kept = {*request.targets, *request.given}  # whose values are held to the end
        self.read = set(request.read)  # whose values are looked at: a record is no hit if its bytes are gone
        self.began = state.began
        self.at_work: set[str] = set()  # nodes that are worked on beside others
        self.remade: dict[str, Digest] = {}  # nodes whose bytes were lost when somebody read them, and what they were

    def add(self, nodes: Sequence[Node]) -> list[str]:
        """Takes in nodes that the graph does not have: those that wait for nobody."""
        new = {node.name: node for node in nodes}
        self.nodes.update(new)
        return self.frontier.add(reads(new)[0])
