"""Wiring by name: from a list of steps to a graph, with everything that is wrong with it said at once.

Nothing is captured in silence: an input without a default is wired by its name; an input with a default whose name
is also a node's is an error until somebody says which was meant; a part has the address `split.train`, and its short
name works only while one node makes it.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, cast

from plait.core.definition import EMPTY, Definition, near
from plait.core.edges import check_edge, made_type
from plait.core.garbage import paused
from plait.core.grafting import Graft, Grafted, grafted
from plait.core.graph import Graph, Node, Parameter, parted
from plait.core.parts import hint_at_parts, say_why_no_parts
from plait.core.sources import FOLDED, Ambient, Collect, Const, Output, Param, Source, params
from plait.core.step import Step, describe
from plait.errors import GraphError

_SOURCES = FOLDED | {Param, Const, Output, Collect}


def build(
    name: str,
    items: Iterable[Step[..., Any] | Graft],
    inputs: Sequence[str] | None = None,
    whole: Mapping[str, Source] | None = None,
) -> Graph:
    """The graph of some steps, wired by name. Raises `GraphError` for all that is wrong with it.

    `whole` says of steps that are mapped what they give: all their items.

    >>> from plait.core.step import step
    >>> double = step(lambda x: 2 * x, name="double")
    >>> list(build("demo", [double]).parameters)
    ['x']
    """
    with paused():
        builder = _Builder(name, items, inputs, whole or {})
        builder.wire()
        nodes, aliases, whole = builder.nodes, builder.aliases, builder.whole
        parameters = builder.inputs.parameters()
        del builder  # so that what it knew, and what the graph will know, are never held both
        return Graph(name, nodes, parameters, aliases, None, whole)


class Inputs:
    """The parameters of a graph, gathered while its nodes are wired."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[list[Any], Any, list[str]]] = {}

    def add(self, address: str, hint: Any, default: Any, user: str) -> Param:
        found = self._found.setdefault(address, ([], default, []))
        if hint is not EMPTY and hint not in found[0]:
            found[0].append(hint)
        found[2].append(user)
        return Param(address)

    def parameters(self) -> dict[str, Parameter]:
        return {
            address: Parameter(address, tuple(hints), default, tuple(users))
            for address, (hints, default, users) in self._found.items()
        }


class _Builder:
    def __init__(
        self,
        name: str,
        items: Iterable[Step[..., Any] | Graft],
        inputs: Sequence[str] | None,
        whole: Mapping[str, Source],
    ) -> None:
        self.name = name
        self.declared = inputs
        self.steps: dict[str, Step[..., Any]] = {}
        self.grafts: dict[str, Graft] = {}
        for item in items:
            self._take(item)
        self.parts: dict[str, list[str]] = {}
        for node, step in self.steps.items():
            for part in step.definition.parts:
                self.parts.setdefault(part, []).append(node)
        self.inputs = Inputs()
        self.nodes: dict[str, Node] = {}
        self.outputs: dict[str, Output] = {}  # one for all who read a node: a graph may be large
        self.aliases: dict[str, Source] = {}
        self.whole = dict(whole)
        self.grafted: dict[str, Grafted | None] = {}  # none: it is being taken in

    @cached_property
    def definitions(self) -> dict[str, Definition]:
        """Who makes what; not asked for by edges whose two types are the same."""
        return {node: step.definition for node, step in self.steps.items()}

    def _take(self, item: Step[..., Any] | Graft) -> None:
        name = item.name
        known = self.steps.get(name) or self.grafts.get(name)
        if isinstance(item, Step) and isinstance(known, Step) and _same(item, known):
            return
        if known is not None:
            raise GraphError(
                f"{self.name} has two nodes named {item.name!r}: {_where(known)} and {_where(item)}. "
                f'Give one another name: {item.name}.named("...")'
            )
        if isinstance(item, Step):
            self.steps[name] = item
        else:
            self.grafts[name] = item

    def wire(self) -> None:
        """Finds where every input of every node comes from."""
        for graft in self.grafts.values():
            self._graft(graft)
        for name, step in self.steps.items():
            self.nodes[name] = Node(name, step.definition, self._inputs(step))
        self._check_declared()

    def _graft(self, graft: Graft) -> Grafted:
        """Takes in a graft, after those that it reads."""
        if graft.name in self.grafted:
            known = self.grafted[graft.name]
            if known is None:
                raise GraphError(
                    f"{self.name} has a cycle through the pipeline {graft.name}, which reads what needs it"
                )
            return known
        self.grafted[graft.name] = None
        sources = {p.address: self._of_graft(graft, p) for p in graft.graph.parameters.values()}
        made = self.grafted[graft.name] = grafted(graft, sources)
        self.nodes.update(made.nodes)
        self.definitions.update((name, node.definition) for name, node in made.nodes.items())
        self.whole.update(made.whole)
        self.aliases.update(made.aliases)
        if made.result is not None:
            self.aliases[graft.name] = made.result
        return made

    def _of_graft(self, graft: Graft, parameter: Parameter) -> Source:
        """Where a parameter of a graft comes from; a value that it came with is a default here."""
        address, hint = parameter.address, parameter.hints[0] if parameter.hints else EMPTY
        if address in graft.bound:
            source = self._said(graft.name, address, graft.bound[address], hint)
        elif address in graft.fixed:
            moved = f"{graft.name}{'/' if '.' in address else '.'}{address}"
            return self.inputs.add(moved, hint, graft.fixed[address], f"{graft.name}({address})")
        else:
            source = self._by_name(graft.name, address, hint, parameter.default)
        if type(source) is not Param and hint is not EMPTY:
            made = made_type(source, self.definitions)
            check_edge(graft.name, address, made, hint, source, self.definitions, self._after)
        return source

    def _inputs(self, step: Step[..., Any]) -> tuple[tuple[str, Source], ...]:
        definition, values, sources = step.definition, step.values, step.sources
        hints, ambient = definition.hints, definition.ambient
        inputs: list[tuple[str, Source]] = []
        for name, default, _ in definition.inputs:
            source: Source
            said = sources.get(name)
            if said is not None:
                maker = self.steps.get(said) if type(said) is str else None
                if maker is not None and maker.definition.returns is hints.get(name) and said not in self.whole:
                    source = self.outputs.get(said) or self._output(said)  # by far the commonest edge
                else:
                    source = self._said(step.name, name, said, hints.get(name, EMPTY))
                    self._check(step, name, source, hints)
            elif name in values:
                source = Const(values[name])
            elif name in ambient:
                source = Ambient(ambient[name])
            else:
                source = self._by_name(step.name, name, hints.get(name, EMPTY), default)
                if type(source) is not Param:
                    self._check(step, name, source, hints)
            inputs.append((name, source))
        return tuple(inputs)

    def _by_name(self, user: str, name: str, hint: Any, default: Any) -> Source:
        made = self._made(name, f"{user}.bind({name}=")
        if default is EMPTY:
            return made or self.inputs.add(name, hint, EMPTY, f"{user}({name})")
        if made is not None and "." not in name:
            raise GraphError(
                f"{user}({name}={default!r}) has a default, and there is a node {name!r}. "
                f'Say which: {user}.bind({name}="{name}") or {user}.with_({name}={default!r})'
            )
        separator = "/" if "." in name else "."  # an input of a step inside a graft keeps its own address
        return self.inputs.add(f"{user}{separator}{name}", hint, default, f"{user}({name})")

    def _made(self, name: str, fix: str) -> Source | None:
        """The node, part or namespace that makes a name, if one does."""
        if name in self.steps:
            return self._output(name)
        if name in self.grafts:
            result = self._graft(self.grafts[name]).result
            if result is None:
                raise GraphError(f"{name} returns nothing that another node could read")
            return result
        makers = self.parts.get(name)
        if makers is None:
            return None
        if len(makers) > 1:
            candidates = [f"{maker}.{name}" for maker in makers]
            raise GraphError(f"{name!r} is {' and '.join(candidates)}. Say which: {fix}{candidates[0]!r})")
        return parted(self._output(makers[0]), name)

    def _output(self, node: str) -> Source:
        made = self.whole.get(node) or self.outputs.get(node)
        if made is None:
            made = self.outputs[node] = Output(node)
        return made

    def _said(self, user: str, name: str, spec: Any, hint: Any) -> Source:
        """The source that `bind` named."""
        if type(spec) is str and spec in self.steps:
            return self._output(spec)
        if type(spec) in _SOURCES:  # what a graph that was written down says: see graphs/
            for read in params(spec):
                known = hint if spec == Param(read.address) else EMPTY
                self.inputs.add(read.address, known, EMPTY, f"{user}({name})")
            return cast(Source, spec)
        if isinstance(spec, Mapping):
            items = tuple(self._said(user, name, item, EMPTY) for item in spec.values())
            return Collect(dict, items, tuple(spec))
        if isinstance(spec, (list, tuple)):
            return Collect(type(spec), tuple(self._said(user, name, item, EMPTY) for item in spec))
        if isinstance(spec, Step):
            found = self.steps.get(spec.name)
            if found is None or found.definition is not spec.definition:
                raise GraphError(
                    f"{user}.bind({name}={spec.name}): {self.name} has no such step"
                    f"{near(spec.name, list(self.steps)) or '.'} Add it to the pipeline, or bind a name"
                )
            return self._output(spec.name)
        if isinstance(graph := getattr(spec, "graph", None), Graph):
            if spec.name not in self.grafts or self.grafts[spec.name].graph is not graph:
                raise GraphError(
                    f"{user}.bind({name}={spec.name}): {self.name} has no such pipeline"
                    f"{near(spec.name, list(self.grafts)) or '.'} Add it to the list, or bind a name"
                )
            spec = spec.name
        made = self._made(spec, f"{user}.bind({name}=")
        if made is not None:
            return made
        node, dot, part = spec.rpartition(".")
        if dot:
            if node in self.steps and part in self.steps[node].definition.parts:
                return parted(self._output(node), part)
            known = [f"{n}.{p}" for p, makers in self.parts.items() for n in makers]
            maker = self.steps.get(node)
            if maker is not None and not maker.definition.parts:
                hint = f"; {node} has no parts: {say_why_no_parts(maker.definition.returns)}"
            else:
                hint = near(spec, known)
            raise GraphError(f"{user}.bind({name}={spec!r}): nothing makes {spec!r}{hint}")
        return self.inputs.add(spec, hint, EMPTY, f"{user}({name})")

    def _check(self, step: Step[..., Any], name: str, source: Source, hints: Mapping[str, Any]) -> None:
        wanted = hints.get(name, EMPTY)
        if type(source) is Output and source.part is None:
            maker = self.steps.get(source.node)
            if maker is not None and maker.definition.returns is wanted:
                return
        if wanted is not EMPTY:
            made = made_type(source, self.definitions)
            check_edge(step.name, name, made, wanted, source, self.definitions, self._after)

    def _after(self, node: str) -> set[str]:
        """The nodes that need what a node makes, as far as names say."""
        readers: dict[str, list[str]] = {}
        for step in self.steps.values():
            for given in step.definition.inputs:
                for name in _names(step.sources.get(given.name, given.name)):
                    makers = [name] if name in self.steps else self.parts.get(name, [name.partition(".")[0]])
                    for maker in makers:
                        readers.setdefault(maker, []).append(step.name)
        found, ahead = {node}, [node]
        while ahead:
            for reader in readers.get(ahead.pop(), ()):
                if reader not in found:
                    found.add(reader)
                    ahead.append(reader)
        return found

    def _makers(self, after: Collection[str]) -> dict[str, tuple[Any, Any]]:
        """The result types and functions of nodes, but of those that need what one of them makes."""
        definitions = {node: step.definition for node, step in self.steps.items() if node not in after}
        return {node: (definition.returns, definition.fn) for node, definition in definitions.items()}

    def _check_declared(self) -> None:
        if self.declared is None:
            return
        required = {p.address: p for p in self.inputs.parameters().values() if p.required}
        for address, parameter in required.items():
            if address not in self.declared:
                user = parameter.users[0].partition("(")[0]
                after = self._after(user)
                parts = [part for part, makers in self.parts.items() if not after.issuperset(makers)]
                known = [*self.declared, *(node for node in self.nodes if node not in after), *parts]
                hint = near(address, known) or hint_at_parts(address, self._makers(after))
                raise GraphError(
                    f"nothing makes {address!r} ({user}), and it is not in inputs="
                    f"{hint or '. Add it there, or a step of that name'}"
                )
        for name in self.declared:
            if name not in required:
                raise GraphError(f"inputs= names {name!r}, which no step reads{near(name, list(required))}")


def _names(spec: Any) -> Iterator[str]:
    """The names in what `bind` takes."""
    if isinstance(spec, str):
        yield spec
    elif isinstance(spec, Step):
        yield spec.name
    elif isinstance(spec, (Mapping, list, tuple)):
        for one in spec.values() if isinstance(spec, Mapping) else spec:
            yield from _names(one)


def _same(a: Step[..., Any], b: Step[..., Any]) -> bool:
    return a is b or (a.definition is b.definition and a.sources == b.sources and not a.values and not b.values)


def _where(item: Step[..., Any] | Graft) -> str:
    if isinstance(item, Graft):
        return f"the pipeline {item.name}"
    return f"{item.definition.home.partition(':')[0]}.{describe(item)}"
