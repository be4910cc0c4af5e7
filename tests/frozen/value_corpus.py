"""Values whose digests are frozen in value_digests.json: one of each form that is written. Run it to print them.

A change of a digest makes every result that anybody kept unreachable: a decision, to be said in the changelog.
"""

import collections
import dataclasses
import datetime
import decimal
import enum
import json
import sys
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import scipy.sparse


class Colour(enum.Enum):
    RED = 1


class Pair(NamedTuple):
    x: int
    y: str


@dataclasses.dataclass
class Point:
    x: Any = 1
    y: Any = 2.5


class Own:
    def __plait_digest__(self) -> Any:
        return ["own", 1]


def twice(x: int) -> int:
    return 2 * x


def knot() -> list[Any]:
    found: list[Any] = [1]
    found.append((found, 2))
    return found


def values() -> dict[str, Any]:
    frame = pd.DataFrame(
        {"i": np.array([1, 2], "i8"), "f": [1.5, np.nan], "s": pd.array(["a", None], dtype="string")},
        index=pd.Index(np.array([3, 4], "i4"), name="n"),
    )
    table = pa.table({"a": pa.array([1, None], pa.int32()), "b": pa.array(["x", "yz"]), "c": pa.array([[1], []])})
    masked = np.ma.array(np.array([1.0, 2.0]), mask=[0, 1], fill_value=9.0)
    return {
        "none": None, "true": True, "int": 12345, "great int": -(2**70), "float": 1.5, "minus zero": -0.0,
        "nan": float("nan"), "complex": 1 - 2j, "text": "a\u00e9\U0001f600", "half a pair": "\ud800", "bytes": b"\0\xff",
        "long bytes": bytes(5000), "ellipsis": ..., "list": [1, "a", [None]], "tuple": (1, "a"), "empty": [(), [], {}, set()],
        "dict": {"a": 1, "b": [2]}, "mixed dict": {1: "a", ("b",): None}, "set": {"a", "b", 3}, "frozenset": frozenset({1, (2,)}),
        "long list": list(range(100_000)), "long text list": [str(i) for i in range(1000)], "knot": knot(), "enum": Colour.RED,
        "named tuple": Pair(1, "a"), "dataclass": Point(), "nested dataclass": Point(Point(), [Point()]), "own": Own(),
        "function": twice, "class": Point, "date": datetime.date(2020, 1, 2), "time": datetime.datetime(2020, 1, 2, 3, tzinfo=datetime.UTC),
        "delta": datetime.timedelta(1, 2), "decimal": decimal.Decimal("1.50"), "ordered": collections.OrderedDict(a=1),
        "array": np.arange(6, dtype="i4").reshape(2, 3), "floats": np.array([0.5, -0.0, np.nan]), "scalar": np.float32(1.5),
        "text array": np.array(["a", "bc"]), "times": np.array(["2020-01-01", "NaT"], "M8[ns]"), "masked": masked,
        "records": np.array([(1, 2.5)], [("a", "i4"), ("b", "f8")]), "objects": np.array(["a", None, (1,)], object),
        "frame": frame, "series": frame["f"], "index": frame.index, "categories": pd.Categorical(["a", "b", "a"], ordered=True).rename_categories(["a", "b"]).codes,
        "array within": Point(np.asfortranarray(np.arange(6, dtype="f8").reshape(2, 3))), "table": table, "arrow array": table["b"].chunk(0),
        "long array": np.arange(40_000, dtype="f8").reshape(-1, 4), "sparse": scipy.sparse.csr_array(np.array([[0, 1.5], [2, 0]])),
    }  # fmt: skip


def digests() -> dict[str, str]:
    from plait.testing.codecs import digest

    return {name: digest(value) for name, value in values().items()}


if __name__ == "__main__":
    json.dump(digests(), sys.stdout, indent=1)
    print()
