"""One model a region; a region with few rows falls back to the model of all."""
import pandas as pd
from sklearn.linear_model import LogisticRegression

from a_churn import load
from plait import File, each, pipeline, step

X = ["age", "spend"]

@step
def by_region(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    return {str(region): rows for region, rows in table.groupby("region")}

@step
def fit(rows: pd.DataFrame) -> LogisticRegression:
    return LogisticRegression().fit(rows[X], rows["churned"])

@step
def fit_or(rows: pd.DataFrame, fallback: LogisticRegression, min_rows: int = 500) -> LogisticRegression:
    return fit(rows) if len(rows) >= min_rows else fallback      # a step called in a step is a plain call

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

run = regional.run(csv="customers.csv", executor="processes")
run["fit_or"]                     # {"EMEA": LogisticRegression(), ...}: what the next step would get
run["fit_or", "EMEA"]             # one of them; the others are not read
run.to_frame()                    # one line an item: fit_or[EMEA], hit or run, seconds, digest
