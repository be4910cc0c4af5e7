"""Tests that leave things behind, for `test_guard.py`, which runs them in a process of their own, in any order.

Each looks first whether all is as it was when this file was imported.
"""

import decimal
import gc
import importlib
import locale
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent  # it is a copy, in a temporary folder


def state():
    mask = os.umask(0o022)
    os.umask(mask)
    return {
        "modules": sorted({"shop", "json.far"} & set(sys.modules)),
        "path": [*sys.path],
        "finders": ([*sys.meta_path], [*sys.path_hooks]),
        "environ": {name: text for name, text in os.environ.items() if name != "PYTEST_CURRENT_TEST"},
        "process": (os.getcwd(), mask, locale.setlocale(locale.LC_ALL), time.tzname, [*sys.argv], sys.excepthook),
        "limits": (sys.getrecursionlimit(), sys.getswitchinterval(), gc.isenabled(), socket.getdefaulttimeout()),
        "decimal": decimal.getcontext().prec,
        "logging": (logging.root.manager.disable, logging.getLogger("plait").level),
        "handlers": [one for one in logging.getLogger().handlers if type(one) is logging.StreamHandler],
        "signals": (signal.getsignal(signal.SIGTERM), signal.pthread_sigmask(signal.SIG_BLOCK, ())),
        "numpy": (np.geterr(), np.get_printoptions()),
    }


BEGINNING = state()


class Finder:
    def find_spec(self, *_):
        return None


def module():
    sys.path.insert(0, str(HERE / "shops"))
    importlib.import_module("shop")


def another_module():
    sys.modules["json.decoder"] = type(sys)("json.decoder")


def another_locale():
    now = locale.setlocale(locale.LC_ALL)
    for name in ("C", "C.UTF-8", "POSIX", "en_US.UTF-8"):
        try:
            if locale.setlocale(locale.LC_ALL, name) != now:
                return
        except locale.Error:
            continue


def time_zone():
    os.environ["TZ"] = "XYZ+5"
    time.tzset()


def print_options():
    np.set_printoptions(precision=3)


def thread():
    threading.Thread(target=time.sleep, args=(3600,), daemon=True, name="sleeper").start()


def child():
    child.process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
    child.process.returncode = 0  # so that nothing else complains


LEAVES = {
    "module": module,
    "another_module": another_module,
    "finder": lambda: sys.meta_path.append(Finder()),
    "hook": lambda: sys.path_hooks.append(Finder),
    "environ": lambda: os.environ.update(LEFT_BEHIND="1"),
    "folder": lambda: os.chdir("/"),
    "umask": lambda: os.umask(0o077),
    "locale": another_locale,
    "time_zone": time_zone,
    "decimal": lambda: setattr(decimal.getcontext(), "prec", 3),
    "recursion": lambda: sys.setrecursionlimit(5000),
    "switch": lambda: sys.setswitchinterval(0.01),
    "argv": lambda: sys.argv.append("more"),
    "excepthook": lambda: setattr(sys, "excepthook", print),
    "garbage": gc.disable,
    "socket": lambda: socket.setdefaulttimeout(3),
    "disabled": lambda: logging.disable(logging.ERROR),
    "level": lambda: logging.getLogger("plait").setLevel(3),
    "handler": lambda: logging.getLogger().addHandler(logging.StreamHandler()),
    "signal": lambda: signal.signal(signal.SIGTERM, print),
    "blocked": lambda: signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2]),
    "seterr": lambda: np.seterr(divide="raise"),
    "print_options": print_options,
    "thread": thread,
    "child": child,
    "file": lambda: os.open(__file__, os.O_RDONLY),
}


@pytest.mark.parametrize("what", LEAVES)
@pytest.mark.parametrize("turn", [1, 2])
def test_leaves(what, turn):
    assert state() == BEGINNING
    LEAVES[what]()


# these leave nothing, or are not to blame for it


@pytest.mark.parametrize("turn", [1, 2])
def test_puts_back(turn, monkeypatch, tmp_path):
    assert state() == BEGINNING
    monkeypatch.setenv("LEFT_BEHIND", "1")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)


def test_what_ends_soon_is_waited_for():
    threading.Thread(target=time.sleep, args=(0.2,)).start()


def test_what_only_garbage_holds():
    ring = [open(__file__)]
    ring.append(ring)


def test_what_is_of_an_installed_package():
    import colorsys
    import xml.dom.minidom  # noqa: F401

    assert colorsys


def test_what_has_failed_is_not_blamed_as_well():
    os.environ["LEFT_BEHIND"] = "1"
    raise AssertionError("as it should")


class TestOfAFixture:
    @pytest.fixture(scope="class", autouse=True)
    @staticmethod
    def lasting():
        os.environ["OF_A_CLASS"] = "1"
        yield
        del os.environ["OF_A_CLASS"]

    def test_one(self):
        assert os.environ["OF_A_CLASS"] == "1"

    def test_two(self):
        assert os.environ["OF_A_CLASS"] == "1"
        os.environ["LEFT_TOO"] = "1"
