"""Arrays: named by their content, handed on in one layout, mapped from their files."""

import contextlib
import io
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from plait import Pipeline, step
from plait.codecs.numpy import create, npy
from plait.core.values import Stream, Values, Written
from plait.ports import UnwritableError
from plait.testing.codecs import Box, digest, form

NUMPY = create()
DTYPES = st.one_of(hnp.scalar_dtypes(), hnp.nested_dtypes(max_leaves=5))
LAYOUTS = {
    "Fortran": lambda a: a.copy("F"),
    "reversed twice": lambda a: a[::-1].copy()[::-1] if a.ndim else a,
    "every second": lambda a: np.repeat(a, 2, 0)[::2] if a.ndim else a,
    "transposed": lambda a: a.T.copy().T,
    "big endian": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "little endian": lambda a: a.astype(a.dtype.newbyteorder("<")),
    "unaligned": lambda a: np.frombuffer(b"?" + a.tobytes(), a.dtype, a.size, 1).reshape(a.shape) if a.nbytes else a,
}


def written(value: Any) -> bytes:
    file = io.BytesIO()
    NUMPY.write(NUMPY.canonical(value), file)
    return file.getvalue()


def bits(array: Any) -> Any:
    return type(array), array.dtype.str, array.shape, array.strides if array.size else (), array.tobytes()


@pytest.mark.parametrize("layout", LAYOUTS)
@given(array=hnp.arrays(DTYPES, hnp.array_shapes(min_dims=0, min_side=0)))
@settings(max_examples=60, deadline=None)
def test_the_layout_does_not_count(layout: str, array: Any) -> None:
    other = LAYOUTS[layout](array)
    assert digest(other) == digest(array)
    assert bits(NUMPY.canonical(other)) == bits(NUMPY.canonical(array))


LONG = [*"?bBhHiIlLefdFDgG", "S7", "U5", "M8[ns]", "m8[D]", "V9", "S140000"]


@pytest.mark.parametrize("dtype", LONG)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_layout_of_a_long_array_does_not_count(layout: str, dtype: str) -> None:
    size = np.dtype(dtype).itemsize
    content = np.arange(360_000 // size // 4 * size * 4, dtype=np.uint8) & (1 if dtype == "?" else 63)
    array = np.frombuffer(content.tobytes() if size < 1000 else bytes(size - 1) + b"1", dtype)
    array = array.reshape(4, -1) if size < 1000 else array.reshape(())
    assert array.nbytes >= npy.MAPPED
    other = LAYOUTS[layout](array)
    assert digest(other) == digest(array)
    assert digest(NUMPY.canonical(other)) == digest(array)
    assert digest(NUMPY.read(written(other))) == digest(array)
    raw = bytearray(array.tobytes())
    raw[0 if dtype in [*"gG"] else -1] ^= 1
    last = np.frombuffer(raw, dtype).reshape(array.shape)
    assert digest(last) != digest(array)
    if array.ndim:
        assert digest(array.reshape(2, -1)) != digest(array), "its shape counts"


@pytest.mark.parametrize("dtype", [one for one in LONG if one not in "gG"])
def test_a_long_array_is_named_by_the_hash_of_its_file(dtype: str) -> None:
    size = np.dtype(dtype).itemsize
    array = np.frombuffer(bytes(200_000 // size * size), dtype)
    asked: list[object] = []

    def pieces() -> Any:
        asked.append(1)
        yield b"other bytes"

    values = Values([NUMPY], lambda _: b"")
    blob = blake3(written(array)).hexdigest()
    known = "numpy", len(written(array)), blob
    assert values.digest_of_file(array, *known) == values.digest(array) == digest(array)
    stream = Stream(rigid=False, written=Written(array, "numpy", 11, b"7" * 32))
    stream.file(11, pieces())
    assert not asked and stream.items, "nothing is hashed once more"
    other = blake3(b"of something else").hexdigest()
    assert values.digest_of_file(array, "numpy", known[1], other) != digest(array), "else this says nothing"
    assert values.digest_of_file([array], "numpy", known[1], other) == values.digest([array]), "of the value itself"
    assert values.digest_of_file(array, "another", known[1], other) == digest(array), "written by the codec that names"
    assert values.digest_of_file(array, "numpy", known[1] + 6, other) == digest(array), "that, and nothing more"


@pytest.mark.parametrize("value", [np.bytes_(b"a" * 200_000), np.str_("a" * 50_000), np.void(b"a" * 200_000)])
def test_a_long_scalar_has_one_name(value: Any, tmp_path: Path) -> None:
    @step(version=type(value).__name__)
    def long(n: int) -> object:
        return value

    @step
    def used(long: object) -> str:
        return type(long).__name__

    assert value.nbytes >= npy.MAPPED
    made = Pipeline("made", [long, used]).run(n=1, store=tmp_path, listeners=[])
    again = Pipeline("again", [used]).run(long=value, store=tmp_path, listeners=[])
    assert again.states["used"] == "hit" and made["used"] == type(value).__name__


def test_types_of_other_packages_are_told_apart() -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    names = ["bfloat16", "float8_e4m3fn", "float8_e5m2", "float8_e4m3b11fnuz", "int4", "uint4"]
    for count in (4, 200_000):
        arrays = [np.zeros(count, getattr(ml_dtypes, name)) for name in names]
        arrays += [np.zeros(count, "V1"), np.zeros(count, "V2"), np.zeros(count, "u1"), np.zeros(count, "f2")]
        assert len({*map(digest, arrays)}) == len(arrays)
        assert len({digest(array.view([("a", array.dtype)])) for array in arrays}) == len(arrays)


@pytest.mark.parametrize("count", [4, 50_000])
def test_a_type_that_numpy_knows_by_its_size_is_told_by_its_class(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rational = pytest.importorskip("numpy._core._rational_tests").rational
    array = np.zeros(count, rational)
    assert array.dtype.num >= 256 and array.dtype.str == "<V8", "as those of other packages are"
    named = digest(array), digest(array.view([("a", array.dtype)]))
    assert named == (digest(np.zeros(count, rational)), digest(np.zeros(count, [("a", rational)])))
    assert len({*named, digest(np.zeros(count, "V8")), digest(np.zeros(count, [("a", "V8")]))}) == 4
    # numpy has one such type only; two that it says the same of are told apart by what they are called
    monkeypatch.setattr(npy, "is_own", lambda dtype: True)
    assert digest(array) != named[0], "its class is in the name"


def test_text_with_a_word_for_what_is_missing_is_another_type() -> None:
    kinds = [np.dtypes.StringDType(), *(np.dtypes.StringDType(na_object=one) for one in ("", None, float("nan"), "a"))]
    arrays = [np.array(["a", "b"], kind) for kind in kinds]
    assert len({*map(digest, arrays)}) == len(arrays)


@pytest.mark.parametrize("shape", [(), (1,), (3, 4), (10**6, 1), (1,) * 30])
@pytest.mark.parametrize("dtype", ["<f8", ">i4", "|S3", "<M8[ns]", [("a", "<i4"), ("b", "<f8", (2,))]])
def test_the_head_of_a_file_is_one_that_numpy_reads(shape: tuple[int, ...], dtype: Any) -> None:
    head = npy.head(np.dtype(dtype), shape)
    assert len(head) % 64 == 0 and head[-1:] == b"\n"
    file = io.BytesIO(head)
    assert np.lib.format.read_magic(file) == (1, 0)
    assert np.lib.format.read_array_header_1_0(file) == (shape, False, np.dtype(dtype))
    assert file.tell() == len(head)


@given(array=hnp.arrays(DTYPES, hnp.array_shapes(min_dims=0, min_side=0)))
@settings(max_examples=150, deadline=None)
def test_any_array_comes_back_bit_by_bit(array: Any) -> None:
    canonical = NUMPY.canonical(array)
    assert digest(canonical) == digest(array)
    with contextlib.suppress(UnwritableError):  # names of fields may be too strange for the format
        assert bits(NUMPY.read(written(array))) == bits(canonical)
        assert digest(NUMPY.read(written(array))) == digest(array)


@given(
    hnp.arrays(hnp.floating_dtypes(sizes=(32, 64)), hnp.array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=40))
)
@settings(max_examples=60, deadline=None)
def test_sums_over_what_is_read_have_the_same_last_bits(array: Any) -> None:
    made, read = NUMPY.canonical(np.asfortranarray(array)), NUMPY.read(written(array))
    with np.errstate(all="ignore"):
        for axis in (None, 0, 1):
            assert made.sum(axis).tobytes() == read.sum(axis).tobytes()
            assert made.mean(axis).tobytes() == read.mean(axis).tobytes()


DIFFERENT = [
    np.arange(6),
    np.arange(6).reshape(2, 3),
    np.arange(6).reshape(3, 2),
    np.arange(6.0),
    np.arange(6, dtype="i4"),
    np.arange(6, dtype="u8"),
    np.arange(6, dtype="m8[s]"),
    np.arange(6).astype("M8[s]"),
    np.arange(6).astype("M8[ms]"),
    np.int64(0),
    np.array(0),
    np.array([0]),
    np.float64(0),
    np.float64(-0.0),
    0,
    0.0,
    np.array([0.0]),
    np.array([-0.0]),
    np.array(["a"]),
    np.array(["a"], "U2"),
    np.array([b"a"]),
    np.array(["a"], object),
    np.array([b"a"], object),
    np.array(["a"], np.dtypes.StringDType()),
    np.array([], "f8"),
    np.array([], "f4"),
    np.zeros((0, 3)),
    np.zeros((3, 0)),
    np.array([1], object),
    np.array([1.0], object),
    np.array([True], object),
    np.ma.array(np.arange(6)),
    np.ma.array(np.arange(6), mask=[0, 0, 0, 0, 0, 1]),
    np.ma.array(np.arange(6), fill_value=3),
    np.ma.array(np.arange(6), hard_mask=True),
    np.zeros(1, [("a", "i4")]),
    np.zeros(1, [("b", "i4")]),
    np.zeros(1, [("a", "i4"), ("b", "i4")]),
    np.zeros(1, [("b", "i4"), ("a", "i4")]),
    np.zeros(1, "V4"),
    np.zeros((1, 1), "i8").view(np.matrix),
    np.rec.array(np.zeros(1, [("a", "i4")])),
    [0],
    (0,),
]


def test_values_that_differ_have_names_that_differ() -> None:
    assert len({digest(value) for value in DIFFERENT}) == len(DIFFERENT)


def test_noise_between_fields_does_not_count() -> None:
    dtype = np.dtype({"names": ["a", "b"], "formats": ["i1", "f8"], "offsets": [0, 8]})
    clean, noisy = np.zeros(3, dtype), np.frombuffer(b"\x55" * 48, dtype).copy()
    noisy["a"], noisy["b"] = 0, 0
    assert digest(noisy) == digest(clean)
    assert NUMPY.canonical(noisy).tobytes() == NUMPY.canonical(clean).tobytes()


def test_a_mapped_array_is_a_plain_one(tmp_path: Path) -> None:
    array = np.random.default_rng(0).random((300, 100))
    (tmp_path / "a.npy").write_bytes(written(array))
    read = NUMPY.read(tmp_path / "a.npy")
    assert type(read) is np.ndarray
    assert not read.flags.writeable
    assert not read.flags.owndata
    assert (
        read.ctypes.data % 64
        == NUMPY.canonical(array).ctypes.data % 64
        == NUMPY.read(written(array)).ctypes.data % 64
        == 0
    )


def test_a_memmap_is_named_and_handed_on_as_a_plain_array(tmp_path: Path) -> None:
    mapped = np.memmap(tmp_path / "raw", np.float64, "w+", shape=(3, 4))
    mapped[:] = 1.5
    assert digest(mapped) == digest(np.full((3, 4), 1.5))
    assert type(NUMPY.canonical(mapped)) is np.ndarray


def test_other_programs_read_the_file(tmp_path: Path) -> None:
    for name, value in {"array": np.arange(12.0).reshape(3, 4), "scalar": np.float32(2.5)}.items():
        path = tmp_path / f"{name}.npy"
        path.write_bytes(written(value))
        assert np.load(path, allow_pickle=False).tolist() == value.tolist()


@pytest.mark.parametrize("length", [0, 5, 100, 128, 200])
def test_a_file_that_is_cut_short_is_refused(length: int) -> None:
    with pytest.raises((ValueError, EOFError)):
        NUMPY.read(written(np.arange(100.0))[:length])


def test_an_array_pickled_into_a_file_is_refused() -> None:
    file = io.BytesIO()
    np.save(file, np.array([object()], object), allow_pickle=True)
    with pytest.raises(ValueError):
        NUMPY.read(file.getvalue())


@pytest.mark.parametrize(
    "dtype", [object, np.dtypes.StringDType(), [("a", object)], np.dtype("f8", metadata={"a": 1}), [("\u20ac", "f8")]]
)
def test_what_the_format_cannot_say_is_refused(dtype: Any) -> None:
    with pytest.raises(UnwritableError):
        written(np.zeros(2, dtype))


def test_a_mask_keeps_its_hardness() -> None:
    array = np.ma.array([1, 2], mask=[0, 1], fill_value=7, hard_mask=True)
    for again in (NUMPY.read(written(array)), NUMPY.canonical(array), NUMPY.share(array)):
        assert digest(again) == digest(array)
        assert again.hardmask and again.fill_value == 7


def test_within_an_object_the_layout_counts() -> None:
    array = np.random.default_rng(0).random((30, 40))
    assert digest([np.asfortranarray(array)]) == digest([array])
    assert digest(Box(np.asfortranarray(array))) != digest(Box(array))
    assert digest(Box(array.astype(">f8"))) != digest(Box(array))
    assert digest(Box(pickle.loads(pickle.dumps(array[::2])))) == digest(Box(array[::2]))


def test_the_form_of_an_array_does_not_depend_on_who_else_holds_it() -> None:
    array = np.asfortranarray(np.ones((60, 70)))
    assert digest([array, Box(array)]) == digest([array, Box(array.copy("F"))]) == digest([array.copy("F"), Box(array)])
    assert form([array, array]) == form([array, array.copy("F")])


def test_codecs_import_nothing_heavy() -> None:
    heavy = "numpy pandas pyarrow sklearn joblib cloudpickle scipy".split()
    code = (
        "import sys; from plait import plugins; codecs = plugins.codecs();"
        "[codec.accepts(value) for codec in codecs for value in (1, [], object())];"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
