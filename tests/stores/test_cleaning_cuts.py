"""A power cut while a store is cleaned up: what stays is there, and nothing is in the index without its bytes."""

import os
import random
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from plait.core.digest import digest
from plait.ports import Limits
from plait.stores.local import create
from plait.testing.stores import look_up
from stores import cleaning, crash_states, straced
from stores.harness import MEMORY, elsewhere, tries
from stores.test_collecting import dangling

pytestmark = [pytest.mark.law, pytest.mark.skipif(bool(straced.why_not()), reason=str(straced.why_not()))]
CHANCES = (0, 1, 0.5, 0.9, 0.1)
NEW = [name for name in cleaning.NAMES if name.startswith("new")]


@pytest.fixture(scope="module")
def log():
    """All that is done to the folder, first by those who fill it, then by the clean-up."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        text = Path(folder, "log")
        paths = [str(Path(__file__).parent.parent), *filter(None, sys.path)]
        subprocess.run(
            [straced.STRACE, "-f", "-qq", "-o", text, "-xx", "-s", "10000000", "-e", straced.ALL]
            + [sys.executable, cleaning.__file__, Path(folder, "store")],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1"},
            check=True,
            timeout=240,
        )
        left = {path.name for path in Path(folder, "store", "segments").iterdir()}
        assert len(left) == 1, "the clean-up wrote them anew"
        return crash_states.Log(text.read_text(), folder).ops


@pytest.mark.filterwarnings("ignore:.*is damaged at byte")
def test_a_power_cut_while_it_is_cleaned_up_loses_nothing_that_stays(log):
    random.seed(23)
    first = next(place for place, op in enumerate(log) if op.kind == "ack")
    cuts = [cut for cut in range(first + 2, len(log) + 1) if log[cut - 1].kind != "sync"]
    seen, halfway = set(), 0
    trials = tries(60, 20_000)
    for _ in range(20 * trials):
        state = crash_states.state(log, random.choice(cuts), random.choice(CHANCES))
        if state.fingerprint() in seen:
            continue
        seen.add(state.fingerprint())
        with tempfile.TemporaryDirectory(dir=MEMORY) as root:
            state.made(root)
            store = create(Path(root, "store"))

            def look(store=store):
                with closing(store.ledger()) as ledger:
                    found = look_up(ledger, [digest(name) for name in cleaning.NAMES])
                    for name in NEW:
                        artifact = found[digest(name)].artifact
                        assert store.blobs.path(artifact.blob).read_bytes() == cleaning.content(name)
                assert dangling(store) == []
                store.rebuild()
                assert dangling(store) == []

            elsewhere(look)
            halfway += len(list(Path(store.root, "segments").iterdir())) > 1
            store.upkeep().collect(Limits(age=30 * cleaning.DAY))
            elsewhere(look)
            with closing(store.ledger()) as ledger:
                assert {one.node for one in ledger.earlier("m:f")} == set(NEW)
        if len(seen) == trials:
            break
    print(f"power cuts in a clean-up: {len(seen)}, {halfway} halfway, lost: 0, dangling: 0")
    assert len(seen) == trials
    assert halfway > trials // 10
