"""What a step writes without returning it: said once, an error where a run is strict, and no noise besides."""

import logging
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from plait import Dir, File, NodeFailed, Pipeline, Scratch, UndeclaredWrite, auto, step

FRAME = pd.DataFrame({"a": [1, 2]})


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A project folder that we work in, away from the store."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr("plait.runtime.naming._said", set())
    return folder


def told(fn, *, store="../s", executor="sequential", **params):
    """What is said of the writes of a step."""
    p = Pipeline("p", [fn if hasattr(fn, "definition") else step(fn)])
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        p.run(store=store, executor=executor, listeners=[], **params)
    return [str(one.message) for one in found if one.category is UndeclaredWrite]


@step
def report() -> None:
    FRAME.to_csv("report.csv")


SAID = (
    "report wrote report.csv, which is not its result: a cache hit does not do that. "
    "Write the file in Scratch and return it as a File, or run the step each time: @step(cache=False)"
)


@pytest.mark.parametrize("executor", ["sequential", "threads", "processes"])
def test_a_file_that_is_no_result_is_said_in_every_executor(executor):
    assert told(report, executor=executor) == [SAID]
    assert told(report, store="../other", executor=executor) == []  # once a process


@pytest.mark.parametrize("executor", ["sequential", "threads", "processes"])
def test_it_is_an_error_where_a_run_is_strict_and_leaves_no_record(executor):
    p = Pipeline("p", [report])
    with pytest.raises(NodeFailed, match=r"report wrote report\.csv.*since the run is strict"):
        p.run(store="../s", executor=executor, listeners=[], strict=True)
    assert p.plan(store="../s")["run"] == ["report"]


def test_an_audit_finds_it():
    (found,) = Pipeline("p", [report]).audit(store="../s").findings
    assert found.kind == "undeclared write" and found.message.startswith("wrote report.csv")


def write(name):
    Path(name).write_text("new text")


def database(name):
    connection = sqlite3.connect(name)
    connection.execute("CREATE TABLE t (x)")
    connection.commit()
    connection.close()


def append(name):
    with open(name, "a") as file:
        file.write("more")


def over(name):
    Path("part").write_text("x")
    os.replace("part", name)


def memory_map(name):
    mapped = np.memmap(name, dtype="u1", mode="w+", shape=(3,))
    mapped[:] = 1
    mapped.flush()


def parquet(name):
    import pyarrow
    from pyarrow import parquet

    parquet.write_table(pyarrow.table({"a": [1]}), name)


def polars(name):
    import polars

    polars.DataFrame({"a": [1]}).write_csv(name)


WRITERS = {
    "write": write,
    "append": append,
    "rename": over,
    "copy": lambda name: shutil.copy(__file__, name),
    "move": lambda name: [write("part"), shutil.move("part", name)] and None,
    "os.open": lambda name: os.close(os.open(name, os.O_CREAT | os.O_WRONLY)),
    "touch": lambda name: Path(name).touch(),
    "link": lambda name: os.link(__file__, name),
    "symlink": lambda name: os.symlink(__file__, name),
    "sqlite": database,
    "numpy": lambda name: np.savetxt(name, np.arange(3)),
    "memory map": memory_map,
    "to_pickle": lambda name: FRAME.to_pickle(name),
    "another program": lambda name: (
        subprocess.run([sys.executable, "-c", "import sys; open(sys.argv[1], 'w').close()", name], check=True) and None
    ),
    "a shell": lambda name: subprocess.run(f"echo hi > {name}", shell=True, check=True) and None,
    "os.system": lambda name: os.system(f"echo hi>{name}") and None,
}


@pytest.mark.parametrize("how", WRITERS)
def test_every_writer_is_seen(how):
    maker = WRITERS[how]

    def writes() -> None:
        maker("".join(["out", ".x"]))

    (said,) = told(writes)
    assert said.startswith("writes wrote out.x, which is not its result"), said


@pytest.mark.parametrize("write", [parquet, polars, lambda name: FRAME.to_parquet(name)])
@pytest.mark.parametrize("given", [True, False])
def test_a_file_that_the_step_names_is_seen_though_its_writer_tells_nothing(write, given):
    def named() -> None:
        write("out.x")

    def argument(path: str) -> None:
        write(path)

    (said,) = told(argument, path="out.x") if given else told(named)
    assert " wrote out.x, " in said


@pytest.mark.parametrize("how", ["remove", "rename", "rmtree", "truncate", "in place"])
def test_a_file_that_was_there_and_is_another_is_news(how):
    Path("d").mkdir()
    Path("d/old").write_text("text")

    def changes() -> None:
        if how == "remove":
            os.remove("d/old")
        elif how == "rename":
            os.rename("d/old", "d/new")
        elif how == "rmtree":
            shutil.rmtree("d")
        elif how == "truncate":
            os.truncate("d/old", 0)
        else:
            with open("d/old", "r+") as file:
                file.write("other")

    said = " ".join(told(changes))
    verb = {"remove": "removed d/old", "rename": "wrote d/new", "rmtree": "removed d,"}.get(how, "wrote d/old")
    assert f"changes {verb}" in said, said


def test_many_files_of_a_folder_are_one_news():
    def many() -> None:
        os.makedirs("deep/out")
        for i in range(20):
            Path("deep/out", f"{i}.txt").write_text("x")

    (said,) = told(many)
    assert said.startswith("many changed files in deep/out,")


def test_a_folder_alone_is_news():
    def makes() -> None:
        os.makedirs("deep/out")

    (said,) = told(makes)
    assert said.startswith("makes made the folder deep/out,")


def test_a_path_returned_as_text_is_news_wherever_the_file_lies():
    def text() -> str:
        handle, name = tempfile.mkstemp()
        os.close(handle)
        return name

    def scratched(scratch: Scratch = auto) -> list[Path]:
        (scratch / "x").write_text("x")
        return [scratch / "x"]

    assert "and returned its path as text" in told(text)[0]
    assert "and returned its path as text" in told(scratched)[0]


@pytest.mark.parametrize("cache", [False, "12h"])
def test_a_step_that_says_when_it_runs_may_write(cache):
    def plain() -> None:
        write("out.x")

    assert told(step(cache=cache)(plain)) == []


def test_results_scratch_and_temporary_files_are_no_news(here, monkeypatch):
    monkeypatch.setenv("HOME", str(here))
    monkeypatch.setenv("MPLCONFIGDIR", str(here / "mpl"))
    (here / "mpl").mkdir()
    Path("read.txt").write_text("x")

    def fine(scratch: Scratch = auto) -> dict[str, object]:
        (scratch / "x").write_text("x")
        (scratch / "d").mkdir()
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "a").write_text("a")
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("x")
        Path("made").mkdir()
        Path("made/x").write_text("x")
        shutil.rmtree("made")
        os.makedirs(".cache/tool", exist_ok=True)
        Path(".cache/tool/x").write_text("x")
        Path("mpl/fonts.json").write_text("x")
        Path(os.devnull).write_text("x")
        open("read.txt", "r+").close()
        sqlite3.connect(":memory:").close()
        os.makedirs("returned/folder")
        Path("returned/folder/x").write_text("x")
        Path("out.x").write_text("x")
        return {"a": File(scratch / "x"), "b": File("out.x"), "c": Dir("returned")}

    assert told(fine) == []


def test_the_log_file_of_the_program_is_no_news(here):
    handler = logging.FileHandler("program.log", delay=True)
    logger = logging.getLogger("of the program")
    logger.addHandler(handler)

    def logs() -> None:
        logging.getLogger("of the program").error("said")

    try:
        assert told(logs) == [] and Path("program.log").exists()
    finally:
        logger.removeHandler(handler)
        handler.close()


def test_an_import_is_no_news(here, monkeypatch):
    Path("writes_when_imported.py").write_text("open('fonts.x', 'w').close()\n")
    monkeypatch.syspath_prepend(str(here))

    def imports() -> None:
        __builtins__["__import__"]("writes_when_imported")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert told(imports) == [] and Path("fonts.x").exists()
    sys.modules.pop("writes_when_imported")


def test_a_run_within_a_step_is_no_news_of_its_own():
    def inner() -> None:
        write("inner.x")

    inside = Pipeline("inside", [step(inner)])

    @step(depends_on=["pandas"], ignore=[inside])
    def outer() -> None:
        inside.run(store="inner", listeners=[])

    assert [said.partition(",")[0] for said in told(outer)] == ["inner wrote inner.x"]


def test_an_async_step_is_watched():
    async def waits() -> None:
        import asyncio

        await asyncio.sleep(0)
        write("".join(["out", ".x"]))
        await asyncio.to_thread(write, "".join(["out", ".y"]))

    assert [said.partition(",")[0] for said in told(waits)] == ["waits wrote out.x", "waits wrote out.y"]
