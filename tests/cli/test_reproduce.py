"""`plait reproduce`: a node that failed in a run, once more, from what the store knows."""

import subprocess
import sys
from os import environ, pathsep
from pathlib import Path

import pytest

SRC = str(Path(__file__).parents[2] / "src")
MODULE = """
import numpy as np
from plait import Now, Pipeline, Seed, auto, step

@step
def table(n: int = 5) -> np.ndarray:
    return np.arange(n)

@step
def drawn(table: np.ndarray, now: Now = auto, k: int = 3, seed: Seed = auto) -> int:
    local = int(table.sum())
    raise ValueError(f"{local} {k} {seed} {now.year}")

p = Pipeline("p", [table, drawn])
"""


def plait(folder, *arguments, given=""):
    path = pathsep.join(filter(None, [SRC, environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, "-m", "plait", *arguments], cwd=folder, input=given, text=True, capture_output=True,
        timeout=240, env={**environ, "PYTHONPATH": path, "PLAIT_STORE": str(folder / "store")},
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def failed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    (folder / "mod.py").write_text(MODULE)
    code, _, err = plait(folder, "run", "mod:p", "--set", "k=8", "--seed", "5", "-q")
    assert code == 1
    return folder, next(line for line in err.splitlines() if line.startswith("ValueError: 10 8 "))


def test_it_raises_the_same_error_from_the_same_inputs_and_seed(failed):
    folder, error = failed
    code, out, err = plait(folder, "reproduce", "last", "drawn")
    assert code == 1 and out == "" and err.splitlines()[-1] == error
    assert "in drawn" in err and "plait" not in err.replace(str(folder), "")


def test_the_debugger_opens_in_the_step(failed):
    folder, error = failed
    code, out, _ = plait(folder, "reproduce", "last", "drawn", "--pdb", given="p local\np seed\nq\n")
    assert code == 1 and "(Pdb) 10\n" in out and f"(Pdb) {error.split()[3]}\n" in out


def test_limits_are_given_by_name(failed):
    code, _, err = plait(failed[0], "run", "mod:p", "--limit", "gpu", "-q")
    assert code == 1 and "write POOL=AMOUNT" in err
    code, _, err = plait(
        failed[0], "run", "mod:p", "--target", "table", "--limit", "memory=2GiB", "--limit", "gpu=1", "-q", "--no-store"
    )
    assert code == 0, err


def test_a_node_that_did_not_fail_is_refused_with_the_near_miss(failed):
    code, _, err = plait(failed[0], "reproduce", "last", "drawm")
    assert code == 1 and "drawm did not fail in the run" in err and "Did you mean 'drawn'?" in err


def test_code_that_was_mended_since_is_called_as_it_is_now(failed, tmp_path):
    import shutil

    folder = tmp_path / "project"
    shutil.copytree(failed[0], folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "mod.py").write_text(MODULE.replace("raise ValueError", "return local\n    raise ValueError"))
    code, out, err = plait(folder, "reproduce", "last", "drawn")
    assert code == 0 and out == "drawn does not fail any more: 10\n" and "the code of drawn has changed" in err
