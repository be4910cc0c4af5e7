"""The store itself: a folder, and nothing that could not travel to a worker."""

import os
from typing import Any

from plait.ports import Blobs
from plait.stores.local.blobs import LocalBlobs
from plait.stores.local.layout import Layout
from plait.stores.local.ledger import LocalLedger


class LocalStore:
    """A store in a folder of this machine. It holds only the path; the folder is made by the first write."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = os.path.abspath(os.fspath(root))
        self.blobs: Blobs = LocalBlobs(self.root)

    def ledger(self) -> LocalLedger:
        """Opens the ledger; `StoreError` says why it cannot be, and what to do."""
        return LocalLedger(Layout(self.root))

    def rebuild(self) -> None:
        """Makes the index again from the segments."""
        ledger = self.ledger()
        try:
            ledger.rebuild()
        finally:
            ledger.close()

    def __reduce__(self) -> Any:
        return LocalStore, (self.root,)

    def __repr__(self) -> str:
        return f"LocalStore({self.root!r})"


def create(path: str | os.PathLike[str] = ".plait") -> LocalStore:
    """A store in a folder, which need not be there yet.

    >>> import tempfile
    >>> store = create(tempfile.mkdtemp() + "/plait")
    >>> blob, size = store.blobs.put(lambda file: file.write(b"bytes"))
    >>> store.blobs.path(blob).read_bytes()
    b'bytes'
    """
    return LocalStore(path)
