"""The records of a store in a folder: kept in a segment before anything else, found by the index over all segments."""

import os
import threading
import time
import warnings
from collections.abc import Callable, Collection, Container, Mapping, Sequence

from plait.core.digest import Digest, Key
from plait.core.records import Acceptance, Hit, Record, hit_of
from plait.errors import StoreError
from plait.lines import dumps
from plait.ports import RunRow
from plait.stores.local import owners, packs, pins, recovery, segments, sqlite
from plait.stores.local.absent import Absent
from plait.stores.local.ahead import Ahead, together
from plait.stores.local.bodies import (
    acceptance_body,
    acceptance_of,
    code_body,
    code_of,
    record_of,
    records_of,
    run_body,
    run_of,
)
from plait.stores.local.index import Index, Segment, short
from plait.stores.local.layout import NOT_WRITABLE, Layout, refused
from plait.stores.local.pending import Pending
from plait.stores.local.segments import Entry, body, rank

# what is written to the index at once: with less, the same pages are written again and again
_BATCH = 2000
_BYTES = 1 << 22
_SILENT = 7 * 24 * 3600.0  # seconds after which a run of another machine is taken to be over
_LEAST = -(1 << 63)  # less than any rank
_forks = 0  # of this process from its ancestors; quicker to look at than its number


def _count_fork() -> None:
    global _forks
    _forks += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_count_fork)


class LocalLedger:
    """The ledger of one coordinator. Another process opens its own."""

    def __init__(self, layout: Layout, *, passing: bool = False) -> None:
        self._layout = layout
        self._lock = threading.RLock()
        self._forks = _forks
        self._pending = Pending()
        self._index: Index | None = None  # there is none until there is something to find
        self._ahead, self._absent = Ahead(), Absent()
        self._vouched: dict[str, Acceptance] | None = None  # read when a key is missed first
        self._codes: set[Digest] = set()  # known to be kept: each node of a run brings its code
        self._flush_at = (_BATCH, _BYTES)
        self._in_memory = False  # the store can only be read
        self._passing = passing  # all of it can be had again, so a power cut may take it
        self._at_stake = 0.0  # seconds of work that a power cut would take
        self._closed = False
        if layout.exists():
            layout.sweep()
            self._index = recovery.opened(layout) if segments.listed(layout.segments) else None
        self._writer = segments.Writer(layout, after=self._index.after() if self._index else 0)

    def find(self, keys: Collection[Key]) -> Mapping[Key, Record]:
        """The records that are known of some keys."""
        with self._lock:
            self._check()
            found = self._found(keys)
            return found | self._accepted_of(keys, found)

    def hits(self, keys: Collection[Key]) -> Mapping[Key, Hit]:
        """What `find` finds, as far as a run goes by it."""
        with self._lock:
            if self._closed or self._forks != _forks:  # as `_check`, which is asked for each node of a chain
                self._check()
            found: dict[Key, Hit] = {}
            if len(keys) > 1 or (key := next(iter(keys), None)) is None or key in self._pending.records:
                found = self._together([key for key in keys if key not in self._pending.records])
                others = self._found([key for key in keys if key not in found])
                found |= {key: hit_of(record) for key, record in others.items()}
            elif (hit := self._ahead.take(key) or self._next(key)) is not None:  # as a chain of nodes asks for them
                return {key: hit}
            if self._vouched != {}:  # else nothing was accepted, as nearly always
                found |= {key: hit_of(record) for key, record in self._accepted_of(keys, found).items()}
            return found

    def _found(self, keys: Collection[Key]) -> dict[Key, Record]:
        """The records that were computed."""
        own = self._pending.records
        found = {key: own[key].record for key in keys if key in own} if own else {}
        entries = self._entries(list(keys))
        for entry, record in zip(entries, records_of(segments.bodies(entries)), strict=True):
            if record is not None and (record.key not in own or rank(entry) > own[record.key].rank):
                found[record.key] = record
        return found

    def _together(self, keys: Sequence[Key]) -> dict[Key, Hit]:
        """What is in packs of many keys: mostly all of it, since a run asks in the order of another."""
        if self._index is None or len(keys) < packs.HITS:
            return {}
        names = list(map(short, keys))
        self._hold(names)
        try:
            return together(self._index, names[0], keys)
        except sqlite.errors() as error:
            self._mend(error)
        return {}

    def _accepted_of(self, keys: Collection[Key], found: Container[Key]) -> dict[Key, Record]:
        """The records of keys that were not found, and whose values were accepted."""
        missing = [key for key in keys if key not in found]
        vouched = self._acceptances() if missing else {}
        return {key: vouched[key].record for key in missing if key in vouched and not vouched[key].withdrawn}

    def _entries(self, asked: list[Key]) -> list[Entry]:
        """The entries that the index has of some keys. They are held before they are looked for."""
        if self._index is None or not asked:
            return []
        names = list(map(short, asked))
        if len(names) == 1 and self._absent.knows(names[0]):
            return []
        self._hold(names)
        entries = self._sound(names)
        if len(names) == 1 and not entries and self._index is not None:
            self._absent.missed(self._index)
        return entries

    def _hold(self, names: Sequence[bytes]) -> None:
        """Holds what is looked for next, and sees to it that nobody took it before."""
        pins.hold(self._layout, names)
        if self._index is not None and self._index.moved():  # then a clean-up took nothing out of ours that we hold
            self._follow()

    def _follow(self) -> None:
        """Another one has made the index again: ours is that one from now on."""
        self._ahead.clear()
        self._absent.clear()
        old, self._index = self._index, recovery.opened(self._layout)
        if old is not None:
            old.close()

    def _sound(self, names: Sequence[bytes]) -> list[Entry]:
        if self._index is None:
            return []
        try:
            return self._index.find(names)
        except sqlite.errors() as error:
            self._mend(error)
        return self._index.find(names)

    def _next(self, key: Key) -> Hit | None:
        """What the index knows of one key, after which the next ones are likely to be asked for."""
        if self._index is None or self._absent.knows(name := short(key)):
            return None
        try:
            if not self._ahead.read(self._index, name, lambda names: pins.hold(self._layout, names)):
                self._absent.missed(self._index)
                return None
        except sqlite.errors() as error:
            self._mend(error)
        hit = self._ahead.take(key)
        if hit is None:  # what was read cannot be relied on
            entries = self._entries([key])
            record = record_of(body(entries[0])) if entries else None
            hit = hit_of(record) if record is not None and record.key == key else None
        return hit

    def earlier(self, step: str, limit: int = 20) -> Sequence[Record]:
        """Records of a step under any key, newest first: in the order in which they were kept."""
        with self._lock:
            own = [kept for kept in self._pending.records.values() if kept.record.step == step]
            entries = self._ask(lambda index: index.earlier(step, limit + len(own)))
        known = {kept.record.key: (kept.rank, kept.record) for kept in own}
        for entry in entries:
            record = record_of(body(entry))
            if record is not None and rank(entry) > known.get(record.key, (_LEAST, record))[0]:
                known[record.key] = (rank(entry), record)
        newest = sorted(known.values(), key=lambda row: abs(row[0]), reverse=True)
        vouched = [
            acceptance.record
            for key, acceptance in self._acceptances().items()
            if acceptance.record.step == step and not acceptance.withdrawn and key not in known
        ]
        return [*vouched, *(record for _, record in newest)][:limit]

    def add(self, record: Record, *, newest: bool = False) -> None:
        """Keeps a record before it returns. A key that is known keeps its first record, unless `newest` shall win."""
        with self._lock:
            entry, writer = self._keep(segments.NEWEST if newest else segments.RECORD, dumps(record))
            self._pending.add_record(record, entry, self._writer.last if newest else -self._writer.last, writer)
            self._at_stake += record.seconds
            if len(self._pending.records) >= self._flush_at[0] or self._pending.size >= self._flush_at[1]:
                self._flush_if_much()
            if self._at_stake > segments.SYNC and not self._passing:  # nobody may come for hours to write the next one
                self._durably(self._writer.sync)
                self._at_stake = 0.0

    def accept(self, acceptance: Acceptance) -> None:
        """Keeps an acceptance, or its withdrawal, before it returns: the last that is said of a key holds."""
        with self._lock:
            known = self._acceptances()
            entry, writer = self._keep(segments.ACCEPTANCE, acceptance_body(acceptance))
            self._pending.add_acceptance(acceptance, entry, writer)
            known.pop(acceptance.record.key, None)
            self._vouched = {acceptance.record.key: acceptance, **known}
            self._durably(self._writer.sync)
            self._flush_if_much()

    def accepted(self) -> Sequence[Acceptance]:
        """What was accepted, newest first; what was withdrawn says so."""
        with self._lock:
            return list(self._acceptances().values())

    def _acceptances(self) -> dict[str, Acceptance]:
        """By key, as they were when we first had to ask, and what we said since: one run goes by one state of them."""
        if self._vouched is None:
            entries = self._ask(lambda index: index.accepted())
            found = [acceptance_of(body(entry)) for entry in entries]
            self._vouched = {one.record.key: one for one in found if one is not None}
        return self._vouched

    def add_code(self, code: Digest, manifest: bytes) -> None:
        """Keeps what a code digest is made of, once."""
        with self._lock:
            if code in self._codes:
                return
            if self.code(code) is None:
                self._pending.add_code(code, self._keep(segments.CODE, code_body(code, manifest))[0])
                self._flush_if_much()
            self._codes.add(code)

    def code(self, code: Digest) -> bytes | None:
        """What a code digest is made of."""
        with self._lock:
            own = self._pending.code.get(code)
            entries = self._ask(lambda index: index.code(code)) if own is None else [own]
        return dict(code_of(body(entry)) for entry in entries).get(code)

    def add_run(self, run: RunRow) -> None:
        """Keeps a run; a later row of the same id replaces an earlier one."""
        with self._lock:
            if run.status == "running":
                pins.hold(self._layout)
            self._pending.add_run(run, *self._keep(segments.RUN, run_body(run)))
            self._flush_if_much()

    def runs(self, pipeline: str | None = None, limit: int = 100) -> Sequence[RunRow]:
        """Runs, newest first. One whose process is gone did not finish, whatever it said last: it `died`."""
        with self._lock:
            own = {kept.run.id: kept.run for kept in self._pending.runs.values()}
            entries = self._ask(lambda index: index.runs(pipeline, limit + len(own)))
        known = {run.id: run for entry in entries if (run := run_of(body(entry))) is not None} | own
        wanted = [run for run in known.values() if pipeline in (None, run.pipeline)]
        return self._as_they_are(sorted(wanted, key=lambda run: run.started, reverse=True)[:limit])

    def _as_they_are(self, found: Sequence[RunRow]) -> Sequence[RunRow]:
        """A process here can be asked whether it lives; of others, we go by their signs of life."""
        if not any(run.status == "running" for run in found):
            return found
        signs = pins.signs_of_life(self._layout)
        return [
            run._replace(status="died")
            if run.status == "running" and run.process[:2] not in signs and _is_over(run)
            else run
            for run in found
        ]

    def rebuild(self) -> None:
        """Makes the index again from the segments."""
        with self._lock:
            self._check()
            self._durably(self._writer.sync)
            self._replace(recovery.rebuilt)

    def close(self) -> None:
        """Makes all of it durable and lets go of files."""
        with self._lock:
            if self._closed or self._forks != _forks:  # after a fork, all of this belongs to the parent
                return
            self._closed = True
            try:
                self._durably(self._writer.sync)
                self._flush(final=True)
                # last: from then on a clean-up may write the segment anew, and the index must not hear of it any more
                self._durably(self._writer.finish)
            finally:
                if self._index is not None:
                    self._index.close()
                self._writer.close()

    def _check(self) -> None:
        if self._closed:
            raise StoreError("this ledger was closed. Open it again: store.ledger()")
        if self._forks != _forks:
            raise StoreError("this ledger belongs to the process that opened it. Open another one: store.ledger()")

    def _ask(self, question: Callable[[Index], list[tuple[Entry]]]) -> list[Entry]:
        """The sound entries that the index gives. Where it gives others, it is made again and asked again."""
        self._check()
        if self._index is None:
            return []
        try:
            entries = [entry for (entry,) in question(self._index)]
            if all(map(segments.sound, entries)):
                return entries
            self._mend()
        except sqlite.errors() as error:
            self._mend(error)
        return [entry for (entry,) in question(self._index) if segments.sound(entry)]

    def _keep(self, kind: int, content: bytes) -> tuple[Entry, int]:
        """Appends to our segment: the entry, and the number of its writer."""
        self._check()
        if not self._in_memory:
            try:
                return self._writer.append(kind, content), self._writer.number
            except OSError as error:
                if error.errno not in NOT_WRITABLE or not self._layout.exists():
                    raise refused(error.filename or self._layout.segments, "write", error) from error
                self._in_memory = True
                warnings.warn(
                    f"{self._layout.root} can only be read ({error.strerror}): what is new is kept for this run only",
                    stacklevel=3,
                )
        return segments.pack(kind, self._writer.next_stamp(), content), 0

    def _flush_if_much(self) -> None:
        rows, size = self._flush_at
        if len(self._pending) >= rows or self._pending.size >= size:
            self._durably(self._writer.sync)
            self._flush()

    def _durably(self, sync: Callable[[], None]) -> None:
        """The segment goes to disk before the index: what the index knows must never be less true than it."""
        try:
            sync()
        except OSError as error:
            raise refused(self._layout.segments, "write", error) from error

    def _flush(self, *, final: bool = False) -> None:
        """Brings the index up to date. If that fails nothing is lost: the next opening will do it."""
        if self._in_memory or not self._writer.name:
            return
        self._ahead.clear()
        self._absent.clear()
        self._pending.segments[self._writer.name] = Segment(self._writer.end, self._writer.last, final)
        rows = self._pending.rows()
        pins.hold(self._layout, [key for key, *_ in rows.records])  # until now, no clean-up took them: they were ours
        try:
            if self._index is None:  # nothing of ours is in any index yet
                self._index = recovery.opened(self._layout, rows)
            else:
                if self._index.moved():  # the new one may lack what we gave to the old one: that has to be read
                    self._follow()
                self._index.write(rows)
        except sqlite.errors() as error:
            if not sqlite.broken(error):
                self._flush_at = (len(self._pending) + _BATCH, self._pending.size + _BYTES)
                return
            self._mend()
        self._flush_at = (_BATCH, _BYTES)
        self._pending.clear()

    def _mend(self, error: Exception | None = None) -> None:
        self._replace(recovery.mended if error is None or sqlite.broken(error) else recovery.in_memory)

    def _replace(self, made: Callable[[Layout], Index]) -> None:
        self._ahead.clear()
        self._absent.clear()
        if self._index is not None:
            self._index.close()
        self._index = made(self._layout)
        if not self._in_memory:
            self._pending.clear()  # all of it was in the segments


def _is_over(run: RunRow) -> bool:
    """Is a run that gives no sign of life over? One that was mirrored from elsewhere gives none here."""
    return owners.died(*run.process) or (owners.elsewhere(run.process[0]) and time.time() - run.started > _SILENT)
