"""Several runs at once in one program share global random state: each draws its own numbers, and hits are right."""

import random
import time
from concurrent.futures import ThreadPoolExecutor

from plait import Pipeline, step


@step
def draws(n: int = 0) -> list[float]:
    first = random.random()
    time.sleep(0.01)
    return [first, random.random()]


pipes = [Pipeline("p", [draws.named(f"draws{i}")]) for i in range(30)]
want = [p.run(store=None, listeners=[]).result for p in pipes]
for executor in ("sequential", "threads", "processes"):
    for store in (None, f"store-{executor}"):

        def run(pipe, executor=executor, store=store):
            return pipe.run(
                store=store, executor=executor, workers=None if executor == "sequential" else 1, listeners=[]
            )

        with ThreadPoolExecutor(6) as pool:  # such as the threads of a web server
            got = list(pool.map(lambda pipe: run(pipe).result, pipes))
        print(executor, "store" if store else "memory", "wrong", sum(a != b for a, b in zip(got, want, strict=True)))
    kept = [p.run(store=f"store-{executor}", listeners=[]) for p in pipes]
    print(executor, "wrong hits", sum(r.result != b for r, b in zip(kept, want, strict=True)))
