"""Hits that were kept one after the other, many in one row: to read them takes half the time of row by row.

A run asks for its records in the order in which an earlier one kept them: see `ahead`. A pack is a copy of what rows of
the index say, and goes with the first of them that goes or is replaced, in the same transaction.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple
from zlib import crc32

from plait.core.records import Hit, hit_of
from plait.stores.local.bodies import hits_body, hits_of, record_of
from plait.stores.local.segments import Entry, body

HITS = 64  # in a pack
_LEAST = 8  # hits, from which a pack is worth a row of its own
_BYTES = 1 << 16  # a longer one is no quicker to read than its rows
_SHORT = 16  # bytes of a short key

_OF = "(SELECT first FROM packs WHERE first <= :id ORDER BY first DESC LIMIT 1) AND last >= :id"
GONE = f"DELETE FROM packs WHERE first = {_OF}"  # noqa: S608 - ours
# of rows that are replaced the index says so: with a trigger for these, all that is added would take longer
TRIGGER = f"CREATE TRIGGER gone AFTER DELETE ON records BEGIN {GONE.replace(':id', 'old.id')}; END"
NO_TRIGGER = "DROP TRIGGER gone"
SCHEMA = (
    "CREATE TABLE packs (first INTEGER PRIMARY KEY, last INTEGER NOT NULL, crc INTEGER NOT NULL, keys BLOB NOT NULL,"
    " hits BLOB NOT NULL)",
    TRIGGER,
)
ADD = "INSERT INTO packs (first, last, crc, keys, hits) VALUES (?, ?, ?, ?, ?)"
_FIRST = f"SELECT first FROM packs WHERE first = {_OF}"  # noqa: S608 - ours
FIND = f"SELECT * FROM packs WHERE first >= ({_FIRST}) AND first < :id + :limit ORDER BY first"  # noqa: S608 - ours


class Pack(NamedTuple):
    """A row: what is known of the records from a first to a last one."""

    first: int
    last: int
    crc: int
    keys: bytes  # short, one after the other
    listed: bytes

    def is_sound(self) -> bool:
        """Is it what was written? It may be of any types, in a damaged file."""
        if not (type(self.first) is type(self.last) is int and type(self.keys) is type(self.listed) is bytes):
            return False
        return _crc(self.first, self.last, self.keys, self.listed) == self.crc

    def hits(self) -> list[Hit]:
        """The hits, in their order; none, if this version cannot read them all."""
        hits = hits_of(self.listed)
        return hits if len(hits) * _SHORT == len(self.keys) else []

    def agrees(self, rows: Sequence[tuple[bytes, Entry]]) -> bool:
        """Does it say what its rows say, by their short keys and entries?"""
        records = [record_of(body(entry)) for _, entry in rows]
        hits = [hit_of(record) for record in records if record is not None]
        return self.hits() == hits and self.keys == b"".join([key for key, _ in rows])


def packed(first: int, keys: Sequence[bytes], hits: Sequence[Hit]) -> Iterator[Pack]:
    """The packs of records whose rows stand one after the other, by their short keys and what is known of them."""
    for start in range(0, len(hits), HITS):
        some = hits[start : start + HITS]
        if len(some) < _LEAST:
            return
        try:
            listed, joined = hits_body(some), b"".join(keys[start : start + HITS])
        except RecursionError:  # parts of parts of parts: they are read row by row
            continue
        if len(listed) <= _BYTES:
            at = first + start, first + start + len(some) - 1
            yield Pack(*at, _crc(*at, joined, listed), joined, listed)


def _crc(first: int, last: int, keys: bytes, listed: bytes) -> int:
    return crc32(listed, crc32(keys, crc32(b"%d-%d" % (first, last))))
