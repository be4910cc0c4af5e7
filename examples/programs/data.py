"""Small data for the programs of this folder, made from a seed: `python data.py FOLDER`."""

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd

START = pd.Timestamp("2025-01-01")


def write(folder: Path) -> None:
    """Writes a folder for each program: `churn/` for a_churn.py and d_optuna.py, `weekly/` for e_features.py, and so on."""
    rng = np.random.default_rng(7)
    customers, orders = _customers(rng), _orders(rng)
    churn = _folder(folder, "churn")
    pd.concat([customers, customers.head(5)]).to_csv(churn / "customers.csv", index=False)  # some rows twice
    orders.to_csv(churn / "orders.csv", index=False)
    _weekly(_folder(folder, "weekly"), rng, customers, orders)
    _sales(_folder(folder, "sales"), rng)
    _regions(_folder(folder, "regions"), rng)
    _folds(_folder(folder, "folds"), rng)
    _delays(_folder(folder, "notebook"), rng)
    _images(_folder(folder, "images"), rng)
    _nightly(_folder(folder, "nightly"), rng)
    _trips(_folder(folder, "serve"), rng)
    _reviews(_folder(folder, "reviews"))


def _folder(folder: Path, name: str) -> Path:
    (folder / name).mkdir(parents=True, exist_ok=True)
    return folder / name


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


def _regions(folder: Path, rng: np.random.Generator) -> None:
    """Two regions have enough rows for a model of their own, two have not."""
    region = np.repeat(["APAC", "EMEA", "LATAM", "US"], [120, 900, 60, 700])
    age, spend = rng.normal(45, 12, len(region)), rng.gamma(2, 20, len(region))
    logit = np.where(region == "EMEA", 1, -1) * (age - 45) / 6 + rng.normal(0, 1, len(region))
    table = pd.DataFrame({"region": region, "age": age, "spend": spend, "churned": (logit > 0).astype(int)})
    table.to_csv(folder / "customers.csv", index=False)


def _folds(folder: Path, rng: np.random.Generator, n: int = 240) -> None:
    x = rng.normal(size=(n, 4))
    table = pd.DataFrame(x, columns=list("abcd")).assign(y=((x[:, 0] * x[:, 1] > 0) ^ (rng.random(n) < 0.1)).astype(int))
    table.to_csv(folder / "table.csv", index=False)


def _delays(folder: Path, rng: np.random.Generator, n: int = 600) -> None:
    month = rng.integers(1, 13, n)
    delay = np.where(rng.random(n) < 0.1, np.nan, rng.normal(5 + month, 30).round())
    pd.DataFrame({"month": month, "arr_delay": delay}).to_csv(folder / "flights.csv", index=False)


def _images(folder: Path, rng: np.random.Generator) -> None:
    from PIL import Image

    for place in range(12):
        pixels = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
        path = _folder(folder, f"photos/{2023 + place % 2}") / f"{place:02}.jpg"
        Image.fromarray(pixels).resize((64, 48)).save(path)
    with (folder / "clip.pt").open("wb") as weights:
        np.savez(weights, weights=rng.normal(size=(48, 8)))


def _nightly(folder: Path, rng: np.random.Generator) -> None:
    import skops.io
    from sklearn.ensemble import HistGradientBoostingClassifier

    def customers(n: int) -> pd.DataFrame:
        columns = {"age": rng.integers(18, 80, n), "sum": rng.gamma(2, 20, n).round(2), "count": rng.integers(0, 9, n)}
        return pd.DataFrame({"id": range(n), **columns})

    known = customers(500)
    model = HistGradientBoostingClassifier(max_iter=10, random_state=0)
    skops.io.dump(model.fit(known[["age", "sum", "count"]], known["sum"] > 40), folder / "churn.skops")
    customers(1_200).to_csv(folder / "c.csv", index=False)
    with closing(sqlite3.connect(folder / "warehouse.db")) as warehouse:
        customers(100_000).to_sql("customers", warehouse, index=False, if_exists="replace")


def _trips(folder: Path, rng: np.random.Generator, n: int = 500) -> None:
    carriers = ["AA", "B6", "DL", "UA"]
    hour, carrier = rng.integers(5, 24, n), rng.choice(carriers, n)
    sched = START + pd.to_timedelta(rng.integers(0, 300, n) * 24 + hour, "h")
    late = rng.random(n) < (hour - 4) / 25 + (carrier == "B6") * 0.2
    trips = pd.DataFrame({"sched": sched.strftime("%Y-%m-%d %H:%M"), "carrier": carrier, "late": late})
    trips.to_csv(folder / "trips.csv", index=False)
    pd.DataFrame({"carrier": carriers, "age": [11.5, 9.0, 14.2, 13.1]}).to_csv(folder / "carriers.csv", index=False)


def _reviews(folder: Path) -> None:
    things = ["The lamp", "This kettle", "The chair", "My new phone", "The rug"]
    verdicts = ["is bad", "is neither good nor bad", "is good"]
    texts = [f"{thing} {verdict}." for thing in things for verdict in verdicts]
    pd.DataFrame({"text": [*texts, "Spam, spam.", texts[0]]}).to_csv(folder / "reviews.csv", index=False)


if __name__ == "__main__":
    write(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
