"""Looking after a store in a folder: everything that `plait store` does with it."""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from plait.ports import Collected, Found, Limits, Usage
from plait.stores.local import catalogue, pins, recovery
from plait.stores.local.checking import check
from plait.stores.local.collecting import blob_sizes, collect
from plait.stores.local.doctoring import diagnose
from plait.stores.local.layout import Layout


class LocalUpkeep:
    """Housekeeping in one folder."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def usage(self) -> Sequence[Usage]:
        """The results, and what they take."""
        held = {key for pin in pins.living(self._layout) for key in pin.keys}
        return catalogue.read(self._layout).usage(dict(blob_sizes(self._layout)), held)

    def overhead(self) -> Mapping[str, int]:
        """Bytes of all that is no result, by what it is."""
        known, blobs = catalogue.read(self._layout), dict(blob_sizes(self._layout))
        needed = {blob for line in known.records.values() for blob in line.blobs} | known.accepted_blobs()
        texts = {blob for one in known.texts() for blob in one.blobs} - needed
        records = sum(line.size for line in known.records.values())
        free = blobs.keys() - needed - texts
        found = {
            "what runs printed and said of failures": sum(blobs.get(blob, 0) for blob in texts),
            "blobs that no result needs": sum(map(blobs.__getitem__, free)),
            "runs, code and superseded records": sum(one.size for one in known.segments.values()) - records,
            "index": _weight(self._layout.index),
            "quarantine": _weight(self._layout.quarantine),
            "unfinished": _weight(self._layout.tmp),
            "other": sum(
                _weight(path) for path in (self._layout.notes, os.path.join(self._layout.root, "fingerprints"))
            ),
        }
        return {what: size for what, size in found.items() if size}

    def collect(self, limits: Limits, *, dry_run: bool = False) -> Collected:
        """Removes what the limits let it, or says what that would be."""
        return collect(self._layout, limits, dry_run=dry_run)

    def check(self) -> Sequence[Found]:
        """Reads every byte, mends what can be mended, and says what was found."""
        return check(self._layout)

    def rebuild(self) -> int:
        """Makes the index again from the segments: the number of records in it."""
        if not self._layout.exists():
            return 0
        index = recovery.rebuilt(self._layout)
        try:
            return sum(table == "records" for table, _, _ in index.contents())
        finally:
            index.close()

    def diagnose(self) -> Sequence[Found]:
        """Looks at the surroundings. Changes nothing."""
        return diagnose(self._layout)


def _weight(path: str) -> int:
    """The bytes of a file, or of all files in a folder."""
    total = 0
    for one in (Path(path), *Path(path).rglob("*")):
        with suppress(OSError):
            total += one.lstat().st_size if not one.is_dir() else 0
    return total
