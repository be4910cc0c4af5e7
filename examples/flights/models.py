"""Three models and a baseline: four branches, each with its own dials, none knows of another."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
from samples import KINDS, TARGET, features_of
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, SplineTransformer, StandardScaler

from plait import Seed, auto, step


class Classifier(Protocol):
    """All that the rest of the pipeline asks of a model."""

    def predict_proba(self, X: pd.DataFrame, /) -> np.ndarray: ...


@dataclass(frozen=True)
class Climatology:
    """How often a carrier's flights of that hour are late; what a traveller knows without any model."""

    overall: float
    share: pd.Series  # by carrier and hour

    def predict_proba(self, X: pd.DataFrame, /) -> np.ndarray:
        asked = pd.MultiIndex.from_arrays([X["carrier"].astype(str), X["hour"].astype(int)])
        late = self.share.reindex(asked).fillna(self.overall).to_numpy()
        return np.column_stack([1 - late, late])


@step
def baseline(train: pd.DataFrame, prior_flights: int = 100) -> Climatology:
    """Shares of late flights by carrier and hour; small groups are drawn to the overall share."""
    overall = float(train[TARGET].mean())
    groups = train[TARGET].groupby([train["carrier"].astype(str), train["hour"].astype(int)]).agg(["sum", "count"])
    share = (groups["sum"] + prior_flights * overall) / (groups["count"] + prior_flights)
    return Climatology(overall, share)


@step
def logistic(train: pd.DataFrame, knots: int = 5, looseness: float = 0.1) -> Pipeline:
    """A logistic regression; splines let every number bend, and a missing one adds nothing."""
    bend = SplineTransformer(knots, degree=2, knots="quantile", handle_missing="zeros")
    columns = make_column_transformer(
        (make_pipeline(bend, StandardScaler()), make_column_selector(dtype_include="number")),
        (OneHotEncoder(handle_unknown="ignore", min_frequency=100), KINDS),
    )
    model = make_pipeline(columns, LogisticRegression(C=looseness, max_iter=500))
    return model.fit(features_of(train), train[TARGET])


@step
def forest(
    train: pd.DataFrame, seed: Seed = auto, trees: int = 100, min_leaf: int = 20, sample: float = 0.3
) -> Pipeline:
    """Many deep trees, each grown on a part of the flights."""
    columns = make_column_transformer(
        (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), KINDS), remainder="passthrough"
    )
    grown = RandomForestClassifier(trees, min_samples_leaf=min_leaf, max_samples=sample, random_state=seed, n_jobs=2)
    model = make_pipeline(columns, grown).fit(features_of(train), train[TARGET])
    grown.n_jobs = 1  # to ask: threads would add up the votes in the order in which they end, and change the last bits
    return model


@step
def boosting(
    train: pd.DataFrame,
    seed: Seed = auto,
    max_depth: int = 6,
    rounds: int = 200,
    learning_rate: float = 0.1,
    sample_columns: float = 0.5,
) -> HistGradientBoostingClassifier:
    """Shallow trees, each of which mends what those before it got wrong."""
    model = HistGradientBoostingClassifier(
        max_depth=max_depth,
        max_iter=rounds,
        learning_rate=learning_rate,
        max_features=sample_columns,
        categorical_features="from_dtype",
        early_stopping=False,  # the default would hold out rows at random, and neighbours in time are no test
        random_state=seed,
    )
    return model.fit(features_of(train), train[TARGET])
