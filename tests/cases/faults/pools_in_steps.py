"""A step may start a pool of processes over functions of `__main__`, in every executor."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

from plait import Pipeline, step


def double(n):
    return 2 * n


@step
def doubled(n: int) -> list[int]:
    with multiprocessing.get_context("fork").Pool(2) as pool:
        return pool.map(double, range(n))


@step
def mapped(n: int) -> list[int]:
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as pool:
        return list(pool.map(double, range(n)))


if __name__ == "__main__":
    for executor in ("sequential", "threads", "processes"):
        run = Pipeline("p", [doubled, mapped]).run(n=3, executor=executor, store=None, listeners=[])
        print(executor, run["doubled"], run["mapped"])
