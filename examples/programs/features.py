"""Sixty small features; this week one of them changes."""
from datetime import date

import pandas as pd

from plait import step

@step(tags=["feature"])
def tenure(customers: pd.DataFrame, as_of: date) -> pd.Series:
    return pd.Series((pd.Timestamp(as_of) - pd.to_datetime(customers["signed_up"])).dt.days)

@step(tags=["feature"])
def spend(orders: pd.DataFrame, as_of: date, window: int = 28) -> pd.Series:
    recent = orders[pd.to_datetime(orders["ordered_at"]) > pd.Timestamp(as_of) - pd.Timedelta(days=window)]
    return recent.groupby("customer")["amount"].sum()

@step(tags=["feature"])
def visits(web: pd.DataFrame, as_of: date, window: int = 7) -> pd.Series:      # another default: set visits.window
    return web[pd.to_datetime(web["day"]) > pd.Timestamp(as_of) - pd.Timedelta(days=window)].groupby("customer").size()
