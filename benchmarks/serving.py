"""What it costs to be called through plait: a compiled six-node row function beside the bare calls."""

import time
from collections.abc import Callable

from benchmarks.measuring import Figure, table
from plait import Pipeline, step


@step
def distance(x: float, y: float) -> float:
    return (x * x + y * y) ** 0.5


@step
def hour(minute: int) -> int:
    return minute // 60 % 24


@step
def rush(hour: int) -> float:
    return 1.5 if 7 <= hour <= 9 or 16 <= hour <= 19 else 1.0


@step
def minutes(distance: float, rush: float, pace: float = 2.5) -> float:
    return distance * rush * pace


@step
def fare(distance: float, minutes: float) -> float:
    return 2.5 + 1.2 * distance + 0.35 * minutes


@step
def offer(fare: float, rush: float) -> float:
    return round(fare * (1.1 if rush > 1 else 1.0), 2)


RIDES = Pipeline("rides", [distance, hour, rush, minutes, fare, offer])


def bare() -> Callable[[float, float, int], float]:
    """The same calls, written by hand."""
    f1, f2, f3, f4, f5, f6 = (one.definition.fn for one in (distance, hour, rush, minutes, fare, offer))

    def ride(x: float, y: float, minute: int) -> float:
        far = f1(x, y)
        busy = f3(f2(minute))
        return f6(f5(far, f4(far, busy)), busy)

    return ride


def figures(calls: int = 20_000) -> list[Figure]:
    """Times of one call in nanoseconds, taken in turns so that a busy moment hits both."""
    run = RIDES.run(x=3.0, y=4.0, minute=500, store=None, listeners=[])
    compiled = RIDES.compile(offer, inputs=["x", "y", "minute"], given=run)
    times: dict[str, list[int]] = {"bare": [], "compiled": []}
    functions = {"bare": bare(), "compiled": compiled}
    clock = time.perf_counter_ns
    for at in range(calls):
        for name, function in functions.items():
            x, y = float(at % 17), float(at % 13)
            began = clock()
            function(x, y, at)
            times[name].append(clock() - began)
    for each in times.values():
        each.sort()
    found = []
    for point, share, aim in (("p50", 0.5, 1.2), ("p99", 0.99, 1.4)):
        by_hand, ours = (float(times[name][int(calls * share)]) for name in ("bare", "compiled"))
        found.append(
            Figure(f"a compiled row function of six steps, {point}", ours, "ns", aim * by_hand, by_hand, "bare")
        )
    return found


if __name__ == "__main__":
    print(table(figures()))
