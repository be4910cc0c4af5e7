"""Steps and classes of scripts and notebooks: they travel to worker processes, and have the same names there."""

import subprocess
import sys

CODE = """
from dataclasses import dataclass

from plait import Pipeline, step


@dataclass
class Box:
    x: int

    def grown(self):
        return Box(self.x + 1)


def helper(box):
    return box.grown()


@step
def box(n: int) -> Box:
    return helper(Box(n))


@step
def more(box: Box) -> Box:
    return helper(box)
"""
RUN = """
p = Pipeline("p", [box, more])
there = p.run(n=1, store=None, executor="processes", workers=1, listeners=[])
here = p.run(n=1, store=None, listeners=[])
assert there.digest("more") == here.digest("more") and there["more"] == here["more"] == Box(3)
print("same")
"""
CELLS = """
import linecache

def cell(number, text):
    name = f"/tmp/ipykernel_99999999/{number}.py"
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    exec(compile(text, name, "exec"), globals())

"""


def run(path, text, **options):
    path.write_text(text)
    return subprocess.run([sys.executable, path], capture_output=True, text=True, timeout=240, **options)


def test_a_script_needs_no_guard_to_run_in_processes(tmp_path):
    done = run(tmp_path / "script.py", CODE + RUN)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["same"], "the script ran once, not once more in each worker"


def test_cells_of_a_notebook_have_the_same_names_in_a_worker(tmp_path):
    done = run(tmp_path / "cells.py", f"{CELLS}\ncell(1, {CODE!r})\n{RUN}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["same"]


def test_a_cell_that_is_run_again_unchanged_is_a_hit_and_changed_a_miss(tmp_path):
    store = tmp_path / "store"
    rest = f"""
def states():
    return Pipeline("p", [box, more]).run(n=1, store={str(store)!r}, listeners=[]).states

cell(1, CODE)
print(*states().values())
cell(2, "# moved\\n\\n" + CODE)
print(*states().values())
cell(3, CODE.replace("self.x + 1", "self.x + 2"))
print(*states().values())
cell(4, CODE)
print(*states().values())
"""
    done = run(tmp_path / "cells.py", f"{CELLS}\nCODE = {CODE!r}\n{rest}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["run run", "hit hit", "run run", "hit hit"]


def test_a_script_and_its_import_share_results(tmp_path):
    rest = 'if __name__ == "__main__":\n    print(*Pipeline("p", [box, more]).run(n=1, store="store", listeners=[]).states.values())\n'
    (tmp_path / "script.py").write_text(CODE + rest)
    for command in (
        ["script.py"],
        [
            "-c",
            "import script as s; print(*s.Pipeline('p', [s.box, s.more]).run(n=1, store='store', listeners=[]).states.values())",
        ],
    ):
        done = subprocess.run([sys.executable, *command], cwd=tmp_path, capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["hit", "hit"]


def test_what_a_script_reads_back_is_of_its_own_classes(tmp_path):
    rest = """
@step(cache=False)
def own(more: Box, boxes: list) -> bool:
    return isinstance(more, Box) and all(isinstance(b, Box) for b in boxes)

@step
def boxes(n: int) -> list:
    return [Box(n)]

run = Pipeline("p", [box, more, boxes, own]).run(n=1, store="store", listeners=[])
print(run["own"], type(run["more"]) is Box, run.states["more"])
"""
    (tmp_path / "script.py").write_text(CODE + rest)
    said = [
        subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=240).stdout
        for _ in range(2)
    ]
    assert said == ["True True run\n", "True True hit\n"]


def test_a_value_whose_class_has_changed_since_is_not_read_as_the_new_one(tmp_path):
    rest = """
p = Pipeline("p", [box])
print(*p.run(n=1, store="store", listeners=[]).states.values())
try:
    print(p.runs(store="store")[-1]["box"])
except Exception as error:
    print(type(error).__name__, error)
"""
    (tmp_path / "script.py").write_text(CODE + rest)

    def run():
        return subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=240)

    assert run().stdout.splitlines() == ["run", "Box(x=2)"]
    (tmp_path / "script.py").write_text(CODE.replace("+ 1", "+ 10") + rest)
    first, second = run().stdout.splitlines()
    assert first == "run" and second.startswith("ArtifactLost box cannot be read: its class is another one now")


MANY = """
import dataclasses, enum, time
from typing import Any, NamedTuple
from plait import Pipeline, step

@dataclasses.dataclass
class Row:
    id: int

@dataclasses.dataclass(frozen=True, slots=True)
class Slots:
    id: int

class Pair(NamedTuple):
    id: int

class Colour(enum.Enum):
    RED = 0
    BLUE = 1

class Outer:
    @dataclasses.dataclass
    class Inner:
        id: int

def local():
    @dataclasses.dataclass
    class Local:
        id: int
    return Local

def shout(n):
    return n

@step
def many(kind: str, n: int) -> Any:
    if kind == "function":
        return [shout] * n
    if kind == "enum":
        return [Colour(i % 2) for i in range(n)]
    make = {"row": Row, "slots": Slots, "pair": Pair, "inner": Outer.Inner, "local": local()}[kind]
    return [make(i) for i in range(n)]

@step
def count(many: Any) -> int:
    return len(many)

p = Pipeline("p", [many, count])
"""


def test_what_is_made_of_the_classes_of_a_script_is_kept_and_read_back(tmp_path):
    text = (
        MANY
        + """
for executor in ("sequential", "processes"):
    for kind in ("row", "slots", "pair", "enum", "inner", "local", "function"):
        first = p.run(kind=kind, n=3, store=executor, executor=executor, listeners=[])
        again = p.run(kind=kind, n=3, store=executor, listeners=[])
        assert again.states == {"many": "hit", "count": "hit"}, (executor, kind)
        assert kind == "local" or again["many"] == first["many"] == many.fn(kind, 3), (executor, kind)
print("kept")
"""
    )
    done = run(tmp_path / "script.py", text)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["kept"] and not done.stderr, done.stderr


def test_a_class_of_a_script_is_sent_whole_once_and_not_once_for_each_object(tmp_path):
    text = (
        MANY
        + """
import cloudpickle
sent = []
dumps = cloudpickle.dumps
cloudpickle.dumps = lambda *args, **more: sent.append(1) or dumps(*args, **more)
for kind in ("row", "slots", "pair", "enum", "inner", "local", "function"):
    p.run(kind=kind, n=500, store="s", listeners=[])
    assert len(sent) < 10, (kind, len(sent))
    sent.clear()
"""
    )
    done = run(tmp_path / "script.py", text)
    assert done.returncode == 0, done.stderr


def test_a_module_that_runs_in_processes_when_it_is_imported_says_so_and_does_not_multiply(tmp_path):
    (tmp_path / "shop.py").write_text(CODE + RUN.replace("assert", "if 0: assert"))
    done = run(tmp_path / "script.py", "import sys; sys.path.insert(0, '.')\nimport shop\n", cwd=tmp_path)
    assert done.returncode != 0
    assert 'Put the call of run under if __name__ == "__main__":, or in a function' in done.stderr


ALIKE = """
import dataclasses, functools
from plait import Pipeline, step

@dataclasses.dataclass
class Row:
    x: int

class Outer:
    @dataclasses.dataclass
    class Row:
        x: int

def make(k):
    @dataclasses.dataclass
    class Row:
        x: int
        def times(self):
            return self.x * k
    return Row

def doubled(fn):
    @functools.wraps(fn)
    def wrapper(*args):
        return 2 * fn(*args)
    return wrapper

def one():
    return 1

two = doubled(one)
f, g = lambda: 1, lambda: 2
Made = make(3)

@step
def top(n: int) -> object:
    return Row(n)

@step
def inner(n: int) -> object:
    return Outer.Row(n)

@step
def made(n: int) -> object:
    return Made(n)

@step
def here(n: int) -> object:
    return make(4)(n)

@step
def passed(handed: object) -> object:
    return handed

@step
def fs(n: int) -> object:
    return [f]

@step
def gs(n: int) -> object:
    return [g]

@step
def ones(n: int) -> object:
    return [one]

@step
def twos(n: int) -> object:
    return [two]

@step(cache=False)
def seen(top: object, inner: object, made: object, here: object, passed: object) -> list:
    return [f"{type(one).__qualname__} {hasattr(one, 'times')}" for one in (top, inner, made, here, passed)]

p = Pipeline("p", [top, inner, made, here, passed, fs, gs, ones, twos, seen])
for executor in ("sequential", "processes"):
    run = p.run(n=1, handed=make(5)(1), store="s", executor=executor, listeners=[])
    print(len({run.digest(node) for node in run.states}), *run["seen"])
    print(*sorted({run.states[node] for node in ("top", "inner")}))
"""


def test_what_has_one_name_in_different_places_of_a_script_is_told_apart_in_a_worker(tmp_path):
    (tmp_path / "script.py").write_text(ALIKE.replace('("sequential", "processes")', '("processes", "sequential")'))
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    local = "make.<locals>.Row True"
    assert done.stdout.splitlines() == [
        f"10 Row False Outer.Row False {local} {local} {local}",
        "run",
        f"10 Row False Outer.Row False {local} {local} {local}",
        "hit",
    ]


def test_a_traceback_of_a_worker_shows_the_lines_of_the_script(tmp_path):
    rest = """
@step
def fails(n: int) -> int:
    raise ValueError("no")  # this line

try:
    Pipeline("p", [fails]).run(n=1, store=None, executor="processes", listeners=[])
except Exception as error:
    import traceback
    print("".join(traceback.format_exception(error)))
"""
    done = run(tmp_path / "script.py", CODE + rest)
    assert f'File "{tmp_path / "script.py"}"' in done.stdout
    assert "# this line" in done.stdout.partition("in the worker process")[2].partition("The above")[0], done.stdout
