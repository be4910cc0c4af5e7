"""Writing segments anew without what shall go, so that it leaves the disk, and many small ones become one.

At each point a crash leaves a store that is whole. The new segment gets its name only when all of it is on the disk.
Until the old ones are removed, what they say is said twice, which changes nothing: an entry wins by its rank, wherever
it is. And the index is amended before anything is removed.
"""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress

from plait.stores.local import owners, segments
from plait.stores.local.index import Segment
from plait.stores.local.layout import Layout, create_file, remove, sync_folder

_FULL = 64 << 20  # bytes: a segment is not made larger, so that a later clean-up need not write all of them anew


class Moved:
    """New segments, and which entry of an old one is where in them."""

    def __init__(self) -> None:
        self.segments: dict[str, Segment] = {}
        self.writers: dict[tuple[str, int], int] = {}  # by old place
        self.bytes = 0


def rewritten(layout: Layout, names: Sequence[str], wanted: Callable[[tuple[str, int]], bool]) -> Moved:
    """Writes what is wanted of some segments into new ones, which are on the disk when this returns.

    `wanted` is asked with the name of a segment, and where an entry ends in it.
    """
    moved = Moved()
    layout.make(layout.tmp)
    writing: _Part | None = None
    try:
        for name in names:
            for entry, end in segments.read(os.path.join(layout.segments, name)):
                if segments.kind(entry) in (segments.OWNER, segments.END) or not wanted((name, end)):
                    continue
                if writing is None:
                    writing = _Part(layout, name)
                writing.add(entry)
                moved.writers[name, end] = writing.number
                if writing.size >= _FULL:
                    writing.publish(moved)
                    writing = None
        if writing is not None:
            writing.publish(moved)
    except BaseException:
        if writing is not None:
            writing.give_up()
        raise
    if moved.segments:
        sync_folder(layout.segments)
    return moved


def appended(layout: Layout, kept: Sequence[segments.Entry]) -> None:
    """Writes entries to a segment of their own."""
    if not kept:
        return
    layout.make(layout.tmp)
    layout.make(layout.segments)
    writing = _Part(layout, f"{min(map(segments.stamp, kept)):020d}")
    for entry in kept:
        writing.add(entry)
    writing.publish(Moved())
    sync_folder(layout.segments)


def removed(layout: Layout, names: Sequence[str]) -> None:
    """Removes segments that were written anew."""
    for name in names:
        remove(os.path.join(layout.segments, name))
    with suppress(OSError):
        sync_folder(layout.segments)


def entry(layout: Layout, name: str, end: int, size: int) -> list[segments.Entry]:
    """One entry, by the name of its segment, where it ends, and its size; none if it is not there any more."""
    with suppress(OSError):
        for found, _ in segments.read(os.path.join(layout.segments, name), end - size):
            return [found]
    return []


class _Part:
    """A segment that is being written."""

    def __init__(self, layout: Layout, like: str) -> None:
        self.name = f"{like[:20]}-{os.urandom(8).hex()}.seg"  # its place in the order of names
        self.number = segments.writer_of(self.name)
        self._layout = layout
        self._last = int(like[:20])
        self._path = layout.temporary()
        self._file = os.fdopen(create_file(self._path), "wb", 1 << 20)
        head = segments.MAGIC + segments.pack(segments.OWNER, self._last, owners.me().encode())
        self._file.write(head)
        self.size = len(head)

    def add(self, entry: segments.Entry) -> None:
        """Adds an entry as it is: its stamp says what came first."""
        self._file.write(entry)
        self.size += len(entry)
        self._last = max(self._last, segments.stamp(entry))

    def publish(self, moved: Moved) -> None:
        """Gives it its name, once it is whole."""
        end = segments.pack(segments.END, self._last, b"")
        self._file.write(end)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        os.replace(self._path, os.path.join(self._layout.segments, self.name))
        self.size += len(end)
        moved.segments[self.name] = Segment(self.size, self._last, True)
        moved.bytes += self.size

    def give_up(self) -> None:
        """Leaves nothing behind."""
        with suppress(OSError):
            self._file.close()
        remove(self._path)
