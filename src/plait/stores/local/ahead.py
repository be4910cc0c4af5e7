"""Records that are likely to be asked for next, read many at a time: those that were kept after the last one found.

A run asks for its records in the order in which an earlier run kept them, but a chain of nodes can ask for one at a
time only, since each key needs the digest before it. As long as most of what is read ahead is asked for, twice as
much is read the next time; else half as much. What was read is forgotten soon, so that other writers are seen.
"""

import time
from collections.abc import Callable, Collection

from plait.core.digest import Key
from plait.core.records import Record
from plait.stores.local import segments, sqlite
from plait.stores.local.bodies import records_of
from plait.stores.local.index import Index
from plait.stores.local.segments import Entry

_LEAST, _MOST = 4, 512  # records
_LASTS = 1.0  # seconds


class Ahead:
    """Records by key."""

    def __init__(self) -> None:
        self._records: dict[str, Record] = {}
        self._size = _LEAST
        self._taken = _LEAST
        self._until = 0.0

    def take(self, key: Key) -> Record | None:
        """The record of a key, if it was read ahead."""
        record = self._records.get(key)
        if record is not None:
            if time.monotonic() > self._until:
                self._records.clear()
                return None
            self._taken += 1
        return record

    def read(self, index: Index, short: bytes, entry: Entry, hold: Callable[[Collection[bytes]], None]) -> None:
        """Reads what was kept after an entry.

        A clean-up takes records out of the index before it looks at what is held. So if nobody has written to it from
        before they were read until they are held, they are ours.
        """
        often = 2 * self._taken >= self._size
        self._size = min(_MOST, 2 * self._size) if often else max(_LEAST, self._size // 2)
        self._taken = 0
        self._until = time.monotonic() + _LASTS
        self._records.clear()
        try:
            before = index.changes()
            rows = index.following(short, self._size)
            hold([name for name, _ in rows])
            ours = index.changes() == before and not index.moved()
            entries = [entry, *(found for _, found in rows)] if ours else [entry]
        except sqlite.errors():  # whoever is asked next will say so, and mend it
            return
        for record in records_of(list(map(segments.body, entries))):
            if record is not None:
                self._records[record.key] = record

    def clear(self) -> None:
        """Forgets all of it."""
        self._records.clear()
