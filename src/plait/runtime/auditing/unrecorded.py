"""A ledger that knows nothing and keeps nothing: with it, everything is made."""

from collections.abc import Collection, Mapping, Sequence

from plait.core.digest import Digest, Key
from plait.core.records import Acceptance, Hit, Record
from plait.ports import RunRow


class Unrecorded:
    """The ledger of an audit."""

    def find(self, keys: Collection[Key]) -> Mapping[Key, Record]:
        return {}

    def hits(self, keys: Collection[Key]) -> Mapping[Key, Hit]:
        return {}

    def earlier(self, step: str, limit: int = 20) -> Sequence[Record]:
        return ()

    def add(self, record: Record, *, newest: bool = False) -> None:
        pass

    def accept(self, acceptance: Acceptance) -> None:
        pass

    def accepted(self) -> Sequence[Acceptance]:
        return ()

    def add_code(self, code: Digest, manifest: bytes) -> None:
        pass

    def code(self, code: Digest) -> bytes | None:
        return None

    def add_run(self, run: RunRow) -> None:
        pass

    def runs(self, pipeline: str | None = None, limit: int = 100) -> Sequence[RunRow]:
        return ()

    def close(self) -> None:
        pass
