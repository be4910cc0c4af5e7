"""Why a node failed is known of runs of the past as it is of the one that has just ended."""

import json
import os
import signal
import subprocess
import sys
from os import environ, pathsep
from pathlib import Path

import pytest

from plait import NodeFailed, PastError, Pipeline, Retry, attempt, each, pipeline, step

SRC = str(Path(__file__).parents[2] / "src")
tries = []


@step
def rows(n: int = 3) -> list[int]:
    return list(range(n))


def inner(n):
    if n == 1:
        raise ValueError(f"no rows for {n}\nsecond line")
    return n


@step
def fit(row: int) -> int:
    return inner(row)


@step(retry=Retry(on=OSError, attempts=3, wait="1ms"))
def fetch(n: int = 0) -> int:
    tries.append(n)
    if len(tries) < 3:
        raise OSError(f"busy {len(tries)}")
    return n


@pipeline
def mapped(n: int = 3) -> list[int]:
    return fit.map(each(rows(n)))


@pytest.mark.parametrize("executor", ["sequential", "threads", "processes"])
def test_failures_of_the_past_are_those_of_the_run(tmp_path, executor):
    run = mapped.run(store=tmp_path / "s", fail="keep-going", executor=executor, listeners=[])
    past = mapped.runs(store=tmp_path / "s")[0]
    assert (
        [(one.where, one.kind, one.message) for one in past.failures]
        == [("fit[1]", "ValueError", "no rows for 1\nsecond line")]
        == [(one.where, one.kind, one.message) for one in run.failures]
    )
    assert past.nodes == run.nodes
    assert isinstance(past.failures[0].error, PastError)
    assert "in inner" in past.failures[0].error.traceback
    assert str(Path("plait") / "runtime") not in past.failures[0].error.traceback
    with pytest.raises(NodeFailed, match=r"^fit\[1\]: ValueError: no rows for 1"):
        past["fit[1]"]
    assert "failed: fit[1]: ValueError: no rows for 1" in past.report()


def test_of_a_node_that_ran_it_is_known_when_where_and_how_often_it_was_tried(tmp_path):
    tries.clear()
    p = Pipeline("p", [fetch])
    run = p.run(store=tmp_path / "s", listeners=[])
    one = run.node("fetch")
    assert one.attempts == ("OSError: busy 1", "OSError: busy 2")
    assert run.started <= one.started <= run.started + run.seconds + 0.001  # it is rounded to a millisecond
    assert str(os.getpid()) in one.worker and one.worker.endswith("MainThread")
    assert p.runs(store=tmp_path / "s")[0].node("fetch") == one


def test_of_a_cache_hit_the_run_that_computed_it_knows_more(tmp_path):
    first = Pipeline("p", [rows]).run(store=tmp_path / "s", listeners=[]).node("rows")
    hit = Pipeline("p", [rows]).run(store=tmp_path / "s", listeners=[]).node("rows")
    assert hit == first._replace(state="hit", started=0.0, worker="") and first.started


def test_a_failed_node_of_threads_and_processes_says_where_it_ran(tmp_path):
    run = mapped.run(store=tmp_path / "s", fail="keep-going", executor="threads", listeners=[])
    assert "plait-" in run.node("fit[1]").worker
    run = mapped.run(store=tmp_path / "t", fail="keep-going", executor="processes", listeners=[])
    assert run.node("fit[1]").worker


def test_plan_and_explain_say_that_an_item_failed_last_time(tmp_path):
    mapped.run(store=tmp_path / "s", fail="keep-going", listeners=[])
    said = str(mapped.plan(store=tmp_path / "s"))
    assert "failed last time: ValueError: no rows for 1" in said and "row changed" not in said
    assert "failed last time: ValueError: no rows for 1" in mapped.explain("fit", store=tmp_path / "s")
    run = mapped.runs(store=tmp_path / "s")[0]
    assert "failed: ValueError: no rows for 1" in run.explain("fit[1]")


MODULE = """
import sys
from plait import Failure, attempt, each, pipeline, step

@step
def parsed(n: int) -> int:
    print("at", n)
    if n > 1: raise ValueError(f"no {n}")
    return n

@step
def summary(all: list[int | Failure]) -> int:
    return len(all)

@pipeline
def handled(ns: list[int] = [1, 2, 3, 4]) -> int:
    return summary(attempt(parsed.map(each(ns))))

@pipeline
def plain(ns: list[int] = [1, 2]) -> list[int]:
    return parsed.map(each(ns))
"""


def plait(folder, *arguments):
    path = pathsep.join(filter(None, [SRC, environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, "-m", "plait", *arguments], cwd=folder, text=True, capture_output=True, timeout=240,
        env={**environ, "PYTHONPATH": path, "PLAIT_STORE": str(folder / "store")},
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    (folder / "mod.py").write_text(MODULE)
    return folder


def test_a_failure_that_is_handled_is_one_line(project):
    code, _, err = plait(project, "run", "mod:handled", "-q")
    assert code == 0 and "Traceback" not in err
    assert [line.partition(" (")[0] for line in err.splitlines() if "ValueError" in line] == [
        f"parsed[{n}]: ValueError: no {n}" for n in (2, 3, 4)
    ]


def test_the_command_line_says_why_a_past_run_failed(project):
    assert plait(project, "run", "mod:plain", "-q", "--keep-going")[0] == 1
    code, out, _ = plait(project, "runs", "mod:plain", "--json")
    assert json.loads(out)[0]["error"] == "parsed[2]: ValueError: no 2"
    code, out, _ = plait(project, "show", "last")
    assert code == 0 and "failed: parsed[2]: ValueError: no 2" in out
    code, out, err = plait(project, "show", "last", "parsed[2]")
    assert code == 1 and "ValueError: no 2" in err and 'raise ValueError(f"no {n}")' in err
    code, out, _ = plait(project, "show", "last", "--json")
    nodes = {one["node"]: one for one in json.loads(out)["nodes"]}
    assert nodes["parsed[2]"]["error"]["type"] == "ValueError"
    assert nodes["parsed[2]"]["attempts"] == 1 and nodes["parsed[2]"]["started"].startswith("20")
    assert "failed: ValueError: no 2" in plait(project, "explain", "last", "parsed[2]")[1]


KILLED = """
import os, signal, sys
from plait import Pipeline, step

@step
def fails() -> int: raise ValueError("gone wrong")

@step
def ends() -> int: os.kill(os.getpid(), signal.SIGKILL)

Pipeline("p", [fails, ends]).run(store=sys.argv[1], fail="keep-going", listeners=[])
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal here")
def test_of_a_run_that_was_killed_its_failures_are_known(tmp_path):
    (tmp_path / "prog.py").write_text(KILLED)
    path = pathsep.join(filter(None, [SRC, environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, "prog.py", str(tmp_path / "s")], cwd=tmp_path, timeout=240, check=False,
        env={**environ, "PYTHONPATH": path},
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL

    @step
    def fails() -> int:
        raise ValueError("gone wrong")

    past = Pipeline("p", [fails]).runs(store=tmp_path / "s")[0]
    assert (past.status, [(one.node, one.kind, one.message) for one in past.failures]) == (
        "died", [("fails", "ValueError", "gone wrong")],
    )  # fmt: skip


def test_an_error_of_the_past_can_be_sent(tmp_path):
    import pickle

    error = pickle.loads(pickle.dumps(PastError("ValueError", "no rows", "Traceback ...")))
    assert (error.type, error.message, error.traceback, str(error)) == (
        "ValueError", "no rows", "Traceback ...", "ValueError: no rows",
    )  # fmt: skip


def test_attempted_failures_are_in_the_history_too(tmp_path):
    @step
    def count(all: list) -> int:
        return len(all)

    @pipeline
    def handled() -> int:
        return count(attempt(fit.map(each(rows()))))

    run = handled.run(store=tmp_path / "s", listeners=[])
    assert run.ok and handled.runs(store=tmp_path / "s")[0].node("fit[1]").error.line == "ValueError: no rows for 1"
