"""Types of parameters as text, and back: names, `list[...]` and its like, unions and literals. Nothing is evaluated."""

import ast
import sys
import types
import typing
from collections import abc
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, Union

from plait.core.matching import describe
from plait.errors import GraphError
from plait.files import Dir, File
from plait.secret import Secret

_LONGEST = 1000  # characters
_LITERAL = (str, int, bool, type(None))
_KNOWN: dict[str, Any] = {
    **{one.__name__: one for one in (bool, int, float, complex, str, bytes, object, File, Dir, Secret)},
    **{one.__name__: one for one in (list, dict, tuple, set, frozenset)},
    **{one.__name__: one for one in (abc.Sequence, abc.Mapping, abc.Iterable, abc.Collection)},
    **{f"{one.__module__}.{one.__name__}": one for one in (date, datetime, timedelta, Decimal)},
    "pathlib.Path": Path,
    "Any": Any,
}


def written(hint: Any, classes: dict[str, type], where: str) -> str:
    """A type as text. The classes that it takes an import to find are added to `classes`.

    >>> written(dict[str, list[int]] | None, {}, "x"), written(Literal["a", "b"], {}, "x")
    ('dict[str, list[int]] | None', "Literal['a', 'b']")
    """
    if hint is None or hint is type(None):
        return "None"
    for text, known in _KNOWN.items():
        if known is hint:
            return text
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Union or origin is types.UnionType:
        return " | ".join(written(one, classes, where) for one in arguments)
    if origin is Literal and all(type(one) in _LITERAL for one in arguments):
        return f"Literal[{', '.join(map(repr, arguments))}]"
    name = next((text for text, known in _KNOWN.items() if known is origin), None)
    if name is not None and arguments:
        return f"{name}[{', '.join('...' if one is ... else written(one, classes, where) for one in arguments)}]"
    if isinstance(hint, type) and origin is None and _is_in_its_module(hint):
        text = f"{hint.__module__}.{hint.__name__}"
        classes[text] = hint
        return text
    raise GraphError(f"{where} has the type {describe(hint)}, which has no YAML; write the graph as a @pipeline")


def _is_in_its_module(hint: type) -> bool:
    return hint.__module__ != "__main__" and getattr(sys.modules.get(hint.__module__), hint.__name__, None) is hint


def read(text: Any, found: Callable[[str], Any]) -> Any:
    """The type that a text says; `found` gives the classes that it takes an import to find.

    >>> read("dict[str, int | None]", lambda name: None)
    dict[str, typing.Optional[int]]
    """
    if not isinstance(text, str) or len(text) > _LONGEST:
        raise GraphError(f"types: {str(text)[:60]!r} is no type; write, say, list[int]")
    try:
        return _read(ast.parse(text.strip(), mode="eval").body, found)
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
        raise GraphError(f"types: {text!r} is no type that is read here; write, say, list[int] | None") from None


def _read(said: ast.expr, found: Callable[[str], Any]) -> Any:
    match said:
        case ast.Constant(value=None):
            return None
        case ast.Name() | ast.Attribute():
            name = _dotted(said)
            return _KNOWN[name] if name in _KNOWN else found(name)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return Union[_read(left, found), _read(right, found)]  # noqa: UP007 - types that are known only now
        case ast.Subscript(value=ast.Name(id="Literal"), slice=inner):
            literals = [ast.literal_eval(value) for value in _listed(inner)]
            if literals and all(type(value) in _LITERAL for value in literals):
                return Literal[tuple(literals)]
        case ast.Subscript(value=ast.Name(id="tuple"), slice=ast.Tuple(elts=[one, ast.Constant(value=value)])) if (
            value is ...
        ):
            return _KNOWN["tuple"][_read(one, found), ...]
        case ast.Subscript(value=ast.Name(id=name), slice=inner) if name in _KNOWN:
            return _KNOWN[name][tuple(_read(one, found) for one in _listed(inner))]
    raise ValueError(said)


def _listed(said: ast.expr) -> list[ast.expr]:
    return said.elts if isinstance(said, ast.Tuple) else [said]


def _dotted(said: ast.expr) -> str:
    match said:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=inner, attr=name):
            return f"{_dotted(inner)}.{name}"
    raise ValueError(said)
