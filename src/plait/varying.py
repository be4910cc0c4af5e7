"""Other pipelines made of one: with other steps, from other sources, or only a part of it."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from plait import parameters
from plait.core.builder import build
from plait.core.definition import EMPTY, near
from plait.core.grafting import Graft
from plait.core.graph import Graph
from plait.core.rebinding import rebound
from plait.core.replacing import check_known, replaced
from plait.core.selecting import check_same_wires, part, selected
from plait.core.sources import Const, Param, Source, outputs
from plait.core.step import Step, check_source
from plait.errors import GraphError
from plait.items import Wired, Wiring, as_one


class Made(NamedTuple):
    """What of a pipeline is another one."""

    graph: Graph
    wiring: Wiring
    values: Mapping[str, Any]


def with_replaced(pipeline: Wired, steps: Mapping[str, Any]) -> Made:
    """A pipeline with other steps, or pipelines as steps, in the place of nodes."""
    others = {name: _other(pipeline, name, step) for name, step in steps.items()}
    wiring, values = pipeline._wiring, dict(pipeline._values)
    if wiring.items is not None:
        items = _items_replaced(pipeline, others)
        wiring = wiring._replace(items=items)
        graph = build(pipeline.name, items, wiring.inputs)
        _check_others(pipeline.graph, graph, others)
    else:
        graph = replaced(pipeline.graph, others)
        wiring = wiring._replace(replaced=(*wiring.replaced, *others))
    graph = parameters.with_constants_admitted(graph)
    for address, value in values.items():
        if address not in graph.parameters:
            raise GraphError(
                f"{pipeline.name}.replace(...): {address!r} was set, and is no parameter any more"
                f"{near(address, list(graph.parameters))}{'' if near(address, list(graph.parameters)) else '.'} "
                f"Replace first, then set"
            )
        values[address] = parameters.admitted(graph.parameters[address], value)
    return Made(graph, wiring, values)


def _other(pipeline: Wired, name: str, step: Any) -> Step[..., Any] | Graft:
    if isinstance(step, Step):
        return step
    if isinstance(getattr(step, "graph", None), Graph):
        return as_one(step, name)
    hint = "; decorate it with @step" if callable(step) else ""
    raise GraphError(
        f"{pipeline.name}.replace({name}=...): {getattr(step, '__name__', step)!r} is no step or pipeline{hint}"
    )


def _items_replaced(
    pipeline: Wired, others: Mapping[str, Step[..., Any] | Graft]
) -> tuple[Step[..., Any] | Graft, ...]:
    listed = pipeline._wiring.items or ()
    for name in others:
        check_known(pipeline.graph, name, [item.name for item in listed])
    items: list[Step[..., Any] | Graft] = []
    for item in listed:
        if isinstance(item, Graft):
            under = f"{item.name}/"
            inside = {name.removeprefix(under): one for name, one in others.items() if name.startswith(under)}
            item = item._replace(graph=replaced(item.graph, inside)) if inside else item
        other = others.get(item.name)
        items.append(item if other is None else _in_place(item, other))
    return tuple(items)


def _check_others(before: Graph, after: Graph, others: Collection[str]) -> None:
    """Do the nodes that stay read what they read before? Is a new parameter no slip of the pen?"""

    def made_by(source: Source) -> set[str]:
        nodes = {output.node for output in outputs(source)}
        return {next((name for name in others if node.startswith(f"{name}/")), node) for node in nodes}

    for name, node in after.nodes.items():
        old = dict(before.nodes[name].inputs) if name in before.nodes and name not in others else {}
        for given, source in node.inputs:
            was, now = made_by(old[given]) if given in old else set[str](), made_by(source)
            if given in old and was != now:
                lost = next(iter(was - now), "")
                reason = f"which {lost} does not make any more" if lost else "and not a parameter"
                raise GraphError(
                    f"replace({', '.join(f'{other}=...' for other in others)}): {name}({given}) would read "
                    f"{' and '.join(sorted(now)) or f'the parameter {given!r}'}, {reason}"
                )
    makers = [*before.addresses(), *(part for node in before.nodes.values() for part in node.definition.parts)]
    for address, parameter in after.parameters.items():
        known = [*before.parameters, *makers]
        if parameter.required and address not in before.parameters and (hint := near(address, known)):
            raise GraphError(f"replace: nothing makes {address!r}, which {parameter.users[0]} reads{hint}")


def _in_place(item: Step[..., Any] | Graft, other: Step[..., Any] | Graft) -> Step[..., Any] | Graft:
    """Another step or pipeline, with what was bound and fixed for the one before as far as it has these inputs."""
    if isinstance(item, Step):
        sources, values = item.sources, item.values
    else:
        sources, values = item.bound, {address: value for address, value in item.fixed.items() if "." not in address}
    names = other.definition.input_names if isinstance(other, Step) else list(other.graph.parameters)
    for name in (*sources, *values):
        if name not in names and near(name, names):
            said = "bound" if name in sources else "fixed"
            raise GraphError(f"replace({item.name}=...): {name!r} is {said} for {item.name}{near(name, names)}")
    if isinstance(other, Step):
        own = {*other.sources, *other.values}
        sources = {name: one for name, one in sources.items() if name in names and name not in own}
        values = {name: one for name, one in values.items() if name in names and name not in own}
        return Step(other.definition, item.name, {**sources, **other.sources}, {**values, **other.values})
    own = {*other.bound, *other.fixed}
    sources = {name: one for name, one in sources.items() if name in names and name not in own}
    values = {name: one for name, one in values.items() if name in names and name not in own}
    return Graft(item.name, other.graph, {**values, **other.fixed}, {**sources, **other.bound})


def with_bound(pipeline: Wired, sources: Mapping[str, Any]) -> Made:
    """A pipeline whose parameters come from elsewhere than their own names say."""
    open_, wiring = pipeline.graph.parameters, pipeline._wiring
    for name, source in sources.items():
        if name not in open_:
            raise GraphError(f"{pipeline.name}.bind({name}=...): it has no parameter {name!r}{near(name, list(open_))}")
        if name in pipeline._values:
            raise GraphError(f"{pipeline.name}.bind({name}=...): {name!r} is fixed by with_")
        check_source(pipeline.name, name, source)
    if wiring.items is None:
        graph, bound = rebound(pipeline.graph, sources)
        kept = {name: one for name, one in wiring.bound.items() if name not in sources}
        return Made(graph, wiring._replace(bound={**kept, **bound}), pipeline._values)
    items = tuple(_item_bound(item, sources) for item in wiring.items)
    inputs = wiring.inputs
    if inputs is not None:
        inputs = [name for name in inputs if name not in sources] + [s for s in sources.values() if isinstance(s, str)]
    graph = parameters.with_constants_admitted(build(pipeline.name, items, inputs))
    return Made(graph, wiring._replace(items=items, inputs=inputs), pipeline._values)


def _item_bound(item: Step[..., Any] | Graft, sources: Mapping[str, Any]) -> Step[..., Any] | Graft:
    """An item that reads what is bound from there; also what it had bound to a name that is bound now."""
    if isinstance(item, Step):
        known = {*item.sources, *item.values}
        own = {
            given.name: sources[asked]
            for given in item.definition.inputs
            if given.name not in item.definition.ambient
            for asked in (given.name, f"{item.name}.{given.name}")
            if asked in sources and given.name not in known and (given.default is EMPTY) is (asked == given.name)
        }
        chained = {name: sources[one] for name, one in item.sources.items() if isinstance(one, str) and one in sources}
        return Step(item.definition, item.name, {**item.sources, **chained, **own}, item.values)
    own = {}
    for address, parameter in item.graph.parameters.items():
        asked = address if parameter.required else f"{item.name}{'/' if '.' in address else '.'}{address}"
        if asked in sources and address not in item.bound and address not in item.fixed:
            own[address] = sources[asked]
    chained = {name: sources[one] for name, one in item.bound.items() if isinstance(one, str) and one in sources}
    return item._replace(bound={**item.bound, **chained, **own})


def with_part(pipeline: Wired, selectors: tuple[str, ...]) -> Made:
    """The part of a pipeline that selectors choose. What was made by the rest becomes a parameter."""
    graph, wiring = pipeline.graph, pipeline._wiring
    if not selectors:
        raise GraphError(f"{pipeline.name}.select(): say what: a name, 'tag:feature', '+score' or 'clean+'")
    chosen = {name for selector in selectors for name in selected(graph, selector)}
    if wiring.items is None:
        made, wiring = part(graph, chosen), Wiring(bound=wiring.bound)
    else:
        items = tuple(
            _loosened(item, chosen) if isinstance(item, Step) else item
            for item in wiring.items
            if item.name in chosen or any(name.startswith(f"{item.name}/") for name in chosen)
        )
        made = parameters.with_constants_admitted(build(pipeline.name, items))
        check_same_wires(graph, made)
        wiring = Wiring(items)
    values = {address: value for address, value in pipeline._values.items() if address in made.parameters}
    return Made(made, wiring, values)


def _loosened(step: Step[..., Any], chosen: set[str]) -> Step[..., Any]:
    """A step whose sources are names where they are not in the part: then they are parameters of it."""

    def loose(source: Any) -> Any:
        if isinstance(source, (Param, Const)):
            return source
        if isinstance(source, Mapping):
            return {key: loose(one) for key, one in source.items()}
        if isinstance(source, (list, tuple)):
            return type(source)(loose(one) for one in source)
        if not isinstance(source, str):
            return source if source.name in chosen else source.name
        node, dot, part = source.rpartition(".")
        return part if dot and node not in chosen else source

    return Step(step.definition, step.name, {name: loose(one) for name, one in step.sources.items()}, step.values)


def plain(pipeline: Wired, fn: Callable[..., Any]) -> Callable[..., Any]:
    """The function of a pipeline, to be called as plain Python. `GraphError` where its graph has other steps."""
    for name in pipeline._wiring.replaced:
        raise GraphError(
            f"{pipeline.name}(...) is plain Python, which does not know that {name} is another step; "
            f"use {pipeline.name}.run(...)"
        )
    return fn
