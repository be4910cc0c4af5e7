"""Looking at what is around a store: what may hurt it some day, and what was left behind. Nothing is changed."""

import os
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from plait.errors import StoreError
from plait.ports import Found, RunRow
from plait.stores.local import catalogue, filesystems, owners, pins, segments, sqlite
from plait.stores.local.layout import ABANDONED, VERSION, Layout

_LITTLE = 1 << 30  # bytes of free space, below which we say so
_SKEW = 2.0  # seconds between clocks that nobody need care about
_OLD = 30 * 24 * 3600.0  # seconds that a process may hold things without being asked about
_MANY_SEGMENTS = 2000  # files that each opening lists


def diagnose(layout: Layout) -> list[Found]:
    """What was found, each with the next move."""
    try:
        if not layout.exists():
            return [Found("note", f"there is no store in {layout.root}", "A run makes it")]
    except StoreError as error:
        return [Found("bad", str(error))]
    looks = (_place, _database, _permissions, _space, _clock, _leavings, _runs, _segments)
    return [found for look in looks for found in look(layout)]


def _place(layout: Layout) -> Iterator[Found]:
    kind = filesystems.kind_of(layout.root)
    where = f"{layout.root}: a store of format {VERSION}, on {kind or 'a file system that does not say its kind'}"
    if filesystems.holds_databases(layout.root):
        yield Found("fine", where)
        return
    yield Found(
        "note",
        f"{where}, which other machines can write to; a database would be damaged there",
        f"The index is kept on this machine, in {layout.index}. Where that is slow, "
        "keep the store on a local disk and share results by a remote store",
    )


def _database(layout: Layout) -> Iterator[Found]:
    import sqlite3

    version = sqlite3.sqlite_version
    if sqlite.wal_is_sound(sqlite3.sqlite_version_info):
        yield Found("fine", f"SQLite {version}, with a write-ahead log")
    else:
        what = f"SQLite {version}, whose write-ahead log may damage a database; so a journal is used, which is slower"
        yield Found("fine", what, "A Python with SQLite 3.51.3 or later would write the index a little quicker")
    if not os.path.exists(layout.index):
        yield Found("note", f"there is no index at {layout.index}", "The next run makes it from the segments")


def _permissions(layout: Layout) -> Iterator[Found]:
    if not os.access(layout.root, os.W_OK):
        what = f"{layout.root} can only be read: what is known is used, what is new is kept for one run"
        yield Found("note", what, "To keep results, give yourself the right to write to it")
    if os.name == "nt":
        return
    shared, strange = [], []
    for folder in (layout.root, layout.blobs, layout.segments):
        with suppress(OSError):
            looks = os.stat(folder)
            if looks.st_mode & stat.S_IWOTH:
                yield Found(
                    "bad",
                    f"anybody can write to {folder}, so that no pickle is read from this store",
                    f"Take that right away: chmod o-w {folder}",
                )
            elif looks.st_mode & stat.S_IWGRP:
                shared.append(folder)
            if looks.st_uid not in (os.geteuid(), 0):
                strange.append(folder)
    if shared:
        what = "the group can write to this store, so that no unsigned pickle is read from it"
        yield Found("note", what, f"If it is not meant to be shared: chmod -R g-w {layout.root}")
    elif strange:
        what = f"{strange[0]} belongs to somebody else, so that no unsigned pickle is read from this store"
        yield Found("note", what, "Use a store of your own, or a signed one")


def _space(layout: Layout) -> Iterator[Found]:
    free = shutil.disk_usage(layout.root).free
    if free < _LITTLE:
        yield Found("bad", f"{free:,} bytes are free on the disk", "Run `plait store gc`, or move the store")
    else:
        yield Found("fine", f"{free:,} bytes are free on the disk")


def _clock(layout: Layout) -> Iterator[Found]:
    there = layout.now()
    skew = there - time.time() if there else 0.0
    if abs(skew) > _SKEW:
        what = (
            f"the clock of the file system is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} this machine's"
        )
        yield Found("note", what, "No result hangs on it; ages may be wrong by as much. Set the clocks by NTP")
    newest = max((int(name[:20]) for name in segments.names(segments.listed(layout.segments))), default=0)
    ahead = newest / 1e9 - time.time()
    if ahead > max(_SKEW, 60.0):
        what = f"somebody wrote here whose clock is {ahead / 3600:.1f} h ahead of this machine's"
        yield Found("note", what, "No result hangs on it; what was made then counts as recent until that time")


def _leavings(layout: Layout) -> Iterator[Found]:
    files = _files(layout.tmp)
    dead = [path for path in files if owners.dead(Path(path).name.rpartition("-")[0]) is True]
    if dead:
        what = f"{len(dead)} unfinished files of dead processes, {_weight(dead):,} bytes, in {layout.tmp}"
        yield Found("note", what, "The next run or clean-up removes them")
    odd = [path for path in files if _age(path) > ABANDONED and path not in dead]
    if odd:
        what = f"{len(odd)} files are in {layout.tmp} for more than a day, {_weight(odd):,} bytes"
        yield Found("note", what, "If no run is that old, remove them")
    quarantined = _files(layout.quarantine)
    if quarantined:
        what = f"{len(quarantined)} damaged files, {_weight(quarantined):,} bytes, in {layout.quarantine}"
        move = (
            "Something damaged them: look at the disk (dmesg, smartctl). Remove them when you have; `gc` will in time"
        )
        yield Found("bad", what, move)
    for pin in pins.living(layout):
        if pin.pid != os.getpid() and time.time() - pin.born / 1e9 > _OLD:
            what = f"the process {pin.pid} on {pin.host} holds results since {time.ctime(pin.born / 1e9)}"
            yield Found("note", what, "If it is a forgotten notebook, end it; until then `gc` keeps what it used")


def _runs(layout: Layout) -> Iterator[Found]:
    died: list[RunRow] = []
    away: list[RunRow] = []
    signs = pins.signs_of_life(layout)
    for _, run in catalogue.read(layout).runs.values():
        if run.status != "running" or run.process[:2] in signs:
            continue
        (died if owners.died(*run.process) else away).append(run)
    if died:
        what = f"{len(died)} runs ended without saying so, the last {max(run.id for run in died)}: their processes died"
        yield Found("note", what, "Run them again: what they had made is used")
    away = [run for run in away if owners.elsewhere(run.process[0])]
    if away:
        what = f"{len(away)} runs of other machines are said to run and give no sign of life"
        yield Found("note", what, f"Ask on {', '.join(sorted({run.process[0] for run in away})[:5])}")


def _segments(layout: Layout) -> Iterator[Found]:
    known = catalogue.read(layout)
    for name in known.unread:
        yield Found(
            "bad", f"{os.path.join(layout.segments, name)} cannot be read", "Look at who may read it, and the disk"
        )
    if known.later or known.strange:
        what = "there are records of a later plait here, which this one leaves out"
        yield Found("note", what, "Use the later version; `gc` refuses to judge what it cannot read")
    odd = [name for name in segments.listed(layout.segments) if name not in segments.names({name})]
    if odd:
        what = f"{len(odd)} files in {layout.segments} are no segments, such as {sorted(odd)[0]}"
        yield Found("note", what, "Look at them, and remove them if they are not yours")
    hurt = [name for name, one in known.segments.items() if one.closed and one.sound < one.size]
    if hurt:
        yield Found("note", f"{len(hurt)} segments were cut off or damaged", "Run `plait store check`")
    if len(known.segments) > _MANY_SEGMENTS:
        what = f"{len(known.segments):,} segments, which each opening lists"
        yield Found("note", what, "Run `plait store gc`, which puts them together")


def _files(folder: str) -> list[str]:
    try:
        return sorted(os.path.join(folder, name) for name in os.listdir(folder))
    except OSError:
        return []


def _weight(paths: list[str]) -> int:
    total = 0
    for path in paths:
        with suppress(OSError):
            total += os.lstat(path).st_size
    return total


def _age(path: str) -> float:
    try:
        return time.time() - os.lstat(path).st_mtime
    except OSError:
        return 0.0
