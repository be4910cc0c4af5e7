"""Three models on sixty features."""
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier as Model

import features
from a_churn import load
from plait import Pipeline, Seed, step

made = Pipeline("features", features)                        # every step that the module defines
columns = made.select("tag:feature").steps                   # {"tenure": tenure, "spend": spend, ...}

@step
def table(columns: dict[str, pd.Series]) -> pd.DataFrame:
    return pd.DataFrame(columns)

@step
def fit(table: pd.DataFrame, label: pd.DataFrame, seed: Seed) -> Model:
    return Model(random_state=seed).fit(table, label["churned"])

weekly = Pipeline("weekly", [
    made,
    *(load.named(t).bind(csv=f"{t}_csv") for t in ("customers", "orders", "web", "labels")),
    table.bind(columns=columns),
    table.named("small").bind(columns={k: columns[k] for k in ("tenure", "spend")}),
    fit.named("churn").bind(label="labels"),
    fit.named("upsell").bind(label="labels"),
    fit.named("value").bind(table="small", label="labels"),
])

if __name__ == "__main__":
    jobs = weekly.with_config("weekly.yaml")    # params: {as_of: 2025-10-15, customers_csv: ..., spend: {window: 56}}
    print(jobs.plan())                          # visits was edited: visits run; table, churn, upsell wait; the rest hit
    jobs.run(executor="processes")
    print(jobs.explain("churn"))                # visits -> table -> churn, with the changed line of visits()
