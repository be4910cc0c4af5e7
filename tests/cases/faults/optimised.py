"""A result that was made without asserts is not a hit where they count."""

import subprocess
import sys

from plait import Pipeline, step


@step
def checked(n: int) -> int:
    assert n > 0
    return n


if __name__ == "__main__":
    if len(sys.argv) > 1:
        run = Pipeline("p", [checked]).run(
            n=-1, store=f"s-{sys.argv[1]}", executor=sys.argv[1], fail="keep-going", listeners=[]
        )
        print(sys.argv[1], run.states)
    else:
        for executor in ("sequential", "threads", "processes"):
            for flags in (["-O"], []):
                done = subprocess.run(
                    [sys.executable, *flags, __file__, executor], capture_output=True, text=True, check=True
                )
                print(done.stdout, end="")
