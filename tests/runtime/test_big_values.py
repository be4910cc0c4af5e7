"""Big values are neither copied nor read again needlessly: a result is written once, and its file is what is handed on."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from plait import Pipeline, step
from plait.core.values import Stream

SIZE = 32 << 20  # bytes
linux = pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="needs /proc of Linux")


@step
def array(n: int = SIZE // 8) -> np.ndarray:
    return np.arange(n, dtype=float)


@step
def turned(array: np.ndarray) -> np.ndarray:
    return array.reshape(2048, -1).T


@step
def frame(array: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"a": array, "b": array + 1, "when": pd.to_datetime(array.astype("M8[s]"))}, copy=False)


@step
def total(frame: pd.DataFrame) -> float:
    return float(frame["b"].sum())


@step
def things(many: int = 40_000) -> np.ndarray:
    return np.array([("a", many), None] * many, object)


PIPE = Pipeline("big", [array, turned, frame, total, things])


def run(*targets, store):
    return PIPE.run(*targets, store=store, listeners=[])


def is_mapped(array):
    while isinstance(array, np.ndarray):
        array = array.base
    return type(array).__name__ in ("mmap", "Buffer", "memoryview")


@pytest.mark.parametrize("name", ["array", "turned"])
def test_a_big_array_is_handed_on_as_its_file(name, tmp_path):
    value = run(name, store=tmp_path)[name]
    assert is_mapped(value) and not value.flags.writeable and value.flags.c_contiguous
    assert value.tobytes() == run(name, store=tmp_path)[name].tobytes()


@step
def summed(array: np.ndarray) -> float:
    return float(array.sum())


def test_an_array_that_was_made_and_one_that_is_given_have_one_name(tmp_path):
    made = Pipeline("made", [array, summed]).run(store=tmp_path, listeners=[])
    alone = Pipeline("alone", [summed])
    for given in (array.fn(), array.fn().astype(">f8"), np.repeat(array.fn(), 2)[::2]):
        again = alone.run(array=given, store=tmp_path, listeners=[])
        assert again.states["summed"] == "hit" and again["summed"] == made["summed"]
    other = array.fn()
    other[-1] += 1
    assert alone.run(array=other, store=tmp_path, listeners=[]).states["summed"] == "run"


def test_the_bytes_of_a_big_array_are_hashed_once(tmp_path, monkeypatch):
    known = []

    def file(self, size, buffers, real=Stream.file):
        known.append(bool(self._written))
        real(self, size, buffers)

    monkeypatch.setattr(Stream, "file", file)
    run("array", store=tmp_path)
    assert known == [True]


def test_a_big_frame_is_handed_on_as_its_file(tmp_path):
    value = run("frame", store=tmp_path)["frame"]
    for column in value:
        assert is_mapped(value[column].array._ndarray), column


def test_objects_in_a_big_array_go_to_the_codec_that_can_keep_them(tmp_path):
    value = run("things", store=tmp_path)["things"]
    again = run("things", store=tmp_path)["things"]
    assert value.shape == again.shape == (80_000,)
    assert (value == again).all()


def test_a_hit_needs_no_frame(tmp_path):
    assert run("total", store=tmp_path).states == {"array": "run", "frame": "run", "total": "run"}
    blobs = [path for path in (tmp_path / "blobs").rglob("*") if path.is_file() and path.stat().st_size > SIZE // 2]
    assert len(blobs) == 2
    for path in blobs:
        path.unlink()
    assert run("total", store=tmp_path).states["total"] == "hit"


def python(code, *args):
    return [sys.executable, "-c", code, str(Path(__file__).parent), *map(str, args)]


HEAD = "import sys; sys.path.insert(0, sys.argv[1]); from test_big_values import PIPE, SIZE\n"
READER = HEAD + (
    "value = PIPE.run('array', store=sys.argv[2], listeners=[])['array']\n"
    "assert value.sum() > 0\n"
    "print('ready', flush=True)\n"
    "sys.stdin.readline()\n"
    "ours, counted = False, {}\n"
    "for line in open('/proc/self/smaps'):\n"
    "    word, _, rest = line.partition(':')\n"
    "    if ' ' in word:\n"
    "        ours = '/blobs/' in line\n"
    "    elif ours and word in ('Rss', 'Pss', 'Private_Dirty'):\n"
    "        counted[word] = counted.get(word, 0) + int(rest.split()[0]) * 1024\n"
    "print(counted['Rss'], counted['Pss'], counted['Private_Dirty'], flush=True)\n"
    "sys.stdin.readline()\n"
)


@linux
def test_processes_that_read_one_array_hold_one_copy(tmp_path):
    run("array", store=tmp_path)
    readers = [subprocess.Popen(python(READER, tmp_path), stdin=-1, stdout=-1, text=True) for _ in range(3)]
    try:
        for reader in readers:
            assert reader.stdout.readline() == "ready\n"
        counted = []
        for reader in readers:
            reader.stdin.write("\n")
            reader.stdin.flush()
            counted.append(tuple(map(int, reader.stdout.readline().split())))
    finally:
        for reader in readers:
            reader.communicate("\n", timeout=240)
    assert all(resident >= SIZE for resident, _, _ in counted), "each of them sees all of it"
    assert sum(shared for _, shared, _ in counted) < 1.1 * SIZE, "together they hold one copy"
    assert not any(dirty for _, _, dirty in counted)


LIMITED = HEAD + (
    "import resource, numpy as np, warnings\n"
    "warnings.simplefilter('error')\n"
    "def data(): return next(int(line.split()[1]) * 1024 for line in open('/proc/self/status') if 'VmData' in line)\n"
    "PIPE.run('array', store=sys.argv[2] + '0', n=100_000, listeners=[])\n"  # what is loaded and started once
    "limit = data() + 8 * SIZE + 8 * SIZE // 10\n"
    "resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))\n"
)


@linux
def test_while_a_big_array_is_published_there_is_no_second_copy(tmp_path):
    """The limit leaves room for one array, and a tenth of another."""
    code = LIMITED + "print(PIPE.run('array', n=SIZE, store=sys.argv[2], listeners=[])['array'][-1])"
    done = subprocess.run(python(code, tmp_path / "s"), capture_output=True, text=True)
    assert done.stdout == f"{float(SIZE - 1)}\n", done.stderr
    code = LIMITED + "x = np.ones(SIZE)\ntry: y = x.copy()\nexcept MemoryError: print('full')"
    done = subprocess.run(python(code, tmp_path / "t"), capture_output=True, text=True)
    assert done.stdout == "full\n", "else the limit would prove nothing"
