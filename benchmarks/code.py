"""What it costs to say what a step's code is: when its file is met for the first time, and in each run after that."""

import importlib
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.measuring import Figure, table
from plait.core.code import Walk
from plait.core.values import Values
from plait.runtime.surroundings import Live

STEPS = 100
REPEATS = 7
TEXT = '''
def helper_{n}(frame, factor={n}):
    """Sums a column."""
    sums = frame.groupby(["a"])["b"].sum().reset_index()
    return sums.merge(frame, on="a", how="left").assign(c=lambda one: one["b"] * factor)

def step_{n}(frame, limit=3):
    """A plain step: a helper, a constant, two packages."""
    found = helper_{n}(frame)
    for name in COLUMNS:
        if name not in found:
            found[name] = np.log1p(found["c"]) + limit
    return pd.concat([found, frame]).sort_values("a")
'''


def figures() -> list[Figure]:
    """Milliseconds a step, with its helper."""
    turns = [_turn(turn) for turn in range(REPEATS)]
    first, again = (median(times) * 1e3 for times in zip(*turns, strict=True))
    return [
        Figure("code of a step and its helper: met for the first time", first, "ms", 1),
        Figure("code of a step and its helper: in another run", again, "ms", 0.3),
    ]


def _turn(turn: int) -> tuple[float, float]:
    live = Live()
    with tempfile.TemporaryDirectory() as folder:
        name = f"plait_benchmark_{turn}"
        head = "import numpy as np\nimport pandas as pd\nCOLUMNS = ['a', 'b']\n"
        Path(folder, f"{name}.py").write_text(head + "".join([TEXT.format(n=n) for n in range(STEPS)]))
        sys.path.insert(0, folder)
        try:
            module = importlib.import_module(name)
            steps = [getattr(module, f"step_{n}") for n in range(STEPS)]
            return _walked(live, steps), _walked(live, steps)
        finally:
            sys.path.remove(folder)
            del sys.modules[name]


def _walked(live: Live, steps: list[Callable[..., Any]]) -> float:
    walk: Walk
    values = Values((), lambda thing: walk.token(thing))
    walk = Walk(live, values.encode)
    begun = time.process_time()
    for step in steps:
        walk.of({"call": step})
    return (time.process_time() - begun) / len(steps)


def main() -> None:
    """Prints one table."""
    sys.stdout.write(table(figures()) + "\n")


if __name__ == "__main__":
    main()
