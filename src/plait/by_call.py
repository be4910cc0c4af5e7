"""Pipelines by call: a function that calls steps, traced once."""

from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar, overload

from plait import parameters
from plait.core.step import check_name
from plait.core.tracing import trace
from plait.items import Wiring
from plait.pipeline import Pipeline

P = ParamSpec("P")
T = TypeVar("T")


@overload
def pipeline(fn: Callable[P, Coroutine[Any, Any, T]], /) -> Pipeline[P, T]: ...
@overload
def pipeline(fn: Callable[P, T], /) -> Pipeline[P, T]: ...
@overload
def pipeline(*, name: str) -> Callable[[Callable[P, T]], Pipeline[P, T]]: ...
def pipeline(fn: Callable[..., Any] | None = None, /, *, name: str | None = None) -> Any:
    """Turn a function that calls steps into a pipeline; it is run once, now, to see who reads whom.

    Raises `GraphError` for what cannot be known before a run, and says what to write instead.

    >>> from plait import pipeline, step
    >>> @step
    ... def doubled(x: int) -> int:
    ...     return 2 * x
    >>> @pipeline
    ... def fourfold(x: int) -> int:
    ...     return doubled.named("again")(doubled(x))
    >>> fourfold(3), fourfold.run(x=3, store=None).result
    (12, 12)
    """
    if fn is None:
        return lambda function: _traced(function, name)
    return _traced(fn, name)


def _traced(fn: Callable[..., Any], name: str | None) -> Pipeline[..., Any]:
    graph = parameters.with_constants_admitted(trace(fn, check_name(name or fn.__name__)))
    made: Pipeline[..., Any] = object.__new__(Pipeline)
    made._set(graph, {}, {}, fn, Wiring())
    made.__doc__ = fn.__doc__
    return made
