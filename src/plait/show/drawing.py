"""A graph for people: as text, for Mermaid, as HTML with an SVG of our own."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from html import escape
from os import PathLike, fspath
from typing import Any, NamedTuple, assert_never

from plait.core.addresses import node_of
from plait.core.definition import EMPTY
from plait.core.edges import made_type
from plait.core.graph import Graph, Node, Parameter
from plait.core.matching import describe, fits
from plait.core.sources import (
    Ambient,
    Attempt,
    Choice,
    Collect,
    Const,
    Gather,
    Item,
    Output,
    Param,
    Source,
    inner,
    params,
)
from plait.show import svg as pictures
from plait.show.report import counted
from plait.show.sketch import Box, Sketch, Wire
from plait.show.values import printable

_SAID_FIRST = ("failed", "skipped", "run", "wait", "hit", "given")
_MOST = 1000  # nodes that are drawn in a notebook
_STATES = {"hit": "up to date", "skipped": "not run", "wait": "waits"}


class Dial(NamedTuple):
    """What is set in a node itself."""

    text: str


def strands(name: str, source: Source) -> Iterator[Output | Param | Dial]:
    """What one input of a node is drawn as: wires from nodes and parameters, and dials."""
    match source:
        case Output() | Param():
            yield source
        case Const(value):
            yield Dial(f"{name} = {_short(value)}")
        case Ambient(kind):
            yield Dial(name if name == kind else f"{name} ({kind})")
        case Collect() | Choice() | Attempt():
            for one in inner(source):
                yield from strands(name, one)
        case Gather():
            yield from strands(name, source.source)
        case Item():  # what is mapped over is said once, beside the node's name
            yield from (strand for strand in strands(name, source.axis.source) if not isinstance(strand, Dial))
        case _:
            assert_never(source)


def sketch(graph: Graph, states: Mapping[str, str] | None = None, values: Mapping[str, Any] | None = None) -> Sketch:
    """What a drawing shows. A parameter that one node reads, and that has a default, is a dial of that node.

    `states` are those of nodes and of their items, `values` those of parameters, by address.
    """
    states, values = states or {}, values or {}
    items: dict[str, Counter[str]] = {}  # of mapped nodes, by what became of them
    for name, state in states.items():
        if "[" in name:
            items.setdefault(node_of(name), Counter())[state] += 1
    inputs: dict[tuple[str, str], Box] = {}
    nodes: dict[tuple[str, str], Box] = {}
    wires: dict[tuple[Any, ...], Wire] = {}
    definitions = {name: node.definition for name, node in graph.nodes.items()}
    shared = _shared(graph)
    for name, node in graph.nodes.items():
        dials = [_each(graph, name)] if name in graph.whole else []
        dials += [counted(items[name])] if name in items else []
        for given, source in node.inputs:
            wanted = node.definition.hints.get(given, EMPTY)
            made = made_type(source, definitions)
            checked = made is not EMPTY and wanted is not EMPTY and fits(made, wanted) is not None
            for strand in strands(given, source):
                wire = _wire(strand, shared, ("node", name), checked)
                if wire is None:
                    dials.append(_dial(strand, graph, values))
                    continue
                known = wires.setdefault(wire[:3], wire)
                wires[wire[:3]] = known._replace(checked=known.checked and wire.checked)
                if isinstance(strand, Param):
                    inputs.setdefault(wire.source, _input(graph.parameters[strand.address], values))
        state = states.get(name) or next((one for one in _SAID_FIRST if one in items.get(name, ())), "")
        nodes["node", name] = Box(name, "node", _about(node, state, dials), tuple(dict.fromkeys(dials)), (), state)
    for key, box in nodes.items():
        read = {wire.part for wire in wires.values() if wire.source == key}
        nodes[key] = box._replace(parts=tuple(part for part in graph.nodes[box.name].definition.parts if part in read))
    return Sketch(graph.name, {**inputs, **nodes}, list(wires.values()), counted=not items)


def _each(graph: Graph, node: str) -> str:
    """What a mapped node varies over; maps within maps follow each other, what is zipped is joined by a plus."""
    return ", ".join(" + ".join(axis.label for axis in group) for group in graph.axes(node))


def _shared(graph: Graph) -> set[str]:
    """The parameters that stand for themselves: without a default, or read by several nodes."""
    read: dict[str, set[str]] = {}
    for name, node in graph.nodes.items():
        for param in (param for _, source in node.inputs for param in params(source)):
            read.setdefault(param.address, set()).add(name)
    return {address for address, nodes in read.items() if len(nodes) > 1 or graph.parameters[address].required}


def _wire(strand: Output | Param | Dial, shared: set[str], target: tuple[str, str], checked: bool) -> Wire | None:
    if isinstance(strand, Output):
        return Wire(("node", strand.node), strand.part, target, checked)
    if isinstance(strand, Param) and strand.address in shared:
        return Wire(("input", strand.address), None, target, True)
    return None


def _dial(strand: Output | Param | Dial, graph: Graph, values: Mapping[str, Any]) -> str:
    if isinstance(strand, Param):
        value = values.get(strand.address, graph.parameters[strand.address].default)
        return f"{'.'.join((strand.address.rpartition('.')[2], *strand.path))} = {_short(value)}"
    return strand.text if isinstance(strand, Dial) else ""


def _input(parameter: Parameter, values: Mapping[str, Any]) -> Box:
    hint = f": {describe(parameter.hints[0])}" if parameter.hints else ""
    value = values.get(parameter.address, parameter.default)
    dials = () if value is EMPTY else (f" = {_short(value)}",)
    return Box(parameter.address, "input", f"{parameter.address}{hint}{''.join(dials)}", dials)


def _about(node: Node, state: str, dials: Sequence[str]) -> str:
    """What a node says when one points at it: its first line, what it does, all it is set to."""
    definition = node.definition
    hints = definition.hints
    typed = [f"{name}: {describe(hints[name])}" if name in hints else name for name, _ in node.inputs]
    returns = "" if definition.returns is EMPTY else f" -> {describe(definition.returns)}"
    doc = (getattr(definition.fn, "__doc__", None) or "").strip().partition("\n")[0]
    head = f"{node.name}{f', {_STATES.get(state, state)}' if state else ''}"
    first = f"{definition.name}({', '.join(typed)}){returns}"
    return "\n".join(line for line in (head, first, doc, ", ".join(dict.fromkeys(dials))) if line)


def _short(value: object) -> str:
    try:
        said = fspath(value) if isinstance(value, PathLike) else str(value) if isinstance(value, date) else repr(value)
        text = f"a {type(value).__name__}" if " at 0x" in said else printable(" ".join(said.split()))
    except Exception:  # a user's own __repr__
        text = f"a {type(value).__name__}"
    return text if len(text) <= 40 else f"{text[:39]}…"


def text(graph: Graph, states: Mapping[str, str] | None = None) -> str:
    """A line a node, each after those it reads: what it reads, then what is set in it."""
    drawn = sketch(graph, states)
    inputs = [box for box in drawn.boxes.values() if box.kind == "input"]
    nodes = [box for box in drawn.boxes.values() if box.kind == "node"]
    width = max((len(box.name) for box in nodes), default=0)
    words = {box.name: _STATES.get(box.state, box.state) for box in nodes}
    wide = max(map(len, words.values()), default=0)
    lines = [f"{graph.name}: {_count(len(nodes), 'node')}, {_count(len(inputs), 'input')}"]
    lines += ["", *(f"  {box.about}" for box in inputs)] if inputs else []
    lines += [""]
    for box in nodes:
        reads = [_read(wire) for wire in drawn.wires if wire.target == ("node", box.name)]
        state = f"  {words[box.name]:<{wide}}" if wide else ""
        arrow = f"  <- {', '.join(reads)}" if reads else ""
        dials = f"  ({', '.join(box.dials)})" if box.dials else ""
        lines.append(f"  {box.name:<{width}}{state}{arrow}{dials}".rstrip())
    if any(not wire.checked for wire in drawn.wires):
        lines += ["", "  ? a type is missing or unknown, so that nobody checks what is handed over"]
    return "\n".join(lines)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _read(wire: Wire) -> str:
    return f"{wire.source[1]}{'' if wire.part is None else f'.{wire.part}'}{'' if wire.checked else '?'}"


def mermaid(graph: Graph) -> str:
    """For a Markdown file: what goes into a block of ```` ```mermaid ````."""
    drawn = sketch(graph)
    ids = {key: f"{key[0][0]}{place}" for place, key in enumerate(drawn.boxes)}
    lines = ["flowchart TD"]
    for key, box in drawn.boxes.items():
        left, right = ("([", "])") if box.kind == "input" else ("[", "]")
        lines.append(f'  {ids[key]}{left}"{_entities(box.name)}"{right}')
    for wire in drawn.wires:
        arrow = "-->" if wire.checked else "-.->"
        label = "" if wire.part is None else f'|"{_entities(wire.part)}"|'
        lines.append(f"  {ids[wire.source]} {arrow}{label} {ids[wire.target]}")
    return "\n".join(lines)


def _entities(label: str) -> str:
    """Only letters, digits and what is harmless in Mermaid; the rest by number."""
    return "".join(c if c.isalnum() or c in "_ ./-" else f"#{ord(c)};" for c in label)


def svg(graph: Graph, states: Mapping[str, str] | None = None) -> str:
    """A file of its own."""
    return pictures.drawn(sketch(graph, states), alone=True)


def html(graph: Graph, states: Mapping[str, str] | None = None, values: Mapping[str, Any] | None = None) -> str:
    """A piece of HTML, for a notebook or another page."""
    return f'<div style="overflow-x:auto">{pictures.drawn(sketch(graph, states, values))}</div>'


def cell(graph: Graph, states: Mapping[str, str] | None = None, values: Mapping[str, Any] | None = None) -> str:
    """What a notebook shows of a graph: the drawing, unless it would make the notebook slow."""
    if len(graph.nodes) <= _MOST:
        return html(graph, states, values)
    return (
        f"<div>{escape(graph.name)} has {len(graph.nodes):,} nodes, which are too many to draw here; to see some of "
        f"them: <code>{escape(graph.name)}.select(...)</code></div>"
    )


def page(graph: Graph, states: Mapping[str, str] | None = None) -> str:
    """A whole page."""
    nodes, inputs = _count(len(graph.nodes), "node"), _count(len(graph.parameters), "parameter")
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(graph.name)}</title>'
        f'<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">'
        f"<style>body{{font-family:system-ui,sans-serif;margin:2rem}}p{{opacity:.6}}</style>"
        f"<h1>{escape(graph.name)}</h1><p>{nodes}, {inputs}</p>{html(graph, states)}</html>"
    )
