"""Where in its source does a live code object stand? Only what compiles to it counts as its source.

A file may have been edited since it was imported, two lambdas may stand on one line, and a name may be defined three
times. So the whole text is compiled again and the live code object is looked up among the results, compared in all that
decides what it does (not where it stands). What is not found there is not the source of what runs, whatever its name.
"""

import __future__

import ast
import functools
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from types import CodeType
from typing import NamedTuple

from plait.core.code.names import Function

_NEWLINE = re.compile("\r\n|\r|\n")  # as Python cuts lines; str.splitlines knows more ends than that
_FUTURE = 0
for _name in __future__.all_feature_names:
    _FUTURE |= getattr(__future__, _name).compiler_flag
_SAME = (
    "co_name", "co_code", "co_names", "co_varnames", "co_freevars", "co_cellvars", "co_argcount",
    "co_posonlyargcount", "co_kwonlyargcount", "co_flags", "co_exceptiontable",
)  # fmt: skip


class Bindings(NamedTuple):
    """How often names are bound."""

    defined: Counter[str]  # by `def` and `class`
    set: Counter[str]  # in any other way: assigned, imported, put into an object or a table


class Text:
    """One file or cell: parsed and compiled once, when first asked for."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.lines: Sequence[str] = _NEWLINE.split(text)
        self._functions: dict[tuple[str, int], list[Function]] = {}
        self._owners: dict[int, str] = {}
        self._classes: dict[str, list[ast.ClassDef]] = {}
        self._codes: dict[int, dict[str, list[CodeType]]] = {}
        self._module = self._parsed()

    def function(self, code: CodeType) -> tuple[Function, str] | None:
        """The node that this code was compiled from and the class whose body it stands in; None if not in this text."""
        codes = self._compiled(code.co_flags & _FUTURE).get(code.co_qualname, [])
        # several equal ones at other places (`f = lambda: 0` twice) say the same; the one at the same place is best
        for found in sorted(codes, key=lambda one: one.co_firstlineno != code.co_firstlineno):
            if same(found, code, positions=_twins(codes, found)) or _same_but_for_asserts(found, code):
                node = self._node(found)
                return None if node is None else (node, self._owners.get(id(node), ""))
        return None

    def class_(self, qualname: str) -> ast.ClassDef | None:
        """The class of this name, if there is only one."""
        found = self._classes.get(qualname, [])
        return found[0] if len(found) == 1 else None

    @functools.cached_property
    def bindings(self) -> "Bindings":
        """How often each name is bound in the text, in whatever scope."""
        return Bindings(Counter(), Counter()) if self._module is None else _bindings(self._module)

    def _parsed(self) -> ast.Module | None:
        try:
            module = ast.parse(self.text)
        except (SyntaxError, ValueError, RecursionError):
            return None
        self._index(module, "", "")
        return module

    def _index(self, node: ast.AST, prefix: str, owner: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                line = min([child.lineno, *[decorator.lineno for decorator in child.decorator_list]])
                self._functions.setdefault((child.name, line), []).append(child)
                self._owners[id(child)] = owner
                self._index(child, f"{prefix}{child.name}.<locals>.", owner)
            elif isinstance(child, ast.Lambda):
                self._functions.setdefault(("<lambda>", child.lineno), []).append(child)
                self._owners[id(child)] = owner
                self._index(child, f"{prefix}<lambda>.<locals>.", owner)
            elif isinstance(child, ast.ClassDef):
                self._classes.setdefault(prefix + child.name, []).append(child)
                self._index(child, f"{prefix}{child.name}.", child.name)
            else:
                self._index(child, prefix, owner)

    def _compiled(self, flags: int) -> dict[str, list[CodeType]]:
        """The functions of the text by qualified name."""
        if flags not in self._codes:
            found: dict[str, list[CodeType]] = {}
            for code in self._compile(flags):
                found.setdefault(code.co_qualname, []).append(code)
            self._codes[flags] = found
        return self._codes[flags]

    def _compile(self, flags: int) -> Iterator[CodeType]:
        if self._module is None:
            return
        flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT  # a notebook allows it; elsewhere it changes nothing
        try:
            module = compile(self.text, "<text>", "exec", flags, dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError):
            return
        inner = [module]
        while inner:
            code = inner.pop()
            yield code
            inner.extend(constant for constant in code.co_consts if isinstance(constant, CodeType))

    def _node(self, code: CodeType) -> Function | None:
        nodes = self._functions.get((code.co_name, code.co_firstlineno), [])
        if len(nodes) == 1:
            return nodes[0]
        spans = list(_spans(code))
        around = [node for node in nodes if spans and all(_contains(node, span) for span in spans)]
        return max(around, key=lambda node: (node.lineno, node.col_offset), default=None)


def _bindings(module: ast.Module) -> Bindings:
    found = Bindings(Counter(), Counter())
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.defined[node.name] += 1
        elif isinstance(node, ast.alias):
            found.set[node.asname or node.name.partition(".")[0]] += 1
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "setattr":
            found.set.update(str(arg.value) for arg in node.args if isinstance(arg, ast.Constant))
        elif isinstance(getattr(node, "ctx", None), ast.Store | ast.Del):
            if isinstance(node, ast.Name):
                found.set[node.id] += 1
            elif isinstance(node, ast.Attribute):
                found.set[node.attr] += 1
            elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
                found.set[str(node.slice.value)] += 1
    return found


def same(one: object, other: object, *, positions: bool = False) -> bool:
    """Do two code objects (or two constants of them) do the same? Positions count where they must tell twins apart."""
    if not isinstance(one, CodeType) or not isinstance(other, CodeType):
        return _same_constant(one, other)
    if positions and (one.co_firstlineno != other.co_firstlineno or list(_spans(one)) != list(_spans(other))):
        return False
    return (
        all(getattr(one, name) == getattr(other, name) for name in _SAME)
        and len(one.co_consts) == len(other.co_consts)
        and all(same(a, b) for a, b in zip(one.co_consts, other.co_consts, strict=True))
    )


def _same_but_for_asserts(one: CodeType, other: CodeType) -> bool:
    """In a test module, did pytest write the `assert` statements anew, so that they say more? All else is as written.

    What it puts in begins with `@`, which no other code can. A worker imports the module without pytest.
    """
    place, arguments = (one.co_qualname, one.co_firstlineno), one.co_varnames[: one.co_argcount + one.co_kwonlyargcount]
    return (
        _rewritten(other)
        and place == (other.co_qualname, other.co_firstlineno)
        and arguments == other.co_varnames[: other.co_argcount + other.co_kwonlyargcount]
    )


def _rewritten(code: CodeType) -> bool:
    inner = (constant for constant in code.co_consts if isinstance(constant, CodeType))
    return any(name.startswith("@py") for name in code.co_names) or any(map(_rewritten, inner))


def _same_constant(one: object, other: object) -> bool:
    """Equal, of one type, all the way down: `1 == 1.0 == True` and `0.0 == -0.0` are different constants."""
    if type(one) is not type(other):
        return False
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, frozenset):
        return one == other and sorted(map(repr, one)) == sorted(map(repr, other))
    if isinstance(one, float | complex):
        return repr(one) == repr(other)
    return one == other


def _twins(codes: Sequence[CodeType], code: CodeType) -> bool:
    """Is there another function of this name that compiles to the same, such as a lambda beside it?

    Code that does the same may still be written differently, so its place decides then which text it is shown with.
    """
    beside = [other for other in codes if other is not code and other.co_firstlineno == code.co_firstlineno]
    return any(same(other, code) for other in beside)


def _spans(code: CodeType) -> Iterator[tuple[int, int, int, int]]:
    for line, end_line, column, end_column in code.co_positions():
        if line is None or end_line is None or column is None or end_column is None or column == end_column == 0:
            continue
        yield line, column, end_line, end_column


def _contains(node: Function, span: tuple[int, int, int, int]) -> bool:
    first = node.body if isinstance(node, ast.Lambda) else node
    last = first
    start, end = (first.lineno, first.col_offset), (last.end_lineno or 0, last.end_col_offset or 0)
    return start <= (span[0], span[1]) and (span[2], span[3]) <= end
