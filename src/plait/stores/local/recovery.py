"""Brings an index up to what is in the segments: after a crash, beside other writers, or when it has to be made again.

An index that cannot be used, for whatever reason, is never an error: it is made again, and in memory where the folder
cannot be written to. All that it could say is in the segments.
"""

import os
from pathlib import Path

from plait.stores.local import locks, owners, segments
from plait.stores.local.filesystems import holds_databases, make_place
from plait.stores.local.index import Index, Rows, Segment, connect
from plait.stores.local.layout import Layout, remove
from plait.stores.local.pending import Pending
from plait.stores.local.sqlite import MEMORY, broken, damaged, errors, replace

_UNSEEN = Segment(0, 0, False)
_AT_ONCE = 5000  # rows in one transaction


def opened(layout: Layout, own: Rows | None = None) -> Index:
    """The index of a store, with all that is in the segments.

    `own` need not be read there again. It must be all of its segments, up to where it says that they end.
    """
    try:
        make_place(layout.index)
        index = connect(layout.index)
        if own is not None:
            try:
                index.write(own)
            except BaseException:
                index.close()
                raise
        return _caught_up(index, layout)
    except errors() as error:
        return mended(layout) if broken(error) else in_memory(layout)


def rebuilt(layout: Layout) -> Index:
    """The index of a store, made again from the segments, in the file where it is if nothing is wrong with that.

    A new file in its place would do, but SQLite finds a journal by the name of its file: whoever has the old one open
    would take the journal of the new one for its own.
    """
    try:
        make_place(layout.index)
        index = connect(layout.index)
        try:
            if not index.is_sound():
                raise damaged("SQLite finds it wrong")
            with locks.held(layout, "index", shared=True), index.emptied():
                _read(index, layout)
        except BaseException:
            index.close()
            raise
        return _caught_up(index, layout)
    except errors() as error:
        return mended(layout) if broken(error) else in_memory(layout)


def mended(layout: Layout) -> Index:
    """The index of a store, made again from the segments in a new file, since the old one cannot be believed."""
    part = layout.temporary() if holds_databases(layout.root) else f"{layout.index}-{os.urandom(8).hex()}"
    try:
        layout.make(layout.tmp)
        make_place(layout.index)
        with locks.held(layout, "index", shared=True):
            index = connect(part, passing=True)
            try:
                _read(index, layout)
            finally:
                index.close()
            replace(part, layout.index)
        return _caught_up(connect(layout.index), layout)
    except errors():
        return in_memory(layout)
    finally:
        remove(part)


def in_memory(layout: Layout) -> Index:
    """The index of a store whose folder cannot be used for it now."""
    return _caught_up(connect(MEMORY, passing=True), layout)


def _caught_up(index: Index, layout: Layout) -> Index:
    try:
        if index.finished() != segments.listed(layout.segments):
            # a clean-up must not be undone by who has begun to read what it takes
            with locks.held(layout, "index", shared=True):
                _read(index, layout)
        index.after()  # raises, where it cannot be true
    except BaseException:
        index.close()
        raise
    return index


def _read(index: Index, layout: Layout) -> None:
    """Takes in what the segments say and the index does not know."""
    known = index.unfinished()
    finished = index.finished()
    there = segments.listed(layout.segments)  # last, since a segment is there before an index says so
    if not known.keys() | finished <= there:
        raise damaged("it knows segments that are gone")
    ahead = Pending()
    for name in segments.names(there - finished):
        _read_on(index, os.path.join(layout.segments, name), known.get(name, _UNSEEN), ahead)
    if ahead.segments and (index.writable or ahead):
        index.write(ahead.rows())


def _read_on(index: Index, path: str, seen: Segment, ahead: Pending) -> None:
    name = Path(path).name
    number = segments.writer_of(name)
    try:
        # asked first: if the owner lives, it may go on writing behind our back
        final = owners.dead(segments.owner(path)) is True
        for entry, end in segments.read(path, seen.end):
            final = final or segments.kind(entry) == segments.END
            seen = Segment(end, segments.stamp(entry), False)
            ahead.take(entry, number)
            ahead.segments[name] = seen
            if len(ahead) >= _AT_ONCE:
                index.write(ahead.rows())
                ahead.clear()
    except OSError as error:
        segments.warn_once(path, f"cannot be read ({error.strerror}), and is left out")
        return
    if final:
        ahead.segments[name] = seen._replace(final=True)
