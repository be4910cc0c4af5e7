"""Every store against a dictionary: whatever is done to it, what it gives is what was kept."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule

from plait import plugins
from plait.stores.local import blobs as local_blobs
from plait.stores.local import ledger as local_ledger
from plait.stores.local import recovery, segments
from plait.testing.machine import StoreMachine
from stores.harness import MEMORY, nightly, tries

pytestmark = pytest.mark.law

STORIES = settings(
    max_examples=tries(60, 5_000),
    stateful_step_count=30 if not nightly() else 100,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


class Local(StoreMachine):
    inside = MEMORY

    def opened(self):
        local_blobs._verified.clear()  # what only this process knew
        local_ledger._BATCH, recovery._AT_ONCE = 7, 5
        return plugins.create("stores", "local", path=self.folder / "store")

    def teardown(self):
        super().teardown()
        local_ledger._BATCH, recovery._AT_ONCE = 2000, 5000

    def damage(self, blob):
        content = bytearray(self._file(blob).read_bytes()) if self._file(blob).exists() else b""
        if content:
            content[len(content) // 2] ^= 1
            self._file(blob).write_bytes(content)
        return bool(content)

    def take_away(self, blob):
        there = self._file(blob).exists()
        self._file(blob).unlink(missing_ok=True)
        return there

    def crash(self, ledger):
        """Closes the files of a ledger and does nothing else: as when its process was killed."""
        ledger._writer.close()
        if ledger._index is not None:
            ledger._index.close()

    def _file(self, blob):
        return self.folder / "store" / "blobs" / blob[:2] / blob[2:]

    @rule(length=st.integers(1, 60))
    def is_cut_off_while_writing(self, length):
        self.crash(self.ledger)
        last = max((self.folder / "store" / "segments").glob("*.seg"), default=None)
        if last is not None and last not in self.torn:
            self.torn.add(last)
            self.happened["torn"] += 1
            whole = segments.pack(segments.RECORD, 1, bytes(50))
            with last.open("ab") as file:
                file.write(whole[:length])
        self.ledger = self.store.ledger()

    @rule(how=st.sampled_from(["gone", "emptied", "garbage", "short"]))
    def loses_its_index(self, how):
        self.ledger.close()
        index = self.folder / "store" / "index.sqlite"
        if index.exists():
            whole = index.read_bytes()
            index.unlink()
            if how != "gone":
                index.write_bytes({"emptied": b"", "garbage": bytes(range(256)) * 64, "short": whole[:8192]}[how])
        self.ledger = self.store.ledger()

    def __init__(self):
        super().__init__()
        self.torn: set[Path] = set()


class TestLocal(Local.TestCase):
    settings = STORIES

    def runTest(self):
        super().runTest()
        print(f"what happened to the local store: {dict(Local.happened)}, wrong: 0")
        assert Local.happened["damaged"] + Local.happened["taken away"] > 0
        assert Local.happened["crashed"] + Local.happened["torn"] > 10


class Temporary(StoreMachine):
    def opened(self):
        if not hasattr(self, "kept"):
            make = lambda folder: plugins.create("stores", "local", path=folder)  # noqa: E731
            self.kept = plugins.create("stores", "_temporary", make=make)
        return self.kept


class TestTemporary(Temporary.TestCase):
    settings = settings(STORIES, max_examples=tries(6, 1_000))
