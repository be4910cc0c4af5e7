"""`plait keys`, and a store that is a URL, as a user meets them."""

import re

import pytest

from cli.terminal import plait

SUMS = """
from plait import Pipeline, step

@step
def total(n: int = 3) -> int:
    return n + 1

sums = Pipeline("sums", [total])
"""


@pytest.fixture(autouse=True)
def _own_keys(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("PLAIT_KEYS", raising=False)


def test_keys_are_made_and_listed_and_never_shown(tmp_path):
    none = plait(tmp_path, "keys")
    assert (none.code, none.out) == (0, "") and "`plait keys --new` makes one" in none.err
    first, second = plait(tmp_path, "keys", "--new"), plait(tmp_path, "keys", "--new")
    listed = plait(tmp_path, "keys")
    assert re.fullmatch(r"[0-9a-f]{16}  signs\n[0-9a-f]{16}\n", listed.out)
    assert listed.out.split()[0] == second.out.split()[0] and listed.out.split()[2] == first.out.split()[0]
    for line in (tmp_path / "config" / "plait" / "keys").read_text().split():
        assert line not in f"{first}{second}{listed}"


def test_keys_that_others_can_read_are_an_error_that_says_what_to_do(tmp_path):
    plait(tmp_path, "keys", "--new")
    (tmp_path / "config" / "plait" / "keys").chmod(0o644)
    refused = plait(tmp_path, "keys")
    assert refused.code == 1 and "chmod 600" in refused.err


def test_two_machines_share_what_one_of_them_made(tmp_path):
    url = f"file://{tmp_path}/shared"
    plait(tmp_path, "keys", "--new")
    for name, states in (("one", '"total": "run"'), ("two", '"total": "hit"')):
        (tmp_path / name).mkdir()
        (tmp_path / name / "sums.py").write_text(SUMS)
        done = plait(tmp_path / name, "run", "sums.py", "--store", url, "--json")
        assert done.code == 0 and states in done.out, done.err
    runs = plait(tmp_path / "two", "runs", "--store", url)
    assert len(re.findall("sums", runs.out)) == 2, "what others ran is in the history"
