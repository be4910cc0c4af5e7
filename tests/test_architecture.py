"""Imports point down: no cycle, no upward edge, lazy and type-only imports counted, and no exemptions."""

import ast
from pathlib import Path

import networkx

SRC = Path(__file__).parent.parent / "src"
LAYERS = {
    "core": 0, "errors": 0, "files": 0, "secret": 0,
    "code_by_value": 1, "history": 1, "lines": 1, "ports": 1,
    "runtime": 2, "stores": 2, "codecs": 2, "executors": 2, "plugins": 2,
    "show": 3, "compiling": 3,
    "accepting": 5, "keyring": 5, "pipeline": 5, "by_call": 5, "items": 5, "online": 5, "sweeping": 5, "swept": 5, "storage": 5, "session": 5, "opening": 5, "past": 5, "parameters": 5, "configuration": 5, "fields": 5, "graphs": 5, "options": 5, "schema": 5, "varying": 5, "yaml12": 5, "settings": 5, "upkeep": 5, "cli": 5, "testing": 5,
    "__init__": 5, "__main__": 5,
}  # fmt: skip
ADAPTERS = {"stores", "codecs", "executors"}


def module_name(path):
    parts = path.relative_to(SRC).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in (SRC / "plait").rglob("*.py")}


def imports(path):
    """The modules of ours that a module imports anywhere: at its top, in functions, for types only."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide where they point"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            if not name.startswith("plait"):
                continue
            yield name if name in MODULES else name.rpartition(".")[0]


EDGES = [(name, target) for name, path in MODULES.items() for target in imports(path) if target != name]


def package(module):
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def test_every_module_has_a_layer():
    assert {package(module) for module in MODULES} <= set(LAYERS)


def test_no_import_points_up():
    upward = [(a, b) for a, b in EDGES if LAYERS[package(b)] > LAYERS[package(a)]]
    assert upward == []


def test_there_is_no_cycle_of_imports():
    graph = networkx.DiGraph(EDGES)
    assert [sorted(found) for found in networkx.strongly_connected_components(graph) if len(found) > 1] == []


def test_adapters_know_neither_siblings_nor_the_runtime():
    known = {"runtime", "plugins", "show"}
    found = [
        (a, b)
        for a, b in EDGES
        if package(a) in ADAPTERS
        and (package(b) in known or (package(b) in ADAPTERS and a.split(".")[1:3] != b.split(".")[1:3]))
    ]
    assert found == []


def test_nothing_below_the_door_imports_an_adapter():
    assert [(a, b) for a, b in EDGES if package(b) in ADAPTERS and package(a) not in ADAPTERS | {"testing"}] == []


def test_the_capabilities_do_not_know_each_other_or_the_door():
    assert [(a, b) for a, b in EDGES if package(a) == "show" and LAYERS[package(b)] > 3] == []


def test_the_core_needs_nothing_but_the_standard_library_and_blake3():
    import sys

    outside = set()
    for name, path in MODULES.items():
        if package(name) not in ("core", "errors", "files"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            modules = []
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                modules = [node.module]
            outside |= {
                (name, m) for m in modules if m.split(".")[0] not in {*sys.stdlib_module_names, "plait", "blake3"}
            }
    lazy = {("plait.core.graph", "networkx"), ("plait.core.ambient", "numpy.random")}  # what the design allows, by name
    assert outside <= lazy


def test_no_module_has_grown_beyond_400_lines():
    assert [name for name, path in MODULES.items() if len(path.read_text().splitlines()) > 400] == []
