"""Tests come in another order each time, so that none can lean on another one. `PLAIT_ORDER` gives an order again.

With `PLAIT_GUARD=5` a guard around each of them names what it leaves behind; threads, child processes and open files have
so many seconds to end by themselves.
"""

import os
import random
import signal
import sys
from pathlib import Path

import pytest
from hypothesis import settings

import leftovers
from guard.hooks import Hooks
from slow import SLOW

HERE = Path(__file__).parent

settings.register_profile("steady", derandomize=True)  # `make test` draws the same each time; pytest by itself does not


def pytest_configure(config):
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell starts what it runs in the background
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if config.pluginmanager.hasplugin("rerunfailures") or config.pluginmanager.hasplugin("flaky"):
        raise pytest.UsageError("a test that fails now and then is mended, and not tried again")
    os.environ.setdefault(
        "PLAIT_ORDER", str(random.SystemRandom().randrange(1_000_000))
    )  # the workers of xdist have it
    if patience := float(os.environ.get("PLAIT_GUARD", "0")):  # not yet the rule: not all tests are mended
        config.pluginmanager.register(Hooks(patience), "guard")  # and no conftest's, so that it is around doctests too


def _is_slow(item):
    """Is it of a file or folder that is named as slow, or does it start workers?"""
    parameters = getattr(item, "callspec", None)
    given = () if parameters is None else parameters.params.values()
    workers = any(isinstance(one, str) and one in ("processes", "ray") for one in given)
    return workers or (item.path.is_relative_to(HERE) and str(item.path.relative_to(HERE)).startswith(SLOW))


@pytest.hookimpl(tryfirst=True)  # before pytest looks which marks are wanted
def pytest_collection_modifyitems(items):
    """The tests of a file stay together, for they share what takes long to start."""
    for item in items:
        if _is_slow(item):
            item.add_marker(pytest.mark.slow)
    rng = random.Random(os.environ["PLAIT_ORDER"])
    files = {}
    for item in items:
        files.setdefault(item.nodeid.partition("::")[0], []).append(item)
    groups = list(files.values())
    rng.shuffle(groups)
    for group in groups:
        rng.shuffle(group)
    items[:] = [item for group in groups for item in group]


@pytest.fixture
def importable(tmp_path, monkeypatch):
    """The folder of a test, from which it can import modules; they are forgotten with it."""
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name, module in list(sys.modules.items()):
        places = [getattr(module, "__file__", ""), *getattr(module, "__path__", ())]  # a namespace has no file
        if any(str(place).startswith(str(tmp_path)) for place in places):
            del sys.modules[name]


def pytest_runtest_setup(item):
    """Servers and clusters of other tests may be there already: they are not what a test leaves behind."""
    if getattr(getattr(item, "module", None), "children", None) is leftovers.children:
        leftovers.note_what_is_there()


def pytest_terminal_summary(terminalreporter):
    terminalreporter.write_line(f"the order of the tests was PLAIT_ORDER={os.environ['PLAIT_ORDER']}")
