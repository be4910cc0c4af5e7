"""Other steps in the place of some nodes of a graph. What reads them, and what they read, stays as it is.

A node keeps its name, and so its seed and its address. What was passed to it is passed on; what the step that stood
there had by default is gone with it.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

from plait.core.definition import EMPTY, Definition, near
from plait.core.edges import check_edge, check_folds, made_type
from plait.core.grafting import Graft, grafted, projected
from plait.core.graph import Graph, Node, Parameter
from plait.core.over import Over
from plait.core.parts import say_why_no_parts
from plait.core.rewriting import Rewriting
from plait.core.sources import Ambient, Axis, Collect, Const, Gather, Output, Param, Source, outputs
from plait.core.step import Step, describe
from plait.errors import GraphError


def replaced(graph: Graph, steps: Mapping[str, Step[..., Any] | Graft]) -> Graph:
    """The graph with other steps, or whole graphs, in the place of nodes. Raises `GraphError` for what does not fit."""
    for name in steps:
        check_known(graph, name)
    for name, step in steps.items():
        graph = _Replacing(graph, name, step, steps.keys() - {name}).graph()
    _Checking(graph, steps).check()
    return graph


def check_known(graph: Graph, name: str, others: Iterable[str] = ()) -> None:
    """Is there such a node to be replaced? `GraphError` has the near miss."""
    if name in graph.nodes or name in others:
        return
    inside = [node for node in graph.nodes if node.startswith(f"{name}/")]
    if inside:
        raise GraphError(
            f"replace({name}=...): {name} is a pipeline that {graph.name} calls; replace nodes in it: "
            f"{', '.join(inside[:8])}"
        )
    raise GraphError(f"replace({name}=...): {graph.name} has no node {name!r}{near(name, [*graph.nodes, *others])}")


class _Replacing:
    """One node of a graph, replaced."""

    def __init__(self, graph: Graph, name: str, step: Step[..., Any] | Graft, others: Set[str]) -> None:
        self.whole_graph, self.name, self.step = graph, name, step
        self.others = others  # which are replaced too, so that what they make is not to be checked yet
        self.old = graph.nodes[name]
        self.definitions: dict[str, Definition] = {n: node.definition for n, node in graph.nodes.items()}
        self.hints = {p.address: p.hints[0] for p in graph.parameters.values() if p.hints}
        self.parameters = dict(graph.parameters)
        self.passed: dict[str, Source] = {}
        for given, source in self.old.inputs:
            if self._own(given, source):
                self.parameters.pop(f"{name}.{given}", None)
                self.hints.pop(f"{name}.{given}", None)
            elif type(source) is not Ambient:
                self.passed[given] = source

    def _own(self, given: str, source: Source) -> bool:
        """Was an input left to the default that its step has?"""
        return source == Param(f"{self.name}.{given}")

    def graph(self) -> Graph:
        graph = self.whole_graph
        if isinstance(self.step, Step):
            self.definitions[self.name] = self.step.definition
            made = {self.name: Node(self.name, self.step.definition, tuple(self._inputs(self.step).items()))}
            change = Rewriting(lambda output: output)
            whole, aliases = dict(graph.whole), dict(graph.aliases)
        else:
            made, change, whole, aliases = self._grafted(self.step)
        for node in made.values():
            self.definitions[node.name] = node.definition
        nodes: dict[str, Node] = {}
        for name, node in graph.nodes.items():
            if name == self.name:
                nodes.update(made)
            else:
                nodes[name] = node._replace(inputs=tuple((given, change(source)) for given, source in node.inputs))
        result = None if graph.result is None else change(graph.result)
        return Graph(graph.name, nodes, self.parameters, aliases, result, whole)

    # a step

    def _inputs(self, step: Step[..., Any]) -> dict[str, Source]:
        definition, inputs = step.definition, dict[str, Source]()
        self._check_taken(definition.input_names, describe(step))
        for given, default, _ in definition.inputs:
            hint = definition.hints.get(given, EMPTY)
            if given in step.values:
                inputs[given] = Const(step.values[given])
            elif given in step.sources or given in self.passed:
                said = step.sources.get(given, EMPTY)
                inputs[given] = source = self.passed[given] if said is EMPTY else self._bound(given, said)
                self._check(given, source, hint)
            elif given in definition.ambient:
                inputs[given] = Ambient(definition.ambient[given])
            elif default is EMPTY:
                raise GraphError(self._lacking(given, describe(step)))
            else:
                inputs[given] = self._left(f"{self.name}.{given}", hint, default, f"{self.name}({given})")
        return inputs

    def _bound(self, given: str, said: Any) -> Source:
        """What `bind` names: a node, a part or a parameter of the graph, or many of them."""
        graph = self.whole_graph
        if isinstance(said, Mapping):
            return Collect(dict, tuple(self._bound(given, one) for one in said.values()), tuple(said))
        if isinstance(said, (list, tuple)):
            return Collect(type(said), tuple(self._bound(given, one) for one in said))
        name = said.name if isinstance(said, Step) else said
        if name in self.parameters and name not in graph.nodes:
            return Param(name)
        try:
            return graph.source(name)
        except GraphError as error:
            raise GraphError(f"replace({self.name}=...bind({given}={name!r})): {error}") from None

    # a whole graph

    def _grafted(self, graft: Graft) -> tuple[dict[str, Node], Rewriting, dict[str, Source], dict[str, Source]]:
        graph, name = self.whole_graph, self.name
        called = f"{graft.graph.name}({', '.join(graft.graph.parameters)})"
        if graft.graph.result is None:
            raise GraphError(f"replace({name}={graft.graph.name}): {graft.graph.name} has no one result to stand there")
        self._check_taken(list(graft.graph.parameters), called)
        sources: dict[str, Source] = {}
        for address, parameter in graft.graph.parameters.items():
            hint = parameter.hints[0] if parameter.hints else EMPTY
            default = graft.fixed.get(address, parameter.default)
            if address in graft.bound:
                sources[address] = self._bound(address, graft.bound[address])
                self._check(address, sources[address], hint)
            elif address in self.passed and address not in graft.fixed:
                sources[address] = self.passed[address]
                self._check(address, sources[address], hint)
            elif default is EMPTY:
                raise GraphError(self._lacking(address, called))
            else:
                moved = f"{name}/{address}" if "." in address else f"{name}.{address}"
                sources[address] = self._left(moved, hint, default, f"{name}({address})", parameter.hints)
        made = grafted(Graft(name, graft.graph), sources)
        assert made.result is not None
        for node in made.nodes.values():
            self.definitions[node.name] = node.definition
        result: Source = made.result
        change = Rewriting(lambda o: o if o.node != name else projected(result, () if o.part is None else (o.part,)))
        whole = {node: change(source) for node, source in graph.whole.items() if node != name}
        varies = Over(
            {
                one.name: one
                for node in graph.nodes.values()
                for one in (node, *(made.nodes.values() if node.name == name else ()))
            },
            change.axis,
        )
        layers = [
            gather._replace(over=tuple(map(change.axis, gather.over))) for gather in _layers(graph.whole.get(name))
        ]

        def mapped(source: Source, free: Set[Axis]) -> Source:
            for gather in layers:
                over = tuple(axis for axis in gather.over if axis in free)
                source = gather._replace(source=source, over=over) if over else source
            return source

        for inside in made.nodes:
            one = mapped(made.whole.get(inside, Output(inside)), varies(Output(inside)))
            if isinstance(one, Gather):
                whole[inside] = one
        aliases = {alias: change(source) for alias, source in graph.aliases.items()}
        aliases |= {alias: mapped(source, varies(source)) for alias, source in made.aliases.items()}
        return made.nodes, change, whole, {**aliases, name: change(graph.all_of(name))}

    # what fits

    def _left(self, address: str, hint: Any, default: Any, user: str, hints: Sequence[Any] = ()) -> Param:
        known = tuple(hints) or (() if hint is EMPTY else (hint,))
        self.parameters[address] = Parameter(address, known, default, (user,))
        self.hints[address] = hint
        return Param(address)

    def _check(self, given: str, source: Source, wanted: Any) -> None:
        settled = not any(output.node in self.others for output in outputs(source))
        if type(source) is not Const and wanted is not EMPTY and settled:
            made = made_type(source, self.definitions, self.hints)
            check_edge(self.name, given, made, wanted, source, self.definitions, self.whole_graph.descendants)

    def _check_taken(self, names: Sequence[str], called: str) -> None:
        for given in self.passed:
            if given not in names:
                raise GraphError(
                    f"replace({self.name}=...): {self.name} is called with {given!r}, which {called} does not take"
                    f"{near(given, names)}"
                )

    def _lacking(self, given: str, called: str) -> str:
        known = near(given, list(self.passed)) or f". It gets {', '.join(self.passed) or 'nothing'}"
        return f"replace({self.name}=...): {called} wants {given!r}, which {self.name} is not called with{known}"


class _Checking:
    """Does everything fit that reads what was replaced, or stands in its place?"""

    def __init__(self, graph: Graph, names: Iterable[str]) -> None:
        self._graph, self._names = graph, tuple(names)
        self._definitions = {name: node.definition for name, node in graph.nodes.items()}
        self._hints = {p.address: p.hints[0] for p in graph.parameters.values() if p.hints}

    def check(self) -> None:
        for node in self._graph.nodes.values():
            for given, source in node.inputs:
                if self._is_new(node.name) or any(self._is_new(output.node) for output in outputs(source)):
                    self._check_parts(source, f"{node.name}({given})")
                    self._check_edge(node, given, source)
                    check_folds(source, self._graph.name, self._definitions, self._hints)
        if self._graph.result is not None:
            self._check_parts(self._graph.result, f"the result of {self._graph.name}")

    def _is_new(self, node: str) -> bool:
        return any(node == name or node.startswith(f"{name}/") for name in self._names)

    def _check_edge(self, node: Node, given: str, source: Source) -> None:
        wanted = node.definition.hints.get(given, EMPTY)
        if type(source) is not Const and wanted is not EMPTY:
            made = made_type(source, self._definitions, self._hints)
            check_edge(node.name, given, made, wanted, source, self._definitions, self._graph.descendants)

    def _check_parts(self, source: Source, reader: str) -> None:
        for one in outputs(source):
            parts = list(self._definitions[one.node].parts)
            if one.part is not None and one.part not in parts:
                why = say_why_no_parts(self._definitions[one.node].returns)
                has = f"It has {', '.join(parts)}" if parts else f"It has none: {why}"
                raise GraphError(
                    f"replace({one.node}=...): {reader} reads {one.node}.{one.part}, and what stands there now has no "
                    f"such part{near(one.part, parts) or f'. {has}'}"
                )


def _layers(source: Source | None) -> list[Gather]:
    """The maps of a node, the inner one first."""
    found: list[Gather] = []
    while isinstance(source, Gather):
        found.insert(0, source)
        source = source.source
    return found
