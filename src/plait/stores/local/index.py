"""SQLite as an index over the segments. It holds nothing that the segments do not, and may vanish at any time.

Each row has the whole entry of its segment, with the checksum: a lookup reads one file, and a damaged row is seen.
Which of two entries of a key wins is settled by `rank` and then by `writer`, the larger first. The rank of a record is
its stamp with a minus, so that the earliest wins; of one that shall win as the newest it is the stamp itself. No order
of filling the index can give another winner.
"""

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

from blake3 import blake3

from plait.core.records import Hit
from plait.stores.local import packs, sqlite
from plait.stores.local.packs import Pack
from plait.stores.local.segments import NEVER, Entry

if TYPE_CHECKING:
    from sqlite3 import Connection

VERSION = 4
_ATTEMPTS = 3
_AT_ONCE = 500  # keys in one query
_FEW = 8  # of many keys, so many may be missing before one that shows where the others are
_SHORT = 16  # bytes of a short key
_FALSE = "it holds records that are not what was kept"

_SCHEMA = """
CREATE TABLE segments (name TEXT PRIMARY KEY, end INTEGER NOT NULL, stamp INTEGER NOT NULL, final INTEGER NOT NULL);
CREATE TABLE records (id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, rank INTEGER NOT NULL, writer INTEGER NOT NULL,
                      step INTEGER NOT NULL, crc INTEGER NOT NULL, entry BLOB NOT NULL);
CREATE INDEX records_by_step ON records (step, abs(rank));
CREATE TABLE code (code BLOB NOT NULL UNIQUE, entry BLOB NOT NULL);
CREATE TABLE runs (id BLOB NOT NULL UNIQUE, stamp INTEGER NOT NULL, writer INTEGER NOT NULL, pipeline INTEGER NOT NULL,
                   started REAL NOT NULL, entry BLOB NOT NULL);
CREATE INDEX runs_by_start ON runs (started);
CREATE TABLE accepted (key BLOB NOT NULL UNIQUE, stamp INTEGER NOT NULL, writer INTEGER NOT NULL, entry BLOB NOT NULL);
"""
_TABLES = ("packs", "segments", "records", "code", "runs", "accepted")
_FIND = "SELECT crc, entry FROM records WHERE key "
_FIND_ONE = _FIND + "= ?"
_FROM = """
SELECT key, crc, entry FROM records WHERE id >= (SELECT id FROM records WHERE key = ?) ORDER BY id LIMIT ?
"""
_ADDED = "SELECT key FROM records WHERE id >= ? ORDER BY id"
_BETWEEN = "SELECT key, entry FROM records WHERE id BETWEEN ? AND ? ORDER BY id"
# cast, since damaged rows may hold anything
_UNFINISHED = """
SELECT CAST(coalesce(name, '') AS TEXT), CAST(coalesce(end, 0) AS INTEGER), CAST(coalesce(stamp, -1) AS INTEGER)
FROM segments WHERE final <> 1
"""
_ADD_RECORD = """
INSERT INTO records (key, rank, writer, step, crc, entry) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE
SET rank = excluded.rank, writer = excluded.writer, step = excluded.step, crc = excluded.crc, entry = excluded.entry
WHERE (excluded.rank, excluded.writer) > (records.rank, records.writer)
"""
_ADD_CODE = "INSERT INTO code (code, entry) VALUES (?, ?) ON CONFLICT (code) DO NOTHING"
_ADD_RUN = """
INSERT INTO runs (id, stamp, writer, pipeline, started, entry) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE
SET stamp = excluded.stamp, writer = excluded.writer, pipeline = excluded.pipeline, started = excluded.started,
    entry = excluded.entry
WHERE (excluded.stamp, excluded.writer) > (runs.stamp, runs.writer)
"""
_ADD_ACCEPTANCE = """
INSERT INTO accepted (key, stamp, writer, entry) VALUES (?, ?, ?, ?) ON CONFLICT (key) DO UPDATE
SET stamp = excluded.stamp, writer = excluded.writer, entry = excluded.entry
WHERE (excluded.stamp, excluded.writer) > (accepted.stamp, accepted.writer)
"""
_ADD_SEGMENT = """
INSERT INTO segments (name, end, stamp, final) VALUES (?, ?, ?, ?) ON CONFLICT (name) DO UPDATE
SET end = max(end, excluded.end), stamp = max(stamp, excluded.stamp), final = max(final, excluded.final)
"""
_ADDS = (_ADD_RECORD, _ADD_CODE, _ADD_RUN, _ADD_ACCEPTANCE, _ADD_SEGMENT)  # in the order of `Rows`
_MOVE = {
    "records": "UPDATE records SET writer = ? WHERE key = ? AND rank = ? AND writer = ?",
    "runs": "UPDATE runs SET writer = ? WHERE id = ? AND stamp = ? AND writer = ?",
    "accepted": "UPDATE accepted SET writer = ? WHERE key = ? AND stamp = ? AND writer = ?",
}
_EARLIER = "SELECT entry FROM records WHERE step = ? ORDER BY abs(rank) DESC, writer DESC LIMIT ?"
_ACCEPTED = "SELECT entry FROM accepted ORDER BY stamp DESC, writer DESC"
_RUNS = "SELECT entry FROM runs ORDER BY started DESC, stamp DESC LIMIT ?"
_RUNS_OF = "SELECT entry FROM runs WHERE pipeline = ? ORDER BY started DESC, stamp DESC LIMIT ?"


class Segment(NamedTuple):
    """How far a segment is known."""

    end: int
    stamp: int  # of its last entry
    final: bool  # nothing more will come


class Rows(NamedTuple):
    """What is added to an index at once, as its tables have it."""

    records: Sequence[tuple[bytes, int, int, int, int, bytes]]  # key, rank, writer, step, crc of the entry, entry
    code: Sequence[tuple[bytes, bytes]]
    runs: Sequence[tuple[bytes, int, int, int, float, bytes]]  # id, stamp, writer, pipeline, started, entry
    accepted: Sequence[tuple[bytes, int, int, bytes]]  # key, stamp, writer, entry
    segments: Mapping[str, Segment]
    hits: Sequence[Hit] = ()  # of the records, in their order, where they may well be asked for together


def short(name: str) -> bytes:
    """A key, digest or id as the index has it, of whatever text it is. What is found says its whole name."""
    try:
        known = bytes.fromhex(name[:32] if len(name) == 64 else "-")
        if len(known) == _SHORT:  # else there are blanks in it
            return known
    except ValueError:
        pass
    return blake3(name.encode("utf-8", "surrogatepass")).digest(_SHORT)


@lru_cache(maxsize=4096)
def number(name: str) -> int:
    """The name of a step or a pipeline, as the index has it."""
    return int.from_bytes(blake3(name.encode("utf-8", "surrogatepass")).digest(8), "little", signed=True)


class Amendment(NamedTuple):
    """What a clean-up changes: rows that go, and rows whose entry has another writer now; by key, rank and writer."""

    gone: Sequence[tuple[bytes, int, int]] = ()
    code: Sequence[bytes] = ()
    moved: Mapping[str, Sequence[tuple[int, bytes, int, int]]] = {}  # by table: new writer, key, rank or stamp, writer
    segments: Mapping[str, Segment] = {}


class Index:
    """One open index."""

    def __init__(self, path: str, connection: "Connection", *, writable: bool) -> None:
        self.writable = writable
        self._path = path
        self._connection = connection
        self._inode = _inode(path)

    def moved(self) -> bool:
        """Is this no longer the file of that name? Then somebody has made the index again."""
        return self._inode != _inode(self._path)

    def finished(self) -> set[str]:
        """The names of the segments to which nothing more will come. There may be thousands."""
        return {name for (name,) in self._connection.execute("SELECT name FROM segments WHERE final = 1")}

    def unfinished(self) -> dict[str, Segment]:
        """The other segments that are known, by name."""
        rows = self._connection.execute(_UNFINISHED)
        return {name: Segment(end, stamp, False) for name, end, stamp in rows}

    def after(self) -> int:
        """The greatest stamp that is known."""
        after = self._connection.execute("SELECT coalesce(max(stamp), 0) FROM segments").fetchone()[0]
        if not isinstance(after, int) or not 0 <= after < NEVER:
            raise sqlite.damaged("it holds stamps that no clock gives")
        return after

    def find(self, keys: Sequence[bytes]) -> list[Entry]:
        """The entries of the records that are known of some short keys, all of them sound, or `sqlite3.Error`.

        There may be many, and a CRC is looked at in less time than a hash.
        """
        if len(keys) == 1:
            return _intact(self._connection.execute(_FIND_ONE, keys).fetchall())
        rows: list[tuple[int, Entry]] = []
        left = keys
        if len(keys) > _AT_ONCE:
            left, rows = self._kept_after(keys)
        for start in range(0, len(left), _AT_ONCE):
            some = left[start : start + _AT_ONCE]
            rows += self._connection.execute(_FIND + "IN (" + ",".join("?" * len(some)) + ")", some)
        return _intact(rows)

    def _kept_after(self, keys: Sequence[bytes]) -> tuple[list[bytes], list[tuple[int, Entry]]]:
        """What was kept from the first of many keys on: mostly the others, since a run asks in the order of another.

        Neighbours are read in a fifth of the time that it takes to look for each. Gives the keys that are left.
        """
        wanted = set(keys)
        first = next((key for key in keys[:_FEW] if self.place(key) is not None), keys[0])
        rows = self._connection.execute(_FROM, (first, len(keys)))
        near = {key: (crc, entry) for key, crc, entry in rows if key in wanted}
        return [key for key in keys if key not in near], list(near.values())

    def keys(self, limit: int) -> set[bytes] | None:
        """The short keys of all records; none, if there may be more than a limit."""
        execute = self._connection.execute
        return {key for (key,) in execute("SELECT key FROM records")} if self._last() <= limit else None

    def _last(self) -> int:
        """The number of the row of `records` that was added last. They are numbered one by one."""
        return self._connection.execute("SELECT max(id) FROM records").fetchone()[0] or 0

    def following(self, key: bytes, limit: int) -> dict[bytes, Entry]:
        """The record of a short key, and those that were kept after it, as far as they are sound: entries by short key.

        `sqlite3.Error` if the first is not sound.
        """
        rows = self._connection.execute(_FROM, (key, limit)).fetchall()
        found = {
            key: entry
            for key, crc, entry in rows
            if type(key) is type(entry) is bytes and len(key) == _SHORT and crc32(entry) == crc
        }
        if rows and key not in found:
            raise sqlite.damaged(_FALSE)
        return found

    def place(self, key: bytes) -> int | None:
        """The number of the row of a short key, if there is one."""
        row = self._connection.execute("SELECT id FROM records WHERE key = ?", (key,)).fetchone()
        return None if row is None else row[0]

    def packed(self, place: int, limit: int) -> list[Pack]:
        """The pack that has a row, and those that follow without a gap: about so many hits, or none.

        `sqlite3.Error` if one of them is damaged.
        """
        found = list(map(Pack._make, self._connection.execute(packs.FIND, {"id": place, "limit": limit})))
        if not all(map(Pack.is_sound, found)):
            raise sqlite.damaged(_FALSE)
        gaps = (at for at in range(1, len(found)) if found[at].first != found[at - 1].last + 1)
        return found[: next(gaps, len(found))]

    def changes(self) -> int:
        """Another number after others have written."""
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def earlier(self, step: str, limit: int) -> list[tuple[Entry]]:
        """The entries of the records of a step, newest first."""
        return self._connection.execute(_EARLIER, (number(step), limit)).fetchall()

    def code(self, code: str) -> list[tuple[Entry]]:
        """The entry of a code digest, if it is known."""
        return self._connection.execute("SELECT entry FROM code WHERE code = ?", (short(code),)).fetchall()

    def accepted(self) -> list[tuple[Entry]]:
        """The entries of all acceptances, newest first. A person makes them one by one, so they are few."""
        return self._connection.execute(_ACCEPTED).fetchall()

    def runs(self, pipeline: str | None, limit: int) -> list[tuple[Entry]]:
        """The entries of runs, newest first."""
        if pipeline is None:
            return self._connection.execute(_RUNS, (limit,)).fetchall()
        return self._connection.execute(_RUNS_OF, (number(pipeline), limit)).fetchall()

    def write(self, rows: Rows) -> None:
        """Adds all of it or nothing."""
        with self._transaction():
            last = self._last() if rows.records else 0
            known = [(name, *segment) for name, segment in rows.segments.items()]
            for statement, some in zip(_ADDS, (*rows[:4], known), strict=True):
                if some:  # a statement is parsed even for nothing, and a warm run has nothing but itself to write
                    self._connection.executemany(statement, some)
            if rows.records:
                self._pack(last + 1, [key for key, *_ in rows.records], rows.hits)

    def _pack(self, first: int, keys: Sequence[bytes], hits: Sequence[Hit]) -> None:
        """Packs what was added to `records` from a row on; the packs of keys that were there before go."""
        if self._last() - first + 1 < len(keys):
            added = dict.fromkeys([key for (key,) in self._connection.execute(_ADDED, (first,))])
            places = [{"id": self.place(key)} for key in keys if key not in added]
            self._connection.executemany(packs.GONE, places)
            by_key = dict(zip(keys, hits, strict=False))
            keys, hits = list(added), [by_key[key] for key in added if key in by_key]
        self._connection.executemany(packs.ADD, packs.packed(first, keys, hits))

    def amend(self, change: Amendment) -> None:
        """Makes all of a change or nothing. What was added or replaced meanwhile stays as it is."""
        with self._transaction():
            many = self._connection.executemany
            many("DELETE FROM records WHERE key = ? AND rank = ? AND writer = ?", change.gone)
            many("DELETE FROM code WHERE code = ?", [(code,) for code in change.code])
            for table, rows in change.moved.items():
                many(_MOVE[table], rows)
            many(_ADD_SEGMENT, [(name, *segment) for name, segment in change.segments.items()])

    @contextlib.contextmanager
    def emptied(self) -> Iterator[None]:
        """Begins with nothing. Others see it as it was, and wait with writing, until what is written here is whole."""
        with self._transaction():
            self._connection.execute(packs.NO_TRIGGER)  # which would look at each row that goes
            for table in _TABLES:
                self._connection.execute(f"DELETE FROM {table}")  # noqa: S608 - ours
            self._connection.execute(packs.TRIGGER)
            yield

    def forget(self, names: Iterable[str]) -> None:
        """Forgets segments that are no more."""
        with self._transaction():
            self._connection.executemany("DELETE FROM segments WHERE name = ?", [(name,) for name in names])

    def shrink(self) -> None:
        """Gives the space of what is gone back to the disk, where that is much and nobody is at work."""
        pages = self._connection.execute("PRAGMA page_count").fetchone()[0]
        free = self._connection.execute("PRAGMA freelist_count").fetchone()[0]
        if free * 4 > pages:
            with contextlib.suppress(*sqlite.errors()):
                self._connection.execute("VACUUM")

    def is_sound(self) -> bool:
        """Does SQLite find nothing wrong with the file?"""
        return bool(self._connection.execute("PRAGMA quick_check").fetchone() == ("ok",))

    def agrees(self) -> bool:
        """Do its packs say what its rows say?"""
        return all(map(self._agrees, map(Pack._make, self._connection.execute("SELECT * FROM packs"))))

    def _agrees(self, pack: Pack) -> bool:
        rows = self._connection.execute(_BETWEEN, (pack.first, pack.last)).fetchall()
        return pack.is_sound() and pack.agrees(rows)

    def contents(self) -> Iterable[tuple[str, bytes, Entry]]:
        """All that is in it: the table, the key and the entry."""
        for table, key in (("records", "key"), ("code", "code"), ("runs", "id"), ("accepted", "key")):
            for name, entry in self._connection.execute(f"SELECT {key}, entry FROM {table}"):  # noqa: S608 - ours
                yield table, name, entry

    def close(self) -> None:
        """Lets go of the file."""
        self._connection.close()

    def create(self) -> None:
        """Makes the tables, unless another process was faster."""
        with self._transaction():
            if not self.version():
                for statement in (*_SCHEMA.split(";"), *packs.SCHEMA):
                    self._connection.execute(statement)
                self._connection.execute("PRAGMA user_version = " + str(VERSION))

    def version(self) -> int:
        """The version that made it; 0 for an empty file."""
        return int(self._connection.execute("PRAGMA user_version").fetchone()[0])

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        """All or nothing; one within another is a part of it."""
        within = self._connection.in_transaction
        if within:
            yield
            return
        self._begin()
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def _begin(self) -> None:
        # IMMEDIATE: a transaction that turns from reading to writing is refused at once, whatever the timeout
        for attempt in range(_ATTEMPTS):
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                return
            except Exception as error:
                if not sqlite.busy(error) or attempt == _ATTEMPTS - 1:
                    raise


def connect(path: str, *, passing: bool = False) -> Index:
    """Opens the index of that name, or makes it; `MEMORY` makes one in memory. `sqlite3.Error` if it is not sound."""
    connection, writable = sqlite.connect(path, passing=passing)
    index = Index(path, connection, writable=writable)
    try:
        version = index.version()
        if writable and not version:
            index.create()
            version = index.version()
        if version != VERSION:
            raise sqlite.damaged("it was made by another version of plait")
    except BaseException:
        connection.close()
        raise
    return index


def _intact(rows: Sequence[tuple[int, Entry]]) -> list[Entry]:
    found = [entry for crc, entry in rows if type(entry) is bytes and crc32(entry) == crc]
    if len(found) < len(rows):
        raise sqlite.damaged(_FALSE)
    return found


def _inode(path: str) -> int:
    try:
        return os.stat(path).st_ino
    except OSError:
        return 0
