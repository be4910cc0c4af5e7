"""Building and running graphs of steps that do nothing: what the graph itself costs, a node."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import count
from typing import Any

from benchmarks.measuring import Figure, memory, quickest, shortest
from plait import Pipeline, step


@step
def one_more(x: int) -> int:
    return x + 1  # were it x, all nodes of a chain would have one key, and be one computation


@step
def either(x: int, y: int) -> int:
    return (3 * x + y) % 1_000_003


def chain(n: int) -> Pipeline[..., Any]:
    """n nodes, one after the other."""
    first = one_more.named("n0").bind(x="start")
    return Pipeline("chain", [first, *(one_more.named(f"n{i}").bind(x=f"n{i - 1}") for i in range(1, n))])


def layers(depth: int, width: int) -> Pipeline[..., Any]:
    """Layers of nodes that each read two nodes of the layer above."""
    steps = [one_more.named(f"n0_{j}").bind(x="start") for j in range(width)]
    for i in range(1, depth):
        above = [f"n{i - 1}_{j}" for j in range(width)]
        steps += [either.named(f"n{i}_{j}").bind(x=above[j], y=above[(j + 1) % width]) for j in range(width)]
    return Pipeline("layers", steps)


def plain(n: int) -> Callable[[], int]:
    """The same work without a graph."""
    function = one_more.fn

    def run() -> int:
        x = 1
        for _ in range(n):
            x = function(x)
        return x

    return run


def figures() -> list[Figure]:
    """What building and running costs, in microseconds a node."""
    found = []
    built, wide = chain(1000), layers(50, 100)
    in_python = quickest(plain(1000)) * 1e3
    for name, pipeline, n, aim, last, make in (
        ("chain of 1,000", built, 1000, 8, "n999", lambda: chain(1000)),
        ("50 layers of 100", wide, 5000, 12, None, lambda: layers(50, 100)),
    ):
        targets = (last,) if last else ()
        per = 1e6 / n

        def run(pipeline: Any = pipeline, targets: Any = targets, start: int = 1, **options: Any) -> Any:
            return pipeline.run(*targets, start=start, listeners=[], **options)

        found.append(Figure(f"{name}: build", quickest(make) * per, "us", 10))
        found.append(
            Figure(f"{name}: run in memory", quickest(lambda: run(store=None)) * per, "us", aim, in_python, "plain")
        )
        with tempfile.TemporaryDirectory() as store:
            seeds = count()  # far apart, so that no node has the key of another run
            cold = quickest(lambda: run(start=10**6 * next(seeds), store=store), 9)  # noqa: B023
            run(store=store)
            warm = quickest(lambda: run(store=store))
        found.append(Figure(f"{name}: a store, cold", cold * per, "us", 60))
        found.append(Figure(f"{name}: a store, warm", warm * per, "us", 12))
    found.append(Figure("chain of 1,000: a store, warm, a new process", fresh() * 1e3, "us", 12))
    found += large()
    peer = hamilton_chain(1000)
    if peer is not None:
        found += [
            Figure(f"chain of 1,000: hamilton, {what}", us, "us")
            for what, us in zip(("build", "run"), peer, strict=True)
        ]
    return found


def fresh(processes: int = 15) -> float:
    """The seconds of a warm run of the chain in a process that ran nothing of it before; imports are not counted."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks.graphs", f"{folder}/store", f"{folder}/other"]
        times = [subprocess.run(command, capture_output=True, check=True, text=True) for _ in range(processes + 1)]
        return min(float(done.stdout) for done in times[1:])


def once(store: str, other: str) -> float:
    """The seconds of one run of the chain, after one of three nodes in another store, which imports what is needed."""
    pipeline = chain(1000)
    chain(3).run("n2", start=1, listeners=[], store=other)
    begun = time.perf_counter()
    pipeline.run("n999", start=1, listeners=[], store=store)
    return time.perf_counter() - begun


def large(n: int = 100_000) -> list[Figure]:
    """What a large graph costs to build and to check, its steps included (`named` and `bind`): time and memory a node.

    The list of the steps is counted too; a pipeline keeps them, so that another one can be made of it.
    """
    found = []
    for name, make in (
        (f"chain of {n:,}", lambda: chain(n)),
        (f"100 layers of {n // 100:,}", lambda: layers(100, n // 100)),
    ):
        held, most = memory(make)
        found += [
            Figure(f"{name}: build, processor time", shortest(make) / n * 1e6, "us", 8),
            Figure(f"{name}: bytes held", held / n, "B", 1000),
            Figure(f"{name}: bytes at most", most / n, "B", 1000),
        ]
    return found


def hamilton_chain(n: int) -> tuple[float, float] | None:
    """The same chain in the quickest peer, if it is installed: microseconds a node to build and to run."""
    try:
        from hamilton import ad_hoc_utils, driver
    except ImportError:
        return None
    sys.setrecursionlimit(50_000)  # it walks the chain by recursion
    source = ["def n0(start: int) -> int: return start"]
    source += [f"def n{i}(n{i - 1}: int) -> int: return n{i - 1}" for i in range(1, n)]
    space: dict[str, Any] = {}
    exec("\n".join(source), space)
    module = ad_hoc_utils.create_temporary_module(*(space[f"n{i}"] for i in range(n)), module_name="peer_chain")
    begun = time.perf_counter()
    peer = driver.Builder().with_modules(module).build()
    build = time.perf_counter() - begun
    run = quickest(lambda: peer.execute([f"n{n - 1}"], inputs={"start": 1}), 5)
    return build / n * 1e6, run / n * 1e6


if __name__ == "__main__":
    print(once(*sys.argv[1:]))
