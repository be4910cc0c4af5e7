"""The traps of real data, met in the open: what has no date gets an instant, what cannot be is unknown, all is counted.

The rule for time: an instant is UTC. A clock time is local, has no date, and is 2400 at midnight, so none is trusted
alone: a flight left `dep_delay` minutes after its schedule, and came in `arr_delay` minutes after its schedule.
"""

import pandas as pd

from plait import step

NEW_YORK = "America/New_York"
CARIBBEAN = "America/Puerto_Rico"  # SJU, BQN, PSE and STT are not in airports.csv; all four keep Atlantic time all year
CARIBBEAN_AIRPORTS = ["BQN", "PSE", "SJU", "STT"]
FASTEST_WIND = 100  # miles an hour; one row has 1,048


@step
def timetable(raw_flights: pd.DataFrame, airports: pd.DataFrame, lead_minutes: int = 60) -> pd.DataFrame:
    """One row a flight: what the schedule says, when the question is asked, and two outcomes: departed and arrived."""
    scheduled = pd.to_datetime(raw_flights["time_hour"]) + minutes(raw_flights["minute"])
    zone = raw_flights["dest"].map(time_zones(airports))
    flight_time = (clock(raw_flights["sched_arr_time"]) - clock_in(zone, scheduled)) % (24 * 60)  # none takes a day
    due = scheduled + minutes(flight_time)
    return pd.DataFrame(
        {
            "origin": raw_flights["origin"],
            "dest": raw_flights["dest"],
            "carrier": raw_flights["carrier"],
            "tailnum": raw_flights["tailnum"],
            "distance": raw_flights["distance"],
            "scheduled": scheduled,
            "due": due,
            "asked": scheduled - pd.Timedelta(minutes=lead_minutes),
            "departed": scheduled + minutes(raw_flights["dep_delay"]),  # missing: it never left
            "arrived": due + minutes(raw_flights["arr_delay"]),  # missing: it never came, or came to another airport
        }
    )


@step
def weather(raw_weather: pd.DataFrame) -> pd.DataFrame:
    """One row an airport and hour, with the instant from which that row was complete.

    The hour 01 of 2013-11-03 is there twice at each airport by local time, since the clocks went back: these are two
    hours, no duplicate, and `time_hour`, in UTC, tells them apart. Joined by local time they would double flights.
    A row labelled 14:00 holds the rain of 14:00 to 14:51. At 14:10 nobody had it: it is known from 15:00.
    """
    hour = pd.to_datetime(raw_weather["time_hour"])
    wind = raw_weather["wind_speed"]
    return pd.DataFrame(
        {
            "origin": raw_weather["origin"],
            "known": hour + pd.Timedelta(hours=1),
            "temperature": raw_weather["temp"],
            "humidity": raw_weather["humid"],
            "wind": wind.where(wind <= FASTEST_WIND),
            "rain": raw_weather["precip"],
            "visibility": raw_weather["visib"],
            "pressure": raw_weather["pressure"],
        }
    )


@step
def traps(raw_flights: pd.DataFrame, raw_weather: pd.DataFrame, planes: pd.DataFrame) -> dict[str, int]:
    """How often each trap is in the data."""
    left, came = raw_flights["dep_time"].notna(), raw_flights["arr_delay"].notna()
    tail = raw_flights["tailnum"]
    local = ["origin", "year", "month", "day", "hour"]
    rows = {
        "flights": raw_flights["origin"].notna(),
        "cancelled": ~left,
        "diverted, or no arrival on record": left & ~came,
        "no tail number": tail.isna(),
        "no tail number, yet flown": tail.isna() & left,
        "tail number not among the planes": tail.notna() & ~tail.isin(planes["tailnum"]),
        "destination without a time zone": raw_flights["dest"].isin(CARIBBEAN_AIRPORTS),
        "departed at 2400": raw_flights["dep_time"] == 2400,
        "weather hours": raw_weather["origin"].notna(),
        "weather hours repeated by local time": raw_weather.duplicated(local),
        "weather hours repeated by UTC": raw_weather.duplicated(["origin", "time_hour"]),
        "wind faster than 100 mph": raw_weather["wind_speed"] > FASTEST_WIND,
        "no pressure": raw_weather["pressure"].isna(),
    }
    return {what: int(these.sum()) for what, these in rows.items()}


def time_zones(airports: pd.DataFrame) -> pd.Series:
    """The zone of each airport, by its code."""
    missing = pd.Series(CARIBBEAN, index=CARIBBEAN_AIRPORTS)
    zones: pd.Series = pd.concat([airports.set_index("faa")["tzone"].dropna(), missing])
    return zones


def clock(hhmm: pd.Series) -> pd.Series:
    """Minutes since midnight: 1730 is 1050, and 2400 is 1440."""
    since_midnight: pd.Series = hhmm // 100 * 60 + hhmm % 100
    return since_midnight


def clock_in(zone: pd.Series, instant: pd.Series) -> pd.Series:
    """Minutes since midnight that the clock on the wall shows, row by row in its own zone."""
    walls = [there.dt.tz_convert(name).dt for name, there in instant.groupby(zone)]
    since_midnight: pd.Series = pd.concat([wall.hour * 60 + wall.minute for wall in walls])
    return since_midnight.reindex(instant.index)


def minutes(count: pd.Series) -> pd.Series:
    """A number as a length of time."""
    return pd.Series(pd.to_timedelta(count, unit="min"))
