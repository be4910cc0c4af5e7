"""A store that is read, under one that is written: what is done with it leaves no trace in the first."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from plait.ports import Blobs, Ledger, Store


class Overlay:
    """The blobs of two stores. Both name bytes by their content, so it does not matter which one has them."""

    def __init__(self, below: Blobs, above: Blobs) -> None:
        self.below, self.above = below, above
        self.private = below.private and above.private

    def put(self, write: Callable[[BinaryIO], None]) -> tuple[str, int]:
        return self.above.put(write)

    def path(self, blob: str, suffix: str = "", *, fresh: bool = False) -> Path:
        return self._with(blob).path(blob, suffix, fresh=fresh)

    def has(self, blob: str) -> bool:
        return self.above.has(blob) or self.below.has(blob)

    def available(self, blob: str) -> bool:
        return self._with(blob).available(blob)

    def scratch(self) -> Path:
        return self.above.scratch()

    def adopt(self, path: str) -> tuple[str, int]:
        return self.above.adopt(path)

    def owned(self, path: str) -> str | None:
        found = self.above.owned(path)
        return self.below.owned(path) if found is None else found

    def fingerprint(self, path: str) -> tuple[str, int]:
        return (self.below if self.below.owned(path) else self.above).fingerprint(path)

    def recall(self, about: str) -> str:
        return self.below.recall(about)

    def remember(self, about: str, text: str) -> None:
        self.above.remember(about, text)

    def _with(self, blob: str) -> Blobs:
        return self.above if self.above.has(blob) else self.below

    def __reduce__(self) -> Any:
        return Overlay, (self.below, self.above)


class Layers:
    """Two stores as one. Nothing is recorded: its ledger is that of the lower one, to be read."""

    def __init__(self, below: Store, above: Store) -> None:
        self._below = below
        self.blobs: Blobs = Overlay(below.blobs, above.blobs)

    def ledger(self) -> Ledger:
        return self._below.ledger()


def create(*, below: Store, above: Store) -> Layers:
    """Reads what both have; writes blobs above."""
    return Layers(below, above)
