"""The records of a run, kept near and sent on; what is not known near is asked of what others sent."""

import sys
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeVar

from plait.core.digest import Digest, Key
from plait.core.records import Acceptance, Hit, Record, refers
from plait.errors import StoreError
from plait.lines import dumps
from plait.ports import Ledger, RunRow
from plait.stores.layered import entries
from plait.stores.layered.mirror import Mirror, is_news
from plait.stores.layered.outbox import Batch, Outbox
from plait.stores.layered.sending import Sender
from plait.stores.layered.telling import warn, warn_once
from plait.stores.layered.threads import Threads

T = TypeVar("T", Record, Hit)
_EVERY = 10.0  # seconds after which what is new is sent, while a run goes on
_MANY = 2000  # entries, likewise


class LayeredLedger:
    """The ledger of one coordinator."""

    def __init__(
        self,
        near: Ledger,
        mirror: Mirror,
        outbox: Outbox,
        sender: Sender,
        threads: Threads,
        safe: frozenset[str] | None,
        place: str,
        *,
        required: bool,
    ) -> None:
        self._near, self._mirror, self._outbox, self._sender, self._threads = near, mirror, outbox, sender, threads
        self._safe = safe  # codecs of which records are used though nobody signed them; none: all were signed
        self._place, self._required = place, required
        self._lock = threading.RLock()
        self._batch: Batch | None = None
        self._sent_at = 0.0
        self._writing = self._closed = False
        self._made: set[str] = set()  # by which runs something was recorded here
        self._codes: set[Digest] = set()
        mirror.listen(self._compare)

    def find(self, keys: Collection[Key]) -> Mapping[Key, Record]:
        """The records that are known of some keys: our own first, but for what we only accepted."""
        return self._of_both(keys, self._near.find, self._mirror.ledger.find)

    def hits(self, keys: Collection[Key]) -> Mapping[Key, Hit]:
        """What `find` finds, as far as a run goes by it."""
        return self._of_both(keys, self._near.hits, self._mirror.ledger.hits)

    def _of_both(
        self,
        keys: Collection[Key],
        ours: Callable[[Collection[Key]], Mapping[Key, T]],
        theirs: Callable[[Collection[Key]], Mapping[Key, T]],
    ) -> dict[Key, T]:
        found = dict(ours(keys))
        accepted = {one.record.key: one.record for one in self._near.accepted() if one.record.key in found}
        records = self._near.find(list(accepted)) if accepted else {}
        vouched = {key for key, record in accepted.items() if records.get(key) == record}
        missing = [key for key in keys if key not in found or key in vouched]
        if missing:
            found.update({key: one for key, one in theirs(missing).items() if self._believes(one)})
            self._mirror.look_again()
        return found

    def earlier(self, step: str, limit: int = 20) -> Sequence[Record]:
        """Records of a step under any key, newest first."""
        ours, theirs = self._near.earlier(step, limit), self._mirror.ledger.earlier(step, limit)
        known = {record.key for record in ours}
        new = [record for record in theirs if record.key not in known]
        return sorted([*ours, *new], key=lambda record: record.made, reverse=True)[:limit] if new else ours

    def add(self, record: Record, *, newest: bool = False) -> None:
        """Keeps a record before it returns; it is sent after its blobs, and nobody waits for that.

        It is to be sent before it is kept here: were it the other way round, what a killed run had just kept would
        never be sent, since the next one has it and does not make it again.
        """
        self._made.add(record.run)
        theirs = None if newest else self._computed_elsewhere(record.key)
        if theirs is not None and theirs.artifact.digest != record.artifact.digest:
            self._differs(theirs)
            return
        if not refers(record.artifact):  # to a file of this machine
            kind = entries.NEWEST if newest else entries.RECORD
            self._send(kind, dumps(record), list(entries.blobs(record.artifact)))
        self._near.add(record, newest=newest)

    def _computed_elsewhere(self, key: Key) -> Record | None:
        theirs = self._mirror.ledger.find([key]).get(key)
        if theirs is None or any(theirs == one.record for one in self._mirror.ledger.accepted()):
            return None
        return theirs if self._believes(theirs) else None

    def accept(self, acceptance: Acceptance) -> None:
        """Keeps an acceptance, or its withdrawal; the last of a key holds."""
        self._near.accept(acceptance)
        self._mirror.ledger.accept(acceptance)
        self._send(entries.ACCEPTANCE, entries.acceptance_body(acceptance))

    def accepted(self) -> Sequence[Acceptance]:
        """All that was accepted, newest first."""
        latest: dict[str, Acceptance] = {}
        ours = self._near.accepted()
        for acceptance in (*ours, *self._mirror.ledger.accepted()):
            if is_news(acceptance, latest.get(acceptance.record.key)):
                latest[acceptance.record.key] = acceptance
        return list(ours) if len(latest) == len(ours) else sorted(latest.values(), key=entries.spoken, reverse=True)

    def add_code(self, code: Digest, manifest: bytes) -> None:
        """Keeps what a code digest is made of, and sends it, unless others have it."""
        if code not in self._codes:
            self._codes.add(code)
            if self._mirror.ledger.code(code) is None:
                self._send(entries.CODE, entries.code_body(code, manifest))
        self._near.add_code(code, manifest)

    def code(self, code: Digest) -> bytes | None:
        """What a code digest is made of."""
        known = self._near.code(code)
        return self._mirror.ledger.code(code) if known is None else known

    def add_run(self, run: RunRow) -> None:
        """Keeps a run. Others hear of it if it is over, and made something: who looks for hits is told of no others."""
        self._near.add_run(run)
        if run.status != "running" and run.id in self._made:
            self._send(entries.RUN, entries.run_body(run), [run.bulk] if run.bulk else [])

    def runs(self, pipeline: str | None = None, limit: int = 100) -> Sequence[RunRow]:
        """Runs, newest first."""
        ours = self._near.runs(pipeline, limit)
        known = {run.id for run in ours}
        found = self._mirror.ledger.runs(pipeline, limit)
        theirs = [run._replace(foreign=True) for run in found if run.id not in known]
        return sorted([*ours, *theirs], key=lambda run: run.started, reverse=True)[:limit] if theirs else ours

    def close(self) -> None:
        """Makes all of it durable, and sends what was not sent yet.

        Who is leaving by Ctrl-C does not wait for that: the next run sends the rest.
        """
        if self._closed:
            return
        self._closed = True
        try:
            self._near.close()
            if self._writing and not isinstance(sys.exception(), KeyboardInterrupt):
                self._finish()
        finally:
            self._sender.abandon()
            if self._batch is not None:
                self._batch.release()
            self._mirror.ledger.close()
            self._threads.close()

    def _finish(self) -> None:
        self._hand_over()
        left = self._sender.finish()
        if left:
            count = sum(batch.entries for batch in left)
            said = f"{self._sender.failure}. {count or 'Some'} records were not sent to {self._place}; they are kept"
            if self._required:
                raise StoreError(f"{said}, and are sent by the next run")
            warn(f"{said} here, and are sent by the next run")

    def _send(self, kind: int, body: bytes, blobs: Sequence[str] = ()) -> None:
        with self._lock:
            try:
                if not self._writing:
                    self._begin()
                if self._batch is None:
                    self._batch = self._outbox.begin()
                self._batch.append(entries.packed(kind, body))
            except (OSError, StoreError) as error:  # of a full disk the near store tells
                why = error.strerror if isinstance(error, OSError) else error
                self._once("outbox", f"{why}: what is new is not sent to {self._place}")
                return
            for blob in blobs:
                self._batch.blobs[blob] = None
                self._sender.blob(blob)
            if self._batch.entries >= _MANY or time.monotonic() - self._sent_at > _EVERY:
                self._hand_over()

    def _begin(self) -> None:
        """With the first thing that is new: who only asks sends nothing."""
        self._writing = True
        self._sent_at = time.monotonic()
        self._sender.left(self._outbox.left())

    def _hand_over(self) -> None:
        with self._lock:
            self._sent_at = time.monotonic()
            self._sender.look()
            if self._batch is not None:
                self._sender.batch(self._batch)
                self._batch = None

    def _believes(self, one: Record | Hit) -> bool:
        if self._safe is None or entries.believable(one.artifact, self._safe):
            return True
        record = one if isinstance(one, Record) else self._mirror.ledger.find([one.key]).get(one.key)
        if record is not None and not refers(record.artifact):
            self._once(
                "unsigned",
                f"{self._place} has results, such as {record.node[:80]!a}, of a kind whose reading can run code, and "
                "nobody has signed them: they are made again. To use those of your team, share a key: make one with "
                "`plait keys --new`, and give it to all who write there; see docs/how-to/share-a-cache.md",
            )
        return False

    def _compare(self, found: Sequence[entries.Entry]) -> None:
        """Looks at what came in beside what is ours: a step that gave others another value; what others took back."""
        theirs = [entries.record_of(entry.body) for entry in found if entry.kind == entries.RECORD]
        known = {record.key: record for record in theirs if record is not None}
        for key, ours in self._near.find(list(known)).items():
            if ours.artifact.digest != known[key].artifact.digest:
                self._differs(ours)
        ours_now: dict[str, Acceptance] | None = None
        for entry in found:
            said = entries.acceptance_of(entry.body) if entry.kind == entries.ACCEPTANCE else None
            if said is None or not said.withdrawn:
                continue
            if ours_now is None:
                ours_now = {one.record.key: one for one in self._near.accepted()}
            before = ours_now.get(said.record.key)
            if before is not None and not before.withdrawn and is_news(said, before):
                self._near.accept(said)

    def _differs(self, first: Record) -> None:
        self._once(
            first.step,
            f"{first.step[:80]!a} is nondeterministic: the same code and arguments gave one value here and another "
            f"elsewhere ({self._place}). The first one stays; `plait audit` finds what differs",
        )

    def _once(self, about: str, message: str) -> None:
        warn_once(self._place, about, message)
