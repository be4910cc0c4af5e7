"""The parts of a result: the fields of a NamedTuple, or the places of a tuple of fixed length.

Each part is stored as a value of its own, with a digest of its own: a reader of `split.train` runs again when the part
changes, and not when its neighbour does. A dataclass or a dict is one value, with one digest. Whether a result has
parts follows from its type alone, since the same record serves every pipeline that uses the step.
"""

import types
import typing
from collections.abc import Mapping
from typing import Any, NewType

from plait.core.matching.hints import MISSING, describe, members, strip


def parts_of(returns: Any) -> Mapping[str, Any]:
    """Return the parts of a result type, by name, with their types.

    >>> list(parts_of(tuple[int, str])), parts_of(tuple[int, ...])
    (['0', '1'], {})
    """
    returns = plain(returns)
    origin = typing.get_origin(returns) or returns
    if isinstance(origin, type) and issubclass(origin, tuple) and hasattr(origin, "_fields"):
        hints = typing.get_type_hints(origin, include_extras=True)
        return {field: hints.get(field, Any) for field in origin._fields}
    arguments = typing.get_args(returns)
    if origin is tuple and arguments and ... not in arguments and arguments != ((),):
        return {str(i): hint for i, hint in enumerate(arguments)}
    return {}


def plain(hint: Any) -> Any:
    """Return a type without what only gives it another name: Annotated, `type X = ...`, NewType.

    >>> plain(typing.Annotated[NewType("Ids", list[int]), "unique"])
    list[int]
    """
    try:
        while True:
            inner = strip(hint)
            if not isinstance(inner, NewType):
                return inner
            hint = inner.__supertype__
    except (TypeError, NameError):  # an alias that stands for itself, or for a name that is not there
        return hint


def class_of_parts(returns: Any) -> type:
    """Return the class that joins parts to a result again."""
    if isinstance(returns, type):
        return returns
    named = plain(returns)
    origin = typing.get_origin(named) or named
    return origin if isinstance(origin, type) and hasattr(origin, "_fields") else tuple


def say_why_no_parts(returns: Any) -> str:
    """Say why a result of a type has no parts, and what to write instead.

    >>> say_why_no_parts(dict[str, int])
    'a dict[str, int] is one value; return a NamedTuple to have parts'
    """
    if returns is MISSING:
        return "its result has no annotation; annotate it as a NamedTuple, or as tuple[...], to have parts"
    named = plain(returns)
    chosen = [member for member in members(named) if member is not types.NoneType]
    with_parts = [member for member in chosen if parts_of(member)]
    if with_parts and len(members(named)) > 1:
        other = "None" if types.NoneType in members(named) else "something else"
        return f"it may be {other} ({describe(returns)}); always return a {describe(with_parts[0])} to have parts"
    origin = typing.get_origin(named) or named
    if origin is tuple:
        return f"a {describe(returns)} may have any number of items; annotate each of them, as in tuple[int, str]"
    kind = "a dataclass" if hasattr(origin, "__dataclass_fields__") else ""
    kind = kind or ("a TypedDict" if typing.is_typeddict(origin) else "")
    if kind:
        return f"{describe(returns)} is {kind}, and that is one value; make it a NamedTuple to have parts"
    return f"a {describe(returns)} is one value; return a NamedTuple to have parts"


def fields_without_parts(returns: Any) -> frozenset[str]:
    """Return the fields of a result type that look like parts and are none: of dataclasses, TypedDicts, unions."""
    found: set[str] = set()
    if returns is MISSING or parts_of(returns):
        return frozenset()
    for member in members(plain(returns)):
        origin = typing.get_origin(member) or member
        if hasattr(origin, "__dataclass_fields__") or typing.is_typeddict(origin):
            found.update(getattr(origin, "__dataclass_fields__", None) or getattr(origin, "__annotations__", {}))
        found.update(parts_of(member))
    return frozenset(found)


def hint_at_parts(name: str, makers: Mapping[str, tuple[Any, Any]]) -> str:
    """Say which node could make a name if its result had parts, as the end of a sentence; empty where there is none.

    `makers` are the result type and the function of each node.

    >>> def split():
    ...     train, test = [1], [2]
    ...     return train, test
    >>> hint_at_parts("train", {"split": (MISSING, split)})[:57]
    ". split has no part 'train': its result has no annotation"
    """
    for node, (returns, fn) in makers.items():
        if not parts_of(returns) and (name in fields_without_parts(returns) or _may_return(fn, returns, name)):
            return f". {node} has no part {name!r}: {say_why_no_parts(returns)}"
    return ""


def _may_return(fn: Any, returns: Any, name: str) -> bool:
    """Does a function whose type does not say what it returns have a variable or a key of that name?"""
    code = getattr(fn, "__code__", None)
    if code is None or not (
        returns is MISSING or (typing.get_origin(plain(returns)) or plain(returns)) in (dict, tuple)
    ):
        return False
    keys = [key for constant in code.co_consts for key in (constant if isinstance(constant, tuple) else (constant,))]
    return name in code.co_varnames[code.co_argcount + code.co_kwonlyargcount :] or name in keys
