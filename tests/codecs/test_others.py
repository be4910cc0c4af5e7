"""Files, estimators, and whatever else can be pickled."""

import io
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from plait.codecs import files, sklearn
from plait.codecs import pickle as pickles
from plait.files import Dir, File
from plait.ports import UnwritableError
from plait.testing.codecs import digest


def written(codec: Any, value: Any) -> bytes:
    file = io.BytesIO()
    codec.write(value, file)
    return file.getvalue()


def make(path: Path, content: bytes = b"a,b\n1,2\n") -> File:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return File(path)


def test_a_file_is_its_content_and_its_suffixes(tmp_path: Path) -> None:
    one = make(tmp_path / "a.csv")
    assert digest(make(tmp_path / "elsewhere" / "b.csv")) == digest(one)
    assert digest(make(tmp_path / "a.csv.gz")) != digest(one)
    assert digest(make(tmp_path / "a.tsv")) != digest(one)
    assert digest(make(tmp_path / "c.csv", b"a,b\n1,3\n")) != digest(one)
    assert digest(make(tmp_path / "d.csv", b"")) != digest(one)
    assert digest(b"a,b\n1,2\n") != digest(one)


def test_a_folder_is_the_names_and_contents_of_its_files(tmp_path: Path) -> None:
    def folder(name: str, **content: bytes) -> Dir:
        (tmp_path / name).mkdir()
        for file, data in content.items():
            make(tmp_path / name / file.replace("_", "/"), data)
        return Dir(tmp_path / name)

    one = folder("one", a=b"1", sub_b=b"2")
    assert digest(folder("two", sub_b=b"2", a=b"1")) == digest(one)
    assert digest(folder("three", a=b"2", sub_b=b"1")) != digest(one)
    assert digest(folder("four", a=b"1", other_b=b"2")) != digest(one)
    assert digest(folder("five", a=b"1")) != digest(one)
    assert digest(folder("six", a=b"", b=b"1")) != digest(folder("seven", a=b"1", b=b""))


def test_a_folder_that_is_not_there_is_no_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        digest(Dir(tmp_path / "gone"))
    with pytest.raises(FileNotFoundError):
        digest(File(tmp_path / "gone"))


def test_a_folder_is_not_written_into_one_file(tmp_path: Path) -> None:
    with pytest.raises(UnwritableError, match="files()"):
        written(files.create(), Dir(tmp_path))


def test_an_estimator_of_another_version_counts_as_gone() -> None:
    data = written(sklearn.create(), LinearRegression())
    _, _, head = data.partition(b"\n")
    with pytest.raises(ImportError, match=r"0\.1"):
        sklearn.create().read(b"0.1\n" + head)


def test_a_fitted_estimator_predicts_the_same_bits_after_reading() -> None:
    X = np.asfortranarray(np.random.default_rng(0).random((200, 7)))
    model = LinearRegression().fit(X, X @ np.arange(7.0))
    codec = sklearn.create()
    canonical, read = codec.canonical(model), codec.read(written(codec, model))
    assert canonical.predict(X).tobytes() == read.predict(X).tobytes()


def test_an_estimator_may_hold_code_of_main_and_lambdas() -> None:
    code = (
        "import sys; from sklearn.preprocessing import FunctionTransformer; from plait import plugins\n"
        "def twice(x): return 2 * x\n"
        "codec = plugins.create('codecs', 'sklearn')\n"
        "assert codec.share(codec.canonical(FunctionTransformer(lambda x: x + 1))).transform(1) == 2\n"
        "codec.write(FunctionTransformer(twice), sys.stdout.buffer)\n"
    )
    data = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    assert sklearn.create().read(data).transform(3) == 6


def test_code_of_main_travels_by_value() -> None:
    code = (
        "import sys; from plait import plugins\n"
        "class Point:\n    def __init__(self, x): self.x = x\n    def twice(self): return 2 * self.x\n"
        "plugins.create('codecs', 'pickle').write([Point(3), lambda: 4], sys.stdout.buffer)\n"
    )
    data = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    point, four = pickles.create().read(data)
    assert (point.twice(), four()) == (6, 4)


def test_a_pickle_that_is_cut_short_is_an_error() -> None:
    data = written(pickles.create(), {"a": np.arange(1000)})
    for length in (0, 4, 20, len(data) - 1):
        with pytest.raises((EOFError, pickle.UnpicklingError)):
            pickles.create().read(data[:length])


def test_arrays_that_come_out_of_a_pickle_can_be_written_to(tmp_path: Path) -> None:
    value = {"a": np.arange(1000.0), "f": pd.DataFrame({"x": [1.0, 2.0]})}
    (tmp_path / "p").write_bytes(written(pickles.create(), value))
    for again in (
        pickles.create().read(tmp_path / "p"),
        pickles.create().canonical(value),
        pickles.create().share(value),
    ):
        again["a"][0] = 7
        again["f"].loc[0, "x"] = 7.0
    assert value["a"][0] == 0


@pytest.mark.parametrize("value", [sys.stdout, (x for x in ())], ids=["a stream", "a generator"])
def test_what_cannot_be_pickled_raises(value: Any) -> None:
    with pytest.raises((TypeError, pickle.PicklingError)):
        written(pickles.create(), value)
