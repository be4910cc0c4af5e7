"""The one place where a step is called, whoever calls: a worker, a compiled function, a replay."""

from collections.abc import Iterator, Mapping
from typing import Any

from plait.core.containers import IMMUTABLE
from plait.core.definition import Definition
from plait.errors import PlaitError


def call(definition: Definition, arguments: Mapping[str, Any]) -> Any:
    """Calls a step's function with its arguments by name."""
    if definition.positional:
        arguments = dict(arguments)
        ahead = [arguments.pop(name) for name in definition.positional]
        return definition.fn(*ahead, **arguments)
    return definition.fn(**arguments)


def check_result(definition: Definition, value: Any) -> None:
    """Refuses results that could be read only once, or that do not have the parts that were promised."""
    if type(value) not in IMMUTABLE and isinstance(value, Iterator):
        raise PlaitError(
            f"{definition.name} returned a {type(value).__name__}, which could be read only once; return a list"
        )
    if not definition.parts:
        return
    if not isinstance(value, tuple) or len(value) != len(definition.parts):
        raise PlaitError(
            f"{definition.name} returned a {type(value).__name__}, not the "
            f"{len(definition.parts)} parts that its annotation promises ({', '.join(definition.parts)})"
        )


def split(definition: Definition, value: Any) -> dict[str, Any]:
    """The parts of a result, by name."""
    return dict(zip(definition.parts, value, strict=True))


def join(cls: type, parts: Mapping[str, Any]) -> Any:
    """A result from its parts."""
    return tuple(parts.values()) if cls is tuple else cls(**parts)
