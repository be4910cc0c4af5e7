"""A power cut keeps what it likes of what was not synced: what was said to be durable is there, and nothing is wrong."""

import random
import shutil
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from plait.stores.local import create
from plait.testing.stores import look_up, record
from stores import crash_states, sessions, straced
from stores.harness import MEMORY, tries

pytestmark = [pytest.mark.law, pytest.mark.skipif(bool(straced.why_not()), reason=str(straced.why_not()))]
CHANCES = (0, 1, 0.5, 0.9, 0.1)


@pytest.fixture(scope="module")
def log():
    """All that one session does to its folder."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        text = Path(folder, "log")
        results = straced.under(["-o", text, "-xx", "-s", "10000000", "-e", straced.ALL], folder, "write:0")
        assert results[0][1] == 0
        return crash_states.Log(text.read_text(), folder).ops


@pytest.fixture
def every(tmp_path):
    return list(sessions.session(tmp_path / "whole"))


def goes_on(store):
    new = record("new")
    with closing(store.ledger()) as ledger:
        ledger.add(new)
    with closing(store.ledger()) as ledger:
        assert look_up(ledger, [new.key]) == {new.key: new}
    for content in sessions.BLOBS.values():
        blob, _ = store.blobs.put(lambda file, content=content: file.write(content))
        assert store.blobs.path(blob).read_bytes() == content


@pytest.mark.filterwarnings("ignore:.*is damaged at byte")
def test_what_was_durable_outlives_a_power_cut_at_any_moment(log, every):
    random.seed(17)
    trials, seen = tries(400, 100_000), set()
    assert sum(op.kind == "ack" for op in log) == len(every)
    assert sum(op.kind == "sync" for op in log) > 10
    cuts = [cut for cut in range(1, len(log) + 1) if log[cut - 1].kind not in ("sync", "ack") or cut == len(log)]
    said = torn = unsaid = 0
    while len(seen) < trials:
        cut = random.choice(cuts)  # after a change: before the next one, nothing is another state
        state = crash_states.state(log, cut, random.choice(CHANCES))
        if state.fingerprint() in seen:
            continue
        seen.add(state.fingerprint())
        acks = max((op.a for op in log[:cut] if op.kind == "ack"), default=0)
        durable = max((place + 1 for place in range(acks) if every[place].kind == "durable"), default=0)
        said += durable > 0
        with tempfile.TemporaryDirectory(dir=MEMORY) as root:
            state.made(root)
            store = create(Path(root, "write:0"))
            found = sessions.survivors(store.root, every, durable, blobs=False)
            if found.lost or found.wrong:
                kept = Path(tempfile.mkdtemp())
                shutil.copytree(root, kept, dirs_exist_ok=True)
                pytest.fail(f"cut after {cut} of {len(log)} ({log[cut - 1]}), left in {kept}: {found}")
            unsaid += found.unsaid
            torn += any(Path(store.root).glob("quarantine/*"))
            goes_on(store)
    print(f"power cuts: {len(seen)}, {said} after something durable, {torn} with a torn blob, lost: 0, wrong: 0")
    assert said > trials // 3
    assert torn
    assert unsaid
