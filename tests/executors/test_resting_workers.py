"""Workers that rest between two runs: taken again only if they are as good as new ones, and never left behind.

Steps give the number of their process, so that it is seen which worker did what.
"""

import importlib
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from plait import Pipeline, step
from plait.executors import processes
from plait.executors.processes import idle, worker
from waiting import LAST_RESORT, until

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="workers rest only where open files can be counted"),
    pytest.mark.filterwarnings("ignore::plait.UndeclaredRead", "ignore::plait.OpaqueCode"),
]
_left = []  # what steps leave in their process


@pytest.fixture(autouse=True)
def _alone(monkeypatch):
    """No worker of another test; and none is passed over because the machine is busy with other work."""
    monkeypatch.setattr(worker, "IDLE", 2 * LAST_RESORT)
    monkeypatch.setattr(worker, "_PATIENCE", LAST_RESORT)
    idle.end()
    yield
    idle.end()


@step
def where(n: int) -> int:
    return os.getpid()


@step
def meets(n: int, folder: str, guests: int) -> int:
    """Ends when so many have come, so that each is in another process."""
    Path(folder, str(os.getpid())).touch()
    until(lambda: len(os.listdir(folder)) >= guests)
    return os.getpid()


@step(ignore=["name"])
def sees(name: str) -> tuple[int, str]:
    seen = {"variable": lambda: os.environ.get("COLOUR", ""), "folder": os.getcwd, "path": lambda: str(sys.path)}
    return os.getpid(), seen[name]()


@step
def leaves(what: str) -> int:
    match what:
        case "a variable":
            os.environ["COLOUR"] = "red"
        case "another folder":
            os.chdir("/")
        case "a path":
            sys.path.append("/nowhere")
        case "a thread":
            threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
        case "a process":
            subprocess.Popen(["sleep", "600"])
        case "a socket":
            _left.append(socket.socket())
        case "memory":
            _left.append(b"x" * 400_000_000)
        case _:
            _left.append(what)
    return os.getpid()


@step
def by_name(name: str, n: int) -> tuple[int, int]:
    return os.getpid(), importlib.import_module(name).more(n)


@step
def threads(change: int) -> tuple[int, list[int]]:
    """The numeric threads that a step has, after it has told its libraries of another number, and left it so."""
    import numpy  # noqa: F401 - for its libraries
    import threadpoolctl

    if change:
        threadpoolctl.threadpool_limits(change)
    return os.getpid(), [library["num_threads"] for library in threadpoolctl.threadpool_info()]


@step
def naps(seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()


@step(timeout="500ms")
def hangs() -> int:
    time.sleep(600)
    return 0


WHERE = Pipeline("where", [where])
SEES = Pipeline("sees", [sees])


def ran(pipeline, *targets, workers=1, **params):
    return pipeline.run(*targets, store=None, listeners=[], executor="processes", workers=workers, **params)


def met(folder, workers, guests=None):
    """The processes of a run that uses so many at once; `guests` come from several runs."""
    folder.mkdir(exist_ok=True)
    pipeline = Pipeline("p", [meets.named(f"m{i}").with_(n=i) for i in range(workers)])
    run = ran(pipeline, workers=workers, folder=str(folder), guests=guests or workers)
    return {run[f"m{i}"] for i in range(workers)}


def rests():
    """All workers have looked at what they have imported, and wait."""
    for one in list(idle._resting):
        one._resting[1].result(240)


def is_alive(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_the_next_run_is_done_by_the_same_worker():
    first = ran(WHERE, n=1)["where"]
    assert first != os.getpid()
    assert [ran(WHERE, n=n)["where"] for n in range(3)] == [first] * 3


def test_another_number_of_workers_takes_those_that_there_are(tmp_path):
    one = met(tmp_path / "1", 1)
    two = met(tmp_path / "2", 2)
    assert len(two) == 2 and one < two
    assert met(tmp_path / "3", 1) < two
    three = met(tmp_path / "4", 3)
    assert len(three) == 3 and two < three


def test_no_more_rest_than_there_are_cores(tmp_path):
    cores = os.cpu_count() or 1
    many = met(tmp_path / "many", cores + 2)
    until(lambda: sum(map(is_alive, many)) == cores)


# code


MODULE = """
import os
from plait import step

FACTOR = 1

class Table:
    size = 1
    kinds = ["a"]

    def area(self):
        return self.size * FACTOR

def helper(n):
    return n + 1

@step
def value(n: int) -> tuple[int, int]:
    import {helps}
    return os.getpid(), helper(n) * FACTOR + {helps}.more(n) + 100 * Table().area() + 1000 * len(Table.kinds)
"""
HELPS = "def more(n):\n    return 0\n"
EDITS = {
    "a constant": ("FACTOR = 1", "FACTOR = 2"),
    "a helper": ("n + 1", "n + 7"),
    "an attribute of a class": ("size = 1", "size = 3"),
    "a list of a class": ('["a"]', '["a", "b"]'),
    "a comment": ("import os", "import os  # of the system"),
}


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module of the user's, and another that only its step imports; their names are new for each test."""
    monkeypatch.syspath_prepend(str(tmp_path))
    name = f"resting_{tmp_path.name.strip('_')}"
    file, helps = tmp_path / f"{name}.py", tmp_path / f"{name}_helps.py"
    file.write_text(MODULE.format(helps=helps.stem))
    helps.write_text(HELPS)
    time.sleep(0.3)  # else the first worker began too soon after, and is not sure of what it has imported
    importlib.invalidate_caches()
    made = importlib.import_module(name)
    yield made, file, helps
    for stem in (name, helps.stem):
        sys.modules.pop(stem, None)


def value_of(module):
    return ran(Pipeline("p", [module.value]), n=1)["value"]


@pytest.mark.parametrize("edit", EDITS)
def test_a_module_that_was_edited_and_reloaded_gives_what_it_says_now(module, edit):
    made, file, _ = module
    first, before = value_of(made)
    assert value_of(made) == (first, before), "the worker was kept"
    rests()
    file.write_text(file.read_text().replace(*EDITS[edit]))
    importlib.reload(made)
    second, after = value_of(made)
    assert second != first
    assert after == made.value(1)[1]
    assert (after != before) is (edit != "a comment")


def test_a_module_that_only_workers_imported_is_imported_again_after_an_edit(module):
    _, _, helps = module
    imports = Pipeline("p", [by_name.with_(name=helps.stem)])
    first, before = ran(imports, n=1)["by_name"]
    assert ran(imports, n=1)["by_name"] == (first, before) and helps.stem not in sys.modules
    rests()
    helps.write_text(HELPS.replace("0", "n * 5"))
    second, after = ran(imports, n=1)["by_name"]
    assert second != first and after == before + 5


def test_a_file_that_is_gone_and_came_back_counts_as_another(module):
    made, file, _ = module
    first, before = value_of(made)
    assert value_of(made) == (first, before), "the worker was kept"
    rests()
    copy = file.with_suffix(".new")
    copy.write_bytes(file.read_bytes())
    times = file.stat()
    os.utime(copy, ns=(times.st_atime_ns, times.st_mtime_ns))  # as old, as long and of the same content
    copy.replace(file)
    assert value_of(made)[0] != first


def test_a_module_that_was_only_reloaded_is_imported_again_by_a_new_worker(module):
    made, _, _ = module
    first, before = value_of(made)
    assert value_of(made) == (first, before), "the worker was kept"
    rests()
    importlib.reload(made)
    second, after = value_of(made)
    assert second != first and after == before


SPOILED = """
import os
from plait import step

FACTOR = 1

@step
def uses(n: int) -> tuple[int, int]:
    return os.getpid(), n * FACTOR

@step
def spoils(uses: tuple[int, int]) -> int:
    globals()["FACTOR"] = 5
    return os.getpid()
"""


def test_a_constant_that_a_step_has_changed_is_not_what_the_next_run_sees(module, tmp_path):
    """The worker notices that it has other code, and a new one does the work; nobody is told of a failure."""
    _, _, helps = module
    helps.write_text(SPOILED)
    time.sleep(0.3)
    spoiled = importlib.import_module(helps.stem)
    pipeline, told = Pipeline("p", [spoiled.uses, spoiled.spoils]), []
    how = {"store": tmp_path / "store", "executor": "processes", "workers": 1, "listeners": [told.append]}
    first = pipeline.run(n=2, **how)["spoils"]
    assert ran(WHERE, n=1)["where"] == first, "the worker was kept"
    told.clear()
    run = pipeline.run("uses", n=3, **how)
    assert run["uses"][0] != first and run["uses"][1] == 3
    assert [type(event).__name__ for event in told] == ["RunStarted", "Started", "Finished", "RunFinished"]


MAIN = """
import os
from plait import Pipeline, step

class Table:
    size = 3
    extra = 4

@step
def value(n: int) -> tuple[int, int]:
    return os.getpid(), n * Table.size + getattr(Table, "extra", 0)

def ran():
    return Pipeline("p", [value]).run(n=1, store=None, listeners=[], executor="processes", workers=1)["value"]

if __name__ == "__main__":
    said = [ran()]
    Table.size = 30
    said.append(ran())
    del Table.extra
    said.append(ran())
    class Table:
        size = 100
    said.append(ran())
    @step
    def value(n: int) -> tuple[int, int]:
        return os.getpid(), -n
    said.append(ran())
    print(len({pid for pid, _ in said}), [number for _, number in said])
"""


def in_a_script(folder, text, *arguments, **options):
    (folder / "script.py").write_text(textwrap.dedent(text))
    paths = [str(Path(__file__).parents[2] / "src"), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "script.py", *arguments]
    return subprocess.Popen(
        command, cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
    )


def test_what_a_script_or_notebook_defines_is_sent_as_it_is_now(tmp_path):
    said, errors = in_a_script(tmp_path, MAIN).communicate(timeout=240)
    assert said == "1 [7, 34, 30, 100, -1]\n", errors


# what is fixed when a process starts


def test_another_environment_needs_another_worker(monkeypatch):
    first, before = ran(SEES, name="variable")["sees"]
    monkeypatch.setenv("COLOUR", "blue")
    second, after = ran(SEES, name="variable")["sees"]
    assert (before, after) == ("", "blue") and first != second
    monkeypatch.delenv("COLOUR")
    assert ran(SEES, name="variable")["sees"] == (first, ""), "that of the first environment rested still"


def test_another_folder_needs_another_worker(monkeypatch, tmp_path):
    first, before = ran(SEES, name="folder")["sees"]
    monkeypatch.chdir(tmp_path)
    second, after = ran(SEES, name="folder")["sees"]
    assert first != second and before != after == str(tmp_path)


def test_another_path_needs_another_worker(monkeypatch, tmp_path):
    first, _ = ran(SEES, name="path")["sees"]
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    second, path = ran(SEES, name="path")["sees"]
    assert first != second and str(tmp_path) in path


def test_another_limit_needs_another_worker():
    import resource

    first = ran(WHERE, n=1)["where"]
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    other = 0 if soft else 4096
    if hard != resource.RLIM_INFINITY and other > hard:
        pytest.skip("no limit can be changed here")
    resource.setrlimit(resource.RLIMIT_CORE, (other, hard))
    try:
        assert ran(WHERE, n=1)["where"] != first
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))


def test_who_asks_for_an_environment_has_a_worker_of_its_own():
    """An audit compares processes: they must be new."""
    first = ran(WHERE, n=1)["where"]
    found = []
    for _ in range(2):
        pool = processes.create(workers=1, environment={})
        found.append(pool.submit(os.getpid).result(240))
        pool.shutdown(cancel_futures=True)
    assert len({first, *found}) == 3 and not any(map(is_alive, found))


# what a run leaves


@pytest.mark.parametrize(
    "what", ["a variable", "another folder", "a path", "a thread", "a process", "a socket", "memory"]
)
def test_a_worker_in_which_something_was_left_ends_after_its_run(what):
    first = ran(Pipeline("p", [leaves]), what=what)["leaves"]
    until(lambda: not is_alive(first))
    assert ran(WHERE, n=1)["where"] != first


def test_what_a_module_remembers_does_not_end_its_worker():
    """As in the sequential executor, where all runs are in one process; what is in the key is looked at."""
    first = ran(Pipeline("p", [leaves]), what="nothing of note")["leaves"]
    assert ran(WHERE, n=1)["where"] == first


def test_numeric_threads_are_those_of_the_step_whatever_an_earlier_run_did():
    first, numbers = ran(Pipeline("p", [threads]), change=2)["threads"]
    assert max(numbers) == 2
    assert ran(Pipeline("p", [threads]), change=0)["threads"] == (first, [1] * len(numbers))


def test_after_a_step_that_was_killed_nothing_rests():
    pipeline = Pipeline("p", [hangs, *(where.named(f"w{i}").with_(n=i) for i in range(3))])
    run = ran(pipeline, workers=2, fail="keep-going")
    assert [failure.node for failure in run.failures] == ["hangs"]
    until(lambda: not any(is_alive(run[f"w{i}"]) for i in range(3)))


def test_a_worker_that_was_killed_while_it_rested_costs_nothing():
    first = ran(WHERE, n=1)["where"]
    os.kill(first, signal.SIGKILL)
    until(lambda: not is_alive(first))
    told = []
    run = WHERE.run(n=1, store=None, listeners=[told.append], executor="processes", workers=1)
    assert run["where"] != first and "Retried" not in [type(event).__name__ for event in told]


# who has them, and for how long


def test_runs_at_the_same_time_do_not_share_a_worker(tmp_path):
    met(tmp_path / "before", 2)
    for turn in range(3):
        with ThreadPoolExecutor(2) as both:
            one, two = both.map(lambda folder: met(folder, 2, guests=4), [tmp_path / f"{turn}"] * 2)
        assert len(one | two) == 4


def test_a_worker_that_rested_for_too_long_ends(monkeypatch):
    monkeypatch.setattr(worker, "IDLE", 0.2)
    monkeypatch.setattr(worker, "_MARGIN", 0.2)
    first = ran(WHERE, n=1)["where"]
    until(lambda: not is_alive(first))
    until(lambda: first not in (child.pid for child in psutil.Process().children()))  # no zombie is left of it
    until(lambda: not [one for one in threading.enumerate() if one.name == "plait-worker"])
    assert ran(WHERE, n=1)["where"] != first


def test_a_worker_at_work_does_not_end_because_it_rested_before(monkeypatch):
    monkeypatch.setattr(worker, "IDLE", 1.0)
    monkeypatch.setattr(worker, "_MARGIN", 0.0)
    # on a busy machine the second may come so late that it has another worker: then once more
    until(lambda: ran(WHERE, n=1)["where"] == ran(Pipeline("p", [naps]), seconds=1.5)["naps"])


def test_a_forked_child_starts_its_own_and_leaves_those_of_its_parent_alone():
    first = ran(WHERE, n=1)["where"]
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            found = ran(WHERE, n=1)["where"]
            os.write(write, str(found).encode())
            idle.end()
            status = 0
        finally:
            os._exit(status)
    os.close(write)
    _, status = os.waitpid(child, 0)
    with open(read, "rb") as file:
        assert status == 0 and int(file.read()) not in (first, os.getpid())
    assert ran(WHERE, n=1)["where"] == first


RESTING = """
import os, sys, time
from plait import Pipeline, step

@step
def where(n: int) -> int:
    return os.getpid()

if __name__ == "__main__":
    print(Pipeline("p", [where]).run(n=1, store=None, listeners=[], executor="processes", workers=1)["where"])
    sys.stdout.flush()
    if sys.argv[1] == "forks":
        if (child := os.fork()) == 0:
            sys.exit(0)
        print(os.waitpid(child, 0)[1], flush=True)
    elif sys.argv[1] != "ends":
        time.sleep(600)
"""


@pytest.mark.parametrize("how", ["ends", "killed", "Ctrl-C", "SIGTERM", "forks"])
def test_no_worker_rests_longer_than_its_program(tmp_path, how):
    program = in_a_script(tmp_path, RESTING, how, start_new_session=True)
    resting = int(program.stdout.readline())
    assert how in ("ends", "forks") or is_alive(resting)
    match how:
        case "killed":
            program.kill()
        case "Ctrl-C":
            os.killpg(program.pid, signal.SIGINT)
        case "SIGTERM":
            program.terminate()
        case _:
            assert program.wait(240) == 0
    said, errors = program.communicate(timeout=240)
    until(lambda: not is_alive(resting))
    if how in ("ends", "forks"):
        assert (said, errors) == ("0\n" if how == "forks" else "", "")
