"""A folder of modules that are written, imported afresh, run against a real store, edited, and run again."""

import importlib
import subprocess
import sys
import textwrap

import pytest

from plait import Pipeline
from plait.runtime import naming

collect_ignore = ["faults"]  # programs that run what they say as soon as they are imported


class Project:
    def __init__(self, folder):
        self.folder = folder
        self.store = folder / "store"

    def write(self, **modules):
        for name, text in modules.items():
            path = self.folder / (name.replace("__dot__", "/") + ".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text).lstrip("\n"))

    def edit(self, name, old, new):
        path = self.folder / (name.replace(".", "/") + ".py")
        text = path.read_text()
        assert old in text, f"{old!r} is not in {name}"
        path.write_text(text.replace(old, new))

    def load(self, name="steps"):
        """A module as a new process would import it."""
        self.forget()
        return importlib.import_module(name)

    def forget(self):
        importlib.invalidate_caches()
        for known, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None) or str(next(iter(getattr(module, "__path__", [])), ""))
            if file.startswith(str(self.folder)):
                del sys.modules[known]

    def pipeline(self, name="steps"):
        return Pipeline("p", self.load(name))

    def run(self, *targets, of="steps", **params):
        """A run of a module as it is on disk."""
        return self.pipeline(of).run(*targets, store=self.store, listeners=[], **params)

    def state(self, node="step", **params):
        return self.run(node, **params).states[node]

    def after(self, name, old, new, node="step", **params):
        """The state of a node after an edit, where it was run, and found again, before it."""
        assert self.state(node, **params) in ("run", "hit")
        assert self.state(node, **params) == "hit", "the same code is not always the same"
        self.edit(name, old, new)
        return self.state(node, **params)

    def python(self, *command, check=True, **environment):
        """What a process of its own prints, in this folder."""
        from pathlib import Path

        import plait

        path = str(Path(plait.__file__).parent.parent)
        done = subprocess.run(
            [sys.executable, *command], cwd=self.folder, capture_output=True, text=True, timeout=240,
            env={"PATH": "/usr/bin:/bin", "HOME": str(self.folder), "PYTHONPATH": path, **environment},
        )  # fmt: skip
        assert done.returncode == 0 or not check, done.stderr
        return done.stdout + ("" if check else done.stderr)


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # two edits in a second would look like one
    monkeypatch.setattr(naming, "_said", set())
    made = Project(tmp_path)
    yield made
    made.forget()


@pytest.fixture
def installed(project, monkeypatch):
    """Puts a distribution where packages are, in a version; the module's name is that of the distribution."""
    from plait.runtime import surroundings

    site = project.folder / "site-packages"

    def install(name, version, text):
        for old in site.glob(f"{name}-*"):
            for file in old.iterdir():
                file.unlink()
            old.rmdir()
        info = site / f"{name}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (info / "RECORD").write_text(f"{name}.py,,\n")
        (site / f"{name}.py").write_text(textwrap.dedent(text))
        surroundings.live.cache_clear()  # as in a new process: none installs anything while it runs
        return site

    monkeypatch.syspath_prepend(str(site))
    yield install
    surroundings.live.cache_clear()
