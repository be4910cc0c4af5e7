"""The conformance kit over every codec that is found by its file, with samples of its kind."""

import datetime
import functools
from collections import namedtuple
from collections.abc import Callable
from decimal import Decimal
from importlib.util import find_spec
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from plait import plugins
from plait.files import Dir, File
from plait.testing.codecs import CHECKS, Case

RANDOM = np.random.default_rng(0)
DAYS = pd.date_range("2020-03-28", periods=3, freq="D", name="when")


class Sample(NamedTuple):
    codec: str
    what: str
    make: Callable[[], Any]
    spoilers: tuple[Callable[[Any], object], ...] = ()


class Money:
    """A class of the user's, that no codec knows."""

    def __init__(self, amount: Any) -> None:
        self.amount = amount


def set_first(array: Any) -> None:
    array[(0,) * array.ndim] = array[(-1,) * array.ndim]


def fill_with_itself_backwards(array: Any) -> None:
    array[...] = array[::-1].copy()


def unlock(array: Any) -> None:
    array.flags.writeable = True
    set_first(array)


def mutate_items(array: Any) -> None:
    for item in array.ravel():
        if isinstance(item, list):
            item.append("spoilt")


ARRAY = (set_first, fill_with_itself_backwards, unlock, mutate_items, lambda a: a.sort(), lambda a: a.base.fill(0))


def each_column(change: Callable[[Any, int], object]) -> Callable[[Any], None]:
    def spoil(frame: Any) -> None:
        for place in range(frame.shape[1]):
            try:
                change(frame, place)
            except (ValueError, TypeError):
                continue

    spoil.__name__ = change.__name__
    return spoil


def set_a_cell(frame: Any, place: int) -> None:
    frame.iloc[0, place] = frame.iloc[-1, place]


def set_a_column(frame: Any, place: int) -> None:
    frame.isetitem(place, frame.iloc[:, place].to_numpy()[::-1])


def set_in_the_array(frame: Any, place: int) -> None:
    array = frame.iloc[:, place].array
    array[0] = array[-1]


def set_in_the_values(frame: Any, place: int) -> None:
    values = frame.iloc[:, place].values
    values[0] = values[-1]


def set_in_numpy(frame: Any, place: int) -> None:
    values = frame.iloc[:, place].to_numpy(copy=False)
    values[0] = values[-1]


def shift_in_place(frame: Any, place: int) -> None:
    column = frame.iloc[:, place]
    column += column


def empty_the_items(frame: Any, place: int) -> None:
    for item in frame.iloc[:, place]:
        if isinstance(item, list):
            item.append("spoilt")


def set_all_values(frame: Any) -> None:
    frame.values[:] = frame.values[::-1].copy()


def rename_axes(frame: Any) -> None:
    frame.index.name = "spoilt"
    frame.columns.name = "spoilt"


def set_names(value: Any) -> None:
    index = value if isinstance(value, pd.Index) else value.index
    index.names = ["spoilt"] * index.nlevels


def set_in_the_index(value: Any) -> None:
    index = value if isinstance(value, pd.Index) else value.index
    array = index.array
    array[0] = array[-1]


def set_in_values_of_the_index(value: Any) -> None:
    index = value if isinstance(value, pd.Index) else value.index
    index.values[0] = index.values[-1]


def set_in_a_series_of_the_index(value: Any) -> None:
    index = value if isinstance(value, pd.Index) else value.index
    series = pd.Series(index, copy=False)
    series.iloc[0] = series.iloc[-1]


def mark_in_attrs(value: Any) -> None:
    value.attrs["spoilt"] = 1
    for item in value.attrs.values():
        if isinstance(item, list):
            item.append(1)


def change_flags(value: Any) -> None:
    value.flags.allows_duplicate_labels = not value.flags.allows_duplicate_labels


def set_first_of_series(series: Any) -> None:
    series.iloc[0] = series.iloc[-1]


def set_array_of_series(series: Any) -> None:
    series.array[0] = series.array[-1]


def reset_and_write(frame: Any) -> None:
    flat = frame.reset_index()
    flat.iloc[0, 0] = flat.iloc[-1, 0]


def change_levels(index: Any) -> None:
    index.levels[0].array[0] = index.levels[0].array[-1]


def change_codes(index: Any) -> None:
    index.codes[0][0] = index.codes[0][-1]


INDEX = (
    set_names,
    set_in_the_index,
    set_in_values_of_the_index,
    set_in_a_series_of_the_index,
    change_levels,
    change_codes,
)
SERIES = (
    *INDEX[:4],
    set_first_of_series,
    set_array_of_series,
    mark_in_attrs,
    change_flags,
    lambda s: s.sort_values(inplace=True),
    lambda s: s.values.fill(0),
    lambda s: s.fillna(s.iloc[0], inplace=True),
)
FRAME = (
    *map(
        each_column,
        (set_a_cell, set_a_column, set_in_the_array, set_in_the_values, set_in_numpy, shift_in_place, empty_the_items),
    ),
    *INDEX[:4],
    set_all_values,
    rename_axes,
    mark_in_attrs,
    change_flags,
    reset_and_write,
    lambda f: f.insert(0, "spoilt", 1),
    lambda f: f.drop(columns=f.columns[0], inplace=True),
    lambda f: f.sort_values(f.columns[0], inplace=True, ascending=False),
    lambda f: f.fillna(0, inplace=True),
)


class Point(namedtuple("Point", "x y")):
    pass


@functools.cache
def arrays() -> dict[str, Any]:
    strange = np.zeros(4, dtype={"names": ["b", "a"], "formats": ["<f8", "i1"], "offsets": [8, 0], "itemsize": 24})
    strange["b"] = [1, 2, 3, 4]
    objects = np.empty(3, object)
    objects[:] = ["a", [1], None]
    big = RANDOM.random((200, 300))
    great = RANDOM.random((60, 40, 12))
    return {
        "floats": RANDOM.random(7),
        "of C order": RANDOM.random((3, 5)),
        "of F order": np.asfortranarray(big),
        "transposed": big.T,
        "strided": big[::3, ::2],
        "reversed": big[::-1],
        "broadcast": np.broadcast_to(big[0], (5, 300)),
        "big endian": big.astype(">f8"),
        "0-d": np.array(3.5),
        "empty": np.zeros((0, 3)),
        "empty columns": np.zeros((3, 0)),
        "half": RANDOM.random(5).astype("f2"),
        "long double": np.arange(5, dtype="g"),
        "complex": big[0] + 1j,
        "long complex": np.arange(5, dtype="G") * 1j,
        "bools": np.array([True, False]),
        "bytes": np.array([b"a", b"bcd"]),
        "text": np.array(["a", "\u00e9\U0001f600"]),
        "empty text": np.array([""]),
        "void": np.array([b"abc"], "V3"),
        "days": np.array(["2020-01-01", "NaT"], "M8[D]"),
        "twenty-five seconds": np.array([1, 2], "M8[25s]"),
        "big-endian times": np.array([1, 2], ">m8[ns]"),
        "records": np.array([(1, 2.5, "x")], [("a", "i4"), ("b", ">f8"), ("c", "U3")]),
        "gaps": strange,
        "nested records": np.zeros(3, [("a", [("x", "i1"), ("y", "f4", (2, 3))]), ("b", "?")]),
        "aligned records": np.zeros(2, np.dtype([("a", "i1"), ("b", "f8")], align=True)),
        "titles": np.zeros(2, np.dtype([(("Title", "a"), "i4")])),
        "objects": objects,
        "records with objects": np.array([(1, [2])], [("a", "i4"), ("b", object)]),
        "objects 2-d": np.array([["a", 1], [None, 2.5]], object),
        "strings": np.array(["a", "bcd" * 20], np.dtypes.StringDType()),
        "strings with NaN": np.array(["a", np.nan], np.dtypes.StringDType(na_object=np.nan)),
        "NaN payloads": np.array([0x7FF8000000000001, 0xFFF8000000000000], "u8").view("f8"),
        "metadata": np.zeros(2, np.dtype("f8", metadata={"unit": "m"})),
        "masked": np.ma.array([1.0, 2.0, 3.0], mask=[0, 1, 0], fill_value=9.0),
        "masked nowhere": np.ma.array(big),
        "masked F": np.ma.array(np.asfortranarray(big), mask=big > 0.5),
        "masked records": np.ma.array([(1, 2.0)], mask=[(0, 1)], dtype=[("a", "i4"), ("b", "f8")]),
        "masked text": np.ma.array(["a", "b"], mask=[0, 1]),
        "masked objects": np.ma.array(objects, mask=[0, 0, 1]),
        "masked 0-d": np.ma.array(3.0, mask=True),
        "a great one": RANDOM.random(50_000),
        "many ints": np.arange(100_000, dtype="i2"),
        "a great one of F order": np.asfortranarray(great),
        "a great one in strides": great.transpose(1, 0, 2)[::-1, :, ::2],
        "a great one of big endian": great[:, 0].astype(">f8"),
        "a great one for all rows": np.broadcast_to(great[0, 0, 0], (300, 60)),
        "a great one of many bytes a row": RANDOM.random((2, 1_000_000)).astype("f4").T,
        "many records": np.zeros(20_000, strange.dtype)[::-1],
        "many texts": np.array([f"row {number}" for number in range(9_000)])[::2],
        "many days": np.arange(20_000).astype("M8[D]").reshape(100, 200).T,
        "many objects": np.array(["a", 1] * 10_000, object),
    }


@functools.cache
def scalars() -> dict[str, Any]:
    return {
        repr(item): item
        for item in (
            np.float64(-0.0),
            np.float32("nan"),
            np.int8(3),
            np.bool_(True),
            np.str_("a"),
            np.bytes_(b"a\0"),
            np.datetime64("2020-01-01", "h"),
            np.timedelta64(3, "s"),
            np.longdouble(1) / 3,
            np.complex64(1j),
            np.datetime64("NaT", "s"),
            np.zeros(1, [("a", "i1"), ("b", "f8")])[0],
            np.void(b"abc"),
        )
    }


@functools.cache
def columns() -> dict[str, Any]:
    zoned = DAYS.tz_localize("Europe/Paris")
    return {
        "floats": [1.5, np.nan, -0.0],
        "ints": [1, 2, 3],
        "small": np.array([1, 2, 3], "i1"),
        "half": np.array([1, 2, 3], "f2"),
        "bools": [True, False, True],
        "complex": [1j, 2.0, np.nan],
        "days": DAYS,
        "seconds": DAYS.as_unit("s"),
        "none": pd.to_datetime([None] * 3),
        "nanoseconds": DAYS.as_unit("ns").where([True, False, True]),
        "Paris": zoned,
        "UTC": DAYS.tz_localize("UTC"),
        "offset": DAYS.tz_localize(datetime.timezone(datetime.timedelta(hours=-3))),
        "deltas": DAYS - DAYS[0],
        "text": ["a", None, "c\u00e9"],
        "string": pd.array(["a", None, "b"], dtype="string"),
        "python text": pd.array(["a", None, "b"], dtype=pd.StringDtype("python", np.nan)),
        "python string": pd.array(["a", None, "b"], dtype=pd.StringDtype("python", pd.NA)),
        "kinds": pd.Categorical(["x", None, "y"], categories=["z", "y", "x"], ordered=True),
        "numbered kinds": pd.Categorical([3, 1, 3]),
        "kinds of days": pd.Categorical(DAYS),
        "kinds of mixed": pd.Categorical([1, "a", 1]),
        "Int64": pd.array([1, None, 2], dtype="Int64"),
        "UInt8": pd.array([1, None, 2], dtype="UInt8"),
        "Float32": pd.array([1.5, None, 2], dtype="Float32"),
        "boolean": pd.array([True, None, False], dtype="boolean"),
        "periods": pd.period_range("2020", periods=3, freq="M"),
        "quarters": pd.period_range("2020", periods=3, freq="Q-NOV"),
        "intervals": pd.interval_range(0, 3, closed="left"),
        "intervals of days": pd.IntervalIndex.from_breaks(pd.date_range("2020", periods=4)),
        "sparse": pd.arrays.SparseArray([0, 0, 1]),
        "arrow ints": pd.array([1, None, 2], dtype="int64[pyarrow]"),
        "arrow bools": pd.array([True, None, False], dtype="bool[pyarrow]"),
        "arrow text": pd.array(["a", None, "b"], dtype=pd.ArrowDtype(pa.string())),
        "arrow decimals": pd.array([Decimal("1.5"), None, Decimal(2)], dtype=pd.ArrowDtype(pa.decimal128(5, 2))),
        "arrow lists": pd.array([[1], None, [2, 3]], dtype=pd.ArrowDtype(pa.list_(pa.int64()))),
        "arrow times": pd.array(DAYS, dtype=pd.ArrowDtype(pa.timestamp("ns", "UTC"))),
        "arrow kinds": pd.array(["a", "b", "a"], dtype=pd.ArrowDtype(pa.dictionary(pa.int8(), pa.string()))),
        "objects": pd.Series(["a", [1], None], dtype=object),
        "mixed": pd.Series(["a", 1, None], dtype=object),
        "old text": pd.Series(["a", "b", None], dtype=object),
        "old text with NaN": pd.Series(["a", "b", np.nan], dtype=object),
        "surrogates": pd.Series(["a", "\ud800", "b"], dtype=object),
        "dates": pd.Series([datetime.date(2020, 1, 1)] * 3, dtype=object),
        "tuples": pd.Series([(1, "a"), (2,), ()], dtype=object),
        "bytes": pd.Series([b"a", b"", b"c"], dtype=object),
    }


@functools.cache
def frames() -> dict[str, Any]:
    numbers = RANDOM.random((50, 4))
    about = pd.DataFrame(numbers, columns=list("abcd"))
    about.attrs = {"source": ("x", 1.5, [1, 2]), "nan": float("nan")}
    about.flags.allows_duplicate_labels = False
    apart = pd.DataFrame(numbers.copy(), columns=list("abcd"))
    apart["e"] = 1.0
    chunks = pd.concat([pd.Series(["a", "b"]), pd.Series(["c", None])]).to_frame("text")
    holey = pd.DataFrame(numbers, columns=list("abcd"))
    holey.attrs = {"array": np.arange(3)}
    wide = pd.DataFrame(RANDOM.random((3, 400)))
    everything = {
        what: pd.Series(column, index=DAYS) if not isinstance(column, pd.Index) else pd.Series(column.array, index=DAYS)
        for what, column in columns().items()
        if not isinstance(column, pd.Series)
    }
    return {
        "everything": pd.DataFrame(everything),
        "numbers": pd.DataFrame(numbers),
        "attrs and flags": about,
        "many blocks": apart,
        "chunks": chunks,
        "attrs that are not plain": holey,
        "wide": wide,
        "long": pd.DataFrame(RANDOM.random((30_000, 3)), columns=["a", "b", "c"]),
        "Fortran": pd.DataFrame(np.asfortranarray(numbers), copy=False),
        "sliced": pd.DataFrame(numbers).iloc[::2, ::-1],
        "big endian": pd.DataFrame({"a": numbers[:, 0].astype(">f8")}, copy=False),
        "transposed": pd.DataFrame(numbers).T,
        "nothing": pd.DataFrame(),
        "no columns": pd.DataFrame(index=[1, 2]),
        "no rows": pd.DataFrame(columns=["a", "b"]),
        "no rows but dtypes": pd.DataFrame(everything).iloc[:0],
        "labels twice": pd.DataFrame([[1, 2.0], [3, 4.0]], columns=["a", "a"]),
        "mixed labels": pd.DataFrame([[1, 2, 3]], columns=[0, "a", None]),
        "square": pd.DataFrame([[1, 2], [3, 4]], columns=["a", "b"], index=["x", "y"]),
        "labels of many levels": about.set_index(["a", "b"]),
        "pivot": pd.DataFrame({"x": ["a", "b", "a"], "d": DAYS, "v": [1, 2, 3]}).pivot_table(
            index="x", columns="d", values="v"
        ),
        "columns of many levels": pd.DataFrame(
            numbers[:, :2], columns=pd.MultiIndex.from_tuples([("a", 1), ("a", 2)], names=["x", None])
        ),
        "named columns": pd.DataFrame(numbers, columns=pd.Index(list("abcd"), name="letters")),
        "one row": pd.DataFrame({"a": [1], "b": ["x"]}),
        "range of columns": pd.DataFrame(numbers, columns=pd.RangeIndex(1, 9, 2, name="odd")),
        "dates as labels": pd.DataFrame([[1, 2]], columns=[datetime.date(2020, 1, 1), datetime.date(2020, 1, 2)]),
        "numpy labels": pd.DataFrame([[1]], columns=pd.Index([np.int64(3)], dtype=object)),
        "kinds as columns": pd.DataFrame([[1, 2]], columns=pd.CategoricalIndex(["a", "b"])),
    }


@functools.cache
def indexes() -> dict[str, Any]:
    deep = pd.MultiIndex.from_product([["a", "b"], DAYS], names=["x", None])
    return {
        "ints": pd.Index([3, 1, 2], name="n"),
        "floats": pd.Index([1.5, np.nan]),
        "text": pd.Index(["a", "b"]),
        "bools": pd.Index([True, False]),
        "range": pd.RangeIndex(3, 30, 3, name=("a", 1)),
        "empty range": pd.RangeIndex(0),
        "daily": DAYS,
        "business": pd.bdate_range("2020", periods=5),
        "monthly": pd.date_range("2020", periods=5, freq="ME", tz="America/New_York"),
        "backwards": pd.date_range("2020", periods=5, freq="-2D"),
        "no frequency": DAYS[[0, 2]],
        "deltas": pd.timedelta_range("1D", periods=3, freq="3h"),
        "periods": pd.period_range("2020", periods=3, freq="M", name="p"),
        "kinds": pd.CategoricalIndex(["a", "b", "a"], ordered=True),
        "intervals": pd.interval_range(0.0, 3.0),
        "two levels": deep,
        "unused levels": deep[:2],
        "with holes": pd.MultiIndex.from_arrays([["a", None], [1, 2]]),
        "empty levels": deep[:0],
        "dup names": deep.set_names(["x", "x"]),
        "objects": pd.Index(["a", 1, None], dtype=object),
        "dates": pd.Index([datetime.date(2020, 1, 1)]),
        "special days": pd.date_range("2020", periods=3, freq=pd.DateOffset(months=1, days=2)),
        "holidays": pd.date_range("2020", periods=3, freq=pd.offsets.CustomBusinessDay(holidays=["2020-01-01"])),
        "masked": pd.Index([1, None], dtype="Int64"),
        "pytz-like": DAYS.tz_localize(datetime.timezone(datetime.timedelta(hours=1), "CET")),
        "zone": DAYS.tz_localize(ZoneInfo("Asia/Tokyo")),
        "long": pd.Index(np.arange(50_000) * 2),
    }


@functools.cache
def estimators() -> dict[str, Any]:
    X = np.asfortranarray(RANDOM.random((60, 3)))
    y = (X[:, 0] > 0.5).astype(int)
    frame = pd.DataFrame({"a": X[:, 0], "k": ["u", "v"] * 30})
    return {
        "not fitted": LinearRegression(),
        "linear": LinearRegression().fit(X, y),
        "logistic": LogisticRegression().fit(X, y),
        "forest": RandomForestRegressor(3, random_state=0).fit(X, y),
        "boosting": HistGradientBoostingClassifier(max_iter=3).fit(X, y),
        "pipeline": make_pipeline(FunctionTransformer(np.log1p), StandardScaler(), LogisticRegression()).fit(X, y),
        "columns": make_column_transformer((OneHotEncoder(), ["k"]), (StandardScaler(), ["a"])).fit(frame, y),
    }


PLAIN = {
    f"{type(value).__name__} {place}": value  # the repr of a set depends on the hash seed
    for place, value in enumerate(
        (
            None,
            True,
            1,
            2**80,
            -(2**64),
            1.5,
            -0.0,
            0.1,
            float("inf"),
            float("nan"),
            1j,
            complex("nan-infj"),
            "a",
            "",
            "\ud800\0\u2028",
            b"",
            b"\x00\xff",
            [],
            (),
            {},
            set(),
            frozenset(),
            [1, [2, (3,)]],
            {"a": 1},
            {"d": [1], "t": 2},
            {"t": [1]},
            {1: "a", "1": "b", None: 2},
            {(1, 2): {3}},
            {frozenset({1, (2,)}): {b"x", 1.5, None}},
            {True, "a", 2},
            {"b": 1, "a": 2},
            [float("nan")] * 2,
            {1.5: -0.0},
        )
    )
}

OBJECTS = {
    "an instance": Money(np.asfortranarray(RANDOM.random((30, 40)))),
    "a date": datetime.date(2020, 1, 1),
    "aware": datetime.datetime(2020, 1, 1, tzinfo=ZoneInfo("Europe/Paris")),
    "holds a frame": Money(pd.DataFrame(RANDOM.random((5, 3)))),
    "holds a strided array": Money(RANDOM.random((30, 40))[::2, ::2]),
    "a decimal": Decimal("1.50"),
    "many arrays": Money([RANDOM.random(1000), RANDOM.random((10, 10)).T]),
    "a function": np.log1p,
    "a generator": np.random.default_rng(3),
    "a matrix": np.matrix([[1, 2]]),
    "records": np.rec.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]),
}

ESTIMATORS = ("skops", "sklearn") if find_spec("skops") else ("sklearn",)

SAMPLES = [
    *(Sample("plain", what, lambda value=value: value) for what, value in PLAIN.items()),
    *(Sample("numpy", what, lambda what=what: arrays()[what], ARRAY) for what in arrays()),
    *(Sample("numpy", what, lambda what=what: scalars()[what]) for what in scalars()),
    *(
        Sample("pandas", f"series of {what}", lambda what=what: pd.Series(columns()[what], name=what), SERIES)
        for what in columns()
    ),
    *(Sample("pandas", f"frame of {what}", lambda what=what: frames()[what], FRAME) for what in frames()),
    *(
        Sample("pandas", f"frame of a column of {what}", lambda what=what: pd.DataFrame({what: columns()[what]}), FRAME)
        for what in columns()
    ),
    *(Sample("pandas", f"index of {what}", lambda what=what: indexes()[what], INDEX) for what in indexes()),
    *(
        Sample(
            "pandas",
            f"series by {what}",
            lambda what=what: pd.Series(np.arange(len(indexes()[what])) * 1.5, indexes()[what]),
            SERIES,
        )
        for what in indexes()
    ),
    *(
        Sample(codec, what, lambda what=what: estimators()[what], (lambda e: setattr(e, "coef_", 1),))
        for codec in ESTIMATORS
        for what in estimators()
    ),
    *(
        Sample(
            "pickle",
            what,
            lambda what=what: OBJECTS[what],
            (lambda o: setattr(o, "amount", 1), lambda o: o.amount.sort()),
        )
        for what in OBJECTS
    ),
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: f"{sample.codec}: {sample.what}")
def test_a_codec_keeps_values_of_its_kind(check: Callable[[Case], None], sample: Sample, tmp_path: Any) -> None:
    check(Case(plugins.create("codecs", sample.codec), sample.make(), tmp_path, sample.spoilers))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", ["trips.csv.gz", "README", "empty"])
def test_the_codec_of_files_keeps_files(check: Callable[[Case], None], name: str, tmp_path: Any) -> None:
    given = tmp_path / "given" / name
    given.parent.mkdir()
    given.write_bytes(b"" if name == "empty" else b"content" * 100)
    check(Case(plugins.create("codecs", "files"), File(given), tmp_path))
    check(Case(plugins.create("codecs", "files"), Dir(given.parent), tmp_path))


@pytest.mark.parametrize("name", plugins.names("codecs"))
def test_every_codec_has_samples(name: str) -> None:
    assert name in {
        "files",
        "arrow",
        "polars",
        "sparse",
        "torch",
        "skops",
        "matplotlib",  # which are named by their key, see test_figures.py
        "secret",  # of which nothing is ever written
        *(sample.codec for sample in SAMPLES),
    }  # test_tables.py, test_estimators.py


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: f"{sample.codec}: {sample.what}")
def test_a_value_is_claimed_by_the_codec_of_its_kind(sample: Sample) -> None:
    value = sample.make()
    claimed = next(codec for codec in plugins.codecs() if codec.accepts(value)).name
    assert claimed == (ESTIMATORS[0] if sample.codec == "sklearn" else sample.codec)
