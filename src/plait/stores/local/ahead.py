"""Records that are likely to be asked for next, read many at a time: those that were kept after the last one found.

A run asks for its records in the order in which an earlier run kept them, but a chain of nodes can ask for one at a
time only, since each key needs the digest before it. As long as most of what is read ahead is asked for, twice as
much is read the next time; else half as much. What was read is forgotten soon, so that other writers are seen.
"""

import time
from collections.abc import Callable, Collection

from plait.stores.local import segments, sqlite
from plait.stores.local.index import Index
from plait.stores.local.segments import Entry

_LEAST, _MOST = 4, 512  # entries
_LASTS = 1.0  # seconds


class Ahead:
    """Entries of records by short key."""

    def __init__(self) -> None:
        self._entries: dict[bytes, Entry] = {}
        self._size = _LEAST
        self._taken = _LEAST
        self._until = 0.0

    def take(self, key: bytes) -> Entry | None:
        """The entry of a key, if it was read ahead."""
        if not self._entries:
            return None
        if time.monotonic() > self._until:
            self._entries.clear()
            return None
        entry = self._entries.get(key)
        if entry is not None:
            self._taken += 1
        return entry

    def read(self, index: Index, key: bytes, entry: Entry, hold: Callable[[Collection[bytes]], None]) -> None:
        """Reads what was kept after an entry. Its keys are held before their entries are read, as all that is found."""
        often = 2 * self._taken >= self._size
        self._size = min(_MOST, 2 * self._size) if often else max(_LEAST, self._size // 2)
        self._taken = 0
        self._until = time.monotonic() + _LASTS
        try:
            place, last, keys = index.following(key, self._size)
            hold(keys)
            rows = index.between(place, last)
            self._entries = {short: found for short, found in rows if short in keys and segments.sound(found)}
        except sqlite.errors():  # whoever is asked next will say so, and mend it
            self._entries.clear()
        self._entries[key] = entry

    def clear(self) -> None:
        """Forgets all of it."""
        self._entries.clear()
