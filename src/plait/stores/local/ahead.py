"""Records that are likely to be asked for next, read many at a time: those that were kept after the last one found.

A run asks for its records in the order in which an earlier run kept them, but a chain of nodes can ask for one at a
time only, since each key needs the digest before it. They are read in packs, where they are in any. As long as most of
what is read ahead is asked for, four times as much is read the next time; else half as much. What was read is forgotten
soon, so that other writers are seen.
"""

import time
from collections.abc import Callable, Collection

from plait.core.digest import Key
from plait.core.records import Hit, hit_of
from plait.stores.local import packs, segments
from plait.stores.local.bodies import records_of
from plait.stores.local.index import Index

_LEAST, _MOST = 4, 512  # hits
_LASTS = 1.0  # seconds
_AT_ONCE = 4096  # hits that are read out of packs


class Ahead:
    """Hits by key."""

    def __init__(self) -> None:
        self._hits: dict[str, Hit] = {}
        self._size = _LEAST
        self._taken = _LEAST
        self._until = 0.0
        self._changes: int | None = None  # of the index, when we last read

    def take(self, key: Key) -> Hit | None:
        """What is known of a key, if it was read ahead."""
        hit = self._hits.get(key)
        if hit is not None:
            if time.monotonic() > self._until:
                self._hits.clear()
                return None
            self._taken += 1
        return hit

    def read(self, index: Index, key: bytes, hold: Callable[[Collection[bytes]], None]) -> bool:
        """Reads what is known of a short key, and what was kept after it; gives whether there is something.

        A clean-up takes records out of the index before it looks at what is held. So what is there when we hold it is
        ours. It was, if nobody has written since we last looked; else it is read once more.
        """
        if self._changes is None:
            self._changes = index.changes()
        often = 2 * self._taken >= self._size
        self._size = min(_MOST, 4 * self._size) if often else max(_LEAST, self._size // 2)
        names, hits = _following(index, key, self._size)
        if not names:
            return False
        self._size = max(self._size, len(hits))
        self._taken = 0
        self._until = time.monotonic() + _LASTS
        self._hits.clear()
        hold(names)
        changes = index.changes()
        if changes != self._changes:
            self._changes = changes
            held = {hit.key for hit in hits}
            _, hits = _following(index, key, self._size)
            hits = [hit for hit in hits if hit.key in held]
        if not index.moved():
            self._hits = {hit.key: hit for hit in hits}
        return True

    def clear(self) -> None:
        """Forgets all of it."""
        self._hits.clear()
        self._changes = None


def together(index: Index, first: bytes, keys: Collection[Key]) -> dict[Key, Hit]:
    """What packs say of many keys at once, from that of the first short one on."""
    place, wanted, hits = index.place(first), {*keys}, dict[Key, Hit]()
    worth = 2 * len(wanted) + packs.HITS  # hits; with more of them, most of what is read is not asked for
    while place is not None and worth > 0 and len(hits) < len(wanted):
        found = index.packed(place, min(worth, _AT_ONCE))
        hits.update((hit.key, hit) for pack in found for hit in pack.hits() if hit.key in wanted)
        worth -= _AT_ONCE
        place = found[-1].last + 1 if found else None
    return hits


def _following(index: Index, key: bytes, size: int) -> tuple[list[bytes], list[Hit]]:
    """What is known of a short key, and of about as many as asked for that were kept after it.

    And all their short keys, those of a pack as they are in it: one after the other.
    """
    if size >= packs.HITS:  # else most of a pack would be held, and not asked for
        place = index.place(key)
        found = [] if place is None else index.packed(place, size)
        hits = [hit for pack in found for hit in pack.hits()]
        if 2 * len(hits) >= size:  # else there is a gap, and rows go on behind it
            return [pack.keys for pack in found], hits
    rows = index.following(key, size)
    records = records_of(segments.bodies(rows.values()))
    return [*rows], [hit_of(record) for record in records if record is not None]
