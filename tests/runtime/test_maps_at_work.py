"""Programs of the design in which things vary, small: a model a region, nested cross-validation, files, errors as values."""

import zlib
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from plait import Dir, Failure, File, Retry, Scratch, Seed, attempt, auto, each, pipeline, step

EXECUTORS = ["sequential", "threads", "processes"]
X = ["age", "spend"]


@step
def load(csv: File) -> pd.DataFrame:
    return pd.read_csv(csv)


@step
def by_region(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    return {str(region): rows for region, rows in table.groupby("region")}


@step
def fit(rows: pd.DataFrame) -> LogisticRegression:
    return LogisticRegression().fit(rows[X], rows["churned"])


@step
def fit_or(rows: pd.DataFrame, fallback: LogisticRegression, min_rows: int = 25) -> LogisticRegression:
    return fit(rows) if len(rows) >= min_rows else fallback


@step
def accuracy(model: LogisticRegression, rows: pd.DataFrame) -> float:
    return float(model.score(rows[X], rows["churned"]))


@step
def report(scores: dict[str, float]) -> pd.Series:
    return pd.Series(scores).sort_values()


@pipeline
def regional(csv: File) -> pd.Series:
    table = load(csv)
    rows = each(by_region(table))
    models = fit_or.map_values(rows, fallback=fit(table))
    return report(accuracy.map_values(each(models), rows))


class Fold(NamedTuple):
    train: pd.DataFrame
    test: pd.DataFrame


@step
def folds(table: pd.DataFrame, k: int = 2, seed: Seed = auto) -> list[Fold]:
    cv = StratifiedKFold(k, shuffle=True, random_state=seed)
    return [Fold(table.iloc[a], table.iloc[b]) for a, b in cv.split(table, table["churned"])]


@step
def forest(train: pd.DataFrame, depth: int, seed: Seed = auto) -> RandomForestClassifier:
    return RandomForestClassifier(n_estimators=3, max_depth=depth, random_state=seed).fit(train[X], train["churned"])


@step
def score(model: RandomForestClassifier, test: pd.DataFrame) -> float:
    return float(model.score(test[X], test["churned"]))


@step
def mean(scores: list[float]) -> float:
    return sum(scores) / len(scores)


@step
def best(depths: list[int], scores: list[float]) -> int:
    return max(zip(scores, depths, strict=True))[1]


@pipeline
def cross_validate(inner: list[Fold], depth: int) -> float:
    fold = each(inner)
    models = forest.map(fold.train, depth=depth)
    return mean(score.map(each(models), fold.test))


@pipeline
def tune(train: pd.DataFrame, depths: list[int]) -> int:
    return best(depths, cross_validate.map(folds.named("inner")(train), depth=each(depths)))


@pipeline
def nested(csv: File, depths: list[int]) -> float:
    fold = each(folds.named("outer")(load(csv)))
    models = forest.named("final").map(fold.train, depth=each(tune.map(fold.train, depths)))
    return mean.named("honest")(score.named("outer_score").map(each(models), fold.test))


@step
def photos(folder: Dir) -> dict[str, File]:
    return folder.files("**/*.txt")


@step
def thumbnail(photo: File, scratch: Scratch = auto) -> File:
    path = scratch / "small.txt"
    path.write_text(photo.read_bytes().decode()[:4])
    return File(path)


@step
def shards(thumbnails: dict[str, File], n: int = 4) -> dict[str, dict[str, File]]:
    out: dict[str, dict[str, File]] = {}
    for name, file in thumbnails.items():
        out.setdefault(f"{zlib.crc32(name.encode()) % n:02}", {})[name] = file
    return dict(sorted(out.items()))


@step
def embed(shard: dict[str, File]) -> dict[str, np.ndarray]:
    return {name: np.frombuffer(file.read_bytes(), dtype="u1").astype(float) for name, file in shard.items()}


@step
def index(parts: dict[str, dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: vector for part in parts.values() for name, vector in part.items()}


@pipeline
def search(folder: Dir) -> dict[str, np.ndarray]:
    small = thumbnail.map_values(each(photos(folder)))
    return index(embed.map_values(each(shards(small))))


@step(retry=Retry(on=ConnectionError, attempts=2, wait="1ms"))
def ask(prompt: str) -> str:
    if "never" in prompt:
        raise ConnectionError("busy")
    return "text" if "text" in prompt else str(len(prompt))


@step
def sentiment(answer: str) -> int:
    return int(answer)


@step
def labels(reviews: list[str], found: list[int | Failure]) -> list[tuple[str, int | None]]:
    return [(r, None if isinstance(x, Failure) else x) for r, x in zip(reviews, found, strict=True)]


@pipeline
def labelled(reviews: list[str]) -> list[tuple[str, int | None]]:
    return labels(reviews, attempt(sentiment.map(each(ask.map(each(reviews))))))


@pytest.fixture(scope="module")
def customers(tmp_path_factory):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"age": rng.integers(18, 80, 120), "spend": rng.normal(size=120).round(3)})
    table["churned"] = (table["age"] + 20 * table["spend"] > 50).astype(int)
    table["region"] = rng.choice(["APAC", "EMEA", "LATAM"], 120, p=[0.45, 0.4, 0.15])
    path = tmp_path_factory.mktemp("data") / "customers.csv"
    table.to_csv(path, index=False)
    return path


def digests(run):
    return {name: run.digest(name) for name, state in run.states.items() if state != "failed" and state != "skipped"}


@pytest.mark.parametrize("executor", EXECUTORS[1:])
def test_a_model_for_each_region(customers, executor):
    here = regional.run(csv=customers, store=None, listeners=[])
    there = regional.run(csv=customers, store=None, listeners=[], executor=executor, workers=2)
    assert digests(here) == digests(there)
    assert list(here["fit_or"]) == ["APAC", "EMEA", "LATAM"] and "LATAM" in here.result.index
    pd.testing.assert_series_equal(here.result, regional(File(customers)))


@pytest.mark.parametrize("executor", EXECUTORS[1:])
def test_nested_cross_validation(customers, executor, tmp_path):
    assert len(nested.nodes) == 10
    here = nested.run(csv=customers, depths=[1, 3], store=None, listeners=[], seed=3)
    there = nested.run(csv=customers, depths=[1, 3], store=None, listeners=[], seed=3, executor=executor, workers=2)
    assert digests(here) == digests(there)
    nested.run(csv=customers, depths=[1, 3], store=tmp_path, listeners=[], seed=3)
    more = nested.run(csv=customers, depths=[1, 2, 3], store=tmp_path, listeners=[], seed=3)
    assert [n for n, s in more.states.items() if s == "run" and "validate/forest" in n and ", 2, " not in n] == []


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_new_photo_redoes_its_shard_only(tmp_path, executor):
    folder, store = tmp_path / "photos", tmp_path / "store"
    (folder / "2024").mkdir(parents=True)
    for i in range(6):
        (folder / "2024" / f"{i}.txt").write_text(f"photo {i}")
    first = search.run(folder=folder, store=store, listeners=[], executor=executor)
    (folder / "2024" / "new.txt").write_text("fresh photo")
    second = search.run(folder=folder, store=store, listeners=[], executor=executor)
    ran = [name for name, state in second.states.items() if state == "run"]
    assert ran == ["photos", "thumbnail['2024/new.txt']", "shards", ran[3], "index"] and ran[3].startswith("embed['0")
    assert set(second.result) == {*first.result, "2024/new.txt"}


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_bad_answer_costs_one_label(executor):
    run = labelled.run(reviews=["good", "a text", "never", "fair"], store=None, listeners=[], executor=executor)
    assert run.result == [("good", 4), ("a text", None), ("never", None), ("fair", 4)] and run.ok
    assert sorted((f.node, f.item) for f in run.failures) == [("ask", "never"), ("sentiment", "a text")]
