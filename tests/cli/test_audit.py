"""`plait audit`, as a user or a build meets it: what is printed, and the exit code."""

import json
import sys

import psutil
import pytest

from cli.terminal import CTRL_C, in_a_terminal, plait

PAGES = """
from plait import Pipeline, step

@step
def tags(text: str = "a shell on the sea shore") -> list[str]:
    return list(set(text.split()))

@step
def count(tags: list[str], sample: int = 0) -> int:
    return len(tags) + sample

@step(cache=False)
def bought(count: int) -> int:
    raise RuntimeError("this would cost money")

pages = Pipeline("pages", [tags, count, bought])
"""


@pytest.fixture
def here(tmp_path):
    (tmp_path / "pages.py").write_text(PAGES)
    return tmp_path


def test_what_is_found_is_printed_and_is_the_exit_code(here):
    done = plait(here, "audit", "pages.py")
    assert done.code == 1 and done.err == ""
    head, _, rest = done.out.partition("\n")
    assert head.startswith("pages: 2 nodes made again under other conditions; something found in 1, in ")
    assert "\ntags\n  gives another value under another PYTHONHASHSEED" in rest
    assert "\nleft out\n  bought: its step says cache=False" in rest
    assert not (here / ".plait").exists()


def test_nothing_found_is_exit_code_zero_and_targets_and_parameters_are_as_for_run(here):
    (here / "pages.py").write_text(PAGES.replace("list(set(", "sorted(set("))
    done = plait(here, "audit", "pages.py", "-t", "count", "--set", "sample=3", "--json", "--no-store")
    said = json.loads(done.out)
    assert done.code == 0
    assert (said["ok"], said["audited"], said["findings"], said["left_out"]) == (True, ["tags", "count"], [], {})


SLOW = """
import time
from plait import Pipeline, step

@step
def endless() -> int:
    open("started", "w").close()
    time.sleep(600)
    return 1

slow = Pipeline("slow", [endless])
"""


def test_ctrl_c_ends_it_at_once_and_leaves_nothing_running(tmp_path):
    (tmp_path / "slow.py").write_text(SLOW)
    command = [sys.executable, "-m", "plait", "audit", "slow.py"]
    code, written = in_a_terminal(tmp_path, command, keys=CTRL_C, after=b"endless")
    assert code == 130 and "plait: stopped" in written and "Traceback" not in written
    left = [process for process in psutil.process_iter(["cwd"]) if process.info["cwd"] == str(tmp_path)]
    psutil.wait_procs(left, timeout=240)
    assert [process for process in left if process.is_running() and process.status() != psutil.STATUS_ZOMBIE] == []


def test_what_cannot_be_audited_is_one_sentence(here):
    done = plait(here, "audit", "pages.py", "-t", "nobody")
    assert done.code == 1 and done.out == ""
    assert done.err.startswith("plait: pages has no node 'nobody'")
    assert plait(here, "audit", "pages.py", "--sample", "0").code == 2
