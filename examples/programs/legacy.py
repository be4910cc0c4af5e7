"""The old helpers of a script that is being moved: unchanged, and edits in them are seen."""

import pandas as pd


def fix_dates(df: pd.DataFrame) -> None:
    """Dates come in two notations; both become days. Changes the frame in place."""
    df["date"] = pd.to_datetime(df["date"], format="mixed", dayfirst=True)


def pivot(df: pd.DataFrame, min_orders: int) -> pd.DataFrame:
    """Euros and orders by region, without the regions that have few orders."""
    table = df.groupby("region").agg(eur=("eur", "sum"), orders=("eur", "size"))
    return table[table["orders"] >= min_orders]
