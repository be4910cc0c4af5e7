"""The kit over the codecs of sparse matrices, tables of Arrow, frames of polars and tensors of torch."""

import datetime
import decimal
import functools
import io
import warnings

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse

from plait import plugins
from plait.ports import UnwritableError
from plait.testing.codecs import CHECKS, Box, Case, digest

MATRIX = scipy.sparse.random(50, 40, 0.1, format="csr", random_state=0)


@functools.cache
def sparse():
    wide = scipy.sparse.csr_array(MATRIX)
    wide.indices, wide.indptr = wide.indices.astype("i8"), wide.indptr.astype("i8")
    roomy = scipy.sparse.csr_array(MATRIX)
    roomy.data, roomy.indices = np.append(roomy.data, [9.0]), np.append(roomy.indices, [0]).astype(roomy.indices.dtype)
    unsorted = (np.array([1.0, 2.0, 3.0]), np.array([2, 0, 0]), np.array([0, 3, 3]))
    return {
        **{f"{f}_{kind}": getattr(scipy.sparse, f"{f}_{kind}")(MATRIX) for f in ("csr", "csc", "bsr", "coo") for kind in ("matrix", "array")},
        "blocks": scipy.sparse.bsr_array(np.arange(24.0).reshape(4, 6), blocksize=(2, 3)), "one row": scipy.sparse.coo_array(np.array([0, 1, 0, 2])),
        "of three": scipy.sparse.coo_array(np.ones((2, 3, 2))), "wide indices": wide, "room for more": roomy,
        "unsorted": scipy.sparse.csr_array(unsorted, shape=(2, 3)), "nothing": scipy.sparse.csr_matrix((3, 0)),
        "bools": MATRIX.astype(bool), "complex": MATRIX.astype(complex), "small": MATRIX.astype("i1"),
    }  # fmt: skip


@functools.cache
def arrow():
    array = pa.array
    arrays = {
        "ints": array([1, None, 3]), "half": array(np.array([1, 2], "f2")), "bools": array([True, None, False]), "nulls": pa.nulls(3),
        "text": array(["a", None, "\u00e9"]), "large text": array(["a"], pa.large_string()), "text views": array(["a", None, "x" * 20], pa.string_view()),
        "bytes": array([b"a", None]), "fixed bytes": array([b"ab", None], pa.binary(2)), "bytes views": array([b"x" * 20], pa.binary_view()),
        "lists": array([[1], None, [], [2, None]]), "large lists": array([[1], None], pa.large_list(pa.int8())), "list views": array([[1], None], pa.list_view(pa.int64())),
        "pairs": array([[1, 2], None], pa.list_(pa.int8(), 2)), "structs": array([{"a": 1, "b": "x"}, None]),
        "maps": array([[("a", 1)], None, []], pa.map_(pa.string(), pa.int64())), "dictionary": array(["a", "b", "a", None]).dictionary_encode(),
        "decimals": array([decimal.Decimal("1.5"), None]), "great decimals": array([decimal.Decimal("1.5")], pa.decimal256(60, 2)),
        "times": array([datetime.datetime(2020, 1, 1), None], pa.timestamp("us", "Europe/Paris")), "clock": array([datetime.time(1)], pa.time32("s")),
        "durations": array([datetime.timedelta(1)]), "months": array([(1, 2, 3), None], pa.month_day_nano_interval()),
        "dense union": pa.UnionArray.from_dense(array([0, 1], pa.int8()), array([0, 0], pa.int32()), [array([1]), array(["x"])]),
        "sparse union": pa.UnionArray.from_sparse(array([0, 1], pa.int8()), [array([1, 2]), array(["x", "y"])]),
        "runs": pa.RunEndEncodedArray.from_arrays([2, 5], array(["a", None])), "deep": array([{"a": [{"b": "x"}, None]}, None]),
        "uuids": pa.ExtensionArray.from_storage(pa.uuid(), array([b"a" * 16], pa.binary(16))),
        "tensors": pa.FixedShapeTensorArray.from_numpy_ndarray(np.arange(12).reshape(3, 4)), "none": array([], pa.string()), "many": array(np.arange(50_000.0)),
    }  # fmt: skip
    table = pa.table({name: value.slice(0, 1) for name, value in arrays.items() if len(value)})
    return {
        **arrays, "slice": arrays["lists"].slice(1), "slice of text": arrays["text"].slice(1), "slice of structs": arrays["structs"].slice(1),
        "chunks": pa.chunked_array([[1, 2], [3]]), "no chunks": pa.chunked_array([], pa.int8()),
        "chunks of dictionaries": pa.chunked_array([array(["a", "b"]).dictionary_encode(), array(["c", "a"]).dictionary_encode()]),
        "table": table, "no columns": pa.table({}), "no rows": table.slice(0, 0), "batch": pa.record_batch({"a": [1, 2]}),
        "empty batch": pa.record_batch([], schema=pa.schema([])), "metadata": pa.table({"a": [1]}).replace_schema_metadata({"k": "v"}),
        "field": pa.table([array([1])], schema=pa.schema([pa.field("a", pa.int64(), False, {"x": "y"})])),
        "names twice": pa.table([array([1]), array([2])], names=["a", "a"]),
    }  # fmt: skip


@functools.cache
def polars():
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame({
        "a": [1, None, 3], "s": ["x", None, "yy"], "l": [[1], None, [2, 3]], "st": [{"q": 1, "r": "a"}, None, {"q": 2, "r": "b"}],
        "c": pl.Series(["u", "v", "u"], dtype=pl.Categorical), "e": pl.Series(["u", "v", "u"], dtype=pl.Enum(["v", "u"])),
        "d": [datetime.date(2020, 1, 1)] * 3, "t": pl.Series([datetime.datetime(2020, 1, 1)] * 3, dtype=pl.Datetime("us", "Europe/Paris")),
        "dur": [datetime.timedelta(1)] * 3, "tm": [datetime.time(1)] * 3, "dec": pl.Series(["1.5", "2.5", None]).cast(pl.Decimal(10, 2)),
        "b": [b"x", None, b""], "n": [None] * 3, "bo": [True, None, False], "arr": pl.Series([[1, 2], [3, 4], [5, 6]], dtype=pl.Array(pl.Int64, 2)),
        "f": [1.0, float("nan"), None], "i128": pl.Series([1, 2, 3], dtype=pl.Int128), "f32": pl.Series([1, 2, 3], dtype=pl.Float32),
        "lc": pl.Series([["a"], ["b", "a"], None], dtype=pl.List(pl.Categorical)), "lst": [[{"z": 1}], [], None],
    })  # fmt: skip
    return {
        **{f"series {name}": frame[name] for name in frame.columns}, "frame": frame, "nothing": pl.DataFrame(), "no rows": frame[:0],
        "sorted": frame.sort("a"), "chunks": pl.concat([frame, frame], rechunk=False), "slice": frame[1:], "no name": pl.Series([1]),
        "many": pl.DataFrame({"a": np.arange(50_000.0)}), "expression": pl.col("a").sum() + 1,
    }  # fmt: skip


@functools.cache
def torch():
    torch = pytest.importorskip("torch")
    x = torch.arange(12.0).reshape(3, 4)
    return {
        "floats": x, "transposed": x.T, "strided": x[::2, 1:], "ints": torch.tensor([1, 2]), "bools": torch.tensor([True]), "bfloat16": x.bfloat16(),
        "half": x.half(), "complex": torch.tensor([1j, 2]), "conjugate": torch.tensor([1j, 2]).conj(), "negative": torch.tensor([1j, 2]).conj().imag,
        "0-d": torch.tensor(3.0), "empty": torch.empty(0, 3), "leaf": x.clone().requires_grad_(), "computed": x.clone().requires_grad_() * 2,
        "parameter": torch.nn.Parameter(x.clone()), "frozen": torch.nn.Parameter(x.clone(), requires_grad=False), "many": torch.rand(300, 300),
    }  # fmt: skip


SPOILERS = {
    "sparse": (
        lambda a: a.data.fill(0), lambda a: a.sort_indices(), lambda a: a.sum_duplicates(), lambda a: a.__setitem__((0, 0), 5.0),
        lambda a: a.resize(2, 2), lambda a: a.setdiag(3), lambda a: a.coords[0].fill(0), lambda a: a.indices.fill(0),
    ),
    "arrow": (lambda a: a.to_numpy().fill(0), lambda a: np.asarray(a.buffers()[1]).fill(0), lambda a: np.asarray(a[0].chunk(0)).fill(0)),
    "polars": (
        lambda f: f.__setitem__((0, "a"), 9), lambda f: f.drop_in_place("a"), lambda f: setattr(f, "columns", ["q"] * f.width),
        lambda f: f.extend(f), lambda s: s.__setitem__(0, 9), lambda s: s.append(s), lambda s: s.to_numpy().fill(9),
        lambda f: f["a"].to_numpy().fill(9), lambda f: f.insert_column(0, f[:, 0].alias("new")),
    ),
    "torch": (
        lambda t: t.detach().fill_(0), lambda t: t.detach().numpy().fill(3), lambda t: t.requires_grad_(True), lambda t: t.resize_(1),
        lambda t: setattr(t, "data", t.data * 0),
    ),
}  # fmt: skip
SAMPLES = {"sparse": sparse, "arrow": arrow, "polars": polars, "torch": torch}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("kind", SAMPLES)
def test_a_codec_keeps_values_of_its_kind(check, kind, tmp_path):
    for number, (what, value) in enumerate(SAMPLES[kind]().items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        with warnings.catch_warnings(action="ignore"):
            try:
                check(Case(plugins.create("codecs", kind), value, folder, SPOILERS[kind]))
            except Exception as error:
                raise AssertionError(f"{kind}: {what}") from error


@pytest.mark.parametrize("kind", SAMPLES)
def test_a_value_is_claimed_by_the_codec_of_its_kind(kind):
    for what, value in SAMPLES[kind]().items():
        assert next(codec for codec in plugins.codecs() if codec.accepts(value)).name == kind, what


@pytest.mark.parametrize("kind", SAMPLES)
def test_no_two_samples_have_one_name(kind):
    named = {}
    for what, value in SAMPLES[kind]().items():
        named.setdefault(digest(value), []).append(what)
    alike = [["csr_array", "room for more"]] if kind == "sparse" else [["frame", "sorted"]] if kind == "polars" else []
    assert [names for names in named.values() if len(names) > 1] in (alike, [])


def test_a_sparse_matrix_that_lies_about_itself_is_known_within_an_object_that_keeps_the_lie():
    truth, lie = (scipy.sparse.csr_array(sparse()["unsorted"]) for _ in range(2))
    lie.has_sorted_indices = lie.has_canonical_format = True
    assert digest(truth) == digest(lie), "outside of one it is asked again"
    assert digest(Box(truth)) != digest(Box(lie))
    assert not plugins.create("codecs", "sparse").canonical(lie).has_sorted_indices
    noticed = scipy.sparse.csr_array(MATRIX)
    before = digest(Box(noticed))
    assert noticed.has_sorted_indices and noticed.has_canonical_format
    assert digest(Box(noticed)) == before


def test_what_no_format_has_a_word_for_is_not_written():
    for kind, value in (
        ("sparse", scipy.sparse.csr_array(MATRIX.astype(np.longdouble))), ("arrow", pa.table({"a": [1]}).replace_schema_metadata({"plait": "x"})),
    ):  # fmt: skip
        codec = plugins.create("codecs", kind)
        if kind == "arrow":
            with pytest.raises(UnwritableError):
                codec.write(value, io.BytesIO())
        else:
            file = io.BytesIO()
            codec.write(value, file)
            assert digest(codec.read(file.getvalue())) == digest(value)


def test_the_classes_of_these_libraries_that_hold_no_data_go_by_the_canonical_walk():
    import pickle

    pl = pytest.importorskip("polars")
    things = [pa.int64(), pa.scalar(1), pa.schema([("a", pa.int64())]), pl.Int64, pl.Datetime("us"), pl.Datetime("ms"), scipy.sparse.dok_array((2, 2)),
              scipy.sparse.dia_array(np.eye(2)), scipy.sparse.lil_array(np.eye(2)), np.dtype("f4"), np.random.default_rng(0)]  # fmt: skip
    assert len({digest(thing) for thing in things}) == len(things)
    assert [digest(pickle.loads(pickle.dumps(thing))) for thing in things] == [digest(thing) for thing in things]
