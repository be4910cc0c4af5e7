"""What a step reads without being given it: said once, an error where a run is strict, and no noise besides."""

import contextlib
import importlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from plait import Dir, File, NodeFailed, Pipeline, Scratch, UndeclaredRead, auto, step
from plait.runtime import reads

RATES = "rates_of_globals.csv"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A project folder that we work in, away from the store."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr("plait.runtime.naming._said", set())
    return folder


def told(fn, *, store="../s", executor="sequential", **params):
    """What is said of a step, in the order in which it is said."""
    p = Pipeline("p", [fn if hasattr(fn, "definition") else step(fn)])
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        p.run(store=store, executor=executor, listeners=[], **params)
    return [str(one.message) for one in found if one.category is UndeclaredRead]


def put(name, text="a,b\n1,2\n"):
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@step
def load() -> str:
    with open("data/rates.csv") as file:
        return file.read()


SAID = (
    "load opened data/rates.csv, which is not an argument: changes in it are not seen. Take it as load(rates_csv: File)"
)


@pytest.mark.parametrize("executor", ["sequential", "threads", "processes"])
def test_a_file_that_is_no_argument_is_said_in_every_executor(executor):
    put("data/rates.csv")
    assert told(load, executor=executor) == [SAID]


def test_it_is_said_once():
    put("data/rates.csv")
    assert told(load) == [SAID]
    assert told(load, store="../other") == []


@pytest.mark.parametrize("executor", ["sequential", "threads", "processes"])
@pytest.mark.parametrize("store", ["../s", None])
def test_it_is_an_error_where_a_run_is_strict_and_leaves_no_record(executor, store):
    put("data/rates.csv")
    p = Pipeline("p", [load])
    with pytest.raises(
        NodeFailed, match=r"load opened data/rates\.csv, which is not an argument.*since the run is strict"
    ):
        p.run(store=store, executor=executor, listeners=[], strict=True)
    assert p.plan(store=store or "../none")["run"] == ["load"]


def test_a_step_cannot_swallow_it():
    put("data/rates.csv")

    def swallows():
        try:
            return Path("data/rates.csv").read_text()
        except BaseException:
            return ""

    with pytest.raises(NodeFailed, match="swallows opened"):
        Pipeline("p", [step(swallows)]).run(store="../s", listeners=[], strict=True)


def test_where_nothing_is_kept_nothing_is_said():
    put("data/rates.csv")
    assert told(load, store=None) == []


def opens(name, how):
    def opening():
        return how(name)

    return step(opening, name="opening")


READERS = {
    "open": lambda name: open(name, "rb").read(),
    "os.open": lambda name: os.close(os.open(name, os.O_RDONLY)),
    "to change it": lambda name: open(name, "r+").close(),
    "pathlib": lambda name: Path(name).read_text(),
    "pandas": lambda name: len(pd.read_csv(name)),
    "numpy": lambda name: len(np.loadtxt(name, delimiter=",", skiprows=1)),
    "absolute": lambda name: open(os.path.abspath(name)).read(),
    "as bytes": lambda name: open(os.fsencode(name)).read(),
    "after a change of folder": lambda name: [os.chdir("data"), open(Path(name).name).read(), os.chdir("..")] and 1,
    "through a link": lambda name: open("link.csv").read(),
}


@pytest.mark.parametrize("how", READERS)
def test_every_reader_that_python_knows_of_is_seen(how):
    put("data/a.csv")
    Path("link.csv").symlink_to("data/a.csv")
    shown = "link.csv" if how == "through a link" else "data/a.csv"
    said = told(opens("data/a.csv", READERS[how]))
    assert [one for one in said if one.startswith(f"opening opened {shown}, which is not an argument")], said
    assert len(said) == 1


def test_a_database_is_a_file_that_is_read():
    with sqlite3.connect("a.db") as database:
        database.execute("CREATE TABLE t (x)")
    database.close()
    time.sleep(0.02)

    def rows():
        database = sqlite3.connect("a.db")
        try:
            return len(database.execute("SELECT * FROM t").fetchall())
        finally:
            database.close()

    assert told(rows)[0].startswith("rows opened a.db, which is not an argument")


@pytest.mark.parametrize("cache", [False, "12h"])
def test_a_step_that_says_itself_when_it_looks_at_the_world_is_no_news(cache, monkeypatch):
    put("rates.csv")
    monkeypatch.setenv("RATES", "rates.csv")

    def look() -> str:
        return Path(os.environ["RATES"]).read_text()

    assert len(told(step(look, name="plain"))) == 2
    assert told(step(cache=cache)(look)) == []


def test_what_the_step_was_given_is_no_news():
    put("data/a.csv")
    put("data/d/b.csv")
    put("data/d/deep/c.csv")
    Path("link").symlink_to("data")

    def given(a: File, folder: Dir, deep: dict, scratch: Scratch = auto):
        (scratch / "x").write_text("x")
        texts = [open(a).read(), Path(a).resolve().read_text(), a.read_bytes(), open(deep["a"][0]).read()]
        texts += [file.read_bytes() for file in folder.files().values()]
        texts += [Path(folder, "b.csv").read_text(), os.listdir(folder), (scratch / "x").read_text()]
        texts.append(open("link/d/b.csv").read())
        return len(texts)

    assert told(given, a="data/a.csv", folder="data/d", deep={"a": [File("link/a.csv")]}) == []


def test_what_another_step_made_is_no_news():
    @step
    def made(scratch: Scratch = auto) -> File:
        (scratch / "a.csv").write_text("a,b\n1,2\n")
        return File(scratch / "a.csv")

    @step
    def used(made: File) -> int:
        return len(pd.read_csv(made))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Pipeline("p", [made, used]).run(store="../s", listeners=[], strict=True)


def test_a_folder_that_was_there_is_not_made_by_a_step_that_makes_sure_of_it():
    put("data/a.csv")

    def makes_sure() -> str:
        Path("data").mkdir(exist_ok=True)
        return Path("data/a.csv").read_text()

    assert len(told(makes_sure)) == 1


def test_what_the_step_itself_made_is_no_news():
    put("old.csv")
    put("written_over.csv")

    def makes():
        Path("new.csv").write_text("x")
        open("written_over.csv", "w").close()
        with open("old.csv", "a") as file:  # only written to
            file.write("x")
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "a").write_text("a")
            Path(folder, "a").rename(Path(folder, "b"))
            subprocess.run([sys.executable, "-c", f"open({folder + '/c'!r}, 'w').write('c')"], check=True)
            names = os.listdir(folder) + [Path(folder, name).read_text() for name in ("b", "c")]
        with tempfile.NamedTemporaryFile("w+") as file:
            file.write("x")
            file.flush()
            names.append(open(file.name).read())
        Path("new.csv").rename("newer.csv")
        return [*names, open("newer.csv").read(), open("written_over.csv").read()]

    assert told(makes) == []


def test_code_packages_and_the_system_are_no_news(here, monkeypatch):
    put("helper_of_reads.py", "VALUE = 1\n")
    monkeypatch.syspath_prepend(str(here))

    with contextlib.suppress(ImportError):
        import importlib_metadata  # noqa: F401 - some packages do; from then on it looks for packages too

    def busy():
        import importlib.metadata
        import inspect
        import json.tool
        import linecache
        import zoneinfo

        import helper_of_reads

        importlib.metadata.version("pandas")
        list(importlib.metadata.entry_points(group="x"))
        zoneinfo.ZoneInfo("Europe/Berlin")
        open("/proc/self/stat").read()
        open(os.devnull).read()
        Path("/etc/hosts").exists() and Path("/etc/hosts").read_text()
        linecache.getlines(helper_of_reads.__file__)
        inspect.getsource(json.tool)
        try:
            raise ValueError
        except ValueError:
            import traceback

            traceback.format_exc()
        return helper_of_reads.VALUE

    assert told(busy) == []


def test_tools_in_the_home_folder_are_no_news(here, monkeypatch):
    monkeypatch.setenv("HOME", str(here))
    put(".cache/fonts.json")
    put(".netrc")
    put("data.csv")

    def tools():
        return [open(name).read() for name in (str(Path.home() / ".cache/fonts.json"), str(Path.home() / ".netrc"))]

    def mine():
        return open(Path.home() / "data.csv").read()

    assert told(tools) == [] and len(told(mine)) == 1


def test_many_files_of_a_folder_are_one_news():
    for i in range(20):
        put(f"images/{i}.png")

    def looks():
        return [Path("images", f"{i}.png").read_text() for i in range(20)]

    said = [
        "looks read the folder images, which is not an argument: changes in it are not seen. Take it as looks(images: Dir)"
    ]
    assert told(looks) == said


@pytest.mark.parametrize(
    "how", [os.listdir, os.scandir, lambda path: list(Path(path).glob("*.png")), lambda path: list(os.walk(path))]
)
def test_a_folder_that_is_looked_into_is_news(how):
    put("images/1.png")

    def lists():
        return len(list(how("images"))) + len(Path("images/1.png").read_text())

    assert told(lists) == [
        "lists read the folder images, which is not an argument: changes in it are not seen. Take it as lists(images: Dir)"
    ]


def test_a_path_given_as_text_is_told_to_be_a_file():
    put("data/a.csv")

    def reads_text(path: str) -> str:
        return open(path).read()

    assert told(reads_text, path="data/a.csv") == [
        "reads_text opened data/a.csv, which is not an argument: changes in it are not seen. Take it as reads_text(path: File)"
    ]


# readers of which Python hears nothing


def arrow(name):
    from pyarrow import csv

    return csv.read_csv(name).num_rows


@pytest.mark.parametrize("library", ["pyarrow", "polars"])
@pytest.mark.parametrize("where", ["constant", "helper", "global", "argument", "glob"])
def test_a_file_that_the_step_names_is_news_though_nobody_saw_it_opened(library, where):
    pytest.importorskip(library)
    if library == "polars":
        from polars import read_csv

        def read(name):
            return read_csv(name).height
    else:
        read = arrow
    put("rates_of_constants.csv")
    put("rates_of_globals.csv")
    put("globs/1.csv")

    def constant() -> int:
        return read("rates_of_constants.csv")

    def helps():
        return read("rates_of_constants.csv")

    namespace = {"read": read, "helps": helps, "RATES": RATES}
    code = "def helper() -> int:\n    return helps()\ndef global_() -> int:\n    return read(RATES)\n"
    exec(code, namespace)

    def argument(path: str) -> int:
        return read(path)

    def glob() -> int:
        import glob

        return read(glob.glob("globs/*.csv")[0]) if library == "x" else read("globs/1.csv") + len("globs/*.csv")

    name, fn, params = {
        "constant": ("rates_of_constants.csv", constant, {}),
        "helper": ("rates_of_constants.csv", namespace["helper"], {}),
        "global": ("rates_of_globals.csv", namespace["global_"], {}),
        "argument": ("rates_of_constants.csv", argument, {"path": "rates_of_constants.csv"}),
        "glob": ("globs/1.csv", glob, {}),
    }[where]
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        Pipeline("p", [step(fn)]).run(store="../s", listeners=[], **params)
    said = [str(one.message) for one in found if one.category is UndeclaredRead]
    assert len(said) == 1, said
    how = f"was given {name} as text" if where == "argument" else f"names {name}"
    assert said[0].startswith(
        f"{fn.__name__} {how}, and the file itself is not an argument: if it is read, changes in it"
    )


def test_a_file_that_is_named_and_written_is_no_news():
    put("out.parquet")

    def writes() -> int:
        import pyarrow
        from pyarrow import parquet

        parquet.write_table(pyarrow.table({"a": [1]}), "out.parquet")
        return 1

    assert told(writes) == []


def test_words_that_name_no_file_are_no_news():
    def words() -> list[str]:
        return [
            "e.g",
            "https://example.com/a.csv",
            "none.csv",
            "v1.0",
            "a sentence. And more.",
            "*.none",
            "[",
            "x\0.csv",
        ]

    assert told(words) == []


@pytest.fixture
def project(here, monkeypatch):
    """Makes a module of the project."""
    monkeypatch.syspath_prepend(str(here))
    made = []

    def make(name, text):
        put(f"{name}.py", text)
        made.append(name)
        return importlib.import_module(name)

    yield make
    for name in made:
        sys.modules.pop(name, None)


BEHIND = {
    "module.attribute": ("def get():\n    return read('rates.csv')\n", lambda m: lambda: m.get()),
    "a constant": ("NAME = 'rates.csv'\ndef get():\n    return read(NAME)\n", lambda m: lambda: m.get()),
    "a constant of the module": ("NAME = {'a': ['rates.csv']}\n", lambda m: lambda: m.read(m.NAME["a"][0])),
    "a path": ("import pathlib\nNAME = pathlib.Path('rates.csv')\n", lambda m: lambda: m.read(m.NAME)),
    "a method": ("class Loader:\n    def get(self): return read('rates.csv')\n", lambda m: lambda: m.Loader().get()),
    "a class": ("class Loader:\n    NAME = 'rates.csv'\n", lambda m: lambda: m.read(m.Loader.NAME)),
    "a default": ("def get(name='rates.csv'):\n    return read(name)\n", lambda m: lambda: m.get()),
    "a partial": ("import functools\nget = functools.partial(read, 'rates.csv')\n", lambda m: lambda: m.get()),
    "a closure": (
        "def make(name):\n    return lambda: read(name)\nget = make('rates.csv')\n",
        lambda m: lambda: m.get(),
    ),
    "deeper": ("def one(): return read('rates.csv')\ndef get(): return one()\n", lambda m: lambda: m.get()),
}


@pytest.mark.parametrize("how", BEHIND)
def test_a_file_that_a_helper_of_another_module_names_is_news(project, how):
    put("rates.csv")
    text, make = BEHIND[how]
    top = "def read(name):\n    from pyarrow import csv\n    return csv.read_csv(name).num_rows\n"
    module = project("helpers_of_reads", top + text)
    (said,) = told(step(make(module), name="hidden"))
    assert said.startswith("hidden names rates.csv, and the file itself is not an argument"), said


DOORS = {
    "linecache": lambda name: importlib.import_module("linecache").getline(name, 1),
    "tokenize": lambda name: importlib.import_module("tokenize").open(name).close(),
    "io.open_code": lambda name: importlib.import_module("io").open_code(os.path.abspath(name)).close(),
    "codecs": lambda name: importlib.import_module("codecs").open(name, encoding="utf8").close(),
    "memory map": lambda name: int(np.memmap(name, dtype="u1", mode="r")[0]),
    "np.fromfile": lambda name: len(np.fromfile(name, dtype="u1")),
    "configparser": lambda name: importlib.import_module("configparser").ConfigParser(strict=False).read(name) and 1,
    "shutil": lambda name: shutil.copy(name, tempfile.mkdtemp()) and 1,
    "get_data": lambda name: len(importlib.import_module("pk_of_reads").__loader__.get_data(os.path.abspath(name))),
    "pkgutil": lambda name: len(importlib.import_module("pkgutil").get_data("pk_of_reads", os.path.basename(name))),
    "resources": lambda name: len(
        importlib.import_module("importlib.resources").files("pk_of_reads").joinpath("a.ini").read_text()
    ),
}


@pytest.mark.parametrize("how", DOORS)
def test_data_that_is_read_by_what_reads_code_is_news(project, how):
    put("pk_of_reads/a.ini", "[a]\nb = 1\n")
    put("pk_of_reads/__init__.py", "")
    project("pk_of_reads_", "")  # so that the folder can be imported from
    reader = DOORS[how]

    def reads():
        return reader("/".join(["pk_of_reads", "a" + ".ini"]))

    try:
        said = told(step(reads, name="opening"))
    finally:
        sys.modules.pop("pk_of_reads", None)
    assert [one.partition(",")[0] for one in said] == ["opening opened pk_of_reads/a.ini"]


@pytest.mark.parametrize("how", ["cat", "shell", "os.system", "script", "option"])
def test_a_file_that_is_given_to_another_program_is_news(how):
    put("data/a.csv")
    put("script.py")

    def hands_over():
        name = "/".join(["data", "a" + ".csv"])
        if how == "script":
            subprocess.run([sys.executable, "-B", "".join(["script", ".py"])], stderr=subprocess.DEVNULL, check=False)
        elif how == "os.system":
            os.system(f"cat {name} > /dev/null")
        elif how == "option":
            subprocess.run(["dd", "of=/dev/null", f"if={name}"], stderr=subprocess.DEVNULL, check=True)
        else:
            subprocess.run(f"cat < '{name}'" if how == "shell" else ["cat", name], shell=how == "shell", check=True)

    (said,) = told(hands_over)
    name = "script.py" if how == "script" else "data/a.csv"
    assert said.startswith(f"hands_over gave {name} to ") and "the file is not an argument" in said


def test_code_that_is_run_by_its_path_is_news():
    put("script.py", "x = 1\n")

    def runs():
        import runpy

        return runpy.run_path("".join(["script", ".py"]))["x"]

    assert [one.partition(",")[0] for one in told(runs)] == ["runs opened script.py"]


@pytest.mark.parametrize("uri", ["file:a%20b.db?mode=ro", "file:{here}/a%20b.db", "file://{here}/a%20b.db?mode=ro"])
def test_a_database_is_seen_by_its_uri(here, uri):
    database = sqlite3.connect("a b.db")
    database.execute("CREATE TABLE t (x)").connection.commit()
    database.close()
    time.sleep(0.02)

    def rows():
        database = sqlite3.connect(uri.format(here=here), uri=True)
        found = database.execute("SELECT * FROM t").fetchall()
        database.close()
        return len(found)

    assert [one.partition(",")[0] for one in told(rows)] == ["rows opened a b.db"]


def test_an_async_step_is_watched():
    put("data/a.csv")

    async def reads():
        return open("/".join(["data", "a" + ".csv"])).read()

    assert [one.partition(",")[0] for one in told(reads)] == ["reads opened data/a.csv"]


# where it is not at work


def test_other_threads_are_left_alone():
    put("data/rates.csv")
    from threading import Thread

    seen = []

    def waits() -> int:
        thread = Thread(target=lambda: seen.append(open("/".join(["data", "rates" + ".csv"])).read()))
        thread.start()
        thread.join()
        return 1

    assert told(waits) == [] and seen


def test_a_run_within_a_step_is_no_news_of_its_own():
    put("data/inner.csv")

    def inner() -> str:
        return open("data/inner.csv").read()

    inside = Pipeline("inside", [step(inner)])

    @step(depends_on=["pandas"], ignore=[inside])
    def outer() -> str:
        result = inside.run(store="../inner", listeners=[])["inner"]
        open("data/outer.csv").read()
        return result

    put("data/outer.csv")
    said = told(outer)
    assert [one.partition(",")[0] for one in said] == ["inner opened data/inner.csv", "outer opened data/outer.csv"], (
        said
    )


def test_after_a_step_failed_nobody_watches():
    def fails():
        raise ValueError

    with pytest.raises(NodeFailed):
        told(fails)
    assert reads._watches == {}


def test_a_pattern_within_a_folder_that_was_given_is_not_one_of_the_current_folder(tmp_path, monkeypatch, recwarn):
    monkeypatch.chdir(tmp_path)
    for folder in ("photos/2024", "requirements"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "a.txt").write_text("a")

    @step
    def count(folder: Dir) -> int:
        return len(list(Path(folder).glob("*/*.txt")))

    assert Pipeline("p", [count]).run(folder="photos", store="s", strict=True, listeners=[]).result == 1
