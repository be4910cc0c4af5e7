"""Checking a store: every byte is read, against the name or the checksum that says what it must be; and mended.

A damaged blob goes to the quarantine, and what needs it is made again when it is read. An entry that is damaged in its
segment but whole in the index is written anew from there. An index that does not say what the segments say is made
again. What only saves time is removed where it is damaged.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path

from plait.ports import Found
from plait.stores.local import catalogue, compacting, locks, recovery, segments, sqlite
from plait.stores.local.blobs import LocalBlobs
from plait.stores.local.catalogue import Catalogue
from plait.stores.local.collecting import blob_sizes
from plait.stores.local.filesystems import holds_databases
from plait.stores.local.hashing import hash_of
from plait.stores.local.index import connect
from plait.stores.local.layout import Layout, remove

_MANY = 5  # examples of a kind
_FIXED = "Nothing was mended: the store can only be read"


def check(layout: Layout) -> list[Found]:
    """What is wrong, and what was done about it; the last line says what was read."""
    if not layout.exists():
        return [Found("note", f"there is no store in {layout.root}", "A run makes it")]
    found = [*_segments(layout), *_index(layout), *_blobs(layout), *_links(layout)]
    known = catalogue.read(layout)
    blobs = dict(blob_sizes(layout))
    found += _lost(layout, known)
    if not any(one.level == "bad" for one in found):
        total = sum(blobs.values()) + sum(one.size for one in known.segments.values())
        said = f"{len(known.records):,} records, {len(blobs):,} blobs: {total:,} bytes are what they were"
        found.append(Found("fine", said))
    return found


# segments: what they lost, the index may still have


def _segments(layout: Layout) -> Iterator[Found]:
    with locks.held(layout, "index"):
        known = catalogue.read(layout)
        hurt = [name for name, one in known.segments.items() if one.closed and _is_hurt(layout, name, one)]
        saved = list(_only_in_index(layout, known))
        fixed = not os.access(layout.segments, os.W_OK)
        if not fixed:
            compacting.appended(layout, saved)
            for name in hurt:
                _written_anew(layout, name)
    for name in known.unread:
        path = os.path.join(layout.segments, name)
        yield Found("bad", f"{path} cannot be read", "Look at the disk, and at who may read the file")
    lost = sum(known.segments[name].size - known.segments[name].sound for name in hurt)
    if hurt:
        what = f"{_counted(hurt, 'segment')} damaged, {lost:,} bytes of them: {_some(hurt)}"
        yield Found(
            "bad",
            what,
            _FIXED if fixed else f"What is whole was written anew; the old files are in {layout.quarantine}",
        )
    if saved:
        what = f"{_counted(saved, 'entry', 'entries')} in the index only"
        yield Found("bad", what, _FIXED if fixed else "They were written to a segment again")


def _is_hurt(layout: Layout, name: str, one: catalogue.Segment) -> bool:
    """Is something of it damaged? That its end was cut off is no damage: it was never kept."""
    path = os.path.join(layout.segments, name)
    end = max((end for _, end in segments.read(path)), default=len(segments.MAGIC))
    return end != one.sound or not segments.torn(path, end)


def _written_anew(layout: Layout, name: str) -> None:
    path = os.path.join(layout.segments, name)
    compacting.rewritten(layout, [name], lambda _: True)
    layout.make(layout.quarantine)
    os.replace(path, os.path.join(layout.quarantine, f"{name}-{os.urandom(4).hex()}"))


def _only_in_index(layout: Layout, known: Catalogue) -> Iterator[segments.Entry]:
    """Sound entries of the index that are in no segment. An index that is kept apart may be behind, not ahead."""
    if not holds_databases(layout.root) or not os.path.exists(layout.index):
        return
    there = known.shorts()
    try:
        with closing(connect(layout.index)) as index:
            found = list(index.contents())
    except sqlite.errors():
        return
    for table, name, entry in found:
        if name not in there[table] and segments.sound(entry):
            yield entry


# the index: it must say what the segments say


def _index(layout: Layout) -> Iterator[Found]:
    if not os.path.exists(layout.index):
        return
    if not any(_says_the_same(layout) for _ in range(2)):  # twice: a run may go on meanwhile
        index = recovery.rebuilt(layout)
        move = "It was made again from them" if index.writable else _FIXED
        index.close()
        yield Found("bad", f"{layout.index} did not say what the segments say", move)


def _says_the_same(layout: Layout) -> bool:
    try:
        with closing(connect(layout.index)) as index:
            before = set(index.contents()) if index.is_sound() and index.agrees() else None
        with closing(recovery.opened(layout)) as index, closing(recovery.in_memory(layout)) as right:
            return before is not None and before <= set(right.contents()) == set(index.contents())
    except sqlite.errors():
        return False


# blobs, and their other names


def _blobs(layout: Layout) -> Iterator[Found]:
    blobs = LocalBlobs(layout.root)
    bad = [blob for blob, _ in blob_sizes(layout) if not blobs.verify(blob)]
    if bad:
        move = f"They are in {layout.quarantine}; what needs them is made again when it is read"
        what = f"{_counted(bad, 'blob')} damaged: {_some(bad)}"
        yield Found("bad", what, move if os.access(layout.root, os.W_OK) else _FIXED)
    odd = [str(path) for path in Path(layout.blobs).glob("*/*") if not _is_blob(path)]
    if odd:
        yield Found(
            "note", f"{_counted(odd, 'file')} among the blobs but no blob: {_some(odd)}", "Remove what is not yours"
        )


def _is_blob(path: Path) -> bool:
    return len(path.parent.name + path.name) == 64 and path.is_file() and not path.is_symlink()


def _links(layout: Layout) -> Iterator[Found]:
    bad = []
    for path in Path(layout.links).glob("*/*"):
        with suppress(OSError):
            blob = Path(layout.blobs, path.name[:2], path.name[2:64])
            if (blob.exists() and path.samefile(blob)) or _hash(path) == path.name[:64]:
                continue
            remove(str(path))
            bad.append(path.name)
    if bad:
        yield Found("bad", f"{_counted(bad, 'name')} of blobs for other bytes: {_some(bad)}", "They were removed")


def _hash(path: Path) -> str:
    with open(path, "rb") as file:
        return hash_of(file.fileno())


def _lost(layout: Layout, known: Catalogue) -> Iterator[Found]:
    blobs = LocalBlobs(layout.root)
    lacking = [line.node for line in known.records.values() if not all(map(blobs.has, line.blobs))]
    if lacking:
        what = f"{_counted(lacking, 'result')} without all of its bytes: {_some(sorted(set(lacking)))}"
        yield Found("bad", what, "What is missing is made again when it is read")


def _counted(things: Sequence[object], one: str, many: str = "") -> str:
    return f"1 {one} is" if len(things) == 1 else f"{len(things):,} {many or one + 's'} are"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MANY:,} more" if len(names) > _MANY else ""
    return ", ".join(name[:12] if len(name) == 64 else name for name in names[:_MANY]) + more
