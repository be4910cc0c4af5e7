"""What a new user of the command line stumbled over."""

from pathlib import Path

import pytest

from cli.terminal import plait

ONE = """
from plait import Pipeline, step

@step
def one(n: int = 1) -> int:
    return n

@step
def two(one: int) -> int:
    return one + 1

small = Pipeline("small", [one, two])
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    (tmp_path / "small.py").write_text(ONE)
    return tmp_path


def test_workers_without_an_executor_are_processes(small: Path) -> None:
    code, out, err = plait(small, "run", "small", "--workers", "2", "-q")
    assert (code, out, err) == (0, "two  2\n", "")


def test_workers_of_an_executor_that_has_none_are_refused_with_those_that_take_them(small: Path) -> None:
    code, _, err = plait(small, "run", "small", "--workers", "2", "--executor", "sequential")
    assert code == 1 and "executor='sequential' takes no workers" in err
    assert "leave workers=2 out" in err and "processes" in err and "threads" in err


@pytest.mark.parametrize(
    "name, begins", [("g.svg", "<svg"), ("g.html", "<!"), ("g.mmd", "flowchart"), ("g.txt", ""), ("drawing", "")]
)
def test_the_suffix_decides_how_a_graph_is_drawn(small: Path, name: str, begins: str) -> None:
    assert plait(small, "graph", "small", "-o", name).code == 0
    written = (small / name).read_text()
    assert written.lower().startswith(begins) and "two" in written
    assert ("<svg" in written) is (name in ("g.svg", "g.html"))


def test_a_suffix_that_is_no_drawing_is_refused_with_those_that_are(small: Path) -> None:
    code, _, err = plait(small, "graph", "small", "-o", "g.png")
    assert code == 1 and ".png is not one of .svg, .html" in err and not (small / "g.png").exists()
    assert plait(small, "graph", "small", "-o", "g.png", "-f", "svg").code == 0
