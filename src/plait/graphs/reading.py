"""A graph from YAML: its form is checked first, then what may be imported, and then it is wired as any other."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from plait import parameters
from plait.configuration import Layer
from plait.core.builder import build
from plait.core.definition import EMPTY, near
from plait.core.graph import Graph, Parameter
from plait.core.sources import params
from plait.core.step import Step
from plait.errors import GraphError, ParameterError
from plait.graphs import types
from plait.graphs.allowing import check_allowed, check_step, class_at, step_at
from plait.graphs.checking import check_maps
from plait.graphs.folds import Folds
from plait.items import Wiring
from plait.pipeline import Pipeline
from plait.yaml12 import fit, load, plain

_TOP = ("pipeline", "axes", "nodes", "inputs", "types", "defaults", "result", "names", "params")
_NODE = ("step", "maps", "reads", "with")
_NAME = re.compile(r"[^\W\d]\w*(/[^\W\d]\w*)*")


def from_yaml(text: str, *, allow: Sequence[str]) -> Pipeline[..., Any]:
    """The pipeline that YAML says.

    `allow` lists the modules that may be imported: `"shop.steps"` is this one, `"shop.*"` is `shop` and all that is in
    it. Only steps are taken from them, and classes that are types of parameters; but to import a module runs it. Raises
    `GraphError` for modules that are not allowed, before anything is imported, and for what does not fit, with the
    near miss.
    """
    content = content_of(text)
    nodes = content["nodes"]
    for node, said in nodes.items():
        check_step(node, said.get("step"), allow)

    def allowed(place: str) -> Any:
        check_allowed("types", place.rpartition(".")[0] or place, allow)
        return Any

    _typed(content, allowed)
    try:
        return assembled(content, {node: step_at(node, said["step"]) for node, said in nodes.items()}, class_at)
    except RecursionError:
        raise GraphError(f"{content['pipeline']}: it is nested too deep") from None


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


def content_of(text: str) -> dict[str, Any]:
    """What a text says, as far as its form goes. Nothing is imported."""
    try:
        content: dict[str, Any] = _plain_but_values(load(text, "the graph"))
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


def _plain_but_values(content: Any) -> Any:
    """What a text says, as plain data, but for values of inputs and parameters: their types are not known yet."""
    if not isinstance(content, dict):
        return plain(content)
    made = {plain(key): one if key in ("params", "defaults", "nodes") else plain(one) for key, one in content.items()}
    for section in ("params", "defaults"):
        if isinstance(made.get(section), dict):
            made[section] = {plain(key): one for key, one in made[section].items()}
        elif section in made:
            made[section] = plain(made[section])
    nodes = made.get("nodes")
    if not isinstance(nodes, dict):
        return {**made, "nodes": plain(nodes)} if "nodes" in made else made
    made["nodes"] = {plain(node): _node(said) for node, said in nodes.items()}
    return made


def _node(said: Any) -> Any:
    if not isinstance(said, dict) or not isinstance(said.get("with"), dict):
        return plain(said)
    rest = plain({key: one for key, one in said.items() if key != "with"})
    return {**rest, "with": {plain(key): one for key, one in said["with"].items()}}


def assembled(
    content: Mapping[str, Any], known: Mapping[str, Step[..., Any]], found: Callable[[str], Any]
) -> Pipeline[..., Any]:
    """The pipeline of a text, with the steps that it names; `found` gives the classes that it names."""
    name, said = content["pipeline"], content["nodes"]
    maps = {node: one["maps"] for node, one in said.items() if "maps" in one}
    definitions = {node: step.definition for node, step in known.items()}
    folds = Folds(name, _mapping(content, "axes"), maps, definitions)
    steps = tuple(_step(node, one, known[node], folds) for node, one in said.items())
    graph = parameters.with_constants_admitted(build(name, steps, content.get("inputs"), folds.whole))
    graph = _completed(graph, content, folds, _typed(content, found))
    check_maps(graph)
    made: Pipeline[..., Any] = object.__new__(Pipeline)
    made._set(graph, {}, {}, None, Wiring(None if graph.folded else steps, content.get("inputs")))
    values = _mapping(content, "params")
    return made.with_config(Layer("params", values)) if values else made


def _step(node: str, said: Mapping[str, Any], found: Step[..., Any], folds: Folds) -> Step[..., Any]:
    definition = found.definition
    reads, written = _mapping(said, "reads"), _mapping(said, "with")
    values = {given: fit([definition.hints.get(given, Any)], one) for given, one in written.items()}
    names = definition.input_names
    for given in (*reads, *values):
        if given not in names:
            raise GraphError(f"{node}: {definition.name} has no {given!r}{near(str(given), names)}")
        if given in reads and given in values:
            raise GraphError(f"{node}: {given!r} is under reads: and under with:; keep one")
    sources = {given: folds.spec(one, f"{node}.{given}") for given, one in reads.items()}
    kept = {given: one for given, one in found.values.items() if given not in sources}
    bound = {given: one for given, one in found.sources.items() if given not in values}
    return Step(definition, node, {**bound, **sources}, {**kept, **values})


def _typed(content: Mapping[str, Any], found: Callable[[str], Any]) -> dict[str, tuple[Any, ...]]:
    """The types of parameters that are not those of the steps that read them."""
    said = {address: one if isinstance(one, list) else [one] for address, one in _mapping(content, "types").items()}
    return {address: tuple(types.read(text, found) for text in texts) for address, texts in said.items()}


def _completed(graph: Graph, content: Mapping[str, Any], folds: Folds, typed: Mapping[str, tuple[Any, ...]]) -> Graph:
    """The graph with what no step says: types and defaults of the pipeline, what it returns, and names of results."""
    result = folds.source(content["result"], "result") if "result" in content else None
    names = {name: folds.source(one, name) for name, one in _mapping(content, "names").items()}
    known = dict(graph.parameters)
    for name, source in (*names.items(), *(() if result is None else (("result", result),))):
        for read in params(source):
            known.setdefault(read.address, Parameter(read.address, (), EMPTY, (f"{name}({read.address})",)))
    defaults = _mapping(content, "defaults")
    for section, said in (("types", typed), ("defaults", defaults)):
        for address in said:
            if address not in known:
                hint = near(str(address), list(known))
                raise GraphError(f"{section}: {graph.name} has no parameter {address!r}{hint}")
    for address, hints in typed.items():
        known[address] = known[address]._replace(hints=hints)
    for address, default in defaults.items():
        known[address] = known[address]._replace(
            default=parameters.admitted(known[address], fit(known[address].hints, default))
        )
    return Graph(graph.name, graph.nodes, known, {**graph.aliases, **names}, result, graph.whole)
