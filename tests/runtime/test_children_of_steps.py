"""Processes that a step of a script starts: they find `__main__` as they would from the script, and end with the worker."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

STEPS = """
import multiprocessing, os, sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from plait import Pipeline, step

def double(n): return 2 * n

class Row:
    def __init__(self, n): self.n = n

def grow(row): return Row(row.n + 1)

def pool(method, size): return ProcessPoolExecutor(size, mp_context=multiprocessing.get_context(method))

@step
def forked(n: int) -> list[int]:
    with multiprocessing.get_context("fork").Pool(2) as children: return children.map(double, range(n))

@step
def rows(n: int) -> list[int]:
    with pool("fork", 2) as children: return [row.n for row in children.map(grow, [Row(i) for i in range(n)])]

@step
def other(n: int) -> list[int]: return [n]

@step
def spawned(n: int) -> list[int]:
    with multiprocessing.get_context("spawn").Pool(1) as children: return children.map(double, range(n))
"""
RUN = """
if __name__ == "__main__":
    for executor in ("sequential", "threads", "processes"):
        run = Pipeline("p", STEPS).run(n=3, executor=executor, store=None, listeners=[])
        print([run[one] for one in STEPS])
"""
WAITS = """
def waits(folder):
    Path(folder, str(os.getpid())).touch()
    import time
    time.sleep(300)

@step(ignore=["folder"])
def long(folder: str) -> int:
    with pool("fork", 1) as one, pool("spawn", 1) as two:
        return len([future.result() for future in [one.submit(waits, folder), two.submit(waits, folder)]])

if __name__ == "__main__":
    Pipeline("p", [long]).run(folder=sys.argv[1], executor="processes", store=None, listeners=[])
"""
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")


def script(path, text, *arguments):
    path.write_text(text)
    command = [sys.executable, "-W", "ignore", *(arguments or [path.name])]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, cwd=path.parent)


@pytest.mark.parametrize("how", ["script", "module"])
def test_pools_of_a_step_find_the_functions_of_the_script(tmp_path, how):
    text = STEPS + "STEPS = [forked, other, rows, spawned]\n" + RUN
    done = script(tmp_path / "program.py", text, *(["-m", "program"] if how == "module" else []))
    assert done.stdout.splitlines() == ["[[0, 2, 4], [3], [1, 2, 3], [0, 2, 4]]"] * 3, done.stderr


def test_pools_of_a_step_find_the_functions_of_a_notebook(tmp_path):
    text = STEPS + "STEPS = [forked, other, rows]\n" + RUN
    cells = f"del __file__\nexec(compile({text!r}, '/tmp/ipykernel_99999999/1.py', 'exec'))\n"
    done = script(tmp_path / "cells.py", cells)
    assert done.stdout.splitlines() == ["[[0, 2, 4], [3], [1, 2, 3]]"] * 3, done.stderr


def test_names_of_an_earlier_step_are_taken_out_of_main_again():
    from plait import step
    from plait.runtime.main_module import install

    main = vars(sys.modules["__main__"])
    own = {"__name__": "__main__", "a_helper": 1, "step": step}
    exec("@step\ndef one() -> int: return a_helper", own)
    install(own["one"].definition)
    assert main["a_helper"] == 1
    install(step(lambda: 1, name="two").definition)
    assert "a_helper" not in main


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="the system does not tell what a process has started")
def test_children_of_a_step_end_when_the_program_is_killed(tmp_path):
    (tmp_path / "program.py").write_text(STEPS + WAITS)
    left = tmp_path / "left"
    left.mkdir()
    program = subprocess.Popen([sys.executable, "-W", "ignore", "program.py", str(left)], cwd=tmp_path)
    try:
        wait_until(lambda: len(list(left.iterdir())) == 2)
    finally:
        program.kill()
        program.wait()
    children = [int(path.name) for path in left.iterdir()]
    try:
        wait_until(lambda: not any(is_there(child) for child in children))
    finally:
        for child in filter(is_there, children):
            os.kill(child, signal.SIGKILL)


def is_there(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(event, seconds=240):
    end = time.monotonic() + seconds
    while not event():
        assert time.monotonic() < end
        time.sleep(0.05)


CHILD = """
import os, sys
from plait import Pipeline, step

@step
def forked(n: int) -> list[int]:
    codes = []
    for way in ("exit", "error", "return"):
        child = os.fork()
        if not child:
            if way == "return":
                return codes
            raise SystemExit(3) if way == "exit" else ValueError(way)
        codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    return codes

print(Pipeline("p", [forked]).run(n=1, executor="threads", workers=2, store=None, listeners=[]).result)
"""


@pytest.mark.timeout(120)
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_that_comes_out_of_a_step_in_a_thread_ends(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(CHILD)
    done = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, timeout=100)
    assert done.stdout.splitlines() == ["[3, 1, 0]"], done.stderr
