"""Wiring by name: from a list of steps to a graph, with everything that is wrong with it said at once.

Nothing is captured in silence: an input without a default is wired by its name; an input with a default whose name
is also a node's is an error until somebody says which was meant; a part has the address `split.train`, and its short
name works only while one node makes it.
"""

import gc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Union

from plait.core.definition import EMPTY, near
from plait.core.graph import Graph, Node, Parameter, in_order
from plait.core.matching import describe as type_name
from plait.core.matching import fits
from plait.core.sources import Ambient, Collect, Const, Output, Param, Source, outputs
from plait.core.step import Step, describe
from plait.errors import GraphError


class Graft(NamedTuple):
    """A whole graph that stands in another one as if it were one step."""

    name: str
    graph: Graph


def build(name: str, items: Iterable[Step[..., Any] | Graft], inputs: Sequence[str] | None = None) -> Graph:
    """The graph of some steps, wired by name. Raises `GraphError` for all that is wrong with it.

    >>> from plait.core.step import step
    >>> double = step(lambda x: 2 * x, name="double")
    >>> list(build("demo", [double]).parameters)
    ['x']
    """
    collecting = gc.isenabled()
    gc.disable()  # nothing that is made here can be freed, and looking for it takes longer than building
    try:
        return _Builder(name, items, inputs).graph()
    finally:
        if collecting:
            gc.enable()


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
    def __init__(self, name: str, items: Iterable[Step[..., Any] | Graft], inputs: Sequence[str] | None) -> None:
        self.name = name
        self.declared = inputs
        self.steps: dict[str, Step[..., Any]] = {}
        self.grafts: dict[str, Graft] = {}
        for item in items:
            self._take(item)
        self.definitions = {node: step.definition for node, step in self.steps.items()}
        self.parts: dict[str, list[str]] = {}
        for node, step in self.steps.items():
            for part in step.definition.parts:
                self.parts.setdefault(part, []).append(node)
        self.inputs = Inputs()
        self.nodes: dict[str, Node] = {}
        self.aliases: dict[str, Source] = {}

    def _take(self, item: Step[..., Any] | Graft) -> None:
        known = self.steps.get(item.name) or self.grafts.get(item.name)
        if isinstance(item, Step) and isinstance(known, Step) and _same(item, known):
            return
        if known is not None:
            raise GraphError(
                f"{self.name} has two nodes named {item.name!r}: {_where(known)} and {_where(item)}. "
                f'Give one another name: {item.name}.named("...")'
            )
        if isinstance(item, Step):
            self.steps[item.name] = item
        else:
            self.grafts[item.name] = item

    def graph(self) -> Graph:
        for graft in self.grafts.values():
            sources = {
                p.address: self._by_name(graft.name, p.address, p.hints[0] if p.hints else EMPTY, p.default)
                for p in graft.graph.parameters.values()
            }
            nodes, result = grafted(graft, sources)
            self.nodes.update(nodes)
            if result is not None:
                self.aliases[graft.name] = result
        for name, step in self.steps.items():
            self.nodes[name] = Node(name, step.definition, tuple(self._wired(step)))
        self._check_declared()
        ordered = in_order(self.name, self.nodes)
        return Graph(self.name, ordered, self.inputs.parameters(), self.aliases, None)

    def _wired(self, step: Step[..., Any]) -> Iterator[tuple[str, Source]]:
        definition, values, sources = step.definition, step.values, step.sources
        hints, ambient = definition.hints, definition.ambient
        for name, default, _ in definition.inputs:
            if name in values:
                yield name, Const(values[name])
            elif name in sources:
                source = self._said(step, name, sources[name], hints.get(name, EMPTY))
                self._check(step, name, source, hints)
                yield name, source
            elif name in ambient:
                yield name, Ambient(ambient[name])
            else:
                source = self._by_name(step.name, name, hints.get(name, EMPTY), default)
                if type(source) is Output:
                    self._check(step, name, source, hints)
                yield name, source

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
            return Output(name)
        if name in self.grafts:
            result = self.grafts[name].graph.result
            if result is None:
                raise GraphError(f"{name} returns nothing that another node could read")
            return _moved(result, name, {})
        makers = self.parts.get(name)
        if makers is None:
            return None
        if len(makers) > 1:
            candidates = [f"{maker}.{name}" for maker in makers]
            raise GraphError(f"{name!r} is {' and '.join(candidates)}. Say which: {fix}{candidates[0]!r})")
        return Output(makers[0], name)

    def _said(self, step: Step[..., Any], name: str, spec: Any, hint: Any) -> Source:
        """The source that `bind` named."""
        if type(spec) is str and spec in self.steps:
            return Output(spec)
        if isinstance(spec, Mapping):
            items = tuple(self._said(step, name, item, EMPTY) for item in spec.values())
            return Collect(dict, items, tuple(spec))
        if isinstance(spec, (list, tuple)):
            return Collect(type(spec), tuple(self._said(step, name, item, EMPTY) for item in spec))
        if isinstance(spec, Step):
            found = self.steps.get(spec.name)
            if found is None or found.definition is not spec.definition:
                raise GraphError(
                    f"{step.name}.bind({name}={spec.name}): {self.name} has no such step"
                    f"{near(spec.name, list(self.steps))} Add it to the pipeline, or bind a name"
                )
            return Output(spec.name)
        made = self._made(spec, f"{step.name}.bind({name}=")
        if made is not None:
            return made
        node, dot, part = spec.rpartition(".")
        if dot:
            if node in self.steps and part in self.steps[node].definition.parts:
                return Output(node, part)
            known = [f"{n}.{p}" for p, makers in self.parts.items() for n in makers]
            raise GraphError(f"{step.name}.bind({name}={spec!r}): nothing makes {spec!r}{near(spec, known)}")
        return self.inputs.add(spec, hint, EMPTY, f"{step.name}({name})")

    def _check(self, step: Step[..., Any], name: str, source: Source, hints: Mapping[str, Any]) -> None:
        wanted = hints.get(name, EMPTY)
        if type(source) is Output and source.part is None:
            definition = self.definitions.get(source.node)
            if definition is not None and definition.returns is wanted:
                return  # by far the commonest edge
        if wanted is not EMPTY:
            check_edge(step, name, made_type(source, self.definitions), wanted, source, self.definitions)

    def _check_declared(self) -> None:
        if self.declared is None:
            return
        required = {p.address: p for p in self.inputs.parameters().values() if p.required}
        known = [*self.declared, *self.nodes, *self.parts]
        for address, parameter in required.items():
            if address not in self.declared:
                user = parameter.users[0].partition("(")[0]
                raise GraphError(
                    f"nothing makes {address!r} ({user}), and it is not in inputs="
                    f"{near(address, known) or '. Add it there, or a step of that name'}"
                )
        for name in self.declared:
            if name not in required:
                raise GraphError(f"inputs= names {name!r}, which no step reads{near(name, list(required))}")


def made_type(source: Source, definitions: Mapping[str, Any]) -> Any:
    """The type of what a source gives, `EMPTY` where it is not known."""
    match source:
        case Output(node, None):
            return definitions[node].returns if node in definitions else EMPTY
        case Output(node, part):
            return definitions[node].parts[part] if node in definitions else EMPTY
        case Collect(kind, items, keys):
            found = [made_type(item, definitions) for item in items]
            if not found or EMPTY in found:
                return EMPTY
            inner: Any = Union[tuple(found)]  # noqa: UP007 - a union of types that are known only now
            named: Any = Union[tuple({type(key) for key in keys})] if keys else Any  # noqa: UP007 - likewise
            return dict[named, inner] if kind is dict else tuple[inner, ...] if kind is tuple else list[inner]
        case _:
            return EMPTY


def check_edge(
    step: Step[..., Any], name: str, made: Any, wanted: Any, source: Source, definitions: Mapping[str, Any]
) -> None:
    """Does what is made fit what is asked for? Unknown types fit: the edge is unchecked."""
    if wanted is EMPTY or made is EMPTY or fits(made, wanted) is not False:
        return
    makers = ", ".join(out.node if out.part is None else f"{out.node}.{out.part}" for out in outputs(source))
    other = next(
        (f". Did you mean {n!r} ({type_name(d.returns)})?" for n, d in definitions.items() if _suits(d, wanted, step)),
        "",
    )
    raise GraphError(
        f"{step.name}({name}: {type_name(wanted)}) cannot take {makers} -> {type_name(made)}{other}"
        f"{'' if other else f'. Change one of the two types, or bind another source: {step.name}.bind({name}=...)'}"
    )


def _suits(definition: Any, wanted: Any, step: Step[..., Any]) -> bool:
    made = definition.returns
    return definition is not step.definition and made is not EMPTY and fits(made, wanted) is True


def grafted(graft: Graft, sources: Mapping[str, Source]) -> tuple[dict[str, Node], Source | None]:
    """The nodes of a graph under a namespace, its parameters read from `sources`, and its result."""
    nodes = {}
    for node in graft.graph.nodes.values():
        inputs = tuple((name, _moved(source, graft.name, sources)) for name, source in node.inputs)
        nodes[f"{graft.name}/{node.name}"] = Node(f"{graft.name}/{node.name}", node.definition, inputs)
    result = graft.graph.result
    return nodes, None if result is None else _moved(result, graft.name, sources)


def _moved(source: Source, namespace: str, sources: Mapping[str, Source]) -> Source:
    match source:
        case Output(node, part):
            return Output(f"{namespace}/{node}", part)
        case Collect(kind, items, keys):
            return Collect(kind, tuple(_moved(item, namespace, sources) for item in items), keys)
        case Param(address, path):
            return projected(sources.get(address, source), path)
        case _:
            return source


def projected(source: Source, path: tuple[str, ...]) -> Source:
    """A field of a source, where the source can have fields."""
    if not path:
        return source
    if isinstance(source, Param):
        return Param(source.address, source.path + path)
    if isinstance(source, Const):
        value = source.value
        for field in path:
            value = getattr(value, field)
        return Const(value)
    raise GraphError(f"a field {'.'.join(path)!r} of a parameter is read, which is given by a node here: take it apart")


def _same(a: Step[..., Any], b: Step[..., Any]) -> bool:
    return a is b or (a.definition is b.definition and a.sources == b.sources and not a.values and not b.values)


def _where(item: Step[..., Any] | Graft) -> str:
    if isinstance(item, Graft):
        return f"the pipeline {item.name}"
    return f"{item.definition.home.partition(':')[0]}.{describe(item)}"
