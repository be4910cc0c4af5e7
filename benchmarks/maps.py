"""Maps of steps that do nothing: what an item costs, beside the same nodes written out one by one."""

import tempfile

from benchmarks.measuring import Figure, quickest
from plait import Pipeline, each, pipeline, step

ITEMS = 10_000


@step
def numbers(n: int) -> list[int]:
    return list(range(n))


@step
def same(x: int) -> int:
    return x


@step
def total(xs: list[int]) -> int:
    return sum(xs)


@pipeline
def mapped(n: int) -> int:
    return total(same.map(each(numbers(n))))


def figures() -> list[Figure]:
    """What an item costs in memory and from a warm store, in microseconds."""
    steps = [same.named(f"same_{i}").with_(x=i) for i in range(ITEMS)]
    written = Pipeline("written", [*steps, total.bind(xs=[one.name for one in steps])])
    per = 1e6 / ITEMS
    memory = quickest(lambda: written.run(store=None, listeners=[]), 9) * per
    aimed = quickest(lambda: mapped.run(n=ITEMS, store=None, listeners=[]), 9) * per
    found = [Figure("map of 10,000 items: in memory", aimed, "us", 15, memory, "one by one")]
    with tempfile.TemporaryDirectory() as store:
        written.run(store=store, listeners=[])
        mapped.run(n=ITEMS, store=store, listeners=[])
        warm = quickest(lambda: written.run(store=store, listeners=[]), 9) * per
        aimed = quickest(lambda: mapped.run(n=ITEMS, store=store, listeners=[]), 9) * per
    return [*found, Figure("map of 10,000 items: warm", aimed, "us", 15, warm, "one by one")]
