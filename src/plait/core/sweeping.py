"""One graph of many settings of a pipeline: each setting's nodes and parameters under a namespace of their own."""

from collections.abc import Mapping

from plait.core.grafting import Graft, grafted
from plait.core.graph import Graph, Node, Parameter
from plait.core.sources import Param, Source


def namespace(place: int) -> str:
    """What stands before the names of a setting.

    >>> namespace(3)
    '3/'
    """
    return f"{place}/"


def repeated(graph: Graph, count: int) -> Graph:
    """A graph `count` times, side by side; what is equal in two of them has the same key, and is computed once."""
    nodes: dict[str, Node] = {}
    parameters: dict[str, Parameter] = {}
    aliases: dict[str, Source] = {}
    whole: dict[str, Source] = {}
    for place in range(count):
        under = namespace(place)
        made = grafted(Graft(str(place), graph), {address: Param(under + address) for address in graph.parameters})
        nodes |= made.nodes
        aliases |= made.aliases
        whole |= made.whole
        for one in graph.parameters.values():
            users = tuple(under + user for user in one.users)
            parameters[under + one.address] = one._replace(address=under + one.address, users=users)
    return Graph(f"{graph.name} (sweep)", nodes, parameters, aliases, None, whole)


def origin(name: str, seeds: Mapping[str, int], root: int) -> tuple[int, str]:
    """The seed and the name that decide what is random in a node: those that it has in a run of its setting alone.

    >>> origin("2/fit[EMEA]", {"0": 7, "2": 9}, 0), origin("tune/fit", {}, 5)
    ((9, 'fit[EMEA]'), (5, 'tune/fit'))
    """
    if not seeds:
        return root, name
    place, _, own = name.partition("/")
    return seeds[place], own
