"""Which branch of a switch a value means, and whether all values have one."""

import typing
from collections.abc import Sequence
from enum import Enum
from typing import Any

from plait.core.definition import EMPTY, near
from plait.errors import GraphError


def chosen(label: str, value: Any, branches: Sequence[tuple[Any, Any]], default: Any) -> Any:
    """The branch of a value; `GraphError` where there is none.

    >>> chosen("size", 2, [(1, "one"), (2, "two")], EMPTY)
    'two'
    """
    for known, branch in branches:
        if _same(known, value):
            return branch
    if default is not EMPTY:
        return default
    names = [known for known, _ in branches]
    raise GraphError(
        f"switch({label}): there is no branch for {value!r}, only for {_listed(names)}"
        f"{near(value, names) if isinstance(value, str) else ''}{'' if near(str(value), names) else '.'} "
        f"Add it, or a default="
    )


def check_branches(label: str, hint: Any, values: Sequence[Any], *, default: bool) -> None:
    """Has each value that a selector can have a branch, and each branch such a value? Where the type says which."""
    if not values and not default:
        raise GraphError(f"switch({label}): it has no branches")
    possible = _possible(hint)
    if possible is None:
        return
    missing = [value for value in possible if not _among(value, values)]
    if missing and not default:
        raise GraphError(f"switch({label}): there is no branch for {_listed(missing)}; add it, or a default=")
    for value in values:
        if not _among(value, possible):
            hinted = near(value, possible) if isinstance(value, str) else ""
            raise GraphError(f"switch({label}): {label} is never {value!r}, but {_listed(possible)}{hinted}")


def _possible(hint: Any) -> list[Any] | None:
    """All values of a type, where they can be listed.

    >>> _possible(typing.Literal["a", "b"]), _possible(bool), _possible(str)
    (['a', 'b'], [False, True], None)
    """
    if typing.get_origin(hint) is typing.Annotated:
        return _possible(typing.get_args(hint)[0])
    if typing.get_origin(hint) is typing.Literal:
        return list(typing.get_args(hint))
    if hint is bool:
        return [False, True]
    return list(hint) if isinstance(hint, type) and issubclass(hint, Enum) else None


def _among(value: Any, values: Sequence[Any]) -> bool:
    return any(_same(one, value) for one in values)


def _same(a: Any, b: Any) -> bool:
    """Equal, and a truth value only if both are."""
    return isinstance(a, bool) == isinstance(b, bool) and bool(a == b)


def _listed(values: Sequence[Any]) -> str:
    return ", ".join(map(repr, values))
