"""The shape of what the guard looks at: things of one kind, by their names."""

from collections.abc import Callable, Hashable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

TREE = Path(__file__).parents[2]

Look = dict[str, Mapping[Hashable, Any]]  # what was there, by kind


class Kind(NamedTuple):
    """Things of one kind, by their names. `put` gives one its value; None stands for one that is not there."""

    name: str
    look: Callable[[], Mapping[Hashable, Any]]
    put: Callable[[Any, Any], Any]
    allows: Callable[[Any, Any, Look], bool] = lambda name, value, before: False  # may a test leave it?
    describe: Callable[[Any, Any, Any], str] = lambda name, old, new: f"{name}: {old!r} became {new!r}"
    ends: bool = False  # it may end by itself, so that its absence is not a fault


def value(name: str, get: Callable[[], Any], put: Callable[[Any], Any]) -> Kind:
    """A place of the process that holds one value."""
    return Kind(
        name, lambda: {"": get()}, lambda _, old: put(old), describe=lambda _, old, new: f"{old!r} became {new!r}"
    )
