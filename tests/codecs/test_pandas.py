"""Frames: named by all that a reader can see, handed on in one layout, mapped from their files."""

import gc
import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import pandas as hpd

from plait.codecs.pandas import create
from plait.codecs.pandas.arrow import MAPPED
from plait.testing.codecs import Box, digest

PANDAS = create()
RANDOM = np.random.default_rng(0)
DTYPES = [
    "f8",
    "f4",
    "i8",
    "i2",
    "u1",
    "?",
    "c16",
    "M8[ns]",
    "m8[ns]",
    "Int64",
    "boolean",
    "Float32",
    "category",
    "str",
    "string",
    object,
]


def written(value: Any) -> bytes:
    file = io.BytesIO()
    PANDAS.write(PANDAS.canonical(value), file)
    return file.getvalue()


def mapped(value: Any, folder: Path) -> Any:
    path = folder / "frame.arrow"
    path.write_bytes(written(value))
    return PANDAS.read(path)


def series(dtype: Any, size: int) -> st.SearchStrategy[Any]:
    if dtype in ("str", "string", object, "category"):
        items = st.lists(st.text(st.characters(codec="utf-8"), max_size=4) | st.none(), min_size=size, max_size=size)
        return items.map(lambda items: pd.Series(items, dtype=dtype))
    if dtype in ("Int64", "boolean", "Float32"):
        item = {"Int64": st.integers(-9, 9), "boolean": st.booleans(), "Float32": st.floats(width=32)}[
            dtype
        ] | st.none()
        return st.lists(item, min_size=size, max_size=size).map(lambda items: pd.Series(items, dtype=dtype))
    return hpd.series(dtype=np.dtype(dtype), index=hpd.range_indexes(size, size))


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    size = draw(st.integers(0, 6))
    columns = [draw(series(dtype, size)) for dtype in draw(st.lists(st.sampled_from(DTYPES), max_size=6))]
    frame = pd.concat(columns, axis=1) if columns else pd.DataFrame(index=range(size))
    frame.columns = pd.Index(
        draw(st.lists(st.text("ab", max_size=2), min_size=len(columns), max_size=len(columns))), dtype="str"
    )
    if draw(st.booleans()):
        frame = frame.iloc[::-1]
    if draw(st.booleans()) and size:
        frame.index = pd.Index(draw(st.lists(st.integers(), min_size=size, max_size=size)), dtype=object)
    return frame


@given(frames())
@settings(max_examples=150, deadline=None)
def test_any_frame_comes_back_exactly(frame: pd.DataFrame) -> None:
    canonical = PANDAS.canonical(frame)
    read = PANDAS.read(written(frame))
    assert digest(frame) == digest(canonical) == digest(read)
    assert digest(Box(canonical)) == digest(Box(read))
    pd.testing.assert_frame_equal(read, frame, check_exact=True, check_index_type="exact", check_column_type="exact")


@given(frames(), st.data())
@settings(max_examples=60, deadline=None)
def test_how_a_frame_was_put_together_does_not_count(frame: pd.DataFrame, data: Any) -> None:
    at = data.draw(st.integers(0, frame.shape[1]))
    halves = pd.concat([frame.iloc[:, :at], frame.iloc[:, at:]], axis=1)
    halves.columns = frame.columns
    for other in (frame.copy(), halves, frame.iloc[::-1].iloc[::-1]):
        assert digest(other) == digest(frame)
        assert digest(Box(PANDAS.canonical(other))) == digest(Box(PANDAS.canonical(frame)))


@pytest.mark.parametrize("dtype", ["f8", "f4"])
@pytest.mark.parametrize("shape", [(3, 2), (100, 1), (1000, 17), (40, 300), (40_000, 5)])
def test_results_over_what_is_read_have_the_same_last_bits(dtype: str, shape: tuple[int, int], tmp_path: Path) -> None:
    values = RANDOM.standard_normal(shape).astype(dtype)
    consolidated = pd.DataFrame(values, columns=[f"c{i}" for i in range(shape[1])])
    apart = pd.DataFrame({name: consolidated[name].copy() for name in consolidated}, copy=False)
    weights = RANDOM.standard_normal(shape[1]).astype(dtype)
    results = set()
    for frame in (consolidated, apart, consolidated.iloc[::-1].iloc[::-1]):
        for kept in (PANDAS.canonical(frame), PANDAS.read(written(frame)), mapped(frame, tmp_path)):
            shared = PANDAS.share(kept)
            flags = shared.to_numpy().flags
            results.add(
                (
                    shared.sum(axis=1).to_numpy().tobytes(),
                    shared.sum().to_numpy().tobytes(),
                    shared.mean().to_numpy().tobytes(),
                    (shared.values @ weights).tobytes(),
                    shared.std(axis=1).to_numpy().tobytes(),
                    shared.to_numpy().sum().tobytes(),
                    (shared @ weights).to_numpy().tobytes(),
                    shared.cov().to_numpy().tobytes(),
                    flags.c_contiguous,
                    flags.f_contiguous,
                    shared._mgr.nblocks,
                    all(block.values.flags.c_contiguous for block in shared._mgr.blocks),
                )
            )
    assert len(results) == 1


def long_frame() -> pd.DataFrame:
    size = MAPPED // 8
    return pd.DataFrame(
        {
            "a": RANDOM.random(size),
            "b": np.arange(size),
            "c": RANDOM.random(size) > 0.5,
            "t": pd.date_range("2020", periods=size, freq="s"),
            "s": [f"row {i}" for i in range(size)],
            "i": pd.array([1, None] * (size // 2), dtype="Int64"),
            "k": pd.Categorical(["x", "y"] * (size // 2)),
            "o": pd.Series(["p", "q"] * (size // 2), dtype=object),
            "z": pd.date_range("2020", periods=size, freq="s", tz="Europe/Paris"),
        },
        index=pd.Index(np.arange(size) * 2.0, name="at"),
    )


def set_cell(frame: Any) -> Any:
    frame.loc[0, "a"] = 9.0
    return frame.loc[0, "a"] == 9.0


def add_to_column(frame: Any) -> Any:
    before = frame["b"].iloc[-1]
    frame["b"] += 1
    return frame["b"].iloc[-1] == before + 1


def set_all_cells(frame: Any) -> Any:
    frame.iloc[0] = frame.iloc[1]
    return frame["s"].iloc[0] == frame["s"].iloc[1]


def set_each_column(frame: Any) -> Any:
    for name in frame:
        frame.loc[0, name] = frame.loc[2, name]
    return frame.iloc[0].equals(frame.iloc[1])


def set_where(frame: Any) -> Any:
    frame.loc[frame["a"] > 0.5, "a"] = 0.0
    return (frame["a"] <= 0.5).all()


def update(frame: Any) -> Any:
    frame.update(pd.DataFrame({"a": [9.0]}, index=[0.0]))
    return frame.loc[0, "a"] == 9.0


def write_after_selection(frame: Any) -> Any:
    frame = frame[["a", "b"]]
    gc.collect()
    frame.loc[0, "a"] = 9.0
    return frame.loc[0, "a"] == 9.0


def write_into_the_former_index(frame: Any) -> Any:
    frame = frame.reset_index()
    gc.collect()
    frame.loc[0, "at"] = 9.0
    return frame.loc[0, "at"] == 9.0


def sort_in_place(frame: Any) -> Any:
    frame.sort_values("a", inplace=True)
    return frame["a"].is_monotonic_increasing


def write_into_a_column(frame: Any) -> Any:
    column = frame["a"]
    del frame
    gc.collect()
    column.iloc[0] = 9.0
    column += 1
    return column.iloc[0] == 10.0


def replace(frame: Any) -> Any:
    frame.replace({"k": {"x": "y"}}, inplace=True)
    frame["i"] = frame["i"].fillna(0)
    frame.drop(columns="c", inplace=True)
    return (frame["i"] >= 0).all()


CHANGES = [
    set_cell,
    add_to_column,
    set_all_cells,
    set_each_column,
    set_where,
    update,
    write_after_selection,
    write_into_the_former_index,
    sort_in_place,
    write_into_a_column,
    replace,
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@pytest.mark.parametrize("held", [True, False], ids=["the store holds it too", "nobody else holds it"])
def test_a_reader_may_change_a_mapped_frame_and_nobody_sees_it(change: Any, held: bool, tmp_path: Path) -> None:
    frame = long_frame()
    kept = mapped(frame, tmp_path)
    assert not kept._mgr.blocks[0].values.flags.writeable
    other, mine = PANDAS.share(kept), PANDAS.share(kept)
    if not held:
        del kept
    gc.collect()
    assert change(mine)
    assert digest(other) == digest(PANDAS.read(tmp_path / "frame.arrow")) == digest(frame)
    assert (tmp_path / "frame.arrow").read_bytes() == written(frame)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_reader_may_change_a_frame_made_in_memory_and_nobody_sees_it(change: Any) -> None:
    frame = long_frame()
    kept = PANDAS.canonical(frame)
    assert change(PANDAS.share(kept))
    assert digest(kept) == digest(PANDAS.share(kept)) == digest(frame)


def test_sharing_a_frame_often_does_not_pile_up_references() -> None:
    kept = PANDAS.canonical(pd.DataFrame({"a": [1.0], "b": [2]}))
    for _ in range(5000):
        PANDAS.share(kept)
    assert len(kept._mgr.blocks[0].refs.referenced_blocks) < 2000
    assert len(kept.index._references.referenced_blocks) < 2000


BASE = pd.DataFrame({"a": [1, 2], "b": [1.5, 2.5]})
DIFFERENT = {
    "the frame": BASE,
    "another order of columns": BASE[["b", "a"]],
    "a name of a column": BASE.rename(columns={"a": "c"}),
    "a name of the columns": BASE.rename_axis(columns="x"),
    "a name of the index": BASE.rename_axis("x"),
    "an index of numbers": BASE.set_axis(pd.Index([0, 1])),
    "an index of floats": BASE.set_axis(pd.Index([0.0, 1.0])),
    "another order of rows": BASE.iloc[::-1],
    "a dtype": BASE.astype({"a": "i4"}),
    "an extension dtype": BASE.astype({"a": "Int64"}),
    "an Arrow dtype": BASE.astype({"a": "int64[pyarrow]"}),
    "kinds": BASE.astype({"a": "category"}),
    "kinds in another order": BASE.astype({"a": pd.CategoricalDtype([2, 1])}),
    "ordered kinds": BASE.astype({"a": pd.CategoricalDtype([1, 2], True)}),
    "a kind not in use": BASE.astype({"a": pd.CategoricalDtype([1, 2, 3])}),
    "objects": BASE.astype({"a": object}),
    "columns of objects": BASE.set_axis(pd.Index(["a", "b"], dtype=object), axis=1),
    "text": BASE.astype({"a": "str"}),
    "string": BASE.astype({"a": "string"}),
    "python text": BASE.astype({"a": pd.StringDtype("python", np.nan)}),
    "Arrow text": BASE.astype({"a": "string[pyarrow]"}).astype({"a": pd.ArrowDtype(pa.string())}),
    "objects of text": BASE.astype({"a": "str"}).astype({"a": object}),
    "a value": BASE.replace(1.5, 1.25),
    "times": BASE.astype({"a": "M8[s]"}),
    "finer times": BASE.astype({"a": "M8[ns]"}),
    "zoned times": BASE.astype({"a": "datetime64[s, UTC]"}),
    "another zone": BASE.astype({"a": "datetime64[s, Europe/Paris]"}),
    "durations": BASE.astype({"a": "m8[s]"}),
    "no duplicates": BASE.set_flags(allows_duplicate_labels=False),
    "one column": BASE[["a"]],
    "no rows": BASE.iloc[:0],
    "no columns": BASE[[]],
    "a series": BASE["a"],
    "a named series": BASE["a"].rename("b"),
    "its index": BASE.index,
    "its columns": BASE.columns,
    "days": pd.date_range("2020", periods=3),
    "days without frequency": pd.date_range("2020", periods=3)._with_freq(None),
    "levels": pd.MultiIndex.from_product([[1], ["a"]]),
    "tuples": pd.Index([(1, "a")], tupleize_cols=False),
}
DIFFERENT["attrs"] = BASE.copy()
DIFFERENT["attrs"].attrs["unit"] = "m"


def test_frames_that_a_reader_can_tell_apart_have_names_that_differ() -> None:
    assert len({digest(value) for value in DIFFERENT.values()}) == len(DIFFERENT)


def test_what_lies_under_a_mask_does_not_count() -> None:
    one, two = (pd.array([1, 2], dtype="Int64") for _ in range(2))
    one[0] = two[0] = None
    two._data[0] = 99
    assert digest(pd.Series(one)) == digest(pd.Series(two))
    assert written(pd.Series(one)) == written(pd.Series(two))


def test_chunks_of_text_do_not_count() -> None:
    whole = pd.Series(["a", None, "bc", "d"])
    apart = pd.concat([whole[:1], whole[1:3], whole[3:]])
    assert apart._values._pa_array.num_chunks > 1
    assert digest(apart) == digest(whole)
    assert digest(Box(PANDAS.canonical(apart))) == digest(Box(PANDAS.canonical(whole)))


def test_a_subclass_of_a_frame_is_not_a_frame() -> None:
    class Table(pd.DataFrame):
        pass

    assert not PANDAS.accepts(Table())
    assert PANDAS.accepts(pd.DataFrame()) and PANDAS.accepts(pd.RangeIndex(3)) and not PANDAS.accepts(pd.Timestamp(0))


def test_other_programs_read_the_file() -> None:
    table = pa.ipc.open_file(
        written(pd.DataFrame({"a": [1, 2], "s": ["x", None], "t": pd.to_datetime(["2020", None])}))
    ).read_all()
    assert table.to_pydict()["s"] == ["x", None]
    assert table.column_names == ["a", "s", "t"]
    assert table["t"].null_count == 1


def test_within_an_object_the_blocks_count() -> None:
    whole = pd.DataFrame(RANDOM.random((5, 3)))
    apart = pd.DataFrame({name: whole[name].copy() for name in whole}, copy=False)
    assert digest([whole]) == digest([apart])
    assert digest(Box(whole)) != digest(Box(apart))


def test_chunks_of_text_do_not_count_within_an_object_since_a_pickle_joins_them() -> None:
    halves = pd.concat([pd.Series(["a"]), pd.Series(["b"])], ignore_index=True)
    assert digest(Box(halves)) == digest(Box(pd.Series(["a", "b"])))
    floats = [pd.Series([0.1], dtype="float64[pyarrow]")] * 2
    assert digest(Box(pd.concat(floats, ignore_index=True))) != digest(
        Box(pd.Series([0.1] * 2, dtype="float64[pyarrow]"))
    )


def test_a_column_of_a_mapped_frame_is_the_file_itself(tmp_path: Path) -> None:
    kept = mapped(long_frame(), tmp_path)
    values = kept["a"].to_numpy()
    assert np.shares_memory(values, PANDAS.share(kept)["a"].to_numpy())
    assert not values.flags.owndata


def test_a_column_may_have_any_name() -> None:
    frame = pd.DataFrame([[1, 2, 3]], columns=pd.Index(["\ud800", "", "a\0b"], dtype=object))
    assert digest(PANDAS.read(written(frame))) == digest(frame)


def test_chunks_of_kinds_of_arrow_come_in_one_piece() -> None:
    chunked = pa.chunked_array([pa.array(["a", "b"]).dictionary_encode(), pa.array(["c", "a"]).dictionary_encode()])
    kinds = pd.Series(pd.arrays.ArrowExtensionArray(chunked))
    canonical = PANDAS.canonical(kinds)
    assert canonical.tolist() == ["a", "b", "c", "a"]
    assert digest(canonical) == digest(kinds) == digest(PANDAS.read(written(kinds)))
