"""One node's work: its arguments, the call, the result made canonical and kept. The same wherever it runs."""

import os
import platform
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from threading import get_ident
from typing import Any, BinaryIO, NamedTuple, TypeAlias

from plait import code_by_value
from plait.core.calling import call, check_result
from plait.core.containers import IMMUTABLE
from plait.core.definition import Definition
from plait.core.digest import Digest, Key
from plait.core.error_text import error_message
from plait.core.graph import Node
from plait.core.matching import fits
from plait.core.records import Artifact
from plait.core.sources import Const, Output, outputs
from plait.core.tuples import new
from plait.errors import CodeMismatch, PlaitError, StoreError, UndeclaredRead, UndeclaredWrite
from plait.runtime.environment import surroundings
from plait.runtime.library_settings import kept
from plait.runtime.main_module import install
from plait.runtime.naming import Naming, Told, collecting, warn_once
from plait.runtime.native_threads import anew, cores, limit
from plait.runtime.process_lock import alone, at_work, enter_beside, in_the_way, leave_beside
from plait.runtime.randomness import NOTHING, drawing, seeded, shared_by
from plait.runtime.readonly_arrays import add_hint
from plait.runtime.reads import Watch, undeclared
from plait.runtime.resolve import Ambients, Surface, argument
from plait.runtime.sending import pickle_to_send
from plait.runtime.traces import Broken, broken
from plait.runtime.travel import culprit, travels
from plait.runtime.undeclared_writes import sentences
from plait.runtime.vault import Vault
from plait.runtime.watchdog import deadline, leash
from plait.secret import mask, travelling

Call: TypeAlias = Callable[[Definition, Mapping[str, Any]], Any]
_Outcome: TypeAlias = tuple[Any, float, BaseException | None]  # of a call: its result and seconds, or what it raised


class StaysHereError(PlaitError):
    """A result cannot leave the process that made it."""


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
    timeout: float | None = None  # seconds
    trace: str = ""  # the file in which the worker says what it did when its time was over
    big: Mapping[str, Artifact] = {}  # parameters that are read from the store


def perform(
    node: Node,
    key: Key | None,
    vault: Vault,
    surface: Surface,
    output: Callable[[Output], Any],
    *,
    read: bool,
    call: Call = call,
) -> Done:
    """Runs a node; `output` gives what other nodes made, `read` says whether another one reads this.

    `call` is how its step is called: an audit looks on.

    What the step raises goes on as it is, so that its own frames come first.
    """
    definition, ambients = node.definition, Ambients(surface, node.name, vault)
    try:
        arguments: dict[str, Any] = {}
        for name, source in node.inputs:
            if type(source) is Output and type(value := output(source)) in IMMUTABLE:
                arguments[name] = value
            elif type(source) is Const and type(source.value) in IMMUTABLE:
                arguments[name] = source.value
            else:
                arguments[name] = argument(source, surface, vault, output, ambients)
        if key is None and not vault.naming.strict:  # nothing can be kept that is not true
            value, seconds, error = _called(node, vault, surface, arguments, call)
        else:
            value, seconds, error = _watched(node, vault, surface, arguments, call)
        if error is not None:
            try:
                raise error
            finally:
                del error  # it would hold this frame, which holds the arguments
        check_result(definition, value)
        if value is None and read and fits(type(None), definition.returns) is not True:
            _check_in_place(node, vault, arguments, surface, output, ambients)
        if key is not None:
            artifact, value = vault.publish(definition, value, key, ambients.scratch)
            return new(Done, (artifact, value, seconds, ()))
        if ambients.scratch is not None:
            value = vault.files.out_of_scratch(value, ambients.scratch)
        return new(Done, (None, vault.hold(definition, value), seconds, ()))
    finally:
        ambients.clear()


def _called(
    node: Node,
    vault: Vault,
    surface: Surface,
    arguments: Mapping[str, Any],
    call: Call,
    drawn: list[str] | None = None,
) -> _Outcome:
    """Calls a step with the numeric threads and the random state that it has in every executor.

    What it drew from although its code does not show it is put into `drawn`, in sentences.
    """
    naming, definition = vault.naming, node.definition
    if definition in naming.quiet:  # as nearly all are: one look for all that others ask
        return _called_beside(node, naming, arguments, call, drawn)
    shared, count, changes = shared_by(node, naming, surface), cores(definition), naming.may_change(definition)
    if shared is not None or count > 1 or (changes and naming.changes_settings(definition)):
        with alone(node), kept(changes) if changes else nullcontext():
            limit(count)
            with nullcontext() if shared is None else seeded(shared):
                return _timed(definition, arguments, call)
    if changes:
        with kept(changes):
            return _called_beside(node, naming, arguments, call, drawn)
    naming.quiet.add(definition)
    return _called_beside(node, naming, arguments, call, drawn)


def _called_beside(
    node: Node, naming: Naming, arguments: Mapping[str, Any], call: Call, drawn: list[str] | None
) -> _Outcome:
    """Call a step that changes nothing that the process shares, beside others."""
    me = get_ident()
    try:
        at_work[me] = node
        if in_the_way:
            enter_beside(node)
        limit(1)
        if drawn is None or (looking := drawing(node.definition, naming)) is NOTHING:
            return _timed(node.definition, arguments, call)
        with looking as said:  # in here, since a step of another run that draws must not run meanwhile
            outcome = _timed(node.definition, arguments, call)
        drawn += said
        return outcome
    finally:
        try:  # noqa: SIM105 - `suppress` costs ten times as much
            del at_work[me]
        except KeyError:  # a run that the step began goes on
            pass
        if in_the_way:
            leave_beside(node)


def _timed(definition: Definition, arguments: Mapping[str, Any], call: Call) -> _Outcome:
    """Call a step. What it raises is a value here: `contextlib` cannot pass on errors of frozen classes."""
    begun = time.perf_counter()
    try:
        value = call(definition, arguments)
    except BaseException as error:
        mask(error)
        add_hint(error, arguments)
        return None, 0.0, error
    return value, time.perf_counter() - begun, None


def _watched(node: Node, vault: Vault, surface: Surface, arguments: Mapping[str, Any], call: Call) -> _Outcome:
    """Calls a step; the files that it was given must be the same after it, and it should have read no others."""
    given = vault.contents.read_by(node, arguments)
    drawn: list[str] = []
    with Watch(node.definition, arguments, vault.naming) as watch:
        outcome = _called(node, vault, surface, arguments, call, drawn)
    if outcome[2] is not None:
        return outcome
    vault.contents.check(node.name, given)

    if not (watch.saw_any or drawn):
        return outcome
    changed = watch.changed() if node.definition.options.cache is True else {}
    reads = undeclared(watch, node.definition, arguments, changed, vault.blobs)
    wrote = sentences(node.definition.name, changed, outcome[0], vault.blobs) if changed else ()
    said: list[tuple[type[Warning], str]] = [(UndeclaredRead, text) for text in (*reads, *drawn)]
    said += [(UndeclaredWrite, text) for text in wrote]
    for category, sentence in said:
        if vault.naming.strict:
            raise PlaitError(f"{sentence} (an error, since the run is strict)")
        warn_once(category, sentence)
    return outcome


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


_VAULTS = 8  # of runs that use a worker at the same time
_vaults: dict[bytes, Vault] = {}  # that this worker process was sent


def packed(job: Job) -> bytes:
    """A job as bytes; functions of notebooks and `__main__` travel whole, others by their module and name."""
    try:
        with travelling():
            return pickle_to_send(job)
    except Exception as error:
        raise PlaitError(
            f"{job.node.name} cannot be sent to another process: {error_message(error)}; "
            f"run with executor='sequential' or 'threads', or make what cannot travel inside the step"
        ) from error


def luggage(vault: Vault, *, leashed: bool = False, shared: bool = True) -> bytes:
    """What a worker process needs once: the vault, and where to import from.

    `leashed`, if it is to end with us; not `shared`, if it may be where our files are not: then it looks for one.
    """
    import pickle

    seen = "" if shared else vault.blobs.put(_sign)[0]
    run = os.urandom(8)  # what a worker finds out about code holds for one run, however alike the next one is
    return pickle.dumps((surroundings(), seen, code_by_value.dumps((vault, sys.path, leashed)), run))


def _sign(file: BinaryIO) -> None:
    file.write(b"a worker looks whether it sees this")


def received(bag: bytes) -> Vault:
    """The vault that this worker process was sent; `PlaitError` where it is no place for the work."""
    import pickle

    vault = _vaults.get(bag)
    if vault is None:
        theirs, seen, inner, _ = pickle.loads(bag)  # noqa: S301 - from the process that started us
        if theirs != surroundings():
            raise CodeMismatch(
                f"a worker on {platform.node()} is {' '.join(surroundings())}, and the run is {' '.join(theirs)}: bits "
                f"and code would differ. Start workers with the same Python"
            )
        vault, path, leashed = pickle.loads(inner)  # noqa: S301 - likewise
        if seen and not vault.blobs.has(seen):
            raise StoreError(
                f"a worker on {platform.node()} does not see the store of this run. Give one that all machines see: a "
                f'folder that they share, or store="s3://bucket/prefix"'
            )
        if leashed:
            leash()
        sys.path[:] = [*path, *(entry for entry in sys.path if entry not in path)]
        for old in list(_vaults)[: 1 - _VAULTS]:
            _vaults.pop(old, None)
        _vaults[bag] = vault
        anew()
    return vault


_receiving = 0  # jobs that are being unpickled: their modules are imported


def check_not_receiving(pipeline: str) -> None:
    """Raise `PlaitError` if a module that a worker imports for its job is about to start workers of its own.

    They would import it too, and start others, without end.
    """
    if _receiving:
        raise PlaitError(
            f"{pipeline} is run in other processes by a module that its workers import, so that each of them would "
            f'start more workers, without end. Put the call of run under if __name__ == "__main__":, or in a function'
        )


def work(bag: bytes, parcel: bytes, call: Call = call) -> Done | Broken:
    """Runs a job in a worker process. Raises `CodeMismatch` as it is: an executor may have a worker that is newer."""
    import pickle

    global _receiving
    try:
        _receiving += 1
        try:
            vault = received(bag)
            job = pickle.loads(parcel)  # noqa: S301 - from the process that started us
        finally:
            _receiving -= 1
        install(job.node.definition)
        with deadline(job.timeout, job.trace):
            return _work(job, vault, call)
    except CodeMismatch:
        raise
    except BaseException as error:  # a module of the job may end its process when it is imported
        return broken(error)


def _why_not(value: Any, node: str) -> str:
    return "" if travels(value) else f": {culprit(value, f'{node}()')}"


def _work(job: Job, vault: Vault, call: Call) -> Done | Broken:
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

    surface = job.surface
    if job.big:
        read = {address: vault.load(artifact) for address, artifact in job.big.items()}
        surface = surface._replace(params={**surface.params, **read})
    with vault.naming.settings.in_process(), collecting() as told:
        try:
            done = perform(job.node, job.key, vault, surface, output, read=job.read, call=call)
        except CodeMismatch:
            raise
        except BaseException as error:  # sys.exit too: it is the step that failed
            return broken(error)
    if done.artifact is not None and done.artifact.where == "memory":
        raise StaysHereError(
            f"{job.node.name} returned a {type(done.value).__name__}, which cannot leave the process that made it"
            f"{_why_not(done.value, job.node.name)}; open it in the step that uses it, or let both stay here: "
            f'@step(executor="threads")'
        )
    return Done(done.artifact, None, done.seconds, tuple(told))
