"""Records that are likely to be asked for next, read many at a time: those that were kept after the last one found.

A run asks for its records in the order in which an earlier run kept them, but a chain of nodes can ask for one at a
time only, since each key needs the digest before it. As long as most of what is read ahead is asked for, four times as
much is read the next time; else half as much. What was read is forgotten soon, so that other writers are seen.
"""

import time
from collections.abc import Callable, Collection

from plait.core.digest import Key
from plait.core.records import Record
from plait.stores.local import segments
from plait.stores.local.bodies import records_of
from plait.stores.local.index import Index

_LEAST, _MOST = 4, 512  # records
_LASTS = 1.0  # seconds


class Ahead:
    """Records by key."""

    def __init__(self) -> None:
        self._records: dict[str, Record] = {}
        self._size = _LEAST
        self._taken = _LEAST
        self._until = 0.0
        self._changes: int | None = None  # of the index, when we last read

    def take(self, key: Key) -> Record | None:
        """The record of a key, if it was read ahead."""
        record = self._records.get(key)
        if record is not None:
            if time.monotonic() > self._until:
                self._records.clear()
                return None
            self._taken += 1
        return record

    def read(self, index: Index, short: bytes, hold: Callable[[Collection[bytes]], None]) -> bool:
        """Reads the record of a key, and what was kept after it; gives whether there is one.

        A clean-up takes records out of the index before it looks at what is held. So what is there when we hold it is
        ours. It was, if nobody has written since the reading before; else it is read once more.
        """
        often = 2 * self._taken >= self._size
        self._size = min(_MOST, 4 * self._size) if often else max(_LEAST, self._size // 2)
        rows = index.following(short, self._size)
        if not rows:
            return False
        self._taken = 0
        self._until = time.monotonic() + _LASTS
        self._records.clear()
        hold(rows.keys())
        changes = index.changes()
        if changes != self._changes:
            self._changes = changes
            held, rows = rows, index.following(short, self._size)
            rows = {name: entry for name, entry in rows.items() if name in held}
        if not index.moved():
            records = records_of(segments.bodies(rows.values()))
            self._records = {record.key: record for record in records if record is not None}
        return True

    def clear(self) -> None:
        """Forgets all of it."""
        self._records.clear()
        self._changes = None
