"""What a new user of the command line stumbled over."""

import json
import os
import re
import subprocess
import sys
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


MANY = """
from plait import File, Pipeline, step

@step
def trips(trips_csv: File) -> list[int]:
    return [1]

@step
def prices(trips: list[int], rate: float) -> list[float]:
    return [rate]

@step
def total(price: list[float]) -> float:
    return sum(price)

many = Pipeline("many", [trips, prices, total])
"""


def test_missing_parameters_are_a_line_each_in_the_syntax_of_the_shell(tmp_path: Path) -> None:
    (tmp_path / "many.py").write_text(MANY)
    code, out, err = plait(tmp_path, "run", "many")
    assert (code, out) == (1, "")
    assert err.splitlines() == [
        "plait: nothing makes 3 parameters of many, and no values are given. Pass",
        "  --set trips_csv=...  File for trips(trips_csv)",
        "  --set rate=...       float for prices(rate)",
        "  --set price=...      list[float] for total(price). Did you mean 'prices'?",
        "or set it in a file: --config FILE, under params:",
    ]
    one = plait(tmp_path, "plan", "many", "-t", "trips").err
    assert (
        "'trips_csv': File for trips(trips_csv), and no value is given. Pass --set trips_csv=...; or set it in a file"
        in one
    )


def test_missing_parameters_in_python_are_a_line_each() -> None:
    from plait import ParameterError, Pipeline, pipeline, step

    @step
    def fit(n: int, depth: int) -> int:
        return n

    @pipeline
    def inner(n: int, depth: int) -> int:
        return fit(n, depth)

    with pytest.raises(ParameterError) as error:
        Pipeline("p", [fit]).run(store=None, listeners=[])
    assert str(error.value).splitlines() == [
        "nothing makes 2 parameters of p, and no values are given. Pass",
        "  n=...      int for fit(n)",
        "  depth=...  int for fit(depth)",
    ]


@pytest.mark.parametrize(
    "node, said", [("orders", ""), ("order_csv", ""), ("rowz", "Did you mean 'rowz'"), ("rows_of_all", "")]
)
def test_only_a_slip_of_a_fitting_type_is_guessed(node: str, said: str) -> None:
    from plait import ParameterError, Pipeline, step

    @step
    def use(rows: list[int], orders_csv: str) -> int:
        return 1

    def make(x: int = 1) -> list[int]:
        return [x]

    with pytest.raises(ParameterError) as error:
        Pipeline("p", [step(make, name=node), use]).run(store=None, listeners=[])
    assert ("Did you mean" in str(error.value)) is bool(said) and said in str(error.value)


def test_a_run_is_tagged_and_says_each_event(small: Path) -> None:
    code, out, err = plait(small, "run", "small", "--tag", "first", "--verbose")
    assert code == 0 and out.endswith("two  2\n")
    words = [line.split()[1] for line in err.splitlines()]
    assert words == ["RunStarted", "Started", "Finished", "Started", "Finished", "RunFinished"]
    assert "Started node=one" in err and "status=done" in err
    assert plait(small, "tag").out.splitlines()[1].startswith("first ")
    assert plait(small, "run", "small", "--tag", "x", "--no-store").code == 2
    assert plait(small, "run", "small", "-q", "-v").code == 2


def test_what_failed_in_a_run_is_shown_alone(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text(ONE.replace("return n", "raise ValueError('no rows')"))
    assert plait(tmp_path, "run", "bad").code == 1
    shown = plait(tmp_path, "show", "last", "--failed").out
    assert shown.startswith("one failed: ValueError: no rows") and "Traceback" in shown and "two" not in shown
    assert [one["node"] for one in json.loads(plait(tmp_path, "show", "last", "--failed", "--json").out)["nodes"]] == [
        "one"
    ]
    (tmp_path / "small.py").write_text(ONE)
    plait(tmp_path, "run", "small")
    assert "nothing failed in the run" in plait(tmp_path, "show", "last", "--failed").out


@pytest.mark.parametrize("words, wanted", [("plait pl", ["plan"]), ("plait run --keep", ["--keep-going"])])
def test_bash_completes_commands_and_options(tmp_path: Path, words: str, wanted: list[str]) -> None:
    program = tmp_path / "plait"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m plait "$@"\n')
    program.chmod(0o755)
    said = words.split()
    script = (
        f'eval "$(_PLAIT_COMPLETE=bash_source plait)"; COMP_WORDS=({words}); COMP_CWORD={len(said) - 1}; '
        f'$(complete -p plait | sed "s/.*-F \\([^ ]*\\).*/\\1/") plait; printf "%s\\n" "${{COMPREPLY[@]}}"'
    )
    script = script.replace("$(complete -p plait | sed", "run=$(complete -p plait | sed").replace(
        '") plait; printf', '"); $run plait; printf'
    )
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    made = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, timeout=240)
    assert made.stdout.split() == wanted, made.stderr


@pytest.mark.parametrize("shell", ["bash_source", "zsh_source", "fish_source", "source_bash"])
def test_the_script_of_completion_is_printed(shell: str) -> None:
    environment = {**os.environ, "_PLAIT_COMPLETE": shell}
    made = subprocess.run([sys.executable, "-m", "plait"], env=environment, capture_output=True, text=True, timeout=240)
    assert made.returncode == 0 and "_PLAIT_COMPLETE" in made.stdout, made.stdout + made.stderr


REGIONS = """
from plait import Pipeline, each, pipeline, step

@step
def fit(region: str) -> str:
    if region.startswith("west"):
        raise ValueError("no rows")
    return region.upper()

@pipeline
def regions(names: list[str] = ["west, far", "north, near", "1", "east"]) -> list[str]:
    return fit.map(each(names))
"""


def test_every_name_of_an_item_that_is_printed_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "areas.py").write_text(REGIONS)
    said = plait(tmp_path, "run", "areas", "--keep-going").err
    for name in ("fit[west, far]", re.search(r"fit\[#\w+\]", plait(tmp_path, "show", "last").out)[0]):
        assert "no rows" in plait(tmp_path, "show", "last", name).err
    printed = re.findall(r"(fit\[.*?\]):", said)
    assert printed and all("no rows" in plait(tmp_path, "show", "last", name).err for name in printed)
    assert "ValueError: no rows" in plait(tmp_path, "reproduce", "last", "fit[west, far]").err
    assert "no rows" in plait(tmp_path, "explain", "last", "fit[west, far]").out
    assert "NORTH, NEAR" in plait(tmp_path, "show", "last", "fit[north, near]").out
    assert "1" in plait(tmp_path, "show", "last", "fit[1]").out
    assert plait(tmp_path, "plan", "areas", "-t", "fit[north, near]").out.count("hit") == 2
    assert "fit[#" in plait(tmp_path, "plan", "areas", "-t", "fit[north, near]").out
    assert "up to date" in plait(tmp_path, "explain", "areas", "fit[north, near]").out
    assert plait(tmp_path, "show", "last", "fit[south, near]").code == 1


def test_every_name_of_a_failure_reads_its_node(importable: Path) -> None:
    (importable / "areas_too.py").write_text(REGIONS)
    from areas_too import regions

    from plait import GraphError, NodeFailed

    run = regions.run(store=importable, fail="keep-going", listeners=[])
    for one in run.failures:
        with pytest.raises(NodeFailed):
            run[one.where]
    for one in (run, *regions.runs(store=importable)):
        assert one["fit[north, near]"] == "NORTH, NEAR" and one["fit[1]"] == "1" and one["fit[east]"] == "EAST"
        assert one.node("fit[west, far]").state == "failed"
        with pytest.raises(NodeFailed):
            one["fit[west, far]"]
        with pytest.raises(GraphError, match="has no item south, near"):
            one["fit[south, near]"]


def test_of_a_failed_run_its_reason_is_shown_once_and_what_was_not_done_is_said_so(small: Path) -> None:
    (small / "small.py").write_text(ONE.replace("return n", "raise ValueError('no rows')"))
    assert plait(small, "run", "small").code == 1
    assert plait(small, "show", "last").out.count("no rows") == 1
    for words in (("show", "last", "two"), ("show", "last", "two", "--log"), ("explain", "last", "two")):
        assert "failed before any node 'two' was done" in plait(small, *words).err
