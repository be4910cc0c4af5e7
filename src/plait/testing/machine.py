"""Long stories about a store, beside a dictionary that must tell the same: a state machine of hypothesis.

It puts, reads, damages and takes away blobs; it keeps records, code, runs and acceptances; it opens the store again,
crashes, travels and cleans up, in any order. A store may lose what was damaged or cleaned away; what it gives must be
what was kept.

```python
class Stories(StoreMachine):
    def opened(self):
        return my_store.create(self.folder / "store")


class TestMyStore(Stories.TestCase):
    settings = settings(max_examples=100, stateful_step_count=30)
```

`hypothesis` must be installed.
"""

import pickle
import tempfile
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from plait.core.digest import digest
from plait.core.records import Acceptance, Record
from plait.errors import ArtifactLost
from plait.ports import Ledger, Limits, Store, Tended
from plait.testing.stores import look_up, record, run

KEYS = st.integers(0, 4)
CONTENTS = st.sampled_from([b"", b"a", b"some bytes", bytes(range(256)) * 20, b"x" * 300_000])


class StoreMachine(RuleBasedStateMachine):
    """The stories. A subclass says how its store is opened, and what may happen to it that only it can know of."""

    def opened(self) -> Store:
        """One and the same store, as another process would open it; it is new and empty at first."""
        raise NotImplementedError

    def damage(self, blob: str) -> bool:
        """Changes the bytes of a blob behind the store's back: was that done?"""
        return False

    def take_away(self, blob: str) -> bool:
        """Removes a blob behind the store's back: was that done?"""
        return False

    def crash(self, ledger: Ledger) -> None:
        """Ends the ledger's process, as far as that can be played: it must not be closed."""

    inside: ClassVar[str | None] = None  # the folder in which `folder` is made; one in memory is quickest
    happened: ClassVar[Counter[str]] = Counter()  # how often what happened, in all stories: for a test to prove it

    def __init__(self) -> None:
        super().__init__()
        self._temporary = tempfile.TemporaryDirectory(prefix="plait-machine-", dir=self.inside)
        self.folder = Path(self._temporary.name)
        self.blobs: dict[str, bytes] = {}
        self.unsure: set[str] = set()  # blobs that may be lost, until they are put again
        self.records: dict[int, set[Record | None]] = {key: {None} for key in range(5)}  # what may be found
        self.accepted: dict[int, Acceptance] = {}
        self.runs: dict[str, float] = {}
        self.code: set[str] = set()
        self.told = 0
        self._left: list[Ledger] = []

    @initialize()
    def begins(self) -> None:
        self.store = self.opened()
        self.ledger = self.store.ledger()

    def teardown(self) -> None:
        for ledger in (*self._left, *([self.ledger] if hasattr(self, "ledger") else [])):
            with suppress(Exception):
                ledger.close()
        self._temporary.cleanup()

    # bytes

    @rule(content=CONTENTS, adopted=st.booleans())
    def puts(self, content: bytes, adopted: bool) -> None:
        if adopted:
            folder = self.store.blobs.scratch()
            (folder / "file").write_bytes(content)
            blob, size = self.store.blobs.adopt(str(folder / "file"))
            (folder / "file").unlink(missing_ok=True)
            folder.rmdir()
        else:
            blob, size = self.store.blobs.put(lambda file: _written(file, content))
        assert size == len(content)
        assert self.blobs.setdefault(blob, content) == content, "two contents have one name"
        assert len(set(self.blobs.values())) == len(self.blobs), "one content has two names"
        self.unsure.discard(blob)
        assert self._bytes(blob) == content

    @rule(content=CONTENTS)
    def fails_to_put(self, content: bytes) -> None:
        def write(file: Any) -> None:
            file.write(content)
            raise LookupError("the writer's own")

        try:
            self.store.blobs.put(write)
        except LookupError:
            return
        raise AssertionError("the writer's own error was swallowed")

    @precondition(lambda self: self.blobs)
    @rule(data=st.data(), suffix=st.sampled_from(["", ".csv", ".csv.gz"]))
    def reads(self, data: st.DataObject, suffix: str) -> None:
        blob = data.draw(st.sampled_from(sorted(self.blobs)))
        found = self._bytes(blob, suffix)
        if found is None:
            assert blob in self.unsure, f"{blob} is lost, and nothing happened to it"
            assert self._bytes(blob) is None, "what was lost is there again"
            self.happened["lost"] += 1
        else:
            assert found == self.blobs[blob]

    @precondition(lambda self: self.blobs)
    @rule(data=st.data(), removed=st.booleans())
    def has_bad_luck(self, data: st.DataObject, removed: bool) -> None:
        blob = data.draw(st.sampled_from(sorted(self.blobs)))
        if (self.take_away if removed else self.damage)(blob):
            self.unsure.add(blob)
            self.happened["taken away" if removed else "damaged"] += 1

    def _bytes(self, blob: str, suffix: str = "") -> bytes | None:
        try:
            return self.store.blobs.path(blob, suffix).read_bytes()
        except ArtifactLost as lost:
            assert lost.digest == blob
            return None

    # records

    @rule(key=KEYS, newest=st.booleans())
    def computes(self, key: int, newest: bool) -> None:
        new = self._record(key)
        self.ledger.add(new, newest=newest)
        known = self.records[key]
        self.records[key] = {new} if newest else {new if one is None else one for one in known}

    @rule(key=KEYS, withdrawn=st.booleans())
    def vouches(self, key: int, withdrawn: bool) -> None:
        new = self._record(key)
        said = Acceptance(new, new.key, new.code, "p", "somebody", float(self.told))
        self.accepted[key] = said._replace(withdrawn="somebody", withdrawn_at=1.0) if withdrawn else said
        self.ledger.accept(self.accepted[key])

    @rule(number=st.integers(0, 3), started=st.integers(1, 3))
    def runs_something(self, number: int, started: int) -> None:
        self.runs[f"run {number}"] = float(started)
        self.ledger.add_run(run(f"run {number}", started=float(started)))

    @rule(number=st.integers(0, 3))
    def keeps_code(self, number: int) -> None:
        self.ledger.add_code(digest(f"code {number}"), b"%d" % number)
        self.code.add(f"code {number}")

    def _record(self, key: int) -> Record:
        self.told += 1
        return record(str(key), f"value {self.told}")

    # what happens to stores

    @rule()
    def opens_again(self) -> None:
        self.ledger.close()
        self.store = self.opened()
        self.ledger = self.store.ledger()

    @rule()
    def crashes(self) -> None:
        self.happened["crashed"] += 1
        self._left.append(self.ledger)
        self.crash(self.ledger)
        self.store = self.opened()
        self.ledger = self.store.ledger()

    @rule()
    def travels(self) -> None:
        copy = pickle.loads(pickle.dumps(self.store.blobs))  # noqa: S301 - our own bytes
        for blob in sorted(self.blobs.keys() - self.unsure):
            assert copy.path(blob).read_bytes() == self.blobs[blob]

    @precondition(lambda self: isinstance(self.store, Tended))
    @rule(grace=st.sampled_from([0.0, 3600.0]), rarely=st.integers(0, 3))
    def is_cleaned(self, grace: float, rarely: int) -> None:
        if rarely:  # else there would seldom be anything to lose
            return
        self.ledger.close()
        assert isinstance(self.store, Tended)
        self.store.upkeep().collect(Limits(age=0.0, size=0, grace=grace))
        self._may_forget()
        self.happened["cleaned"] += 1

    @precondition(lambda self: isinstance(self.store, Tended))
    @rule(rebuilt=st.booleans(), rarely=st.integers(0, 3))
    def is_checked(self, rebuilt: bool, rarely: int) -> None:
        if rarely:
            return
        self.ledger.close()
        assert isinstance(self.store, Tended)
        _ = self.store.upkeep().rebuild() if rebuilt else self.store.upkeep().check()
        self.ledger = self.store.ledger()

    def _may_forget(self) -> None:
        self.unsure |= self.blobs.keys()
        for known in self.records.values():
            known.add(None)
        self.code.clear()
        self.runs.clear()
        self.ledger = self.store.ledger()

    # what must hold

    @invariant()
    def finds_what_was_kept(self) -> None:
        if not hasattr(self, "ledger"):
            return
        names = {key: record(str(key)).key for key in self.records}
        found = look_up(self.ledger, list(names.values()))
        for key, name in names.items():
            vouched = self.accepted.get(key)
            other = None if vouched is None or vouched.withdrawn else vouched.record
            here = found.get(name)
            computed = None if here == other else here
            assert computed in self.records[key], f"{here} was found, and {self.records[key]} may be there"
            self.records[key] = {computed}

    @invariant()
    def knows_the_rest(self) -> None:
        if not hasattr(self, "ledger"):
            return
        said = {one.record.key: one for one in self.ledger.accepted()}
        assert said == {one.record.key: one for one in self.accepted.values()}
        for name in self.code:
            assert self.ledger.code(digest(name)) == name.rpartition(" ")[2].encode()
        rows = self.ledger.runs()
        assert self.runs.items() <= {row.id: row.started for row in rows}.items()
        assert [row.started for row in rows] == sorted((row.started for row in rows), reverse=True)


def _written(file: Any, content: bytes) -> None:
    file.write(content)
