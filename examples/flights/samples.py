"""What is learnt from and what is judged: the target, one table, and a split by time."""

from datetime import date
from typing import NamedTuple

import pandas as pd
from cleaning import NEW_YORK

from plait import step

TARGET = "late"
DATES = ["scheduled", "month"]  # for the split and the report, never for a model
KINDS = ["origin", "carrier"]  # no destination: 105 of them overfit; distance, block and dest_late stand for it


class Split(NamedTuple):
    """Three stretches of the year, one after the other: to learn, to choose, to report."""

    train: pd.DataFrame
    valid: pd.DataFrame
    test: pd.DataFrame


@step
def table(
    timetable: pd.DataFrame,
    calendar: pd.DataFrame,
    aircraft: pd.DataFrame,
    traffic: pd.DataFrame,
    sky: pd.DataFrame,
    late_minutes: int = 15,
) -> pd.DataFrame:
    """Target and features of the flights that arrived.

    Cancelled and diverted flights have no arrival to be late with: they are left out here, and only here. The steps
    before saw them, since an hour before the schedule nobody knew.
    """
    late = timetable["arrived"] - timetable["due"] > pd.Timedelta(minutes=late_minutes)
    dates = {"scheduled": timetable["scheduled"], "month": timetable["scheduled"].dt.tz_convert(NEW_YORK).dt.month}
    kinds = timetable[KINDS].astype("category")
    rows = pd.concat([pd.DataFrame({TARGET: late, **dates}), kinds, calendar, aircraft, traffic, sky], axis="columns")
    return rows[timetable["arrived"].notna()]


@step
def split(table: pd.DataFrame, valid_from: date = date(2013, 8, 1), test_from: date = date(2013, 10, 1)) -> Split:
    """By day in New York: training before `valid_from`, testing from `test_from`, validation between."""
    begin_valid, begin_test = (pd.Timestamp(day, tz=NEW_YORK) for day in (valid_from, test_from))
    when = table["scheduled"]
    return Split(
        train=table[when < begin_valid],
        valid=table[(when >= begin_valid) & (when < begin_test)],
        test=table[when >= begin_test],
    )


def features_of(rows: pd.DataFrame) -> pd.DataFrame:
    """The columns that a model may see."""
    return rows.drop(columns=[TARGET, *DATES])
