"""The flights notebook runs from top to bottom, and says what it promises; so do the outputs that are committed."""

import json
import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from examples.running import EXAMPLES, Flights, copy_of, environment, python

if not all(map(find_spec, ("ipykernel", "nbclient", "nbformat"))):
    pytest.skip("the notebook needs ipykernel, nbclient and nbformat", allow_module_level=True)

NOTEBOOK = EXAMPLES / "flights" / "flights.ipynb"
LARGEST = 250_000  # bytes of the notebook with its outputs: pictures are committed small

Outputs = Mapping[str, list[dict[str, Any]]]  # of the cells of code, by their ids


def outputs(notebook: Path) -> Outputs:
    cells = json.loads(notebook.read_text("utf-8"))["cells"]
    return {cell["id"]: cell["outputs"] for cell in cells if cell["cell_type"] == "code"}


def text(outputs: list[dict[str, Any]]) -> str:
    """What a cell shows as text."""
    shown = (one["text"] if "text" in one else [*one["data"].get("text/plain", ""), "\n"] for one in outputs)
    return "".join("".join(lines) for lines in shown)


def kinds(outputs: list[dict[str, Any]]) -> set[str]:
    """The kinds of what a cell shows."""
    return {kind for output in outputs for kind in output.get("data", {})}


@pytest.fixture(scope="module")
def executed(flights: Flights, tmp_path_factory: pytest.TempPathFactory) -> Outputs:
    """What the notebook shows when a copy of it is run."""
    copy = copy_of("flights", tmp_path_factory.mktemp("notebook")) / NOTEBOOK.name
    python(Path(__file__).with_name("run_notebook.py"), copy, cwd=copy.parent, env=environment(flights.store))
    return outputs(copy)


@pytest.fixture(scope="module")
def said(executed: Outputs) -> dict[str, str]:
    return {cell: text(shown) for cell, shown in executed.items()}


def test_a_pipeline_draws_itself(executed: Outputs) -> None:
    for cell in ("draw", "draw-nb"):
        assert "text/html" in kinds(executed[cell])


def test_the_plan_knows_what_the_script_has_run(said: dict[str, str]) -> None:
    assert said["plan"].startswith("flights: 27 hit, 0 to run\n")
    assert said["run"].splitlines()[-1].startswith("flights: nothing to do, all 27 up to date")


def test_it_shows_the_comparison_and_the_plot(executed: Outputs, said: dict[str, str]) -> None:
    assert all(model in said["comparison"] for model in ("baseline", "logistic", "forest", "boosting"))
    assert "image/png" in kinds(executed["figure"])


def test_a_step_of_a_cell_runs_alone_on_what_is_known(said: dict[str, str]) -> None:
    assert "ran: ['by_carrier']" in said["step"] and "forecast" in said["step"]


def test_defined_again_only_that_step_runs_again(said: dict[str, str]) -> None:
    assert "ran: ['by_carrier']" in said["second"] and "gap" in said["second"]


def test_explain_shows_the_lines_that_changed(said: dict[str, str]) -> None:
    assert said["explain"].startswith("by_carrier would run: its code changed since ")
    changed = [line.strip() for line in said["explain"].splitlines() if line.strip()[:1] in "+-"]
    assert '+     table["gap"] = table["forecast"] - table["late"]' in changed
    assert not any("def by_carrier" in line for line in changed)


def test_the_committed_outputs_are_of_a_whole_run_and_small(said: dict[str, str]) -> None:
    """Numbers may differ in their last digits by machine and version; words may not."""
    committed = {cell: text(shown) for cell, shown in outputs(NOTEBOOK).items()}
    assert committed.keys() == said.keys()
    for cell in ("draw", "plan", "plan-depth", "run", "comparison", "step", "second"):
        assert words(committed[cell]) == words(said[cell]), cell
    assert NOTEBOOK.stat().st_size < LARGEST


def words(text: str) -> set[str]:
    return set(re.findall("[a-z_]{3,}", text))
