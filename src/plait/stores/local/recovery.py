"""Brings an index up to what is in the segments: after a crash, beside other writers, or when it has to be made again.

An index that cannot be used, for whatever reason, is never an error: it is made again, and in memory where the folder
cannot be written to. All that it could say is in the segments.
"""

import os
from pathlib import Path

from plait.stores.local import owners, segments
from plait.stores.local.index import Index, Segment, connect
from plait.stores.local.layout import Layout, remove
from plait.stores.local.pending import Pending
from plait.stores.local.sqlite import MEMORY, broken, errors, replace

_UNSEEN = Segment(0, 0, False)
_AT_ONCE = 5000  # rows in one transaction


def opened(layout: Layout) -> Index:
    """The index of a store, with all that is in the segments."""
    try:
        return _caught_up(connect(layout.index), layout)
    except errors() as error:
        return mended(layout) if broken(error) else in_memory(layout)


def mended(layout: Layout) -> Index:
    """The index of a store, made again from the segments."""
    part = layout.temporary()
    try:
        layout.make(layout.tmp)
        _caught_up(connect(part, passing=True), layout).close()
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
        known = index.unfinished()
        ahead = Pending()
        for name in segments.names(segments.listed(layout.segments) - index.finished()):
            _read_on(index, os.path.join(layout.segments, name), known.get(name, _UNSEEN), ahead)
        if ahead.segments and (index.writable or ahead):
            index.write(ahead.rows())
        index.after()  # raises, where it cannot be true
    except BaseException:
        index.close()
        raise
    return index


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
