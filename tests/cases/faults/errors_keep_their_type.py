"""An error that cannot be pickled, or not unpickled, keeps its type under processes: it is tried again, and can be caught."""

import urllib.error
from pathlib import Path

from plait import NodeFailed, Pipeline, Retry, step


class Busy(Exception): ...


class Two(Exception):
    def __init__(self, code, reason):
        super().__init__(f"{code}: {reason}")
        self.code, self.reason = code, reason


def turn(name):  # counts calls over processes
    n = len(list(Path(".").glob(name + "-*")))
    Path(f"{name}-{n}").touch()
    return n


@step(retry=Retry(on=Busy, wait="1ms"), cache=False)
def own(tag: str) -> int:
    if (n := turn("own" + tag)) < 2:
        raise Busy("b")
    return n


@step(retry=Retry(on=OSError, wait="1ms"), cache=False)
def http(tag: str) -> int:
    if (n := turn("http" + tag)) < 2:
        raise urllib.error.HTTPError("u", 503, "busy", None, None)
    return n


@step
def two(tag: str) -> int:
    raise Two(7, "seven")


for executor in ("sequential", "threads", "processes"):
    for s in (own, http):
        run = Pipeline("p", [s]).run(tag=executor, executor=executor, store=None, listeners=[])
        print(executor, s.name, run.result)
    run = Pipeline("p", [two]).run(tag=executor, executor=executor, store=None, fail="keep-going", listeners=[])
    error = run.failures[0].error
    print(executor, type(error) is Two, error.code, error.reason)
    try:
        Pipeline("p", [two]).run(tag=executor, executor=executor, store=None, listeners=[])
    except NodeFailed as failed:
        print(executor, type(failed.__cause__) is Two)
