"""Steps are functions and pipelines are values: pytest needs nothing from us."""
from pathlib import Path

import pandas as pd
import pytest

from a_churn import auc, churn, clean, fit, load
from plait import File, GraphError, NodeFailed, Pipeline, step

CUSTOMERS = pd.DataFrame({"customer": range(40), "age": range(40), "churned": [0, 1] * 20,
                          "signed_up": pd.date_range("2025-03-01", periods=40, freq="5D").astype(str)})
ORDERS = pd.DataFrame({"customer": [1, 1, 2], "amount": [5.0, 6.0, 7.0], "ordered_at": "2025-04-01"})

def test_clean_drops_duplicates() -> None:
    assert len(clean(pd.concat([ORDERS, ORDERS]), "ordered_at")) == 3        # a step is a function

def test_the_whole_is_plain_python_too(tmp_path: Path) -> None:
    CUSTOMERS.to_csv(tmp_path / "c.csv")
    ORDERS.to_csv(tmp_path / "o.csv")
    assert 0 <= churn(File(tmp_path / "c.csv"), File(tmp_path / "o.csv")) <= 1   # no store, no keys, pdb works

GIVEN = {"load_customers": CUSTOMERS, "load_orders": ORDERS}                 # so no file is asked for

def test_from_given_tables() -> None:
    run = churn.run(auc, given=GIVEN, store=None)                            # store=None: nothing is left on disk
    assert run[auc] > 0.4

def test_a_new_depth_trains_again_and_cleans_nothing(tmp_path: Path) -> None:
    churn.run(given=GIVEN, store=tmp_path)
    plan = churn.with_({"fit.max_depth": 3}).plan(given=GIVEN, store=tmp_path)
    assert plan["run"] == ["fit"] and plan["wait"] == ["auc"]

@pytest.mark.parametrize("executor", ["sequential", "threads", "processes"])
def test_same_bits_everywhere(executor: str) -> None:
    assert churn.run(given=GIVEN, store=None, executor=executor).digest(fit) == churn.run(given=GIVEN, store=None).digest(fit)

def test_a_failure_names_its_node() -> None:
    with pytest.raises(NodeFailed) as failure:
        churn.run(given={**GIVEN, "load_orders": ORDERS.drop(columns="amount")}, store=None)
    assert failure.value.node == "table" and isinstance(failure.value.__cause__, KeyError)

def test_a_typo_is_found_when_the_pipeline_is_built() -> None:
    @step
    def size(costumers: pd.DataFrame) -> int:
        return len(costumers)
    with pytest.raises(GraphError, match="costumers.*[Dd]id you mean 'customers'"):
        Pipeline("typo", [load.named("customers"), size], inputs=["csv"])
