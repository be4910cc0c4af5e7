"""What is needed for what is asked for, as far as the graph and its parameters say: the branches that a parameter
chooses, and no others. What else there is to choose, a run finds out (`core/unfolding.py`).
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from plait.core.addresses import node_of
from plait.core.choosing import chosen
from plait.core.definition import EMPTY
from plait.core.grafting import field_at
from plait.core.graph import Graph
from plait.core.sources import (
    NESTED,
    Attempt,
    Choice,
    Collect,
    Const,
    Gather,
    Item,
    Output,
    Param,
    Source,
    inner,
    outputs,
    walk,
)

ValueOf = Callable[[str], Any]  # of a parameter, by its address; `EMPTY` if it has none yet


class Demand(NamedTuple):
    """The nodes that are needed, each after those it reads, and the parameters."""

    nodes: list[str]
    parameters: set[str]


def roots(graph: Graph) -> list[Source]:
    """What a run makes that is not told what to make: the result, and all nodes that nobody reads."""
    returned = {output.node for output in outputs(graph.result)} if graph.result is not None else set()
    others = [graph.all_of(name) for name in graph.sinks() if name not in returned]
    return others if graph.result is None else [graph.result, *others]


def surface(source: Source) -> Iterator[str]:
    """The nodes whose values a source gives, not those that say how many or which."""
    match source:
        case Output(node, _):
            yield node
        case Collect(_, items, _):
            for item in items:
                yield from surface(item)
        case Gather() | Attempt():
            yield from surface(source.source)
        case Choice(_, branches, default, _):
            for branch in (*(one for _, one in branches), *(() if default is None else (default,))):
                yield from surface(branch)
        case _:
            return


def needed(graph: Graph, asked: Iterable[Source], given: Iterable[str], value_of: ValueOf) -> Demand:
    """What must be known for some sources, given some nodes."""
    known, found, parameters = set(given), set[str](), set[str]()
    stack = list(asked)
    while stack:
        for leaf in _leaves(stack.pop(), value_of):
            if isinstance(leaf, Param):
                parameters.add(leaf.address)
                continue
            node = node_of(leaf.node)
            if node not in found and node not in known:
                found.add(node)
                stack += [source for _, source in graph.nodes[node].inputs]
                stack += [axis.source for group in graph.axes(node) for axis in group]
            elif node in known:  # how many items there are is not given
                stack += [axis.source for group in graph.axes(node) for axis in group if node not in found]
                found.add(node)
    return Demand([name for name in graph.nodes if name in found and name not in known], parameters)


def exposed(graph: Graph, nodes: Iterable[str], asked: Iterable[Source]) -> set[str]:
    """The nodes whose failure is one of the run: all but what is only attempted. Of a map, it may be one item."""
    found = {leaf.node for source in asked for leaf in _unattempted(source)}
    items = {node_of(name) for name in found if "[" in name}
    for name in reversed(list(nodes)):
        if name in found or name in items:
            found.update(leaf.node for _, source in graph.nodes[name].inputs for leaf in _unattempted(source))
    return found


def deciding(graph: Graph) -> Iterator[str]:
    """The nodes whose values say how many items there are, or which branch is chosen."""
    every = [source for node in graph.nodes.values() for _, source in node.inputs]
    for source in (one for outer in (*every, *roots(graph)) if type(outer) in NESTED for one in walk(outer)):
        if isinstance(source, Item):
            yield from (output.node for output in outputs(source.axis.source))
        elif isinstance(source, Gather):
            yield from (output.node for axis in source.over for output in outputs(axis.source))
        elif isinstance(source, Choice):
            yield from (output.node for output in outputs(source.selector))


def unchosen(graph: Graph, value_of: ValueOf) -> dict[str, str]:
    """The nodes that are in a branch that was not chosen, and what decided that; `value_of` a switch, by its label."""
    every = [source for node in graph.nodes.values() for _, source in node.inputs]
    found: dict[str, str] = {}
    for source in (one for outer in (*every, *roots(graph)) if type(outer) in NESTED for one in walk(outer)):
        value = value_of(source.label) if isinstance(source, Choice) else EMPTY
        if isinstance(source, Choice) and value is not EMPTY:
            made = {output.node for _, branch in source.branches for output in outputs(branch)}
            said = f"{source.label} is {value!r}"
            found.update((node, said) for node in graph.needed(made) if node not in found)
    return found


def _leaves(source: Source, value_of: ValueOf) -> Iterator[Output | Param]:
    """The nodes and parameters that a source reads, of a decided choice only the branch."""
    if isinstance(source, (Output, Param)):
        yield source
    elif isinstance(source, Choice) and (value := _decided(source.selector, value_of)) is not EMPTY:
        yield from _leaves(source.selector, value_of)
        default = EMPTY if source.default is None else source.default
        yield from _leaves(chosen(source.label, value, source.branches, default), value_of)
    else:
        for one in inner(source):
            yield from _leaves(one, value_of)


def _decided(selector: Source, value_of: ValueOf) -> Any:
    if isinstance(selector, Const):
        return selector.value
    value = value_of(selector.address) if isinstance(selector, Param) else EMPTY
    return field_at(value, selector.path) if isinstance(selector, Param) and value is not EMPTY else EMPTY


def _unattempted(source: Source) -> Iterator[Output]:
    if isinstance(source, Output):
        yield source
    elif not isinstance(source, Attempt):
        for one in inner(source):
            yield from _unattempted(one)
