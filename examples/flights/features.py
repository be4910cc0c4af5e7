"""What is known when the question is asked, an hour before the schedule, and nothing that is known later.

Each step reads the whole timetable and gives one row a flight. The schedule may be read freely, but `departed` and
`arrived` only where they are not after `asked`. tests/examples/test_flights_data.py changes all that happens after some
instant, and checks that no question asked up to then has other features.
"""

import numpy as np
import pandas as pd
from cleaning import NEW_YORK

from plait import step

HOUR = pd.Timedelta(hours=1)


@step
def calendar(timetable: pd.DataFrame) -> pd.DataFrame:
    """The schedule itself, by the clocks of New York. No month: from one year nobody can learn what October is like."""
    local = timetable["scheduled"].dt.tz_convert(NEW_YORK)
    return pd.DataFrame(
        {
            "hour": local.dt.hour + local.dt.minute / 60,
            "weekday": local.dt.day_of_week,
            "distance": timetable["distance"],
            "block": in_minutes(timetable["due"] - timetable["scheduled"]),
        }
    )


@step
def aircraft(timetable: pd.DataFrame, planes: pd.DataFrame, turnaround_minutes: int = 40) -> pd.DataFrame:
    """The age of the aircraft, and how late its previous leg out of New York is by now, if it is of the last 24 hours.

    A leg that is in has its arrival delay; one in the air its departure delay; one that has not left the minutes since
    its schedule (also if it is cancelled in the end: the data do not say when that was known). `slack` is the time
    between the moment when the aircraft can be back, after a way back as long as the way out, and the schedule.
    """
    legs = timetable[timetable["tailnum"].notna()].sort_values(["tailnum", "scheduled"], kind="stable")
    before = legs.groupby("tailnum")[["scheduled", "due", "departed", "arrived"]].shift()
    left, came = before["departed"] <= legs["asked"], before["arrived"] <= legs["asked"]
    late = in_minutes(legs["asked"] - before["scheduled"]).clip(lower=0)
    late = late.mask(left, in_minutes(before["departed"] - before["scheduled"]))
    late = late.mask(came, in_minutes(before["arrived"] - before["due"]))
    way_back = in_minutes(before["due"] - before["scheduled"]) + turnaround_minutes
    known = pd.DataFrame(
        {
            "previous_gap": in_minutes(legs["scheduled"] - before["scheduled"]) / 60,
            "previous_late": late,
            "previous_in": came.astype(float),
            "slack": (in_minutes(legs["scheduled"] - before["due"]) - late - way_back).clip(lower=-360),
        }
    )
    known = known.where(known["previous_gap"] < 24)
    built = timetable["tailnum"].map(planes.set_index("tailnum")["year"])
    return known.reindex(timetable.index).assign(age=timetable["scheduled"].dt.year - built)


@step
def traffic(timetable: pd.DataFrame, window_hours: int = 2) -> pd.DataFrame:
    """How the day goes: mean delays of what lately left or came in, flights waiting to leave, and the crowd to come."""
    asked, scheduled, departed = timetable["asked"], timetable["scheduled"], timetable["departed"]
    origin, carrier, dest = timetable["origin"], timetable["carrier"], timetable["dest"]
    left_late = in_minutes(departed - scheduled)
    came_late = in_minutes(timetable["arrived"] - timetable["due"])
    window = window_hours * HOUR
    # One waits from its schedule until it has left, or until nobody counts on it any more. Its end is read only once
    # it is past, so that a flight that will be cancelled and one that will be late look the same.
    forgotten = scheduled + 2 * window
    end = departed.fillna(forgotten).clip(lower=scheduled, upper=forgotten)
    return pd.DataFrame(
        {
            "origin_late": mean_since(origin, departed, left_late, asked, window),
            "carrier_late": mean_since(carrier, departed, left_late, asked, window),
            "dest_late": mean_since(dest, timetable["arrived"], came_late, asked, 3 * window),
            "waiting": count_until(origin, scheduled, asked) - count_until(origin, end, asked),
            "crowd": count_until(origin, scheduled, scheduled + HOUR / 2)
            - count_until(origin, scheduled, scheduled - HOUR / 2),
        }
    )


@step
def sky(timetable: pd.DataFrame, weather: pd.DataFrame, stale_hours: int = 3) -> pd.DataFrame:
    """The last weather at the origin that was complete when the question was asked."""
    asked = timetable[["origin", "asked"]].reset_index(names="row").sort_values("asked", kind="stable")
    seen = weather.sort_values("known", kind="stable")
    tolerance = stale_hours * HOUR
    joined = pd.merge_asof(asked, seen, left_on="asked", right_on="known", by="origin", tolerance=tolerance)
    return joined.set_index("row").drop(columns=["origin", "asked", "known"]).reindex(timetable.index)


def in_minutes(length: pd.Series) -> pd.Series:
    """A length of time as a number."""
    minutes: pd.Series = length.dt.total_seconds() / 60
    return minutes


def ticks(instants: pd.Series) -> np.ndarray:
    """UTC as plain numpy times: `searchsorted` compares those in C, and aware ones as Python objects."""
    return np.asarray(instants.dt.tz_convert(None))


def count_until(by: pd.Series, when: pd.Series, at: pd.Series) -> pd.Series:
    """How many events of the same `by` are at or before `at`, row by row."""
    count = pd.Series(0, index=by.index)
    for rows in by.groupby(by).groups.values():
        count.loc[rows] = np.searchsorted(np.sort(ticks(when.loc[rows])), ticks(at.loc[rows]), side="right")
    return count


def mean_since(by: pd.Series, when: pd.Series, value: pd.Series, at: pd.Series, window: pd.Timedelta) -> pd.Series:
    """The mean of the events of the same `by` in (at - window, at], row by row; missing where there is none."""
    mean = pd.Series(np.nan, index=by.index)
    for rows in by.groupby(by).groups.values():
        happened = when.loc[rows].dropna().sort_values(kind="stable")
        total = np.concatenate([[0.0], value.loc[happened.index].cumsum()])
        start = np.searchsorted(ticks(happened), ticks(at.loc[rows] - window), side="right")
        end = np.searchsorted(ticks(happened), ticks(at.loc[rows]), side="right")
        mean.loc[rows] = (total[end] - total[start]) / np.where(end > start, end - start, np.nan)
    return mean
