"""Nightly scoring. Cron:  plait run h_nightly:nightly --config base.yaml --config prod.yaml

base.yaml                                        prod.yaml
  params: {model_file: churn.skops, out: scores,   params: {source: warehouse, min_rows: 100000,
           source: file, customers_csv: c.csv,              warehouse: {env: WAREHOUSE_URL}}
           min_rows: 1000, db: {env: SCORES_URL}}  run: {store: "s3://team/plait", executor: processes}
"""
from typing import Literal

import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier as Model

from a_churn import load
from model_card import load_model                            # a step of ours: File -> classifier
from plait import File, Now, Secret, auto, pipeline, step, switch

@step(cache="12h")                                           # a result older than that is a miss
def query(warehouse: Secret) -> pd.DataFrame:
    return pd.read_sql("select * from customers", warehouse.reveal())

@step
def checked(customers: pd.DataFrame, min_rows: int) -> pd.DataFrame:
    if len(customers) < min_rows:
        raise ValueError(f"{len(customers)} customers, expected at least {min_rows}")
    return customers

@step
def scores(customers: pd.DataFrame, model: Model) -> pd.DataFrame:
    return customers[["id"]].assign(score=model.predict_proba(customers[["age", "sum", "count"]])[:, 1])

@step(cache=False)                                           # writes to the outside world: runs each time
def publish(scores: pd.DataFrame, db: Secret, out: str, now: Now = auto) -> int:
    return scores.to_sql(f"{out}_{now:%Y_%m_%d}", db.reveal(), if_exists="replace") or 0

@pipeline
def nightly(model_file: File, source: Literal["file", "warehouse"], customers_csv: File, warehouse: Secret,
            db: Secret, min_rows: int, out: str) -> int:
    customers = switch(source, {"file": load(customers_csv), "warehouse": query(warehouse)})   # each asked for by need
    return publish(scores(checked(customers, min_rows), load_model(model_file)), db, out)

dev = nightly.with_config("base.yaml")
prod = nightly.with_config("base.yaml", "prod.yaml")
