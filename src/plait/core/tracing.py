"""Wiring by call: a `@pipeline` function is run once, with references for values, and what it calls becomes a graph.

Inside this one run a call of a step makes a node and returns a reference; anywhere else it is the plain function.
All the rest of the function is Python at build time, so a reference refuses what only a value could answer.
"""

import inspect
import sys
import typing
from collections.abc import Callable, Mapping
from typing import Any

from plait.core.ambient import auto
from plait.core.builder import Inputs
from plait.core.choosing import check_branches
from plait.core.definition import EMPTY
from plait.core.edges import check_edge, has_items, has_keys, item_type, made_type
from plait.core.error_text import error_message
from plait.core.grafting import Graft, grafted
from plait.core.graph import Graph, Node
from plait.core.looping import check_marked
from plait.core.references import Ref, as_source, references, structured
from plait.core.sources import (
    Ambient,
    Attempt,
    Axis,
    Choice,
    Const,
    Gather,
    Item,
    Output,
    Param,
    Source,
    inner,
)
from plait.core.step import TRACER, Step, describe
from plait.errors import GraphError

_OURS = frozenset({"plait.core.tracing", "plait.core.step", "plait.pipeline"})


def trace(fn: Callable[..., Any], name: str) -> Graph:
    """The graph that a function's calls of steps make. Raises `GraphError` for what cannot be traced."""
    if TRACER.get() is not None:
        raise GraphError(f"{name} is defined inside another pipeline; define it outside, and call it there")
    signature = inspect.signature(fn)
    for parameter in signature.parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise GraphError(f"{name}(*{parameter.name}): a pipeline's parameters are known by name; list them")
    try:
        hints = typing.get_type_hints(fn, include_extras=True)
    except Exception as error:
        raise GraphError(f"{name}: its annotations cannot be evaluated: {error_message(error)}") from error
    tracer = Tracing(name, hints)
    ahead, arguments = [], {}
    for given, parameter in signature.parameters.items():
        hint = hints.get(given, EMPTY)
        source = tracer.inputs.add(given, hint, parameter.default, f"{name}({given})")
        if parameter.kind is parameter.POSITIONAL_ONLY:
            ahead.append(Ref(source, hint, given))
        else:
            arguments[given] = Ref(source, hint, given)
    token = TRACER.set(tracer)
    try:
        returned = fn(*ahead, **arguments)
        if inspect.iscoroutine(returned):
            returned = _driven(returned, name)
    finally:
        TRACER.reset(token)
    return tracer.graph(returned)


def _driven(coroutine: Any, name: str) -> Any:
    """What an async function returns: references do not wait, so it comes to its end at once."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    coroutine.close()
    raise GraphError(
        f"{name} waits for something that is no step; the function of a pipeline is run before there are values: "
        f"do it in an async step, and run steps side by side by calling them one after the other"
    )


class Tracing:
    """One traced run of a pipeline's function: gathers the nodes that its calls make."""

    def __init__(self, name: str, hints: Mapping[str, Any]) -> None:
        self.name = name
        self.inputs = Inputs()
        self.nodes: dict[str, Node] = {}
        self.definitions: dict[str, Any] = {}
        self.aliases: dict[str, Source] = {}
        self.whole: dict[str, Source] = {}
        self._hints = dict(hints)  # of parameters, by address
        self._varies: dict[str, frozenset[Axis]] = {}  # over what each node varies, as far as this pipeline sees
        self._marked: dict[Source, Axis] = {}  # what was marked already: the same axis again
        self._lines: dict[str, int] = {}
        self._axes = 0

    def graph(self, returned: Any) -> Graph:
        """What the calls have come to."""
        for ref in references(returned):
            if ref._axes:
                raise GraphError(f"{self.name} returns {ref._label}, which stands for one item; return a map's result")
        result = None if returned is None else as_source(returned)
        return Graph(self.name, self.nodes, self.inputs.parameters(), self.aliases, result, self.whole)

    # steps

    def call(self, step: Step[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Ref:
        for value in (*args, *kwargs.values()):
            for ref in references(value):
                if ref._axes:
                    raise GraphError(
                        f"{step.name}(...) got {ref._label}: write {step.name}.map(...) to run it once an item"
                    )
        self._node(step, args, kwargs)
        return Ref(Output(step.name), step.definition.returns, step.name)

    def map(self, step: Step[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], keyed: bool) -> Ref:
        who = f"{step.name}.{'map_values' if keyed else 'map'}"
        over = self._over(who, step.fn, args, kwargs, keyed=keyed)
        self._node(step, args, kwargs)
        output = Output(step.name)
        whole = self.whole[step.name] = Gather(output, over, keyed, who)
        return Ref(whole, made_type(whole, self.definitions, self._hints), step.name)

    def _node(self, step: Step[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        definition = step.definition
        self._claim(step.name)
        if step.sources:
            raise GraphError(f"{step.name}.bind(...) is for wiring by name; here, pass what it reads as an argument")
        try:
            given = inspect.signature(step.fn).bind_partial(*args, **kwargs).arguments
        except TypeError as error:
            raise GraphError(f"{describe(step)} is called with other arguments: {error}") from None
        given = {**step.values, **given}
        hints, ambient = definition.hints, definition.ambient
        inputs: list[tuple[str, Source]] = []
        for name, default, _ in definition.inputs:
            value = given.get(name, default)
            if name in ambient and (value is auto or value is EMPTY):
                inputs.append((name, Ambient(ambient[name])))
            elif name not in given and default is EMPTY:
                raise GraphError(f"{describe(step)} is called without {name!r}; pass it")
            elif name not in given:
                inputs.append(
                    (name, self._left(f"{step.name}.{name}", hints.get(name, EMPTY), default, step.name, name))
                )
            else:
                source = as_source(value)
                self._check(step.name, name, source, hints.get(name, EMPTY))
                inputs.append((name, source))
        self._take(Node(step.name, definition, tuple(inputs)))

    def _left(self, address: str, hint: Any, default: Any, user: str, name: str) -> Param:
        """A default that was left alone can be reached by its address."""
        self._hints[address] = hint
        return self.inputs.add(address, hint, default, f"{user}({name})")

    def _take(self, node: Node) -> None:
        self.nodes[node.name] = node
        self.definitions[node.name] = node.definition
        varies = frozenset[Axis]().union(*(self._over_what(source) for _, source in node.inputs))
        if varies:
            self._varies[node.name] = varies

    def _over_what(self, source: Source) -> frozenset[Axis]:
        """Over what a source varies: the union of what it is made of, without the axes that it gathers."""
        match source:
            case Param() | Const() | Ambient():
                return frozenset()
            case Output():
                return self._varies.get(source.node, frozenset())
            case Item():
                return self._over_what(source.axis.source) | {source.axis}
            case _:
                found = frozenset[Axis]().union(*(self._over_what(one) for one in inner(source)))
                return found.difference(source.over) if isinstance(source, Gather) else found

    def _check(self, reader: str, name: str, source: Source, wanted: Any) -> None:
        if type(source) is not Const and wanted is not EMPTY:
            made = made_type(source, self.definitions, self._hints)
            check_edge(reader, name, made, wanted, source, self.definitions)

    # other pipelines

    def nest(
        self,
        graph: Graph,
        fn: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        fixed: Mapping[str, Any],
        keyed: bool | None = None,
    ) -> Any:
        """The call of another pipeline: its nodes, under its name; `fixed` are the parameters that it comes with.

        `keyed` says that it is mapped, to a list or to a dict.
        """
        name, who, over = graph.name, "", tuple[Axis, ...]()
        if keyed is not None:
            who = f"{name}.{'map_values' if keyed else 'map'}"
            over = self._over(who, fn, args, kwargs, keyed=keyed)
        elif varying := [ref for value in (*args, *kwargs.values()) for ref in references(value) if ref._axes]:
            raise GraphError(f"{name}(...) got {varying[0]._label}: write {name}.map(...) to run it once an item")
        self._claim(name)
        try:
            given = {**fixed, **inspect.signature(fn).bind_partial(*args, **kwargs).arguments}
        except TypeError as error:
            raise GraphError(f"{name}{inspect.signature(fn)} is called with other arguments: {error}") from None
        made = grafted(Graft(name, graph), self._sources(graph, given))
        for node in made.nodes.values():
            self._take(node)
        self.aliases.update(made.aliases)
        self.whole.update(made.whole)
        result = made.result
        if over:
            for inside in made.nodes:
                along = tuple(axis for axis in over if axis in self._varies.get(inside, ()))
                if along:
                    self.whole[inside] = Gather(self.whole.get(inside, Output(inside)), along, bool(keyed), who)
            for alias, source in made.aliases.items():
                along = tuple(axis for axis in over if axis in self._over_what(source))
                self.aliases[alias] = Gather(source, along, bool(keyed), who) if along else source
            if result is not None:
                result = Gather(result, over, bool(keyed), who)
        if result is None:
            return _Nothing() if inspect.iscoroutinefunction(fn) else None
        self.aliases[name] = result
        return structured(result, name, made_type(result, self.definitions, self._hints))

    def _sources(self, graph: Graph, given: Mapping[str, Any]) -> dict[str, Source]:
        """Where the parameters of another pipeline come from."""
        name, sources = graph.name, dict[str, Source]()
        for address, parameter in graph.parameters.items():
            hints = parameter.hints or (EMPTY,)
            if address in given:
                sources[address] = source = as_source(given[address])
                self._check(name, address, source, hints[0])
            elif parameter.required:
                raise GraphError(f"{name} is called without {address!r}; pass it")
            else:
                moved = f"{name}/{address}" if "." in address else f"{name}.{address}"
                for hint in hints:
                    sources[address] = self._left(moved, hint, parameter.default, name, address)
        return sources

    # verbs on results

    def each(self, items: Any) -> Ref:
        """What is marked to be mapped over: an item of a new axis, or of the map that made it."""
        if isinstance(items, Ref):
            return self._each(items)
        source = as_source(items)
        container = items.keys() if isinstance(items, Mapping) else items
        label = f"each({_brief(list(container) if isinstance(items, Mapping) else items)})"
        if references(items):
            label = f"each([{', '.join(ref._label for ref in references(items))}])"
        return self._fresh(
            source, made_type(source, self.definitions, self._hints), label, keyed=isinstance(items, Mapping)
        )

    def _each(self, items: Ref) -> Ref:
        label = f"each({items._label})"
        if items._axes:
            raise GraphError(
                f"{label}: {items._label} stands for one item already; to map over what is in each item, put that "
                f"into a pipeline, and map the pipeline"
            )
        source, caught = items._source, False
        if isinstance(source, Attempt):
            source, caught = source.source, True
        if isinstance(source, Gather):
            one: Source = Attempt(source.source) if caught else source.source
            hint = EMPTY if caught else made_type(one, self.definitions, self._hints)
            return Ref(one, hint, label, source.over, source.over if source.keyed else ())
        if not has_items(items._hint):
            raise GraphError(
                f"{label}: {items._label} is one {getattr(items._hint, '__name__', items._hint)}, not many"
            )
        return self._fresh(items._source, items._hint, label, keyed=has_keys(items._hint))

    def _fresh(self, source: Source, hint: Any, label: str, *, keyed: bool) -> Ref:
        known = self._marked.get(source) if isinstance(source, (Param, Output)) else None
        if known is None:
            taken = any(axis.label == label for axis in self._marked.values())
            self._axes += 1
            known = Axis(f"{label} {self._axes}" if taken else label, source)
            self._marked[source if isinstance(source, (Param, Output)) else Param(f"[{self._axes}]")] = known
        return Ref(Item(known), item_type(hint), label, (known,), (known,))

    def switch(self, selector: Any, branches: Mapping[Any, Any], default: Any) -> Ref:
        if not isinstance(branches, Mapping):
            raise GraphError("switch(selector, branches): give the branches as a dict: {value: result}")
        label = selector._label if isinstance(selector, Ref) else _brief(selector)
        check_branches(
            label, selector._hint if isinstance(selector, Ref) else EMPTY, list(branches), default=default is not EMPTY
        )
        source = Choice(
            as_source(selector),
            tuple((value, as_source(branch)) for value, branch in branches.items()),
            None if default is EMPTY else as_source(default),
            label,
        )
        held = references([selector, *branches.values(), *(() if default is EMPTY else (default,))])
        axes = dict.fromkeys(axis for ref in held for axis in ref._axes)
        keys = dict.fromkeys(axis for ref in held for axis in ref._keys)
        hint = made_type(source, self.definitions, self._hints)
        return Ref(source, hint, f"switch({label})", tuple(axes), tuple(keys))

    def attempt(self, value: Any) -> Any:
        held = references(value)
        axes = dict.fromkeys(axis for ref in held for axis in ref._axes)
        keys = dict.fromkeys(axis for ref in held for axis in ref._keys)
        label = f"attempt({held[0]._label if held else '...'})"
        return Ref(Attempt(as_source(value)), EMPTY, label, tuple(axes), tuple(keys)) if held else value

    def _over(
        self, who: str, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], *, keyed: bool
    ) -> tuple[Axis, ...]:
        """The axes that a map varies over, those first that can give keys."""
        varying = [ref for value in (*args, *kwargs.values()) for ref in references(value) if ref._axes]
        check_marked(who, fn, [*(str(place) for place in range(len(args))), *kwargs], bool(varying))
        keys = dict.fromkeys(axis for ref in varying for axis in ref._keys)
        if keyed and not keys:
            raise GraphError(
                f"{who}: a dict needs keys, and {varying[0]._label} is a list that a map made; "
                f"make it with map_values, or use .map here"
            )
        return tuple({**keys, **dict.fromkeys(axis for ref in varying for axis in ref._axes)})

    def _claim(self, name: str) -> None:
        frame = sys._getframe(1)
        while frame.f_back is not None and frame.f_globals.get("__name__") in _OURS:
            frame = frame.f_back
        line = frame.f_lineno
        if name in self._lines:
            raise GraphError(
                f"{name} is used twice (lines {self._lines[name]}, {line}): give one another name: "
                f'{name}.named("...")(...)'
            )
        self._lines[name] = line


class _Nothing:
    """What a pipeline gives that returns nothing: it can be awaited, and no step takes it."""

    def __await__(self) -> Any:
        yield from ()

    def __bool__(self) -> bool:
        return False


def _brief(value: Any) -> str:
    said = " ".join(repr(value).split())
    return said if len(said) <= 30 else f"{said[:29]}…"
