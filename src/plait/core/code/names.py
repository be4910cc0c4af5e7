"""Which names of a function are its own, and which come from outside? Python's scoping rules, on the AST.

`symtable` knows too, but it answers for whole files and its scopes cannot be matched with nodes when two stand on one
line; and bytecode changes with each Python. The rules themselves have not changed since walrus.
"""

import ast
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeAlias

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_Comprehension: TypeAlias = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


class Import(NamedTuple):
    """`import module` (no name), or `from module import name`; `level` counts the leading dots."""

    level: int
    module: str
    name: str | None
    whole: bool = False  # `import a.b` binds `a`, `import a.b as c` binds `a.b`


class Found(NamedTuple):
    """Where a name comes from: from the function itself, from imports in it, from outside; or any of several."""

    local: bool
    outside: str | None  # the name to look up in the closure, the globals and the builtins
    imports: tuple[Import, ...]


class Scope(NamedTuple):
    """The names that one function, class or comprehension binds."""

    kind: str
    bound: frozenset[str]
    global_: frozenset[str]
    imports: dict[str, tuple[Import, ...]]
    owner: str = ""

    @classmethod
    def of_function(cls, node: Function) -> "Scope":
        names = _Bindings()
        arguments = node.args
        for argument in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]:
            names.bound.add(argument.arg)
        for extra in (arguments.vararg, arguments.kwarg):
            if extra is not None:
                names.bound.add(extra.arg)
        for part in [node.body] if isinstance(node, ast.Lambda) else node.body:
            names.visit(part)
        return names.scope("function")

    @classmethod
    def of_class(cls, node: ast.ClassDef) -> "Scope":
        names = _Bindings()
        for part in node.body:
            names.visit(part)
        return names.scope("class", node.name)

    @classmethod
    def of_comprehension(cls, node: _Comprehension) -> "Scope":
        names = _Bindings()
        for generator in node.generators:
            names.visit(generator.target)
        return names.scope("comprehension")


class Scopes:
    """The scopes around a place in a function, outermost first."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._stack: list[Scope] = []

    @contextmanager
    def inside(self, scope: Scope) -> Iterator[None]:
        self._stack.append(scope)
        yield
        self._stack.pop()

    @property
    def in_class(self) -> bool:
        return bool(self._stack) and self._stack[-1].kind == "class"

    def find(self, name: str) -> Found:
        """What a name means here. In a class body a name may be the class's own or, before it is set, an outer one."""
        maybe_local = False
        maybe_imports: tuple[Import, ...] = ()
        for depth, scope in enumerate(reversed(self._stack)):
            if name in scope.global_:
                return Found(maybe_local, self._mangled(name), maybe_imports)
            if name not in scope.bound:
                continue
            imports = scope.imports.get(name, ())
            if scope.kind != "class":
                return Found(True, None, maybe_imports + imports)
            if depth == 0:
                maybe_local, maybe_imports = True, imports
        return Found(maybe_local, self._mangled(name), maybe_imports)

    def _mangled(self, name: str) -> str:
        if not name.startswith("__") or name.endswith("__"):
            return name
        owner = next((scope.owner for scope in reversed(self._stack) if scope.owner), self._owner).lstrip("_")
        return f"_{owner}{name}" if owner else name


def imports_of(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, Import]]:
    """The names that an import statement binds, and what it binds them to."""
    for alias in node.names:
        if isinstance(node, ast.ImportFrom):
            yield alias.asname or alias.name, Import(node.level, node.module or "", alias.name)
        elif alias.asname:
            yield alias.asname, Import(0, alias.name, None, whole=True)
        else:
            yield alias.name.partition(".")[0], Import(0, alias.name, None)


_MAY_BIND = (
    ast.stmt, ast.expr, ast.excepthandler, ast.pattern, ast.match_case, ast.withitem, ast.keyword, ast.comprehension,
)  # fmt: skip


class _Bindings(ast.NodeVisitor):
    """Gathers what a scope binds, without entering the scopes in it."""

    def __init__(self) -> None:
        self.bound: set[str] = set()
        self.global_: set[str] = set()
        self.nonlocal_: set[str] = set()
        self.imports: dict[str, tuple[Import, ...]] = {}

    def scope(self, kind: str, owner: str = "") -> Scope:
        bound = self.bound - self.global_ - self.nonlocal_
        return Scope(kind, frozenset(bound), frozenset(self.global_), self.imports, owner)

    def visit(self, node: ast.AST) -> None:
        """As that of `ast`, but quicker, since most of what there is binds nothing."""
        _VISIT.get(type(node), _Bindings.generic_visit)(self, node)

    def generic_visit(self, node: ast.AST) -> None:
        for name in node._fields:
            value = getattr(node, name, None)
            for part in value if type(value) is list else (value,):
                if isinstance(part, _MAY_BIND):
                    self.visit(part)

    def visit_Name(self, node: ast.Name) -> None:
        if not isinstance(node.ctx, ast.Load):
            self.bound.add(node.id)

    def visit_Global(self, node: ast.Global) -> None:
        self.global_.update(node.names)

    def visit_Nonlocal(self, node: ast.Nonlocal) -> None:
        self.nonlocal_.update(node.names)

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        for name, imported in imports_of(node):
            self.bound.add(name)
            self.imports[name] = (*self.imports.get(name, ()), imported)

    visit_ImportFrom = visit_Import  # noqa: N815 - the names are those of `ast`

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.name:
            self.bound.add(node.name)
        self.generic_visit(node)

    def visit_MatchAs(self, node: ast.MatchAs | ast.MatchStar) -> None:
        if node.name:
            self.bound.add(node.name)
        self.generic_visit(node)

    visit_MatchStar = visit_MatchAs  # noqa: N815 - the names are those of `ast`

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        if node.rest:
            self.bound.add(node.rest)
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.bound.add(node.name)
        for part in [*node.decorator_list, *node.args.defaults, *node.args.kw_defaults]:
            if part is not None:
                self.visit(part)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815 - the names are those of `ast`

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.bound.add(node.name)
        for part in [*node.decorator_list, *node.bases, *node.keywords]:
            self.visit(part)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        for part in [*node.args.defaults, *node.args.kw_defaults]:
            if part is not None:
                self.visit(part)

    def visit_ListComp(self, node: _Comprehension) -> None:
        """Only a walrus leaves a comprehension."""
        self.visit(node.generators[0].iter)
        inner: list[ast.AST] = [node]
        while inner:
            part = inner.pop()
            if isinstance(part, ast.NamedExpr) and isinstance(part.target, ast.Name):
                self.bound.add(part.target.id)
            inner.extend(child for child in ast.iter_child_nodes(part) if not isinstance(child, ast.Lambda))

    visit_SetComp = visit_DictComp = visit_GeneratorExp = visit_ListComp  # noqa: N815


_VISIT: dict[type[ast.AST], Callable[[_Bindings, Any], None]] = {
    getattr(ast, name.removeprefix("visit_")): method
    for name, method in vars(_Bindings).items()
    if name.startswith("visit_")
}
