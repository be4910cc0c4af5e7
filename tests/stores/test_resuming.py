"""A run that ends anywhere is gone on with by the next one: equal results, and one record a run and node."""

import os
import random
import shutil
import tempfile
from contextlib import closing
from pathlib import Path

import numpy
import pytest

from plait import Pipeline, Seed, step
from plait.stores.local import create, segments
from plait.stores.local.bodies import record_of
from stores import faults
from stores.harness import MEMORY, forked, joined, nightly

pytestmark = pytest.mark.law

GONE = 77


@step
def noise(n: int, seed: Seed) -> numpy.ndarray:
    return numpy.random.default_rng(seed).random(n)


@step
def turned(noise: numpy.ndarray) -> numpy.ndarray:
    return noise[::-1] * 2


@step
def small(noise: numpy.ndarray) -> float:
    return float(noise.sum())


@step
def both(turned: numpy.ndarray, small: float) -> dict[str, float]:
    return {"a": float(turned[0]), "b": small}


PIPELINE = Pipeline("resumed", [noise, turned, small, both])


def once(store, **options):
    run = PIPELINE.run(n=5_000, seed=3, store=store, listeners=[], **options)
    return {name: run.digest(name) for name in PIPELINE.nodes}, run.states


def kept(store):
    """The records in the segments: run and node."""
    entries = [entry for path in Path(store, "segments").glob("*.seg") for entry, _ in segments.read(str(path))]
    records = [
        record_of(segments.body(one)) for one in entries if segments.kind(one) in (segments.RECORD, segments.NEWEST)
    ]
    return [(one.run, one.node) for one in records], {one.key for one in records}


def test_a_run_that_ended_anywhere_resumes_to_the_same_bytes_with_one_record_each():
    resumed, ends = {"nothing": 0, "some": 0, "all": 0}, 0
    random.seed(53)
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        clean, _ = once(Path(folder, "clean"))
        stride = 1 if nightly() else 6
        for number in range(1 + random.randrange(stride), 10_000, stride):
            store = Path(folder, "store")

            def work(store=store, number=number):
                def met(nth, name, real, arguments):
                    if nth == number:
                        os._exit(GONE)
                    return real(*arguments)

                with pytest.MonkeyPatch.context() as patch:
                    faults.Calls(met).between(patch)
                    once(store)

            code = joined(forked(work))
            assert code in (0, GONE)
            if code == 0:
                break
            ends += 1
            digests, states = once(store)
            assert digests == clean
            hits = sum(state == "hit" for state in states.values())
            resumed["all" if hits == len(states) else "some" if hits else "nothing"] += 1
            rows, keys = kept(store)
            assert len(rows) == len(set(rows)), "a run kept two records of a node"
            assert len(keys) == len(PIPELINE.nodes)
            with closing(create(store).ledger()) as ledger:
                assert len(ledger.find(keys)) == len(keys)
                assert {row.status for row in ledger.runs()} <= {"done", "died"}
            assert set(once(store)[1].values()) == {"hit"}
            shutil.rmtree(store)
    print(f"ends: {ends}, and what the next run found: {resumed}, lost: 0, wrong: 0")
    assert ends > 15
    assert all(resumed.values())
