"""`plait show RUN NODE -o FILE` writes a value by the suffix; `--json` has parameters as values."""

import json
import pickle
import warnings
from pathlib import Path

import pytest

from cli.terminal import plait

pd = pytest.importorskip("pandas")
np = pytest.importorskip("numpy")
pytest.importorskip("matplotlib")

MODULE = """
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from plait import Pipeline, each, step

class Two(NamedTuple):
    left: int
    right: str

@step
def frame(n: int = 2, rate: float = 0.5, name: str = "a", tags: list[str] = ["x"], pair: tuple[int, int] = (1, 2)) -> pd.DataFrame:
    return pd.DataFrame({"a": range(n), "b": ["x", "é"]})

@step
def array(frame: pd.DataFrame) -> np.ndarray:
    return frame["a"].to_numpy()

@step
def plain(frame: pd.DataFrame) -> dict:
    return {"rows": len(frame), "é": [1.5, None]}

@step
def figure(frame: pd.DataFrame) -> Figure:
    drawn = Figure()
    drawn.subplots().plot(frame["a"])
    return drawn

@step
def text(frame: pd.DataFrame) -> str:
    return "one\\ntwo"

@step
def two(frame: pd.DataFrame) -> Two:
    return Two(1, "b")

p = Pipeline("p", [frame, array, plain, figure, text, two])
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    (folder / "shop.py").write_text(MODULE)
    code, _, err = plait(folder, "run", "shop:p", "-q")
    assert code == 0, err
    return folder


@pytest.mark.parametrize(
    ("node", "file", "read"),
    [
        ("frame", "f.csv", lambda path: path.read_text("utf-8") == "a,b\n0,x\n1,é\n"),
        ("frame", "f.parquet", lambda path: pd.read_parquet(path)["b"].tolist() == ["x", "é"]),
        ("frame", "f.PKL", lambda path: pickle.loads(path.read_bytes())["a"].tolist() == [0, 1]),
        ("array", "a.npy", lambda path: np.load(path).tolist() == [0, 1]),
        ("plain", "p.json", lambda path: json.loads(path.read_text("utf-8")) == {"rows": 2, "é": [1.5, None]}),
        ("two.right", "t.json", lambda path: json.loads(path.read_text()) == "b"),
        ("figure", "f.png", lambda path: path.read_bytes().startswith(b"\x89PNG")),
        ("figure", "f.svg", lambda path: "<svg" in path.read_text("utf-8")),
        ("text", "t.txt", lambda path: path.read_bytes() == b"one\ntwo"),
    ],
)
def test_a_value_is_written_by_the_suffix_of_the_file(shop, node, file, read):
    with warnings.catch_warnings():
        assert plait(shop, "show", "last", node, "-o", file) == (0, "", "")
    assert read(shop / file)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["frame", "-o", "x.xlsx"], "x.xlsx: .xlsx is not a valid format; use .csv, .parquet, .npy, .json, .png"),
        (["frame", "-o", "x"], "no suffix is not a valid format"),
        (["frame", "-o", "none/x.csv"], "there is no folder none"),
        (["text", "-o", "x.csv"], "text is a builtins.str, which .csv does not hold"),
        (["frame", "-o", "x.json"], ".pkl holds anything"),
        (["two", "-o", "x.json"], "two has parts, and a file holds one value: give two.left or two.right"),
        (["-o", "x.json"], "show RUN NODE -o FILE"),
        (["frame", "--log", "-o", "x.txt"], "show RUN NODE -o FILE"),
    ],
)
def test_what_cannot_be_written_says_what_can_and_leaves_no_file(shop, arguments, said):
    before = set(shop.iterdir())
    code, out, err = plait(shop, "show", "last", *arguments)
    assert code == 1 and out == "" and said in err.replace("\n", " ")
    assert set(shop.iterdir()) == before


def test_parameters_are_values_in_json(shop):
    _, out, _ = plait(shop, "runs", "--json")
    params = json.loads(out)[0]["params"]
    assert params["frame.n"] == 2 and params["frame.rate"] == 0.5 and params["frame.name"] == "a"
    assert params["frame.tags"] == ["x"] and params["frame.pair"] == "(1, 2)"
