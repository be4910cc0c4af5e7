"""A program to be killed: layers of small steps, of which each waits a little; some of their values are blobs.

`python -c "import killed; killed.main()" STORE EXECUTOR` runs it, and says what it is told while it does.
"""

import hashlib
import os
import sys
import time

from plait import Pipeline, Seed, auto, step

LAYERS = 4
HOLD = "hold"  # while there is such a file in the working folder, the last step does not end


def held() -> None:
    while os.path.exists(HOLD):
        time.sleep(0.002)


@step
def drawn(n: int, seed: Seed = auto) -> bytes:
    time.sleep(0.004)
    return hashlib.shake_256(f"{seed} {n}".encode()).digest(40_000)


@step
def mixed(a: bytes, b: bytes) -> bytes:
    time.sleep(0.004)
    return hashlib.shake_256(a + b).digest(40_000 if a[0] % 2 else 40)


@step(ignore=[held])
def summed(a: bytes, b: bytes) -> int:
    held()
    return sum(a) + sum(b)


def pipeline():
    steps = [drawn.named(f"at0_{i}").with_(n=i) for i in range(3)]
    for layer in range(1, LAYERS):
        before = [f"at{layer - 1}_{i}" for i in range(3)]
        steps += [mixed.named(f"at{layer}_{i}").bind(a=before[i], b=before[i - 1]) for i in range(3)]
    return Pipeline("killed", [*steps, summed.bind(a=f"at{LAYERS - 1}_0", b=f"at{LAYERS - 1}_1")])


def once(store, executor="sequential", workers=2, listener=None):
    """The digests of all nodes, and what became of each."""
    size = {} if executor == "sequential" else {"workers": workers}
    made = pipeline()
    run = made.run(store=store, seed=3, executor=executor, listeners=[listener] if listener else [], **size)
    return {name: run.digest(name) for name in made.nodes}, run.states


def main():
    once(sys.argv[1], sys.argv[2], listener=lambda event: print(type(event).__name__, flush=True))
