"""Chosen on the validation months, reported on the test months."""

import numpy as np
import pandas as pd
from models import Classifier
from samples import TARGET, features_of
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from plait import step

BINS = 20


@step
def forecast(model: Classifier, valid: pd.DataFrame, test: pd.DataFrame) -> pd.DataFrame:
    """What a model says of each flight that it has not learnt from, beside what came true."""
    held_out = pd.concat({"valid": valid, "test": test}, names=["part"]).reset_index("part")
    chance = model.predict_proba(features_of(held_out.drop(columns="part")))
    return held_out[["part", "month", TARGET]].assign(chance=chance[:, 1])


@step
def scores(forecasts: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """One row a model and part of the year."""
    return scored(forecasts, ["part"])


@step
def by_month(forecasts: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """One row a model and month."""
    return scored(forecasts, ["month", "part"])


@step
def chosen(scores: pd.DataFrame) -> str:
    """The model of the least log loss on the validation months. The test months have no say."""
    return str(scores[scores["part"] == "valid"].set_index("model")["log_loss"].idxmin())


@step
def comparison(scores: pd.DataFrame, chosen: str) -> pd.DataFrame:
    """One row a model: the number that it was chosen by, then its numbers on the test months."""
    valid, test = (scores[scores["part"] == part].set_index("model") for part in ("valid", "test"))
    numbers = test.drop(columns=["part", "flights"])
    numbers.insert(0, "valid_log_loss", valid["log_loss"])
    return numbers.assign(chosen=numbers.index == chosen)


@step
def calibration(forecasts: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Of the test flights with about the same forecast, how many were late: one row a model and bin."""
    bins = {model: binned(table[table["part"] == "test"]) for model, table in forecasts.items()}
    return pd.concat(bins, names=["model"]).reset_index("model")


def scored(forecasts: dict[str, pd.DataFrame], by: list[str]) -> pd.DataFrame:
    """One row a model and group."""
    return pd.DataFrame(
        {"model": model, **dict(zip(by, group, strict=True)), **score(flights)}
        for model, table in forecasts.items()
        for group, flights in table.groupby(by)
    )


def score(flights: pd.DataFrame) -> dict[str, float]:
    """All numbers of one group. `riskiest_late` is the share of late flights in the tenth with the highest chances."""
    late, chance = flights[TARGET], flights["chance"]
    bins = binned(flights)
    riskiest = flights.nlargest(len(flights) // 10, "chance", keep="first")
    return {
        "flights": len(flights),
        "late": late.mean(),
        "forecast": chance.mean(),
        "auc": roc_auc_score(late, chance),
        "log_loss": log_loss(late, chance),
        "brier": brier_score_loss(late, chance),
        "calibration_error": float(np.average((bins["forecast"] - bins["late"]).abs(), weights=bins["flights"])),
        "riskiest_late": riskiest[TARGET].mean(),
    }


def binned(flights: pd.DataFrame) -> pd.DataFrame:
    """Bins with equally many flights, by forecast."""
    rank = flights["chance"].rank(method="first")
    groups = flights.groupby(pd.qcut(rank, BINS, labels=False))
    return pd.DataFrame(
        {"forecast": groups["chance"].mean(), "late": groups[TARGET].mean(), "flights": groups.size()}
    ).reset_index(drop=True)
