"""What `import plait` gives, and what it costs."""

import subprocess
import sys

import plait


def test_the_list_of_public_names_is_sorted_and_complete():
    assert plait.__all__ == sorted(plait.__all__)
    public = {name for name, value in vars(plait).items() if not name.startswith("_") and not _is_module(value)}
    assert public == set(plait.__all__)


def _is_module(value):
    return type(value).__name__ == "module"


def test_importing_plait_imports_nothing_heavy():
    heavy = "numpy pandas pyarrow sklearn pydantic networkx rich typer yaml sqlite3 asyncio joblib cloudpickle multiprocessing"
    code = f"import sys, plait; print(*[m for m in {heavy.split()!r} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []


def test_every_public_class_and_function_says_what_it_is_for():
    for name in plait.__all__:
        value = getattr(plait, name)
        if isinstance(value, type) or callable(value) and not name == "auto":
            assert (value.__doc__ or "").strip(), name
