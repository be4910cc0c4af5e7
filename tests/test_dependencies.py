"""What pyproject.toml says of dependencies is true, and no attribute of a package hangs on what else was imported."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
TREES = {path: ast.parse(path.read_text()) for path in sorted((ROOT / "src").rglob("*.py"))}
FOUND = {
    "torch",  # used where it is found: which wheel is right is a matter of the machine
    "IPython",  # is there when it is asked for, since the notebook runs in it
    "pydantic_core",  # pydantic demands one release of it
}
ALIASES = {"np": "numpy", "pd": "pandas", "pa": "pyarrow", "pl": "polars"}


def normal(name):
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", name)[0]).lower()


def top_level(requirements):
    """The modules that some requirements bring, by the name of the distribution."""
    names = {normal(one) for one in requirements}
    brought = {name: set() for name in names}
    for module, distributions in packages_distributions().items():
        for one in distributions:
            if normal(one) in names:
                brought[normal(one)].add(module)
    return brought


def imported(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module


USED = {name.partition(".")[0] for tree in TREES.values() for name in imported(tree)} - {"plait"}
USED -= set(sys.stdlib_module_names)


def test_what_is_imported_is_declared():
    said = [*PROJECT["dependencies"], *(one for some in PROJECT["optional-dependencies"].values() for one in some)]
    brought = set().union(*top_level(said).values())
    assert {name for name in USED - FOUND - brought if find_spec(name) is not None} == set(), (
        "declare it in pyproject.toml"
    )


def test_what_is_declared_is_imported():
    brought = top_level(PROJECT["dependencies"])
    assert {name for name, modules in brought.items() if not modules & USED} == set()


def chains(tree):
    """The dotted names in a tree that begin with a module of another package."""
    known = dict(ALIASES)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            known |= {
                alias.asname or alias.name.partition(".")[0]: alias.asname
                and alias.name
                or alias.name.partition(".")[0]
                for alias in node.names
            }
    deep = {name for name in imported(tree)}
    for node in ast.walk(tree):
        names, at = [], node
        while isinstance(at, ast.Attribute):
            names, at = [at.attr, *names], at.value
        if names and isinstance(at, ast.Name) and known.get(at.id, "").partition(".")[0] in USED:
            yield known[at.id], names, sorted(name for name in deep if name.startswith(known[at.id] + "."))


CHAINS = {}
for path, tree in TREES.items():
    for module, names, others in chains(tree):
        CHAINS.setdefault(module, set()).add((".".join(names), tuple(others)))


@pytest.mark.parametrize("module", sorted(CHAINS))
def test_an_attribute_of_a_package_is_there_when_the_package_alone_is_imported(module):
    """Such as `pandas.api.internals`, which pandas 3.0 has only after an import of that."""
    if find_spec(module.partition(".")[0]) is None:
        pytest.skip(f"{module} is not installed")
    program = f"""if True:
        import importlib, sys, warnings
        warnings.simplefilter("ignore")
        module = importlib.import_module({module!r})
        for chain, others in {sorted(CHAINS[module])!r}:
            for other in others:
                importlib.import_module(other)
            at = module
            for name in chain.split("."):
                if not isinstance(at, type(sys)):  # an object: what it has is seen by the tests that use it
                    break
                if not hasattr(at, name):
                    print({module!r} + "." + chain)
                    break
                at = getattr(at, name)
        """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
