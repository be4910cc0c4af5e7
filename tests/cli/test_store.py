"""`plait store` and `plait tag`, as a user meets them."""

import json
import os
import re
import shutil
import time

import pytest

from cli.terminal import plait

SUMS = """
import numpy
from plait import Pipeline, step

@step
def rows(n: int = 1) -> numpy.ndarray:
    return numpy.arange(5_000.0) + n

@step
def total(rows: numpy.ndarray) -> float:
    return float(rows.sum())

sums = Pipeline("sums", [rows, total])
"""


@pytest.fixture(scope="module")
def run_once(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run once")
    (folder / "sums.py").write_text(SUMS)
    done = plait(folder, "run", "sums.py", "-q")
    assert done.code == 0, done.err
    return folder


@pytest.fixture
def folder(run_once, tmp_path):
    shutil.copytree(run_once, tmp_path, dirs_exist_ok=True)
    return tmp_path


def age(folder, days):
    for path in (folder / ".plait").rglob("*"):
        if path.is_file():
            os.utime(path, (time.time() - days * 86400,) * 2)


def test_du_says_what_results_take(folder):
    done = plait(folder, "store", "du")
    assert done.code == 0, done.err
    assert re.search(r"sums:rows +1 +40\.\d kB +0 B", done.out)
    assert re.search(r"all results +2 ", done.out)
    assert "index" in done.out
    groups = json.loads(plait(folder, "store", "du", "--by", "age", "--json").out)["groups"]
    assert [(group["age"], group["results"]) for group in groups] == [("used within a day", 2)]


def test_gc_says_first_what_it_would_take_and_takes_that(folder):
    assert plait(folder, "store", "gc").out.startswith("0 results and 0 blobs went: "), "all of it is recent"
    age(folder, 1)
    wanted = ("store", "gc", "--age", "0s", "--grace", "0s")
    told = json.loads(plait(folder, *wanted, "--dry-run", "--json").out)
    assert (told["results"], told["blobs"], told["dry_run"]) == (2, 1, True)
    assert plait(folder, *wanted).out.startswith("2 results and 1 blobs went: 4")
    assert "0 hit" in plait(folder, "plan", "sums.py").out
    assert "done" in plait(folder, "runs").out


def test_a_tag_keeps_what_a_run_used(folder):
    done = plait(folder, "tag", "last", "the best")
    assert done.out.startswith("the best: what "), done.err
    assert "the best" in plait(folder, "tag").out
    age(folder, 1)
    wanted = ("store", "gc", "--age", "0s", "--grace", "0s")
    assert plait(folder, *wanted).out.startswith("0 results")
    assert plait(folder, "tag", "--remove", "the best").code == 0
    assert plait(folder, *wanted).out.startswith("2 results")


def test_check_mends_and_says_so_with_its_exit_code(folder):
    done = plait(folder, "store", "check")
    assert (done.code, done.out.split()[0]) == (0, "ok")
    (blob,) = [path for path in (folder / ".plait" / "blobs").rglob("*") if path.is_file()]
    damaged = bytearray(blob.read_bytes())
    damaged[1000] ^= 1
    blob.write_bytes(damaged)
    done = plait(folder, "store", "check")
    assert done.code == 1
    assert "BAD   1 blob is damaged" in done.out
    assert "quarantine" in done.out
    assert plait(folder, "run", "sums.py", "-t", "rows", "-q").code == 0
    assert plait(folder, "store", "check").code == 0
    done = plait(folder, "store", "doctor")
    assert done.code == 1, "what was damaged is still there to be looked at"
    assert "1 damaged files" in done.out


def test_rebuild_makes_the_index_again(folder):
    (folder / ".plait" / "index.sqlite").unlink()
    assert plait(folder, "store", "rebuild").out == "the index was made again: 2 records\n"


def test_the_doctor_finds_nothing_wrong(folder):
    done = plait(folder, "store", "doctor", "--json")
    assert done.code == 0, done.out
    assert {one["level"] for one in json.loads(done.out)} == {"fine"}


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("store", "gc", "--size", "much"), 1, '"500MB" or "20GB"'),
        (("tag", "last"), 2, "RUN and NAME"),
    ],
)
def test_what_cannot_be_understood_is_said(folder, arguments, code, said):
    done = plait(folder, *arguments)
    assert done.code == code
    assert said in done.err.replace("\n", " ")
