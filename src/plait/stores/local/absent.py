"""Keys that no record has: after many misses, all keys of the index are read, which is quicker than to ask for each.

A cold run asks for one key after another and finds none, and SQLite locks and looks at its file for each question. As
long as there are not many more records than there were misses, their short keys are held in memory, and forgotten
soon, so that what other writers keep is seen.
"""

import time

from plait.stores.local import sqlite
from plait.stores.local.index import Index

_FEW = 16  # misses, after which it may pay
_WORTH = 32  # records whose keys are read in the time of one question
_LASTS = 1.0  # seconds


class Absent:
    """Says of short keys that they are not in an index."""

    def __init__(self) -> None:
        self._there: set[bytes] | None = None
        self._misses = 0
        self._enough = _FEW
        self._until = 0.0

    def knows(self, key: bytes) -> bool:
        """Is it known that there is no record of that key?"""
        if self._there is None or key in self._there:
            return False
        if time.monotonic() > self._until:
            self.clear()
            return False
        return True

    def missed(self, index: Index) -> None:
        """Takes in that a question found nothing; it may be that many will follow."""
        self._misses += 1
        if self._misses < self._enough or self._there is not None:
            return
        try:
            self._there = index.keys(self._misses * _WORTH)
        except sqlite.errors():  # whoever is asked next will say so, and mend it
            self._there = None
        self._enough = 2 * self._misses
        self._until = time.monotonic() + _LASTS

    def clear(self) -> None:
        """Forgets all of it."""
        self._there, self._misses, self._enough = None, 0, _FEW
