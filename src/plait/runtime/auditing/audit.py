"""An audit is a run that keeps nothing, whose executor looks on, and then has the same work done again.

It reads the store, for inputs that are known and results to compare with, and writes to a store of its own.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from plait.core.digest import Digest
from plait.core.error_text import describe_error, error_message
from plait.core.sources import Attempt, outputs, walk
from plait.errors import CodeMismatch, UndeclaredRead, UndeclaredWrite
from plait.ports import Clock, Executor, Ledger
from plait.runtime.auditing.auditor import Auditor, LeftOutError, Start, Trial, is_unsteady, values
from plait.runtime.auditing.choosing import Sample, without_costs
from plait.runtime.auditing.conditions import Cause, Label, cause
from plait.runtime.auditing.distances import Gap
from plait.runtime.auditing.gaps import gaps
from plait.runtime.auditing.report import Audit, Finding, wording
from plait.runtime.auditing.unrecorded import Unrecorded
from plait.runtime.auditing.witness import Seen
from plait.runtime.events import RunFinished, RunStarted
from plait.runtime.execute import execute
from plait.runtime.listening import Listener, drive, tell
from plait.runtime.request import Request, State
from plait.runtime.traces import Broken
from plait.runtime.vault import Vault
from plait.runtime.worker import StaysHereError

_ITEMS = re.compile(r"\[[^\]]*\]")  # in the name of a node


def audit(
    request: Request,
    named: Collection[str],
    *,
    sample: int | None,
    vault: Vault,
    ledger: Ledger | None,
    clock: Clock,
    start: Start,
    here: Mapping[str, Executor],
    listeners: Sequence[Listener] = (),
) -> Audit:
    """Makes the nodes of a request again, under other conditions, and says what it saw.

    `named` may cost money; `sample` is how many nodes of one step are made; `ledger` is read, and `vault` is written
    to; `start` starts a process. What asks for an executor that is `here` is made there, and not looked at.
    """
    began, state = clock.steady(), State()
    request = request._replace(graph=without_costs(request.graph, named), fail="keep-going")
    auditor, told = Auditor(vault, ledger, Sample(sample, named), clock, start), list(listeners)
    tell(told, RunStarted("audit", request.graph.name, request.needed * 3))
    try:
        events = execute(request, state, vault=vault, ledger=Unrecorded(), executor=auditor, clock=clock, others=here)
        drive(events, told, "audit", state)
        drive(auditor.again(), told, "audit", state)
    finally:
        auditor.shutdown(cancel_futures=True)
        tell(told, RunFinished("audit", "done", clock.steady() - began))
    left_out = {**auditor.left_out, **_left_out(request, state, auditor)}
    trials = [trial for name, trial in auditor.trials.items() if name not in left_out]
    findings = [finding for trial in trials for finding in _findings(trial, vault)]
    failed = [
        Finding(name, "failed", f"failed: {describe_error(error)}")
        for name, error in state.failures.items()
        if name not in left_out and name not in auditor.trials
    ]
    compared = sum(_is_compared(trial) for trial in trials)
    audited = [trial.node for trial in trials]
    return Audit(request.graph.name, audited, findings + failed, left_out, compared, clock.steady() - began)


def _left_out(request: Request, state: State, auditor: Auditor) -> dict[str, str]:
    """The nodes that could not be made, and why; those that failed are findings instead."""
    found: dict[str, str] = {}
    attempted = {
        out.node
        for node in request.graph.nodes.values()
        for _, source in node.inputs
        for one in walk(source)
        if isinstance(one, Attempt)
        for out in outputs(one)
    }
    for name, error in state.failures.items():
        if isinstance(error, LeftOutError):
            found[name] = error_message(error)
        elif isinstance(error, StaysHereError):
            found[name] = "its result cannot leave the process that made it, so that there is nothing to compare"
        elif name not in auditor.met:
            found[name] = error_message(error)
        elif _ITEMS.sub("", name) in attempted:
            found[name] = f"it failed ({type(error).__name__}), and who reads it says attempt(...)"
    for name, first in state.because.items():
        found[name] = f"it needs {first}, which was left out" if first in found else f"it needs {first}, which failed"
    for name in request.needed:
        if state.states.get(name) == "run" and name not in auditor.met:
            found[name] = "it does not run in a process of its own"
    return found


def _findings(trial: Trial, vault: Vault) -> Iterator[Finding]:
    first = trial.made["first"]
    if isinstance(first, Broken):
        yield _broken(trial, first)
        return
    yield from _unsteady(trial, vault)
    for label, made in trial.made.items():
        if isinstance(made, Broken):
            yield Finding(trial.node, "failed", f"was made once, and then {_FAILED[label]}: {made.message}")
    for name in first.changed:
        yield Finding(
            trial.node,
            "changed its input",
            f"changed its argument {name!r} in place. In a run nobody else sees that, but whoever calls it in plain "
            f"Python does; change a copy",
        )
    told = [one.told for one in trial.made.values() if isinstance(one, Seen)]
    reads = dict.fromkeys(text for warnings in told for kind, text in warnings if issubclass(kind, UndeclaredRead))
    for text in reads:
        yield Finding(trial.node, "undeclared read", text.removeprefix(f"{trial.definition.name} "))
    writes = dict.fromkeys(text for warnings in told for kind, text in warnings if issubclass(kind, UndeclaredWrite))
    for text in writes:
        yield Finding(trial.node, "undeclared write", text.removeprefix(f"{trial.definition.name} "))


def _unsteady(trial: Trial, vault: Vault) -> Iterator[Finding]:
    seen = {label: made for label, made in trial.made.items() if isinstance(made, Seen)}
    if is_unsteady(trial):
        digests: dict[Label, Digest] = {label: made.artifact.digest for label, made in seen.items()}
        why, label = cause(digests)
        two = values(trial, vault, seen["first"].artifact, seen[label].artifact)
        yield _finding(trial, why, wording(why), two)
    elif _is_compared(trial) and (record := trial.stored) and record.artifact.digest != seen["first"].artifact.digest:
        two = values(trial, vault, record.artifact, seen["first"].artifact)
        yield _finding(trial, "stored", f"{wording('stored')} (it was made by the run {record.run})", two)


def _finding(trial: Trial, why: Cause, message: str, two: list[Any]) -> Finding:
    found = gaps(*two) or (Gap("", "it cannot be said where: they are equal, as far as they can be compared"),)
    return Finding(trial.node, "nondeterministic", message, why, found)


def _is_compared(trial: Trial) -> bool:
    """Is there a result in the store that should be the same? One that may grow old need not be."""
    return trial.stored is not None and trial.definition.options.cache is True


def _broken(trial: Trial, broken: Broken) -> Finding:
    if isinstance(broken.error, CodeMismatch):
        message = (
            "has other code in another process: a constant that it reaches is another one whenever its module is "
            "imported (made of something random, the clock, or the order of a set)"
        )
        return Finding(trial.node, "nondeterministic", message, "process")
    return Finding(trial.node, "failed", f"failed: {broken.message}")


_FAILED: dict[Label, str] = {
    "first": "failed",
    "again": "failed in the same process",
    "other": "failed in a process with another PYTHONHASHSEED and other threads",
    "fresh": "failed in a fresh process",
    "hash seed": "failed under another PYTHONHASHSEED",
    "threads": "failed with other threads",
}
