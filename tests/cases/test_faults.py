"""Faults that users of other tools reported, as programs of their own: each prints the right value in every executor."""

import subprocess
import sys
from pathlib import Path

import pytest

EXECUTORS = ("sequential", "threads", "processes")
HERE = Path(__file__).parent / "faults"


def each(*lines):
    """Each of these lines for each executor, with its name in front."""
    return [f"{executor} {line}" for executor in EXECUTORS for line in lines]


RIGHT = {
    "a_forgotten_await": each("True"),
    "aliases_of_parts": ["1"] * 9,
    "deep_objects": each("{'chain': 'run'} {'chain': 'hit'} 398"),
    "errors_keep_their_type": each("own 2", "http 2", "True 7 seven", "True"),
    "errors_without_text": each("{'base': 'failed', 'fails': 'failed', 'other': 'run'} ['Base', 'Odd']"),
    "imports_do_not_draw": None,  # six equal lines
    "logging_in_workers": ["sequential", "mine at work", "threads", "mine at work", "processes", "mine at work"],
    "many_objects_of_main": ["True {'here': 'hit'}"],
    "optimised": each("{'checked': 'run'}", "{'checked': 'failed'}"),
    "other_doors": ["query True", "rows True", *each("True")],
    "pools_in_steps": each("[0, 2, 4] [0, 2, 4]"),
    "reads_behind_a_helper": each("True"),
    "settings_of_the_process": [*each("DataFrame"), "DataFrame", "ndarray {'kind': 'run'}"],
    "several_runs_at_once": each("memory wrong 0", "store wrong 0", "wrong hits 0"),
    "sys_exit": each("{'other': 'run', 'tool': 'failed'}", "True"),
    "texts_that_cannot_be_encoded": [
        line
        for executor in EXECUTORS
        for line in (
            f"{executor} {{'read': 'run'}} {{'read': 'hit'}} True ['failed', 'done', 'done']",
            "runs 0 False False",
            "store 0 False False",
        )
    ],
    "writes": each("report True", "table True", "appended True", "each_time ran"),
    "yaml_scalars": [
        "(0.001, 0.001, 0.001, {'lr': 0.001, 'at': '12:30:45'})",
        "('01234', '', [])",
        "('', 'no', [])",
        "('', '', ['01', 'no', '1.10'])",
        "(17, 15)",
    ],
}


@pytest.mark.parametrize("name", sorted(RIGHT))
def test_a_fault_that_was_found_is_mended(name, tmp_path):
    done = subprocess.run(
        [sys.executable, HERE / f"{name}.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=280,
    )
    said = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr[-3000:]
    if RIGHT[name] is None:
        assert len(said) == 6, done.stderr
        assert len(set(said)) == 1, said
    else:
        assert said == RIGHT[name], done.stderr[-3000:]


def test_each_program_has_its_right_values():
    assert {path.stem for path in HERE.glob("*.py")} == set(RIGHT)
