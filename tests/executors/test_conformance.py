"""Every executor passes the public kit, a new one as soon as its file is there."""

import threading
from concurrent.futures import ThreadPoolExecutor

import joblib
import pytest

from plait import plugins
from plait.errors import PlaitError
from plait.testing.executors import CHECKS

SIZED = [name for name in plugins.names("executors") if name not in ("ray", "sequential")]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", SIZED)
def test_executor(name, check):
    check(lambda: plugins.create("executors", name, workers=2))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_sequential(check):
    check(lambda: plugins.create("executors", "sequential"))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_borrowed_pool_of_threads(check):
    with ThreadPoolExecutor(2) as pool:
        check(lambda: plugins.create("executors", "_borrowed", pool=pool, workers=2))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_backend_of_joblib_that_is_configured(check):
    with joblib.parallel_config(backend="threading", n_jobs=2):
        check(lambda: plugins.create("executors", "joblib"))


def test_joblib_runs_as_many_jobs_as_its_configuration_says():
    with joblib.parallel_config(backend="threading", n_jobs=3):
        assert plugins.create("executors", "joblib").workers == 3
        assert plugins.create("executors", "joblib", workers=2).workers == 2


def test_a_single_job_of_joblib_has_a_worker_too():
    with joblib.parallel_config(backend="threading", n_jobs=1):
        executor = plugins.create("executors", "joblib")
        assert executor.submit(threading.get_ident).result(60) != threading.get_ident()
        executor.shutdown()


def test_a_backend_of_joblib_that_waits_for_the_dead_is_refused():
    with joblib.parallel_config(backend="multiprocessing", n_jobs=2):
        with pytest.raises(PlaitError, match="waits forever .* Take 'loky'"):
            plugins.create("executors", "joblib")
