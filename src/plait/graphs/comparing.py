"""Does what was written say the same graph?"""

from collections.abc import Iterable
from typing import Any

from plait.core.graph import Graph
from plait.core.sources import NESTED, Axis, Gather, Item, Source, walk
from plait.errors import GraphError
from plait.graphs.types import written


def check_same(graph: Graph, made: Graph) -> None:
    """Raises `GraphError` for the first thing that came back as another one."""
    if list(graph.nodes) != list(made.nodes):
        raise GraphError(f"{graph.name} has no YAML: its nodes would come back in another order")
    for where, source, other in _pairs(graph, made):
        if repr(source) != repr(other) or _axes(source) != _axes(other):
            raise GraphError(f"{where} has no YAML that would come back as the same; write it as a @pipeline")
    for address, parameter in graph.parameters.items():
        others = made.parameters[address].hints
        if set(parameter.hints) != set(others) and _texts(parameter.hints) != _texts(others):
            raise GraphError(f"the parameter {address} of {graph.name} has a type that would come back as another one")


def _pairs(graph: Graph, made: Graph) -> Iterable[tuple[str, Source | None, Source | None]]:
    for name, node in graph.nodes.items():
        for (given, source), (_, other) in zip(node.inputs, made.nodes[name].inputs, strict=True):
            yield f"{name}.{given}", source, other
    for name in {**graph.whole, **made.whole}:
        yield name, graph.whole.get(name), made.whole.get(name)
    for name in {**graph.aliases, **made.aliases}:
        yield name, graph.aliases.get(name), made.aliases.get(name)
    yield "the result", graph.result, made.result


def _texts(hints: Iterable[Any]) -> set[str]:
    return {written(hint, {}, "a parameter") for hint in hints}


def _axes(source: Source | None) -> list[tuple[Any, ...]]:
    """The axes that a source is put together from; one is itself wherever it is met."""
    met: dict[Axis, int] = {}
    found: list[tuple[Any, ...]] = []
    for one in walk(source) if source is not None and type(source) in NESTED else ():
        for axis in (one.axis,) if isinstance(one, Item) else one.over if isinstance(one, Gather) else ():
            place = met.setdefault(axis, len(met))
            found.append((place, axis.label, axis.space, repr(axis.source)))
    return found
