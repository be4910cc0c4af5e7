"""A slice of a graph as the text of a Python function: calls in their order, nothing between them."""

import builtins
import keyword
import re
from collections.abc import Mapping
from typing import Any, NamedTuple, assert_never

from plait.compiling.slicing import Slice, spelled
from plait.core.ambient import outside_a_run
from plait.core.definition import Definition
from plait.core.graph import Node
from plait.core.sources import Ambient, Attempt, Choice, Collect, Const, Gather, Item, Output, Param, Source

_WORDS = frozenset({"inf", "-inf"})  # what floats are called that have no literal
_LITERAL = (int, float, str, bool, type(None))


class Written(NamedTuple):
    """A function as text, and what its names stand for."""

    name: str
    pipeline: str
    source: str
    steps: Mapping[str, Definition]  # by the names of their functions in the text
    values: Mapping[str, Any]  # pinned ones and constants


def written(part: Slice, values: Mapping[Output | Param, Any]) -> Written:
    """The function of a slice; `values` are those that it does not compute."""
    return _Writer(part, values).function()


class _Writer:
    def __init__(self, part: Slice, values: Mapping[Output | Param, Any]) -> None:
        self.part, self.known = part, values
        self.taken: set[str] = {"now"}  # names in the text
        self.own = ""  # the function's name, until a local has it
        self.steps: dict[str, Definition] = {}
        self.values: dict[str, Any] = {}
        self.names: dict[Output | Param, str] = {}

    def function(self) -> Written:
        part = self.part
        name = self._name(part.output.part or part.output.node)
        arguments = []
        for said, source in part.inputs:
            self.names[source] = self._name(said)
            arguments.append(self.names[source])
        self.own = name
        body = [self._call(node) for node in part.calls]
        made = self._of(part.output)
        last, _, call = body[-1].partition(" = ")
        body[-1:] = [f"return {call}"] if last == made else [body[-1], f"return {made}"]
        begin = "async def" if any(node.definition.asynchronous for node in part.calls) else "def"
        lines = [
            f"# {spelled(part.output)} of {part.graph.name}, from {', '.join(arguments)}",
            f"{begin} {name}({', '.join(arguments)}):",
            *(f"    {line}" for line in body),
        ]
        return Written(name, part.graph.name, "\n".join(lines) + "\n", self.steps, self.values)

    def _step(self, definition: Definition) -> str:
        """The name of a step's function."""
        known = next((name for name, one in self.steps.items() if one is definition), "")
        if not known:
            known = self._name(f"{definition.name}_")
            self.steps[known] = definition
        return known

    def _call(self, node: Node) -> str:
        definition = node.definition
        function = self._step(definition)
        given = {name: self._of(source) for name, source in node.inputs}
        said, in_order = [], True
        for one in definition.inputs:
            in_order = in_order and one.name in given
            if in_order or one.positional:
                said.append(given[one.name])
            elif one.name in given:
                said.append(f"{one.name}={given[one.name]}")
        self.names[Output(node.name)] = made = self._name(node.name, local=True)
        waits = "await " if definition.asynchronous else ""
        return f"{made} = {waits}{function}({', '.join(said)})"

    def _of(self, source: Source) -> str:
        """A source as an expression."""
        match source:
            case Output(node, part):
                if source in self.names:
                    return self.names[source]
                if part is not None and Output(node) in self.names:
                    parts = self.part.graph.nodes[node].definition
                    named = hasattr(parts.result_class, "_fields")
                    at = f".{part}" if named else f"[{list(parts.parts).index(part)}]"
                    return self.names[Output(node)] + at
                return self._value(spelled(source), self.known[source], source)
            case Param(address, path):
                whole = Param(address)
                name = self.names.get(whole)
                if name is None:
                    name = self._value(address, self.known[whole], whole)
                return ".".join([name, *path])
            case Const(value):
                return self._value("constant", value)
            case Ambient():
                self.values["now"] = _now
                return "now()"
            case Collect(kind, items, keys):
                inner = [self._of(item) for item in items]
                if kind is dict:
                    said = (f"{self._value('key', key)}: {item}" for key, item in zip(keys, inner, strict=True))
                    return f"{{{', '.join(said)}}}"
                return f"[{', '.join(inner)}]" if kind is list else f"({''.join(f'{item}, ' for item in inner)})"
            case Item() | Gather() | Choice() | Attempt():
                raise AssertionError("refused by `cut`")
            case _:
                assert_never(source)

    def _value(self, said: str, value: Any, source: Output | Param | None = None) -> str:
        """A value that is known already: a literal, or a name for it."""
        if type(value) in _LITERAL and value == value and len(repr(value)) <= 40 and repr(value) not in _WORDS:
            return repr(value)
        name = self._name(said)
        self.values[name] = value
        if source is not None:
            self.names[source] = name
        return name

    def _name(self, text: str, *, local: bool = False) -> str:
        """A name for it that is free; a local may be called as the function itself."""
        base = re.sub(r"\W+", "_", text).strip("_" if text[:1] != "_" else "") or "value"
        if text.endswith("_"):
            base += "_"
        if base[0].isdigit() or keyword.iskeyword(base) or hasattr(builtins, base):
            base = f"{base}_" if not base[0].isdigit() else f"_{base}"
        name, count = base, 1
        while name in self.taken and not (local and name == self.own):
            count += 1
            name = f"{base}{count}"
        self.taken.add(name)
        self.own = "" if local and name == self.own else self.own
        return name


def _now() -> Any:
    return outside_a_run("now")
