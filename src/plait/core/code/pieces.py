"""Pieces of an AST, in the form in which they count."""

import ast
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


def keyword_name(keyword: ast.keyword) -> str:
    """By what the keywords of a class are put in order."""
    return keyword.arg or ""


def counted(statements: Iterable[T]) -> Iterator[T]:
    """The statements that do something: no docstrings, bare constants, `pass`."""
    for statement in statements:
        bare = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        if not bare and not isinstance(statement, ast.Pass):
            yield statement


def merged(values: Sequence[ast.expr]) -> Iterator[str | ast.expr]:
    """The pieces of an f-string: how its text is cut differs between versions of Python."""
    text = ""
    for value in values:
        if isinstance(value, ast.Constant):
            text += str(value.value)
            continue
        if text:
            yield text
            text = ""
        yield value
    if text:
        yield text


def parameters_of(given: ast.arguments) -> Iterator[ast.arg]:
    """All parameters of a function, of whatever kind."""
    yield from given.posonlyargs
    yield from given.args
    yield from [given.vararg] if given.vararg else []
    yield from given.kwonlyargs
    yield from [given.kwarg] if given.kwarg else []


def unrolled(node: ast.expr) -> tuple[ast.Name | None, tuple[str, ...]]:
    """What `a.b.c` begins with, if that is a name, and the attributes that are read from it."""
    path: list[str] = []
    while isinstance(node, ast.Attribute):
        path.append(node.attr)
        node = node.value
    return (node if isinstance(node, ast.Name) else None), tuple(reversed(path))
