"""`sys.exit` in a step is a failure of that step, not the end of the program."""

import sys

from plait import NodeFailed, Pipeline, step


@step
def tool(n: int) -> int:
    sys.exit(0)  # as the main() of argparse, click or typer ends, which a step calls


@step
def other() -> int:
    return 1


for executor in ("sequential", "threads", "processes"):
    p = Pipeline("p", [tool, other])
    states = p.run(n=1, fail="keep-going", executor=executor, store=None, listeners=[]).states
    print(executor, dict(sorted(states.items())))
    try:
        p.run(n=1, executor=executor, store=None, listeners=[])
    except NodeFailed as error:
        print(executor, "SystemExit: 0" in str(error))
