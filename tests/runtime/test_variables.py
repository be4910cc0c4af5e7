"""Which reads of the environment are a step's own, and must be declared."""

import json
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
import threading
import warnings
from pathlib import Path

import pytest

from plait import NodeFailed, Pipeline, UndeclaredRead, step


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("plait.runtime.naming._said", set())
    monkeypatch.setenv("PLACE", "here")
    return tmp_path


def names(fn, *, env=(), executor="sequential"):
    """The variables of which it is said that a step reads them undeclared."""
    p = Pipeline("p", [step(env=env)(fn)])
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        p.run(store=f"store-{fn.__name__}", executor=executor, listeners=[])
    said = [str(one.message) for one in found if one.category is UndeclaredRead]
    return [text.partition("environment variable ")[2].partition(",")[0] for text in said]


def subscript() -> str:
    return os.environ["PLACE"]


def get() -> str:
    return os.environ.get("PLACE", "")


def getenv() -> str | None:
    return os.getenv("PLACE")


def contained() -> bool:
    return "PLACE" in os.environ


def as_bytes() -> bytes:
    return os.environb[b"PLACE"]


def expanded() -> str:
    return os.path.expandvars("$PLACE")


def helper():
    return os.environ["PLACE"]


HELD = os.environ


def by_global() -> str:
    return HELD["PLACE"]


def taken(environment):
    return environment["PLACE"]


def by_helper() -> str:
    return helper()


@pytest.mark.parametrize("fn", [subscript, get, getenv, contained, as_bytes, expanded, by_helper])
def test_whatever_way_it_is_read(fn):
    assert names(fn) == ["PLACE"]
    assert names(fn, env=["PLACE"]) == []


@pytest.mark.parametrize("executor", ["sequential", "threads", "processes"])
def test_in_every_executor(executor):
    assert names(subscript, executor=executor) == ["PLACE"]


def test_a_variable_that_is_not_set_is_read_too():
    def absent() -> str:
        return os.environ.get("NOT_SET_ANYWHERE", "")

    assert names(absent) == ["NOT_SET_ANYWHERE"]


def test_where_the_home_folder_is_does_not_count_but_what_is_read_there():
    def home() -> list[str]:
        return [str(Path.home()), os.path.expanduser("~/data")]

    assert names(home) == []


def test_what_packages_read_in_compiled_code_is_not_the_steps(here):
    def writes() -> int:
        import pyarrow
        from pyarrow import parquet

        parquet.write_table(pyarrow.table({"a": [1]}), "out.parquet")  # it asks for PYARROW_IGNORE_TIMEZONE
        return 1

    assert names(writes) == []


def test_an_environment_by_another_name_is_the_environment():
    held = os.environ

    def closed_over() -> str:
        return held["PLACE"]

    def passed_on() -> str:
        return taken(os.environ)

    assert names(closed_over) == names(by_global) == names(passed_on) == ["PLACE"]


def test_what_others_read_for_their_own_sake_is_not_the_steps():
    def busy() -> str:
        subprocess.run(["true"], check=True)
        shutil.which("true")
        return tempfile.gettempdir()

    assert names(busy) == []


def test_handing_on_the_whole_environment_is_no_read():
    def copies() -> int:
        made = [
            dict(os.environ),
            {**os.environ, "X": "1"},
            os.environ.copy(),
            os.environ | {"X": "1"},
            list(os.environ),
        ]
        subprocess.run(["true"], env={**os.environ, "X": "1"}, check=True)
        return len(made) + len([name for name, value in os.environ.items() if value is None])

    assert names(copies) == []


def test_what_a_step_set_itself_it_may_read():
    def sets() -> str:
        os.environ["MADE_HERE"] = "1"
        return os.environ.pop("MADE_HERE")

    assert names(sets) == []


def test_a_module_that_is_imported_meanwhile_reads_for_itself(here, monkeypatch):
    (here / "settings_of_variables.py").write_text("import os\nPLACE = os.environ['PLACE']\n")
    monkeypatch.syspath_prepend(here)

    def importing() -> str:
        import settings_of_variables

        return settings_of_variables.PLACE

    assert names(importing) == []
    assert "settings_of_variables" in sys.modules


def test_it_is_an_error_where_a_run_is_strict():
    with pytest.raises(NodeFailed, match=r"PLACE.*@step\(env=\['PLACE'\]\).*since the run is strict"):
        Pipeline("p", [step(subscript)]).run(store="store", strict=True, listeners=[])


def test_nobody_is_watched_outside_of_steps():
    assert names(subscript) == ["PLACE"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert os.environ["PLACE"] == "here"
    seen = []
    thread = threading.Thread(target=lambda: seen.append(os.environ["PLACE"]))
    thread.start()
    thread.join()
    assert seen == ["here"]


def test_the_environment_is_what_it_was_to_everybody_else(monkeypatch):
    assert names(subscript) == ["PLACE"]  # from now on it is watched
    monkeypatch.setenv("LATER", "1")
    child = "import json, os; print(json.dumps(dict(os.environ)))"
    seen = json.loads(subprocess.check_output([sys.executable, "-c", child]))
    assert seen["LATER"] == os.environ["LATER"] == os.environb[b"LATER"].decode() == "1"
    monkeypatch.delenv("LATER")
    assert "LATER" not in os.environ and b"LATER" not in os.environb
    assert pickle.loads(pickle.dumps(dict(os.environ))) == dict(os.environ)
    assert type(pickle.loads(pickle.dumps(os.environ._data))) is dict
