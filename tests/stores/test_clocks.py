"""A clock that is a year off, runs backwards, or differs from another host's changes no result and takes no lease."""

import os
import random
import tempfile
import time
from contextlib import ExitStack, closing
from pathlib import Path

import numpy
import pytest

from plait import Pipeline, Seed, step
from plait.core.digest import digest
from plait.stores.local import create, owners, segments
from plait.stores.local.layout import Layout
from plait.testing.stores import look_up, record, run
from stores.harness import MEMORY, forked, joined, tries

pytestmark = pytest.mark.law

YEAR = 365 * 24 * 3600


@pytest.fixture
def folder():
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        yield Path(folder)


class Skewed:
    """The clock of the day, wrong by some seconds, and by another number of them whenever that is drawn anew."""

    def __init__(self, patch, by=0.0):
        self.by = by
        self.asked = 0
        patch.setattr(time, "time", lambda real=time.time: real() + self._by())
        patch.setattr(time, "time_ns", lambda real=time.time_ns: real() + int(self._by() * 1e9))

    def _by(self):
        self.asked += 1
        return self.by() if callable(self.by) else self.by


@step
def noise(n: int, seed: Seed) -> numpy.ndarray:
    return numpy.random.default_rng(seed).random(n)


@step
def total(noise: numpy.ndarray) -> float:
    return float(noise.sum())


@pytest.mark.parametrize("by", [-YEAR, YEAR, "backwards"])
def test_the_clock_changes_no_key_and_no_byte(folder, by):
    p = Pipeline("p", [noise, total])
    said = {}
    with pytest.MonkeyPatch.context() as patch:
        right = p.run(n=5_000, seed=7, store=folder / "right", listeners=[])
        clock = Skewed(patch, (lambda: random.uniform(-YEAR, YEAR)) if by == "backwards" else by)
        wrong = p.run(n=5_000, seed=7, store=folder / "wrong", listeners=[])
        assert clock.asked > 0
    for name, made in (("right", right), ("wrong", wrong)):
        with closing(create(folder / name).ledger()) as ledger:
            rows = [one for step in ("noise", "total") for one in ledger.earlier(f"{__name__}:{step}")]
        blobs = sorted(path.name for path in (folder / name / "blobs").rglob("*") if path.is_file())
        said[name] = ({one.key: one.artifact for one in rows}, {node: made.digest(node) for node in p.nodes}, blobs)
        assert len(rows) == 2
    assert said["right"] == said["wrong"]
    again = p.run(n=5_000, seed=7, store=folder / "wrong", listeners=[])  # by the right clock
    assert set(again.states.values()) == {"hit"}


def test_what_was_first_stays_first_whatever_the_clocks_of_its_writers_say(folder):
    random.seed(41)
    first, trials = {}, tries(20, 500)
    with pytest.MonkeyPatch.context() as patch:
        clock = Skewed(patch)
        for trial in range(trials):
            clock.by = random.choice([0, -YEAR, YEAR, -3600, 3600, lambda: random.uniform(-YEAR, YEAR)])
            with closing(create(folder).ledger()) as ledger:
                for _ in range(4):
                    key = str(random.randrange(12))
                    ledger.add(record(key, str(trial)))
                    first.setdefault(key, str(trial))
                newest = record("newest", str(trial))
                ledger.add(newest, newest=True)
                assert look_up(ledger, [newest.key]) == {newest.key: newest}
            with closing(create(folder).ledger()) as ledger:
                found = look_up(ledger, [digest(key) for key in (*first, "newest")])
            assert {one.node: one.artifact.data.decode() for one in found.values()} == first | {"newest": str(trial)}
        assert clock.asked > trials
    os.remove(folder / "index.sqlite")
    with closing(create(folder).ledger()) as ledger:
        found = look_up(ledger, [digest(key) for key in first])
    assert {one.node: one.artifact.data.decode() for one in found.values()} == first


@pytest.mark.parametrize("by", [-YEAR, YEAR])
def test_unfinished_work_is_not_taken_for_old_by_a_wrong_clock(folder, by):
    store = create(folder)
    with closing(store.ledger()) as ledger:
        ledger.add(record("a"))
    tmp, other = Path(store.root, "tmp"), "0123456789ab-1-1-0123456789abcdef"
    mine = store.blobs.scratch()
    (tmp / other).write_bytes(b"of another machine, a moment ago")
    with pytest.MonkeyPatch.context() as patch:
        Skewed(patch, by)
        store.ledger().close()
    assert {path.name for path in tmp.iterdir()} == {mine.name, other}
    old = Layout(store.root).now() - 25 * 3600
    os.utime(tmp / other, (old, old))
    with pytest.MonkeyPatch.context() as patch:
        clock = Skewed(patch, by)
        store.ledger().close()
        assert clock.asked >= 0
    assert {path.name for path in tmp.iterdir()} == {mine.name}, "a day by the clock of the files is a day"


@pytest.mark.parametrize("by", [-YEAR, YEAR])
def test_a_run_is_dead_when_its_process_is_and_not_by_the_clock(folder, by):
    child = forked(time.sleep, 30)
    try:
        with closing(create(folder).ledger()) as ledger, ExitStack() as skewed:
            patch = skewed.enter_context(pytest.MonkeyPatch.context())
            Skewed(patch, by)
            began = owners._epoch(owners._proc(child)[1])
            process = (owners.platform.node(), child, began)
            ledger.add_run(run("r", started=time.time(), status="running")._replace(process=process))
            assert [row.status for row in ledger.runs()] == ["running"]
            os.kill(child, 9)
            joined(child)
            child = 0
            assert [row.status for row in ledger.runs()] == ["died"]
    finally:
        if child:
            os.kill(child, 9)
            joined(child)


def test_a_clock_in_a_far_century_does_not_make_a_store_unreadable(folder):
    with pytest.MonkeyPatch.context() as patch:
        Skewed(patch, 300 * YEAR)
        with closing(create(folder).ledger()) as ledger:
            ledger.add(record("a"))
    for index in ("there", "gone"):
        if index == "gone":
            os.remove(folder / "index.sqlite")
        with closing(create(folder).ledger()) as ledger:
            ledger.add(record(index))
            assert len(look_up(ledger, [digest("a"), digest(index)])) == 2
    assert all(
        segments.stamp(entry) < 1 << 62
        for path in (folder / "segments").iterdir()
        for entry, _ in segments.read(str(path))
    )
