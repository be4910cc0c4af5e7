"""Blobs that are near, or are fetched when somebody reads them. Workers write here too, so it is small."""

import os
import re
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from blake3 import blake3

from plait.errors import ArtifactLost, StoreError
from plait.ports import Blobs, Objects
from plait.stores.layered.sending import place_of
from plait.stores.layered.telling import warn_once

_BLOB = re.compile(r"[0-9a-f]{64}")
_fetching: dict[str, threading.Lock] = {}  # one for each blob that was fetched, so that two readers fetch it once


class _AsNear:
    """Can nobody else write to the near store? Of the far place, the ledger gives only what may be believed."""

    def __get__(self, blobs: "LayeredBlobs", _kind: object) -> bool:
        return blobs._near.private


class LayeredBlobs:
    """The blobs of a store and of a place. What is written is near; the coordinator of the run sends it on."""

    private = _AsNear()

    def __init__(self, near: Blobs, far: Objects, home: str, *, travelled: bool = False) -> None:
        self._near, self._far = near, far
        self._home = home  # a folder that is there for all who share files with the coordinator, once it is at work
        self._travelled = travelled

    def __reduce__(self) -> Any:
        return _arrived, (self._near, self._far, self._home)

    def put(self, write: Callable[[BinaryIO], None]) -> tuple[str, int]:
        blob, size = self._near.put(write)
        self._send_from_elsewhere(blob, size)
        return blob, size

    def path(self, blob: str, suffix: str = "", *, fresh: bool = False) -> Path:
        try:
            return self._near.path(blob, suffix, fresh=fresh)
        except ArtifactLost as lost:
            if not _BLOB.fullmatch(blob):
                raise
            with _fetching.setdefault(blob, threading.Lock()):
                if not self._near.has(blob):
                    self._fetch(blob, lost)
        return self._near.path(blob, suffix)

    def has(self, blob: str) -> bool:
        return self._near.has(blob) or (_BLOB.fullmatch(blob) is not None and self._is_far(blob))

    def available(self, blob: str) -> bool:
        return self._near.available(blob) or (_BLOB.fullmatch(blob) is not None and self._is_far(blob))

    def scratch(self) -> Path:
        return self._near.scratch()

    def adopt(self, path: str) -> tuple[str, int]:
        blob, size = self._near.adopt(path)
        self._send_from_elsewhere(blob, size)
        return blob, size

    def owned(self, path: str) -> str | None:
        return self._near.owned(path)

    def fingerprint(self, path: str) -> tuple[str, int]:
        return self._near.fingerprint(path)

    def recall(self, about: str) -> str:
        return self._near.recall(about)

    def remember(self, about: str, text: str) -> None:
        self._near.remember(about, text)

    def _is_far(self, blob: str) -> bool:
        try:
            return self._far.size(place_of(blob)) is not None
        except StoreError as error:
            self._warn(error)
            return False

    def _fetch(self, blob: str, lost: ArtifactLost) -> None:
        """Brings a blob near, proved. One that is damaged there is removed, so that who makes it again can put it."""
        scratch = self._near.scratch()
        try:
            path = str(scratch / "blob")
            for _ in range(2):
                self._far.get(place_of(blob), path)
                if _hash(path) == blob:
                    self._near.adopt(path)
                    return
                os.remove(path)
            self._far.remove(place_of(blob))
        except FileNotFoundError:
            raise lost from None
        except ArtifactLost:
            raise
        except StoreError as error:
            self._warn(error)
            raise ArtifactLost(f"{lost}, and {error}", digest=blob) from None
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        raise ArtifactLost(f"{lost}, and it was damaged in {self._far.url}", digest=blob)

    def _send_from_elsewhere(self, blob: str, size: int) -> None:
        """From a machine whose files the coordinator cannot see, there is no other way to it."""
        if self._travelled and not os.path.isdir(self._home) and self._far.size(place_of(blob)) != size:
            self._far.put(str(self._near.path(blob)), place_of(blob))

    def _warn(self, error: StoreError) -> None:
        warn_once(self._far.url, "fetching", f"{error}. What is not near is made again")


def _arrived(near: Blobs, far: Objects, home: str) -> LayeredBlobs:
    return LayeredBlobs(near, far, home, travelled=True)


def _hash(path: str) -> str:
    return blake3().update_mmap(path).hexdigest()  # by one thread: those of blake3 do not come along into a fork
