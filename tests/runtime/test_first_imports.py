"""An import is not a draw: a step draws the same, whether it imports a module first or the program did before it."""

import importlib
import importlib.resources
import inspect
import subprocess
import sys
import warnings

import pytest

from plait import Pipeline, Seed, auto, step

PROGRAM = """
import random, sys
{before}
from plait import Pipeline, step

@step
def draw(n: int) -> list:
    import {module}
    return [random.random(), {more}]

@step
async def draw_async(n: int) -> list:
    import {module}
    return [random.random(), {more}]

for one in (draw, draw_async):
    for executor in ("sequential", "threads", "processes"):
        if {alone!r} in ("", executor):
            print(executor, Pipeline("p", [one.named("draw")]).run(n=1, store=None, executor=executor, listeners=[]).result)
"""


def said(tmp_path, before, module, more, alone=""):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM.format(before=before, module=module, more=more, alone=alone))
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    return [line.partition(" ")[2] for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("module", "more"), [("noisy", "0"), ("noisy.inner", "0"), ("numpy", "float(numpy.random.rand())")]
)
def test_the_first_import_within_a_step_consumes_nothing(tmp_path, module, more):
    (tmp_path / "noisy").mkdir()
    (tmp_path / "noisy" / "__init__.py").write_text("import random\nrandom.random(); random.seed(3)\n")
    (tmp_path / "noisy" / "inner.py").write_text("import random\nrandom.shuffle([1, 2, 3])\n")
    found = said(tmp_path, f"import {module}", module, more)
    for executor in ("sequential", "threads", "processes"):  # each in a new process, where it is the first
        found += said(tmp_path, "", module, more, executor)
    assert len(found) == 12 and len(set(found)) == 1, found


@step
def careful(n: int, seed: Seed = auto) -> int:
    import noisy_at_first

    return noisy_at_first.N + n


def test_a_step_whose_import_draws_is_not_told_to_take_a_seed(tmp_path, monkeypatch):
    (tmp_path / "noisy_at_first.py").write_text("import random\nN = int(random.random() < 2)\n")
    monkeypatch.syspath_prepend(tmp_path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert Pipeline("p", [careful]).run(n=1, store=tmp_path / "s", strict=True, listeners=[]).result == 2
    finally:
        sys.modules.pop("noisy_at_first", None)


def test_a_module_that_was_imported_within_a_step_is_like_any_other(tmp_path, monkeypatch):
    (tmp_path / "plain_one").mkdir()
    (tmp_path / "plain_one" / "__init__.py").write_text("def f():\n    return 1\n")
    (tmp_path / "plain_one" / "data.txt").write_text("text")
    monkeypatch.syspath_prepend(tmp_path)

    @step
    def draw() -> float:
        import random

        importlib.import_module("plain_one")
        return random.random()

    try:
        assert Pipeline("p", [draw]).run(store=None, listeners=[]).ok
        module = sys.modules["plain_one"]
        assert type(module.__loader__).__module__ != "plait.runtime.first_imports"
        assert module.__spec__.loader is module.__loader__
        assert inspect.getsource(module.f).startswith("def f")
        assert importlib.resources.files("plain_one").joinpath("data.txt").read_text() == "text"
        assert importlib.reload(module) is module
    finally:
        sys.modules.pop("plain_one", None)


def test_an_import_that_fails_within_a_step_fails_as_ever(tmp_path, monkeypatch):
    (tmp_path / "broken_one.py").write_text("import random\nrandom.random()\n1 / 0\n")
    monkeypatch.syspath_prepend(tmp_path)

    @step
    def draw() -> float:
        import random

        try:
            importlib.import_module("broken_one")
        except ZeroDivisionError:
            return random.random()
        raise AssertionError

    first = Pipeline("p", [draw]).run(store=None, listeners=[]).result
    assert "broken_one" not in sys.modules
    assert Pipeline("p", [draw]).run(store=None, listeners=[]).result == first
