"""A graph within another one: its nodes under a namespace, its parameters read from what is given for them."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from plait.core.graph import Graph, Node
from plait.core.rewriting import Rewriting
from plait.core.sources import Attempt, Const, Item, Output, Param, Source
from plait.errors import GraphError


class Graft(NamedTuple):
    """A whole graph that stands in another one as if it were one step."""

    name: str
    graph: Graph
    fixed: Mapping[str, Any] = {}  # values of its parameters, by address
    bound: Mapping[str, Any] = {}  # where parameters come from, as `bind` says it


class Grafted(NamedTuple):
    """What of a graph is there in another one, under the names that it has there."""

    nodes: dict[str, Node]
    result: Source | None
    whole: dict[str, Source]
    aliases: dict[str, Source]


def grafted(graft: Graft, sources: Mapping[str, Source]) -> Grafted:
    """A graph under a namespace, with its parameters read from `sources`."""
    graph, under = graft.graph, f"{graft.name}/"
    move = Rewriting(
        lambda made: Output(under + made.node, made.part),
        lambda read: projected(sources.get(read.address, read), read.path),
        under,
    )
    nodes = {}
    for node in graph.nodes.values():
        name = f"{graft.name}/{node.name}"
        nodes[name] = Node(name, node.definition, tuple((given, move(source)) for given, source in node.inputs))
    return Grafted(
        nodes,
        None if graph.result is None else move(graph.result),
        {f"{graft.name}/{node}": move(source) for node, source in graph.whole.items()},
        {f"{graft.name}/{name}": move(source) for name, source in graph.aliases.items()},
    )


def projected(source: Source, path: tuple[str, ...]) -> Source:
    """A field of a source, where the source can have fields."""
    if not path:
        return source
    match source:
        case Param(address, known):
            return Param(address, known + path)
        case Item(axis, known):
            return Item(axis, known + path)
        case Const(value):
            return Const(field_at(value, path))
        case Output(node, None) if len(path) == 1:
            return Output(node, path[0])
        case Attempt(tried):
            return Attempt(projected(tried, path))
        case _:
            raise GraphError(f"a field {'.'.join(path)!r} is read of what is put together: take it apart in a step")


def field_at(value: Any, path: tuple[str, ...]) -> Any:
    """A field of a value: by its name, or by its place in a tuple."""
    for field in path:
        value = value[int(field)] if field.isdigit() else getattr(value, field)
    return value
