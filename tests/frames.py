"""Values of pandas at their worst, for hypothesis: every dtype, index, name and attribute that there is."""

import contextlib
import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
from hypothesis import strategies as st

UNITS = ["s", "ms", "us", "ns"]
ZONES = [
    "UTC",
    "Europe/Paris",
    "America/St_Johns",
    ZoneInfo("Asia/Tokyo"),
    datetime.timezone(datetime.timedelta(minutes=-210)),
]
DAY = datetime.date(2020, 2, 29)
LEAVES = st.sampled_from([
    None, float("nan"), pd.NA, pd.NaT, True, 1, 1.0, -0.0, 0, 2**70, "a", "", "\ud800", "é", b"a", 1j, np.int64(1), np.float32(1), np.str_("a"), np.bool_(True),
    np.datetime64("2020-01-01"), DAY, datetime.datetime(2020, 1, 1), datetime.time(1), datetime.timedelta(1), Decimal("1.50"), pd.Timestamp(2020, 1, 1), pd.Timedelta(1),
    pd.Timestamp("2020-10-25 00:30", tz="UTC").tz_convert("Europe/Paris"), pd.Period("2020", "M"), pd.Interval(0, 1), (), (1, "a"), ("a", None), frozenset({1}), np.inf,
])  # fmt: skip
LABELS = st.sampled_from(
    [
        None,
        float("nan"),
        0,
        1,
        1.0,
        True,
        "a",
        "b",
        "",
        "a\0",
        "\ud800",
        (1, "a"),
        ("a",),
        (),
        DAY,
        b"a",
        np.int64(1),
        pd.Timestamp(2020, 1, 1),
        pd.NA,
    ]
)
CELLS = (
    LEAVES
    | st.lists(LEAVES, max_size=2)
    | st.dictionaries(st.text(max_size=1), st.lists(LEAVES, max_size=1), max_size=2)
)
NAMES = LABELS.filter(lambda name: name is not pd.NA and name == name)
ATTRS = st.dictionaries(
    st.sampled_from(["a", "b", 1, ("t",)]), CELLS | st.just(np.arange(3)) | st.just({"x": [float("nan")]}), max_size=2
)
ARROW = {
    pa.int8(): st.integers(-9, 9), pa.uint64(): st.integers(0, 2**64 - 1), pa.float32(): st.floats(width=32), pa.float64(): st.floats(), pa.bool_(): st.booleans(),
    pa.string(): st.text(st.characters(codec="utf-8"), max_size=3), pa.large_string(): st.text(st.characters(codec="utf-8"), max_size=3),
    pa.binary(): st.binary(max_size=3), pa.binary(2): st.binary(min_size=2, max_size=2), pa.decimal128(5, 2): st.decimals(-99, 99, places=2), pa.null(): st.none(),
    pa.list_(pa.int64()): st.lists(st.integers(0, 9) | st.none(), max_size=2), pa.struct({"a": pa.int8(), "b": pa.string()}): st.just({"a": 1, "b": None}),
    pa.map_(pa.string(), pa.int8()): st.just([("k", 1)]), pa.date32(): st.dates(), pa.time64("us"): st.times(), pa.duration("ms"): st.just(datetime.timedelta(1)),
    pa.timestamp("s"): st.just(datetime.datetime(2020, 1, 1)), pa.timestamp("ns", "Europe/Paris"): st.just(datetime.datetime(2020, 1, 1)),
    pa.dictionary(pa.int8(), pa.string()): st.sampled_from(["a", "b"]), pa.list_(pa.int8(), 2): st.just([1, 2]),
}  # fmt: skip


def some(size: int, items: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(items, min_size=size, max_size=size)


def objects(items: list[Any]) -> Any:
    array = np.empty(len(items), object)
    array[:] = items if not items else [None] * len(items)
    for place, item in enumerate(items):
        array[place] = item
    return array


@st.composite
def plain(draw: st.DrawFn, size: int) -> Any:
    dtype = np.dtype(
        draw(st.sampled_from(["?", "i1", "<i2", ">i4", "i8", "u1", "u8", "f2", "f4", ">f8", "f8", "c8", "c16", "g"]))
    )
    raw = draw(st.binary(min_size=size * dtype.itemsize, max_size=size * dtype.itemsize))
    if dtype.kind == "b":
        return np.frombuffer(raw, "u1").astype(bool)
    return np.arange(size, dtype=dtype) if dtype.char == "g" else np.frombuffer(raw, dtype).copy()


@st.composite
def times(draw: st.DrawFn, size: int) -> Any:
    unit, zone = draw(st.sampled_from(UNITS)), draw(st.none() | st.sampled_from(ZONES))
    near = draw(some(size, st.integers(-(10**9), 10**9) | st.just(np.iinfo("i8").min)))
    array = np.array(near, "i8")
    if draw(st.booleans()):
        return pd.array(array.view(f"m8[{unit}]"))
    stamps = pd.DatetimeIndex(array.view(f"M8[{unit}]"))
    return (stamps if zone is None else stamps.tz_localize("UTC").tz_convert(zone)).array


@st.composite
def periods(draw: st.DrawFn, size: int) -> Any:
    numbers = draw(some(size, st.integers(-999, 999) | st.just(np.iinfo("i8").min)))
    dtype = pd.PeriodDtype(draw(st.sampled_from(["M", "D", "2h", "Q-NOV", "W-WED", "ns"])))
    return pd.arrays.PeriodArray(np.array(numbers, "i8"), dtype=dtype)


@st.composite
def intervals(draw: st.DrawFn, size: int) -> Any:
    left = draw(
        st.sampled_from(
            [
                np.arange(size),
                np.arange(size) * 1.5,
                pd.date_range("2020", periods=size),
                pd.timedelta_range("1D", periods=size),
            ]
        )
    )
    index = pd.IntervalIndex.from_arrays(left, left, closed=draw(st.sampled_from(["left", "right", "both", "neither"])))
    return index.array


@st.composite
def kinds(draw: st.DrawFn, size: int) -> Any:
    categories = draw(st.sampled_from([
        ["b", "a", "unused"], [3, 1, 2], [1.5, -0.5], pd.date_range("2020", periods=3, tz="UTC"), objects([1, "a", (2,)]), pd.array(["x", "y"], dtype="string"), [True, False],
        pd.Index(["u", "v"], name="named"), pd.interval_range(0, 3), [],
    ]))  # fmt: skip
    codes = draw(some(size, st.integers(-1, len(categories) - 1)))
    return pd.Categorical.from_codes(codes, pd.Index(categories), ordered=draw(st.booleans()))


@st.composite
def nullable(draw: st.DrawFn, size: int) -> Any:
    dtype = draw(st.sampled_from(["Int8", "Int64", "UInt16", "Float32", "Float64", "boolean"]))
    items = {"F": st.floats(width=32), "b": st.booleans(), "I": st.integers(-9, 9), "U": st.integers(0, 9)}[dtype[0]]
    made = pd.array(draw(some(size, items | st.none())), dtype=dtype)
    if dtype[0] == "F" and size and draw(st.booleans()):
        made._data[0] = np.nan  # not missing, and no number
    return made


@st.composite
def texts(draw: st.DrawFn, size: int) -> Any:
    dtype = draw(
        st.sampled_from(
            [
                "str",
                pd.StringDtype("python", np.nan),
                pd.StringDtype("python", pd.NA),
                pd.StringDtype("pyarrow", pd.NA),
                object,
            ]
        )
    )
    return pd.array(draw(some(size, st.text(st.characters(codec="utf-8"), max_size=3) | st.none())), dtype=dtype)


@st.composite
def arrow(draw: st.DrawFn, size: int) -> Any:
    kind = draw(st.sampled_from(list(ARROW)))
    items = draw(some(size, ARROW[kind] | st.none()))
    parts = [items] if draw(st.booleans()) else [items[:1], items[1:]]
    return pd.arrays.ArrowExtensionArray(pa.chunked_array([pa.array(part, kind) for part in parts], kind))


@st.composite
def sparse(draw: st.DrawFn, size: int) -> Any:
    dense, fill = draw(
        st.sampled_from([([0.0, 1.5, np.nan], np.nan), ([0.0, 1.5, np.nan], 0.0), ([0, 7], 0), ([True, False], False)])
    )
    return pd.arrays.SparseArray(draw(some(size, st.sampled_from(dense))), fill_value=fill, dtype=np.array(dense).dtype)


def mixed(size: int) -> st.SearchStrategy[Any]:
    return some(size, CELLS).map(objects)


COLUMNS = [plain, times, periods, intervals, kinds, nullable, texts, arrow, sparse, mixed]
RANGES = [
    ("D", None),
    ("3h", None),
    ("-2D", None),
    ("ME", "UTC"),
    ("B", None),
    ("QE-NOV", None),
    ("W-WED", "Europe/Paris"),
    ("YS", None),
    ("5ms", None),
]


@st.composite
def flat_indexes(draw: st.DrawFn, size: int) -> Any:
    name = draw(NAMES)
    match draw(st.sampled_from(["range", "labels", "dates", "deltas", "column", "column"])):
        case "range":
            start, step = draw(st.integers(-9, 9)), draw(st.sampled_from([1, -1, 3]))
            return pd.RangeIndex(start, start + size * step, step, name=name)
        case "labels":
            return pd.Index(objects(draw(some(size, LABELS))), dtype=object, name=name, tupleize_cols=False)
        case "dates":
            frequency, zone = draw(st.sampled_from(RANGES))
            index = pd.date_range(
                "2020-03-28", periods=size, freq=frequency, tz=zone, name=name, unit=draw(st.sampled_from(UNITS[1:]))
            )
            return index if draw(st.booleans()) else index._with_freq(None)
        case "deltas":
            return pd.timedelta_range("1D", periods=size, freq=draw(st.sampled_from(["D", "3h"])), name=name)
    values = draw(draw(st.sampled_from([plain, times, periods, intervals, kinds, nullable, texts, arrow]))(size))
    if isinstance(values, np.ndarray) and (values.dtype.char in "eg" or values.dtype.byteorder == ">"):
        values = values.astype("f8")
    return pd.Index(values, name=name, copy=True)


@st.composite
def indexes(draw: st.DrawFn, size: int) -> Any:
    if draw(st.integers(0, 3)):
        return draw(flat_indexes(size))
    depth, unused = draw(st.integers(1, 3)), draw(st.integers(0, 2))
    levels = [draw(flat_indexes(size + unused)) for _ in range(depth)]
    try:
        index = pd.MultiIndex.from_arrays(levels, names=draw(some(depth, NAMES)))
    except (
        TypeError,
        ValueError,
        NotImplementedError,
        pa.ArrowException,
    ):  # what cannot be sorted or hashed is no level
        index = pd.MultiIndex.from_arrays([np.arange(size + unused) % 2] * depth)
    return index[:size]  # whose levels keep what is not used any more


def flagged(draw: st.DrawFn, value: Any) -> Any:
    value.attrs = draw(ATTRS)
    if draw(st.booleans()):
        with contextlib.suppress(Exception):  # labels are there twice, or pandas cannot tell
            value.flags.allows_duplicate_labels = False
    return value


@st.composite
def series(draw: st.DrawFn) -> Any:
    size = draw(st.integers(0, 4))
    values = draw(draw(st.sampled_from(COLUMNS))(size))
    made = pd.Series(values, draw(indexes(size)), dtype=values.dtype, name=draw(NAMES), copy=False)
    return flagged(draw, made.iloc[:: draw(st.sampled_from([1, -1, 2]))])


@st.composite
def frames(draw: st.DrawFn) -> Any:
    size, width = draw(st.integers(0, 4)), draw(st.integers(0, 4))
    columns = [draw(draw(st.sampled_from(COLUMNS))(size)) for _ in range(width)]
    frame = pd.DataFrame(
        {place: pd.Series(values, dtype=values.dtype, copy=False) for place, values in enumerate(columns)},
        index=range(size),
    )
    frame.index, frame.columns = draw(indexes(size)), draw(indexes(width))
    return flagged(
        draw,
        changed(
            frame,
            draw(st.sampled_from(["as it is", "backwards", "some rows", "some columns", "copied", "put together"])),
        ),
    )


def changed(frame: Any, how: str) -> Any:
    """The same or part of it, laid out in another way."""
    match how:
        case "backwards":
            return frame.iloc[::-1, ::-1]
        case "some rows":
            return frame.iloc[::2]
        case "some columns":
            return frame.iloc[:, :2]
        case "copied":
            return frame.copy()
        case "put together":
            halves, labels = [frame.iloc[:, :1], frame.iloc[:, 1:]], frame.columns
            for half in halves:
                half.columns = range(half.shape[1])
            with contextlib.suppress(Exception):  # pandas cannot do so by some indexes
                frame = pd.concat(halves, axis=1)
                frame.columns = labels
    return frame


def values() -> st.SearchStrategy[Any]:
    return frames() | series() | st.integers(0, 4).flatmap(indexes)
