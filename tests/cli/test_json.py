"""With `--json`, stdout holds JSON and nothing else, whatever modules, steps, native code and workers print."""

import json
import subprocess
import sys
from os import environ, pathsep
from pathlib import Path

import pytest

SRC = str(Path(__file__).parents[2] / "src")
MODULE = """
import atexit, logging, os, subprocess, sys
from plait import Pipeline, step
print("at import")
atexit.register(print, "at the end")
handler = logging.StreamHandler(sys.stdout)
logging.getLogger("mine").addHandler(handler)

@step
def says(n: int = 1) -> int:
    print("printed")
    sys.stdout.write("written\\n")
    sys.__stdout__.write("original\\n")
    os.write(1, b"native\\n")
    subprocess.run([sys.executable, "-c", "print('child')"], check=True)
    logging.getLogger("mine").warning("logged")
    return n

@step
def fails(says: int) -> int:
    raise ValueError("gone")

p = Pipeline("p", [says])
q = Pipeline("q", [says, fails])
"""
SAID = ["at import", "printed", "written", "original", "native", "child", "logged", "at the end"]


@pytest.fixture
def project(tmp_path):
    (tmp_path / "mod.py").write_text(MODULE)
    return tmp_path


def plait(folder, *arguments):
    path = pathsep.join(filter(None, [SRC, environ.get("PYTHONPATH")]))
    return subprocess.run(
        [sys.executable, "-m", "plait", *arguments], cwd=folder, text=True, capture_output=True, timeout=240, check=False,
        env={**environ, "PYTHONPATH": path, "PLAIT_STORE": str(folder / "store")},
    )  # fmt: skip


@pytest.mark.parametrize("executor", ["sequential", "threads", "processes"])
def test_a_run(project, executor):
    done = plait(project, "run", "mod:p", "--json", "--executor", executor)
    assert json.loads(done.stdout)["results"] == {"says": 1}
    assert [one for one in SAID if one not in done.stderr] == []


def test_a_run_that_fails(project):
    done = plait(project, "run", "mod:q", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["failures"] == {"fails": "ValueError: gone"}
    assert "ValueError: gone" in done.stderr


@pytest.mark.parametrize("command", [("plan", "mod:p"), ("runs", "mod:p"), ("audit", "mod:p")])
def test_other_commands(project, command):
    done = plait(project, *command, "--json")
    json.loads(done.stdout)
    assert "at import" in done.stderr


def test_what_a_node_printed_is_shown(project):
    assert plait(project, "run", "mod:q").returncode == 1
    done = plait(project, "show", "last", "says", "--log")
    assert done.stdout.splitlines() == ["printed", "written", "original", "WARNING mine: logged"]
    assert "4 lines" in plait(project, "show", "last").stdout
    nodes = json.loads(plait(project, "show", "last", "says", "--json").stdout)["nodes"]
    assert nodes[0]["log"] == {
        "text": "printed\nwritten\noriginal\nWARNING mine: logged\n", "characters": 46, "lines": 4, "whole": True,
    }  # fmt: skip
    done = plait(project, "show", "last", "fails", "--log")
    assert "printed and logged nothing" in done.stdout
    done = plait(project, "show", "last", "--log")
    assert done.returncode == 1 and "say of which node" in done.stderr


def test_a_reader_that_has_seen_enough_is_no_error(project):
    path = pathsep.join(filter(None, [SRC, environ.get("PYTHONPATH")]))
    process = subprocess.Popen(
        [sys.executable, "-m", "plait", "run", "mod:p", "--json"], cwd=project, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env={**environ, "PYTHONPATH": path, "PLAIT_STORE": str(project / "store")},
    )  # fmt: skip
    process.stdout.close()
    err = process.stderr.read().decode()
    process.stderr.close()
    assert process.wait(60) == 0 and "Traceback" not in err and "BrokenPipe" not in err
