"""A run is never lost because of its text: parameters, names, errors that no encoding takes, or no terminal prints."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from plait import File, NodeFailed, Pipeline, Scratch, auto, step
from plait.core.seeds import derive

TEXTS = [os.fsdecode(b"x\xff.csv"), "a\0b", "\ud83d\ude00", "50%dcff", "x" * 300_000, "\x1b[31m"]


@step
def load(path: str, wrong: bool = False) -> str:
    if wrong:
        raise ValueError("cannot read " + path)
    return path


@pytest.mark.parametrize(
    "text, executor",
    [*((text, "sequential") for text in TEXTS), (TEXTS[0], "processes")],
    ids=lambda text: ascii(text)[1:12],
)
def test_a_run_of_any_text_is_in_the_history(text, executor, tmp_path):
    pipeline = Pipeline("any", [load])
    options = {"store": tmp_path / "s", "listeners": [], "executor": executor}
    assert pipeline.run(path=text, **options).states == {"load": "run"}
    with pytest.raises(NodeFailed, match="cannot read"):
        pipeline.run(path=text, wrong=True, **options)
    assert pipeline.run(path=text, **options).states == {"load": "hit"}
    assert [row.status for row in pipeline.runs(store=tmp_path / "s")] == ["done", "failed", "done"]


def test_a_seed_of_any_name_is_drawn():
    assert derive(7, "x\udcff") != derive(7, "x\udcfe")


def test_a_file_with_any_suffix_is_kept(tmp_path):
    @step
    def write(scratch: Scratch = auto) -> File:
        path = scratch / os.fsdecode(b"a.x\xff")
        path.write_text("one")
        return File(path)

    pipeline = Pipeline("any", [write])
    options = {"store": tmp_path / "s", "listeners": []}
    assert set(pipeline.run(**options).states.values()) == {"run"}
    again = pipeline.run(**options)
    assert set(again.states.values()) == {"hit"}
    assert Path(again.result).read_text() == "one"


PROGRAM = """
import os
from plait import Pipeline, step

@step
def load(path: str = os.fsdecode(b"x\\xff.csv"), drink: str = "čaj") -> str:
    raise ValueError("cannot read " + path + drink)

tea = Pipeline("čaj", [load.named("načti")])
"""


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_the_command_line_prints_any_text_in_any_encoding(encoding, tmp_path):
    (tmp_path / "shop.py").write_text(PROGRAM, encoding="utf-8")
    environment = {**os.environ, "LC_ALL": "C", "PYTHONIOENCODING": encoding, "PLAIT_STORE": "s"}

    def plait(*words):
        return subprocess.run(
            [sys.executable, "-m", "plait", *words], cwd=tmp_path, env=environment, capture_output=True
        )

    said = plait("run", "shop:tea")
    assert said.returncode == 1 and b"cannot read x\\udcff.csv" in said.stderr and b"defect" not in said.stderr
    for words in (["runs"], ["runs", "--json"], ["show", "last"], ["store", "check"], ["plan", "shop:tea"]):
        said = plait(*words)
        assert (said.returncode, said.stderr) == (0, b""), words
    assert b"failed" in plait("runs").stdout
