"""What source says: the same on every Python, whatever it looks like; another meaning, other bytes."""

import ast
import importlib.util
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from types import CodeType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plait.core.code.location import Text
from plait.core.code.syntax import Syntax, of_function

FROZEN = Path(__file__).parent.parent / "frozen"
SOURCE = Path(__file__).parent.parent.parent / "src"


def syntax(text: str, name: str = "f") -> Syntax:
    """What the function of this name says, which may be anywhere in the text."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name:
            return of_function(node, text.split("\n"))
    raise AssertionError(f"no {name} in {text}")


def body(text: str) -> tuple[bytes, tuple[Any, ...]]:
    said = syntax(text).body
    return said.content, tuple((use.name, use.imported, use.paths) for use in said.uses)


def frozen_by(python: str, **environment: str) -> dict[str, str]:
    done = subprocess.run(
        [python, FROZEN / "code_corpus.py"],
        env={**os.environ, "PYTHONPATH": str(SOURCE), **environment},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found: dict[str, str] = json.loads(done.stdout)
    return found


def test_digests_are_those_that_were_frozen() -> None:
    assert frozen_by(sys.executable) == json.loads((FROZEN / "code_digests.json").read_text())


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_digests_are_equal_on_every_python_that_is_here(version: str) -> None:
    candidates = [os.environ.get(f"PLAIT_PYTHON_{version.replace('.', '')}"), shutil.which(f"python{version}")]
    for python in candidates:
        if python and not subprocess.run([python, "-c", "import blake3"], capture_output=True).returncode:
            assert frozen_by(python) == json.loads((FROZEN / "code_digests.json").read_text())
            return
    pytest.skip(f"no Python {version} with blake3 is here")


def test_digests_do_not_depend_on_the_order_of_sets() -> None:
    assert frozen_by(sys.executable, PYTHONHASHSEED="1") == frozen_by(sys.executable, PYTHONHASHSEED="2")


SAME = [
    ("def f(x): return x + 1", "def f(\n  x,\n):\n  # why\n  return (\n    x + 1\n  )"),
    ("def f(x): return 'a' 'b'", 'def f(x: int) -> str:\n  """doc"""\n  y: str\n  return "ab"'),
    ("def f(): return 255, 1e3, 1_000", "def f(): return (0xFF, 1000.0, 1000)"),
    ("def f(): pass", 'def f(): "doc"'),
    ("def f(): pass", "def f(): ..."),
    ("def f(x): return f'{x}' 'a' f'b{x}'", "def f(x): return f'{x}ab{x}'"),
    ("def f(x): return f'a'", "def f(x): return 'a'"),
    ("def f(x):\n y: int = x\n return y", "def f(x):\n y = x\n return y"),
    ("import numpy as np\ndef f(x): return np.log(x)", "import numpy\ndef f(x): return numpy.log(x)"),
    ("def f(x):\n if x:\n  y = 1\n else:\n  pass\n return y", "def f(x):\n if x: y = 1\n return y"),
    ("def f(x):\n def g(y: int = 1) -> int: return y\n return g", "def f(x):\n def g(y=1): return y\n return g"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_what_looks_different_and_is_not_says_the_same(one: str, other: str) -> None:
    assert syntax(one).body.content == syntax(other).body.content


DIFFERENT = [
    "x + 1", "x - 1", "1 + x", "x + 1.0", "x + True", "x + 2", "y + 1", "x.a + 1", "x[1]", "x(1)", "x(a=1)", "x(b=1)",
    "x(*y)", "x(**y)", "-x", "not x", "x and y", "x or y", "x if y else z", "y if x else z", "x == y", "x is y",
    "[x, y]", "(x, y)", "{x, y}", "{x: y}", "{**x}", "[*x]", "x[1:2]", "x[1:]", "x[:1]", "x[::1]", "f'{x}'", "f'{x!r}'",
    "f'{x:>3}'", "f'{x:<3}'", "f'{x=}'", "'{x}'", "f'{{x}}{y}'", "b'x'", "'x'", "'y'", "None", "...", "lambda: x",
    "lambda y: x", "lambda y: y", "lambda *y: y", "lambda y=1: y", "[y for y in x]", "{y for y in x}", "(y for y in x)",
    "[y for y in x if y]", "[y for z in x for y in z]", "[x for y in x]", "{y: y for y in x}", "(y := x)", "x @ y",
    "x // y", "x / y", "x ** y", "x << y", "await x", "(yield x)", "(yield from x)", "1j", "10 ** 2", "x < y < z",
    "x < y and y < z", "globals_().a", "x.a.b", "x.b.a", "x.ab", "'a' + 'b'", "'ab'", "x[1, 2]", "x[(1, 2),]",
    "~x", "+x",
]  # fmt: skip


def test_every_expression_says_something_of_its_own() -> None:
    said: dict[Any, str] = {}
    for expression in DIFFERENT:
        head = "async def" if "await" in expression else "def"
        content = syntax(f"{head} f(x):\n  return {expression}").body
        key = (content.content, tuple(use.name for use in content.uses))
        assert said.setdefault(key, expression) == expression, (said[key], expression)


STATEMENTS = [
    "x = 1", "x = y = 1", "x, y = 1", "x += 1", "x -= 1", "del x", "return", "raise x", "raise x from y", "assert x",
    "assert x, y", "if x: y()", "if x: y()\n  else: z()", "while x: y()", "while x: break", "while x: continue",
    "for x in y: z()", "for x in y: z()\n  else: z()", "with x: y()", "with x as y: y()", "with x, y: y()", "global x",
    "try: x()\n  except: y()", "try: x()\n  finally: y()", "try: x()\n  except X: y()", "try: x()\n  except* X: y()",
    "try: x()\n  except X as e: y()", "import a", "import a.b", "from a import b", "from . import b",
    "from .a import b",
    "import a as b", "match x:\n    case 1: y()", "match x:\n    case [a]: y()", "match x:\n    case {'a': 1}: y()",
    "match x:\n    case A(a=1): y()", "match x:\n    case a: y()", "match x:\n    case 1 | 2: y()", "x: int = 1; y()",
    "match x:\n    case 1 if x: y()", "match x:\n    case [*a]: y()", "x.y = 1", "x[0] = 1", "x", "x()", "yield x",
    "def g(): return 1", "def g(): return 2", "def h(): return 1", "async def g(): return 1", "def g(a): return 1",
    "def g(*, a): return 1", "def g(a, /): return 1", "@x\n  def g(): return 1", "class A: pass", "class A(x): pass",
    "class A: x = 1", "class A:\n    x: int", "class A:\n    x: str", "class A(metaclass=x): pass",
    "@x\n  class A: pass",
    "@x\n  def g(a: int): return 1", "@x\n  def g(a: str): return 1",
]  # fmt: skip


def test_every_statement_says_something_of_its_own() -> None:
    said: dict[Any, str] = {}
    for statement in STATEMENTS:
        text = f"def f():\n  {statement}"
        ast.parse(text)
        key = body(text)
        assert said.setdefault(key, statement) == statement, (said[key], statement)


def test_names_are_told_apart_by_where_they_are_bound() -> None:
    text = (
        "def f(a):\n"
        "  import m.sub as s, n\n"
        "  from .p import q\n"
        "  local = outer\n"
        "  def g(b, c=default):\n"
        "    nonlocal local\n"
        "    local = a + b + deep.x.y + s.used + q.attribute\n"
        "    return [item for item in items if (kept := item)]\n"
        "  class C(Base):\n"
        "    field = field\n"
        "    def m(self): return field2, C, g, __hidden\n"
        "  return n.a.b, n, lambda k: (k, k2)\n"
    )
    uses = syntax(text).body.uses
    outside = {use.name: use.paths for use in uses if use.imported is None}
    assert outside == {
        "outer": ((),), "default": ((),), "deep": (("x", "y"),), "items": ((),), "Base": ((),), "field": ((),),
        "field2": ((),), "_C__hidden": ((),), "k2": ((),),
    }  # fmt: skip
    imported = {use.name: (use.imported[:3], use.paths) for use in uses if use.imported is not None}
    assert imported == {
        "s": ((0, "m.sub", None), (("used",),)),
        "n": ((0, "n", None), ((), ("a", "b"))),
        "q": ((1, "p", "q"), (("attribute",),)),
    }


def functions(code: CodeType) -> list[CodeType]:
    inner = [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    return [code, *[found for one in inner for found in functions(one)]]


@pytest.mark.parametrize(
    "module", ["json.decoder", "functools", "dataclasses", "collections", "typing", "asyncio.tasks"]
)
def test_every_function_of_a_library_is_found_where_it_stands(module: str) -> None:
    spec = importlib.util.find_spec(module)
    assert spec is not None and spec.origin is not None
    text = Path(spec.origin).read_text()
    whole = Text(text)
    defined = {
        node.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    seen = 0
    for code in functions(compile(text, spec.origin, "exec", dont_inherit=True)):
        if code.co_name.startswith("<") and code.co_name != "<lambda>":
            continue
        if code.co_name in ("annotate", "__annotate__") or not code.co_flags & 0x2:  # not a function: a class body
            continue
        if code.co_name != "<lambda>" and code.co_name not in defined:  # a type alias or bound, from Python 3.12 on
            continue
        found = whole.function(code)
        assert found is not None, code
        node, _ = found
        seen += 1
        if not isinstance(node, ast.Lambda):
            assert node.name == code.co_name
            assert min([node.lineno, *[d.lineno for d in node.decorator_list]]) == code.co_firstlineno
    assert seen > 5


CORPUS = (FROZEN / "code_corpus.py").read_text()


class Mutate(ast.NodeTransformer):
    """One semantic edit, at the `at`-th place where one can be made."""

    def __init__(self, at: int) -> None:
        self.left = at
        self.done = False
        self.inside = 0

    def hit(self) -> bool:
        self.left -= 1
        self.done = self.done or self.left == -1
        return self.left == -1

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if isinstance(node.value, str | bytes | int | float) and self.hit():
            value = not node.value if isinstance(node.value, bool) else node.value * 2 + node.value
            if value == node.value:
                value = {str: "new", bytes: b"new"}.get(type(node.value), 17)
            return ast.copy_location(ast.Constant(value), node)
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        if self.hit():
            node.op = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
        return self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if self.hit():
            node.attr += "_edited"
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if isinstance(node.ctx, ast.Load) and self.hit():
            node.id += "_edited"
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if self.hit():
            node.args = [*node.args, ast.Constant(99)]
        return self.generic_visit(node)

    def visit_Return(self, node: ast.Return) -> ast.AST:
        if node.value is not None and self.hit():
            return ast.copy_location(ast.Expr(node.value), node)
        return self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        if self.hit():
            node.ops = [ast.NotEq() if isinstance(op, ast.Eq) else ast.Eq() for op in node.ops]
        return self.generic_visit(node)

    def skip_annotations(self, node: Any) -> ast.AST:
        if self.inside == 0:
            node.decorator_list, node.returns = [], None
            node.args.defaults = [ast.Constant(0) for _ in node.args.defaults]
        node.returns = None
        for argument in ast.walk(node.args):
            if isinstance(argument, ast.arg):
                argument.annotation = None
        first = node.body[0]
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            node.body = node.body[1:] or [ast.Return(ast.Constant(1))]
        self.inside += 1
        node.body = [self.visit(statement) for statement in node.body]
        self.inside -= 1
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = skip_annotations

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if node.value is not None:
            node.value = self.visit(node.value)
        return node


FUNCTIONS = sorted(
    {n.name for n in ast.parse(CORPUS).body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)} - {"digests"}
)


def function_text(name: str) -> str:
    node = next(n for n in ast.parse(CORPUS).body if getattr(n, "name", "") == name)
    return ast.unparse(node)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_edit_of_a_meaning_changes_the_bytes(name: str) -> None:
    text = function_text(name)
    base = body(ast.unparse(Mutate(10**9).visit(ast.parse(text))).replace(f"def {name}(", "def f(", 1))
    seen = {base}
    for at in range(10**6):
        mutate = Mutate(at)
        edited = ast.unparse(ast.fix_missing_locations(mutate.visit(ast.parse(text))))
        if not mutate.done:
            break
        said = body(edited.replace(f"def {name}(", "def f(", 1))
        assert said != base, edited
        seen.add(said)
    assert at > 0


@settings(max_examples=80, deadline=None)
@given(name=st.sampled_from(FUNCTIONS), seed=st.integers(0, 2**32))
def test_no_edit_of_form_changes_the_bytes(name: str, seed: int) -> None:
    node = next(n for n in ast.parse(CORPUS).body if getattr(n, "name", "") == name)
    text = ast.get_source_segment(CORPUS, node) or ""
    before = syntax(text, name)
    chance = random.Random(seed)
    lines = []
    for line in ast.unparse(ast.parse(text)).split("\n"):
        if chance.random() < 0.3 and not line.lstrip().startswith(("case", "else", "except", "finally", "elif")):
            lines.append(" " * (len(line) - len(line.lstrip())) + "# a comment" + chr(chance.randrange(0x4E00, 0x9FFF)))
        lines.append(line + (" " * chance.randrange(4) if '"""' not in line else ""))
    after = syntax("\n".join(["", *lines]), name)
    assert after.body == before.body._replace() or after.body.content == before.body.content
    assert after.parameters == before.parameters
