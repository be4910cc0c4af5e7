"""Wiring by call: a `@pipeline` function is run once, with references for values, and what it calls becomes a graph.

Inside this one run a call of a step makes a node and returns a reference; anywhere else it is the plain function.
All the rest of the function is Python at build time, so a reference refuses what only a value could answer.
"""

import inspect
import sys
import typing
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

from plait.core.ambient import auto
from plait.core.builder import Graft, Inputs, check_edge, grafted, made_type, projected
from plait.core.definition import EMPTY
from plait.core.graph import Graph, Node, in_order
from plait.core.sources import Ambient, Collect, Const, Output, Param, Source
from plait.core.step import TRACER, Step, describe
from plait.errors import GraphError


def trace(fn: Callable[..., Any], name: str) -> Graph:
    """The graph that a function's calls of steps make. Raises `GraphError` for what cannot be traced."""
    if TRACER.get() is not None:
        raise GraphError(f"{name} is defined inside another pipeline; define it outside, and call it there")
    if inspect.iscoroutinefunction(fn):
        raise GraphError(f"{name} is an async def; async pipelines are not in this version of plait")
    signature = inspect.signature(fn)
    for parameter in signature.parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise GraphError(f"{name}(*{parameter.name}): a pipeline's parameters are known by name; list them")
    try:
        hints = typing.get_type_hints(fn, include_extras=True)
    except Exception as error:
        raise GraphError(f"{name}: its annotations cannot be evaluated: {error}") from error
    tracer = Tracing(name)
    arguments = {}
    for given, parameter in signature.parameters.items():
        hint = hints.get(given, EMPTY)
        source = tracer.inputs.add(given, hint, parameter.default, f"{name}({given})")
        arguments[given] = Ref(source, hint, given, ())
    token = TRACER.set(tracer)
    try:
        returned = fn(**arguments)
    finally:
        TRACER.reset(token)
    result = None if returned is None else as_source(returned)
    nodes = in_order(name, tracer.nodes)
    return Graph(name, nodes, tracer.inputs.parameters(), tracer.aliases, result)


class Ref:
    """What stands for a value while a pipeline is traced."""

    __slots__ = ("_hint", "_label", "_parts", "_source")

    def __init__(self, source: Source, hint: Any, label: str, parts: Any) -> None:
        self._source = source
        self._hint = hint
        self._label = label
        self._parts: Mapping[str, Any] = parts or {}

    def __getattr__(self, name: str) -> "Ref":
        if name.startswith("__"):
            raise AttributeError(name)
        if isinstance(self._source, Output) and self._source.part is None:
            if name in self._parts:
                return Ref(Output(self._source.node, name), self._parts[name], f"{self._label}.{name}", ())
            known = ", ".join(self._parts) or "none; return a NamedTuple to have some"
            raise GraphError(f"{self._label}.{name}: {self._label} has no such part (it has {known})")
        if isinstance(self._source, Param):
            hints = getattr(self._hint, "__annotations__", {})
            if name not in hints:
                raise GraphError(f"{self._label}.{name}: {self._label} has no such field; {_LATER}")
            field = typing.get_type_hints(self._hint, include_extras=True)[name]
            return Ref(projected(self._source, (name,)), field, f"{self._label}.{name}", ())
        raise GraphError(f"{self._label}.{name}: {_LATER}")

    def __iter__(self) -> Any:
        if isinstance(self._source, Output) and self._source.part is None and self._parts:
            return iter([getattr(self, part) for part in self._parts])
        raise GraphError(
            f"{self._label} is known only when the pipeline runs, so Python cannot loop over it or unpack it; "
            f"loop inside a step, or annotate the step's result as a NamedTuple to unpack it"
        )

    def _refuse(self, *_: object) -> Any:
        raise GraphError(f"{self._label} is known only when the pipeline runs: {_LATER}")

    __bool__ = __len__ = __getitem__ = __contains__ = __call__ = __float__ = __int__ = __index__ = _refuse
    __lt__ = __le__ = __gt__ = __ge__ = __eq__ = __ne__ = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _refuse
    __floordiv__ = __mod__ = __pow__ = __neg__ = __abs__ = __and__ = __or__ = __invert__ = __matmul__ = _refuse
    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"<{self._label}, when the pipeline runs>"


_LATER = "the function of a pipeline only says who reads whom; do this in a step"


class Tracing:
    """One traced run of a pipeline's function: gathers the nodes that its calls make."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.inputs = Inputs()
        self.nodes: dict[str, Node] = {}
        self.aliases: dict[str, Source] = {}
        self._lines: dict[str, int] = {}

    def call(self, step: Step[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Ref:
        definition = step.definition
        self._claim(step.name, sys._getframe(2))
        if step.sources:
            raise GraphError(f"{step.name}.bind(...) is for wiring by name; here, pass what it reads as an argument")
        try:
            given = inspect.signature(step.fn).bind_partial(*args, **kwargs).arguments
        except TypeError as error:
            raise GraphError(f"{describe(step)} is called with other arguments: {error}") from None
        given = {**step.values, **given}
        hints, returns, ambient = definition.hints, definition.returns, definition.ambient
        definitions = {name: node.definition for name, node in self.nodes.items()}
        inputs: list[tuple[str, Source]] = []
        for name, default, _ in definition.inputs:
            value = given.get(name, default)
            if name in ambient and value in (auto, EMPTY):
                inputs.append((name, Ambient(ambient[name])))
            elif name not in given and default is EMPTY:
                raise GraphError(f"{describe(step)} is called without {name!r}; pass it")
            elif name not in given:
                hint = hints.get(name, EMPTY)
                address = f"{step.name}.{name}"
                inputs.append((name, self.inputs.add(address, hint, default, f"{step.name}({name})")))
            else:
                source = as_source(value)
                check_edge(step, name, made_type(source, definitions), hints.get(name, EMPTY), source, definitions)
                inputs.append((name, source))
        self.nodes[step.name] = Node(step.name, definition, tuple(inputs))
        return Ref(Output(step.name), returns, step.name, definition.parts)

    def nest(
        self,
        graph: Graph,
        fn: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        fixed: Mapping[str, Any],
    ) -> Any:
        """The call of another pipeline: its nodes, under its name; `fixed` are the parameters that it comes with."""
        name = graph.name
        self._claim(name, sys._getframe(2))
        try:
            given = {**fixed, **inspect.signature(fn).bind_partial(*args, **kwargs).arguments}
        except TypeError as error:
            raise GraphError(f"{name}{inspect.signature(fn)} is called with other arguments: {error}") from None
        sources = {}
        for parameter in graph.parameters.values():
            address = parameter.address
            if address in given:
                sources[address] = as_source(given[address])
            elif parameter.required:
                raise GraphError(f"{name} is called without {address!r}; pass it")
            else:
                moved = f"{name}/{address}" if "." in address else f"{name}.{address}"
                for hint in parameter.hints or (EMPTY,):
                    sources[address] = self.inputs.add(moved, hint, parameter.default, f"{name}({address})")
        nodes, result = grafted(Graft(name, graph), sources)
        self.nodes.update(nodes)
        if result is None:
            return None
        self.aliases[name] = result
        definitions = {n: node.definition for n, node in self.nodes.items()}
        parts = definitions[result.node].parts if isinstance(result, Output) and result.part is None else ()
        return Ref(result, made_type(result, definitions), name, parts)

    def _claim(self, name: str, frame: FrameType) -> None:
        line = frame.f_lineno
        if name in self._lines:
            raise GraphError(
                f"{name} is used twice (lines {self._lines[name]}, {line}): give one another name: "
                f'{name}.named("...")(...)'
            )
        self._lines[name] = line


def as_source(value: Any) -> Source:
    """The source of an argument: a reference's, one that gathers references, or the value itself."""
    if isinstance(value, Ref):
        return value._source
    if isinstance(value, dict) and any(_holds(item) for item in value.values()):
        return Collect(dict, tuple(as_source(item) for item in value.values()), tuple(value))
    if type(value) in (list, tuple) and any(_holds(item) for item in value):
        return Collect(type(value), tuple(as_source(item) for item in value))
    if isinstance(value, tuple) and hasattr(value, "_fields") and any(_holds(item) for item in value):
        raise GraphError(f"{type(value).__name__}(...) holds results; return them as a tuple or a dict, or from a step")
    return Const(value)


def _holds(value: Any) -> bool:
    """Does a value hold a reference?"""
    if isinstance(value, Ref):
        return True
    if isinstance(value, dict):
        return any(_holds(item) for item in value.values())
    return isinstance(value, (list, tuple)) and any(_holds(item) for item in value)
