"""One node made in a process of an audit: what it gives, and what it does besides."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

from plait.core.calling import call
from plait.core.definition import Definition
from plait.core.digest import Digest
from plait.core.records import Artifact
from plait.errors import CodeMismatch, PlaitError
from plait.runtime.naming import Naming, Told
from plait.runtime.traces import Broken, broken
from plait.runtime.worker import received, work


class Seen(NamedTuple):
    """A node that was made, and looked at."""

    artifact: Artifact
    seconds: float
    told: Told  # what a run would warn of
    changed: tuple[str, ...]  # the arguments that are not what they were before the call


def witness(bag: bytes, parcel: bytes, threads: int) -> Seen | Broken:
    """Runs a job as any worker would, and looks at its arguments before and after."""
    changed: list[str] = []

    def looked_on(definition: Definition, arguments: Mapping[str, Any]) -> Any:
        naming = received(bag).naming
        looked_at = [name for name in arguments if name not in definition.ambient]  # a generator is there to be used
        before = {name: _digest(naming, arguments[name]) for name in looked_at}
        with _limited(threads):
            made = _finished(call(definition, arguments))
        changed.extend(name for name in looked_at if _digest(naming, arguments[name]) != before[name])
        return made

    try:
        done = work(bag, parcel, looked_on)
    except CodeMismatch as error:
        return broken(error)
    if isinstance(done, Broken):
        return done
    if done.artifact is None:
        raise PlaitError("a node was made without a name; this is a defect of plait")
    return Seen(done.artifact, done.seconds, done.warnings, tuple(changed))


def _digest(naming: Naming, value: Any) -> Digest | None:
    try:
        return naming.digest(value)
    except Exception:  # a live resource, which has no content to compare
        return None


def _limited(threads: int) -> Any:
    """The environment said it already to libraries that read it; this is for whoever was told otherwise since."""
    return import_module("threadpoolctl").threadpool_limits(threads)


def _finished(made: Any) -> Any:
    """What a step gives; an asynchronous one is awaited here."""
    import inspect

    if not inspect.iscoroutine(made):
        return made
    import asyncio

    return asyncio.run(made)
