"""The first import of a module inside a step does not consume the numbers of the step."""

import random
import subprocess
import sys
from pathlib import Path

from plait import Pipeline, step

Path("drawing.py").write_text("import random\nimport numpy\nrandom.random(); numpy.random.rand()\n")
sys.path.insert(0, "")


@step
def draw(n: int) -> list[float]:
    import lightgbm  # noqa: F401 - draws from `random` while it is imported for the first time
    import numpy

    return [random.random(), float(numpy.random.rand())]


if __name__ == "__main__":
    executor = sys.argv[1] if len(sys.argv) > 1 else ""
    if not executor:
        for executor in ("sequential", "threads", "processes"):
            for before in ("", "import lightgbm, drawing"):
                script = f"{before}\nimport runpy, sys; sys.argv = ['', {executor!r}]; runpy.run_path({__file__!r}, run_name='__main__')"
                print(
                    subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout,
                    end="",
                )
    else:
        print(Pipeline("p", [draw]).run(n=1, executor=executor, store=None, listeners=[]).result)
