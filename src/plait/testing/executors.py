"""What every executor must do, ours or yours: run each of `CHECKS` over a function that starts a new one.

```python
@pytest.mark.parametrize("check", executors.CHECKS, ids=lambda check: check.__name__)
def test_my_executor(check):
    check(lambda: my_executor.create(workers=2))
```

An executor says some facts of itself. The checks take it at its word and prove it: who says that it can kill must
kill, who says that it works in this process must.
"""

import contextlib
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Future, wait
from pathlib import Path
from typing import Any

from plait import Pipeline, Seed, auto, step
from plait.ports import Executor

Open = Callable[[], Executor]
PATIENCE = 60.0  # seconds until a check gives up on a future


@contextlib.contextmanager
def opened(open_executor: Open) -> Iterator[Executor]:
    """An executor, shut down after use as a run does it."""
    executor = open_executor()
    try:
        yield executor
    finally:
        executor.shutdown(True, cancel_futures=True)


def check_it_says_what_it_is(open_executor: Open) -> None:
    with opened(open_executor) as executor:
        assert type(executor.workers) is int, "workers is no whole number"
        assert executor.workers >= 1, "workers is less than one"
        for fact in ("inline", "in_process", "killable", "shares_files"):
            assert type(getattr(executor, fact)) is bool, f"{fact} is neither True nor False"
        assert executor.in_process or not executor.inline, "what is done by the call itself is done in this process"


def check_work_comes_back(open_executor: Open) -> None:
    with opened(open_executor) as executor:
        futures = [executor.submit(pow, 2, n) for n in range(4 * executor.workers + 8)]
        assert [future.result(PATIENCE) for future in futures] == [2**n for n in range(len(futures))]


def check_it_is_where_it_says(open_executor: Open) -> None:
    with opened(open_executor) as executor:
        assert (executor.submit(os.getpid).result(PATIENCE) == os.getpid()) is executor.in_process
        if executor.in_process:
            here = executor.submit(threading.get_ident).result(PATIENCE) == threading.get_ident()
            assert here is executor.inline


def check_an_error_comes_back_as_it_is(open_executor: Open) -> None:
    with opened(open_executor) as executor:
        error = executor.submit(_fails, "why").exception(PATIENCE)
        assert isinstance(error, LookupError), f"LookupError became {error!r}"
        assert error.args == ("why",)
        assert executor.submit(pow, 2, 3).result(PATIENCE) == 8, "no work after an error"


def check_bytes_come_back_as_they_are(open_executor: Open) -> None:
    with opened(open_executor) as executor:
        for content in (b"", bytes(range(256)), os.urandom(3_000_000)):
            assert executor.submit(bytes, content).result(PATIENCE) == content


def check_as_many_as_there_are_workers_work_at_once(open_executor: Open) -> None:
    with opened(open_executor) as executor, tempfile.TemporaryDirectory() as folder:
        if executor.inline:
            return
        futures = [executor.submit(_meet, folder, n, executor.workers) for n in range(executor.workers)]
        assert all(future.result(PATIENCE) for future in futures), "the workers never worked at once"


def check_futures_can_be_waited_for(open_executor: Open) -> None:
    with opened(open_executor) as executor:
        futures = {executor.submit(pow, 2, n) for n in range(4)}
        assert all(isinstance(future, Future) for future in futures), "not a concurrent.futures.Future"
        assert not wait(futures, PATIENCE).not_done


def check_what_runs_can_be_killed(open_executor: Open) -> None:
    with opened(open_executor) as executor, tempfile.TemporaryDirectory() as folder:
        if not executor.killable:
            return
        started = Path(folder, "started")
        future = executor.submit(_sleep, str(started))
        _until(started.exists, "the work never began")
        process = int(started.read_text())
        executor.kill(future)
        with contextlib.suppress(CancelledError):
            assert future.exception(PATIENCE) is not None, "killed work came back"
        _until(lambda: not _sleeps(process), f"process {process} goes on with what was killed")
        assert executor.submit(pow, 2, 3).result(PATIENCE) == 8, "no work after a kill"


def check_who_cannot_kill_says_so(open_executor: Open) -> None:
    with opened(open_executor) as executor:
        if executor.killable:
            return
        future = executor.submit(pow, 2, 3)
        try:
            executor.kill(future)
        except RuntimeError:
            return
        raise AssertionError("kill did nothing, and said nothing")


def check_a_dead_worker_takes_nobody_with_it(open_executor: Open) -> None:
    with opened(open_executor) as executor:
        if executor.in_process:
            return
        before = [executor.submit(pow, 2, n) for n in range(executor.workers)]
        assert [future.result(PATIENCE) for future in before] == [2**n for n in range(executor.workers)]
        dead = executor.submit(os._exit, 3)
        error = dead.exception(PATIENCE)
        assert isinstance(error, BrokenExecutor), f"a worker died, and what is said is {error!r}, no BrokenExecutor"
        after = [executor.submit(pow, 2, n) for n in range(2 * executor.workers)]
        assert [future.result(PATIENCE) for future in after] == [2**n for n in range(2 * executor.workers)]


def check_it_can_be_shut_down_twice(open_executor: Open) -> None:
    with opened(open_executor) as executor:
        executor.submit(pow, 2, 3).result(PATIENCE)
        executor.shutdown(True, cancel_futures=True)


def check_nothing_is_left_after_it(open_executor: Open) -> None:
    with tempfile.TemporaryDirectory() as folder:
        started = Path(folder, "started")
        with opened(open_executor) as executor:
            if not executor.killable or executor.in_process:
                return
            executor.submit(_sleep, str(started))
            _until(started.exists, "the work never began")
        process = int(started.read_text())
        _until(lambda: not _sleeps(process), f"process {process} is left after the shutdown")


def check_a_pipeline_gives_the_same_bits(open_executor: Open) -> None:
    pipeline = Pipeline("conformance", [noise, doubled, total])
    with tempfile.TemporaryDirectory() as here, tempfile.TemporaryDirectory() as there, opened(open_executor) as pool:
        expected = pipeline.run(n=50_000, seed=7, store=here, listeners=[])
        run = pipeline.run(n=50_000, seed=7, store=there, listeners=[], executor=pool)
        assert [run.digest(node) for node in pipeline.nodes] == [expected.digest(node) for node in pipeline.nodes]
        again = pipeline.run(n=50_000, seed=7, store=there, listeners=[], executor=pool)
        assert set(again.states.values()) == {"hit"}, f"a second run did work again: {again.states}"


@step
def noise(n: int, seed: Seed = auto) -> bytes:
    """Some bytes, enough of them for a blob."""
    import random

    return random.Random(seed).randbytes(n)  # noqa: S311 - not for secrets


@step
def doubled(noise: bytes) -> bytes:
    """Twice as many."""
    return noise + noise


@step
def total(doubled: bytes) -> int:
    """One number of them all."""
    return sum(doubled)


def _fails(why: str) -> None:
    raise LookupError(why)


def _meet(folder: str, place: int, guests: int) -> bool:
    """Comes, and waits until all have come."""
    Path(folder, str(place)).touch()
    end = time.monotonic() + PATIENCE / 2
    while time.monotonic() < end:
        if len(list(Path(folder).iterdir())) >= guests:
            return True
        time.sleep(0.01)
    return False


def _sleep(started: str) -> None:
    """Says which process this is, and sleeps."""
    unfinished = Path(f"{started}.tmp")
    unfinished.write_text(str(os.getpid()))
    unfinished.rename(started)
    time.sleep(10 * PATIENCE)


def _sleeps(process: int) -> bool:
    try:
        os.kill(process, 0)
    except OSError:
        return False
    stat = Path(f"/proc/{process}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"  # a zombie is dead


def _until(true: Callable[[], Any], otherwise: str) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, otherwise
        time.sleep(0.02)


CHECKS = tuple(check for name, check in sorted(globals().items()) if name.startswith("check_"))
