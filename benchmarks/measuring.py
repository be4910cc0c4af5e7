"""Times over repeats, memory, and one table for all figures."""

import gc
import time
import tracemalloc
from collections.abc import Callable
from typing import NamedTuple


class Figure(NamedTuple):
    """One measured figure, beside what it is measured against."""

    what: str
    measured: float
    unit: str
    aim: float | None = None  # at most
    beside: float | None = None  # the same by plain Python, or by a peer, in this run
    whose: str = ""


def quickest(work: Callable[[], object], repeats: int = 15) -> float:
    """The time of the quickest of several turns, in seconds: what others do on the machine makes the rest slower."""
    times = []
    for _ in range(repeats):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return min(times)


def shortest(work: Callable[[], object], repeats: int = 5) -> float:
    """The shortest time that the processor took for some work, in seconds: without what others do."""
    times = []
    for _ in range(repeats):
        gc.collect()
        begun = time.process_time()
        made = work()
        times.append(time.process_time() - begun)
        del made
    return min(times)


def memory(make: Callable[[], object]) -> tuple[int, int]:
    """How many bytes what is made takes, and how many were taken at most while it was made."""
    gc.collect()
    tracemalloc.start()
    try:
        made = make()
        gc.collect()
        held, most = tracemalloc.get_traced_memory()
        del made
        return held, most
    finally:
        tracemalloc.stop()


def table(figures: list[Figure]) -> str:
    """The figures, one a line."""
    lines = [f"{'':<52} {'measured':>12} {'aim':>9}  {'beside':<32}"]
    for f in figures:
        aim = "" if f.aim is None else f"{f.aim:g}"
        mark = "" if f.aim is None or f.measured <= f.aim else "  above the aim"
        beside = "" if f.beside is None else f"{f.beside:.3g} {f.unit} {f.whose} ({f.measured / f.beside:.2f}x)"
        lines.append(f"{f.what:<52} {f.measured:>8.3g} {f.unit:<3} {aim:>9}  {beside:<32}{mark}".rstrip())
    return "\n".join(lines)
