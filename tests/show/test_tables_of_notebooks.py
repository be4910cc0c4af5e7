"""A plan and a list of earlier runs are tables in a notebook, and nothing in them is taken for HTML."""

import subprocess
import sys
from pathlib import Path

import pytest

from plait import Pipeline, step

nbformat = pytest.importorskip("nbformat")


@step
def shout(text: str) -> str:
    return text.upper()


def test_a_plan_and_earlier_runs_are_tables(tmp_path):
    loud = Pipeline("loud", [shout])
    loud.run(text="<b>", store=tmp_path, listeners=[])
    plan = loud.plan(text="<i>", store=tmp_path)._repr_html_()
    assert "<td>shout</td><td>run</td><td>text changed</td>" in plan and "1 to run" in plan
    runs = loud.runs(store=tmp_path)
    shown = runs._repr_html_()
    assert f"<td>{runs[0].id}</td>" in shown and "text = &#x27;&lt;b&gt;&#x27;" in shown and "<b>" not in shown
    assert isinstance(runs, list) and loud.runs(store=None) == []


def test_a_run_has_its_summary_once_under_a_cell(tmp_path):
    pytest.importorskip("ipykernel")
    cells = [
        "from plait import Pipeline, step\n@step\ndef one(n: int) -> int:\n    return n\np = Pipeline('p', [one])",
        "p.run(n=1, store=None)",
        "run = p.run(n=2, store=None)\nrun",
        "run",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in cells])
    nbformat.write(notebook, tmp_path / "once.ipynb")
    program = Path(__file__).parents[1] / "examples" / "run_notebook.py"
    subprocess.run([sys.executable, program, tmp_path / "once.ipynb"], check=True, timeout=300, capture_output=True)
    done = nbformat.read(tmp_path / "once.ipynb", as_version=4)
    shown = ["".join(out["data"].get("text/html", "") for out in cell.outputs if "data" in out) for cell in done.cells]
    assert [text.count("1 run, in") for text in shown] == [0, 1, 1, 1]
    assert [text.count("<svg") for text in shown] == [0, 1, 1, 1]
