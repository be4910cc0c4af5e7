"""The programs of the design run as they are written, on small tables."""

import json
import re
import shutil
import sqlite3
from ast import literal_eval
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from examples.labelling import labelling
from examples.running import EXAMPLES, at_the_prompt, copy_of, edited, environment, python

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


STATES = "print(run.to_frame()['state'].to_dict())"  # what became of each node of a run


def test_churn_prints_a_score_and_the_model_that_was_asked_for(tables: Path, tmp_path: Path) -> None:
    printed = python(PROGRAMS / "a_churn.py", cwd=tables / "churn", env=environment(tmp_path))
    assert re.match(r"0\.\d+ HistGradientBoostingClassifier\(max_depth=8, random_state=\d+\)\n", printed)
    assert python(PROGRAMS / "a_churn.py", cwd=tables / "churn", env=environment(tmp_path)) == printed


def test_a_region_with_few_rows_falls_back_to_the_model_of_all(tables: Path, tmp_path: Path) -> None:
    """Each region is a node of its own, which is found again."""
    where = {"cwd": tables / "regions", "env": environment(tmp_path)}
    program, regions = PROGRAMS / "b_regions.py", ["APAC", "EMEA", "LATAM", "US"]
    typed = (
        STATES,
        "print(sorted(run['fit_or']), type(run['fit_or', 'EMEA']).__name__, run.result.to_dict())",
        "print([bool((run['fit_or', r].coef_ == run[fit].coef_).all()) for r in run['fit_or']])",
        "run = regional.run(csv='customers.csv')",
        STATES,
    )
    states, models, fallen_back, again = at_the_prompt(program, *typed, **where)
    items = [f"{node}[{region}]" for node in ("fit_or", "accuracy") for region in regions]
    nodes = ["load", "by_region", "fit", *items, "report"]
    assert literal_eval(states) == dict.fromkeys(nodes, "run")
    assert models.startswith(f"{regions} LogisticRegression {{")
    scores = literal_eval(models[models.index("{") :])
    assert sorted(scores) == regions and list(scores.values()) == sorted(scores.values()) and scores["EMEA"] > 0.8
    assert literal_eval(fallen_back) == [True, False, True, False]  # fewer than 500 rows
    assert literal_eval(again) == dict.fromkeys(nodes, "hit")


def test_another_depth_is_tuned_on_the_same_folds(tables: Path, tmp_path: Path) -> None:
    typed = (
        'p = nested.with_({"outer.k": 2, "tune/inner.k": 2})',
        'run = p.run(csv="table.csv", depths=[1, 3], executor="threads", workers=2)',
        STATES,
        "print(run.result, run['outer_score'], run['tune'])",
        'run = p.run(csv="table.csv", depths=[1, 3, 6])',
        STATES,
        "print(run.result, run['outer_score'], run['tune'])",
    )
    where = {"cwd": tables / "folds", "env": environment(tmp_path)}
    first, one, second, two = at_the_prompt(PROGRAMS / "c_nested_cv.py", *typed, **where)
    made = pd.Series(literal_eval(first))
    assert set(made) == {"run"} and len(made) == 2 + 2 * (1 + 2 * (2 * 2 + 1) + 3) + 1
    states = pd.Series(literal_eval(second))
    assert set(states[list(made.index)].drop(_of("tune/best|final|outer_score|honest", made))) == {"hit"}
    fits = states[_of("tune/cross_validate/fit", states)]
    assert dict(fits.value_counts()) == {"hit": 2 * 2 * 2, "run": 2 * 2}
    assert all(", 6, " in node for node in fits[fits == "run"].index)
    for line, depths in ((one, {1, 3}), (two, {1, 3, 6})):
        honest, scores, best = literal_eval(f"({line.replace(' [', ', [')})")
        assert honest == sum(scores) / 2 and len(best) == 2 and set(best) <= depths


def _of(steps: str, states: "pd.Series[str]") -> list[str]:
    return [node for node in states.index if re.match(rf"({steps})(\[|$)", node)]


def test_the_same_study_gives_the_same_trials_again_and_trains_nothing(tables: Path, tmp_path: Path) -> None:
    folder, where = copy_of("programs", tmp_path), {"cwd": tables / "churn", "env": environment(tmp_path / "store")}
    edited(folder / "d_optuna.py", "range(10)", "range(2)")
    edited(
        folder / "d_optuna.py", 'executor="processes", workers=4', 'executor="threads", workers=2'
    )  # they start sooner
    typed = ("print(len(study.trials), [s for run in runs for s in run.states.values()].count('run'), len(grid))",)
    *first, counts = at_the_prompt(folder / "d_optuna.py", *typed, **where)
    assert literal_eval(first[0].partition("} ")[0] + "}").keys() == {"fit.max_depth", "fit.learning_rate"}
    assert 0.5 < float(first[0].split()[-1]) < 1
    assert counts == "8 8 15"  # of each of the last four runs: fit and auc, the tables are shared
    assert at_the_prompt(folder / "d_optuna.py", *typed, **where) == [*first, "8 0 15"]


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


def test_a_notebook_runs_what_its_cells_changed(tables: Path, tmp_path: Path) -> None:
    if not all(map(find_spec, ("ipykernel", "nbclient", "nbformat", "matplotlib"))):
        pytest.skip("the notebook needs ipykernel, nbclient, nbformat and matplotlib")
    here = shutil.copytree(tables / "notebook", tmp_path / "notebook")
    cells = re.split(r"^# %% cell.*\n", (PROGRAMS / "f_notebook.py").read_text("utf-8"), flags=re.MULTILINE)[1:]
    path = here / "f_notebook.ipynb"
    path.write_text(json.dumps(_notebook(cells)), "utf-8")
    told = {**environment(tmp_path / "store"), "PYTHONWARNINGS": "default::UserWarning"}  # of which one is awaited
    python(Path(__file__).with_name("run_notebook.py"), path, cwd=here, env=told)
    _, _, explored, _, planned, read, kept = (_said(cell) for cell in json.loads(path.read_text("utf-8"))["cells"])
    assert "nb: 3 run" in explored
    assert states(planned) == {"trips": "hit", "late": "run", "by_month": "wait"}
    assert "late      run    its code changed" in planned
    assert "image/png" in read and "arr_delay" in read
    assert "StaleStepWarning: by_month was defined again after 'nb' was built; build 'nb' again" in kept
    assert "nothing to do, all 3 up to date" in kept and "site-packages" not in kept  # it points at the cell


def _notebook(cells: list[str]) -> dict[str, object]:
    made = [
        {"cell_type": "code", "id": f"c{n}", "metadata": {}, "source": source, "outputs": [], "execution_count": None}
        for n, source in enumerate(cells)
    ]
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": made}


def _said(cell: dict[str, list[dict[str, object]]]) -> str:
    """What a cell shows as text, and the kinds of what else it shows."""
    told = [one.get("text") or [*one["data"].get("text/plain", ""), "\n", *one["data"]] for one in cell["outputs"]]
    return "".join("".join(lines) for lines in told)


def test_one_changed_photo_redoes_one_shard(tables: Path, tmp_path: Path) -> None:
    from PIL import Image

    folder, here = copy_of("programs", tmp_path), shutil.copytree(tables / "images", tmp_path / "images")
    edited(folder / "g_images.py", "workers=8", "workers=2")

    def searched() -> tuple[dict[str, str], dict[str, list[float]]]:
        where = {"cwd": here, "env": environment(tmp_path / "store")}
        (states,) = at_the_prompt(folder / "g_images.py", STATES, **where)
        with np.load(here / "photos.npz") as index:
            return literal_eval(states), dict(zip(index["names"].tolist(), index["vectors"].tolist(), strict=True))

    states, before = searched()
    assert set(states.values()) == {"run"} and len(before) == 12
    assert len([node for node in states if node.startswith("thumbnail[")]) == 12
    Image.new("RGB", (64, 48), "red").save(here / "photos" / "2024" / "05.jpg")
    states, after = searched()
    ran = [node.partition("[")[0] for node, state in states.items() if state == "run"]
    assert sorted(ran) == ["embed", "index", "photos", "shards", "thumbnail"]
    assert {name for name in before if after[name] != before[name]} == {"2024/05.jpg"}


def test_nightly_scores_from_the_warehouse_and_from_a_file(tables: Path, tmp_path: Path) -> None:
    folder, store = copy_of("programs", tmp_path), tmp_path / "store"
    shutil.copytree(tables / "nightly", folder, dirs_exist_ok=True)
    scores, warehouse = f"sqlite:///{folder / 'scores.db'}", f"sqlite:///{folder / 'warehouse.db'}"
    env = {**environment(store), "SCORES_URL": scores, "WAREHOUSE_URL": warehouse}

    cron = ("run", "h_nightly:nightly", "--config", "base.yaml", "--config", "prod.yaml", "--store", store)
    printed = python("-m", "plait", *cron, cwd=folder, env=env)
    assert re.search(r"^publish +100000$", printed, re.MULTILINE) and _published(folder) == [100_000]

    typed = (*("run = dev.run()", STATES) * 2, f"print(prod.plan(store={str(store)!r}))")
    first, again, *plan = at_the_prompt(folder / "h_nightly.py", *typed, cwd=folder, env=env)
    then = {"query": "skipped", "checked": "run", "load_model": "hit", "scores": "run", "publish": "run"}
    assert literal_eval(first) == {"load": "run", **then}
    assert literal_eval(again) == {**dict.fromkeys(then, "hit"), "load": "hit", "query": "skipped", "publish": "run"}
    assert _published(folder) == [1_200]
    assert states("\n".join(plan)) == {**dict.fromkeys(then, "hit"), "publish": "run"}  # it writes each time

    kept = b"".join(path.read_bytes() for path in store.rglob("*") if path.is_file())
    assert scores.encode() not in kept and warehouse.encode() not in kept


def _published(folder: Path) -> list[int]:
    """How many rows the tables of scores have."""
    with closing(sqlite3.connect(folder / "scores.db")) as database:
        tables = [name for (name,) in database.execute("select name from sqlite_master where type = 'table'")]
        assert all(re.fullmatch(r"scores_\d{4}_\d\d_\d\d", name) for name in tables)
        return [database.execute(f"select count(*) from {name}").fetchone()[0] for name in tables]


def test_one_row_is_answered_as_the_batch_was(tables: Path, tmp_path: Path) -> None:
    typed = (
        "import warnings; warnings.filterwarnings('ignore', 'Using `httpx`')  # in favour of a package that is new",
        "from fastapi.testclient import TestClient",
        "batch, client = run[late], TestClient(app)",
        "rows = [{'sched': str(t.sched), 'carrier': t.carrier} for t in run[trips].head(5).itertuples()]",
        "print([client.post('/late', json=row).json() for row in rows])",
        "print(batch.head(5).tolist())",
        "print(client.post('/late', json={'sched': '2025-03-01'}).status_code)",
        "print(predict.source)",
    )
    where = {"cwd": tables / "serve", "env": environment(tmp_path)}
    answers, batch, refused, *source = at_the_prompt(PROGRAMS / "i_serve.py", *typed, **where)
    assert literal_eval(answers) == pytest.approx(literal_eval(batch), rel=1e-9)
    assert len(set(literal_eval(answers))) > 1 and refused == "422"
    assert source[1:4] == [
        "def late(trips):",
        "    features = features_(trips, carriers)",
        "    return late_(model, features)",
    ]


def test_only_the_failed_and_the_new_are_asked_again(tables: Path, tmp_path: Path) -> None:
    """A service that answers 429 and 503, drops connections, refuses a review, and gives one answer that is no JSON."""
    folder, here = copy_of("programs", tmp_path), shutil.copytree(tables / "reviews", tmp_path / "reviews")
    texts = pd.read_csv(here / "reviews.csv")["text"].tolist()
    env = {**environment(tmp_path / "store"), "LLM_KEY": "correct horse battery"}
    typed = ("print(run.result['sentiment'].astype('Int64').tolist())", "print([f.node for f in run.failures])")

    with labelling(refuses={"Spam, spam."}) as service:
        edited(folder / "j_llm.py", "https://llm.example/v1", service.url)
        *_, labels, failed = at_the_prompt(folder / "j_llm.py", *typed, cwd=here, env=env)
        expected = [*[-1, 0, 1] * 4, -1, 0, None, None, -1]
        assert literal_eval(labels.replace("<NA>", "None")) == expected
        assert sorted(literal_eval(failed)) == ["ask", "sentiment"]
        assert service.asked == {**dict.fromkeys(texts, 2), "Spam, spam.": 1}  # the first again; equal ones are one
        assert service.failed.keys() == {429, 503, "reset"} and service.keys == {"Bearer correct horse battery"}

        service.asked.clear()
        service.refuses.clear()
        pd.DataFrame({"text": ["The door is good.", *texts]}).to_csv(here / "reviews.csv", index=False)
        *_, labels, failed = at_the_prompt(folder / "j_llm.py", *typed, cwd=here, env=env)
        assert literal_eval(labels.replace("<NA>", "None")) == [1, *expected[:-2], 1, -1]
        assert service.asked == {"The door is good.": 2, "Spam, spam.": 2} and literal_eval(failed) == ["sentiment"]

    kept = b"".join(path.read_bytes() for path in (tmp_path / "store").rglob("*") if path.is_file())
    assert b"correct horse battery" not in kept


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
