"""Where one argument of a node comes from: a closed sum of cases.

Four functions match on all cases, each in its own module, each ending in `assert_never`: `inner` here, what a source is
once a run knows how long its axes are (`core/unfolding.py`), the digest of an argument (`core/keys.py`) with its value
(`runtime/resolve.py`), which meet only sources that are unfolded, and its drawing (`show/drawing.py`). A new kind of
input (a log, a state) is a new case here and a branch in each of these.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple, TypeAlias, TypeVar, assert_never

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


class Axis:
    """What a mapped node varies over: the items of a source. How many there are belongs to the run, not to the graph.

    An axis is itself and no other; `label` is how messages call it, `space` the namespace that it is in. Its source may
    vary over other axes: then each of their items has its own items here.
    """

    __slots__ = ("__weakref__", "label", "source", "space")

    def __init__(self, label: str, source: "Source", space: str = "") -> None:
        self.label = label
        self.source = source
        self.space = space

    @property
    def name(self) -> str:
        return self.space + self.label

    def __repr__(self) -> str:
        return f"<axis {self.name}>"


class Item(NamedTuple):
    """The current item of an axis, or a field of it (`fold.train`)."""

    axis: Axis
    path: tuple[str, ...] = ()


class Gather(NamedTuple):
    """All that a source gives along some axes, in their order: a list, or a dict by their keys.

    The axes in `over` are walked in lock-step (a zip); the first that has keys gives those of the dict.
    """

    source: "Source"
    over: tuple[Axis, ...]
    keyed: bool
    who: str = ""  # which map it is the result of, for messages


class Choice(NamedTuple):
    """One of some sources, by the value of another one; only that one is needed."""

    selector: "Source"
    branches: "tuple[tuple[Any, Source], ...]"
    default: "Source | None"
    label: str  # what the selector is called, for messages


class Attempt(NamedTuple):
    """A source, or a `Failure` where it cannot be made; item by item, where it is a list or a dict."""

    source: "Source"


Flat: TypeAlias = Param | Const | Ambient | Output | Collect  # what is left of a source when it is unfolded
Source: TypeAlias = Flat | Item | Gather | Choice | Attempt

S = TypeVar("S", Output, Param, Const)

FOLDED = frozenset({Item, Gather, Choice, Attempt})
NESTED = FOLDED | {Collect}  # those that hold other sources


def inner(source: Source) -> "tuple[Source, ...]":
    """The sources that a source is made of."""
    match source:
        case Param() | Const() | Ambient() | Output():
            return ()
        case Collect():
            return source.items
        case Item():
            return (source.axis.source,)
        case Gather():
            return (source.source, *(axis.source for axis in source.over))
        case Choice():
            branches = tuple(branch for _, branch in source.branches)
            return (source.selector, *branches, *(() if source.default is None else (source.default,)))
        case Attempt():
            return (source.source,)
        case _:
            assert_never(source)


def walk(source: Source) -> Iterator[Source]:
    """A source, and all that it is made of, however deep."""
    yield source
    if type(source) in NESTED:
        for one in inner(source):
            yield from walk(one)


def outputs(source: Source) -> Iterator[Output]:
    """The outputs of other nodes that a source reads.

    >>> list(outputs(Collect(list, (Output("a"), Const(1), Output("split", "train")))))
    [Output(node='a', part=None), Output(node='split', part='train')]
    """
    return _of(source, Output)


def params(source: Source) -> Iterator[Param]:
    """The parameters that a source reads."""
    return _of(source, Param)


def constants(source: Source) -> Iterator[Any]:
    """The values that are in a source itself."""
    return (one.value for one in _of(source, Const))


def _of(source: Source, kind: type[S]) -> Iterator[S]:
    """The sources of one kind that a source is made of; as `walk`, and quicker."""
    if isinstance(source, kind):
        yield source
    elif type(source) in NESTED:
        for one in inner(source):
            if isinstance(one, kind):
                yield one
            elif type(one) in NESTED:
                yield from _of(one, kind)


def is_folded(source: Source) -> bool:
    """Does it hold anything that only a run can say: an item, a choice?"""
    return type(source) in NESTED and any(type(one) in FOLDED for one in walk(source))
