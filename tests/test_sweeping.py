"""Many settings at once: what single runs would give, with what they have in common done once."""

import numpy as np
import pandas as pd
import pytest

from plait import NodeFailed, ParameterError, Pipeline, PlaitError, Seed, auto, each, pipeline, step

CALLS = []


@step(ignore=[CALLS])
def table(rows: int) -> np.ndarray:
    CALLS.append("table")
    return np.arange(rows, dtype=float)


@step(ignore=[CALLS])
def fit(table: np.ndarray, depth: int, seed: Seed = auto, rate: float = 0.1) -> float:
    CALLS.append(("fit", depth, rate))
    if depth > 100:
        raise ValueError("too deep")
    return float(np.random.default_rng(seed).random() + depth * rate + table.sum())


@step
def score(fit: float) -> dict[str, float]:
    return {"auc": fit / 100, "loss": 1 - fit / 100}


MODEL = Pipeline("model", [table, fit, score])


@pytest.fixture(autouse=True)
def no_calls():
    CALLS.clear()


def test_each_run_is_what_a_run_of_its_own_gives_and_is_a_hit_later(tmp_path):
    settings = [{"depth": 2}, {"depth": 4, "fit.rate": 0.5}]
    found = MODEL.sweep(settings, rows=10, seeds=(0, 7), store=tmp_path, listeners=[])
    assert len(found) == 4
    for run, setting, seed in zip(found, found.settings, found.seeds, strict=True):
        alone = MODEL.with_(setting).run(rows=10, seed=seed, store=None, listeners=[])
        assert run["score"] == alone["score"]
        assert run.digest("fit") == alone.digest("fit")
        assert run[fit] == alone[fit]
        later = MODEL.with_(setting).run(rows=10, seed=seed, store=tmp_path, listeners=[])
        assert set(later.states.values()) == {"hit"}


def test_what_settings_have_in_common_is_done_once(tmp_path):
    found = MODEL.sweep([{"depth": d} for d in (2, 4, 8, 2)], rows=10, store=tmp_path, listeners=[])
    assert CALLS.count("table") == 1
    assert [call for call in CALLS if call != "table"] == [("fit", 2, 0.1), ("fit", 4, 0.1), ("fit", 8, 0.1)]
    assert [run.states["fit"] for run in found] == ["run", "run", "run", "hit"]
    CALLS.clear()
    MODEL.sweep([{"depth": d} for d in (2, 16)], rows=10, store=tmp_path, listeners=[])
    assert CALLS == [("fit", 16, 0.1)]


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_every_executor_gives_the_same(executor):
    settings = [{"depth": d} for d in (2, 4, 8)]
    here = MODEL.sweep(settings, rows=10, seeds=(1, 2), store=None, listeners=[])
    there = MODEL.sweep(settings, rows=10, seeds=(1, 2), store=None, listeners=[], executor=executor, workers=2)
    assert [run.digest("score") for run in here] == [run.digest("score") for run in there]


def test_a_frame_of_settings_and_results():
    found = MODEL.sweep([{"depth": 2}, {"depth": 4}], "score", fit, rows=3, seeds=(0, 1), store=None, listeners=[])
    frame = found.to_frame()
    assert frame.columns.tolist() == ["depth", "seed", "ok", "score.auc", "score.loss", "fit"]
    assert frame[["depth", "seed"]].to_numpy().tolist() == [[2, 0], [2, 1], [4, 0], [4, 1]]
    assert frame["fit"].tolist() == [run[fit] for run in found]
    assert isinstance(frame.groupby("depth")["score.auc"].agg(["mean", "std"]), pd.DataFrame)


def test_one_setting_that_fails_leaves_the_others(tmp_path):
    settings = [{"depth": 2}, {"depth": 200}, {"depth": 4}]
    found = MODEL.sweep(settings, rows=3, store=tmp_path, listeners=[], fail="keep-going")
    assert [run.ok for run in found] == [True, False, True]
    assert not found.ok
    assert [failure.node for failure in found[1].failures] == ["fit"]
    assert found[1].states["score"] == "skipped"
    with pytest.raises(NodeFailed, match="fit: ValueError: too deep"):
        found[1]["fit"]
    assert found.to_frame()["score.auc"].isna().tolist() == [False, True, False]
    assert repr(found) == "<sweep of 3 runs, 1 failed>"


def test_a_failure_says_its_setting_and_node(tmp_path):
    with pytest.raises(NodeFailed, match="fit with depth=200, seed=3: ValueError: too deep") as failure:
        MODEL.sweep([{"depth": 200}], rows=3, seeds=[3], store=tmp_path, listeners=[])
    assert failure.value.node == "fit"
    assert isinstance(failure.value.__cause__, ValueError)


def test_nothing_in_a_sweep_is_nothing_to_do():
    assert len(MODEL.sweep([], rows=3, store=None)) == 0
    assert MODEL.sweep(iter([]), rows=3, store=None).to_frame().empty


@pytest.mark.parametrize(
    ("settings", "options", "message"),
    [
        ([{"depht": 3}], {}, "sweep: {'depht': 3}: model has no parameter 'depht'. Did you mean 'depth'"),
        ([{"depth": "deep"}], {}, "depth = 'deep' does not fit int"),
        ([{}], {}, "nothing makes '0/depth'|nothing makes 'depth'"),
        ([{"depth": 1}], {"seeds": [-1]}, "give whole numbers, 0 or more"),
        ([{"depth": 1}], {"executor": "thread"}, "Did you mean 'threads'"),
    ],
)
def test_what_is_wrong_is_said_before_any_work(settings, options, message):
    with pytest.raises(ParameterError, match=message):
        MODEL.sweep(settings, rows=3, store=None, listeners=[], **options)
    assert CALLS == []


def test_given_values_and_targets(tmp_path):
    found = MODEL.sweep([{"depth": 2}, {"depth": 4}], fit, given={"table": np.zeros(2)}, store=tmp_path, listeners=[])
    assert CALLS == [("fit", 2, 0.1), ("fit", 4, 0.1)]
    assert found[1][fit] > found[0][fit]


@step
def twice(n: int) -> int:
    return 2 * n


@step
def total(items: list[int]) -> int:
    return sum(items)


@pipeline
def doubled(items: list[int]) -> int:
    return total(twice.map(each(items)))


def test_pipelines_with_maps(tmp_path):
    found = doubled.sweep([{"items": [1, 2]}, {"items": [2, 3, 4]}], store=tmp_path, listeners=[])
    assert [run.result for run in found] == [6, 18]
    assert [run["twice"] for run in found] == [[2, 4], [4, 6, 8]]
    assert found[1]["twice", 3] == 6
    assert found[1].states["twice[2]"] == "hit", "the item of another setting"


def test_shared_random_state_is_that_of_a_run_alone():
    @step
    def noise(n: int) -> float:
        return float(np.random.rand() * n)

    noisy = Pipeline("noisy", [noise])
    found = noisy.sweep([{"n": 1}, {"n": 2}], seeds=(0, 5), store=None, listeners=[])
    alone = [noisy.run(n=n, seed=seed, store=None, listeners=[])["noise"] for n in (1, 2) for seed in (0, 5)]
    assert [run["noise"] for run in found] == alone


@step
def drawn(n: int, seed: Seed = auto) -> int:
    raise ValueError(f"drew {seed}")


def test_a_failed_setting_is_reproduced_with_its_own_seed(tmp_path, capsys):
    from plait.cli.reproducing import reproduce
    from plait.cli.telling import Exit

    drawing = Pipeline("drawing", [drawn])
    found = drawing.sweep([{"n": 1}], seeds=[5], store=tmp_path, listeners=[], fail="keep-going")
    with pytest.raises(NodeFailed) as alone:
        drawing.run(n=1, seed=5, store=None, listeners=[])
    said = str(alone.value.__cause__)
    assert str(found[0].failures[0].error) == said
    run = found[0].id.partition("/")[0]
    with pytest.raises(Exit):
        reproduce(run, "0/drawn", str(tmp_path), debug=False)
    assert said in capsys.readouterr().err


def test_the_frame_has_the_parameters_that_were_used_and_not_only_those_given():
    settings = [{"depth": 2}, {"depth": 2, "rate": 0.5}, {"depth": 4, "fit.rate": 0.3}]
    frame = MODEL.with_(rows=7).sweep(settings, fit, store=None, listeners=[]).to_frame()
    assert frame["depth"].tolist() == [2, 2, 4]
    assert frame["fit.rate" if "fit.rate" in frame else "rate"].tolist() == [0.1, 0.5, 0.3]
    assert not frame.isna().any().any() and len(frame.groupby("fit.rate")) == 3


def test_a_parameter_that_steps_use_with_different_values_has_a_column_for_each():
    @step
    def left(n: int = 1) -> int:
        return n

    @step
    def right(n: int = 1) -> int:
        return n

    two = Pipeline("two", [left, right])
    frame = two.sweep([{"n": 5}, {"left.n": 7}], store=None, listeners=[]).to_frame()
    assert frame[["left.n", "right.n"]].to_numpy().tolist() == [[5, 5], [7, 1]]
    assert two.sweep([{"n": 5}, {}], store=None, listeners=[]).to_frame()["n"].tolist() == [5, 1]


def test_lists_and_dicts_are_results_in_a_column():
    @step
    def curve(n: int) -> list[int]:
        return list(range(n))

    @step
    def nested(n: int) -> dict:
        return {"a": [n], "b": {}}

    frame = (
        Pipeline("two", [curve, nested]).sweep([{"n": 1}, {"n": 2}], curve, nested, store=None, listeners=[]).to_frame()
    )
    assert frame["curve"].tolist() == [[0], [0, 1]]
    assert frame["nested"].tolist() == [{"a": [1], "b": {}}, {"a": [2], "b": {}}]


def test_the_best_run_of_a_sweep():
    settings = [{"depth": 2}, {"depth": 200}, {"depth": 4}]
    found = MODEL.sweep(settings, rows=3, store=None, listeners=[], fail="keep-going")
    assert found.best("score.auc") is found[2] is found.best("score.loss", lowest=True)
    assert found.best("score.auc").params["depth"] == 4
    with pytest.raises(PlaitError, match=r"no such column. Did you mean 'score.auc'"):
        found.best("score.acu")
    with pytest.raises(PlaitError, match="no run that succeeded has a number there"):
        MODEL.sweep([{"depth": 200}], "fit", rows=3, store=None, listeners=[], fail="keep-going").best("depth")
