"""What a test leaves behind is named with it, and the next test does not see it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from waiting import LAST_RESORT

HERE = Path(__file__).parent
NAMED = {  # what is said of each
    "module": [r"module: shop \(.*shop\.py\)", r"sys\.path: .* was added"],
    "another_module": [r"module: json\.decoder is another one than before"],
    "finder": [r"sys\.meta_path: <.*Finder.*> was added"],
    "hook": [r"sys\.path_hooks: <class .*Finder.*> was added"],
    "environ": [r"environment variable: LEFT_BEHIND: None became '1'"],
    "folder": [r"working folder: .* became '/'"],
    "umask": [r"umask: \d+ became 63"],
    "locale": [r"locale: .* became"],
    "time_zone": [r"environment variable: TZ: ", r"time zone: .* became \('XYZ'"],
    "decimal": [r"decimal context: \(28, .* became \(3, "],
    "recursion": [r"recursion limit: \d+ became 5000"],
    "switch": [r"switch interval: [\d.]+ became 0\.01"],
    "argv": [r"sys\.argv: .* became .*'more'"],
    "excepthook": [r"sys\.excepthook: .* became <built-in function print>"],
    "garbage": [r"garbage collector: True became False"],
    "socket": [r"time-out of sockets: None became 3"],
    "disabled": [r"logging\.disable: 0 became 40"],
    "level": [r"logger: plait: .*\(3, "],
    "handler": [r"logger: .*StreamHandler"],
    "signal": [r"signal handler: SIGTERM: .* became <built-in function print>"],
    "blocked": [r"blocked signals: .* became .*SIGUSR2"],
    "seterr": [r"numpy\.seterr: divide: .* became 'raise'"],
    "print_options": [r"numpy\.set_printoptions: precision: 8 became 3"],
    "thread": [r"thread: sleeper, which runs time\.sleep \(a daemon\)"],
    "child": [r"child process: \d+ \(.*time\.sleep\(3600\)\)"],
    "file": [r"open file: .*test_leaving\.py \(descriptor \d+\)"],
}
INNOCENT = 6  # they pass, and are not blamed


def ran(folder, **environment):
    shutil.copyfile(HERE / "leaving.py", folder / "test_leaving.py")
    (folder / "shops").mkdir()
    (folder / "shops" / "shop.py").touch()
    (folder / "pytest.ini").write_text("[pytest]\n")
    variables = {name: text for name, text in os.environ.items() if not name.startswith(("PYTEST", "PLAIT"))}
    paths = os.pathsep.join([str(HERE.parents[1] / "src"), str(HERE.parent)])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "conftest", "-p", "no:cacheprovider", "test_leaving.py"],
        cwd=folder,
        env={**variables, "PYTHONPATH": paths, "PLAIT_GUARD": "2", "PLAIT_ORDER": "0", **environment},
        capture_output=True,
        text=True,
        timeout=LAST_RESORT,
    )
    return done.stdout + done.stderr


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="child processes and files are found in /proc alone")
def test_what_each_test_leaves_is_named_and_the_next_does_not_see_it(tmp_path):
    said = ran(tmp_path)
    parts = dict(
        re.findall(r"^(?:E +)?test_leaving\.py::(\S+) leaves behind\n((?:(?:E +|  )\S.*\n)+)", said, re.MULTILINE)
    )
    wanted = {f"test_leaves[{turn}-{what}]" for turn in (1, 2) for what in NAMED}
    assert set(parts) == wanted | {"TestOfAFixture::test_two", "test_what_has_failed_is_not_blamed_as_well"}, said
    for turn in (1, 2):
        for what, lines in NAMED.items():
            found = parts[f"test_leaves[{turn}-{what}]"].splitlines()
            assert len(found) == len(lines), found
            for line in lines:
                assert any(re.search(line, one) for one in found), (line, found)
    assert parts["TestOfAFixture::test_two"].strip() == "environment variable: LEFT_TOO: None became '1'"
    passed, failed, errors = len(wanted) + INNOCENT + 1, 1, len(wanted) + 1
    assert f"{failed} failed, {passed} passed, {errors} errors" in said


def test_it_can_be_turned_off(tmp_path):
    said = ran(tmp_path, PLAIT_GUARD="0")
    assert "leaves behind" not in said
    assert "assert state() == BEGINNING" in said
