"""CASES.md, rows 47 to 49 and 52 to 55: files, the environment, the store, and where the work runs."""

import os
import pathlib
import sqlite3
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest

import plait
from plait import Dir, File, NodeFailed, Pipeline, PlaitError, Scratch, UndeclaredRead, auto, step

# 47-49: files, the environment


@step
def size(data: File) -> int:
    return len(data.read_bytes())


@step
def names(folder: Dir) -> list[str]:
    return list(folder.files())


def again(pipeline, store, **params):
    return next(iter(pipeline.run(store=store, listeners=[], **params).states.values()))


def test_case_47_a_file_is_its_content_and_its_suffixes_and_not_its_path_or_time(tmp_path):
    p, store, path = Pipeline("p", [size]), tmp_path / "store", tmp_path / "a.csv"
    path.write_text("one")
    assert [again(p, store, data=path), again(p, store, data=path)] == ["run", "hit"]
    os.utime(path, (1, 1))
    assert again(p, store, data=path) == "hit"
    path.rename(tmp_path / "b.csv")
    assert again(p, store, data=tmp_path / "b.csv") == "hit"
    (tmp_path / "b.csv").rename(tmp_path / "b.csv.gz")
    assert again(p, store, data=tmp_path / "b.csv.gz") == "run"
    path.write_text("two")
    assert again(p, store, data=path) == "run"
    looks = path.stat()
    path.write_text("six")  # as long, and as old
    os.utime(path, ns=(looks.st_atime_ns, looks.st_mtime_ns))
    assert again(p, store, data=path) == "run"


def test_case_47_a_folder_is_the_names_and_contents_of_what_is_in_it(tmp_path):
    p, store, folder = Pipeline("p", [names]), tmp_path / "store", tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    (folder / "a").write_text("1")
    (folder / "sub" / "b").write_text("2")
    assert [again(p, store, folder=folder), again(p, store, folder=folder)] == ["run", "hit"]
    os.utime(folder / "a", (1, 1))
    folder.rename(tmp_path / "moved")
    folder = tmp_path / "moved"
    assert again(p, store, folder=folder) == "hit"
    (folder / "a").write_text("3")
    assert again(p, store, folder=folder) == "run"
    (folder / "a").rename(folder / "c")
    assert again(p, store, folder=folder) == "run"
    (folder / "sub" / "b").unlink()
    assert again(p, store, folder=folder) == "run"


def test_case_47_a_plain_path_that_a_step_opens_is_warned_of_and_an_error_if_strict(project):
    (project.folder / "rates.csv").write_text("1")
    project.write(
        steps=f"""
        from plait import step
        @step
        def step():
            with open({str(project.folder / "rates.csv")!r}) as file:
                return file.read()
        """
    )
    with pytest.warns(UndeclaredRead, match=r"rates\.csv, which is not an argument"):
        project.run()
    (project.folder / "rates.csv").write_text("2")
    assert project.state() == "hit", "which is what was warned of"
    project.edit("steps", "file.read()", "file.read() + ''")
    with pytest.raises(NodeFailed, match="strict"):
        project.run(strict=True)


@step
def written(text: str = "made", scratch: Scratch = auto) -> File:
    (scratch / "out.txt").write_text(text)
    return File(scratch / "out.txt")


@step
def nested(text: str = "more", scratch: Scratch = auto) -> dict:
    (scratch / "in.txt").write_text(text)
    return {"files": [File(scratch / "in.txt")], "n": 1}


@step
def read(written: File, nested: dict, k: int = 1) -> str:
    return written.read_bytes().decode() + nested["files"][0].read_bytes().decode() * k


@pytest.mark.parametrize("hurt", ["delete", "edit"])
def test_case_48_an_output_that_was_deleted_or_edited_outside_is_made_again(tmp_path, hurt):
    p = Pipeline("p", [written, nested, read])
    assert p.run(store=tmp_path, listeners=[])["read"] == "mademore"
    made = [path for path in tmp_path.rglob("*") if path.is_file() and path.read_bytes() in (b"made", b"more")]
    assert len(made) >= 2
    for path in made:
        if path.exists():  # two names may be one file
            path.chmod(0o600)
            path.unlink() if hurt == "delete" else path.write_text("evil")
    run = p.run(k=2, store=tmp_path, listeners=[])
    assert run["read"] == "mademoremore"
    assert run.states["written"] == run.states["nested"] == "run"


def test_case_48_what_a_step_was_given_and_returned_is_believed_only_while_it_is_what_it_was(tmp_path):
    """Whether a file, a folder, or a value that holds them: where they lie, others may write."""
    folder, store = tmp_path / "data", tmp_path / "store"
    folder.mkdir()
    (folder / "a.txt").write_text("one")

    @step(ignore=["path"])
    def found(path: str) -> Dir:
        return Dir(path)

    @step(ignore=["path"])
    def listed(path: str) -> dict:
        return {"all": Dir(path).files(), "list": [File(pathlib.Path(path) / "a.txt")]}

    @step
    def content(found: Dir, listed: dict, k: int = 1) -> list:
        files = [*found.files().values(), *listed["all"].values(), *listed["list"]]
        return [file.read_bytes().decode() for file in files]

    p = Pipeline("p", [found, listed, content])

    def run(k):
        with warnings.catch_warnings(action="ignore"):
            return p.run(path=str(folder), k=k, store=store, listeners=[])

    assert run(1)["content"] == ["one"] * 3
    assert set(run(1).states.values()) == {"hit"}
    (folder / "a.txt").write_text("two")
    assert run(2)["content"] == ["two"] * 3
    assert run(1)["content"] == ["two"] * 3, "the old answer was of another folder"
    (folder / "a.txt").write_text("one")
    assert run(2)["content"] == ["one"] * 3


def test_case_48_a_folder_in_scratch_is_refused_with_the_way_out(tmp_path):
    @step
    def made(scratch: Scratch = auto) -> Dir:
        (scratch / "out").mkdir()
        return Dir(scratch / "out")

    for store in (None, tmp_path):
        with pytest.raises((NodeFailed, PlaitError), match=r"files\(\)"):
            Pipeline("p", [made]).run(store=store, listeners=[])


def test_case_49_a_declared_environment_variable_counts_and_where_one_stands_does_not(tmp_path, monkeypatch):
    """Undeclared reads of the environment are warned of, see `tests/runtime/test_variables.py`."""

    @step(env=["PLACE"])
    def place() -> str:
        return os.environ.get("PLACE", "")

    @step
    def fixed() -> int:
        return 1

    p, store = Pipeline("p", [place, fixed]), tmp_path / "store"
    monkeypatch.setenv("PLACE", "Berlin")
    assert set(p.run(store=store, listeners=[]).states.values()) == {"run"}
    monkeypatch.setenv("OTHER", "x")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.chdir(tmp_path)
    assert set(p.run(store=store, listeners=[]).states.values()) == {"hit"}
    monkeypatch.setenv("PLACE", "Paris")
    run = p.run(store=store, listeners=[])
    assert (run["place"], run.states) == ("Paris", {"place": "run", "fixed": "hit"})
    monkeypatch.delenv("PLACE")
    assert p.run(store=store, listeners=[]).states["place"] == "run"
    monkeypatch.setenv("PLACE", "")
    assert p.run(store=store, listeners=[]).states["place"] == "run", "empty is not absent"


# 52-53: the store

WRITER = """
import sys, time
import numpy as np
from plait import Pipeline, step
@step
def made(n: int) -> np.ndarray:
    return np.full(50_000, float(n))
@step
def small(made: np.ndarray) -> float:
    return float(made.sum())
if __name__ == "__main__":
    start = float(sys.argv[1])
    p = Pipeline("p", [made, small])
    time.sleep(max(0.0, start - time.time()))
    for n in range(20):
        run = p.run(n=n, store="store", listeners=[])
        assert run["small"] == 50_000.0 * n, run["small"]
        assert run["made"].tobytes() == np.full(50_000, float(n)).tobytes()
    print("right")
"""


def test_case_52_two_writers_at_once_are_both_right(project):
    import time

    project.write(writer=WRITER)
    path = str(pathlib.Path(plait.__file__).parent.parent)
    command = [sys.executable, "writer.py", str(time.time() + 2)]
    both = [
        subprocess.Popen(
            command, cwd=project.folder, env={**os.environ, "PYTHONPATH": path}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for _ in range(2)
    ]  # fmt: skip
    for process in both:
        out, error = process.communicate(timeout=240)
        assert out.strip() == "right", error
    assert set(project.run(of="writer", n=3).states.values()) == {"hit"}


def test_case_52_a_crash_while_it_writes_leaves_nothing_that_is_believed(project):
    project.write(
        writer=WRITER,
        crash="""
        import os, sys
        from plait.codecs.numpy import npy
        import writer
        def half(array, file):
            file.write(b"\\x93NUMPY half of it")
            file.flush()
            os._exit(7)
        npy.write = half
        writer.Pipeline("p", [writer.made, writer.small]).run(n=3, store="store", listeners=[])
        """,
    )
    project.python("crash.py", check=False)
    run = project.run(of="writer", n=3)
    assert (run.states, run["small"]) == ({"made": "run", "small": "run"}, 150_000.0)
    for blob in [path for path in (project.store / "blobs").rglob("*") if path.is_file()]:
        blob.chmod(0o600)
        blob.write_bytes(blob.read_bytes()[:-1000])  # a disk that was full
    run = project.run("made", "small", of="writer", n=3)
    assert run["made"].sum() == run["small"] == 150_000.0
    assert run.states == {"made": "run", "small": "hit"}


def test_case_53_another_schema_of_keys_never_meets_old_results_and_never_misreads_them(tmp_path, monkeypatch):
    from plait.runtime import naming

    @step
    def work() -> int:
        return 1

    p, first = Pipeline("p", [work]), naming.key_prefix
    assert [again(p, tmp_path), again(p, tmp_path)] == ["run", "hit"]
    monkeypatch.setattr(naming, "key_prefix", lambda *given: first(*given).replace(b"node-v1", b"node-v2"))
    assert [again(p, tmp_path), again(p, tmp_path)] == ["run", "hit"]
    monkeypatch.setattr(naming, "key_prefix", first)
    assert again(p, tmp_path) == "hit"


def test_case_53_what_another_version_of_a_library_wrote_counts_as_gone(tmp_path, monkeypatch):
    from sklearn.linear_model import LinearRegression

    from plait.codecs import sklearn, skops

    @step
    def model() -> LinearRegression:
        return LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])

    @step
    def predicted(model: LinearRegression, x: float = 2.0) -> float:
        return float(model.predict([[x]])[0])

    p = Pipeline("p", [model, predicted])
    p.run(store=tmp_path, listeners=[])
    for codec in (skops, sklearn):  # the first one where it is installed
        monkeypatch.setattr(codec, "_version", lambda: b"99.0")
    assert set(p.run(store=tmp_path, listeners=[]).states.values()) == {"hit"}, "nobody read the model"
    run = p.run(x=3.0, store=tmp_path, listeners=[])
    assert run.states == {"model": "run", "predicted": "run"}
    assert run["predicted"] == pytest.approx(3.0)


# 54-55: odd results; where the work runs


def test_case_54_none_and_nan_are_results_and_exceptions_are_not_kept(tmp_path):
    flag = tmp_path / "flag"

    @step
    def nothing() -> None:
        return None

    @step
    def nan() -> float:
        return float("nan")

    @step(ignore=["path"])
    def flaky(path: str) -> int:
        if not os.path.exists(path):
            raise OSError("not yet")
        return 1

    @step
    def after(nothing: None, nan: float) -> list:
        return [nothing, nan != nan]

    p, store = Pipeline("p", [nothing, nan, after]), tmp_path / "store"
    assert p.run(store=store, listeners=[])["after"] == [None, True]
    assert set(p.run(store=store, listeners=[]).states.values()) == {"hit"}
    failing = Pipeline("p", [flaky])
    for _ in range(2):
        with pytest.raises(NodeFailed, match="not yet"):
            failing.run(path=str(flag), store=store, listeners=[])
    flag.touch()
    assert failing.run(path=str(flag), store=store, listeners=[]).states == {"flaky": "run"}


EVERYWHERE = """
import numpy as np
import pandas as pd
from typing import NamedTuple
from plait import Pipeline, Seed, auto, step
class Halves(NamedTuple):
    left: pd.DataFrame
    right: pd.DataFrame
@step
def table(n: int = 500, seed: Seed = auto) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame({"x": rng.random(n), "k": rng.choice(["a", "b"], n), "s": [{str(i), "z"} for i in range(n)]})
@step
def halves(table: pd.DataFrame) -> Halves:
    return Halves(table.iloc[::2], table.iloc[1::2])
@step
def spread(left: pd.DataFrame) -> np.ndarray:
    return np.asfortranarray(np.outer(left["x"], left["x"]))
@step
def means(spread: np.ndarray, right: pd.DataFrame) -> dict:
    return {"rows": spread.sum(0), "all": spread.mean(), "by": right.groupby("k")["x"].sum(), "of": {"a", "b", "c"}}
p = Pipeline("p", [table, halves, spread, means])
"""


def test_case_55_every_executor_and_any_count_of_workers_give_the_same_bits_under_the_same_keys(project):
    project.write(everywhere=EVERYWHERE)
    module = project.load("everywhere")
    ways = [("sequential", None), ("threads", 1), ("threads", 3), ("processes", 1), ("processes", 2)]
    runs = []
    for executor, workers in ways:
        store = project.folder / f"{executor}-{workers}"
        runs.append(module.p.run(executor=executor, workers=workers, seed=7, store=store, listeners=[]))
    for node in module.p.nodes:
        assert len({run.digest(node) for run in runs}) == 1
    for run in runs[1:]:
        np.testing.assert_array_equal(run["means"]["rows"], runs[0]["means"]["rows"])
        pd.testing.assert_series_equal(run["means"]["by"], runs[0]["means"]["by"], check_exact=True)
    first = project.folder / "sequential-None"
    again = [module.p.run(executor=e, workers=w, seed=7, store=first, listeners=[]) for e, w in ways]
    assert all(set(run.states.values()) == {"hit"} for run in again), "where it ran is not in any key"


def test_case_55_a_forked_pool_names_large_values_too(tmp_path):
    """The threads that hash do not come along into a forked child, which once waited for them for ever."""
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    @step
    def doubled(big: np.ndarray) -> np.ndarray:
        return big * 2

    big = np.arange(1_000_000.0)
    with (
        warnings.catch_warnings(action="ignore"),
        ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as pool,
    ):
        run = Pipeline("p", [doubled]).run(big=big, executor=pool, store=tmp_path, listeners=[])
    assert run["doubled"][-1] == 1_999_998.0


def test_the_cases_look_at_a_real_store(tmp_path):
    Pipeline("p", [size]).run(data=__file__, store=tmp_path, listeners=[])
    assert list(tmp_path.rglob("*.sqlite*")) or list(tmp_path.glob("**/segments"))
    assert sqlite3.sqlite_version
