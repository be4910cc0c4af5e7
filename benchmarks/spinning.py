"""Steps that burn processor time, in a module that imports nothing else: a worker has to import it."""

import time

from plait import Pipeline, step


@step
def spin(seconds: float, n: int) -> int:
    """Burns processor time, not time of day, so that other programs do not count."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        n = (n * 7919 + 13) % 1_000_003
    return n


SPINS = Pipeline("spins", [spin.named(f"spin{i}").with_(n=i) for i in range(8)])
