"""mypy and pyright check pipelines by call as plain calls: they accept good lines, and refuse each of the bad ones.

They accept the programs of the design too, all but the notebook, which defines its steps again.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
GOOD, BAD = HERE / "good.py", HERE / "bad.py"
PROGRAMS = ROOT / "examples" / "programs"
PATHS = [path for path in (GOOD, BAD, *sorted(PROGRAMS.glob("*.py"))) if path.name not in ("f_notebook.py", "data.py")]
WRONG = {number for number, line in enumerate(BAD.read_text().splitlines(), 1) if line.endswith("# wrong")}


def checked(*command, **environment):
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=280, env={**os.environ, **environment}
    )


def test_mypy_accepts_the_good_lines_and_the_programs_and_refuses_the_bad_lines():
    pytest.importorskip("mypy")
    options = ["--strict", "--no-error-summary", "--show-error-codes", "--no-pretty"]
    where = os.pathsep.join([str(ROOT / "src"), str(PROGRAMS)])
    done = checked(sys.executable, "-m", "mypy", *options, *map(str, PATHS), MYPYPATH=where)
    found = [line.split(":", 2) for line in done.stdout.splitlines() if ": error:" in line]
    ours = [(Path(path).name, int(number)) for path, number, _ in found if (ROOT / path).parent in (HERE, PROGRAMS)]
    assert {number for name, number in ours if name == "bad.py"} == WRONG, done.stdout
    assert [where for where in ours if where[0] != "bad.py"] == [], done.stdout


@pytest.mark.long
def test_pyright_accepts_the_good_lines_and_the_programs_and_refuses_the_bad_lines(tmp_path):
    program = shutil.which("pyright", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if program is None or shutil.which("node") is None:
        pytest.skip("pyright needs node, and one of the two is not here")
    for path in PATHS:
        shutil.copy(path, tmp_path)
    config = {"extraPaths": [str(ROOT / "src")], "typeCheckingMode": "standard"}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(config))
    command = [program, "--outputjson", "--pythonpath", sys.executable, "-p", str(tmp_path)]
    try:
        done = checked(*command, PYRIGHT_PYTHON_GLOBAL_NODE="1", PYRIGHT_PYTHON_IGNORE_WARNINGS="1")
        told = json.loads(done.stdout)["generalDiagnostics"]
    except (ValueError, KeyError, subprocess.TimeoutExpired):
        pytest.skip("pyright could not be started; it may want to fetch itself, and there is no network")
    errors = {(Path(one["file"]).name, one["range"]["start"]["line"] + 1) for one in told if one["severity"] == "error"}
    assert {number for name, number in errors if name == "bad.py"} == WRONG
    assert {where for where in errors if where[0] != "bad.py"} == set()
