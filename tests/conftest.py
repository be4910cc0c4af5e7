"""Tests come in another order each time, so that none can lean on another one. `PLAIT_ORDER` gives an order again."""

import os
import random

import pytest
from hypothesis import settings

import leftovers
from guard.hooks import Hooks

settings.register_profile("steady", derandomize=True)  # `make test` draws the same each time; pytest by itself does not


def pytest_configure(config):
    if config.pluginmanager.hasplugin("rerunfailures") or config.pluginmanager.hasplugin("flaky"):
        raise pytest.UsageError("a test that fails now and then is mended, and not tried again")
    os.environ.setdefault(
        "PLAIT_ORDER", str(random.SystemRandom().randrange(1_000_000))
    )  # the workers of xdist have it
    if "PLAIT_GUARD" in os.environ:  # not yet the rule: some tests leave things behind that are not mended
        config.pluginmanager.register(Hooks(), "guard")  # and no conftest's, so that it is around the doctests too


def pytest_collection_modifyitems(items):
    """The tests of a file stay together, for they share what takes long to start."""
    rng = random.Random(os.environ["PLAIT_ORDER"])
    files = {}
    for item in items:
        files.setdefault(item.nodeid.partition("::")[0], []).append(item)
    groups = list(files.values())
    rng.shuffle(groups)
    for group in groups:
        rng.shuffle(group)
    items[:] = [item for group in groups for item in group]


def pytest_runtest_setup(item):
    """Servers and clusters of other tests may be there already: they are not what a test leaves behind."""
    if getattr(getattr(item, "module", None), "children", None) is leftovers.children:
        leftovers.note_what_is_there()


def pytest_terminal_summary(terminalreporter):
    terminalreporter.write_line(f"the order of the tests was PLAIT_ORDER={os.environ['PLAIT_ORDER']}")
