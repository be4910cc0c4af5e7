"""Any executor, any number of workers, any order of work, any cache, after a crash: the same digests and failures.

Random graphs with maps, switches, attempts and failures. Each is run one after the other without a store first, and
then in every other way. The faults and ways that were met are counted, so that none of them can be left out.
"""

import multiprocessing
import os
import random
import signal
import tempfile
import threading
import time
import warnings
from collections import Counter
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calls import failing
from graphs import Drawn, drawn
from plait import Pipeline
from plait.runtime.events import Cached, Failed, Finished
from stores.harness import MEMORY, forked, joined

pytestmark = [pytest.mark.law, pytest.mark.skipif(os.name == "nt", reason="fork and signals")]
EXAMPLES = int(os.environ.get("PLAIT_EXAMPLES", "100"))
LAWS = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
graphs = st.one_of(failing, failing, drawn)
sizes, seeds, chances = st.integers(0, 7), st.integers(0, 5), st.integers(0, 2**20)
CACHES = ["off", "cold", "warm", "half-warm", "killed"]
POOLS = ["fork", "spawn", "forkserver"]


class AnyOrder(ThreadPoolExecutor):
    """Threads that take any of the jobs that wait, and do not hurry."""

    def __init__(self, workers, chance):
        super().__init__(workers)
        self.jobs, self.lock, self.rng = [], threading.Lock(), random.Random(chance)

    def submit(self, fn, /, *args):
        future = Future()
        with self.lock:
            self.jobs.append((future, fn, args))
        super().submit(self.one)
        return future

    def one(self):
        time.sleep(self.rng.choice([0, 0, 0.001]))
        with self.lock:
            future, fn, args = self.jobs.pop(self.rng.randrange(len(self.jobs)))
        try:
            future.set_result(fn(*args))
        except BaseException as error:
            future.set_exception(error)


@pytest.fixture(scope="module")
def pools():
    """Two processes of each kind, started before anything else is."""
    made = {kind: ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(kind)) for kind in POOLS}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is forked beside threads of the test runner
        for pool in made.values():
            assert list(pool.map(pow, [2] * 4, range(4))) == [1, 2, 4, 8]
    yield made
    for pool in made.values():
        pool.shutdown()


@pytest.fixture(scope="module")
def dask(pools):
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", silence_logs=50
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def ray(pools):
    found = pytest.importorskip("ray")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    found.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error")
    yield "ray"
    found.shutdown()


def ran(pipe, targets=(), **options):
    return pipe.run(*targets, listeners=[], fail="keep-going", **{"store": None, **options})


def outcome(run):
    """All that there is to compare: digests of what was made, what failed and why, and what was skipped."""
    digests = {name: run.digest(name) for name, state in run.states.items() if state not in ("failed", "skipped")}
    failures = {failure.node: f"{type(failure.error).__name__}: {failure.error}" for failure in run.failures}
    return digests, failures, {name for name, state in run.states.items() if state == "skipped"}


def killed(pipe, number, executor, **options):
    """Is the run killed by a real signal, after so many of its nodes? If it has so many."""
    seen = []

    def listener(event):
        seen.append(isinstance(event, Finished | Cached | Failed))
        if sum(seen) >= number:
            os.kill(os.getpid(), signal.SIGKILL)

    def work():
        pipe.run(listeners=[listener], fail="keep-going", executor=executor, **options)

    code = joined(forked(work))
    assert code in (0, -signal.SIGKILL)
    return code != 0


def prepared(cache, pipe, rng, made, store, **options):
    """Brings a store into the state that is wanted, and says what was done."""
    match cache:
        case "off":
            return {"store": None}, cache
        case "warm":
            ran(pipe, store=store, **options)
        case "half-warm" if made:
            ran(pipe, rng.sample(made, k=min(rng.randint(1, 3), len(made))), store=store, **options)
        case "killed":
            number, executor = rng.randint(0, 20), rng.choice(["sequential", "threads"])
            cache = "killed" if killed(pipe, number, executor, store=store, **options) else "warm"
        case _:
            cache = "cold"
    return {"store": store}, cache


def the_same(graph, rng, met, ways, **options):
    """Runs a graph in each of the ways, with some cache, and compares with a plain run of it."""
    pipe = graph.pipeline()
    expected = outcome(ran(pipe, **options))
    met["graphs"] += 1
    met["nodes"] += sum(map(len, expected[:1]))
    met["failures"] += bool(expected[1])
    met["skipped"] += bool(expected[2])
    made = list(expected[0])
    for name, way in ways.items():
        other = graph.pipeline()
        if isinstance(graph, Drawn):
            steps = list(other.steps.values())
            rng.shuffle(steps)
            other = Pipeline(other.name, steps)
        with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
            where, cache = prepared(rng.choice(CACHES), other, rng, made, folder, **options)
            assert outcome(ran(other, **where, **way, **options)) == expected, (name, way, cache)
        met[name] += 1
        met[f"cache {cache}"] += 1


def said(met):
    print("; ".join(f"{name} {count}" for name, count in sorted(met.items())), "; different 0", sep="")


def test_every_executor_gives_the_same(pools):
    met = Counter()

    @LAWS
    @given(graphs, sizes, seeds, chances)
    def law(graph, n, seed, chance):
        rng = random.Random(chance)
        kind = rng.choice(POOLS)
        with AnyOrder(rng.randint(1, 3), chance) as disordered:
            ways = {
                "sequential": {},
                "threads": {"executor": "threads", "workers": rng.randint(1, 8)},
                "any order": {"executor": disordered, "workers": rng.randint(2, 8)},
                "processes": {"executor": "processes", "workers": rng.randint(1, 2)},
                kind: {"executor": pools[kind], "workers": rng.randint(1, 8)},
            }
            the_same(graph, rng, met, ways, n=n, seed=seed)

    law()
    said(met)
    assert met["graphs"] >= EXAMPLES
    for needed in ("failures", "skipped", *POOLS, *(f"cache {cache}" for cache in CACHES)):
        assert met[needed] > 0, f"{needed}: never met"


@settings(LAWS, max_examples=max(EXAMPLES // 20, 3))
@given(graphs, sizes, seeds, st.integers(3, 8), chances)
def test_any_number_of_processes_gives_the_same(graph, n, seed, workers, chance):
    ways = {"processes": {"executor": "processes", "workers": workers}}
    the_same(graph, random.Random(chance), Counter(), ways, n=n, seed=seed)


def test_dask_gives_the_same(dask):
    met = Counter()

    @settings(LAWS, max_examples=max(EXAMPLES // 3, 1))
    @given(graphs, sizes, seeds, chances)
    def law(graph, n, seed, chance):
        the_same(graph, random.Random(chance), met, {"dask": {"executor": dask}}, n=n, seed=seed)

    law()
    said(met)


@pytest.mark.long
def test_ray_gives_the_same(ray):
    met = Counter()

    @settings(LAWS, max_examples=max(EXAMPLES // 5, 1))
    @given(graphs, sizes, seeds, chances)
    def law(graph, n, seed, chance):
        the_same(graph, random.Random(chance), met, {"ray": {"executor": ray}}, n=n, seed=seed)

    law()
    said(met)


@settings(LAWS, max_examples=max(EXAMPLES // 20, 3))
@given(graphs, sizes, seeds)
def test_a_run_that_was_killed_after_any_of_its_nodes_resumes_to_the_same(graph, n, seed):
    pipe = graph.pipeline()
    expected = outcome(ran(pipe, n=n, seed=seed))
    kills = 0
    for number in range(1, len(expected[0]) + len(expected[1]) + 1):
        with tempfile.TemporaryDirectory(dir=MEMORY) as store:
            kills += killed(pipe, number, "sequential", store=store, n=n, seed=seed)
            assert outcome(ran(pipe, n=n, seed=seed, store=store)) == expected, number
    assert kills >= len(expected[0])
