"""What is kept but not in the index yet, ready to be found, and ready to become rows of it."""

from typing import NamedTuple
from zlib import crc32

from plait.core.records import Acceptance, Record, hit_of
from plait.ports import RunRow
from plait.stores.local import segments
from plait.stores.local.bodies import acceptance_of, code_of, record_of, run_of
from plait.stores.local.index import Rows, Segment, number, short
from plait.stores.local.segments import Entry


class KeptRecord(NamedTuple):
    """A record, and its rank among all of its key: see `index`."""

    rank: int
    writer: int
    entry: Entry
    record: Record


class KeptRun(NamedTuple):
    """A run, and its place among all rows of its id."""

    stamp: int
    writer: int
    entry: Entry
    run: RunRow


class KeptAcceptance(NamedTuple):
    """An acceptance or its withdrawal, and its place among all of its key."""

    stamp: int
    writer: int
    entry: Entry


class Pending:
    """Entries on their way into an index."""

    def __init__(self) -> None:
        self.records: dict[str, KeptRecord] = {}
        self.code: dict[str, Entry] = {}
        self.runs: dict[str, KeptRun] = {}
        self.accepted: dict[str, KeptAcceptance] = {}
        self.segments: dict[str, Segment] = {}
        self.size = 0  # bytes

    def __len__(self) -> int:
        return len(self.records) + len(self.code) + len(self.runs) + len(self.accepted)

    def add_record(self, record: Record, entry: Entry, rank: int, writer: int) -> None:
        """Adds a record, unless a better one of its key is here."""
        known = self.records.get(record.key)
        if known is None or (rank, writer) > known[:2]:
            self.records[record.key] = KeptRecord(rank, writer, entry, record)
            self.size += len(entry)

    def add_code(self, code: str, entry: Entry) -> None:
        """Adds what a code digest is made of."""
        self.code[code] = entry
        self.size += len(entry)

    def add_run(self, run: RunRow, entry: Entry, writer: int) -> None:
        """Adds a row of a run, unless a later one is here."""
        stamp = segments.stamp(entry)
        known = self.runs.get(run.id)
        if known is None or (stamp, writer) > known[:2]:
            self.runs[run.id] = KeptRun(stamp, writer, entry, run)
            self.size += len(entry)

    def add_acceptance(self, acceptance: Acceptance, entry: Entry, writer: int) -> None:
        """Adds an acceptance or its withdrawal, unless a later one is here."""
        stamp = segments.stamp(entry)
        known = self.accepted.get(acceptance.record.key)
        if known is None or (stamp, writer) > known[:2]:
            self.accepted[acceptance.record.key] = KeptAcceptance(stamp, writer, entry)
            self.size += len(entry)

    def take(self, entry: Entry, writer: int) -> None:
        """Adds an entry of a segment. Of kinds that this version does not know, it takes nothing."""
        kind, body = segments.kind(entry), segments.body(entry)
        if kind in (segments.RECORD, segments.NEWEST) and (record := record_of(body)) is not None:
            self.add_record(record, entry, segments.rank(entry), writer)
        if kind == segments.CODE:
            self.add_code(code_of(body)[0], entry)
        if kind == segments.RUN and (run := run_of(body)) is not None:
            self.add_run(run, entry, writer)
        if kind == segments.ACCEPTANCE and (acceptance := acceptance_of(body)) is not None:
            self.add_acceptance(acceptance, entry, writer)

    def rows(self) -> Rows:
        """All of it, as rows."""
        return Rows(
            [
                (short(key), rank, writer, number(record.step), crc32(entry), entry)
                for key, (rank, writer, entry, record) in self.records.items()
            ],
            [(short(code), entry) for code, entry in self.code.items()],
            [
                (short(id_), stamp, writer, number(run.pipeline), run.started, entry)
                for id_, (stamp, writer, entry, run) in self.runs.items()
            ],
            [(short(key), *kept) for key, kept in self.accepted.items()],
            self.segments,
            [hit_of(kept.record) for kept in self.records.values()],
        )

    def clear(self) -> None:
        """Forgets all of it, once it is in the index."""
        self.records.clear()
        self.code.clear()
        self.runs.clear()
        self.accepted.clear()
        self.segments.clear()
        self.size = 0
