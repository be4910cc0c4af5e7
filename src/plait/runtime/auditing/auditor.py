"""The executor of an audit: it has each node made by a witness, and keeps what was sent, to have it made again."""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import CancelledError, Future
from typing import Any, NamedTuple, TypeAlias

from plait.core.definition import Definition
from plait.core.records import Artifact, Record, lasting
from plait.errors import PlaitError
from plait.ports import Clock, Executor, Ledger
from plait.runtime.auditing.choosing import Absent, Sample
from plait.runtime.auditing.conditions import Label, conditions
from plait.runtime.auditing.witness import Seen, witness
from plait.runtime.events import Failed, Finished, RunEvent, Started
from plait.runtime.results import is_fresh
from plait.runtime.traces import Broken, broken
from plait.runtime.vault import Vault
from plait.runtime.worker import Done, Job

Start: TypeAlias = Callable[[Mapping[str, str]], Executor]  # a process with such an environment


class LeftOutError(PlaitError):
    """A node is not made, and nothing is kept of it."""


class Trial(NamedTuple):
    """A node, as it is sent to a process, and what became of it there."""

    node: str
    definition: Definition
    bag: bytes
    parcel: bytes
    stored: Record | None  # that it had before
    made: dict[Label, Seen | Broken]


class Auditor:
    """It is given the work of one run, and gives results: those in the store, where there are any."""

    workers = 1
    inline = False
    in_process = False
    killable = True
    shares_files = True

    def __init__(self, vault: Vault, ledger: Ledger | None, sample: Sample, clock: Clock, start: Start) -> None:
        self._vault, self._ledger, self._sample, self._clock, self._start = vault, ledger, sample, clock, start
        self._conditions = conditions()
        self._process = start(self._conditions["first"].environment)
        self._inner: dict[Future[Any], Future[Any]] = {}
        self.trials: dict[str, Trial] = {}
        self.left_out: dict[str, str] = {}
        self.met: set[str] = set()

    # as an executor

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> "Future[Any]":
        import pickle

        bag, parcel, *_ = args
        job: Job = pickle.loads(parcel)  # noqa: S301 - which this process has packed
        name, definition = job.node.name, job.node.definition
        self.met.add(name)
        outer: Future[Any] = Future()
        stored = self._stored(job)
        known = None if stored is None else Done(stored.artifact, None, stored.seconds)
        if isinstance(definition, Absent):
            said = f"{definition.reason}, so that a call may cost money. Name it to have it audited"
            self.left_out[name] = said
            if known is None:
                outer.set_exception(LeftOutError(f"{said}; the store has no result of it"))
            else:
                outer.set_result(known)
            return outer
        if not self._sample.takes(name, definition) and known is not None:
            self.left_out[name] = "others of its step were audited"
            outer.set_result(known)
            return outer
        trial = Trial(name, definition, bag, parcel, stored, {})

        def done(inner: "Future[Any]") -> None:
            error = CancelledError() if inner.cancelled() else inner.exception()
            if error is not None:
                outer.set_exception(error)
                return
            seen = trial.made["first"] = inner.result()
            self.trials[name] = trial
            outer.set_result(seen if isinstance(seen, Broken) else known or Done(seen.artifact, None, seen.seconds))

        threads = self._conditions["first"].threads
        inner = self._inner[outer] = self._process.submit(witness, bag, parcel, threads)
        outer.set_running_or_notify_cancel()
        inner.add_done_callback(done)
        return outer

    def kill(self, future: "Future[Any]") -> None:
        if future in self._inner:
            self._process.kill(self._inner[future])

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._process.shutdown(wait, cancel_futures=cancel_futures)

    def _stored(self, job: Job) -> Record | None:
        if self._ledger is None:
            return None
        record = self._ledger.find([job.key]).get(job.key)
        if record is None or not lasting(record.artifact) or not self._vault.available(record.artifact):
            return None
        stands = isinstance(job.node.definition, Absent) or is_fresh(job.node, record.made, self._clock)
        return record if stands else None

    # again

    def again(self) -> Generator[RunEvent, None, None]:
        """Makes all once more: in the same process, then in another; the nodes in the other order."""
        trials = [trial for trial in self.trials.values() if isinstance(trial.made["first"], Seen)]
        yield from self._make(trials[::-1], "again", self._process)
        self.shutdown()
        yield from self._freshly(trials[::-1], "other")
        unsteady = [trial for trial in trials if is_unsteady(trial)]
        for label in ("fresh", "hash seed", "threads"):
            yield from self._freshly(unsteady, label)

    def _freshly(self, trials: Iterable[Trial], label: Label) -> Iterator[RunEvent]:
        process = self._start(self._conditions[label].environment)
        try:
            yield from self._make(trials, label, process)
        finally:
            process.shutdown(cancel_futures=True)

    def _make(self, trials: Iterable[Trial], label: Label, process: Executor) -> Iterator[RunEvent]:
        threads = self._conditions[label].threads
        for trial in trials:
            yield Started(trial.node)
            try:
                made = process.submit(witness, trial.bag, trial.parcel, threads).result()
            except Exception as error:  # the process has died
                made = broken(error)
            trial.made[label] = made
            if isinstance(made, Seen):
                yield Finished(trial.node, made.artifact.digest, made.seconds)
            else:
                yield Failed(trial.node, made.message, 0.0)


def is_unsteady(trial: Trial) -> bool:
    """Did it come to different things?"""
    made = list(trial.made.values())
    digests = {one.artifact.digest for one in made if isinstance(one, Seen)}
    return len(digests) > 1


def values(trial: Trial, vault: Vault, *artifacts: Artifact) -> list[Any]:
    """The values of some artifacts of a node."""
    return [vault.load(artifact, trial.definition.result_class) for artifact in artifacts]
