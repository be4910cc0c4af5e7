"""The three verbs on results: `each` marks what varies, `switch` chooses by a value, `attempt` takes errors as values.

In a `@pipeline` that is traced they make graph; anywhere else they are plain Python.
"""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, overload

from plait.core.choosing import chosen
from plait.core.definition import EMPTY
from plait.core.failure import Failure
from plait.core.looping import Each
from plait.core.step import TRACER

K = TypeVar("K")
T = TypeVar("T")


@overload
def each(items: Mapping[Any, T], /) -> T: ...
@overload
def each(items: Iterable[T], /) -> T: ...
def each(items: Any, /) -> Any:
    """Marks what varies, for the `.map` of a step or pipeline: one item of a list, a dict, or of what a step makes.

    Several in one call are zipped: dicts by their keys, all else by place. Raises `GraphError` where there are not as
    many of one as of the other.

    >>> from plait import each, step
    >>> @step
    ... def double(x: int) -> int:
    ...     return 2 * x
    >>> double.map(each([1, 2])), double.map_values(each({"a": 3}))
    ([2, 4], {'a': 6})
    """
    tracer = TRACER.get()
    return Each(items) if tracer is None else tracer.each(items)


def switch(selector: K, branches: Mapping[K, T], /, *, default: T = EMPTY) -> T:
    """The branch of a value: in a run, only what this branch needs is made.

    `selector` is a parameter or a result; `default` is for values that have no branch. Raises `GraphError` when the
    pipeline is built, where the type of the selector (a `Literal`, an enum, a bool) has values without a branch.

    >>> switch("small", {"small": 1, "large": 1000})
    1
    """
    tracer = TRACER.get()
    if tracer is not None:
        return tracer.switch(selector, branches, default)  # type: ignore[no-any-return] # what stands for a T
    return chosen("...", selector, list(branches.items()), default)  # type: ignore[no-any-return] # one of the Ts


@overload
def attempt(value: list[T], /) -> list[T | Failure]: ...
@overload
def attempt(value: dict[K, T], /) -> dict[K, T | Failure]: ...
@overload
def attempt(value: T, /) -> T | Failure: ...
def attempt(value: Any, /) -> Any:
    """A result, or a `Failure` where it could not be made; item by item for the list or dict of a map.

    It holds for the step that is given it, and for no other reader of the result. In plain Python there is nothing to
    be done any more: what would have failed has raised.

    >>> attempt([1, 2])
    [1, 2]
    """
    tracer = TRACER.get()
    return value if tracer is None else tracer.attempt(value)
