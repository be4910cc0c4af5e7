"""The store itself: two halves, and nothing that could not travel to a worker."""

import os
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from blake3 import blake3

from plait.errors import StoreError
from plait.ports import Blobs, Ledger, Objects, Store, Tended, Upkeep
from plait.stores.layered.blobs import LayeredBlobs
from plait.stores.layered.ledger import LayeredLedger
from plait.stores.layered.mirror import Mirror
from plait.stores.layered.outbox import Outbox
from plait.stores.layered.sending import Sender
from plait.stores.layered.signing import Keyring
from plait.stores.layered.telling import warn
from plait.stores.layered.threads import Threads


class LayeredStore:
    """A store in a folder, and a place behind it."""

    def __init__(
        self,
        near: Store,
        far: Objects,
        folder: str,
        make: Callable[[str], Store],
        keys: Callable[[], Mapping[str, bytes]],
        safe: Callable[[], Collection[str]],
        *,
        required: bool,
    ) -> None:
        self.near, self.far = near, far
        self._made_of = folder, make, keys, safe, required
        self._home = os.path.join(folder, "remotes", blake3(far.url.encode()).hexdigest(16))
        self.blobs: Blobs = LayeredBlobs(near.blobs, far, self._home)

    def __reduce__(self) -> Any:
        return _made, (self.near, self.far, *self._made_of)

    def __repr__(self) -> str:
        return f"Layered({self.near!r}, {self.far!r})"

    def ledger(self) -> Ledger:
        """Opens the ledger, with what others sent until now; a place that cannot be reached is a warning."""
        _, make, keys, safe, required = self._made_of
        keyring = Keyring(keys())
        folder = os.path.join(self._home, f"mirror-{keyring.name}")
        try:
            self._make(folder)
        except StoreError as error:
            if required:
                raise
            warn(f"{error}. {self.far.url} is left out, too: it needs some room there")
            return self.near.ledger()
        with ExitStack() as opened:
            near = self.near.ledger()
            opened.callback(near.close)
            theirs = make(folder).ledger()
            opened.callback(theirs.close)
            threads = Threads()
            opened.callback(threads.close)
            mirror = Mirror(folder, theirs, self.far, keyring, threads)
            sender = Sender(self.near.blobs, self.far, keyring, threads)
            believed = None if keyring else frozenset(safe())
            outbox = Outbox(os.path.join(self._home, "outbox"), self._make)
            ledger = LayeredLedger(near, mirror, outbox, sender, threads, believed, self.far.url, required=required)
            try:
                mirror.look()
            except StoreError as error:
                if required:
                    raise
                warn(f"{error}. The run goes on with what is near, and sends what is new later")
            opened.pop_all()
        return ledger

    def upkeep(self) -> Upkeep:
        """Those who look after the half that is near."""
        if not isinstance(self.near, Tended):
            raise StoreError(f"{self.near!r} cannot be looked after")
        return self.near.upkeep()

    def _make(self, folder: str) -> None:
        """Makes a folder of ours within the near store, which is made first if it is new."""
        if os.path.isdir(folder):
            return
        self.near.blobs.scratch().rmdir()
        missing = [path for path in (Path(folder), *Path(folder).parents) if not path.is_dir()]
        try:
            for path in reversed(missing):
                path.mkdir(0o700, exist_ok=True)
                path.chmod(0o700)  # whatever the umask
        except OSError as error:
            raise StoreError(f"cannot make {folder}: {error.strerror}") from error


def _made(near: Store, far: Objects, folder: str, make: Any, keys: Any, safe: Any, required: bool) -> LayeredStore:
    return LayeredStore(near, far, folder, make, keys, safe, required=required)


def create(
    *,
    near: Store,
    far: Objects,
    folder: str,
    make: Callable[[str], Store],
    keys: Callable[[], Mapping[str, bytes]],
    safe: Callable[[], Collection[str]],
    required: bool = False,
) -> LayeredStore:
    """Two halves as one store.

    `folder` is the near store's own, `make` makes a store in a folder, `keys` gives the keys that are known by their
    ids, the one to sign with first, and `safe` the names of the codecs that never run code. With `required`, a far
    place that cannot be reached is an error.
    """
    return LayeredStore(near, far, folder, make, keys, safe, required=required)
