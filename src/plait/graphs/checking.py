"""Does a graph with maps hold together? What Python says of one that is traced, nobody says of one that is written."""

from collections.abc import Iterable

from plait.core.definition import EMPTY
from plait.core.edges import check_edge, check_folds, made_type
from plait.core.graph import Graph
from plait.core.over import Over
from plait.core.sources import NESTED, Axis, Const, Gather, Output, Source, walk
from plait.errors import GraphError


def check_maps(graph: Graph) -> None:
    """Does each node run once for each item that it reads, and do types fit there too? `GraphError` says where not."""
    definitions = {name: node.definition for name, node in graph.nodes.items()}
    hints = {p.address: p.hints[0] for p in graph.parameters.values() if p.hints}
    over = Over(graph.nodes)
    for name, node in graph.nodes.items():
        along = [axis for group in graph.axes(name) for axis in group]
        read, mapped = over(Output(name)), set(along)
        if len(mapped) < len(along):
            twice = {axis for axis in mapped if along.count(axis) > 1}
            raise GraphError(f"{name} has {_listed(twice)} twice among its maps:; keep one")
        if read != mapped:
            raise GraphError(
                f"{name} reads items of {_listed(read)}, and its maps: are over {_listed(mapped)}; say the same in both"
            )
        for given, source in node.inputs:
            if type(source) not in NESTED:
                continue
            check_folds(source, graph.name, definitions, hints)
            wanted = node.definition.hints.get(given, EMPTY)
            if wanted is not EMPTY and type(source) is not Const:
                check_edge(
                    name, given, made_type(source, definitions, hints), wanted, source, definitions, graph.descendants
                )
    for name, whole in (*graph.whole.items(), *_named(graph)):
        if free := over(whole):
            raise GraphError(f"{name} stands for one item of {_listed(free)}; gather them")
        for one in walk(whole):
            _check_apart(name, one, over)
    for node in graph.nodes.values():
        for given, source in node.inputs:
            for one in walk(source) if type(source) in NESTED else ():
                _check_apart(f"{node.name}.{given}", one, over)


def _named(graph: Graph) -> Iterable[tuple[str, Source]]:
    yield from graph.aliases.items()
    if graph.result is not None:
        yield "result", graph.result


def _check_apart(where: str, source: Source, over: Over) -> None:
    """Axes that are walked together have their items at the same time."""
    if isinstance(source, Gather):
        for axis in source.over:
            if inside := over(axis.source) & set(source.over):
                raise GraphError(f"{where}: {axis.name} varies over {_listed(inside)}, so one map cannot be over both")


def _listed(axes: Iterable[Axis]) -> str:
    return ", ".join(sorted(axis.name for axis in axes)) or "nothing"
