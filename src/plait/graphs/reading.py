"""A graph from YAML: its form is checked first, then what may be imported, and then it is wired as any other."""

import keyword
import re
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from plait import parameters
from plait.configuration import parsed
from plait.core.builder import build
from plait.core.definition import near
from plait.core.graph import Graph
from plait.core.sources import Collect, Const, Param, Source
from plait.core.step import Step
from plait.errors import GraphError, ParameterError
from plait.items import Wiring
from plait.pipeline import Pipeline

_TOP = ("pipeline", "nodes", "inputs", "defaults", "result", "names", "params")
_NODE = ("step", "reads", "with")
_NAME = re.compile(r"[^\W\d]\w*(/[^\W\d]\w*)*")


def from_yaml(text: str, *, allow: Sequence[str]) -> Pipeline[..., Any]:
    """The pipeline that YAML says.

    `allow` lists the modules that may be imported: `"shop.steps"` is this one, `"shop.*"` is `shop` and all that is in
    it. Only steps are taken from them; but to import a module runs it. Raises `GraphError` for modules that are not
    allowed, before anything is imported, and for what does not fit, with the near miss.
    """
    content = content_of(text)
    nodes = content["nodes"]
    for node, said in nodes.items():
        _check_allowed(node, said.get("step"), allow)
    return assembled(content, {node: _imported(node, said["step"]) for node, said in nodes.items()})


def _check_keys(said: Any, known: Sequence[str], where: str) -> None:
    if not isinstance(said, dict):
        raise GraphError(f"{where}: write names and values: {', '.join(f'{key}: ...' for key in known)}")
    for key in said:
        if key not in known:
            listed = f". It has {', '.join(known)}"
            raise GraphError(f"{where} has no {key!r}{near(str(key), known) or listed}")


def _mapping(content: Mapping[str, Any], key: str) -> dict[str, Any]:
    found = content.get(key) or {}
    if not isinstance(found, dict):
        raise GraphError(f"{key}: write names and values")
    return found


def _check_allowed(node: str, place: Any, allow: Sequence[str]) -> None:
    if isinstance(allow, str):
        raise GraphError(f"allow={allow!r}: give a list: allow=[{allow!r}]")
    module, colon, name = place.partition(":") if isinstance(place, str) else ("", "", "")
    if not colon or not all(_is_name(piece) for piece in (*module.split("."), name)):
        raise GraphError(f"{node}: {place!r} names no step; write step: module:name")
    if not any(_allows(pattern, module) for pattern in allow):
        listed = ", ".join(map(repr, allow)) or "nothing"
        raise GraphError(f"{node}: {module} is not among the modules that may be imported (allow has {listed})")


def _allows(pattern: str, module: str) -> bool:
    """Does a pattern allow a module? `shop.*` is `shop` and what is in it.

    >>> _allows("shop.*", "shop.steps"), _allows("shop.*", "shopping"), _allows("shop", "shop.steps")
    (True, False, False)
    """
    package, star, rest = pattern.partition(".*")
    if not all(_is_name(piece) for piece in package.split(".")) or rest:
        raise GraphError(f"allow={pattern!r}: name a module (shop.steps), or all in a package (shop.*)")
    return module == package or (bool(star) and module.startswith(f"{package}."))


def _is_name(text: str) -> bool:
    return text.isidentifier() and not keyword.iskeyword(text)


def content_of(text: str) -> dict[str, Any]:
    """What a text says, as far as its form goes. Nothing is imported."""
    try:
        content: dict[str, Any] = parsed(text, "the graph")
    except ParameterError as error:
        raise GraphError(str(error)) from None
    _check_keys(content, _TOP, "a graph")
    nodes = content.setdefault("nodes", {})
    if not isinstance(content.get("pipeline"), str) or not isinstance(nodes, dict):
        raise GraphError("a graph has a name (pipeline: churn), and nodes by their names (nodes: {clean: {step: ...}})")
    for node, said in nodes.items():
        if not isinstance(node, str) or not _NAME.fullmatch(node):
            raise GraphError(f"{node!r} cannot name a node: use letters, digits and _, and no digit first")
        _check_keys(said, _NODE, node)
    inputs = content.get("inputs")
    if inputs is not None and not (isinstance(inputs, list) and all(isinstance(one, str) for one in inputs)):
        raise GraphError("inputs: write a list of names")
    return content


def assembled(content: Mapping[str, Any], known: Mapping[str, Step[..., Any]]) -> Pipeline[..., Any]:
    """The pipeline of a text, with the steps that it names."""
    steps = tuple(_step(node, said, known[node]) for node, said in content["nodes"].items())
    graph = parameters.with_constants_admitted(build(content["pipeline"], steps, content.get("inputs")))
    graph = _completed(graph, _mapping(content, "defaults"), content, _mapping(content, "names"))
    made: Pipeline[..., Any] = object.__new__(Pipeline)
    made._set(graph, {}, {}, None, Wiring(steps, content.get("inputs")))
    return made.with_(_mapping(content, "params"))


def _step(node: str, said: Mapping[str, Any], found: Step[..., Any]) -> Step[..., Any]:
    definition = found.definition
    reads, values = _mapping(said, "reads"), _mapping(said, "with")
    names = definition.input_names
    for given in (*reads, *values):
        if given not in names:
            raise GraphError(f"{node}: {definition.name} has no {given!r}{near(str(given), names)}")
        if given in reads and given in values:
            raise GraphError(f"{node}: {given!r} is under reads: and under with:; keep one")
    sources = {given: _spec(one, f"{node}.{given}") for given, one in reads.items()}
    kept = {given: one for given, one in found.values.items() if given not in sources}
    bound = {given: one for given, one in found.sources.items() if given not in values}
    return Step(definition, node, {**bound, **sources}, {**kept, **values})


def _imported(node: str, place: str) -> Step[..., Any]:
    module, _, name = place.partition(":")
    try:
        found = vars(import_module(module)).get(name)
    except ImportError as error:
        raise GraphError(f"{node}: {module} cannot be imported: {error}") from error
    if isinstance(found, Step):
        return found
    steps = [one for one, value in vars(import_module(module)).items() if isinstance(value, Step)]
    what = "is no step" if found is not None else "is not there"
    listed = f". It has {', '.join(steps) or 'no steps'}"
    raise GraphError(f"{node}: {place} {what}{near(name, steps) or listed}")


def _spec(said: Any, where: str) -> Any:
    """What a node reads, as `bind` takes it."""
    if isinstance(said, str):
        return said
    if isinstance(said, list):
        return [_spec(one, where) for one in said]
    if isinstance(said, dict) and set(said) == {"param"} and isinstance(said["param"], str):
        return Param(said["param"])
    if isinstance(said, dict) and set(said) == {"value"}:
        return Const(said["value"])
    if isinstance(said, dict) and set(said) == {"tuple"} and isinstance(said["tuple"], list):
        return tuple(_spec(one, where) for one in said["tuple"])
    if isinstance(said, dict) and set(said) == {"dict"} and isinstance(said["dict"], dict):
        return {key: _spec(one, where) for key, one in said["dict"].items()}
    raise GraphError(
        f"{where}: write the name of a node, part or parameter, a list of these, {{dict: {{key: name}}}}, "
        f"{{tuple: [...]}}, {{param: name}} or {{value: ...}}"
    )


def _completed(
    graph: Graph, defaults: Mapping[str, Any], content: Mapping[str, Any], names: Mapping[str, Any]
) -> Graph:
    """The graph with what no step says: defaults of the pipeline, what it returns, and names of results."""
    known = dict(graph.parameters)
    for address, default in defaults.items():
        if address not in known:
            raise GraphError(f"defaults: {graph.name} has no parameter {address!r}{near(str(address), list(known))}")
        known[address] = known[address]._replace(default=parameters.admitted(known[address], default))
    result = _found(graph, _spec(content["result"], "result")) if "result" in content else None
    aliases = {**graph.aliases, **{name: _found(graph, _spec(one, name)) for name, one in names.items()}}
    return Graph(graph.name, graph.nodes, known, aliases, result, graph.whole)


def _found(graph: Graph, spec: Any) -> Source:
    if isinstance(spec, Mapping):
        return Collect(dict, tuple(_found(graph, one) for one in spec.values()), tuple(spec))
    if isinstance(spec, (Param, Const)):
        return spec
    if isinstance(spec, (list, tuple)):
        return Collect(type(spec), tuple(_found(graph, one) for one in spec))
    return graph.source(spec)
