"""Long stories about a layered store, and about what it reads from others."""

import itertools
import os
import warnings

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plait.core.records import Artifact
from plait.lines import dumps
from plait.stores.layered import entries
from plait.stores.layered.sending import place_of
from plait.stores.layered.signing import Keyring, UnsignedError, UnsoundError
from plait.stores.local import blobs as local_blobs
from plait.stores.remote import create as remote
from plait.testing.machine import StoreMachine
from plait.testing.stores import record, run
from stores.far.conftest import keys_of, store_of
from stores.harness import tries

_numbers = itertools.count()


class Layered(StoreMachine):
    def __init__(self):
        super().__init__()
        self.url = f"memory://machine-{os.getpid()}-{next(_numbers)}"

    def opened(self):
        warnings.filterwarnings("ignore", ".*is nondeterministic")  # what the stories do to a key
        local_blobs._verified.clear()
        return store_of(self.folder / "near", remote(self.url), "team")

    def damage(self, blob):
        file = self._file(blob)
        content = bytearray(file.read_bytes()) if file.exists() else b""
        if content:
            content[len(content) // 2] ^= 1
            file.chmod(0o600)
            file.write_bytes(content)
        return bool(content)

    def take_away(self, blob):
        there = self._file(blob).exists()
        self._file(blob).unlink(missing_ok=True)
        remote(self.url).remove(place_of(blob))
        return there

    def crash(self, ledger):
        """Closes files and does nothing else: as when the process was killed."""
        for half in (ledger._near, ledger._mirror.ledger):
            half._writer.close()
            if half._index is not None:
                half._index.close()
        if ledger._batch is not None:
            ledger._batch.release()

    def _file(self, blob):
        return self.folder / "near" / "blobs" / blob[:2] / blob[2:]


class TestLayered(Layered.TestCase):
    settings = settings(
        max_examples=tries(10, 1_000), stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
    )


GOOD = [
    (entries.RECORD, dumps(record("one"))),
    (
        entries.NEWEST,
        dumps(record("p")._replace(artifact=Artifact("d", "parts", parts=(("x", record("x").artifact),)))),
    ),
    (entries.CODE, entries.code_body("c" * 64, b'[["f","function","d","text",""]]')),
    (entries.RUN, entries.run_body(run("one", started=1.0))),
]


@given(st.data())
@settings(max_examples=tries(300, 50_000), deadline=None)
def test_bytes_of_others_give_entries_or_nothing(data):
    kind, body = data.draw(st.sampled_from(GOOD))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body)))
        body = body[:at] + data.draw(st.binary(max_size=6)) + body[at + data.draw(st.integers(0, 6)) :]
    found = entries.record_of(body)
    assert found is None or dumps(found)
    entries.code_of(body)
    entries.run_of(body)
    entries.acceptance_of(body)
    packed = entries.packed(kind, body)
    assert list(entries.unpacked(packed)) == [(kind, body)]
    cut = packed[: data.draw(st.integers(0, len(packed) - 1))]
    assert list(entries.unpacked(cut)) == []


@given(st.binary(max_size=200), st.text(max_size=80))
@settings(max_examples=tries(200, 20_000), deadline=None)
def test_bytes_of_others_are_a_signed_segment_or_none(content, name):
    for keyring in (Keyring({}), Keyring(keys_of("team"))):
        right = Keyring({}).sealed(b"", 1)[0][:21] + __import__("blake3").blake3(content).hexdigest(16) + ".seg"
        for tried in (name, right):
            try:
                keyring.opened(tried, content)
            except (UnsignedError, UnsoundError):
                continue
            raise AssertionError("it was believed")
