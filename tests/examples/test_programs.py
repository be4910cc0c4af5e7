"""The programs of the design run as they are written, on small tables."""

import re
import shutil
from pathlib import Path

import pandas as pd

from examples.running import EXAMPLES, copy_of, edited, environment, python

PROGRAMS = EXAMPLES / "programs"
WEEKLY = (
    "customers",
    "orders",
    "web",
    "labels",
    "tenure",
    "spend",
    "visits",
    "small",
    "table",
    "value",
    "churn",
    "upsell",
)


def states(plan: str) -> dict[str, str]:
    """What a printed plan says of each node."""
    return dict(re.findall(r"^  (\w+) +(hit|run|wait)\b", plan, re.MULTILINE))


def test_churn_prints_a_score_and_the_model_that_was_asked_for(tables: Path, tmp_path: Path) -> None:
    printed = python(PROGRAMS / "a_churn.py", cwd=tables / "churn", env=environment(tmp_path))
    assert re.match(r"0\.\d+ HistGradientBoostingClassifier\(max_depth=8, random_state=\d+\)\n", printed)
    assert python(PROGRAMS / "a_churn.py", cwd=tables / "churn", env=environment(tmp_path)) == printed


def test_one_changed_feature_of_many(tables: Path, tmp_path: Path) -> None:
    """The plan before, after, and once `visits` was edited; and the line that it was."""
    folder, here, env = copy_of("programs", tmp_path), tables / "weekly", environment(tmp_path / "store")

    def run() -> str:
        return python(folder / "e_features.py", cwd=here, env=env)

    assert run().startswith("weekly: 0 hit, ")
    assert set(states(run()).values()) == {"hit"}

    edited(folder / "features.py", 'web["day"]) > ', 'web["day"]) >= ')
    edited(folder / "e_features.py", '    jobs.run(executor="processes")\n', "")  # so that it explains what is to come
    plan, _, why = run().partition("\nWhether ")
    waits = dict.fromkeys(("table", "churn", "upsell"), "wait")
    assert states(plan) == {**dict.fromkeys(WEEKLY, "hit"), **waits, "visits": "run"}
    assert "visits -> table -> churn" in why and "visits would run: its code changed" in why
    removed, added = (re.findall(rf"^ +\{sign} +(return web.*)$", why, re.MULTILINE) for sign in "-+")
    assert [line.replace(" > ", " >= ") for line in removed] == added and len(added) == 1


def test_steps_and_pipelines_are_tested_with_pytest_alone(tmp_path: Path) -> None:
    folder = copy_of("programs", tmp_path)
    command = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "k_test_churn.py")
    printed = python(*command, cwd=folder, env=environment(tmp_path / "store"))
    assert re.search(r"^\d+ passed", printed, re.MULTILINE)
    assert not (tmp_path / "store").exists()


def test_a_script_that_moves_over_step_by_step(tables: Path, tmp_path: Path) -> None:
    here = shutil.copytree(tables / "sales", tmp_path / "sales")
    python(PROGRAMS / "l_script.py", cwd=here, env=environment(tmp_path / "store"))
    report = pd.read_excel(here / "report.xlsx", index_col="region")
    assert sorted(report.index) == ["North", "South", "Île"]
    assert report["orders"].sum() == len(pd.read_csv(here / "orders.csv", encoding="latin-1"))
