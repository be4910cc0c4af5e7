"""Which nodes does a selector choose: by name, by tag, with all that they need or that needs them; and what is left."""

from collections.abc import Collection, Sequence
from typing import Any

from plait.core.definition import EMPTY, near
from plait.core.edges import made_type
from plait.core.grafting import projected
from plait.core.graph import Graph, Parameter
from plait.core.rewriting import Rewriting
from plait.core.sources import Gather, Output, Param, Source, outputs, params
from plait.errors import GraphError


def selected(graph: Graph, selector: str) -> Sequence[str]:
    """The nodes that a selector stands for, in the order of the graph.

    It is a name (`"score"`, or a namespace, `"tune"`) or a tag (`"tag:feature"`); with a `+` before it all that these
    need are chosen too, with a `+` after it all that need them.
    """
    if not isinstance(selector, str):
        raise GraphError(f"select({selector!r}): give texts: a name, 'tag:feature', '+score', 'clean+'")
    core = selector.removeprefix("+").removesuffix("+")
    found = _tagged(graph, core.removeprefix("tag:")) if core.startswith("tag:") else _named(graph, core)
    chosen = set(found)
    if selector.startswith("+"):
        chosen.update(graph.needed(found))
    if selector.endswith("+"):
        chosen.update(node for name in found for node in graph.descendants(name))
    return [node for node in graph.nodes if node in chosen]


def _tagged(graph: Graph, tag: str) -> list[str]:
    found = [name for name, node in graph.nodes.items() if tag in node.definition.options.tags]
    if not found:
        tags = sorted({tag for node in graph.nodes.values() for tag in node.definition.options.tags})
        listed = f". There are {', '.join(map(repr, tags))}" if tags else "; no step of it has any"
        raise GraphError(f"no step of {graph.name} has the tag {tag!r}{near(tag, tags) or listed}")
    return found


def _named(graph: Graph, name: str) -> list[str]:
    if name in graph.nodes:
        return [name]
    inside = [node for node in graph.nodes if node.startswith(f"{name}/")]
    if not inside:
        known = [*graph.nodes, *graph.aliases]
        raise GraphError(f"{graph.name} has no node {name!r}{near(name, known)}")
    return inside


def part(graph: Graph, chosen: Collection[str]) -> Graph:
    """The graph of some nodes, with the same names and wires; what others made is a parameter that has their name.

    `GraphError` where a map would be cut between its items.
    """
    cut = _Cut(graph, chosen)
    nodes = {
        name: node._replace(inputs=tuple((given, cut(source)) for given, source in node.inputs))
        for name, node in graph.nodes.items()
        if name in chosen
    }
    whole = {name: cut(source) for name, source in graph.whole.items() if name in chosen}
    aliases = {name: cut(one) for name, one in graph.aliases.items() if _within(one, chosen)}
    result = graph.result if graph.result is not None and _within(graph.result, chosen) else None
    result = None if result is None else cut(result)
    users: dict[str, list[str]] = {}
    for name, node in nodes.items():
        for given, source in node.inputs:
            for read in params(source):
                users.setdefault(read.address, []).append(f"{name}({given})")
    for source in (*whole.values(), *aliases.values(), *(() if result is None else (result,))):
        for read in params(source):
            users.setdefault(read.address, [])
    found = {address: parameter for address, parameter in graph.parameters.items() if address in users}
    for left in cut.made:
        if left in graph.parameters:
            raise GraphError(
                f"select: {left} is left out, and also a parameter of {graph.name}; choose it too, or rename it"
            )
        found[left] = Parameter(left, cut.hints(left), EMPTY, tuple(users[left]))
    return Graph(graph.name, nodes, found, aliases, result, whole)


class _Cut(Rewriting):
    """Sources without the nodes that are left out: in their place stand parameters of their names."""

    def __init__(self, graph: Graph, chosen: Collection[str]) -> None:
        super().__init__(self._of_node)
        self._graph, self._chosen = graph, chosen
        self.made: dict[str, None] = {}

    def hints(self, node: str) -> tuple[Any, ...]:
        definitions = {name: one.definition for name, one in self._graph.nodes.items()}
        hint = made_type(self._graph.all_of(node), definitions)
        return () if hint is EMPTY else (hint,)

    def __call__(self, source: Source) -> Source:
        inside = source
        while isinstance(inside, Gather):
            inside = inside.source
        if isinstance(inside, Output) and inside is not source and inside.node not in self._chosen:
            whole = self._graph.all_of(inside.node)
            if source == whole:
                self.made[inside.node] = None
                return Param(inside.node)
        return super().__call__(source)

    def _of_node(self, source: Output) -> Source:
        if source.node in self._chosen:
            return source
        if source.node in self._graph.whole:
            raise GraphError(
                f"select: what is chosen reads the items of {source.node} one by one, or parts of them; "
                f"select {source.node} too"
            )
        self.made[source.node] = None
        return projected(Param(source.node), () if source.part is None else (source.part,))


def _within(source: Source, chosen: Collection[str]) -> bool:
    return all(output.node in chosen for output in outputs(source))


def check_same_wires(before: Graph, after: Graph) -> None:
    """Does every node of a part read what it read before, or parameters?"""
    for name, node in after.nodes.items():
        old = dict(before.nodes[name].inputs)
        for given, source in node.inputs:
            others = set(outputs(source)) - set(outputs(old[given]))
            if others:
                was = ", ".join(f"{o.node}.{o.part}" if o.part else o.node for o in outputs(old[given]))
                now = ", ".join(sorted(f"{o.node}.{o.part}" if o.part else o.node for o in others))
                raise GraphError(
                    f"select: {name}({given}) reads {was or 'a parameter'}, and would read {now}; select both"
                )
