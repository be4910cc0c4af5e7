"""Big values: what it costs to keep and to read a frame of 285 MB and an array of 400 MB, beside the raw limit.

The raw limit is what any program needs that writes the file and hashes it: Arrow IPC or `.npy`, and BLAKE3; to read,
mapping the file and hashing it. Both are measured by turns in one run, and the best of each is taken.
Each run of plait is in a process of its own; imports, what a process makes once, and the work of the step itself are
not counted.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.measuring import Figure, table

REPEATS = 7
LENGTH = 50_000_000  # 400 MB
ROWS, COLUMNS = 990_000, 36  # 285 MB


def figures(repeats: int = REPEATS) -> list[Figure]:
    """All figures."""
    found: list[Figure] = []
    for kind, size in (("frame", "285 MB"), ("array", "400 MB")):
        turns = [_turn(kind) for _ in range(repeats)]
        taken = {name: min(turn[name] for turn in turns) * 1e3 for name in turns[0]}  # others may use the machine
        write, read = taken["raw write"], taken["raw read"]
        taken["warm"] -= taken["aggregate"]  # which is what a run costs that reads nothing
        found += [
            Figure(f"{kind} of {size}: made and kept", taken["cold"], "ms", 1.15 * write, write, "write and hash"),
            Figure(f"{kind}: read back, warm", taken["warm"], "ms", 1.1 * read, read, "map and hash"),
            Figure(f"{kind}: both", taken["cold"] + taken["warm"], "ms", 1.15 * (write + read), write + read, "raw"),
            Figure(f"{kind}: a warm aggregate, it is not touched", taken["aggregate"], "ms", 10),
            Figure(f"{kind}: peak of memory, in times its size", taken["memory"], "x", 2.1),
        ]
    return found


def _turn(kind: str) -> dict[str, float]:
    """Seconds, one after the other: raw, cold, warm and the aggregate."""
    folder = tempfile.mkdtemp(prefix="plait-bench-")
    try:
        made: dict[str, float] = {}
        for what in ("raw", "cold", "aggregate", "warm"):
            command = [sys.executable, "-m", "benchmarks.values", what, kind, folder]
            done = subprocess.run(command, capture_output=True, check=True, text=True)
            made |= json.loads(done.stdout.splitlines()[-1])
        return made
    finally:
        shutil.rmtree(folder)


def _value(kind: str) -> Any:
    import numpy as np
    import pandas as pd

    if kind == "array":
        return np.arange(LENGTH, dtype=float)
    columns = np.arange(ROWS * COLUMNS, dtype=float).reshape(COLUMNS, ROWS)
    return pd.DataFrame(columns.T, columns=[f"column {place}" for place in range(COLUMNS)], copy=False)


def _raw(kind: str, folder: str) -> dict[str, float]:
    import numpy as np
    import pyarrow as pa
    from blake3 import blake3

    value, path = _value(kind), Path(folder, "raw")

    def write() -> None:
        if kind == "array":
            with path.open("wb") as file:
                np.save(file, value)
        else:
            columns = pa.table({name: value[name].to_numpy() for name in value})
            with path.open("wb") as file, pa.ipc.new_file(file, columns.schema) as writer:
                writer.write_table(columns)
        blake3(max_threads=blake3.AUTO).update_mmap(path).hexdigest()

    def read() -> None:
        blake3(max_threads=blake3.AUTO).update_mmap(path).hexdigest()
        if kind == "array":
            np.load(path, mmap_mode="r")
        else:
            pa.ipc.open_file(pa.memory_map(str(path))).read_all()

    try:
        return {"raw write": _taken(write), "raw read": _taken(read)}
    finally:
        path.unlink()  # else the disk would still be writing it while ours is measured


def _ours(what: str, kind: str, folder: str) -> dict[str, float]:
    from plait import Pipeline, step

    @step(version=kind)
    def big(part: int) -> Any:
        value = _value(kind)
        return value if part == 1 else value[: len(value) // part].copy()

    @step(version=kind)
    def aggregate(big: Any) -> float:
        return float(big[:10].sum() if kind == "array" else big["column 0"].sum())

    pipeline: Pipeline[..., Any] = Pipeline("values", [big, aggregate])
    with tempfile.TemporaryDirectory() as other:  # whatever is imported, or made once, or again after imports
        for part in (100, 99):
            assert len(pipeline.run(part=part, store=other, listeners=[])["big"])
    runs = []

    def run() -> None:
        target = "aggregate" if what == "aggregate" else "big"
        runs.append(pipeline.run(target, part=1, store=folder, listeners=[]))

    before = _reset()
    taken = _taken(run)
    if what == "aggregate":
        return {what: taken}
    if what == "warm":
        return {what: taken + _taken(lambda: runs[0]["big"])}
    peak = _status("VmHWM") - before
    pipeline.run("aggregate", part=1, store=folder, listeners=[])
    size = LENGTH * 8 if kind == "array" else ROWS * COLUMNS * 8
    return {what: taken - runs[0].to_frame().loc["big", "seconds"], "memory": peak / size / 1e3}


def _taken(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _reset() -> int:
    """Forgets how much memory this process has had, and says how much it has."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def main(arguments: list[str]) -> None:
    """Prints one table; with arguments, what one process of it measured."""
    if not arguments:
        print(table(figures()))
        return
    what, kind, folder = arguments
    print(json.dumps(_raw(kind, folder) if what == "raw" else _ours(what, kind, folder)))


if __name__ == "__main__":
    main(sys.argv[1:])
