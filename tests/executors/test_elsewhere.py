"""Clusters: a client, an address, or one of our own; with dead workers, foreign code and stores they cannot see."""

import os
import subprocess
import sys

import joblib
import numpy as np
import pytest

from plait import ParameterError, Pipeline, Seed, auto, step

distributed = pytest.importorskip("distributed")


@step
def noise(n: int, seed: Seed = auto) -> np.ndarray:
    return np.random.default_rng(seed).random(n)


@step
def where(noise: np.ndarray) -> int:
    return os.getpid()


@step
def total(noise: np.ndarray) -> float:
    return float(noise.sum())


PIPELINE = Pipeline("p", [noise, where, total])


@pytest.fixture(scope="module")
def cluster():
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50) as made:
        yield made


def test_a_client_is_borrowed_and_left_open(cluster, tmp_path):
    with distributed.Client(cluster, set_as_default=False) as client:
        run = PIPELINE.run(n=50_000, store=tmp_path, listeners=[], executor=client)
        assert run["where"] != os.getpid()
        assert run["total"] == PIPELINE.run(n=50_000, store=None, listeners=[])["total"]
        assert client.submit(pow, 2, 3).result() == 8


def test_a_scheduler_is_reached_by_its_address(cluster, tmp_path):
    run = PIPELINE.run(n=10, store=tmp_path, listeners=[], executor=cluster.scheduler_address)
    assert run["where"] != os.getpid()


def test_an_address_that_nobody_has_is_said_with_those_that_there_are():
    with pytest.raises(
        ParameterError, match=r"no executor has such an address; known are ray:// \(ray\), tcp:// \(dask\)"
    ):
        PIPELINE.run(n=1, store=None, executor="nonsense://x")


def test_a_pool_of_the_clients_own_will_do_too(cluster, tmp_path):
    with distributed.Client(cluster, set_as_default=False) as client:
        run = PIPELINE.run(n=10, store=tmp_path, listeners=[], executor=client.get_executor(pure=False), workers=2)
        assert run["where"] != os.getpid()


def test_dask_is_a_backend_of_joblib_too(cluster, tmp_path):
    @step
    def fails(noise: np.ndarray) -> int:
        raise LookupError("not there")

    with distributed.Client(cluster):
        with joblib.parallel_config(backend="dask"):
            pipeline = Pipeline("p", [noise, where, total, fails])
            run = pipeline.run(n=10, store=tmp_path, listeners=[], executor="joblib", fail="keep-going")
    assert run["where"] != os.getpid()
    assert "LookupError" in str(run.failures[0]), "an error comes back too"


def test_interrupts_of_the_terminal_do_not_reach_workers_from_their_start():
    """A worker that is just being started would die of Ctrl-C, and with it what the user may want to finish."""
    script = """
        import os, signal, sys, time
        from plait.executors import processes
        signal.signal(signal.SIGINT, lambda *_: None)
        pool = processes.create(workers=2)
        futures = [pool.submit(pow, 2, n) for n in range(2)]
        for _ in range(40):
            os.killpg(os.getpgrp(), signal.SIGINT)
            time.sleep(0.01)
        print([future.result(30) for future in futures], pool.submit(pow, 2, 3).result(30))
        pool.shutdown(True, cancel_futures=True)
    """
    import textwrap

    found = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=240,
        start_new_session=True,
    )
    assert found.stdout.strip() == "[1, 2] 8", found.stderr


def test_a_worker_that_does_not_see_the_store_says_so_and_what_to_do(cluster, tmp_path):
    """As on another machine: the folder is not there."""
    script = f"""
        import distributed, shutil, sys
        from plait import NodeFailed, Pipeline, plugins, step
        from plait.runtime import worker

        @step
        def one() -> int:
            return 1

        def elsewhere(vault, **options):
            bag = luggage(vault, **options)
            shutil.rmtree({str(tmp_path / "store" / "blobs")!r})  # after it was put, before anybody looks
            return bag

        luggage, worker.luggage = worker.luggage, elsewhere
        from plait.runtime import sites
        sites.luggage = elsewhere
        with distributed.Client({cluster.scheduler_address!r}, set_as_default=False) as client:
            try:
                Pipeline("p", [one]).run(store={str(tmp_path / "store")!r}, executor=client, listeners=[])
            except NodeFailed as failure:
                print(failure)
    """
    import textwrap

    found = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=240)
    assert "does not see the store of this run. Give one that all machines see" in found.stdout, found.stderr


def test_a_worker_of_another_python_refuses_the_work(monkeypatch):
    from plait.errors import CodeMismatch
    from plait.opening import temporary, vault_of
    from plait.runtime import worker

    bag = worker.luggage(vault_of(temporary(), PIPELINE.graph, strict=False))
    monkeypatch.setattr(worker, "surroundings", lambda: ("cpython", "3.99", "linux", "x86_64"))
    with pytest.raises(CodeMismatch, match=r"is cpython 3.99 linux x86_64, and the run is cpython 3.1\d"):
        worker.received(bag)
