"""The graph: flat, immutable and valid. It answers pure questions; it knows nothing of runs."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from plait.core.addresses import parsed
from plait.core.definition import EMPTY, Definition, near
from plait.core.sources import NESTED, Attempt, Axis, Gather, Output, Param, Source, is_folded, outputs, params
from plait.errors import GraphError


class Node(NamedTuple):
    """One use of a step in a graph."""

    name: str
    definition: Definition
    inputs: tuple[tuple[str, Source], ...]


class Fed(NamedTuple):
    """An input that is not just the result of another node."""

    node: Node
    name: str
    source: Source


class Parameter(NamedTuple):
    """An input of the pipeline that no node makes."""

    address: str
    hints: tuple[Any, ...]  # what its readers ask for
    default: Any  # EMPTY: required
    users: tuple[str, ...]  # "node(input)", for messages

    @property
    def required(self) -> bool:
        return self.default is EMPTY


class Graph:
    """Nodes in an order in which they could run, the parameters they read, and what the whole gives.

    A node that is mapped stands here once; how often it runs, a run finds out (`core/unfolding.py`). Raises
    `GraphError` for nodes that read each other in a circle.
    """

    __slots__ = (
        "__weakref__",
        "_children",
        "_definitions",
        "_fed",
        "_folded",
        "_short",
        "aliases",
        "name",
        "nodes",
        "parameters",
        "reads",
        "result",
        "whole",
    )

    def __init__(
        self,
        name: str,
        nodes: Mapping[str, Node],
        parameters: Mapping[str, Parameter],
        aliases: Mapping[str, Source],
        result: Source | None,
        whole: Mapping[str, Source] | None = None,
    ) -> None:
        self.name = name
        # what each node reads is each node once, in the order of its inputs
        self.nodes, self.reads = in_order(name, nodes)
        self.parameters = parameters
        self.aliases = aliases  # other names of sources: a namespace by its result
        self.result = result  # what a by-call pipeline returns
        self.whole = whole or {}  # of a mapped node: all that it gives
        self._folded: bool | None = None
        self._fed: Sequence[Fed] | None = None
        self._definitions: Sequence[Definition] | None = None
        self._children: dict[str, list[str]] | None = None
        self._short: dict[str, list[str]] | None = None

    @property
    def folded(self) -> bool:
        """Does it take a run to say what there is to do, since something is mapped, chosen or attempted?"""
        if self._folded is None:
            sources = [fed.source for fed in self.fed]
            sources += [] if self.result is None else [self.result]
            self._folded = bool(self.whole) or any(map(is_folded, sources))
        return self._folded

    @property
    def fed(self) -> Sequence[Fed]:
        """The inputs that are not just the results of other nodes: mostly few, and asked for again and again."""
        if self._fed is None:
            self._fed = [
                Fed(node, name, source)
                for node in self.nodes.values()
                for name, source in node.inputs
                if type(source) is not Output
            ]
        return self._fed

    def fed_to(self, nodes: Collection[str]) -> Sequence[Fed]:
        """Those of some nodes."""
        if len(nodes) == len(self.nodes):
            return self.fed
        asked = frozenset(nodes)
        return [fed for fed in self.fed if fed.node.name in asked]

    @property
    def definitions(self) -> Sequence[Definition]:
        """What the nodes are uses of, each once."""
        if self._definitions is None:
            self._definitions = list(dict.fromkeys([node.definition for node in self.nodes.values()]))
        return self._definitions

    def definitions_of(self, nodes: Collection[str]) -> Sequence[Definition]:
        """What some nodes are uses of, each once."""
        if len(nodes) == len(self.nodes):
            return self.definitions
        return list(dict.fromkeys([self.nodes[name].definition for name in nodes]))

    def axes(self, node: str) -> list[tuple[Axis, ...]]:
        """What a node is mapped over, the outer map first; axes that are zipped are together."""
        found, source = [], self.whole.get(node)
        while isinstance(source, Gather):
            found.append(source.over)
            source = source.source
        return found

    def all_of(self, node: str, part: str | None = None) -> Source:
        """All that a node gives, for all its items, or one part of it."""
        return parted(self.whole.get(node, Output(node)), part)

    @property
    def children(self) -> Mapping[str, Sequence[str]]:
        """Who reads each node."""
        if self._children is None:
            children: dict[str, list[str]] = {name: [] for name in self.nodes}
            for name, parents in self.reads.items():
                for parent in parents:
                    children[parent].append(name)
            self._children = children
        return self._children

    def sinks(self) -> list[str]:
        """The nodes that nobody reads."""
        return [name for name, readers in self.children.items() if not readers]

    def needed(self, targets: Iterable[str], given: Iterable[str] = ()) -> list[str]:
        """The nodes that must be known for the targets, given some; in an order in which they could run."""
        known = set(given)
        targets = list(targets)
        if not known and len(targets) == len(self.nodes):
            return list(self.nodes)
        wanted, found = set(targets), []
        for name in reversed(self.reads):  # whoever reads a node comes after it
            if name in wanted and name not in known:
                found.append(name)
                for parent in self.reads[name]:
                    wanted.add(parent)
        found.reverse()
        return found

    def descendants(self, name: str) -> list[str]:
        """All nodes that depend on a node."""
        found: set[str] = set()
        stack = [name]
        while stack:
            for reader in self.children[stack.pop()]:
                if reader not in found:
                    found.add(reader)
                    stack.append(reader)
        return [node for node in self.nodes if node in found]

    def source(self, address: str) -> Source:
        """What an address names: a node, a part, an item of a map, or a namespace; `GraphError` with the near miss."""
        if address in self.nodes:
            return self.all_of(address)
        if address in self.aliases:
            return self.aliases[address]
        node, item, part = parsed(address)
        known_part = node in self.nodes and (part is None or part in self.nodes[node].definition.parts)
        if item is not None and known_part:
            if node not in self.whole:
                raise GraphError(f"{address!r}: {node} is not mapped, and has no items")
            return Output(f"{node}[{item}]", part)
        if item is None and part is not None and known_part:
            return self.all_of(node, part)
        short = [n for n in self.nodes if address in self.nodes[n].definition.parts]
        if len(short) == 1:
            return self.all_of(short[0], address)
        if short:
            raise GraphError(f"{address!r} is {' and '.join(f'{n}.{address}' for n in short)}. Say which")
        known = list(self.addresses())
        listed = f". It has {', '.join(known[:8])}{', …' if len(known) > 8 else ''}"
        raise GraphError(f"{self.name} has no node {address!r}{near(address, known) or listed}")

    def addresses(self) -> Iterator[str]:
        """Every name that a value of this graph goes by."""
        for name, node in self.nodes.items():
            yield name
            yield from (f"{name}.{part}" for part in node.definition.parts)
        yield from self.aliases

    def short_names(self) -> Mapping[str, Sequence[str]]:
        """The parameters that each short name stands for: `max_depth` for `fit.max_depth`."""
        if self._short is None:
            short: dict[str, list[str]] = {}
            for address in self.parameters:
                short.setdefault(address.rpartition(".")[2], []).append(address)
            self._short = short
        return self._short

    def parameters_of(self, nodes: Collection[str]) -> list[Parameter]:
        """The parameters that some nodes read."""
        read = set()
        for _, _, source in self.fed_to(nodes):
            if type(source) is Param:
                read.add(source.address)
            elif type(source) in NESTED:
                read.update(param.address for param in params(source))
        return [parameter for address, parameter in self.parameters.items() if address in read]

    def parameters_named(self, addresses: Collection[str]) -> list[Parameter]:
        """The parameters of some addresses, in the order of the graph."""
        return [parameter for address, parameter in self.parameters.items() if address in addresses]

    def renamed(self, name: str) -> "Graph":
        """The same graph under another name."""
        return Graph(name, self.nodes, self.parameters, self.aliases, self.result, self.whole)

    def to_networkx(self) -> Any:
        """This graph for networkx, with the definition of each node as its `definition`."""
        import networkx

        drawn = networkx.DiGraph(name=self.name)
        drawn.add_nodes_from((name, {"definition": node.definition}) for name, node in self.nodes.items())
        drawn.add_edges_from((parent, name) for name, parents in self.reads.items() for parent in parents)
        return drawn


def parted(source: Source, part: str | None) -> Source:
    """A part of what a node gives, for each of its items."""
    if part is None:
        return source
    match source:
        case Gather():
            return source._replace(source=parted(source.source, part))
        case Attempt():
            return Attempt(parted(source.source, part))
        case Output():
            return Output(source.node, part)
        case _:
            return source


def in_order(name: str, nodes: Mapping[str, Node]) -> tuple[Mapping[str, Node], dict[str, tuple[str, ...]]]:
    """The nodes so that each comes after those it reads (Kahn 1962), and which these are.

    Raises `GraphError`, which shows a cycle as a path.
    """
    found, ordered = reads(nodes)
    if ordered:
        return nodes, found
    waiting = {n: len(parents) for n, parents in found.items()}
    readers: dict[str, list[str]] = {n: [] for n in nodes}
    for reader, parents in found.items():
        for parent in parents:
            readers[parent].append(reader)
    ready = [n for n, count in waiting.items() if not count]
    for done in ready:
        for reader in readers[done]:
            waiting[reader] -= 1
            if not waiting[reader]:
                ready.append(reader)
    if len(ready) < len(nodes):
        raise GraphError(f"{name} has a cycle: {' -> '.join(_cycle(found, set(nodes) - set(ready)))}")
    return {n: nodes[n] for n in ready}, {n: found[n] for n in ready}


def reads(nodes: Mapping[str, Node]) -> tuple[dict[str, tuple[str, ...]], bool]:
    """The nodes that each node reads, and whether all of them stand before it. In one pass: a graph may be large."""
    found: dict[str, tuple[str, ...]] = {}
    ordered = True
    for name, (_, _, inputs) in nodes.items():
        parents: list[str] = []
        for _, source in inputs:
            if type(source) is Output:
                parents.append(source.node)
            elif type(source) in NESTED:
                parents += [output.node for output in outputs(source)]
        for parent in parents:
            if parent not in found:
                ordered = False
        found[name] = tuple(parents) if len(parents) < 2 else tuple(dict.fromkeys(parents))
    return found, ordered


def _cycle(read: Mapping[str, Sequence[str]], stuck: set[str]) -> list[str]:
    """One cycle among the stuck nodes, in the direction in which values would flow."""
    path: list[str] = []
    at = min(stuck, key=list(read).index)
    while at not in path:
        path.append(at)
        at = next(parent for parent in sorted(read[at]) if parent in stuck)
    loop = [*path[path.index(at) :], at]
    return loop[::-1]
