"""What others recorded, here: their segments are downloaded once, proved, and read into a store of ours.

There is one such store for each set of keys, since what is believed depends on them. It says which segments are in it
only after they are, so that one that was cut off by a crash is read again; the same record twice is one record.
"""

import os
import re
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from plait.core.records import Acceptance
from plait.errors import PlaitError, StoreError
from plait.ports import Ledger, Objects
from plait.stores.layered import entries
from plait.stores.layered.signing import NAME, Keyring, UnsignedError, UnsoundError, day_of, whole
from plait.stores.layered.telling import warn_once
from plait.stores.layered.threads import Threads

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DAILY = 24 * 3600.0
_MOST = 256 << 20  # bytes of a segment; ours have a few megabytes
_AGAIN = 30.0  # seconds after which a run looks for what is new


class Mirror:
    """The records of others, as of the last time that we looked."""

    def __init__(self, folder: str, ledger: Ledger, far: Objects, keyring: Keyring, threads: Threads) -> None:
        self.ledger = ledger
        self._list = os.path.join(folder, "seen")
        self._far, self._keyring, self._threads = far, keyring, threads
        self._known = _lines(self._list)
        self._lock = threading.Lock()
        self._looked = 0.0
        self._all = os.path.join(folder, "all")  # when all was looked at, as the time of a file
        self._listeners: list[Callable[[Sequence[entries.Entry]], None]] = []

    def listen(self, listener: Callable[[Sequence[entries.Entry]], None]) -> None:
        """Has `listener` told of all entries that come in."""
        self._listeners.append(listener)

    def look_again(self) -> None:
        """Looks for what is new in the background, unless that was done just now."""
        if time.monotonic() - self._looked > _AGAIN and self._lock.acquire(blocking=False):
            self._lock.release()
            self._looked = time.monotonic()
            self._threads.submit(self._quietly)

    def look(self) -> None:
        """Takes in all segments that are new. `StoreError` if the far place cannot be reached."""
        with self._lock:
            self._looked = time.monotonic()
            days = self._days()
            failed = threading.Event()
            coming = {
                name: self._threads.submit(_fetching(self._far, name, failed))
                for name in sorted(self._listed(days), key=_base)  # the oldest first
                if name not in self._known
            }
            done: list[str] = []
            try:
                for name, future in coming.items():
                    if self._taken(name, future):
                        done.append(name)
            finally:
                failed.set()
                if done:
                    self._remember(done)
            if days is None:
                _touch(self._all)

    def _days(self) -> set[str] | None:
        """The days that are not over, or new to us; none for all, once a day, since some segments are sent late."""
        now = time.time()
        if not 0 <= now - _changed(self._all) < _DAILY:
            return None
        # as the clocks of others may have it
        return {day_of(now + shift * _DAILY) for shift in (-1, 0, 1)}

    def _listed(self, days: set[str] | None) -> Iterator[str]:
        known = {name.partition("/")[0] for name in self._known}
        there = sorted(filter(_DAY.fullmatch, self._far.names("segments")))
        wanted = [day for day in there if days is None or day in days or day not in known]
        listings = {day: self._threads.submit(partial(self._far.names, f"segments/{day}")) for day in wanted}
        for day, listing in listings.items():
            yield from (f"{day}/{name}" for name in listing.result() if NAME.fullmatch(name))

    def _taken(self, name: str, coming: "Future[bytes]") -> bool:
        """Takes in a segment. Is that all, or shall it be fetched again next time?"""
        try:
            content = self._keyring.opened(_base(name), coming.result())
        except FileNotFoundError:  # removed since
            return False
        except UnsoundError as error:
            warn_once(self._far.url, name, f"{self._far.url}/segments/{name} {error}, and is left out")
            return False
        except UnsignedError:
            warn_once(
                self._far.url,
                "strangers",
                f"{self._far.url} has results that were not signed with a key that is known here, and are left out: "
                "what they say is done again. `plait keys` lists the keys; see docs/how-to/share-a-cache.md",
            )
            return True
        self._take(list(entries.unpacked(content)))
        return True

    def _quietly(self) -> None:
        with suppress(PlaitError):  # the next run says it, when it begins
            self.look()

    def _take(self, found: Sequence[entries.Entry]) -> None:
        ledger = self.ledger
        records = {entry: record for entry in found if (record := _record(entry)) is not None}
        known = dict(ledger.find([record.key for record in records.values()])) if records else {}
        for entry, record in records.items():
            before, newest = known.get(record.key), entry.kind == entries.NEWEST
            if before is None or (newest and record.made >= before.made and record != before):
                ledger.add(record, newest=newest)
                known[record.key] = record
        said = {acceptance.record.key: acceptance for acceptance in ledger.accepted()}
        for kind, body in found:
            if kind == entries.CODE and (code := entries.code_of(body)) is not None:
                ledger.add_code(*code)  # type: ignore[arg-type] # a digest, as text
            if kind == entries.RUN and (run := entries.run_of(body)) is not None:
                ledger.add_run(run)
            accepted = entries.acceptance_of(body) if kind == entries.ACCEPTANCE else None
            if accepted is not None and is_news(accepted, said.get(accepted.record.key)):
                ledger.accept(accepted)
                said[accepted.record.key] = accepted
        for listener in self._listeners:
            listener(found)

    def _remember(self, names: Sequence[str]) -> None:
        self._known.update(names)
        with suppress(OSError):  # then they are read again
            fd = os.open(self._list, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
            try:
                os.write(fd, "".join(f"{name}\n" for name in names).encode())
            finally:
                os.close(fd)


def is_news(said: Acceptance, before: Acceptance | None) -> bool:
    """Was it said after what is known? That an acceptance was taken back is news, whatever clock that went by."""
    return before is None or (said.at, bool(said.withdrawn)) > (before.at, bool(before.withdrawn))


def _record(entry: entries.Entry) -> Any:
    return entries.record_of(entry.body) if entry.kind in (entries.RECORD, entries.NEWEST) else None


def _fetching(far: Objects, name: str, failed: threading.Event) -> Callable[[], bytes]:
    def fetch() -> bytes:
        if failed.is_set():
            raise StoreError("the far place could not be reached")
        for last in (False, True):
            with tempfile.TemporaryDirectory(prefix="plait-") as folder:
                path = Path(folder) / "segment"
                far.get(f"segments/{name}", str(path))
                if path.stat().st_size > _MOST:
                    raise UnsoundError("is too large to be a segment")
                content = path.read_bytes()
            if last or whole(_base(name), content):
                break
        return content

    return fetch


def _base(name: str) -> str:
    return name.rpartition("/")[2]


def _changed(path: str) -> float:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0


def _touch(path: str) -> None:
    with suppress(OSError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600))
        os.utime(path)


def _lines(path: str) -> set[str]:
    try:
        return set(Path(path).read_text("ascii", "replace").splitlines())
    except OSError:
        return set()
