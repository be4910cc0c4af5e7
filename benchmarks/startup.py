"""What `import plait` costs: in fresh processes, beside the bare interpreter and beside pandas."""

import statistics
import subprocess
import sys
import time

from benchmarks.measuring import Figure


def importing(statement: str, repeats: int = 11) -> float:
    """The median milliseconds of a fresh interpreter that runs a statement."""
    times = []
    for _ in range(repeats + 1):
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-c", statement], check=True)
        times.append(time.perf_counter() - begun)
    return statistics.median(times[1:]) * 1e3  # the first one writes bytecode


def figures() -> list[Figure]:
    """What an import adds to a bare interpreter."""
    bare = importing("pass")
    return [
        Figure("import plait", importing("import plait") - bare, "ms", 100, importing("import pandas") - bare, "pandas")
    ]
