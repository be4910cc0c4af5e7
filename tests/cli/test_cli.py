"""The command line, as a user meets it: real processes, real files, and what is printed where."""

import json
import re
import sys
from pathlib import Path

import pytest

from cli.terminal import CTRL_C, in_a_terminal, plait
from plait.runtime.traces import format_traceback

SHOP = """
from typing import NamedTuple
from plait import File, Pipeline, Seed, auto, step

class Split(NamedTuple):
    train: list[int]
    test: list[int]

@step
def orders(orders_csv: File) -> list[int]:
    return [int(line) for line in orders_csv.read_bytes().split()]

def large(orders):
    return [x for x in orders if x > 1]

@step
def clean(orders: list[int], day: str = "2025-01-01") -> list[int]:
    return large(orders)

@step
def split(clean: list[int], share: float = 0.5) -> Split:
    half = int(len(clean) * share)
    return Split(clean[:half], clean[half:])

@step
def model(train: list[int], seed: Seed = auto, depth: int = 3) -> dict[str, float]:
    return {"mean": sum(train) / len(train), "depth": depth}

@step
def score(model: dict[str, float], test: list[int]) -> float:
    return sum((x - model["mean"]) ** 2 for x in test) / len(test)

shop = Pipeline("shop", [orders, clean, split, model, score])
"""
FRAMES = """
import pandas as pd
from plait import Pipeline, step

@step
def long(rows: int = 100) -> pd.DataFrame:
    return pd.DataFrame({"n": range(rows)})

@step
def short(long: pd.DataFrame) -> pd.DataFrame:
    return long.head(2)

@step
def total(long: pd.DataFrame) -> pd.Series:
    return long.sum()

frames = Pipeline("frames", [long, short, total])
"""
FAILING = """
from plait import Pipeline, step

def helper(x):
    raise ValueError("the input is bad")

@step
def first(x: int = 1) -> int:
    return x

@step
def bad(first: int) -> int:
    return helper(first)

@step
def beside(first: int) -> int:
    return first + 1

failing = Pipeline("failing", [first, bad, beside])
"""
SLOW = """
import time
from plait import Pipeline, step

@step
def quick(x: int = 1) -> int:
    return x

@step
def long(quick: int) -> int:
    print("said by the step")
    time.sleep(1.3)
    return quick

@step
def longer(long: int, seconds: float = 0.6) -> int:
    time.sleep(seconds)
    return long

slow = Pipeline("slow", [quick, long, longer])
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "orders.csv").write_text("1 2 3 4 5\n")
    return tmp_path


CSV = ("--set", "orders_csv=orders.csv")


def test_a_run_prints_its_report_and_its_small_results(shop: Path) -> None:
    code, out, err = plait(shop, "run", "shop:shop", *CSV)
    assert (code, err) == (0, "")
    assert out.startswith("shop: 5 run, in ")
    assert out.endswith("score  4.25\n")


def test_the_second_run_says_that_there_is_nothing_to_do(shop: Path) -> None:
    plait(shop, "run", "shop", *CSV)
    assert plait(shop, "run", "shop", *CSV).out == "shop: nothing to do, all 5 up to date\nscore  4.25\n"


def test_a_path_and_a_dotted_name_find_the_same_results(shop: Path) -> None:
    plait(shop, "run", "shop", *CSV)
    assert "nothing to do" in plait(shop, "run", "./shop.py:shop", *CSV).out
    assert (
        "nothing to do"
        in plait(
            shop.parent,
            "run",
            str(shop / "shop.py"),
            "--set",
            f"orders_csv={shop / 'orders.csv'}",
            "--store",
            str(shop / ".plait"),
        ).out
    )


def test_a_module_in_a_package_is_imported_under_its_whole_name(shop: Path) -> None:
    package = shop / "pack"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "inner.py").write_text("from pack import __name__ as n\n" + FAILING.replace("failing", "whole"))
    assert plait(shop, "graph", "pack/inner.py").out == plait(shop, "graph", "pack.inner:whole").out != ""


def test_json_is_all_that_stdout_holds(shop: Path) -> None:
    code, out, _ = plait(shop, "run", "shop", *CSV, "--json", "--set", "depth=4")
    told = json.loads(out)
    assert (code, told["status"], told["results"], told["nodes"]["score"]) == (0, "done", {"score": 4.25}, "run")


def test_quiet_prints_results_only(shop: Path) -> None:
    assert plait(shop, "run", "shop", *CSV, "--quiet")[:2] == (0, "score  4.25\n")


def test_targets_limit_what_is_run_and_printed(shop: Path) -> None:
    out = plait(shop, "run", "shop", *CSV, "--target", "model", "--set", "model.depth=7").out
    assert "shop: 4 run" in out
    assert "model  {'mean': 2.5, 'depth': 7}" in out


def test_text_that_looks_like_a_date_is_text_where_text_is_asked_for(shop: Path) -> None:
    assert plait(shop, "run", "shop", *CSV, "--set", "day=2025-02-01").code == 0


def test_configuration_and_settings_come_together(shop: Path) -> None:
    (shop / "base.yaml").write_text("params: {orders_csv: orders.csv, model: {depth: 9}}\nrun: {seed: 3}\n")
    plait(shop, "run", "shop", "--config", "base.yaml")
    shown = plait(shop, "show", "last").out
    assert "model.depth = 9" in shown
    assert "seed 3" in shown


def test_no_store_keeps_nothing(shop: Path) -> None:
    assert plait(shop, "run", "shop", *CSV, "--no-store").code == 0
    assert not (shop / ".plait").exists()


def test_a_plan_gives_reasons_and_runs_nothing(shop: Path) -> None:
    plait(shop, "run", "shop", *CSV)
    out = plait(shop, "plan", "shop", *CSV, "--set", "depth=4").out
    assert "shop: 3 hit, 1 to run, at most 1 more" in out
    assert "depth changed" in out
    assert plait(shop, "runs").out.count("shop") == 1


def test_explain_shows_the_changed_lines_and_the_way_to_them(shop: Path) -> None:
    plait(shop, "run", "shop", *CSV)
    (shop / "shop.py").write_text(SHOP.replace("if x > 1", "if x > 2"))
    out = plait(shop, "explain", "shop", "score", *CSV).out
    assert "clean -> split -> score" in out
    assert (
        "    by clean -> large\n    -     return [x for x in orders if x > 1]\n    +     return [x for x in orders if x > 2]\n"
        in out
    )


def test_explain_says_why_a_node_ran_in_an_earlier_run(shop: Path) -> None:
    plait(shop, "run", "shop", *CSV)
    (shop / "shop.py").write_text(SHOP.replace("if x > 1", "if x > 2"))
    plait(shop, "run", "shop", *CSV, "--set", "depth=8")
    ran = plait(shop, "explain", "last", "model").out
    assert "  - the parameter model.depth changed: 3 -> 8\n" in ran
    assert "clean gave another value: code that it reaches changed since " in ran
    assert "    +     return [x for x in orders if x > 2]\n" in ran
    first = plait(shop, "runs").out.splitlines()[2].split()[0]
    assert "nothing was kept of it before" in plait(shop, "explain", first, "model").out
    assert "orders was a hit in the run " in plait(shop, "explain", "last", "orders").out
    assert "has no node 'modle'. Did you mean 'model'?" in plait(shop, "explain", "last", "modle").err


def test_a_change_is_accepted_listed_and_taken_back(shop: Path) -> None:
    assert plait(shop, "accept", "--list").out == "nothing was accepted\n"
    plait(shop, "run", "shop", *CSV)
    (shop / "shop.py").write_text(SHOP.replace("if x > 1", "if not x <= 1"))
    code, out, err = plait(shop, "accept", "shop", "clean", *CSV, "--note", "only said otherwise")
    assert (code, err) == (0, "")
    id_ = out.split()[-4]
    assert out == f"clean is accepted; plait accept --undo {id_} takes it back\n"
    assert "nothing to do" in plait(shop, "run", "shop", *CSV).out
    assert "only said otherwise" in plait(shop, "explain", "shop", "score", *CSV).out
    assert "clean is up to date: there is nothing to accept" in plait(shop, "accept", "shop", "clean", *CSV).err
    assert "clean (" in plait(shop, "accept", "--undo", id_).out
    head, row = plait(shop, "accept", "--list").out.splitlines()
    assert head.split() == ["id", "pipeline", "node", "accepted", "by", "code", "note"]
    assert "only said otherwise; taken back at " in row
    plait(shop, "run", "shop", *CSV)
    assert "1 run, 4 up to date" in plait(shop, "runs").out.replace("4 up to date, 1 run", "1 run, 4 up to date")


def test_earlier_runs_are_listed_and_shown(shop: Path) -> None:
    assert "no runs yet" in plait(shop, "runs").out
    plait(shop, "run", "shop", *CSV)
    plait(shop, "run", "shop", *CSV)
    first, second = plait(shop, "runs").out.splitlines()[1:]
    assert "5 up to date" in first
    assert "5 run" in second
    shown = plait(shop, "show", second.split()[0]).out
    assert f"orders_csv = {shop / 'orders.csv'}" in shown
    assert shown.count(" run ") == 5
    assert len(json.loads(plait(shop, "runs", "shop", "--json", "--limit", "1").out)) == 1


def test_a_value_is_shown_with_its_shape_and_where_it_lies(shop: Path) -> None:
    plait(shop, "run", "shop", *CSV)
    out = plait(shop, "show", "shop", "split").out
    assert "split.train: made " in out
    assert "[2, 3]" in out
    assert f"in the records of {shop / '.plait'}" in out
    assert "split.test" not in plait(shop, "show", "last", "split.train").out
    assert "Did you mean 'train'?" in plait(shop, "show", "last", "split.trian").err


def test_frames_are_printed_if_they_are_small_and_shown_by_their_head(tmp_path: Path) -> None:
    (tmp_path / "frames.py").write_text(FRAMES)
    assert plait(tmp_path, "run", "frames").out.endswith("short:\n     n\n  0  0\n  1  1\ntotal  n    4950\n")
    assert plait(tmp_path, "run", "frames", "--target", "long").out.endswith("long  DataFrame, 100 rows, 1 column\n")
    shown = plait(tmp_path, "show", "frames", "long").out
    assert "DataFrame, 100 rows, 1 column" in shown
    assert shown.endswith("19  19\n… 80 more rows\n")


def test_listing_runs_imports_no_pandas(shop: Path) -> None:
    plait(shop, "run", "shop", *CSV)
    script = "import sys; sys.argv = ['plait', 'runs']; from plait.cli import main\n"
    script += "try: main()\nexcept SystemExit: print([m for m in ('pandas', 'numpy', 'rich') if m in sys.modules])"
    _, written = in_a_terminal(shop, [sys.executable, "-c", script])
    assert written.rstrip().endswith("[]")


@pytest.mark.parametrize("format_", ["text", "mermaid", "html", "svg"])
def test_a_graph_is_drawn(shop: Path, format_: str) -> None:
    assert "orders_csv" in plait(shop, "graph", "shop", "--format", format_).out
    plait(shop, "graph", "shop", "--format", format_, "--output", "drawing")
    assert "score" in (shop / "drawing").read_text("utf-8")


def test_the_version_and_the_help_are_printed(tmp_path: Path) -> None:
    assert plait(tmp_path, "--version").out.startswith("plait")
    assert "explain" in plait(tmp_path, "--help").out


class TestErrors:
    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (("run", "shop"), "nothing makes 'orders_csv'"),
            (("run", "shop", "--set", "orders_csv=none.csv"), "there is no file "),
            (("run", "shop", *CSV, "--set", "dept=4"), "no parameter 'dept'. Did you mean 'depth'?"),
            (("run", "shop", *CSV, "--set", "depth=deep"), "model.depth = 'deep' does not fit int"),
            (("run", "shop:shp"), "shop has no pipeline 'shp'. Did you mean 'shop'?"),
            (("run", "shop:orders"), "shop:orders is a step, not a pipeline"),
            (("run", "shopp"), "there is no module 'shopp'. Did you mean 'shop'?"),
            (("run", "shopp.py"), "there is no file shopp.py. Did you mean 'shop.py'?"),
            (("run", "shop", *CSV, "--target", "scoer"), "no node 'scoer'. Did you mean 'score'?"),
            (("run", "shop", *CSV, "--executor", "treads"), "Did you mean 'threads'?"),
            (("run", "shop", *CSV, "--store", "orders.csv/below"), "cannot write"),
            (("run", "shop", "--config", "none.yaml"), "none.yaml cannot be read"),
            (("show", "20250101-000000-abcd"), "has no run 20250101-000000-abcd"),
            (("show", "shop", "score"), "shop has not run yet"),
            (("explain", "shop", "scoer"), "Did you mean 'score'?"),
            (("explain", "20250101-000000-abcd", "score"), "has no run 20250101-000000-abcd"),
            (("accept", "shop", "clean", *CSV), "clean cannot be accepted while orders would run"),
            (("accept", "--undo", "abc"), "nothing accepted has the id abc"),
            (("graph", "shop", "--output", "none/x.html"), "none/x.html"),
        ],
    )
    def test_what_is_wrong_is_one_message(self, shop: Path, arguments: tuple[str, ...], said: str) -> None:
        code, out, err = plait(shop, *arguments)
        assert (code, out) == (1, "")
        assert err.startswith("plait: ")
        assert said in err
        assert "Traceback" not in err

    @pytest.mark.parametrize(
        "arguments",
        [
            ("run",),
            ("run", "shop", "--frob"),
            ("run", "shop", "--set", "depth"),
            ("run", "shop", "--seed", "-1"),
            ("run", "shop", "--store", "a", "--no-store"),
            ("rnu", "shop"),
            ("accept",),
            ("accept", "shop"),
            ("accept", "shop", "clean", "--list"),
            ("explain", "last", "clean", "--set", "depth=3"),
        ],
    )
    def test_a_command_line_that_is_not_understood_exits_with_2(self, shop: Path, arguments: tuple[str, ...]) -> None:
        code, out, err = plait(shop, *arguments)
        assert (code, out) == (2, "")
        assert "Traceback" not in err

    def test_a_module_that_raises_shows_the_frames_of_the_user_only(self, tmp_path: Path) -> None:
        (tmp_path / "inner.py").write_text("def f():\n    raise KeyError('no such thing')\nf()\n")
        (tmp_path / "broken.py").write_text("import inner\n")
        code, out, err = plait(tmp_path, "run", "broken")
        assert (code, out) == (1, "")
        files = [line.split('"')[1] for line in err.splitlines() if line.startswith("  File")]
        assert [Path(file).name for file in files] == ["broken.py", "inner.py", "inner.py"]
        assert "KeyError: 'no such thing'\nplait: broken cannot be imported" in err

    def test_a_missing_import_of_the_module_is_its_own_error(self, tmp_path: Path) -> None:
        (tmp_path / "lacks.py").write_text("import not_installed_anywhere\n")
        assert "ModuleNotFoundError: No module named 'not_installed_anywhere'" in plait(tmp_path, "run", "lacks").err

    def test_wiring_that_is_wrong_is_said_with_its_line(self, tmp_path: Path) -> None:
        wrong = FAILING.replace("def bad(first: int)", "def bad(first: str)")
        (tmp_path / "wrong.py").write_text(wrong)
        err = plait(tmp_path, "run", "wrong").err
        assert err.startswith("plait: wrong.py, line 19: bad(first: str) cannot take first -> int")
        assert "Traceback" not in err

    def test_a_failing_step_shows_the_traceback_of_the_user_and_the_node(self, tmp_path: Path) -> None:
        (tmp_path / "failing.py").write_text(FAILING)
        code, out, err = plait(tmp_path, "run", "failing")
        assert (code, out) == (1, "")
        assert err.count("Traceback") == 1
        assert "src/plait" not in err
        assert 'failing.py", line 5, in helper' in err
        assert "\nbad: ValueError: the input is bad\n" in err
        assert "failing: failed after" in err

    @pytest.mark.parametrize("executor", ["threads", "processes"])
    def test_other_executors_show_the_same(self, tmp_path: Path, executor: str) -> None:
        (tmp_path / "failing.py").write_text(FAILING)
        err = plait(tmp_path, "run", "failing", "--executor", executor).err
        assert "src/plait" not in err
        assert 'failing.py", line 5, in helper' in err

    def test_keep_going_runs_the_rest_and_still_fails(self, tmp_path: Path) -> None:
        (tmp_path / "failing.py").write_text(FAILING)
        code, out, err = plait(tmp_path, "run", "failing", "--keep-going")
        assert (code, out) == (1, "beside  2\n")
        assert "bad: ValueError: the input is bad" in err
        assert json.loads(plait(tmp_path, "run", "failing", "--keep-going", "--json").out)["failures"] == {
            "bad": "ValueError: the input is bad"
        }


class TestInATerminal:
    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "plait", *arguments]

    def test_a_run_shows_where_it_is_and_leaves_few_lines(self, tmp_path: Path) -> None:
        (tmp_path / "slow.py").write_text(SLOW)
        code, written = in_a_terminal(tmp_path, self.command("run", "slow"))
        assert code == 0
        assert "1 of 3" in written
        assert "said by the step" in written
        assert "✓" in written
        assert re.search(r"slow: 3 run, in \S+ s\r\nlonger  1\r\n$", written)

    def test_a_quick_run_draws_nothing(self, shop: Path) -> None:
        plait(shop, "run", "shop", *CSV)
        code, written = in_a_terminal(shop, self.command("run", "shop", *CSV))
        assert (code, written) == (0, "shop: nothing to do, all 5 up to date\r\nscore  4.25\r\n")

    def test_ctrl_c_stops_cleanly_with_130(self, tmp_path: Path) -> None:
        (tmp_path / "slow.py").write_text(SLOW.replace("0.6", "30"))
        code, written = in_a_terminal(tmp_path, self.command("run", "slow"), keys=CTRL_C, after=b"longer")
        assert code == 130
        assert "Traceback" not in written
        assert re.search(r"slow: stopped after \S+ s: 2 run, 1 not run\r\n$", written)
        assert "cancelled" in plait(tmp_path, "runs").out


def test_a_traceback_of_frames_that_are_all_hidden_is_the_error_alone() -> None:
    try:
        own = compile("raise KeyError(1)", "<frozen importlib>", "exec")
        exec(own, {})  # noqa: S102 - a frame of the import system, made here
    except KeyError as error:
        error.__traceback__ = error.__traceback__.tb_next if error.__traceback__ else None
        assert format_traceback(error) == "KeyError: 1"
