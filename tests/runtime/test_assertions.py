"""Steps that assert, under `python -O`, and arrays that a step tries to change in place."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from plait import NodeFailed, Pipeline, step

PROGRAM = """
import sys
from plait import Pipeline, step

def check(n):
    "Doc."
    assert n > 0, n
    return n

@step
def helper(n: int) -> int: return check(n)

@step
def debug(n: int) -> bool: return __debug__

@step
def documented(n: int) -> str: return check.__doc__ or ""

@step
def other(n: int) -> int: return n

p = Pipeline("p", [helper, debug, documented, other])
run = p.run(n=-1, store="s", executor=sys.argv[1], fail="keep-going", listeners=[])
print(sorted(run.states.items()), run["debug"], run["documented"])
"""


def run_program(folder, executor, *flags):
    told = subprocess.run(
        [sys.executable, *flags, "program.py", executor], cwd=folder, capture_output=True, text=True, check=True
    )
    return told.stdout.strip()


@pytest.mark.parametrize("executor", ["sequential", "processes"])
def test_what_ran_without_assertions_is_no_hit_with_them(tmp_path, executor):
    Path(tmp_path, "program.py").write_text(PROGRAM)
    without = [("debug", "run"), ("documented", "run"), ("helper", "run"), ("other", "run")]
    assert run_program(tmp_path, executor, "-O") == f"{without} False Doc."
    with_them = [("debug", "run"), ("documented", "run"), ("helper", "failed"), ("other", "hit")]
    assert run_program(tmp_path, executor) == f"{with_them} True Doc."
    bare = [("debug", "hit"), ("documented", "run"), ("helper", "hit"), ("other", "hit")]
    assert run_program(tmp_path, executor, "-OO") == f"{bare} False"


@step
def numbers() -> np.ndarray:
    return np.array([3.0, 1.0, 2.0])


def add(given):
    given += 1


CHANGES = {
    "add": add,
    "assign": lambda given: given.__setitem__(0, 1),
    "sort": lambda given: given.sort(),
    "fill": lambda given: given.fill(0),
    "out": lambda given: np.sqrt(given, out=given),
    "shuffle": lambda given: np.random.default_rng(0).shuffle(given),
    "view": lambda given: given[1:].__setitem__(0, 1),
}


@pytest.mark.parametrize("executor", ["sequential", "threads", "processes"])
@pytest.mark.parametrize("how", CHANGES)
def test_changing_a_shared_array_says_to_copy_it(how, executor):
    change = CHANGES[how]

    @step
    def changes(numbers: np.ndarray) -> float:
        change(numbers)
        return 1.0

    with pytest.raises(NodeFailed) as failure:
        Pipeline("p", [numbers, changes]).run(executor=executor, store=None, listeners=[])
    notes = failure.value.__cause__.__notes__
    said = "the argument numbers is shared, so it is read-only: copy it first, numbers = numbers.copy()"
    assert said in notes, notes


def test_an_array_of_the_step_itself_gets_no_hint():
    @step
    def changes(n: int) -> float:
        mine = np.zeros(n)
        mine.flags.writeable = False
        mine += 1
        return 1.0

    with pytest.raises(NodeFailed) as failure:
        Pipeline("p", [changes]).run(n=3, store=None, listeners=[])
    assert not hasattr(failure.value.__cause__, "__notes__")
