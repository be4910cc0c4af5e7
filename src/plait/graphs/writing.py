"""A graph as YAML: for each node its step, where its inputs come from, and the values that are fixed."""

from typing import Any

from plait.core.definition import EMPTY
from plait.core.graph import Graph, Node
from plait.core.sources import Ambient, Collect, Const, Output, Param, Source
from plait.core.step import Step
from plait.errors import GraphError
from plait.files import Dir, File
from plait.graphs.reading import assembled, content_of
from plait.pipeline import Pipeline
from plait.secret import Secret

_PLAIN = (type(None), bool, int, float, str)


def to_yaml(pipeline: Pipeline[..., Any]) -> str:
    """A pipeline as YAML: its nodes, with the places of their steps.

    Raises `GraphError` for steps that cannot be imported, for values that YAML does not have, and for graphs with
    maps, `switch` or `attempt`, which are written as Python.

    >>> from plait import Pipeline
    >>> print(to_yaml(Pipeline("empty", [])), end="")
    pipeline: empty
    nodes: {}
    """
    import yaml

    graph = pipeline.graph
    if graph.folded:
        raise GraphError(f"{graph.name} has maps, switches or attempts, which have no YAML; write it as a @pipeline")
    text: dict[str, Any] = {"pipeline": graph.name, "nodes": {n: _node(graph, node) for n, node in graph.nodes.items()}}
    if (inputs := pipeline._wiring.inputs) is not None:
        text["inputs"] = list(inputs)
    defaults = {
        p.address: _value(p.default, p.hints[0] if p.hints else Any, f"the default of {p.address}")
        for p in graph.parameters.values()
        if not p.required and not _left_by_a_step(graph, p.address)
    }
    if defaults:
        text["defaults"] = defaults
    if graph.result is not None:
        text["result"] = _source(graph.result, Any, "the result")
    if graph.aliases:
        text["names"] = {name: _source(source, Any, name) for name, source in graph.aliases.items()}
    if pipeline._values:
        text["params"] = {
            address: _value(
                value, graph.parameters[address].hints[0] if graph.parameters[address].hints else Any, address
            )
            for address, value in pipeline._values.items()
        }

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    written = str(yaml.dump(text, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=120))
    _check_same(
        graph,
        assembled(content_of(written), {name: Step(n.definition, name, {}, {}) for name, n in graph.nodes.items()}),
    )
    return written


def _node(graph: Graph, node: Node) -> dict[str, Any]:
    definition = node.definition
    if not definition.importable:
        raise GraphError(
            f"{node.name}: its step {definition.name} cannot be imported from {definition.home.partition(':')[0]}; "
            f"define it in a module, under its own name"
        )
    text: dict[str, Any] = {"step": definition.home}
    reads, values = {}, {}
    for given, source in node.inputs:
        default = next(one.default for one in definition.inputs if one.name == given)
        hint = definition.hints.get(given, Any)
        if type(source) is Const:
            values[given] = _value(source.value, hint, f"{node.name}.{given}")
        elif type(source) is Ambient or (type(source) is Param and _is_left(node, given, source)):
            continue
        elif not _by_its_own_name(graph, given, source, default):
            reads[given] = _source(source, hint, f"{node.name}.{given}")
    if reads:
        text["reads"] = reads
    if values:
        text["with"] = values
    return text


def _is_left(node: Node, given: str, source: Param) -> bool:
    return not source.path and source.address == f"{node.name}.{given}"


def _left_by_a_step(graph: Graph, address: str) -> bool:
    node, _, given = address.rpartition(".")
    known = graph.nodes.get(node)
    return known is not None and any(one.name == given and one.default is not EMPTY for one in known.definition.inputs)


def _by_its_own_name(graph: Graph, given: str, source: Source, default: Any) -> bool:
    """Would this source be found without saying it?"""
    if default is not EMPTY:
        return False
    if given in graph.nodes:
        return source == Output(given)
    makers = [name for name, node in graph.nodes.items() if given in node.definition.parts]
    if makers:
        return len(makers) == 1 and source == Output(makers[0], given)
    return source == Param(given)


def _source(source: Source, hint: Any, where: str) -> Any:
    match source:
        case Output(node, part):
            return node if part is None else f"{node}.{part}"
        case Param(address, path):
            if path:
                raise GraphError(f"{where} reads {address}.{'.'.join(path)}, a field of a parameter, which has no YAML")
            return {"param": address}
        case Const(value):
            return {"value": _value(value, hint, where)}
        case Collect(kind, items, keys):
            inner = [_source(item, Any, where) for item in items]
            if kind is not dict:
                return inner if kind is list else {"tuple": inner}
            return {"dict": {_value(key, Any, where): one for key, one in zip(keys, inner, strict=True)}}
        case _:
            raise GraphError(f"{where}: this has no YAML")


def _value(value: Any, hint: Any, where: str) -> Any:
    """A value as YAML has it. It must come back as what it is, with its type."""
    if isinstance(value, (File, Dir)) and hint in (File, Dir):
        return str(value)
    if isinstance(value, Secret) and value._name and hint is Secret:
        return {"env": value._name}
    if not _is_plain(value):
        shown = "a secret" if isinstance(value, Secret) else f"a {type(value).__name__}"
        raise GraphError(f"{where} is {shown}, which has no YAML; make it a parameter")
    return value


def _is_plain(value: Any) -> bool:
    if type(value) is list:
        return all(map(_is_plain, value))
    if type(value) is dict:
        return all(type(key) in _PLAIN and _is_plain(one) for key, one in value.items())
    return type(value) in _PLAIN


def _check_same(graph: Graph, made: Pipeline[..., Any]) -> None:
    """Does what was written say the same graph?"""
    for name, node in graph.nodes.items():
        for (given, source), (_, other) in zip(node.inputs, made.graph.nodes[name].inputs, strict=True):
            if repr(source) != repr(other):
                raise GraphError(
                    f"{name}.{given} has no YAML that would come back as the same; write it as a @pipeline"
                )
    for address, parameter in graph.parameters.items():
        other_hints = set(made.graph.parameters[address].hints) if address in made.graph.parameters else set()
        if parameter.hints and set(parameter.hints) != other_hints:
            raise GraphError(
                f"the parameter {address} of {graph.name} has another type than the steps that read it, which YAML "
                f"cannot say; annotate both alike"
            )
