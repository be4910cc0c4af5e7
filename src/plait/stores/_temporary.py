"""A store that goes with its user: for a run that keeps nothing, but whose steps write files or run in processes."""

import shutil
import tempfile
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from plait.ports import Blobs, Ledger, Store


class Temporary:
    """Makes the store that it wraps in a new folder when it is first used, and removes it when it is let go."""

    private = True

    def __init__(self, make: Callable[[Path], Store]) -> None:
        self._make = make
        self._store: Store | None = None

    @property
    def blobs(self) -> Blobs:
        return self

    def _open(self) -> Store:
        if self._store is None:
            folder = Path(tempfile.mkdtemp(prefix="plait-"))
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
            self._store = self._make(folder)
        return self._store

    def ledger(self) -> Ledger:
        return self._open().ledger()

    def put(self, write: Callable[[BinaryIO], None]) -> tuple[str, int]:
        return self._open().blobs.put(write)

    def path(self, blob: str, suffix: str = "", *, fresh: bool = False) -> Path:
        return self._open().blobs.path(blob, suffix, fresh=fresh)

    def has(self, blob: str) -> bool:
        return self._open().blobs.has(blob)

    def available(self, blob: str) -> bool:
        return self._open().blobs.available(blob)

    def scratch(self) -> Path:
        return self._open().blobs.scratch()

    def adopt(self, path: str) -> tuple[str, int]:
        return self._open().blobs.adopt(path)

    def owned(self, path: str) -> str | None:
        return None if self._store is None else self._store.blobs.owned(path)

    def fingerprint(self, path: str) -> tuple[str, int]:
        return self._open().blobs.fingerprint(path)

    def recall(self, about: str) -> str:
        return self._open().blobs.recall(about)

    def remember(self, about: str, text: str) -> None:
        self._open().blobs.remember(about, text)

    def __reduce__(self) -> Any:
        return _same, (self._open().blobs,)


def _same(blobs: Blobs) -> Blobs:
    return blobs


def create(*, make: Callable[[Path], Store]) -> Temporary:
    """A store of the kind that `make` makes, in a temporary folder."""
    return Temporary(make)
