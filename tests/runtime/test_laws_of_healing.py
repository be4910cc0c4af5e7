"""Blobs are lost at any moment, and some steps give another value each time: every record says what was really computed.

Each call of a step writes down what it was given and what it gave. A record that is not among these holds a value
under a key that it was not made of: the worst that a store can do.
"""

import os
import random
import tempfile
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import plait.runtime.vault as vault
from plait import Pipeline, step
from plait.core.graph import Graph
from plait.errors import NodeFailed
from plait.opening import temporary, vault_of
from plait.stores.local import create

pytestmark = pytest.mark.law
EXAMPLES = int(os.environ.get("PLAIT_EXAMPLES", "20"))
LAWS = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))

digest = vault_of(temporary(), Graph("none", {}, {}, {}, None), strict=False).naming.digest
called: set[tuple[object, ...]] = set()


def noted(name: str, out, **given):
    called.add((name, tuple(sorted((key, digest(value)) for key, value in given.items())), digest(out)))
    return out


def chance() -> np.ndarray:
    return np.frombuffer(os.urandom(64), np.uint64).astype(float)


def nap() -> None:
    time.sleep(os.urandom(1)[0] * 1e-5)


@step(ignore=[chance, nap])
def drawn(n: int) -> np.ndarray:
    nap()
    return chance()


@step(ignore=[noted, nap])
def turned(a: np.ndarray) -> np.ndarray:
    nap()
    return noted("turned", -a, a=a)


@step(ignore=[noted, chance, nap])
def shaken(a: np.ndarray) -> np.ndarray:
    nap()
    return noted("shaken", a + chance(), a=a)


@step(ignore=[noted, nap])
def between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    nap()
    return noted("between", a - b, a=a, b=b)


@step(ignore=[noted, nap])
def product(a: np.ndarray, b: np.ndarray) -> float:
    nap()
    return noted("product", float((a * b).sum()), a=a, b=b)


KINDS = {"turned": turned, "shaken": shaken, "between": between, "product": product}


def graph(rng: random.Random) -> Pipeline:
    steps, arrays = [drawn.named("d0").bind(n="n"), drawn.named("d1").bind(n="n")], ["d0", "d1"]
    for i in range(rng.randint(3, 10)):
        kind = rng.choice(["turned", "shaken", "between", "between", "product"])
        inputs = (
            {"a": rng.choice(arrays)} if kind in ("turned", "shaken") else dict(zip("ab", rng.choices(arrays, k=2)))
        )
        steps.append(KINDS[kind].named(f"{kind}_{i}").bind(**inputs))
        arrays += [] if kind == "product" else [f"{kind}_{i}"]
    return Pipeline("p", steps)


def lose_some(rng: random.Random, store: Path) -> None:
    for path in list((store / "blobs").rglob("*")):
        if path.is_file() and rng.random() < 0.5:
            path.unlink(missing_ok=True)


@LAWS
@given(st.integers(0, 2**32), st.sampled_from(["sequential", "threads"]), st.sampled_from(["fast", "keep-going"]))
def test_every_record_says_what_was_computed_whatever_is_lost_meanwhile(seed, executor, fail):
    rng, before = random.Random(seed), vault.INLINE
    called.clear()
    vault.INLINE = 0  # every value is a blob
    try:
        with tempfile.TemporaryDirectory() as folder:
            store, pipe = Path(folder), graph(rng)
            pipe.run(*rng.sample(pipe.nodes, k=rng.randint(1, len(pipe.nodes))), n=1, store=store, listeners=[])
            for _ in range(2):
                lose_some(rng, store)
                _healed(pipe, rng, store, executor, fail)
            with closing(create(store).ledger()) as ledger:
                records = [record for kind in KINDS for record in ledger.earlier(f"{__name__}:{kind}", 1000)]
            assert {(record.step.partition(":")[2], tuple(sorted(record.inputs)), record.artifact.digest)
                    for record in records} <= called  # fmt: skip
    finally:
        vault.INLINE = before


def _healed(pipe: Pipeline, rng: random.Random, store: Path, executor: str, fail: str) -> None:
    def lose(event) -> None:
        if rng.random() < 0.25:
            lose_some(rng, store)

    try:
        run = pipe.run(n=1, store=store, executor=executor, fail=fail, listeners=[lose])
    except NodeFailed as failed:
        assert "even after they were made again" in str(failed)  # what is lost twice in a run is an error
    else:
        assert set(pipe.nodes) == run.states.keys()
