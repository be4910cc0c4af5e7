"""Cleaning up: takes what no recent, tagged or living run used, in an order that leaves no record without its bytes.

1. Rows of the index go first: from then on nobody finds them.
2. Then the pins of living processes are looked at. A process writes down what it asks for before it asks; so whatever
   it found before the row went is named there, and stays: its row comes back.
3. The segments are written anew without what goes: see `compacting`.
4. Blobs that no record needs go last. Each is moved aside and looked at once more: whoever puts a blob that is there
   already gives it a new time first. So either that is seen, and it is put back, or it is gone and they write it again.

Nobody waits for anything but the reading of segments into an index, which must not bring back what goes. Cut off at any
point, it leaves at most blobs that the next clean-up takes.
"""

import os
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from zlib import crc32

from plait.core.retention import blobs_of, condemned
from plait.errors import StoreError
from plait.ports import Collected, Limits
from plait.stores.local import catalogue, compacting, locks, pins, recovery, segments, sqlite
from plait.stores.local.bodies import record_of
from plait.stores.local.catalogue import Catalogue
from plait.stores.local.index import Amendment, Index, Rows, connect, number, short
from plait.stores.local.layout import NOT_WRITABLE, Layout, refused, remove

_BLOB = re.compile(r"[0-9a-f]{64}")
_ELSEWHERE = 30 * 24 * 3600.0  # seconds that what came from elsewhere may be unused, where no age is given
_TICK = 0.02  # seconds by which the clock of a file system may be behind the one that runs go by
_SMALL = 1 << 20  # bytes: segments below it are put together
_AT_ONCE = 20_000  # rows in one transaction, so that writers get their turn


def collect(layout: Layout, limits: Limits, *, dry_run: bool) -> Collected:
    """Takes what the limits let it, or says what that would be."""
    if not layout.exists():
        return Collected(0, 0, 0, 0, 0)
    if dry_run:
        return _Collection(layout, limits).told()
    with locks.held(layout, "gc", wait=False) as alone:
        if not alone:
            raise StoreError(f"another clean-up of {layout.root} is at work; wait until it is done")
        try:
            layout.make(layout.tmp)
            probe = layout.temporary()
            Path(probe).touch(0o600)
            remove(probe)
        except OSError as error:
            raise refused(layout.tmp, "clean up", error) if error.errno in NOT_WRITABLE else error from error
        return _Collection(layout, limits).done()


class _Collection:
    """One clean-up: what it goes by, and what it decides."""

    def __init__(self, layout: Layout, limits: Limits) -> None:
        self.layout, self.limits = layout, limits
        index = recovery.opened(layout)  # closes what the dead left open
        try:
            self.now = layout.now() or time.time()
            self.pins = pins.living(layout, sweep=True)
            self.catalogue = catalogue.read(layout)
            self._refuse_the_unknown()
            try:
                self.rescued = set(_blobs_of_rows(index, self.catalogue))
            except sqlite.errors() as error:
                if not sqlite.broken(error):
                    raise
                self.rescued = set()  # it says nothing that could be believed
                index.close()
                index = recovery.mended(layout)
        finally:
            index.close()
        self.horizon = min([int((self.now - limits.grace - _TICK) * 1e9), *(pin.born for pin in self.pins)])
        self.sizes = dict(blob_sizes(layout))
        self.held = {key for pin in self.pins for key in pin.keys}
        self.results = self.catalogue.results(self.held)
        self.texts = self.catalogue.texts()
        gone = condemned(
            [*self.results, *self.texts],
            self.sizes,
            now=self.now + _TICK,
            age=limits.age,
            size=limits.size,
            grace=limits.grace,
        )
        self.gone = {key for key in gone if not key.startswith(catalogue.TEXTS)}
        self.kept_texts = {blob for one in self.texts if one.key not in gone for blob in one.blobs}

    def _refuse_the_unknown(self) -> None:
        found = self.catalogue
        if found.later or found.strange:
            what = ", ".join(found.later[:3]) or f"{len(found.strange)} entries"
            raise StoreError(
                f"{self.layout.root} holds records of a later plait ({what}), and what they use cannot be known; "
                "clean up with that version"
            )
        if found.unread:
            raise StoreError(
                f"{os.path.join(self.layout.segments, found.unread[0])} cannot be read, and what it uses cannot be "
                "known. Run `plait store doctor`"
            )

    # what would be done

    def told(self) -> Collected:
        used = self._used()
        free = [blob for blob in self.sizes if blob not in used and self._is_old(blob)]
        own = sum(self.catalogue.records[key].size for key in self.gone)
        return self._summed(len(free), own + sum(self.sizes[blob] for blob in free))

    def _summed(self, blobs: int, freed: int) -> Collected:
        left = [one for one in self.results if one.key not in self.gone]
        needed = {blob for one in left for blob in one.blobs} | self.kept_texts
        kept = sum(one.size for one in left) + sum(self.sizes.get(blob, 0) for blob in needed)
        return Collected(len(self.gone), blobs, freed, len(left), kept, tuple(self._remarks(kept)))

    def _remarks(self, kept: int) -> Iterator[str]:
        if self.limits.size is not None and kept > self.limits.size:
            why = sorted({one.kept or "recent" for one in self.results if one.key not in self.gone})
            yield f"what is left is over the limit of {self.limits.size:,} bytes: it is {', '.join(why)}"
        others = [pin for pin in self.pins if pin.pid != os.getpid()]
        if others:
            who = ", ".join(f"{pin.pid} on {pin.host}" for pin in others[:5])
            yield f"living processes hold on to what they used and made since they began: {who}"

    # doing it

    def done(self) -> Collected:
        before = sum(one.size for one in self.catalogue.segments.values())
        with locks.held(self.layout, "index"):
            index = self._index()
            try:
                self._take_rows(index)
                after = self._take_entries(index)
                if not self.pins:
                    index.shrink()
            finally:
                index.close()
        self.layout.sweep()
        notes = set(self._take_notes())
        used = self._used() | notes
        links = _links(self.layout)
        freed = taken = 0
        for blob in [blob for blob in self.sizes if blob not in used]:
            size = self._retired(_place(self.layout, blob))
            if size is not None:
                taken, freed = taken + 1, freed + size
                for link in links.get(blob, ()):
                    remove(link)
        self._take_old(self.layout.quarantine)
        return self._summed(taken, freed + max(before - after, 0))

    def _index(self) -> Index:
        index = connect(self.layout.index)
        if not index.writable:
            index.close()
            raise StoreError(f"{self.layout.index} cannot be written to; run `plait store doctor`")
        return index

    def _take_rows(self, index: Index) -> None:
        lines = [self.catalogue.records[key] for key in self.gone]
        code = [] if self.pins else [short(name) for name in self._unused_code()]
        for some in _some([(short(line.key), line.rank, line.writer) for line in lines]):
            index.amend(Amendment(gone=some))
        index.amend(Amendment(code=code))
        held = {key for pin in pins.living(self.layout) for key in pin.keys}
        back = [line for line in lines if short(line.key).hex() in held]
        if back:
            self.gone -= {line.key for line in back}
            rows = [
                (short(line.key), line.rank, line.writer, number(line.step), crc32(entry), entry)
                for line in back
                for entry in compacting.entry(self.layout, *line.place, line.size)
            ]
            index.write(Rows(rows, (), (), (), {}))

    def _take_entries(self, index: Index) -> int:
        """Writes the segments anew that hold what goes, or are many and small: the bytes of all that there are then."""
        found = self.catalogue
        kept = self._kept_places()
        weight = dict.fromkeys(found.segments, 0)
        for (name, _), size in kept.items():
            weight[name] += size
        closed = [name for name, one in found.segments.items() if one.closed]
        worth = [name for name in closed if weight[name] + segments.FRAME < found.segments[name].size]
        small = [name for name in closed if found.segments[name].size < _SMALL]
        names = sorted({*worth, *(small if len(small) > 1 else ())})
        moved = compacting.rewritten(self.layout, names, kept.__contains__)
        for table, rows in self._moves(moved).items():
            for some in _some(rows):
                index.amend(Amendment(moved={table: some}))
        index.amend(Amendment(segments=moved.segments))
        compacting.removed(self.layout, names)
        index.forget(names)
        others = sum(one.size for name, one in found.segments.items() if name not in names)
        return others + moved.bytes

    def _kept_places(self) -> dict[catalogue.Place, int]:
        """Where the entries lie that hold, and their sizes."""
        found = self.catalogue
        kept = {line.place: line.size for key, line in found.records.items() if key not in self.gone}
        unused = set() if self.pins else set(self._unused_code())
        kept.update({place: size for name, (place, size) in found.code.items() if name not in unused})
        kept.update({row.place: row.size for row, _ in found.runs.values()})
        kept.update({row.place: row.size for row, _ in found.accepted.values()})
        return kept

    def _moves(self, moved: compacting.Moved) -> dict[str, list[tuple[int, bytes, int, int]]]:
        """The rows of the index whose entries have another writer now."""
        found, writers = self.catalogue, moved.writers
        return {
            "records": [
                (writers[line.place], short(key), line.rank, line.writer)
                for key, line in found.records.items()
                if line.place in writers
            ],
            "runs": [
                (writers[row.place], short(name), row.stamp, row.writer)
                for name, (row, _) in found.runs.items()
                if row.place in writers
            ],
            "accepted": [
                (writers[row.place], short(key), row.stamp, row.writer)
                for key, (row, _) in found.accepted.items()
                if row.place in writers
            ],
        }

    def _unused_code(self) -> Iterable[str]:
        found = self.catalogue
        used = {line.code for key, line in found.records.items() if key not in self.gone}
        for _, one in found.accepted.values():
            used |= {one.before, one.record.code}
        return [name for name in found.code if name not in used]

    def _used(self) -> set[str]:
        left = (line for key, line in self.catalogue.records.items() if key not in self.gone)
        mine = {blob for line in left for blob in line.blobs} | self.catalogue.accepted_blobs() | self.rescued
        mine |= self.kept_texts
        return mine.union(*map(self._used_of, _nested(self.layout)))

    def _used_of(self, layout: Layout) -> set[str]:
        """The blobs that runs here have from another place, whose records are kept apart: what they used lately."""
        since = self.now - max(self.limits.grace, _ELSEWHERE if self.limits.age is None else self.limits.age)
        held = {key for pin in pins.living(layout) for key in pin.keys}
        uses, tagged = self.catalogue.uses(), self.catalogue.tagged()
        return {
            blob
            for key, line in catalogue.read(layout).records.items()
            if uses.get(key, 0.0) > since or key in tagged or short(key).hex() in held
            for blob in line.blobs
        }

    def _take_notes(self) -> Iterator[str]:
        """Forgets what was fetched from elsewhere and not used for long; gives the blobs of the rest."""
        age = _ELSEWHERE if self.limits.age is None else self.limits.age
        until = min(int((self.now - age) * 1e9), self.horizon)
        for path in _files(self.layout.notes):
            with suppress(OSError):
                text = Path(path).read_text("utf-8", "replace")
                if self._retired(path, until) is None:
                    yield from _BLOB.findall(text)

    def _take_old(self, folder: str) -> None:
        for path in _files(folder):
            with suppress(OSError):
                if os.lstat(path).st_ctime < self.now - max(self.limits.age or _ELSEWHERE, self.limits.grace):
                    remove(path)

    def _is_old(self, blob: str) -> bool:
        try:
            return os.lstat(_place(self.layout, blob)).st_mtime_ns < self.horizon
        except OSError:
            return False

    def _retired(self, path: str, until: int | None = None) -> int | None:
        """Removes a file that nobody has touched since: its size; none, if it stays."""
        until = self.horizon if until is None else until
        aside = self.layout.temporary()
        try:
            if os.lstat(path).st_mtime_ns >= until:
                return None
            os.replace(path, aside)
            looks = os.lstat(aside)
            if looks.st_mtime_ns >= until:  # between the two somebody wanted it again
                os.replace(aside, path)
                return None
        except OSError:
            return None
        remove(aside)
        return looks.st_size


def blob_sizes(layout: Layout) -> Iterator[tuple[str, int]]:
    """The blobs that are there, and their sizes."""
    for shard in _listed(layout.blobs):
        folder = os.path.join(layout.blobs, shard)
        with suppress(OSError), os.scandir(folder) as found:
            for one in found:
                if _BLOB.fullmatch(shard + one.name) and one.is_file(follow_symlinks=False):
                    with suppress(OSError):
                        yield shard + one.name, one.stat(follow_symlinks=False).st_size


def _nested(layout: Layout) -> list[Layout]:
    """The stores within this one: the records of a place behind it, whose blobs are here."""
    return [Layout(str(path.parent)) for path in sorted(Path(layout.root).glob("remotes/*/*/FORMAT"))]


def _place(layout: Layout, blob: str) -> str:
    return os.path.join(layout.blobs, blob[:2], blob[2:])


def _links(layout: Layout) -> dict[str, list[str]]:
    """The other names of blobs."""
    found: dict[str, list[str]] = {}
    for shard in _listed(layout.links):
        for path in _files(os.path.join(layout.links, shard)):
            found.setdefault(Path(path).name[:64], []).append(path)
    return found


def _files(folder: str) -> list[str]:
    return [os.path.join(folder, name) for name in _listed(folder)]


def _listed(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _blobs_of_rows(index: Index, known: Catalogue) -> Iterator[str]:
    """Blobs of records that only the index has any more, since their segment was damaged: `check` writes them anew."""
    keys = {short(key) for key in known.records}
    for table, name, entry in index.contents():
        if table == "records" and name not in keys and segments.sound(entry):
            record = record_of(segments.body(entry))
            if record is not None:
                yield from blobs_of(record.artifact)


def _some(rows: Sequence[tuple]) -> Iterator[Sequence[tuple]]:  # type: ignore[type-arg] # rows of any table
    for start in range(0, len(rows), _AT_ONCE):
        yield rows[start : start + _AT_ONCE]
