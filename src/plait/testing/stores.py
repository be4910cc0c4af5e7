"""What every store must do.

Each check takes a function that opens one and the same store, new and empty at first, as another process would:

```python
@pytest.mark.parametrize("check", stores.CHECKS, ids=lambda check: check.__name__)
def test_my_store(check, tmp_path):
    check(lambda: my_store.create(tmp_path / "store"))
```
"""

import os
import pickle
import shutil
import tempfile
from collections.abc import Callable, Collection, Mapping
from contextlib import closing
from pathlib import Path
from typing import BinaryIO, TypeVar

from blake3 import blake3

from plait.core.digest import Digest, Key, digest
from plait.core.records import Acceptance, Artifact, Record, hit_of
from plait.errors import ArtifactLost
from plait.history.nodes import NodeRun
from plait.ports import Ledger, RunRow, Store

Open = Callable[[], Store]
T = TypeVar("T")
_ONE_BY_ONE = 200  # keys that are also asked for one by one


def record(key: str, value: str = "v", *, step: str = "m:f", made: float = 1.0) -> Record:
    """A record of a key, with a value that tells it from others."""
    artifact = Artifact(digest(value), "inline", codec="plain", size=len(value), data=value.encode())
    inputs = (("x", digest("x")),)
    return Record(Key(digest(key)), artifact, key, step, digest("code"), inputs, 0.001, made, "run", digest("here"))


def run(id_: str, *, started: float, status: str = "done", pipeline: str = "p") -> RunRow:
    """A run of a pipeline."""
    nodes = (NodeRun("n", digest("n"), "done", 0.5),)
    process = ("no such host", 1, 1.0)
    return RunRow(id_, pipeline, started, 0.0, status, 7, ("n",), (("x", "1"),), nodes, process)


def put(store: Store, content: bytes) -> str:
    """Puts a blob: its name."""
    blob, size = store.blobs.put(lambda file: _all(file, content))
    assert size == len(content), f"put wrote {len(content)} bytes and says {size}"
    return blob


def look_up(ledger: Ledger, keys: Collection[Key]) -> Mapping[Key, Record]:
    """What a ledger finds of some keys; what it gives as hits, all at once or one by one, says the same."""
    one_by_one = {key: hit for one in list(keys)[:_ONE_BY_ONE] for key, hit in ledger.hits([one]).items()}
    hits, records = ledger.hits(keys), ledger.find(keys)
    assert hits == {key: hit_of(record) for key, record in records.items()}, "hits must be what find finds"
    assert one_by_one.items() <= hits.items(), "asked for one by one, hits must be the same"
    assert not any(key in hits for key in list(keys)[:_ONE_BY_ONE] if key not in one_by_one)
    return records


def check_a_blob_comes_back(open_store: Open) -> None:
    for content in (b"", b"some bytes", bytes(range(256)) * 20_000):
        blob = put(open_store(), content)
        assert open_store().blobs.path(blob).read_bytes() == content


def check_equal_bytes_have_one_name(open_store: Open) -> None:
    store = open_store()
    assert put(store, b"one") == put(store, b"one") != put(store, b"two")
    assert put(store, b"one") == blake3(b"one").hexdigest(), "the name of a blob is the BLAKE3 of its bytes"


def check_a_writer_may_go_back(open_store: Open) -> None:
    def write(file: BinaryIO) -> None:
        file.write(b"????body")
        assert file.tell() == 8
        file.seek(0)
        file.write(b"head")
        file.flush()

    store = open_store()
    blob, size = store.blobs.put(write)
    assert (blob, size) == (put(store, b"headbody"), 8)
    assert store.blobs.path(blob).read_bytes() == b"headbody"


def check_a_writer_that_fails_leaves_nothing(open_store: Open) -> None:
    def write(file: BinaryIO) -> None:
        file.write(b"half of it")
        raise LookupError("the writer's own")

    store = open_store()
    whole = put(open_store(), b"whole")
    try:
        store.blobs.put(write)
    except LookupError as error:
        assert error.args == ("the writer's own",)
    else:
        raise AssertionError("the writer's own error was swallowed")
    assert store.blobs.path(whole).read_bytes() == b"whole"


def check_a_blob_that_is_not_there_is_lost(open_store: Open) -> None:
    store = open_store()
    put(store, b"another")
    for name in ("0" * 64, "../../etc/passwd", "", "A" * 64, "0" * 64 + "\n", "/etc/passwd"):
        try:
            store.blobs.path(name)
        except ArtifactLost as lost:
            assert lost.digest == name
        else:
            raise AssertionError(f"path({name!r}) gave a file")


def check_readers_see_the_suffix(open_store: Open) -> None:
    store = open_store()
    blob = put(store, b"a,b\n")
    for suffix in (".csv", ".csv.gz", ".png"):
        path = store.blobs.path(blob, suffix)
        assert path.name.endswith(suffix)
        assert path.read_bytes() == b"a,b\n"


def check_scratch_is_new_and_empty(open_store: Open) -> None:
    store = open_store()
    one, two = store.blobs.scratch(), store.blobs.scratch()
    assert one != two
    assert not [*one.iterdir(), *two.iterdir()]
    (one / "file").write_bytes(b"")
    one.joinpath("file").unlink()
    one.rmdir()
    two.rmdir()


def check_a_blob_is_there_once_it_was_put(open_store: Open) -> None:
    blobs = open_store().blobs
    blob = put(open_store(), b"bytes")
    assert blobs.has(blob) and open_store().blobs.has(blob)
    for name in ("0" * 64, "", "../blobs", blob[:-1], blob.upper()):
        assert not blobs.has(name), f"has({name!r})"
        assert not blobs.available(name), f"available({name!r})"
    assert blobs.available(blob) and open_store().blobs.available(blob)


def check_a_file_that_is_taken_in_has_the_name_of_its_bytes(open_store: Open) -> None:
    for content in (b"", b"some bytes", bytes(range(256)) * 10_000):
        store = open_store()
        folder = store.blobs.scratch()
        (folder / "file").write_bytes(content)
        assert store.blobs.adopt(str(folder / "file")) == (put(store, content), len(content))
        (folder / "file").unlink(missing_ok=True)
        folder.rmdir()
        assert open_store().blobs.path(put(store, content)).read_bytes() == content


def check_a_file_that_is_taken_in_cannot_be_changed_by_another_name(open_store: Open) -> None:
    store, content = open_store(), b"some bytes"
    for link in (os.link, os.symlink):
        folder = store.blobs.scratch()
        (folder / "file").write_bytes(content)
        link(folder / "file", folder / "other")
        blob, _ = store.blobs.adopt(str(folder / "other"))
        assert (folder / "file").read_bytes() == content, "somebody's own file is gone"
        (folder / "file").write_bytes(b"other bytes")
        assert open_store().blobs.path(blob).read_bytes() == content
        shutil.rmtree(folder)


def check_a_path_says_which_blob_it_shows(open_store: Open) -> None:
    store = open_store()
    blob, scratch = put(store, b"a,b\n"), store.blobs.scratch()
    for suffix in ("", ".csv", ".csv.gz"):
        assert store.blobs.owned(str(store.blobs.path(blob, suffix))) == blob
    assert not store.blobs.owned(str(scratch / blob)), "work that is not finished is no blob"
    with tempfile.TemporaryDirectory() as folder:
        for path in (folder, f"{folder}/{blob}", f"{folder}/blobs/{blob[:2]}/{blob[2:]}", "", "relative"):
            assert store.blobs.owned(path) is None, path
    scratch.rmdir()


def check_a_fingerprint_is_the_name_of_what_is_in_a_file(open_store: Open) -> None:
    store = open_store()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "file")
        for content in (b"one", b"two", b"", b"three", b"three"):  # as long as before, shorter, longer, the same
            file.write_bytes(content)
            for blobs in (store.blobs, store.blobs, open_store().blobs):
                assert blobs.fingerprint(str(file)) == (put(store, content), len(content))
        looks = file.stat()
        file.write_bytes(b"seven")
        os.utime(file, ns=(looks.st_atime_ns, looks.st_mtime_ns))  # as long, and as old
        assert store.blobs.fingerprint(str(file)) == (put(store, b"seven"), 5)
    shown = store.blobs.path(put(store, b"a,b\n"), ".csv")
    assert store.blobs.fingerprint(str(shown)) == (put(store, b"a,b\n"), 4)


def check_what_is_remembered_comes_back_or_is_forgotten(open_store: Open) -> None:
    about = ("https://here/a?b=c", "https://here/a", "", "../../x", "ключ", "a\udc80b", "n" * 5_000, "one\ntwo")
    assert [open_store().blobs.recall(what) for what in about] == [""] * len(about)
    said = {what: f"{number}\nо {what[:5]!r}" for number, what in enumerate(about)}
    for what, text in said.items():
        open_store().blobs.remember(what, "another text, before")
        open_store().blobs.remember(what, text)
    for what, text in said.items():
        assert open_store().blobs.recall(what) in (text, "")


def check_a_store_travels(open_store: Open) -> None:
    store = open_store()
    blob = put(store, b"bytes")
    for copy in (_travelled(store).blobs, _travelled(store.blobs)):
        assert copy.path(blob).read_bytes() == b"bytes"


def check_a_record_is_found_at_once_and_later(open_store: Open) -> None:
    one, two = record("one"), record("two")
    with closing(open_store().ledger()) as ledger:
        assert look_up(ledger, [one.key]) == {}
        ledger.add(one)
        ledger.add(two)
        assert look_up(ledger, [one.key, two.key, Key(digest("three"))]) == {one.key: one, two.key: two}
    with closing(open_store().ledger()) as ledger:
        assert look_up(ledger, {two.key, Key(digest("three"))}) == {two.key: two}
        assert look_up(ledger, []) == {}


def check_a_record_survives_who_did_not_close(open_store: Open) -> None:
    kept = record("kept")
    abandoned = open_store().ledger()
    abandoned.add(kept)
    with closing(open_store().ledger()) as ledger:
        assert look_up(ledger, [kept.key]) == {kept.key: kept}
    abandoned.close()


def check_many_keys_at_once(open_store: Open) -> None:
    records = {one.key: one for one in (record(str(i)) for i in range(3_000))}
    with closing(open_store().ledger()) as ledger:
        for one in records.values():
            ledger.add(one)
        assert look_up(ledger, records) == records
    with closing(open_store().ledger()) as ledger:
        assert look_up(ledger, records) == records


def check_the_first_record_of_a_key_stays(open_store: Open) -> None:
    first = record("key", "first", made=2.0)
    for value in ("first", "second", "third"):
        with closing(open_store().ledger()) as ledger:
            ledger.add(record("key", value, made=2.0 if value == "first" else 1.0))
            assert look_up(ledger, [first.key]) == {first.key: first}


def check_the_newest_wins_where_it_shall(open_store: Open) -> None:
    for value in ("first", "second", "third"):
        with closing(open_store().ledger()) as ledger:
            ledger.add(record("key", value), newest=value != "first")
            assert look_up(ledger, [record("key").key]) == {record("key").key: record("key", value)}
    with closing(open_store().ledger()) as ledger:
        ledger.add(record("key", "late, but not to win"))
        assert look_up(ledger, [record("key").key]) == {record("key").key: record("key", "third")}


def check_any_text_can_be_a_name(open_store: Open) -> None:
    for name in ("ключ", "a\udc80b", "\0", "'; DROP TABLE records; --", "../../x", "n" * 5_000):
        odd = record("odd", step=name)._replace(key=Key(name), node=name)
        with closing(open_store().ledger()) as ledger:
            ledger.add(odd)
            ledger.add_run(run(name, started=1.0, pipeline=name))
            ledger.add_code(Digest(name), b"code")
        with closing(open_store().ledger()) as ledger:
            assert look_up(ledger, [odd.key]) == {odd.key: odd}
            assert ledger.earlier(name) == [odd]
            assert [row.id for row in ledger.runs(name)] == [name]
            assert ledger.code(Digest(name)) == b"code"


def check_earlier_records_come_newest_first(open_store: Open) -> None:
    kept = [record(str(i), step="m:f" if i % 2 else "m:g", made=float(i)) for i in range(10)]
    for half in (kept[:5], kept[5:]):
        with closing(open_store().ledger()) as ledger:
            for one in half:
                ledger.add(one)
            known = [one for one in kept[: kept.index(half[-1]) + 1] if one.step == "m:f"]
            assert ledger.earlier("m:f") == known[::-1]
            assert ledger.earlier("m:f", limit=2) == known[::-1][:2]
            assert ledger.earlier("no such step") == []


def check_code_is_kept(open_store: Open) -> None:
    with closing(open_store().ledger()) as ledger:
        assert ledger.code(digest("code")) is None
        ledger.add_code(digest("code"), b"def f(): ...")
        ledger.add_code(digest("code"), b"def f(): ...")
        assert ledger.code(digest("code")) == b"def f(): ..."
    with closing(open_store().ledger()) as ledger:
        assert ledger.code(digest("code")) == b"def f(): ..."


def check_runs_come_newest_first_as_they_were_last(open_store: Open) -> None:
    with closing(open_store().ledger()) as ledger:
        ledger.add_run(run("a", started=1.0, status="running"))
        ledger.add_run(run("b", started=2.0, pipeline="q"))
        ledger.add_run(run("a", started=1.0))
        assert ledger.runs() == [run("b", started=2.0, pipeline="q"), run("a", started=1.0)]
    with closing(open_store().ledger()) as ledger:
        ledger.add_run(run("a", started=1.0, status="failed"))
        ledger.add_run(run("c", started=3.0))
        assert [(row.id, row.status) for row in ledger.runs("p")] == [("c", "done"), ("a", "failed")]
        assert [row.id for row in ledger.runs(limit=2)] == ["c", "b"]


def check_a_run_keeps_its_names(open_store: Open) -> None:
    named = run("a", started=1.0)._replace(tags=("best", "paper"))
    for row in (run("a", started=1.0), named, named._replace(tags=("paper",))):
        with closing(open_store().ledger()) as ledger:
            ledger.add_run(row)
            assert ledger.runs() == [row]
        with closing(open_store().ledger()) as ledger:
            assert ledger.runs() == [row]


def check_what_is_accepted_is_found_until_it_is_withdrawn(open_store: Open) -> None:
    old, new = record("old"), record("new")
    vouched = Acceptance(new, old.key, old.code, "p", "somebody", 2.0, "why\nnot")
    taken_back = vouched._replace(withdrawn="somebody else", withdrawn_at=3.0)
    for said, known in ((vouched, {new.key: new}), (taken_back, {}), (vouched, {new.key: new}), (taken_back, {})):
        with closing(open_store().ledger()) as ledger:
            ledger.accept(said)
            assert look_up(ledger, [new.key]) == known
        with closing(open_store().ledger()) as ledger:
            assert look_up(ledger, [old.key, new.key]) == known
            assert list(ledger.earlier("m:f")) == list(known.values())
            assert ledger.accepted() == [said]


def check_what_was_computed_goes_before_what_was_accepted(open_store: Open) -> None:
    computed, new = record("new", "computed"), record("new", "accepted")
    vouched = Acceptance(new, Key("old"), Digest("code"), "p", "somebody", 2.0)
    with closing(open_store().ledger()) as ledger:
        ledger.accept(vouched)
        ledger.accept(vouched._replace(withdrawn="somebody", withdrawn_at=3.0))
        ledger.add(computed)
        assert look_up(ledger, [new.key]) == {new.key: computed}
        ledger.accept(vouched)
    with closing(open_store().ledger()) as ledger:
        assert look_up(ledger, [new.key]) == {new.key: computed}
        assert ledger.earlier("m:f") == [computed]


def check_an_empty_store_finds_nothing(open_store: Open) -> None:
    with closing(open_store().ledger()) as ledger:
        assert look_up(ledger, [Key(digest("k"))]) == {}
        assert not [*ledger.earlier("m:f"), *ledger.runs(), *ledger.accepted()]
        assert ledger.code(digest("code")) is None


def _travelled(thing: T) -> T:
    there: T = pickle.loads(pickle.dumps(thing))  # noqa: S301 - our own bytes
    return there


def _all(file: BinaryIO, content: bytes) -> None:
    file.write(memoryview(content))
    file.flush()


CHECKS: tuple[Callable[[Open], None], ...] = tuple(
    check for name, check in sorted(globals().items()) if name.startswith("check_")
)
