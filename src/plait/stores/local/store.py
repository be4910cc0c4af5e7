"""The store itself: a folder, and nothing that could not travel to a worker."""

import os
from typing import Any

from plait.errors import StoreError
from plait.ports import Blobs, Upkeep
from plait.stores.local.blobs import LocalBlobs
from plait.stores.local.layout import Layout
from plait.stores.local.ledger import LocalLedger


class LocalStore:
    """A store in a folder of this machine. It holds only the path; the folder is made by the first write."""

    def __init__(self, root: str | os.PathLike[str], *, passing: bool = False) -> None:
        self.root = os.path.abspath(os.fspath(root))
        self._passing = passing
        self.blobs: Blobs = LocalBlobs(self.root)

    def ledger(self) -> LocalLedger:
        """Opens the ledger; `StoreError` says why it cannot be, and what to do."""
        return LocalLedger(Layout(self.root), passing=self._passing)

    def rebuild(self) -> None:
        """Makes the index again from the segments."""
        ledger = self.ledger()
        try:
            ledger.rebuild()
        finally:
            ledger.close()

    def upkeep(self) -> Upkeep:
        """Those who look after it."""
        from plait.stores.local.tending import LocalUpkeep  # no run needs it

        return LocalUpkeep(Layout(self.root))

    def __reduce__(self) -> Any:
        return LocalStore, (self.root,)

    def __repr__(self) -> str:
        return f"LocalStore({self.root!r})"


def create(path: str | os.PathLike[str] = ".plait", *, group: bool = False, passing: bool = False) -> LocalStore:
    """A store in a folder, which need not be there yet. It is for its owner alone, whatever the umask.

    With `group` it is for all members of the group that the folder has, and made at once if it is not there: they can
    read, write and clean up. As each of them could put a pickle there, none is read that is not signed. What is kept in
    a `passing` one can be had again, so that no time is spent on making it survive a power cut.

    >>> import tempfile
    >>> store = create(tempfile.mkdtemp() + "/plait")
    >>> blob, size = store.blobs.put(lambda file: file.write(b"bytes"))
    >>> store.blobs.path(blob).read_bytes()
    b'bytes'
    """
    store = LocalStore(path, passing=passing)
    layout = Layout(store.root)
    if group and not layout.exists():
        layout.found(group=True)
    if group and not layout.is_shared():
        raise StoreError(
            f"{store.root} is there already, and not for a group. Give another folder, or open it first: "
            f"find {store.root} -type d -exec chmod 2770 {{}} + -o -type f -exec chmod g+rw {{}} +"
        )
    return store
