"""Nested cross-validation: depth is tuned in the inner folds, honesty comes from the outer ones."""
from typing import NamedTuple

import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedKFold

from a_churn import load
from plait import File, Seed, auto, each, pipeline, step

class Fold(NamedTuple):
    train: pd.DataFrame
    test: pd.DataFrame

@step
def folds(table: pd.DataFrame, k: int = 5, seed: Seed = auto) -> list[Fold]:
    cv = StratifiedKFold(k, shuffle=True, random_state=seed)
    return [Fold(table.iloc[a], table.iloc[b]) for a, b in cv.split(table, table["y"])]

@step
def fit(train: pd.DataFrame, depth: int, seed: Seed = auto) -> RandomForestClassifier:
    return RandomForestClassifier(max_depth=depth, random_state=seed).fit(train.drop(columns="y"), train["y"])

@step
def score(model: RandomForestClassifier, test: pd.DataFrame) -> float:
    return float(model.score(test.drop(columns="y"), test["y"]))

@step
def mean(scores: list[float]) -> float:
    return sum(scores) / len(scores)

@step
def best(depths: list[int], scores: list[float]) -> int:
    return max(zip(scores, depths, strict=True))[1]

@pipeline
def cross_validate(inner: list[Fold], depth: int) -> float:
    fold = each(inner)
    models = fit.map(fold.train, depth=depth)
    return mean(score.map(each(models), fold.test))          # item by item: no waiting for all models

@pipeline
def tune(train: pd.DataFrame, depths: list[int]) -> int:
    return best(depths, cross_validate.map(folds.named("inner")(train), depth=each(depths)))

@pipeline
def nested(csv: File, depths: list[int]) -> float:
    fold = each(folds.named("outer")(load(csv)))
    models = fit.named("final").map(fold.train, depth=each(tune.map(fold.train, depths)))
    return mean.named("honest")(score.named("outer_score").map(each(models), fold.test))
