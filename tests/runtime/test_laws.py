"""A graph gives the same bits with any cache, with any part of it gone, after any failure.

For executors: see test_laws_of_executors.
"""

import os
import random
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graphs import drawn, plainly
from plait import Pipeline

pytestmark = pytest.mark.law
EXAMPLES = int(os.environ.get("PLAIT_EXAMPLES", "40"))
LAWS = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture
def folder():
    with tempfile.TemporaryDirectory() as path:
        yield Path(path)


def digests(run, pipeline):
    return {node: run.digest(node) for node in pipeline.nodes}


def same(a, b):
    if isinstance(a, pd.DataFrame):
        pd.testing.assert_frame_equal(a, b, check_exact=True)
    elif isinstance(a, tuple):
        for x, y in zip(a, b, strict=True):
            np.testing.assert_array_equal(x, y)
    else:
        np.testing.assert_array_equal(a, b)


@LAWS
@given(drawn, st.integers(0, 2**31))
def test_a_run_gives_what_plain_calls_give(graph, seed):
    pipeline = graph.pipeline()
    expected = plainly(pipeline, seed)
    run = pipeline.run(seed=seed, store=None, listeners=[])
    for node, value in expected.items():
        same(value, run[node])


@LAWS
@given(drawn, st.integers(0, 5))
def test_cold_warm_and_no_cache_are_equal(graph, seed):
    with tempfile.TemporaryDirectory() as store:
        pipeline = graph.pipeline()
        cold = pipeline.run(seed=seed, store=store, listeners=[])
        warm = pipeline.run(seed=seed, store=store, listeners=[])
        none = pipeline.run(seed=seed, store=None, listeners=[])
        assert set(warm.states.values()) == {"hit"}
        assert digests(cold, pipeline) == digests(warm, pipeline) == digests(none, pipeline)
        for node in pipeline.nodes:
            same(cold[node], none[node])
            same(warm[node], none[node])


@LAWS
@given(drawn, st.integers(0, 5), st.randoms(use_true_random=False))
def test_a_half_warm_cache_gives_the_same(graph, seed, rng):
    with tempfile.TemporaryDirectory() as store:
        pipeline = graph.pipeline()
        pipeline.run(rng.choice(pipeline.nodes), seed=seed, store=store, listeners=[])
        half = pipeline.run(seed=seed, store=store, listeners=[])
        assert digests(half, pipeline) == digests(pipeline.run(seed=seed, store=None, listeners=[]), pipeline)


@LAWS
@given(drawn, st.integers(0, 5), st.randoms(use_true_random=False), st.sampled_from(["sequential", "threads"]))
def test_lost_and_damaged_blobs_are_made_again(graph, seed, rng, executor):
    """Values here are small, so they ride in records unless the limit is lowered: then every one is a blob."""
    import plait.runtime.vault as vault

    before, vault.INLINE = vault.INLINE, 0
    try:
        with tempfile.TemporaryDirectory() as store:
            pipeline = graph.pipeline()
            cold = pipeline.run(seed=seed, store=store, listeners=[])
            expected = _look(cold[pipeline.nodes[-1]])
            blobs = [path for path in Path(store, "blobs").rglob("*") if path.is_file()]
            assert blobs
            hurt = rng.sample(sorted(blobs), k=rng.randint(1, len(blobs)))
            for path in hurt:
                path.chmod(0o600)
                path.unlink() if rng.random() < 0.5 else path.write_bytes(path.read_bytes()[:-1] + b"?")
            target = pipeline.nodes[-1]
            other = Pipeline("again", [*pipeline.steps.values(), _reads(target, pipeline)])
            healed = other.run(seed=seed, store=store, executor=executor, listeners=[])
            assert {n: healed.digest(n) for n in pipeline.nodes} == digests(cold, pipeline)
            assert healed["looked"] == expected
    finally:
        vault.INLINE = before


def _look(value):
    return repr(value)[:200]


def _reads(target, pipeline):
    from plait import step

    return step(lambda value: _look(value), name="looked").bind(value=target)


@LAWS
@given(drawn, st.integers(0, 5))
def test_another_seed_re_runs_only_what_draws_from_it(graph, seed):
    with tempfile.TemporaryDirectory() as store:
        pipeline = graph.pipeline()
        pipeline.run(seed=seed, store=store, listeners=[])
        other = pipeline.run(seed=seed + 1, store=store, listeners=[])
        drawing = {n for n in pipeline.nodes if n.startswith("noise")}
        touched = drawing.union(*(pipeline.graph.descendants(n) for n in drawing)) if drawing else set()
        assert {n for n, state in other.states.items() if state == "run"} <= touched


@settings(LAWS, max_examples=EXAMPLES // 2)
@given(drawn, st.integers(0, 5), st.randoms(use_true_random=False))
def test_after_a_failure_anywhere_a_second_run_finishes_and_equals_a_full_one(graph, seed, rng):
    from plait import NodeFailed, step

    pipeline = graph.pipeline()
    victim = rng.choice(pipeline.nodes)
    with tempfile.TemporaryDirectory() as store:
        flag = Path(store, "flag")

        def guard(value):
            if flag.exists():
                raise OSError("the fault fired")
            return repr(value)[:50]

        flag.touch()
        guarded = Pipeline(
            "guarded", [*pipeline.steps.values(), step(guard, name="guard", cache=False).bind(value=victim)]
        )
        with pytest.raises(NodeFailed, match="the fault fired"):
            guarded.run(seed=seed, store=store, listeners=[])
        flag.unlink()
        second = guarded.run(seed=seed, store=store, listeners=[])
        assert second.ok
        assert digests(second, pipeline) == digests(pipeline.run(seed=seed, store=None, listeners=[]), pipeline)


def test_the_order_of_the_list_changes_nothing(folder):
    from graphs import Drawn

    graph = Drawn((("noise", (0, 0)), ("halves", (1, 0)), ("joined", (2, 3)), ("frame", (1, 2))))
    steps = list(graph.pipeline().steps.values())
    expected = digests(Pipeline("p", steps).run(store=None, listeners=[]), Pipeline("p", steps))
    for seed in range(5):
        random.Random(seed).shuffle(steps)
        shuffled = Pipeline("p", steps)
        assert digests(shuffled.run(store=folder, listeners=[]), shuffled) == expected
    shutil.rmtree(folder / "segments")
