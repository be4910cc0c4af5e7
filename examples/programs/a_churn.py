"""Churn from two tables; one cleaning step, used twice."""
from typing import NamedTuple

import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

from plait import File, Seed, auto, pipeline, step

class Split(NamedTuple):                       # two outputs: split.train and split.test
    train: pd.DataFrame
    test: pd.DataFrame

@step
def load(csv: File) -> pd.DataFrame:
    return pd.read_csv(csv)

@step
def clean(raw: pd.DataFrame, date: str) -> pd.DataFrame:
    rows = raw.drop_duplicates()
    return rows.assign(**{date: pd.to_datetime(rows[date])})

@step
def table(customers: pd.DataFrame, orders: pd.DataFrame) -> pd.DataFrame:
    spend = orders.groupby("customer")["amount"].agg(["sum", "count"])
    return customers.join(spend, on="customer").fillna({"sum": 0, "count": 0})

@step
def split(table: pd.DataFrame, cutoff: str = "2025-06-01") -> Split:
    old = table["signed_up"] < cutoff
    return Split(table[old], table[~old])

@step
def fit(train: pd.DataFrame, seed: Seed = auto, max_depth: int = 6, learning_rate: float = 0.1) -> HistGradientBoostingClassifier:
    model = HistGradientBoostingClassifier(max_depth=max_depth, learning_rate=learning_rate, random_state=seed)
    return model.fit(train[["age", "sum", "count"]], train["churned"])

@step
def auc(model: HistGradientBoostingClassifier, test: pd.DataFrame) -> float:
    return float(roc_auc_score(test["churned"], model.predict_proba(test[["age", "sum", "count"]])[:, 1]))

@pipeline
def churn(customers_csv: File, orders_csv: File) -> float:
    customers = clean.named("customers")(load.named("load_customers")(customers_csv), "signed_up")
    orders = clean.named("orders")(load.named("load_orders")(orders_csv), "ordered_at")
    train, test = split(table(customers, orders))
    return auc(fit(train), test)

if __name__ == "__main__":
    run = churn.with_({"fit.max_depth": 8}).run(customers_csv="customers.csv", orders_csv="orders.csv")
    print(run.result, run[fit])                # float, HistGradientBoostingClassifier: also for mypy
