"""Parameters that have fields: models, dataclasses, NamedTuples and dicts. One field can be set by its own address."""

import typing
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from plait.core.definition import EMPTY, near
from plait.core.graph import Graph
from plait.errors import ParameterError


def with_fields(graph: Graph, values: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """Values by name, with those of fields (`config.depth`) put into the value that their parameter has."""
    short = graph.short_names()
    found = {name: value for name, value in values.items() if name in graph.parameters or name in short}
    for name, value in values.items():
        if name in found:
            continue
        place = place_of(graph, name)
        if place is None:
            found[name] = value
            continue
        addresses, path = place
        for address in addresses:
            said = address.rpartition(".")[2]
            base = found.get(address, found.get(said, known.get(address, graph.parameters[address].default)))
            found[address] = _set(base, path, value)
    return found


def place_of(graph: Graph, name: str) -> tuple[list[str], list[str]] | None:
    """The parameters with fields that the beginning of a name stands for, and the fields: `cfg` also for `fit.cfg`."""
    pieces = str(name).split(".")
    for end in range(len(pieces) - 1, 0, -1):
        address = ".".join(pieces[:end])
        meant = [address] if address in graph.parameters else list(graph.short_names().get(address, ()))
        if meant and all(any(map(has_fields, graph.parameters[one].hints)) for one in meant):
            return meant, pieces[end:]
    return None


def has_fields(hint: Any) -> bool:
    """Return whether a type has fields that can be set by their own addresses."""
    if typing.get_origin(hint) is typing.Annotated:
        return has_fields(typing.get_args(hint)[0])
    kind = typing.get_origin(hint) or hint
    return isinstance(kind, type) and (
        is_dataclass(kind)
        or isinstance(getattr(kind, "model_fields", None), Mapping)
        or hasattr(kind, "_fields")
        or issubclass(kind, Mapping)
    )


def _set(value: Any, path: list[str], new: Any) -> Any:
    """A value as a dict of its fields, with another one somewhere in it."""
    if not path:
        return new
    inner = _as_dict(value)
    return {**inner, path[0]: _set(inner.get(path[0], EMPTY), path[1:], new)}


def _as_dict(value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value) if field.init}
    if hasattr(value, "_asdict"):
        return dict(value._asdict())
    model_fields = getattr(type(value), "model_fields", None)
    return {name: getattr(value, name) for name in model_fields} if isinstance(model_fields, Mapping) else {}


def check_fields(hint: Any, value: Any, name: str) -> None:
    """Are the keys of a dict fields of the model that it is for? `ParameterError` has the near miss."""
    if typing.get_origin(hint) is typing.Annotated:
        return check_fields(typing.get_args(hint)[0], value, name)
    known = _fields(hint)
    if not known or not isinstance(value, Mapping):
        return None
    for key, inner in value.items():
        if key not in known:
            listed = f". It has {', '.join(known)}"
            raise ParameterError(f"{name}: {hint.__name__} has no field {key!r}{near(str(key), list(known)) or listed}")
        check_fields(known[key], inner, f"{name}.{key}")
    return None


def _fields(hint: Any) -> dict[str, Any]:
    """The fields of a model or dataclass, with their types; none where it takes others too."""
    model_fields = getattr(hint, "model_fields", None) if isinstance(hint, type) else None
    if isinstance(model_fields, Mapping):
        if getattr(hint, "model_config", {}).get("extra") == "allow":
            return {}
        found = {name: field.annotation for name, field in model_fields.items()}
        for field in model_fields.values():
            choices = getattr(field.validation_alias, "choices", [field.validation_alias])
            found |= {alias: field.annotation for alias in choices if isinstance(alias, str)}
        return found
    if isinstance(hint, type) and is_dataclass(hint):
        try:
            hints = typing.get_type_hints(hint)
        except Exception:
            hints = {}
        return {field.name: hints.get(field.name, Any) for field in fields(hint)}
    return {}


def addresses(graph: Graph) -> list[str]:
    """The addresses of the fields of parameters."""
    return [f"{p.address}.{field}" for p in graph.parameters.values() for hint in p.hints for field in _fields(hint)]


def holds(hint: Any, *kinds: type) -> bool:
    """Can a value of a type have one of some kinds somewhere in it?"""
    return any(one in kinds for one in _within(hint, set()))


def _within(hint: Any, seen: set[int]) -> Iterator[Any]:
    if id(hint) in seen:
        return
    seen.add(id(hint))
    yield hint
    for one in typing.get_args(hint):
        yield from _within(one, seen)
    if isinstance(hint, type) and has_fields(hint):
        try:
            inner = typing.get_type_hints(hint)
        except Exception:
            inner = {}
        for one in inner.values():
            yield from _within(one, seen)
