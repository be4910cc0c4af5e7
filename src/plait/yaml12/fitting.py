"""From scalars to values, by the type that they are for: where text is wanted, the text stands as it is in the file.

`zip: 01234` is "01234" for a `str`, and 1234 for an `int`. Only numbers, booleans and null without quotes have two
readings; everything else is left as it is, for the type to convert.
"""

import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import is_dataclass
from datetime import date, time, timedelta
from enum import Enum
from functools import cache
from os import PathLike
from types import NoneType, UnionType
from typing import Any, Literal

from plait.core.definition import EMPTY
from plait.parameters import adapter
from plait.secret import Secret
from plait.yaml12.scalars import Scalar

_VALUE = (bool, int, float, complex, date, time, timedelta, NoneType)
_ACCEPTED = {bool: (bool,), int: (int, float, complex), float: (float, complex), NoneType: (NoneType,)}  # in a union


@cache
def _written_as_text() -> tuple[type, ...]:
    from decimal import Decimal
    from uuid import UUID

    return (str, bytes, PathLike, Decimal, UUID)


def plain(value: Any) -> Any:
    """Return a value of a file as YAML 1.2 alone says it: dicts, lists, text, numbers, booleans and null."""
    if isinstance(value, Scalar):
        return value.checked
    if isinstance(value, dict):
        return {plain(key): plain(one) for key, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list) else value


def fit(hints: Iterable[Any], value: Any) -> Any:
    """Return a value of a file as the readers of a parameter want it; the first type among theirs decides."""
    return _fit(next((hint for hint in hints if not _takes_anything(hint)), Any), value)


def _takes_anything(hint: Any) -> bool:
    return hint is EMPTY or hint is Any or hint is object


def _fit(hint: Any, value: Any) -> Any:
    hint = _bare(hint)
    if _takes_anything(hint) or not isinstance(value, Scalar | dict | list):
        return plain(value)
    if typing.get_origin(hint) in (typing.Union, UnionType):
        return _fit_union(list(_members(hint)), value)
    if isinstance(value, Scalar):
        return _scalar(hint, value)
    if hint is Secret:
        return _mapping(str, str, {}, value) if isinstance(value, dict) else plain(value)
    arguments = typing.get_args(hint)
    fields = _fields(hint)
    if "root" in fields and len(fields) == 1 and hasattr(hint, "model_post_init"):  # a RootModel of pydantic
        return _fit(fields["root"], value)
    if isinstance(value, dict):
        key_hint, one_hint = arguments if len(arguments) == 2 and not fields else (str if fields else Any, Any)
        return _mapping(key_hint, one_hint, fields, value)
    return _listed(hint, arguments, list(fields.values()), value)


def _mapping(key_hint: Any, one_hint: Any, fields: Mapping[str, Any], value: Mapping[Any, Any]) -> dict[Any, Any]:
    made = {}
    for written, one in value.items():
        key = _fit(key_hint, written) if isinstance(written, Scalar) else written
        made[key] = _fit(fields.get(key, one_hint), one)
    return made


def _listed(hint: Any, arguments: tuple[Any, ...], fields: list[Any], value: list[Any]) -> list[Any]:
    if fields:  # a NamedTuple
        given = [*fields, *[Any] * len(value)]
        return [_fit(one, item) for one, item in zip(given, value, strict=False)]
    if typing.get_origin(hint) is tuple and arguments[1:] != (...,):
        given = [*arguments, *[Any] * len(value)]
        return [_fit(one, item) for one, item in zip(given, value, strict=False)]
    one_hint = arguments[0] if arguments else Any
    return [_fit(one_hint, item) for item in value]


def _bare(hint: Any) -> Any:
    """Return a type without what is said about it, and without other names for it."""
    while True:
        if typing.get_origin(hint) is typing.Annotated:
            hint = typing.get_args(hint)[0]
        elif hasattr(hint, "__supertype__"):  # NewType
            hint = hint.__supertype__
        elif type(hint).__name__ == "TypeAliasType":  # type Name = ..., also of typing_extensions
            hint = hint.__value__
        else:
            return hint


def _members(hint: Any) -> Iterator[Any]:
    """Yield the types that a union is of, without unions among them."""
    hint = _bare(hint)
    if typing.get_origin(hint) in (typing.Union, UnionType):
        for one in typing.get_args(hint):
            yield from _members(one)
    else:
        yield hint


def _fit_union(members: list[Any], value: Any) -> Any:
    if not isinstance(value, Scalar):
        for member in members:  # those that know all keys first: others may leave some out
            made = _fit(member, value)
            if member is not NoneType and _takes(member, made):
                return made
        return plain(value)
    kind = type(value.value)
    if not value.has_own_text or any(map(_takes_anything, members)):
        return value.checked
    if any(member in _ACCEPTED[kind] for member in members):
        return value.checked
    if kind is float and int in members and value.value.is_integer():
        return value.checked
    if kind in (int, float):
        from decimal import Decimal

        if Decimal in members:
            return Decimal(value.text)
    for literals in (one for one in members if _choices(one)):
        if (made := _chosen(literals, value)) is not None:
            return made
    if str in members and kind is not NoneType:
        return value.text
    for member in members:
        if _takes(member, made := _scalar(member, value)):
            return made
    return value.checked


def _scalar(hint: Any, value: Scalar) -> Any:
    """Return a scalar for a type that is not a union. Null stays null: no type takes its text by mistake."""
    if not value.has_own_text or value.value is None:
        return value.checked
    if _choices(hint):
        made = _chosen(hint, value)
        return value.checked if made is None else made
    kind = typing.get_origin(hint) or hint
    if not isinstance(kind, type):
        return value.checked
    if "root" in (fields := _fields(kind)) and len(fields) == 1:
        return _fit(fields["root"], value)
    if issubclass(kind, _written_as_text()):
        return value.text
    if issubclass(kind, _VALUE) or _takes(hint, value.value) or not _takes(hint, value.text):
        return value.checked
    return value.text


def _choices(hint: Any) -> tuple[Any, ...]:
    """Return the values that a type lists, if it lists them."""
    if typing.get_origin(hint) is Literal:
        return typing.get_args(hint)
    return tuple(one.value for one in hint) if isinstance(hint, type) and issubclass(hint, Enum) else ()


def _chosen(hint: Any, value: Scalar) -> Any:
    """Return the value or the text of a scalar, whichever is listed; `None` where neither is."""
    known = [(type(one), one) for one in _choices(hint)]
    if (type(value.value), value.value) in known:
        return value.checked
    return value.text if (str, value.text) in known else None


def _fields(hint: Any) -> dict[str, Any]:
    """Return the types of the fields of a model, dataclass, NamedTuple or TypedDict, by all their names."""
    kind = typing.get_origin(hint) or hint
    model_fields = getattr(kind, "model_fields", None) if isinstance(kind, type) else None
    if isinstance(model_fields, Mapping):
        found = {name: field.annotation for name, field in model_fields.items()}
        for field in model_fields.values():
            aliases = [field.alias, *getattr(field.validation_alias, "choices", [field.validation_alias])]
            found |= {alias: field.annotation for alias in aliases if isinstance(alias, str)}
        return found
    if not (is_dataclass(kind) or hasattr(kind, "_fields") or hasattr(kind, "__required_keys__")):
        return {}
    try:
        return typing.get_type_hints(kind, include_extras=True)
    except Exception:  # a name that is known only where the class was defined
        return {}


def _takes(hint: Any, value: Any) -> bool:
    """Return whether a type takes a value."""
    from pydantic import ValidationError

    view = adapter(hint)
    if view is None:
        return isinstance(hint, type) and isinstance(value, hint)
    try:
        view.validate_python(value)
    except ValidationError:
        return False
    except Exception:  # a validator of the user's raised something else, which is said when it is fitted
        return True
    return True
