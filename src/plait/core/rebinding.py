"""A graph whose parameters have other names, or are put together from others: what `bind` says of a pipeline."""

from collections.abc import Mapping
from typing import Any

from plait.core.definition import EMPTY
from plait.core.grafting import projected
from plait.core.graph import Graph, Parameter
from plait.core.rewriting import Rewriting
from plait.core.sources import Collect, Param, Source


def rebound(graph: Graph, sources: Mapping[str, Any]) -> tuple[Graph, dict[str, Any]]:
    """The graph with other parameters, and what each of these is in a pipeline that lists it.

    `sources` are names (or what has a name), lists and dicts of them, by the address of the parameter.
    """
    bound: dict[str, Any] = {}
    made: dict[str, Parameter] = {}

    def source_of(spec: Any, old: Parameter, *, direct: bool) -> Source:
        if isinstance(spec, Mapping):
            return Collect(dict, tuple(source_of(one, old, direct=False) for one in spec.values()), tuple(spec))
        if isinstance(spec, (list, tuple)):
            return Collect(type(spec), tuple(source_of(one, old, direct=False) for one in spec))
        address = spec if isinstance(spec, str) else spec.name
        known = made.get(address, Parameter(address, (), EMPTY, ()))
        hints = tuple(dict.fromkeys((*known.hints, *(old.hints if direct else ()))))
        made[address] = Parameter(address, hints, EMPTY, (*known.users, *old.users))
        bound[address] = spec
        return Param(address)

    moved = {name: source_of(spec, graph.parameters[name], direct=True) for name, spec in sources.items()}
    change = Rewriting(
        lambda output: output, lambda read: projected(moved.get(read.address, Param(read.address)), read.path)
    )
    nodes = {
        name: node._replace(inputs=tuple((given, change(source)) for given, source in node.inputs))
        for name, node in graph.nodes.items()
    }
    parameters = {address: one for address, one in graph.parameters.items() if address not in sources}
    parameters |= {address: one for address, one in made.items() if address not in parameters}
    return (
        Graph(
            graph.name,
            nodes,
            parameters,
            {name: change(source) for name, source in graph.aliases.items()},
            None if graph.result is None else change(graph.result),
            {name: change(source) for name, source in graph.whole.items()},
        ),
        bound,
    )
