"""Stores that earlier versions wrote are read as they were written, or refused by name; see `tests/frozen/write_store.py`."""

import json
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from plait.core.graph import Graph
from plait.errors import StoreError
from plait.opening import vault_of
from plait.stores.local import create
from plait.stores.local.layout import VERSION
from plait.testing.stores import look_up

FROZEN = Path(__file__).parent.parent / "frozen"
STORES = sorted(FROZEN.glob("store_*"))


@pytest.fixture(params=STORES, ids=lambda path: path.name)
def old(request, tmp_path):
    root = tmp_path / "store"
    shutil.copytree(request.param, root)
    for path in [root, *root.rglob("*")]:
        path.chmod(0o700 if path.is_dir() else 0o600)
    return root


def read(root):
    """All that a store was said to hold when it was written, and what it gives for it now."""
    said, store = json.loads((root / "said.json").read_text()), create(root)
    vault = vault_of(store, Graph("none", {}, {}, {}, None), strict=False)
    with closing(store.ledger()) as ledger:
        records = look_up(ledger, [key for key, _ in said["keys"].values()])
        digests = {}
        for name, (key, digest) in said["keys"].items():
            assert records[key].node == name
            assert records[key].artifact.digest == digest
            if records[key].artifact.where == "parts":
                for part, artifact in records[key].artifact.parts:
                    assert vault.naming.digest(vault.load(artifact)) == artifact.digest, part
            else:
                digests[name] = vault.naming.digest(vault.load(records[key].artifact))
                assert digests[name] == digest
        assert {code: ledger.code(code).decode() for code in said["code"]} == said["code"]
        rows = {row.id: row for row in ledger.runs()}
        assert (rows["a run"].tags, rows["a run"].status) == (("kept",), "done")
        assert [(one.by, one.note) for one in ledger.accepted()] == [("somebody", "a note")]
        return said, digests


def test_there_is_a_store_of_this_version():
    assert f"store_{VERSION}" in {path.name for path in STORES}, "run tests/frozen/write_store.py"


@pytest.mark.parametrize("index", ["as it was", "of another version", "gone"])
def test_an_old_store_gives_what_it_was_given(old, index):
    if index == "gone":
        os.remove(old / "index.sqlite")
    if index == "of another version":
        with closing(sqlite3.connect(old / "index.sqlite", isolation_level=None)) as connection:
            connection.execute("PRAGMA user_version = 999")
    said, digests = read(old)
    assert len(digests) >= 5
    assert {"plain", "inline", "blob", "frame", "file"} <= digests.keys()
    assert len(said["keys"]) == len(digests) + 1  # the one of parts


def test_a_store_that_is_too_new_is_refused_by_its_name_and_stays_as_it_is(old):
    before = sorted(str(path) for path in old.rglob("*"))
    (old / "FORMAT").write_text(f"plait-store {VERSION + 1}\n")
    store = create(old)
    with pytest.raises(
        StoreError, match=rf"written by a later plait \(format {VERSION + 1}; this one knows {VERSION}\)"
    ):
        store.ledger()
    assert sorted(str(path) for path in old.rglob("*")) == before
