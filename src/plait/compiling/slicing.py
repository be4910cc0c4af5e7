"""Which nodes a compiled function calls, what it is given and what it takes from a run, and what cannot be."""

import typing
from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

from plait.core.definition import EMPTY, near
from plait.core.graph import Graph, Node
from plait.core.sources import Ambient, Output, Param, is_folded, outputs, params, walk
from plait.errors import GraphError


class Slice(NamedTuple):
    """A part of a graph, from its inputs to one output."""

    graph: Graph
    output: Output
    inputs: tuple[tuple[str, Output | Param], ...]  # what the function is called with, by the names of its arguments
    calls: tuple[Node, ...]  # in an order in which they can be called
    taken: tuple[Output, ...]  # from a run
    params: tuple[Param, ...]  # likewise


def cut(graph: Graph, output: Output, inputs: Sequence[str], pin: Collection[str]) -> Slice:
    """The part of a graph between inputs and output; `GraphError` says what cannot be called for each row."""
    given = [(name, _input(graph, name)) for name in inputs]
    if len(set(inputs)) < len(inputs):
        raise GraphError(f"compile(inputs={list(inputs)}): each input once")
    varying = _varying(graph, [source for _, source in given])
    if output.node not in varying:
        raise GraphError(
            f"compile: {spelled(output)} does not depend on {' or '.join(inputs)}, so there is nothing to call"
        )
    sources = {source for _, source in given}
    called: set[str] = set()
    taken: dict[Output, None] = {}
    read: dict[Param, None] = {}
    used: set[Output | Param] = set()
    stack = [output]
    while stack:
        at = stack.pop()
        if at in sources or Output(at.node) in sources:
            used.add(at if at in sources else Output(at.node))
        elif at.node in pin or at.node not in varying:
            taken[at] = None
        elif at.node not in called:
            called.add(at.node)
            for param in _params(graph.nodes[at.node]):
                whole = Param(param.address)
                used.add(whole) if whole in sources else read.setdefault(whole)
            stack += [out for _, source in graph.nodes[at.node].inputs for out in outputs(source)]
    for name, source in given:
        if source not in used:
            raise GraphError(f"compile(inputs=…): {spelled(output)} does not need {name!r}; leave it out")
    calls = tuple(graph.nodes[name] for name in graph.nodes if name in called)
    for node in calls:
        _check(node)
    return Slice(graph, output, tuple(given), calls, tuple(taken), tuple(read))


def _input(graph: Graph, name: str) -> Output | Param:
    addresses = [name] if name in graph.parameters else graph.short_names().get(name, [])
    if name not in graph.nodes and len(addresses) == 1:
        return Param(addresses[0])
    if len(addresses) > 1 and name not in graph.nodes:
        raise GraphError(f"compile(inputs=…): {name!r} is {' and '.join(addresses)}. Say which")
    source = graph.source(name)
    if isinstance(source, Output):
        return source
    raise GraphError(
        f"compile(inputs=…): {name!r} is a whole namespace; name a node of it{near(name, list(graph.nodes))}"
    )


def _varying(graph: Graph, sources: Sequence[Output | Param]) -> set[str]:
    """The nodes that depend on the inputs, themselves not among them."""
    nodes = {source.node for source in sources if isinstance(source, Output)}
    addresses = {source.address for source in sources if isinstance(source, Param)}
    found: set[str] = set()
    for name, node in graph.nodes.items():
        reads = {out.node for _, source in node.inputs for out in outputs(source)}
        if not reads.isdisjoint(nodes | found) or any(param.address in addresses for param in _params(node)):
            found.add(name)
    return found


def _params(node: Node) -> Iterator[Param]:
    return (param for _, source in node.inputs for param in params(source))


def _check(node: Node) -> None:
    """A node on the way is called for each row: it must be quick, and give the same each time."""
    name = node.name
    for given, source in node.inputs:
        if is_folded(source):
            raise GraphError(f"compile: {name}({given}) is mapped, chosen or attempted, which is not compiled; pin it")
        kinds = {one.kind for one in walk(source) if isinstance(one, Ambient)}
        if kinds & {"seed", "rng"}:
            raise GraphError(
                f"compile: {name} takes a seed, and would be drawn again at each call. "
                f"pin=[{name}] takes it from the run"
            )
        if "scratch" in kinds:
            raise GraphError(f"compile: {name} writes files in a Scratch, which is not for each call; pin it")
    if _fits(node.definition.returns):
        raise GraphError(f"compile: {name} would be fitted again at each call. pin=[{name}] takes it from the run")


def _fits(returns: Any) -> bool:
    """Is what comes of it something that was fitted?"""
    made = typing.get_origin(returns) or returns
    return made is not EMPTY and isinstance(made, type) and callable(getattr(made, "fit", None))


def spelled(output: Output) -> str:
    """What an output is called."""
    return output.node if output.part is None else f"{output.node}.{output.part}"
