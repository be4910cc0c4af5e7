"""A process may end at any moment: what the store had said is kept is there, and the store goes on."""

import mmap
import os
import random
import shutil
import signal
import tempfile
from itertools import count
from pathlib import Path

import pytest

from plait.stores.local import sqlite
from stores import faults, sessions, straced
from stores.harness import MEMORY, forked, joined, nightly, tries

pytestmark = pytest.mark.law

GONE = 77


@pytest.fixture
def folder(monkeypatch):
    monkeypatch.setattr(sessions.ledger, "_BATCH", 4)
    monkeypatch.setattr(sessions.recovery, "_AT_ONCE", 3)
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        yield Path(folder)


def ends_at(number, middle, seen):
    """Ends the process at a call: before it, and for a write after a part of it."""

    def met(nth, name, real, arguments):
        if nth == number:
            if name == "write":
                whole = memoryview(arguments[-1])
                real(*arguments[:-1], whole[: max(1, int(len(whole) * middle))])
                seen[1] = len(whole) > 1
            os._exit(GONE)
        return real(*arguments)

    return faults.Calls(met)


def left_at(root, number, seen, *, middle, round_):
    """Does a session in a child that ends at a call: did it?"""

    def work():
        with pytest.MonkeyPatch.context() as patch:
            if round_ % 2:
                patch.setattr(sqlite, "wal_is_sound", lambda version: True)
            ends_at(number, middle, seen).between(patch)
            for _ in sessions.session(root, round_):
                seen[0] += 1

    seen[0] = seen[1] = 0
    code = joined(forked(work))
    assert code in (0, GONE)
    return code == GONE


def test_a_process_that_ends_at_any_call_loses_nothing_that_it_said_is_kept(folder):
    random.seed(59)
    stride = 1 if nightly() else 2
    seen, trials = mmap.mmap(-1, 2), tries(120, 100_000)
    ends = middle = unsaid = 0
    for round_ in count():
        before = folder / f"before {round_}"
        every = [claim for past in range(round_ % 3) for claim in sessions.session(before, -1 - past)]
        past = len(every)
        every += sessions.session(folder / f"whole {round_}", round_)
        for number in count(1 + random.randrange(stride), stride):
            root = folder / "store"
            if before.exists():
                shutil.copytree(before, root)
            if not left_at(root, number, seen, middle=(round_ * 0.37 + 0.5) % 1, round_=round_):
                assert past + seen[0] == len(every)
                shutil.rmtree(root)
                break
            found = sessions.survivors(root, every, past + seen[0])
            assert not found.lost and not found.wrong, (round_, number, found)
            sessions.works_again(root)
            ends, middle, unsaid = ends + 1, middle + seen[1], unsaid + found.unsaid
            shutil.rmtree(root)
        if ends >= trials:
            break
    print(f"ends: {ends}, mid-write: {middle}, kept but not said: {unsaid}, lost: 0, wrong: 0")
    assert ends >= trials
    assert middle > 5
    assert unsaid > 0


STRIDES = {"pwrite": 14, "mkdir": 8, "fdatasync": 3, "write": 2, "rename": 2}  # of a commit; else each call is one


@pytest.mark.skipif(bool(straced.why_not()), reason=str(straced.why_not()))
def test_a_process_killed_at_any_call_of_the_system_loses_nothing_that_it_said_is_kept(folder):
    every = list(sessions.session(folder / "whole"))
    most, kills, unsaid = straced.counted(folder / "counted"), 0, 0
    for round_ in range(tries(1, 10)):
        trials = []
        changing = [call for call in straced.CALLS if call not in ("open", "close")]
        calls = straced.CALLS if nightly() else changing
        for call in calls:
            step = 1 if nightly() else STRIDES.get(call, 1)
            trials += [f"{call}:{number}" for number in range(1 + round_ % step, most[call] + 1, step)]
        left = folder / str(round_)
        for trial, code, said, _ in straced.under(straced.striking("signal=KILL", calls), left, *trials):
            if code == 0:
                assert said == len(every)
                continue
            assert code == -signal.SIGKILL, (trial, code)
            found = sessions.survivors(left / trial, every, said)
            assert not found.lost and not found.wrong, (trial, found)
            sessions.works_again(left / trial)
            kills, unsaid = kills + 1, unsaid + found.unsaid
        shutil.rmtree(left)
    print(f"kills: {kills}, kept but not said: {unsaid}, lost: 0, wrong: 0")
    assert kills > 50
    assert unsaid > 0
