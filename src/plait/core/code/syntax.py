"""What does a function or a class say, as source? The parts of it that count, each in canonical form.

A function's body, its parameters, its decorators and its annotations are kept apart, since what counts depends on how
it is reached: a step's parameters are in its key, a decorator mostly shows in what it made of the function.
"""

import ast
from collections.abc import Sequence
from typing import NamedTuple

from plait.core.code.canonical import Writer
from plait.core.code.fragments import Fragment
from plait.core.code.names import Function


class Syntax(NamedTuple):
    """All that is known of a function from its source alone."""

    body: Fragment
    parameters: bytes  # their names and kinds; default values are live, and hashed as values
    decorators: tuple[Fragment, ...]  # outermost first
    annotations: Fragment
    text: str  # as written, for people
    loose: bool = False  # read from bytecode: the paths are what might be, not what is


def of_function(node: Function, lines: Sequence[str], owner: str = "") -> Syntax:
    """What a function or lambda says; `owner` is the class whose body it stands in, for `__private` names."""
    body = Writer(lines, owner)
    body.function_body(node)
    annotations = Writer(lines, owner)
    annotations.annotations(node)
    decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
    parameters = Writer(lines, owner)
    parameters.parameters(node.args, defaults=False, annotated=False)
    return Syntax(
        body.fragment(),
        parameters.content(),
        tuple([of_expression(decorator, lines) for decorator in decorators]),
        annotations.fragment(),
        segment(node, lines),
    )


def of_class(node: ast.ClassDef, lines: Sequence[str]) -> Fragment:
    """What a class declares: keywords, fields, annotations, decorators; the bodies of its methods are live code."""
    writer = Writer(lines, node.name)
    writer.declaration(node)
    return writer.fragment()


def of_expression(node: ast.expr, lines: Sequence[str]) -> Fragment:
    """What an expression says that is evaluated at the top of a module."""
    writer = Writer(lines, "")
    writer.node(node)
    return writer.fragment()


def asides(text: str) -> tuple[list[str], list[Fragment]]:
    """The docstrings and the annotations of all that is defined within a function or class, itself included."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):  # a lambda within its line, or no source
        return [], []
    docstrings, annotations = [], []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            docstrings.append(ast.get_docstring(node) or "")
        for said in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            if isinstance(said, ast.expr):
                annotations.append(of_expression(said, text.split("\n")))
    return docstrings, annotations


def segment(node: ast.AST, lines: Sequence[str]) -> str:
    """A piece of source as it was written, without the indentation of its first line."""
    first, last = node.lineno - 1, node.end_lineno  # type: ignore[attr-defined]
    written = list(lines[first:last])
    if isinstance(node, ast.Lambda):
        return "\n".join(written).strip()
    indent = len(written[0]) - len(written[0].lstrip()) if written else 0
    return "\n".join([line[indent:] if not line[:indent].strip() else line for line in written])
