"""Every executor passes the public kit, a new one as soon as its file is there."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from plait import plugins
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
