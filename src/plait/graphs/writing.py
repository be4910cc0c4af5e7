"""A graph as YAML: for each node its step, where its inputs come from, and the values that are fixed."""

from typing import Any

from plait.core.definition import EMPTY
from plait.core.graph import Graph, Node, Parameter, parted
from plait.core.sources import (
    Ambient,
    Attempt,
    Axis,
    Choice,
    Collect,
    Const,
    Gather,
    Item,
    Output,
    Param,
    Source,
    params,
)
from plait.core.step import Step
from plait.errors import GraphError
from plait.files import Dir, File
from plait.graphs import types
from plait.graphs.comparing import check_same
from plait.graphs.folds import called, mapped_by
from plait.graphs.reading import assembled, content_of
from plait.pipeline import Pipeline
from plait.secret import Secret
from plait.yaml12.scalars import STR, meaning

_BREAKS = "\x85\u2028\u2029\ufeff"  # line breaks in YAML 1.1, not in 1.2
_PLAIN = (type(None), bool, int, float, str)


def to_yaml(pipeline: Pipeline[..., Any]) -> str:
    """A pipeline as YAML: its nodes, with the places of their steps.

    Raises `GraphError` for steps that cannot be imported, and for values and types that YAML does not have.

    >>> from plait import Pipeline
    >>> print(to_yaml(Pipeline("empty", [])), end="")
    pipeline: empty
    nodes: {}
    """
    writer = _Writer(pipeline)
    written = dump(writer.text())
    steps: dict[str, Step[..., Any]] = {
        name: Step(node.definition, name, {}, {}) for name, node in pipeline.graph.nodes.items()
    }
    check_same(pipeline.graph, assembled(content_of(written), steps, writer.classes.__getitem__).graph)
    return written


def dump(content: Any) -> str:
    """Return plain data as YAML that means the same in YAML 1.1 and 1.2: text that either reads otherwise is quoted.

    >>> print(dump({"step": "no", "at": "1e-3", "n": 0.001}), end="")
    step: 'no'
    at: '1e-3'
    n: 0.001
    """
    import yaml

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

        def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
            tag: str = super().resolve(kind, value, implicit)  # type: ignore[no-untyped-call]
            return meaning(value) if kind is yaml.ScalarNode and implicit[0] and tag == STR else tag

    def text(dumper: Any, value: str) -> Any:
        breaks = any(character in value for character in _BREAKS)  # only escapes keep them
        return dumper.represent_scalar(STR, value, style='"' if breaks else None)

    Dumper.add_representer(str, text)
    return str(yaml.dump(content, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=120))


class _Writer:
    """What of a pipeline is written."""

    def __init__(self, pipeline: Pipeline[..., Any]) -> None:
        self.pipeline, self.graph = pipeline, pipeline.graph
        self.classes: dict[str, type] = {}  # which types name, by what they are called
        self.axes: dict[Axis, str] = {}
        self.over: dict[str, Any] = {}  # what is said of each axis
        self.left: set[str] = set()  # parameters with the defaults that steps have

    def text(self) -> dict[str, Any]:
        graph, pipeline = self.graph, self.pipeline
        for address in graph.parameters.keys() - _read(graph):
            raise GraphError(
                f"the parameter {address} of {graph.name} is read by nobody, so it has no YAML; leave it out"
            )
        nodes = {name: self.node(node) for name, node in graph.nodes.items()}
        defaults = {
            p.address: _value(p.default, _hint(p), f"the default of {p.address}")
            for p in graph.parameters.values()
            if not p.required and p.address not in self.left
        }
        text = {
            "pipeline": graph.name,
            "axes": self.over,
            "nodes": nodes,
            "inputs": pipeline._wiring.inputs,
            "types": {p.address: self.types(p) for p in graph.parameters.values() if _is_typed(graph, p)},
            "defaults": defaults,
            "result": None if graph.result is None else self.source(graph.result, Any, "the result"),
            "names": {name: self.source(source, Any, name) for name, source in graph.aliases.items()},
            "params": {
                address: _value(value, _hint(graph.parameters[address]), address)
                for address, value in pipeline._values.items()
            },
        }
        if text["inputs"] is not None:
            text["inputs"] = list(text["inputs"])
        kept = ("pipeline", "nodes", "inputs")
        return {key: said for key, said in text.items() if said or (key in kept and said is not None)}

    def types(self, parameter: Parameter) -> Any:
        said = [types.written(hint, self.classes, parameter.address) for hint in parameter.hints]
        return said[0] if len(said) == 1 else said

    def node(self, node: Node) -> dict[str, Any]:
        definition = node.definition
        if not definition.importable:
            raise GraphError(
                f"{node.name}: its step {definition.name} cannot be imported from "
                f"{definition.home.partition(':')[0]}; define it in a module, under its own name"
            )
        text: dict[str, Any] = {"step": definition.home}
        if node.name in self.graph.whole:
            text["maps"] = self.maps(node.name)
        reads, values = {}, {}
        for given, source in node.inputs:
            default = next(one.default for one in definition.inputs if one.name == given)
            hint = definition.hints.get(given, Any)
            if type(source) is Const:
                values[given] = _value(source.value, hint, f"{node.name}.{given}")
            elif source == Param(f"{node.name}.{given}") and default is not EMPTY and not self.is_made(given):
                self.left.add(f"{node.name}.{given}")
            elif type(source) is not Ambient and not self.is_found(given, source, default):
                reads[given] = self.source(source, hint, f"{node.name}.{given}")
        if reads:
            text["reads"] = reads
        if values:
            text["with"] = values
        return text

    def is_made(self, name: str) -> bool:
        """Is there a node or a part of a name?"""
        return name in self.graph.nodes or bool(self.makers(name))

    def makers(self, part: str) -> list[str]:
        return [name for name, node in self.graph.nodes.items() if part in node.definition.parts]

    def is_found(self, given: str, source: Source, default: Any) -> bool:
        """Would a source be found without saying it?"""
        if default is not EMPTY:
            return False
        if given in self.graph.nodes:
            return source == self.graph.all_of(given)
        makers = self.makers(given)
        if makers:
            return len(makers) == 1 and source == self.graph.all_of(makers[0], given)
        return source == Param(given)

    # maps

    def maps(self, node: str) -> list[dict[str, Any]]:
        made, source = [], self.graph.whole[node]
        while isinstance(source, Gather):
            said = self.gives(source, mapped_by(node, keyed=source.keyed))
            made.append(said)
            source = source.source
        return made

    def gives(self, gather: Gather, usual: str) -> dict[str, Any]:
        said = {"over": [self.axis(axis) for axis in gather.over], "gives": "dict" if gather.keyed else "list"}
        return said if gather.who == usual else {**said, "of": gather.who}

    def axis(self, axis: Axis) -> str:
        """What an axis is called; two of one name are told apart."""
        if axis not in self.axes:
            name, count = axis.name, 1
            while name in self.over:
                count += 1
                name = f"{axis.name} {count}"
            self.axes[axis] = name
            self.over[name] = None  # its name is taken
            self.over[name] = self.source(axis.source, Any, name)
        return self.axes[axis]

    # sources

    def source(self, source: Source, hint: Any, where: str) -> Any:
        match source:
            case Output(node, part):
                name = node if part is None else f"{node}.{part}"
                return {"one": name} if node in self.graph.whole else name
            case Param(address, path):
                return {"param": address, **_field(path)}
            case Const(value):
                return {"value": _value(value, hint, where)}
            case Collect(kind, items, keys):
                inner = [self.source(item, Any, where) for item in items]
                if kind is not dict:
                    return inner if kind is list else {"tuple": inner}
                return {"dict": {_value(key, Any, where): one for key, one in zip(keys, inner, strict=True)}}
            case Item(axis, path):
                return {"item": self.axis(axis), **_field(path)}
            case Gather():
                known = _whole_of(self.graph, source)
                return known or {"gather": self.source(source.source, Any, where), **self.gives(source, "")}
            case Choice(selector, branches, default, label):
                said = {"switch": self.source(selector, Any, where)}
                said["branches"] = {_value(key, Any, where): self.source(one, Any, where) for key, one in branches}
                if default is not None:
                    said["default"] = self.source(default, Any, where)
                return said if label == called(said["switch"]) else {**said, "label": label}
            case Attempt(attempted):
                return {"attempt": self.source(attempted, Any, where)}
            case _:
                raise GraphError(f"{where}: what the run itself gives has no YAML")


def _whole_of(graph: Graph, source: Source) -> str | None:
    """The node or part whose items a source gathers, if it gathers all of them."""
    inside = source
    while isinstance(inside, Gather):
        inside = inside.source
    if not isinstance(inside, Output) or source != parted(graph.all_of(inside.node), inside.part):
        return None
    return inside.node if inside.part is None else f"{inside.node}.{inside.part}"


def _field(path: tuple[str, ...]) -> dict[str, str]:
    return {"field": ".".join(path)} if path else {}


def _hint(parameter: Parameter) -> Any:
    return parameter.hints[0] if parameter.hints else Any


def _read(graph: Graph) -> set[str]:
    """The parameters that something reads."""
    sources = [source for node in graph.nodes.values() for _, source in node.inputs]
    sources += [*graph.whole.values(), *graph.aliases.values(), *(() if graph.result is None else (graph.result,))]
    return {read.address for source in sources for read in params(source)}


def _is_typed(graph: Graph, parameter: Parameter) -> bool:
    """Has a parameter other types than those that its readers say?"""
    return set(_read_as(graph, parameter.address)) != set(parameter.hints)


def _read_as(graph: Graph, address: str) -> list[Any]:
    return [
        node.definition.hints[given]
        for node in graph.nodes.values()
        for given, source in node.inputs
        if source == Param(address) and given in node.definition.hints
    ]


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
