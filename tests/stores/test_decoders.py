"""What reads bytes of a store takes any bytes at all: it gives a sound value or none, and raises nothing of its own."""

import io
import json
import shutil
import sqlite3
import struct
import tempfile
import warnings
from contextlib import closing, suppress
from pathlib import Path

import numpy
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from plait import plugins
from plait.core.records import Acceptance, Artifact, Record, hit_of
from plait.lines import dumps
from plait.ports import RunRow
from plait.stores.local import bodies, create, fingerprints, notes, segments
from plait.stores.local.layout import Layout
from plait.testing.stores import record, run
from stores.harness import MEMORY, tries

pytestmark = pytest.mark.law

FUZZ = settings(max_examples=tries(150, 100_000), deadline=20_000, suppress_health_check=list(HealthCheck))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=12) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=30,
)
KEPT = [dumps(record("a")), bodies.run_body(run("r", started=1.0)), bodies.code_body("c", b"[]"),
        bodies.acceptance_body(Acceptance(record("a"), "k", "c", "p", "b", 1.0))]  # fmt: skip


@pytest.fixture(autouse=True)
def _quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def replaced(draw, row):
    """A row that is right but for one place."""
    found = json.loads(json.dumps(row))
    at = found
    while draw(st.booleans()) and any(isinstance(inner, list) and inner for inner in at):
        at = draw(st.sampled_from([inner for inner in at if isinstance(inner, list) and inner]))
    at[draw(st.integers(0, len(at) - 1))] = draw(JSON)
    return found


@st.composite
def lines(draw):
    """Lines of JSON that are nearly records, or nearly runs."""
    row = draw(st.sampled_from([json.loads(KEPT[0]), json.loads(KEPT[1])]))
    return json.dumps(draw(JSON) if draw(st.integers(0, 4)) == 0 else replaced(draw, row)).encode()


def is_artifact(value):
    return (
        type(value) is Artifact
        and all(type(text) is str for text in (value.digest, value.where, value.codec, value.blob))
        and type(value.size) is int
        and type(value.data) is bytes
        and all(type(name) is str and is_artifact(part) for name, part in value.parts)
        and all(map(is_artifact, value.files))
    )


def is_record(value):
    texts = (value.key, value.node, value.step, value.code, value.run, value.environment, value.retention)
    return (
        type(value) is Record
        and all(type(text) is str for text in texts)
        and is_artifact(value.artifact)
        and all(type(name) is str and type(digest) is str for name, digest in value.inputs)
        and type(value.seconds) in (int, float)
        and type(value.made) in (int, float)
    )


def is_run(value):
    return (
        type(value) is RunRow
        and all(type(text) is str for text in (value.id, value.pipeline, value.status, value.error))
        and type(value.started) in (int, float)
        and all(type(one) is str for one in (*value.targets, *value.tags))
        and (type(value.process[0]), type(value.process[1])) == (str, int)
    )


@FUZZ
@given(st.binary(max_size=200) | lines())
@example(KEPT[0])
@example(KEPT[1])
@example(b"[" * 100_000)
@example(b'["\xff"]')
@example(b'{"a": 1}')
@example(json.dumps([[], *json.loads(KEPT[0])[1:]]).encode())
def test_a_body_is_a_whole_thing_or_none(line):
    found = bodies.record_of(line)
    assert found is None or is_record(found)
    row = bodies.run_of(line)
    assert row is None or is_run(row)
    said = bodies.acceptance_of(line + b"\n" + KEPT[0])
    assert said is None or is_record(said.record)
    assert bodies.acceptance_of(b"\n".join([KEPT[3].split(b"\n")[0], line])) is None or found is not None
    bodies.code_of(line)


DEEP = b",[" + b'["p",["d","parts","","",0,"",[' * 50_000


@pytest.mark.parametrize(
    "before, after",
    [
        (b",0.5,", b",NaN,"),
        (b",0.5,", b",1e999,"),
        (b",0.5,", b"," + b"9" * 5000 + b","),
        (b",0.5,", b",true,"),
        (b'"cache"]', b'"cache","more"]'),
        (b",[],[]]", DEEP + b"]]]" * 50_000 + b"],[]]"),
    ],
    ids=lambda said: said[:8].decode(),
)
@pytest.mark.parametrize("name", [b"a name", "half of a pair \udc80".encode("utf-8", "surrogatepass")])
def test_a_line_is_read_as_strictly_with_half_a_pair_of_surrogates(before, after, name):
    line = dumps(record("a")._replace(node="a name", seconds=0.5)).replace(b"a name", name)
    assert bodies.record_of(line).seconds == 0.5 and before in line
    assert bodies.record_of(line.replace(before, after)) is None


class Text(str):
    pass


@pytest.mark.parametrize("text", ["a", "half of a pair \udc80"])
def test_text_and_numbers_of_classes_of_their_own_are_kept_as_what_they_are(text):
    one = record("a")._replace(node=numpy.str_(text), step=Text(text), seconds=numpy.float64(0.5))
    found = bodies.record_of(dumps(one))
    assert found == one and [type(field) for field in (found.node, found.step, found.seconds)] == [str, str, float]


@FUZZ
@given(st.data())
def test_a_segment_of_any_bytes_gives_sound_entries_only(data):
    entries = [segments.pack(kind, 10 + kind, body) for kind, body in zip(range(1, 8), [*KEPT, b"", b"x"])]
    content = bytearray(segments.MAGIC + b"".join(entries))
    for _ in range(data.draw(st.integers(0, 5))):
        place = data.draw(st.integers(0, len(content)))
        how = data.draw(st.sampled_from(["set", "cut", "add", "length"]))
        if how == "set" and place < len(content):
            content[place] = data.draw(st.integers(0, 255))
        elif how == "cut":
            del content[place : place + data.draw(st.integers(1, 100))]
        elif how == "add":
            content[place:place] = data.draw(st.binary(max_size=50))
        elif place + 4 <= len(content):
            struct.pack_into("<I", content, place, data.draw(st.integers(0, 2**32 - 1)))
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        path = Path(folder, "segment")
        path.write_bytes(content)
        found = [entry for entry, _ in segments.read(str(path), data.draw(st.integers(0, len(content) + 10)))]
        segments.owner(str(path))
    assert all(map(segments.sound, found))
    assert all(entry in bytes(content) for entry in found)


VALUES = (
    st.none()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.binary(max_size=60)
)


RECORDS = {one.key: one for one in map(record, "abcdefghij")}  # so many that there is a pack of them


@pytest.fixture(scope="module")
def store():
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        store = create(Path(folder, "store"))
        with closing(store.ledger()) as ledger:
            for one in RECORDS.values():
                ledger.add(one)
            ledger.add_run(run("r", started=1.0))
            ledger.add_code(record("a").code, b"[]")
        yield store


@settings(FUZZ, max_examples=tries(40, 20_000))
@given(st.sampled_from(["records", "packs", "code", "runs", "accepted", "segments"]), st.data())
def test_a_row_of_the_index_may_hold_anything(store, table, data):
    index = Path(store.root, "index.sqlite")
    shutil.copy(index, f"{index}.whole")
    connection = sqlite3.connect(index, isolation_level=None)
    columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    column = data.draw(st.sampled_from(columns))
    value = data.draw(VALUES | st.sampled_from(KEPT).map(lambda body: segments.pack(segments.RECORD, 5, body)))
    with suppress(sqlite3.IntegrityError):  # a number of a row is a number
        connection.execute(f"UPDATE OR IGNORE {table} SET {column} = ?", (value,))
    connection.close()
    try:
        with closing(store.ledger()) as ledger:
            hits = {key: hit_of(one) for key, one in RECORDS.items()}
            for key in RECORDS:
                assert ledger.hits([key]).items() <= hits.items()
            assert ledger.hits(RECORDS).items() <= hits.items()
            assert ledger.find(RECORDS).items() <= RECORDS.items()
            assert set(ledger.earlier("m:f")) <= {*RECORDS.values()}
            assert set(ledger.runs()) <= {run("r", started=1.0)}
            assert ledger.code(record("a").code) in (None, b"[]")
            assert ledger.accepted() == []
    finally:
        shutil.move(f"{index}.whole", index)


@FUZZ
@given(st.binary(max_size=100), st.text(max_size=20))
def test_notes_and_fingerprints_take_any_bytes(content, about):
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        layout = Layout(folder)
        place = Path(notes._place(layout, about))
        place.parent.mkdir()
        place.write_bytes(content)
        assert notes.recall(layout, about) == ""
        Path(folder, "fingerprints").write_bytes(content + b"\n")
        file = Path(folder, "file")
        file.write_bytes(b"x")
        assert fingerprints.Fingerprints(layout).of(str(file))[1] == 1


@FUZZ
@given(st.lists(st.integers(-5, 2**70).map(str) | st.text(max_size=5), max_size=8))
def test_a_line_of_fingerprints_with_the_right_checksum_may_say_anything(words):
    said = " ".join(words).encode()
    line = said + b" " + fingerprints.blake3(said).hexdigest(8).encode()
    found = fingerprints._entry(line)
    assert found is None or all(type(number) is int for number in found[0])


def saved():
    file = io.BytesIO()
    numpy.save(file, numpy.arange(12, dtype="f4").reshape(3, 4))
    return file.getvalue()


@FUZZ
@given(st.data())
def test_an_array_that_was_tampered_with_is_refused_or_read_within_its_bytes(data):
    codec = plugins.create("codecs", "numpy")
    content = bytearray(saved())
    for _ in range(data.draw(st.integers(0, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    content = bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        found = codec.read(content)
    except ValueError:
        return
    assert found.nbytes <= len(content)
    assert not found.dtype.hasobject
