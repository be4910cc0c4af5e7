"""How quickly are values named? Large ones beside BLAKE3 on bare memory, and a million small ones."""

import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import scipy.sparse
from blake3 import blake3

from benchmarks.measuring import Figure, median, table
from plait.testing.codecs import digest

ROWS, COLUMNS = 1_000_000, 36  # 288 MB of numbers
SMALL = 1_000_000
RATIO = 1.25  # at least 80 % of the speed of the hash alone


@dataclass
class Point:
    x: int
    y: str


def figures() -> list[Figure]:
    """All figures."""
    return [*large(), *small()]


def large() -> list[Figure]:
    """Arrays and frames of 288 MB."""
    numbers = np.random.default_rng(0).random((COLUMNS, ROWS))
    raw = median(lambda: blake3(memoryview(numbers).cast("B"), max_threads=blake3.AUTO).digest(), 5) * 1e3
    rows = np.ascontiguousarray(numbers.T)
    columns = {f"column {place}": numbers[place] for place in range(COLUMNS)}
    values: dict[str, tuple[object, float | None]] = {
        "array of 288 MB": (numbers, RATIO),
        "frame of 288 MB": (pd.DataFrame(columns), RATIO),
        "frame of 288 MB, a block a column": (pd.DataFrame(columns, copy=False), RATIO),
        "arrow table of 288 MB": (pa.table(columns), RATIO),
        "CSR matrix of 288 MB": (_sparse(numbers), RATIO),
        "array of 288 MB in Fortran order": (rows.T, None),  # what is not in order must be copied first
        "frame of 288 MB around an array of rows": (pd.DataFrame(rows, copy=False), None),
    }
    try:
        import polars as pl
    except ImportError:
        pass
    else:
        values["polars frame of 288 MB"] = (pl.DataFrame(columns), RATIO)
    found = [Figure("BLAKE3 of 288 MB", raw, "ms")]
    for what, (value, aim) in values.items():
        taken = median(lambda value=value: digest(value), 5) * 1e3
        found.append(Figure(what, taken, "ms", None if aim is None else aim * raw, raw, "the hash alone"))
    text = pd.DataFrame({"s": [f"item {number % 1000}" for number in range(ROWS)]})
    return [*found, Figure("frame of a million texts", median(lambda: digest(text), 5) * 1e3, "ms")]


def _sparse(numbers: np.ndarray) -> scipy.sparse.csr_array:
    stored = numbers.reshape(-1)[: numbers.size * 2 // 3]
    places = np.arange(len(stored), dtype="i4") % 1000
    ends = np.arange(0, len(stored) + 1, 1000, dtype="i4")
    made = scipy.sparse.csr_array((len(ends) - 1, 1000))
    made.data, made.indices, made.indptr = stored[: ends[-1]], places[: ends[-1]], ends
    return made


def small() -> list[Figure]:
    """A million small values, in some shapes."""
    rows = SMALL // 10
    values: dict[str, tuple[Callable[[], object], float | None]] = {
        "a million whole numbers in a list": (lambda: list(range(SMALL)), 0.5),
        "a million texts in a list": (lambda: [str(number) for number in range(SMALL)], 0.5),
        "a million lists of one number": (lambda: [[number] for number in range(SMALL)], 1.5),
        "records of a million small values": (
            lambda: [
                {"id": n, "name": f"n{n}", "x": n / 2, "ok": True, "tags": ["a", "b"], "at": (n, 2)}
                for n in range(rows)
            ],
            1.5,
        ),
        "a hundred thousand dataclasses": (lambda: [Point(number, "a") for number in range(rows)], None),
        "a list 100,000 levels deep": (_deep, None),
    }
    found = []
    for what, (make, aim) in values.items():
        value = make()
        found.append(Figure(what, median(lambda value=value: digest(value), 5), "s", aim))
    return found


def _deep() -> list[object]:
    value: list[object] = []
    for _ in range(100_000):
        value = [value]
    return value


def main() -> None:
    """Prints one table."""
    sys.stdout.write(table(figures()) + "\n")


if __name__ == "__main__":
    main()
