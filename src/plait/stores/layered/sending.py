"""Carries what is new to the far place, beside the run: the blobs of a batch first, then its records in one segment.

What is put has a name made of its content, so that a put which was done though it looked failed is done again without
harm. What cannot be sent stays in the outbox.
"""

import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager

from plait.errors import ArtifactLost, StoreError
from plait.ports import Blobs, Objects
from plait.stores.layered import entries
from plait.stores.layered.outbox import Batch
from plait.stores.layered.signing import Keyring, day_of
from plait.stores.layered.threads import Threads

_PAUSE = 60.0  # seconds after a failure in which nothing else is tried


def place_of(blob: str) -> str:
    """The name of a blob's bytes in the far place."""
    return f"blobs/{blob[:2]}/{blob[2:]}"


class Sender:
    """One run's way to the far place."""

    def __init__(self, near: Blobs, far: Objects, keyring: Keyring, threads: Threads) -> None:
        self._near, self._far, self._keyring, self._threads = near, far, keyring, threads
        self._blobs: dict[str, Future[bool]] = {}
        self._going: dict[Future[None], Batch] = {}
        self._failed: list[Batch] = []
        self._down: tuple[float, Exception | None] = (0.0, None)

    @property
    def failure(self) -> Exception | None:
        """Why something could not be sent, most recently."""
        return self._down[1]

    def blob(self, blob: str) -> "Future[bool]":
        """Sends a blob, once."""
        known = self._blobs.get(blob)
        if known is None or (known.done() and (known.exception() is not None or not known.result())):
            known = self._blobs[blob] = self._threads.submit(lambda: self._put_blob(blob))
        return known

    def batch(self, batch: Batch) -> None:
        """Sends a batch that nothing will be added to."""
        blobs = {blob: self.blob(blob) for blob in batch.blobs}  # before the batch, or it would wait for those behind
        self._going[self._threads.submit(lambda: self._put_batch(batch, blobs))] = batch

    def left(self, batches: Iterable[Batch]) -> None:
        """Sends batches that an earlier run could not."""
        for batch in batches:
            for kind, body in entries.unpacked(batch.content()):
                record = entries.record_of(body) if kind in (entries.RECORD, entries.NEWEST) else None
                batch.blobs.update(dict.fromkeys(entries.blobs(record.artifact) if record is not None else ()))
                run = entries.run_of(body) if kind == entries.RUN else None
                if run is not None and run.bulk:
                    batch.blobs[run.bulk] = None
            self.batch(batch)

    def look(self) -> None:
        """Sends once more what failed, if something may have changed since."""
        for future in [future for future in self._going if future.done()]:
            batch = self._going.pop(future)
            if future.exception() is not None:
                self._failed.append(batch)
        if self._failed and time.monotonic() > self._down[0]:
            again, self._failed = self._failed, []
            for batch in again:
                self.batch(batch)

    def finish(self) -> list[Batch]:
        """Waits until all is sent, or has failed once more; what could not be."""
        self._wait()
        self._down = (0.0, self._down[1])
        self.look()
        self._wait()
        return self._failed

    def abandon(self) -> None:
        """Lets others send what is left."""
        for batch in (*self._failed, *self._going.values()):
            batch.release()

    def _wait(self) -> None:
        for future in list(self._going):
            error = future.exception()  # waits
            batch = self._going.pop(future)
            if error is not None:
                self._failed.append(batch)

    def _put_blob(self, blob: str) -> bool:
        """Is it there now? No, if it is gone from here too."""
        self._check()
        try:
            path = self._near.path(blob)
        except ArtifactLost:
            return False
        with self._noting():
            if self._far.size(place_of(blob)) != os.stat(path).st_size:
                self._far.put(str(path), place_of(blob))
        return True

    def _put_batch(self, batch: Batch, blobs: "dict[str, Future[bool]]") -> None:
        there = {blob for blob, future in blobs.items() if future.result()}
        kept = b"".join(entries.packed(*entry) for entry in entries.unpacked(batch.content()) if _whole(entry, there))
        if kept:
            self._check()
            name, content = self._keyring.sealed(kept, batch.stamp)
            fd, path = tempfile.mkstemp(prefix="plait-")
            try:
                with open(fd, "wb") as file:
                    file.write(content)
                with self._noting():
                    self._far.put(path, f"segments/{day_of(batch.stamp / 1e9)}/{name}")
            finally:
                os.remove(path)
        batch.remove()

    def _check(self) -> None:
        until, error = self._down
        if error is not None and time.monotonic() < until:
            raise StoreError(str(error))

    @contextmanager
    def _noting(self) -> Iterator[None]:
        """Notes that the far place cannot be reached, so that what comes next does not find out one by one."""
        try:
            yield
        except Exception as error:
            self._down = (time.monotonic() + _PAUSE, error)
            raise


def _whole(entry: entries.Entry, there: set[str]) -> bool:
    if entry.kind not in (entries.RECORD, entries.NEWEST):
        return True
    record = entries.record_of(entry.body)
    return record is not None and set(entries.blobs(record.artifact)) <= there
