"""A part of a pipeline as a plain function, for whoever has to answer for one row."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from plait import compiling
from plait.compiling import Compiled
from plait.core.graph import Graph
from plait.core.sources import Output
from plait.core.step import Step
from plait.errors import GraphError, ParameterError
from plait.opening import temporary, vault_of
from plait.runtime.run import Run, use_of


class Made(Protocol):
    """What is read of a pipeline."""

    graph: Graph
    _values: Mapping[str, Any]


def compiled(
    pipeline: Made,
    output: Any,
    *,
    inputs: Sequence[str],
    given: Run[Any] | Mapping[str, Any],
    pin: Sequence[Any],
    rows: int,
    rtol: float,
) -> Compiled[Any]:
    """A part of a pipeline as a function, with the values that the pipeline has fixed."""
    graph = pipeline.graph
    if type(rows) is not int or rows < 0:
        raise ParameterError(f"compile(parity={rows!r}): give a whole number of rows, or 0 to vouch for it yourself")
    source = _one(graph, output)
    if not isinstance(given, Run):
        given = {**pipeline._values, **given}
    naming = vault_of(temporary(), graph, strict=False).naming
    pinned = [_one(graph, target).node for target in pin]
    return compiling.compiled(
        graph, source, inputs=inputs, given=given, pin=pinned, rows=rows, rtol=rtol, digest=naming.digest
    )


def _one(graph: Graph, target: Any) -> Output:
    source = graph.source(use_of(graph, target) if isinstance(target, Step) else target)
    if not isinstance(source, Output):
        raise GraphError(f"compile({target!r}): give the name of one node, or a part of it")
    return source
