"""One node's work: its arguments, the call, the result made canonical and kept. The same wherever it runs."""

import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from plait.core.calling import call, check_result
from plait.core.containers import IMMUTABLE
from plait.core.digest import Digest, Key
from plait.core.graph import Node
from plait.core.matching import fits
from plait.core.records import Artifact
from plait.core.sources import Output, outputs
from plait.errors import CodeMismatch, PlaitError, UndeclaredRead
from plait.runtime.naming import Told, collecting, warn_once
from plait.runtime.reads import Watch, undeclared
from plait.runtime.resolve import Ambients, Surface, argument
from plait.runtime.traces import Broken, broken
from plait.runtime.vault import Vault


class Done(NamedTuple):
    """What came of a node's work; where nothing is kept, there is no artifact."""

    artifact: Artifact | None
    value: Any  # canonical
    seconds: float
    warnings: Told = ()  # that are to be given where the user sees them


class Job(NamedTuple):
    """A node's work as it is sent to another process: artifacts, not values."""

    node: Node
    key: Key
    code: Digest | None  # None: the function itself travels, so that its code is the one that was planned
    artifacts: Mapping[str, tuple[Artifact, type]]
    surface: Surface
    read: bool


def perform(
    node: Node, key: Key | None, vault: Vault, surface: Surface, output: Callable[[Output], Any], *, read: bool
) -> Done:
    """Runs a node; `output` gives what other nodes made, `read` says whether another one reads this.

    What the step raises goes on as it is, so that its own frames come first.
    """
    definition, ambients = node.definition, Ambients(surface, node.name, vault)
    try:
        arguments: dict[str, Any] = {}
        for name, source in node.inputs:
            if type(source) is Output and type(value := output(source)) in IMMUTABLE:
                arguments[name] = value
            else:
                arguments[name] = argument(source, surface, vault, output, ambients)
        if key is None and not vault.naming.strict:  # nothing can be kept that is not true
            begun = time.perf_counter()
            value = call(definition, arguments)
            seconds = time.perf_counter() - begun
        else:
            value, seconds = _watched(node, vault, arguments)
        check_result(definition, value)
        if value is None and read and fits(type(None), definition.returns) is not True:
            _check_in_place(node, vault, arguments, surface, output, ambients)
        if key is not None:
            artifact, value = vault.publish(definition, value, key, ambients.scratch)
            return Done(artifact, value, seconds)
        if ambients.scratch is not None:
            value = vault.files.out_of_scratch(value, ambients.scratch)
        return Done(None, vault.hold(definition, value), seconds)
    finally:
        ambients.clear()


def _watched(node: Node, vault: Vault, arguments: Mapping[str, Any]) -> tuple[Any, float]:
    """Calls a step; the files that it was given must be the same after it, and it should have read no others."""
    given = vault.contents.read_by(node, arguments)
    with Watch(node.definition, arguments) as watch:
        begun = time.perf_counter()
        value = call(node.definition, arguments)
        seconds = time.perf_counter() - begun
    vault.contents.check(node.name, given)

    for sentence in undeclared(watch, node.definition, arguments, vault.blobs):
        if vault.naming.strict:
            raise PlaitError(f"{sentence} (an error, since the run is strict)")
        warn_once(UndeclaredRead, sentence)
    return value, seconds


def _check_in_place(
    node: Node,
    vault: Vault,
    arguments: Mapping[str, Any],
    surface: Surface,
    output: Callable[[Output], Any],
    ambients: Ambients,
) -> None:
    """A step that returned nothing, and changed what it was given, was meant to return that."""
    for name, source in node.inputs:
        if not any(outputs(source)):
            continue
        before = argument(source, surface, vault, output, ambients)
        try:
            changed = vault.naming.digest(before) != vault.naming.digest(arguments[name])
        except PlaitError:
            continue
        if changed:
            raise PlaitError(
                f"{node.name} returned None; it changed its argument {name!r} in place, which nobody else sees. "
                f"Return {name}, or annotate the step with -> None if nothing shall come of it"
            )


_vaults: dict[bytes, Vault] = {}  # that this worker process was sent


def packed(job: Job) -> bytes:
    """A job as bytes; functions of notebooks and `__main__` travel whole, others by their module and name."""
    import cloudpickle

    try:
        return bytes(cloudpickle.dumps(job))
    except Exception as error:
        raise PlaitError(
            f"{job.node.name} cannot be sent to another process: {error}; "
            f"run with executor='sequential' or 'threads', or make what cannot travel inside the step"
        ) from error


def luggage(vault: Vault) -> bytes:
    """What a worker process needs once: the vault, and where to import from."""
    import cloudpickle

    return bytes(cloudpickle.dumps((vault, sys.path)))


def work(bag: bytes, parcel: bytes) -> Done | Broken:
    """Runs a job in a worker process."""
    import pickle

    try:
        if bag not in _vaults:
            vault, path = pickle.loads(bag)  # noqa: S301 - from the process that started us
            sys.path[:] = [*path, *(entry for entry in sys.path if entry not in path)]
            _vaults[bag] = vault
        return _work(pickle.loads(parcel), _vaults[bag])  # noqa: S301 - likewise
    except Exception as error:
        return broken(error)


def _work(job: Job, vault: Vault) -> Done:
    definition = job.node.definition
    if job.code is not None and (here := vault.naming.code(definition).digest) != job.code:
        raise CodeMismatch(
            f"{job.node.name}: this worker has other code for {definition.name} ({here[:12]}, "
            f"planned was {job.code[:12]}); start the workers again"
        )
    values: dict[Output, Any] = {}

    def output(source: Output) -> Any:
        if source not in values:
            artifact, cls = job.artifacts[source.node]
            if source.part is not None:
                artifact = dict(artifact.parts)[source.part]
            values[source] = vault.load(artifact, cls)
        return values[source]

    with collecting() as told:
        done = perform(job.node, job.key, vault, job.surface, output, read=job.read)
    if done.artifact is not None and done.artifact.where == "memory":
        raise PlaitError(
            f"{job.node.name} returned a {type(done.value).__name__}, which cannot leave the process that made it; "
            f"open it in the step that uses it, or run with executor='sequential' or 'threads'"
        )
    return Done(done.artifact, None, done.seconds, tuple(told))
