"""Maps, switches and attempts give the same bits by plain calls and with any cache.

For executors: see test_laws_of_executors.
"""

import os
import random
import tempfile

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from calls import called
from plait.runtime import results

pytestmark = pytest.mark.law
EXAMPLES = int(os.environ.get("PLAIT_EXAMPLES", "20"))
LAWS = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
sizes = st.integers(0, 7)


def quiet(pipe, **options):
    return pipe.run(listeners=[], **{"store": None, **options})


def digests(run):
    return {name: run.digest(name) for name, state in run.states.items() if state not in ("failed", "skipped")}


def same(a, b):
    assert len(a) == len(b)
    for x, y in zip(a, b, strict=True):
        np.testing.assert_array_equal(x, y)


@LAWS
@given(called, sizes)
def test_a_run_gives_what_plain_calls_give(graph, n):
    assume(all(kind != "attempt" for kind, *_ in graph.nodes))  # plain calls raise
    pipe = graph.pipeline(seeded=False)
    same(quiet(pipe, n=n).result, pipe(n))


@LAWS
@given(called, sizes, st.integers(0, 5))
def test_cold_warm_and_no_cache_are_equal(graph, n, seed):
    pipe = graph.pipeline()
    with tempfile.TemporaryDirectory() as store:
        cold = quiet(pipe, n=n, seed=seed, store=store)
        warm = quiet(pipe, n=n, seed=seed, store=store)
        none = quiet(pipe, n=n, seed=seed)
        assert set(warm.states.values()) <= {"hit", "failed", "skipped"}
        assert digests(cold) == digests(warm) == digests(none) and cold.states.keys() == none.states.keys()
        same(cold.result, none.result)
        same(warm.result, none.result)


@LAWS
@given(called, sizes, st.integers(0, 5))
def test_nodes_that_are_looked_up_together_have_the_keys_that_each_has_alone(graph, n, seed):
    pipe = graph.pipeline()
    with tempfile.TemporaryDirectory() as store:
        alone = quiet(pipe, n=n, seed=seed, store=store)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(results, "_MANY", 1)
            together = quiet(pipe, n=n, seed=seed, store=store)
        assert set(together.states.values()) <= {"hit", "failed", "skipped"}
        assert together._state.keys == alone._state.keys


@LAWS
@given(called, sizes, st.integers(0, 5), st.randoms(use_true_random=False))
def test_a_half_warm_cache_gives_the_same(graph, n, seed, rng):
    pipe = graph.pipeline()
    whole = quiet(pipe, n=n, seed=seed)
    some = [name for name, state in whole.states.items() if state == "run"]
    with tempfile.TemporaryDirectory() as store:
        quiet(pipe, n=n, seed=seed, store=store)
        pipe.run(*rng.sample(some, k=min(3, len(some))), n=n, seed=seed, store=store, listeners=[])
    with tempfile.TemporaryDirectory() as store:
        pipe.run(*rng.sample(some, k=min(3, len(some))), n=n, seed=seed, store=store, listeners=[])
        assert digests(quiet(pipe, n=n, seed=seed, store=store)) == digests(whole)


@LAWS
@given(called, sizes, st.integers(0, 5))
def test_a_plan_foresees_a_warm_run_wholly(graph, n, seed):
    pipe = graph.pipeline()
    with tempfile.TemporaryDirectory() as store:
        cold = quiet(pipe, n=n, seed=seed, store=store)
        assume(not cold.failures)
        plan = pipe.plan(n=n, seed=seed, store=store)
        assert set(plan["hit"]) == {name for name, state in cold.states.items() if state in ("run", "hit")}
        if pipe.graph.folded:
            assert plan["hit"] == [name for name in cold.states if name in plan["hit"]]  # and in the same order
        assert plan["run"] == plan["wait"] == []


@LAWS
@given(called, sizes, st.integers(0, 5))
def test_a_larger_input_runs_only_what_is_new(graph, n, seed):
    """The first rows of a list stay what they are: their chains are hits, whatever was added after them."""
    pipe = graph.pipeline()
    with tempfile.TemporaryDirectory() as store:
        first = quiet(pipe, n=n, seed=seed, store=store)
        more = quiet(pipe, n=n + 1, seed=seed, store=store)
        again = quiet(pipe, n=n, seed=seed, store=store)
        assert digests(first) == digests(again)
        assert all(state in ("hit", "failed", "skipped") for state in again.states.values())
        assert more.ok


@LAWS
@given(called, sizes, st.integers(0, 5), st.integers(0, 2**20), st.sampled_from(["sequential", "threads"]))
def test_lost_and_damaged_blobs_are_made_again(graph, n, seed, chance, executor):
    import plait.runtime.vault as vault

    rng = random.Random(chance)
    pipe = graph.pipeline()
    before, vault.INLINE = vault.INLINE, 0
    try:
        with tempfile.TemporaryDirectory() as store:
            cold = quiet(pipe, n=n, seed=seed, store=store)
            expected = [np.array(value) for value in cold.result]
            blobs = sorted(
                os.path.join(folder, name) for folder, _, names in os.walk(f"{store}/blobs") for name in names
            )
            for path in rng.sample(blobs, k=rng.randint(0, len(blobs))):
                os.chmod(path, 0o600)
                os.unlink(path)
            healed = quiet(pipe, n=n, seed=seed, store=store, executor=executor)
            same(healed.result, expected)
            assert digests(healed) == digests(cold)
    finally:
        vault.INLINE = before
