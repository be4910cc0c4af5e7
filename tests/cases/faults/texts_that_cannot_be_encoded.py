"""Any text that Python can hold can be recorded: a run never vanishes because of what is to be said about it."""

import os
import subprocess
import sys

from plait import NodeFailed, Pipeline, step

name = os.fsdecode(b"x\xff.csv")


@step
def read(path: str) -> str:
    return path


@step
def fails(path: str) -> str:
    raise ValueError(f"cannot read {path}")


if __name__ == "__main__":
    for executor in ("sequential", "threads", "processes"):
        store = "s-" + executor
        first = Pipeline("p", [read]).run(path=name, store=store, executor=executor, listeners=[])
        again = Pipeline("p", [read]).run(path=name, store=store, listeners=[])
        try:
            Pipeline("p", [fails]).run(path=name, store=store, executor=executor, listeners=[])
        except NodeFailed:
            pass
        print(
            executor,
            first.states,
            again.states,
            again.result == name,
            [run.status for run in Pipeline("p", [read]).runs(store=store)],
        )
        for command in (["runs", "--store", store], ["store", "check", "--store", store]):
            done = subprocess.run(
                [sys.executable, "-m", "plait", *command], capture_output=True, text=True, errors="replace"
            )
            print(command[0], done.returncode, "died" in done.stdout, "BAD" in done.stdout + done.stderr)
