"""Many tiny steps: memory, threads and files do not grow with them."""

import os
import threading

import psutil
import pytest

from plait import Pipeline, step
from stores.harness import nightly

pytestmark = pytest.mark.law


@step
def tiny(n: int) -> int:
    return n


def wide(first, count):
    return Pipeline("wide", [tiny.named(f"t{i}").with_(n=first + i) for i in range(count)])


@pytest.mark.skipif(os.name == "nt", reason="num_fds")
@pytest.mark.parametrize(
    ("executor", "count", "many"),
    [("sequential", 2000, 100_000), ("threads", 2000, 100_000), ("processes", 200, 10_000)],
)
def test_nothing_grows_with_the_number_of_steps(tmp_path, executor, count, many):
    me = psutil.Process()
    steps = many if nightly() else count
    before = range(-10 * count, 0, count) if nightly() else [-count]
    for begin in before:  # what is taken once; each thread has an arena of its own
        assert wide(begin, count).run(store=tmp_path, executor=executor, listeners=[]).ok
    memory, files, threads = me.memory_info().rss, me.num_fds(), threading.active_count()
    for begin in range(1000, 1000 + steps, count):
        assert wide(begin, count).run(store=tmp_path, executor=executor, listeners=[]).ok
    grown = (me.memory_info().rss - memory) / 2**20
    print(f"{executor}: {steps} steps, {grown:+.1f} MB, {me.num_fds() - files:+} files")
    assert grown < 20 and me.num_fds() - files <= 2 and threading.active_count() - threads <= 2
