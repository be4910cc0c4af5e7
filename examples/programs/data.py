"""Small tables for the programs of this folder, made from a seed: `python data.py FOLDER`."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

START = pd.Timestamp("2025-01-01")


def write(folder: Path) -> None:
    """Writes `churn/` for a_churn.py, `weekly/` for e_features.py and `sales/` for l_script.py."""
    rng = np.random.default_rng(7)
    customers, orders = _customers(rng), _orders(rng)
    churn, weekly, sales = (folder / name for name in ("churn", "weekly", "sales"))
    for made in (churn, weekly, sales):
        made.mkdir(parents=True, exist_ok=True)
    pd.concat([customers, customers.head(5)]).to_csv(churn / "customers.csv", index=False)  # some rows twice
    orders.to_csv(churn / "orders.csv", index=False)
    _weekly(weekly, rng, customers, orders)
    _sales(sales, rng)


def _customers(rng: np.random.Generator, n: int = 400) -> pd.DataFrame:
    age = rng.integers(18, 80, n)
    churned = (rng.random(n) < 1 / (1 + np.exp((age - 40) / 12))).astype(int)
    signed_up = START + pd.to_timedelta(rng.integers(0, 300, n), "D")
    return pd.DataFrame(
        {"customer": range(n), "age": age, "signed_up": signed_up.strftime("%Y-%m-%d"), "churned": churned}
    )


def _orders(rng: np.random.Generator, n: int = 3000) -> pd.DataFrame:
    ordered_at = START + pd.to_timedelta(rng.integers(150, 290, n), "D")
    return pd.DataFrame(
        {
            "customer": rng.integers(0, 400, n),
            "amount": rng.gamma(2, 20, n).round(2),
            "ordered_at": ordered_at.strftime("%Y-%m-%d"),
        }
    )


def _weekly(folder: Path, rng: np.random.Generator, customers: pd.DataFrame, orders: pd.DataFrame) -> None:
    days = START + pd.to_timedelta(rng.integers(250, 290, 5000), "D")
    web = pd.DataFrame({"customer": rng.integers(0, 400, 5000), "day": days.strftime("%Y-%m-%d")})
    tables = {"customers": customers, "orders": orders, "web": web, "labels": customers[["churned"]]}
    lines = ["params:", "  as_of: 2025-10-15", "  spend: {window: 56}"]
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False)
        lines.append(f"  {name}_csv: {name}.csv")
    (folder / "weekly.yaml").write_text("\n".join(lines) + "\n")


def _sales(folder: Path, rng: np.random.Generator, n: int = 200) -> None:
    currencies = ["EUR", "USD", "GBP"]
    orders = pd.DataFrame(
        {
            "date": rng.choice(["2025-01-02", "03/01/2025", "2025-01-04"], n),
            "region": rng.choice(["North", "South", "Île"], n),
            "currency": rng.choice(currencies, n),
            "amount": rng.gamma(2, 50, n).round(2),
        }
    )
    orders.to_csv(folder / "orders.csv", index=False, encoding="latin-1")
    pd.DataFrame({"currency": currencies, "rate": [1.0, 0.92, 1.17]}).to_csv(folder / "rates.csv", index=False)


if __name__ == "__main__":
    write(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
