"""Ray passes the public kit too; it takes seconds to start, so one is started for all."""

import pytest

from plait import Pipeline, plugins
from plait.testing.executors import CHECKS, doubled, noise, total

ray = pytest.importorskip("ray")


@pytest.fixture(scope="module", autouse=True)
def started():
    import os

    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error")
    yield
    ray.shutdown()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_ray(check):
    check(lambda: plugins.create("executors", "ray", workers=2))


def test_by_its_name(tmp_path):
    pipeline = Pipeline("p", [noise, doubled, total])
    run = pipeline.run(n=50_000, store=tmp_path, listeners=[], executor="ray")
    assert run.digest("total") == pipeline.run(n=50_000, store=None, listeners=[]).digest("total")
