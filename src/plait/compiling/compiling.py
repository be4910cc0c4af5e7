"""Compiling: a slice is cut, its values are taken from a run, its text is written, and what it gives is checked."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from plait.compiling.compiled import Compiled, function
from plait.compiling.parity import Parity, length, parity
from plait.compiling.slicing import Slice, cut, spelled
from plait.compiling.writing import written
from plait.core.graph import Graph
from plait.core.sources import Output, Param
from plait.errors import FingerprintError, GraphError, ParameterError, ParityError
from plait.runtime.run import Run


def compiled(
    graph: Graph,
    output: Output,
    *,
    inputs: Sequence[str],
    given: Run[Any] | Mapping[str, Any],
    pin: Sequence[str],
    rows: int,
    rtol: float,
    digest: Callable[[Any], str],
) -> Compiled[Any]:
    """A slice of a graph as a function, after `rows` rows of it were compared with the run that it comes from."""
    part = cut(graph, output, inputs, pin)
    for name in pin:
        if all(source.node != name for source in part.taken):
            raise GraphError(f"compile(pin=…): {name} is not between {' and '.join(inputs)} and {spelled(output)}")
    made = function(written(part, _values(part, given)))
    if rows:
        before = _digests(made, digest)
        found = _compared(made, part, given, rows, rtol)
        if not found.ok:
            found.raise_for_differences(spelled(output), _culprit(part, given, pin, rows, rtol))
        for name, was in before.items():
            if digest(made.pinned[name]) != was:
                raise ParityError(
                    f"{spelled(output)} changes {name}, which it holds, in place: each call would see what the ones "
                    f"before it did. Copy it in the step that changes it"
                )
    return made


def _values(part: Slice, given: Run[Any] | Mapping[str, Any]) -> dict[Output | Param, Any]:
    """What is not computed: of pinned nodes, of nodes that do not depend on the inputs, of parameters."""
    found: dict[Output | Param, Any] = {source: _taken(given, source, part) for source in part.taken}
    for param in part.params:
        address, default = param.address, part.graph.parameters[param.address].default
        values = given.params if isinstance(given, Run) else given
        if address not in values and part.graph.parameters[address].required:
            raise ParameterError(f"compile: {address} has no value; make it one of inputs, or give it: given={{...}}")
        found[param] = values.get(address, default)
    return found


def _taken(given: Run[Any] | Mapping[str, Any], source: Output, part: Slice) -> Any:
    address = spelled(source)
    if isinstance(given, Run):
        return given[address]
    if address in given:
        return given[address]
    if source.part is not None and source.node in given:
        return given[source.node][list(part.graph.nodes[source.node].definition.parts).index(source.part)]
    raise ParameterError(f"compile: {address} is not made at each call, and given has no value for it")


def _compared(made: Compiled[Any], part: Slice, given: Run[Any] | Mapping[str, Any], rows: int, rtol: float) -> Parity:
    batch = {}
    for name, (said, source) in zip(made.inputs, part.inputs, strict=True):
        if isinstance(source, Output):
            batch[name] = _taken(given, source, part)
        else:
            batch[name] = (given.params if isinstance(given, Run) else given).get(said, None)
    try:
        expected = _taken(given, part.output, part)
    except ParameterError:
        raise ParameterError(
            f"compile: given has no {spelled(part.output)} to compare with; give it, or pass parity=0 to vouch for it"
        ) from None
    if all(length(value) is None for value in batch.values()) and length(expected) is None:
        batch, expected = {name: [value] for name, value in batch.items()}, [expected]  # it is one row
        return parity(_of_one(made), rows=rows, rtol=rtol, expected=expected, **batch)
    return parity(made, rows=rows, rtol=rtol, expected=expected, **batch)


def _of_one(made: Compiled[Any]) -> Callable[..., list[Any]]:
    return lambda **rows: [made(**{name: value[0] for name, value in rows.items()})]


def _culprit(part: Slice, given: Run[Any] | Mapping[str, Any], pin: Sequence[str], rows: int, rtol: float) -> str:
    """The first node on the way whose rows are not those of the batch."""
    inputs = [name for name, _ in part.inputs]
    for node in part.calls[:-1]:
        try:
            needed = [name for name in inputs if _needs(part, node.name, name)]
            way = cut(part.graph, Output(node.name), needed, pin)
            if not _compared(function(written(way, _values(way, given))), way, given, rows, rtol).ok:
                return f"{node.name} looks at more than its row"
        except (ParityError, ParameterError, GraphError):
            continue
    return f"{part.calls[-1].name} looks at more than its row"


def _needs(part: Slice, node: str, name: str) -> bool:
    source = dict(part.inputs)[name]
    if isinstance(source, Param):
        return any(source.address == one.address for one in part.graph.parameters_of([*_before(part, node), node]))
    return source.node in _before(part, node)


def _before(part: Slice, node: str) -> list[str]:
    return [name for name in part.graph.needed([node]) if name != node]


def _digests(made: Compiled[Any], digest: Callable[[Any], str]) -> dict[str, str]:
    found = {}
    for name, value in made.pinned.items():
        try:
            found[name] = digest(value)
        except FingerprintError:
            continue
    return found
