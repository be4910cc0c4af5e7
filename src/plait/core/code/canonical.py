"""What does a piece of source say, whatever it looks like? Canonical bytes of an AST, and the names that it uses.

The bytes say the same on every Python that plait runs on, so they follow a schema of our own and not `ast.dump`: a
node is its type and its fields *by name*, absent and empty fields left out, so that a field which a later Python adds
(and old code cannot use) changes nothing. Left out as well is what never changes a result: positions, comments,
docstrings, `pass`, bare constants, type parameters, and the annotations of functions and variables. Annotations of a
class body stay, since dataclasses and their like read them; so do those of a nested function that has a decorator.

Names that are neither local nor an attribute are written as numbers, in the order in which they appear, and what each
of them stands for is hashed by the walk (`units.py`). So `import numpy as np` may become `as xp`, and a function
that calls itself may be renamed.
"""

import ast
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from plait.core.code.fragments import ASKED, ASSERTS, Call, Fragment, Use
from plait.core.code.names import Function, Import, Scope, Scopes, imports_of
from plait.core.code.pieces import counted, keyword_name, merged, parameters_of, unrolled

_LEFT_OUT = frozenset(
    {"ctx", "type_comment", "type_ignores", "kind", "type_params", "simple", "returns", "annotation", "decorator_list"}
)
_FIELDS: dict[type[ast.AST], tuple[str, ...]] = {}  # the fields that count, in their order
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Writer:
    """One walk over one node. Every atom is written with its length, so nothing can run together."""

    def __init__(self, lines: Sequence[str], owner: str) -> None:
        self._lines = lines
        self._out: list[str] = []
        self._scopes = Scopes(owner)
        self._numbers: dict[tuple[str, Import | None], int] = {}
        self._paths: list[dict[tuple[str, ...], bool]] = []  # is it used for more than to be called?
        self._calls: list[list[tuple[tuple[str, ...], Call]]] = []
        self._methods: list[Call] = []
        self._read_by_text: dict[int, str] = {}
        self._callees: set[int] = set()
        self._asks: set[str] = set()
        self._has_classes = False

    def content(self) -> bytes:
        return "".join(self._out).encode("utf-8", "surrogatepass")

    def fragment(self) -> Fragment:
        uses = [
            Use(name, imported, tuple(sorted(paths)), tuple(calls), tuple(sorted(filter(paths.get, paths))))
            for (name, imported), paths, calls in zip(self._numbers, self._paths, self._calls, strict=True)
        ]
        asks = tuple(sorted(self._asks))
        return Fragment(self.content(), tuple(uses), tuple(self._methods), asks, self._has_classes)

    def function_body(self, node: Function) -> None:
        self._out.append(type(node).__name__ + "{")
        with self._scopes.inside(Scope.of_function(node)):
            if isinstance(node, ast.Lambda):
                self.node(node.body)
            else:
                self._statements(node.body)
        self._out.append("}")

    def declaration(self, node: ast.ClassDef) -> None:
        self._out.append("class{")
        ordered: list[ast.keyword] = sorted(node.keywords, key=keyword_name)
        self._nodes("keywords", ordered)
        self._nodes("decorators", node.decorator_list)
        with self._scopes.inside(Scope.of_class(node)):
            for statement in counted(node.body):
                if isinstance(statement, _FUNCTIONS):
                    self._atom(statement.name)
                    self._nodes("decorators", statement.decorator_list)
                    if statement.decorator_list:
                        self.annotations(statement)
                elif isinstance(statement, ast.ClassDef):
                    self._atom(statement.name)
                    self.declaration(statement)
                else:
                    self.node(statement)
        self._out.append("}")

    def annotations(self, node: Function) -> None:
        for argument in parameters_of(node.args):
            if argument.annotation is not None:
                self._atom(argument.arg)
                self.node(argument.annotation)
        if not isinstance(node, ast.Lambda) and node.returns is not None:
            self._out.append("->")
            self.node(node.returns)

    def parameters(self, given: ast.arguments, *, defaults: bool, annotated: bool) -> None:
        for kind, arguments in (
            ("/", given.posonlyargs),
            ("a", given.args),
            ("*", [given.vararg] if given.vararg else []),
            ("k", given.kwonlyargs),
            ("**", [given.kwarg] if given.kwarg else []),
        ):
            for argument in arguments:
                self._out.append(kind)
                self._atom(argument.arg)
                if annotated and argument.annotation is not None:
                    self.node(argument.annotation)
        if defaults:
            self._nodes("defaults", given.defaults)
            self._nodes("kw_defaults", given.kw_defaults)

    def node(self, node: ast.AST) -> None:
        write = _SPECIAL.get(type(node), Writer._generic)
        write(self, node)

    def _generic(self, node: ast.AST) -> None:
        kind = type(node)
        self._out.append(kind.__name__ + "(")
        if kind not in _FIELDS:
            _FIELDS[kind] = tuple([name for name in sorted(kind._fields) if name not in _LEFT_OUT])
        for name in _FIELDS[kind]:
            value = getattr(node, name, None)
            if value is None:
                continue
            if isinstance(value, list):
                if value:
                    self._nodes(name, value)
            else:
                self._out.append(name + "=")
                self._value(value)
        self._out.append(")")

    def _nodes(self, name: str, nodes: Sequence[object]) -> None:
        if name in ("body", "orelse", "finalbody"):
            nodes = list(counted(nodes))
            if not nodes:
                return
        if nodes:
            self._out.append(f"{name}[")
            for node in nodes:
                self._value(node)
            self._out.append("]")

    def _value(self, value: object) -> None:
        if isinstance(value, ast.AST):
            self.node(value)
        elif isinstance(value, str):
            self._atom(value)
        elif value is None:
            self._out.append("-")
        else:
            self._constant(value)

    def _atom(self, text: str) -> None:
        self._out.append(f"{len(text)}:{text}")

    def _constant(self, value: object) -> None:
        kind = type(value).__name__
        self._out.append("!" + kind)
        if isinstance(value, str):
            self._atom(value)
        elif type(value) is int:
            self._atom(f"{value:x}")
        else:
            self._atom(value.hex() if isinstance(value, float | bytes) else repr(value))

    def _statements(self, statements: Iterable[ast.stmt]) -> None:
        for statement in counted(statements):
            self.node(statement)

    def _name(self, node: ast.Name) -> None:
        self._chain(node, (), node)
        if not isinstance(node.ctx, ast.Load):
            self._atom(node.id)  # which global is set matters, even to an equal value

    def _attribute(self, node: ast.Attribute) -> None:
        path: list[str] = []
        base: ast.expr = node
        while isinstance(base, ast.Attribute):
            path.append(base.attr)
            base = base.value
        if isinstance(base, ast.Name):
            self._chain(base, tuple(reversed(path)), node)
        else:
            self.node(base)
        for name in reversed(path):
            self._out.append(".")
            self._atom(name)
            if name in ASKED:
                self._asks.add(ASKED[name])

    def _chain(self, base: ast.Name, path: tuple[str, ...], whole: ast.expr) -> None:
        found = self._scopes.find(base.id)
        also = self._read_by_text.get(id(whole))
        path = path if also is None else (*path, also)
        value = id(whole) not in self._callees
        for imported in found.imports:
            paths = self._paths[self._number(base.id, imported)]
            paths[path] = paths.get(path, False) or value
        if found.outside is not None:
            number = self._number(found.outside, None)
            self._paths[number][path] = self._paths[number].get(path, False) or value
        if found.local or found.outside is None:
            self._atom(base.id)
        else:
            self._out.append(f"${number};")

    def _number(self, name: str, imported: Import | None) -> int:
        key = (name, imported)
        if key not in self._numbers:
            self._numbers[key] = len(self._numbers)
            self._paths.append({})
            self._calls.append([])
        return self._numbers[key]

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        for name, imported in imports_of(node):
            self._out.append(f"import${self._number(name, imported)};")
            self._atom(name)

    def _global(self, node: ast.Global) -> None:
        pass  # where a name is looked up shows in how it is written

    def _call_of_something(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Name) and node.func.id == "getattr" and len(node.args) > 1:
            read = node.args[1]
            if isinstance(read, ast.Constant) and isinstance(read.value, str):  # as good as an attribute
                self._read_by_text[id(node.args[0])] = read.value
                if read.value in ASKED:
                    self._asks.add(ASKED[read.value])
        self._callees.add(id(node.func))
        self._generic(node)
        base, path = unrolled(node.func)
        if base is None:
            if path:
                self._note_method(path[-1], node)
            return
        found = self._scopes.find(base.id)
        if found.outside is None and not found.imports:
            self._note_method(path[-1] if path else "", node)
            return
        call = self._call(node)
        for imported in found.imports:
            self._calls[self._number(base.id, imported)].append((path, call))
        if found.outside is not None:
            self._calls[self._number(found.outside, None)].append((path, call))

    def _call(self, node: ast.Call) -> Call:
        first = None
        if node.args:
            base, path = unrolled(node.args[0])
            if base is not None:
                found = self._scopes.find(base.id)
                if found.outside is not None:
                    first = (self._number(found.outside, None), path)
                elif found.imports:
                    first = (self._number(base.id, found.imports[0]), path)
        literals = [a.value if isinstance(a, ast.Constant) and isinstance(a.value, str) else None for a in node.args]
        keywords = [
            keyword.arg
            for keyword in node.keywords
            if not (isinstance(keyword.value, ast.Constant) and keyword.value.value is None)
        ]
        return Call(first, tuple(literals), tuple(keywords), self._as_written(node))

    def _note_method(self, name: str, node: ast.Call) -> None:
        if name in ("sample", "rvs"):
            self._methods.append(self._call(node))

    def _as_written(self, node: ast.expr) -> str:
        written = [line.encode() for line in self._lines[node.lineno - 1 : node.end_lineno]]
        if not written:
            return ""
        written[-1] = written[-1][: node.end_col_offset]
        written[0] = written[0][node.col_offset :]
        return " ".join(b" ".join(written).decode("utf-8", "replace").split())[:120]

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._out.append("def:")
        self._atom(node.name)
        self._nodes("decorators", node.decorator_list)
        self.parameters(node.args, defaults=True, annotated=bool(node.decorator_list))
        if node.decorator_list and node.returns is not None:
            self._out.append("->")
            self.node(node.returns)
        self.function_body(node)

    def _lambda(self, node: ast.Lambda) -> None:
        self._out.append("lambda:")
        self.parameters(node.args, defaults=True, annotated=False)
        self.function_body(node)

    def _class(self, node: ast.ClassDef) -> None:
        self._has_classes = True
        self._out.append("class:")
        self._atom(node.name)
        self._nodes("decorators", node.decorator_list)
        self._nodes("bases", node.bases)
        self._nodes("keywords", node.keywords)
        with self._scopes.inside(Scope.of_class(node)):
            self._out.append("{")
            self._statements(node.body)
            self._out.append("}")

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> None:
        self._out.append(type(node).__name__ + "(")
        self.node(node.generators[0].iter)  # evaluated outside
        with self._scopes.inside(Scope.of_comprehension(node)):
            for i, generator in enumerate(node.generators):
                self._out.append("async for" if generator.is_async else "for")
                self.node(generator.target)
                if i:
                    self.node(generator.iter)
                self._nodes("ifs", generator.ifs)
            if isinstance(node, ast.DictComp):
                self.node(node.key)
                if node.value is not None:
                    self.node(node.value)
            else:
                self.node(node.elt)
        self._out.append(")")

    def _annotated_assignment(self, node: ast.AnnAssign) -> None:
        if self._scopes.in_class:
            self._out.append("field(")
            self.node(node.target)
            self.node(node.annotation)
            self._value(node.value)
            self._out.append(")")
        elif node.value is not None:
            self._generic(ast.Assign(targets=[node.target], value=node.value))
        elif not isinstance(node.target, ast.Name):
            self._generic(ast.Expr(value=node.target))

    def _assertion(self, node: ast.Assert) -> None:
        self._asks.add(ASSERTS)
        self._generic(node)

    def _literal(self, node: ast.Constant) -> None:
        self._constant(node.value)

    def _f_string(self, node: ast.JoinedStr) -> None:
        pieces = list(merged(node.values))
        if not any(isinstance(piece, ast.AST) for piece in pieces):
            self._constant("".join([piece for piece in pieces if isinstance(piece, str)]))
            return
        self._out.append("f(")
        for piece in pieces:
            self._value(piece)
        self._out.append(")")

    def _formatted_value(self, node: ast.FormattedValue) -> None:
        self._out.append(f"{{{node.conversion}")
        self.node(node.value)
        if isinstance(node.format_spec, ast.JoinedStr):
            for piece in merged(node.format_spec.values):
                self._value(piece)
        self._out.append("}")


_SPECIAL: dict[type[ast.AST], Callable[[Writer, Any], None]] = {
    ast.Name: Writer._name,
    ast.Attribute: Writer._attribute,
    ast.Import: Writer._import,
    ast.ImportFrom: Writer._import,
    ast.Global: Writer._global,
    ast.Call: Writer._call_of_something,
    ast.FunctionDef: Writer._function,
    ast.AsyncFunctionDef: Writer._function,
    ast.Lambda: Writer._lambda,
    ast.ClassDef: Writer._class,
    ast.ListComp: Writer._comprehension,
    ast.SetComp: Writer._comprehension,
    ast.DictComp: Writer._comprehension,
    ast.GeneratorExp: Writer._comprehension,
    ast.AnnAssign: Writer._annotated_assignment,
    ast.Assert: Writer._assertion,
    ast.Constant: Writer._literal,
    ast.JoinedStr: Writer._f_string,
    ast.FormattedValue: Writer._formatted_value,
}
