"""Writes the store that later versions must read: `python tests/frozen/write_store.py`, once for each format.

A store that was written is never written again: `test_old_stores.py` reads all that are here.
"""

import json
import shutil
import sys
import tempfile
from contextlib import closing
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from plait import File, Pipeline, Scratch, auto, step
from plait.core.records import Acceptance
from plait.ports import RunRow
from plait.stores.local import create, segments
from plait.stores.local.bodies import record_of
from plait.stores.local.layout import VERSION

HERE = Path(__file__).parent


class Halves(NamedTuple):
    small: int
    large: np.ndarray


@step
def plain() -> dict[str, object]:
    return {
        "none": None, "true": True, "int": 2**70, "float": 0.1, "text": "žluťoučký", "bytes": b"\0\xff", "tuple": (1, "2"),
        "set": {1, 2}, "date": date(2026, 1, 2), "time": datetime(2026, 1, 2, 3, 4), "delta": timedelta(1, 2), "list": [1.5, [2]],
    }  # fmt: skip


@step
def inline() -> np.ndarray:
    return np.arange(12, dtype="f4").reshape(3, 4)


@step
def blob() -> np.ndarray:
    return (np.arange(40_000) % 7).astype("u1")


@step
def frame() -> pd.DataFrame:
    index = pd.Index(["x", "y", "z"], name="i")
    return pd.DataFrame({"a": [1, 2, 3], "b": ["q", None, "r"], "c": pd.Categorical(["u", "v", "u"])}, index=index)


@step
def halves() -> Halves:
    return Halves(1, np.arange(5_000, dtype="i4") % 3)


@step
def file(scratch: Scratch = auto) -> File:
    path = scratch / "words.txt"
    path.write_text("one two three\n")
    return File(path)


STEPS = [plain, inline, blob, frame, halves, file]


def main() -> None:
    target = HERE / f"store_{VERSION}"
    if target.exists():
        sys.exit(f"{target} is there: it must stay as it is")
    with tempfile.TemporaryDirectory() as temporary:
        store = create(Path(temporary, "store"))
        run = Pipeline("frozen", STEPS).run(*(one.name for one in STEPS), store=store, listeners=[])
        said = {one.name: run.digest(one.name) for one in STEPS}
        entries = [entry for path in Path(store.root, "segments").iterdir() for entry, _ in segments.read(str(path))]
        kept = [record_of(segments.body(entry)) for entry in entries if segments.kind(entry) == segments.RECORD]
        records = {one.node: one for one in kept}
        with closing(store.ledger()) as ledger:
            new = records["plain"]._replace(key=type(records["plain"].key)("0" * 64))
            ledger.accept(Acceptance(new, records["plain"].key, new.code, "frozen", "somebody", 1.0, "a note"))
            ledger.add_run(RunRow("a run", "frozen", 1.0, 2.0, "done", 7, ("plain",), (("x", "1"),),
                                  (("plain", new.key, "run", 0.5),), ("a host", 1, 1.0), tags=("kept",)))  # fmt: skip
            codes = {one.code: ledger.code(one.code).decode() for one in records.values()}
        shutil.copytree(store.root, target, ignore=shutil.ignore_patterns(".gitignore", "tmp", "pins", "*.lock"))
    keys = {name: [one.key, said[name]] for name, one in records.items()}
    (target / "said.json").write_text(json.dumps({"keys": keys, "code": codes}, indent=1) + "\n")


if __name__ == "__main__":
    main()
