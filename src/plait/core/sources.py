"""Where one argument of a node comes from: a closed sum of cases.

Four functions match on all cases, each in its own module, each ending in `assert_never`: `outputs` here,
the digest of an argument (`core/keys.py`), its value (`runtime/resolve.py`) and its drawing (`show/drawing.py`).
A new kind of input (an item of a map, a log, a state) is a new case here and a branch in each of these.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple, assert_never

from plait.core.ambient import Kind


class Param(NamedTuple):
    """A parameter of the pipeline, by its address, or a field of one (`config.max_depth`)."""

    address: str
    path: tuple[str, ...] = ()


class Const(NamedTuple):
    """A value that was fixed when the pipeline was built."""

    value: Any


class Ambient(NamedTuple):
    """What the run itself gives: a seed, a folder, the time."""

    kind: Kind


class Output(NamedTuple):
    """What a node makes, or one part of it."""

    node: str
    part: str | None = None


class Collect(NamedTuple):
    """A list, tuple or dict of sources, handed over as one argument; `keys` are those of a dict."""

    kind: type
    items: "tuple[Source, ...]"
    keys: tuple[Any, ...] = ()


Source = Param | Const | Ambient | Output | Collect


def outputs(source: Source) -> Iterator[Output]:
    """The outputs of other nodes that a source reads.

    >>> list(outputs(Collect(list, (Output("a"), Const(1), Output("split", "train")))))
    [Output(node='a', part=None), Output(node='split', part='train')]
    """
    match source:
        case Output():
            yield source
        case Collect():
            for item in source.items:
                yield from outputs(item)
        case Param() | Const() | Ambient():
            return
        case _:
            assert_never(source)


def params(source: Source) -> Iterator[Param]:
    """The parameters that a source reads."""
    if isinstance(source, Param):
        yield source
    elif isinstance(source, Collect):
        for item in source.items:
            yield from params(item)
