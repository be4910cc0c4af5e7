"""For any value at all: what is read is what was written, to whoever looks, by whatever codec kept it."""

import math
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.sparse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from frames import ARROW, CELLS, some, values
from plait import plugins
from plait.codecs.pandas.memory import blocks, layout
from plait.files import File
from plait.testing.codecs import Box, Case, digest

EXAMPLES = int(os.environ.get("PLAIT_EXAMPLES", "150"))


def same(one: Any, other: Any) -> bool:
    """Are they the same to any reader? Asked of pandas, not of digests."""
    if type(one) is not type(other):
        return False
    match one:
        case pd.DataFrame():
            return (
                same(one.columns, other.columns)
                and same(about(one), about(other))
                and all(same(one.iloc[:, place], other.iloc[:, place]) for place in range(one.shape[1]))
            )
        case pd.Series():
            return same(
                [one.name, kind(one), about(one), cells(one)], [other.name, kind(other), about(other), cells(other)]
            )
        case pd.MultiIndex() | pd.Index():
            return same(index(one), index(other))
        case pd.Categorical():
            return (
                same(one.categories, other.categories)
                and one.ordered == other.ordered
                and list(one.codes) == list(other.codes)
            )
        case np.ndarray():
            return one.dtype == other.dtype and same(one.tolist(), other.tolist())
        case list() | tuple():
            return len(one) == len(other) and all(map(same, one, other))
        case dict():
            return same(list(one.items()), list(other.items()))
        case float() | np.floating():
            return one == other and math.copysign(1, one) == math.copysign(1, other) if one == one else other != other
        case complex() | np.complexfloating():
            return same([one.real, one.imag], [other.real, other.imag])
    return one is other or one == other


def index(value: Any) -> Any:
    if isinstance(value, pd.MultiIndex):
        return [list(value.names), list(value.levels), [list(codes) for codes in value.codes], value.sortorder]
    return [value.name, kind(value), getattr(value, "freq", None), cells(value)]


def kind(value: Any) -> str:
    dtype = value.dtype
    return repr(dtype.newbyteorder("=") if isinstance(dtype, np.dtype) else dtype)  # the order of bytes is given up


def about(value: Any) -> Any:
    return [value.index, value.attrs, value.flags.allows_duplicate_labels]


def cells(value: Any) -> Any:
    array = value.array
    if isinstance(array, pd.Categorical):
        return array
    missing = [item if item is None or item is pd.NA or item is pd.NaT else type(item) for item in array]
    return [missing, list(array)]


def kept(codec: str, value: Any) -> Any:
    """What is read of a value, which is surely what a run hands on, and has the value's name."""
    case = Case(plugins.create("codecs", codec), value, Path())
    read, canonical = case.writer.read(case.written()), case.codec.canonical(value)
    assert digest(read) == digest(canonical) == digest(value)
    assert digest(Box(read)) == digest(Box(canonical))
    assert type(read) is type(canonical)
    return read


def law(value: st.SearchStrategy[Any], examples: int = EXAMPLES) -> Any:
    many = settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    return lambda test: pytest.mark.law(pytest.mark.filterwarnings("ignore")(many(given(value=value)(test))))


@law(values())
def test_any_value_of_pandas_comes_back_as_it_was(value: Any) -> None:
    read = kept("pandas", value)
    assert same(read, value), (value, read)


@st.composite
def tables(draw: st.DrawFn) -> Any:
    size, kinds = draw(st.integers(0, 5)), draw(st.lists(st.sampled_from(list(ARROW)), max_size=4))
    columns = [pa.array(draw(some(size, ARROW[kind] | st.none())), kind) for kind in kinds]
    at = draw(st.integers(0, size))
    chunks = [pa.chunked_array([column[:at], column[at:]], column.type) for column in columns]
    names = draw(some(len(kinds), st.text("ab", max_size=1)))
    table = pa.table(chunks, names=names).replace_schema_metadata(draw(st.none() | st.just({"k": "v"})))
    return draw(st.sampled_from([table, table.slice(at), *chunks, *columns, *[column[at:] for column in columns]]))


@law(tables())
def test_any_table_of_arrow_comes_back_as_it_was(value: Any) -> None:
    read = kept("arrow", value)
    assert (
        read.to_pylist() == value.to_pylist() or read.equals(value) or repr(read.to_pylist()) == repr(value.to_pylist())
    )
    assert (
        (read.schema.equals(value.schema, check_metadata=True))
        if isinstance(value, pa.Table)
        else read.type == value.type
    )


def polars_values() -> st.SearchStrategy[Any]:
    pytest.importorskip("polars")
    from polars.testing import parametric

    return parametric.dataframes(max_size=5, max_cols=4) | parametric.series(max_size=5)


def test_any_frame_of_polars_comes_back_as_it_was() -> None:
    pl = pytest.importorskip("polars")

    @law(polars_values(), EXAMPLES // 2)
    def check(value: Any) -> None:
        read = kept("polars", value)
        assert read.equals(value, null_equal=True) or repr(
            read.to_dict(as_series=False) if isinstance(read, pl.DataFrame) else read.to_list()
        ) == repr(value.to_dict(as_series=False) if isinstance(value, pl.DataFrame) else value.to_list())
        assert (
            (read.schema == value.schema)
            if isinstance(value, pl.DataFrame)
            else (read.dtype, read.name) == (value.dtype, value.name)
        )

    check()


@st.composite
def matrices(draw: st.DrawFn) -> Any:
    dtype = draw(st.sampled_from(["f8", "f4", "i1", "i8", "?", "c16"]))
    dense = draw(
        hnp.arrays(
            dtype,
            hnp.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=5),
            elements={"allow_nan": False} if dtype[0] in "fc" else None,
        )
    )
    kind = draw(st.sampled_from(["csr", "csc", "bsr", "coo"]))
    made = getattr(scipy.sparse, f"{kind}_{draw(st.sampled_from(['matrix', 'array']))}")(dense)
    return made.tocsr()[::-1].asformat(kind) if made.shape[0] and draw(st.booleans()) else made


@law(matrices())
def test_any_sparse_matrix_comes_back_as_it_was(value: Any) -> None:
    read = kept("sparse", value)
    assert (read.dtype, read.shape, read.format) == (value.dtype, value.shape, value.format)
    assert read.toarray().tobytes() == value.toarray().tobytes()


def is_whole(value: Any) -> bool:
    """Are there no floats of Arrow in pieces? A pickle joins them, and sums go by pieces, so that has another name."""
    return all(len(layout(block)[2]) < 2 for block in blocks(value))


# a pickle of numpy's gives up the order of bytes of times, and of nothing else
PICKLED = hnp.scalar_dtypes().filter(lambda dtype: dtype.isnative or dtype.kind not in "mM")


class Thing:
    """A class of the user's."""

    def __init__(self, held: Any) -> None:
        self.held = held


@law(
    (CELLS | values().filter(is_whole) | hnp.arrays(PICKLED, hnp.array_shapes(max_side=4))).map(
        lambda held: Thing([held, {"again": held}])
    )
)
def test_any_object_comes_back_as_it_was(value: Any) -> None:
    read = kept("pickle", value)
    assert same(read.held[0], value.held[0]) and read.held[0] is read.held[1]["again"] or same(read.held, value.held)


@law(st.tuples(st.binary(max_size=300), st.sampled_from(["a.csv", "b.tar.gz", "c", "d.X"])), 30)
def test_any_file_comes_back_as_it_was(value: Any) -> None:
    content, name = value
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(content)
        case = Case(plugins.create("codecs", "files"), File(path), Path(folder))
        assert digest(case.mapped()) == digest(File(path))
        assert case.written() == content


def test_any_tensor_comes_back_as_it_was() -> None:
    torch = pytest.importorskip("torch")
    dtypes = ["float32", "float64", "bfloat16", "float16", "int8", "int64", "bool", "complex64"]

    @law(st.tuples(st.sampled_from(dtypes), st.lists(st.integers(0, 4), max_size=3), st.booleans(), st.booleans()))
    def check(value: Any) -> None:
        dtype, shape, turned, parameter = value
        tensor = torch.arange(math.prod(shape)).reshape(shape).to(getattr(torch, dtype))
        tensor = tensor.transpose(0, -1) if turned and shape else tensor
        read = kept("torch", torch.nn.Parameter(tensor) if parameter and dtype.startswith("float") else tensor)
        assert read.dtype == tensor.dtype and torch.equal(read, tensor) and read.is_contiguous()

    check()
