"""Others can write to the far place. What they write runs no code, and is not believed where it must be signed (T17)."""

import base64
import json
import os
import pickle
import warnings
from contextlib import closing

import numpy as np
import pyarrow as pa
import pytest
from blake3 import blake3

from plait import Pipeline, plugins, step
from plait.core.digest import Digest, Key, digest
from plait.core.records import Artifact
from plait.errors import ArtifactLost
from plait.lines import dumps
from plait.opening import vault_of
from plait.runtime import naming
from plait.stores.layered import entries, telling
from plait.stores.layered.sending import place_of
from plait.stores.layered.signing import Keyring, UnsignedError, UnsoundError, day_of
from plait.stores.remote import create as remote
from plait.testing.stores import look_up, put, record
from stores.far.conftest import keys_of, store_of

ALL_SAFE = tuple(codec.name for codec in plugins.codecs() if not codec.runs_code)


class Canary:
    """Leaves a file behind if it is ever unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.fixture(autouse=True)
def _warnings_are_said_again():
    telling._said.clear()


def planted(place, tmp_path, *written, keys=(), stamp=1):
    """What somebody else puts into a place: a segment of these entries."""
    name, content = Keyring(keys_of(*keys)).sealed(b"".join(entries.packed(*entry) for entry in written), stamp)
    return dropped(place, tmp_path, f"segments/{day_of(stamp)}/{name}", content)


def dropped(place, tmp_path, name, content):
    path = tmp_path / "dropped"
    path.write_bytes(content)
    place.put(str(path), name)
    return name


def inline(name, codec, data, **more):
    return record(name)._replace(artifact=Artifact(digest(name), "inline", codec, size=len(data), data=data, **more))


def in_blob(place, tmp_path, name, codec, data, suffix=b""):
    blob = blake3(data).hexdigest()
    dropped(place, tmp_path, place_of(blob), data)
    return record(name)._replace(artifact=Artifact(digest(name), "blob", codec, blob, len(data), suffix))


def found(store, *names):
    with closing(store.ledger()) as opened:
        return look_up(opened, [record(name).key for name in names])


def read(store, one):
    """What a run does with a record: its value, or why it is made again."""
    vault = vault_of(store, Pipeline("p", [nothing]).graph, strict=False)
    try:
        return vault.load(one.artifact)
    except ArtifactLost as lost:
        return lost


class Model:
    """Of a kind that only a pickle can keep."""

    def __init__(self, size):
        self.size = size


@step
def nothing() -> int:
    return 0


def object_array(tmp_path):
    array = np.empty(1, dtype=object)
    array[0] = Canary(tmp_path / "canary")
    np.save(tmp_path / "array.npy", array, allow_pickle=True)
    np.savez(tmp_path / "arrays.npz", array)
    return (tmp_path / "array.npy").read_bytes(), (tmp_path / "arrays.npz").read_bytes()


def arrow_with_a_python_type(tmp_path):
    """The metadata with which old Arrow unpickled a type (CVE-2023-47248)."""
    meta = {
        b"ARROW:extension:name": b"arrow.py_extension_type",
        b"ARROW:extension:metadata": pickle.dumps(Canary(tmp_path / "canary")),
    }
    field = pa.field("x", pa.int64(), metadata=meta)
    table = pa.table([pa.array([1, 2])], schema=pa.schema([field]))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def corpus(place, tmp_path):
    """Records of things that try to run code, or to reach files; by name."""
    pickled = pickle.dumps(Canary(tmp_path / "canary"))
    framed = (0).to_bytes(8, "little") + len(pickled).to_bytes(8, "little") + pickled  # as the codec has it
    npy, npz = object_array(tmp_path)
    arrow = arrow_with_a_python_type(tmp_path)
    made = [inline(f"inline {codec}", codec, data) for codec in ("pickle", "sklearn") for data in (framed,)]
    made += [in_blob(place, tmp_path, f"blob {codec}", codec, framed) for codec in ("pickle", "sklearn")]
    made += [inline(f"pickle as {codec}", codec, data) for codec in ALL_SAFE for data in (pickled,)]
    made += [in_blob(place, tmp_path, f"npy as {codec}", codec, npy) for codec in ALL_SAFE]
    made += [in_blob(place, tmp_path, f"npz as {codec}", codec, npz) for codec in (*ALL_SAFE, "npz")]
    made += [in_blob(place, tmp_path, f"arrow as {codec}", codec, arrow) for codec in ALL_SAFE]
    made += [
        inline(f"named {name}", name, pickled) for name in ("os", "os.system", "../pickle", "plait.codecs.pickle", "")
    ]
    secret = tmp_path / "secret"
    secret.write_text("mine")
    held = Artifact(digest("held"), "inline", "pickle", size=len(framed), data=framed)
    reference = Artifact(digest("ref"), "reference", "file", str(secret), 4)
    plain = inline("outside", "plain", b"1")
    made += [
        plain._replace(key=Key(digest("reference")), artifact=reference),
        plain._replace(key=Key(digest("in parts")), artifact=Artifact(digest("p"), "parts", parts=(("x", held),))),
        plain._replace(key=Key(digest("in files")), artifact=plain.artifact._replace(files=(held,))),
        plain._replace(key=Key(digest("ref in files")), artifact=plain.artifact._replace(files=(reference,))),
    ]
    return made


def bodies_that_are_no_records(tmp_path):
    """What is not even a record, in ways that a careless reader takes for one."""
    good = json.loads(dumps(inline("odd", "plain", b"1")))

    def with_(position, value):
        return json.dumps([*good[:position], value, *good[position + 1 :]]).encode()

    def artifact(position, value):
        return with_(1, [*good[1][:position], value, *good[1][position + 1 :]])

    deep = good[1]
    for _ in range(50):
        deep = ["d", "parts", "", "", 0, "", [["x", deep]]]
    return [
        b"", b"null", b"[]", b"{}", b"[" * 100_000, b"\xff\xfe", pickle.dumps(Canary(tmp_path / "canary")),
        with_(0, 7), with_(0, None), with_(2, {}), with_(5, [["x"]]), with_(6, "soon"), with_(7, None), with_(10, "ever"),
        with_(1, deep), artifact(1, "memory"), artifact(1, "elsewhere"), artifact(2, 3), artifact(4, "1"), artifact(5, 9),
        artifact(1, "blob"), with_(1, ["d", "blob", "file", "../../etc/passwd", 1, "", []]),
        with_(1, ["d", "blob", "file", "0" * 64, 1, base64.b64encode(b"/../x").decode(), []]),
        with_(1, ["d", "blob", "file", "0" * 64, 1, base64.b64encode(b"\xff").decode(), []]),
    ]  # fmt: skip


def test_nothing_in_a_place_runs_code_whatever_it_says_it_is(place, tmp_path):
    made = corpus(place(), tmp_path)
    odd = bodies_that_are_no_records(tmp_path)
    planted(
        place(), tmp_path, *[(entries.RECORD, dumps(one)) for one in made], *[(entries.RECORD, body) for body in odd]
    )
    store = store_of(tmp_path / "near", place(), safe=ALL_SAFE)
    with warnings.catch_warnings(), closing(store.ledger()) as opened:
        warnings.simplefilter("ignore")
        believed = look_up(opened, [one.key for one in made])
        assert not look_up(opened, [Key(digest("odd"))])
    for one in made:
        if one.artifact.codec in ("pickle", "sklearn") or one.artifact.where != "blob" and one.key not in believed:
            assert one.key not in believed
    results = {one.node: read(store, one) for one in believed.values()}
    lost = [result for result in results.values() if isinstance(result, ArtifactLost)]
    print(
        f"\nT17: {len(made)} records and {len(odd)} that are none; used {len(believed)}, of these unreadable {len(lost)}"
    )
    assert not (tmp_path / "canary").exists()
    assert not any(isinstance(result, Canary) for result in results.values())
    assert {record_.artifact.codec for record_ in believed.values()} <= set(ALL_SAFE)
    assert not {"reference", "in parts", "in files", "ref in files"} & {name for name in results}
    pickle.loads(pickle.dumps(Canary(tmp_path / "canary")))
    assert (tmp_path / "canary").exists(), "the canary cannot sing"


def test_the_codec_of_a_record_is_looked_up_and_never_guessed(place, tmp_path):
    planted(place(), tmp_path, (entries.RECORD, dumps(inline("one", "plain", b"\x93NUMPY\x01\x00"))))
    store = store_of(tmp_path / "near", place())
    (one,) = found(store, "one").values()
    assert isinstance(read(store, one), ArtifactLost)


def test_an_unsigned_pickle_is_a_miss_with_one_warning_that_names_what_to_do(place, tmp_path):
    planted(place(), tmp_path, *[(entries.RECORD, dumps(inline(name, "pickle", b"x"))) for name in ("one", "two")])
    with pytest.warns(UserWarning, match="plait keys --new") as said:
        assert found(store_of(tmp_path / "near", place()), "one", "two") == {}
    assert len(said) == 1


def test_a_signed_pickle_is_used_by_who_has_the_key_and_by_nobody_else(place, tmp_path):
    one = inline("one", "pickle", b"x")
    planted(place(), tmp_path, (entries.RECORD, dumps(one)), keys=["team"])
    assert found(store_of(tmp_path / "member", place(), "team"), "one") == {one.key: one}
    assert found(store_of(tmp_path / "late", place(), "new", "team"), "one") == {one.key: one}
    with pytest.warns(UserWarning, match="plait keys --new"):
        assert found(store_of(tmp_path / "guest", place()), "one") == {}
    with pytest.warns(UserWarning, match="not signed with a key that is known here"):
        assert found(store_of(tmp_path / "stranger", place(), "other"), "one") == {}


def test_who_has_a_key_uses_nothing_that_is_not_signed(place, tmp_path):
    one = inline("one", "plain", b"1")
    planted(place(), tmp_path, (entries.RECORD, dumps(one)))
    with pytest.warns(UserWarning, match="not signed with a key that is known here"):
        assert found(store_of(tmp_path / "member", place(), "team"), "one") == {}
    assert found(store_of(tmp_path / "guest", place()), "one") == {one.key: one}
    assert found(store_of(tmp_path / "member", place()), "one") == {one.key: one}, (
        "what is believed depends on the keys"
    )


def test_a_blob_that_was_swapped_under_a_signed_record_is_not_read(place, tmp_path):
    data = pickle.dumps(Canary(tmp_path / "canary"))
    one = in_blob(place(), tmp_path, "one", "pickle", b"what was signed")
    planted(place(), tmp_path, (entries.RECORD, dumps(one)), keys=["team"])
    dropped(place(), tmp_path, place_of(one.artifact.blob), data)
    store = store_of(tmp_path / "near", place(), "team")
    assert found(store, "one") == {one.key: one}
    assert isinstance(read(store, one), ArtifactLost)
    assert not (tmp_path / "canary").exists()


def test_signatures_that_were_swapped_replayed_or_made_up_are_refused(tmp_path):
    team = Keyring(keys_of("team"))
    first, one = team.sealed(entries.packed(entries.RECORD, b"one"), 1)
    second, two = team.sealed(entries.packed(entries.RECORD, b"two"), 2)
    assert team.opened(first, one) and team.opened(second, two)
    head = len(b"plait-segment 1\n")
    line = slice(head, one.index(b"\n", head) + 1)
    swapped = one[:head] + two[line] + one[line.stop :]
    made_up = one[:head] + next(iter(keys_of("team"))).encode() + b" " + b"0" * 64 + b"\n" + one[line.stop :]
    unsigned = one[:head] + b"- -\n" + one[line.stop :]
    other = Keyring(keys_of("other")).sealed(entries.packed(entries.RECORD, b"one"), 1)[1]
    accepted = 0
    for content in (swapped, made_up, unsigned, other):
        for stamp in (1, 2):
            with pytest.raises(UnsignedError):
                team.opened(f"{stamp:020d}-{blake3(content).hexdigest(16)}.seg", content)
    with pytest.raises(UnsignedError):  # replayed as if it had been written at another time
        team.opened(f"{9:020d}-{blake3(one).hexdigest(16)}.seg", one)
    for name, content in ((second, one), (first, one[:-1]), (first, one + b"\0"), ("../x", one), (first, b"")):
        with pytest.raises(UnsoundError):
            team.opened(name, content)
    for at in range(len(one)):  # a flipped bit anywhere, under a name that was made for it
        flipped = one[:at] + bytes([one[at] ^ 1]) + one[at + 1 :]
        try:
            team.opened(f"{1:020d}-{blake3(flipped).hexdigest(16)}.seg", flipped)
            accepted += 1
        except (UnsignedError, UnsoundError):
            pass
    assert accepted == 0


def test_entries_of_a_stranger_do_not_shadow_our_own(place, tmp_path):
    near = store_of(tmp_path / "near", remote(f"memory://{tmp_path.name}-elsewhere"))
    ours = inline("one", "plain", b"1")
    with closing(near.ledger()) as opened:
        opened.add(ours)
    planted(
        place(), tmp_path, (entries.RECORD, dumps(ours._replace(artifact=ours.artifact._replace(digest=Digest("no")))))
    )
    with pytest.warns(UserWarning, match="nondeterministic"):
        assert found(store_of(tmp_path / "near", place()), "one") == {ours.key: ours}


def test_a_run_of_the_history_with_control_characters_is_left_out(place, tmp_path):
    from plait.testing.stores import run

    planted(
        place(), tmp_path,
        (entries.RUN, entries.run_body(run("good", started=1.0))),
        (entries.RUN, entries.run_body(run("\x1b[2Jbad", started=2.0))),
        (entries.RUN, entries.run_body(run("bad", started=3.0, pipeline="\x1b]0;x\x07"))),
        (entries.CODE, entries.code_body("c" * 64, b"not a manifest")),
    )  # fmt: skip
    with closing(store_of(tmp_path / "near", place()).ledger()) as opened:
        assert [row.id for row in opened.runs()] == ["good"]
        assert opened.code(Digest("c" * 64)) is None


def test_a_team_with_a_key_shares_a_model_and_one_without_makes_it_again(place, tmp_path, monkeypatch):
    url = f"memory://{tmp_path.name}-team"

    @step
    def model(n: int = 5) -> Model:
        return Model(n)

    fit = Pipeline("fit", [model])

    def states(folder, key):
        monkeypatch.setenv("PLAIT_KEYS", key)
        monkeypatch.chdir(folder)
        outcome = fit.run(store=url)
        assert outcome["model"].size == 5
        return outcome.states

    for name in ("one", "two", "three", "four"):
        (tmp_path / name).mkdir()
    assert states(tmp_path / "one", "") == {"model": "run"}
    with pytest.warns(UserWarning, match=r"such as 'model'.*plait keys --new"):
        assert states(tmp_path / "two", "") == {"model": "run"}
    with pytest.warns(UserWarning, match="not signed with a key that is known here"):
        assert states(tmp_path / "three", "ab" * 32) == {"model": "run"}
    assert states(tmp_path / "four", "cd" * 32 + " " + "ab" * 32) == {"model": "hit"}
    assert put(store_of(tmp_path / "four" / ".plait", remote(url)), b"x")


def test_a_pickle_in_a_folder_that_others_can_write_to_is_made_again_with_a_warning(tmp_path):
    @step
    def model(n: int = 6) -> Model:
        return Model(n)

    @step
    def size(model: Model, times: int = 1) -> int:
        return model.size * times

    fit = Pipeline("fit", [model, size])
    fit.run(store=tmp_path / "near")
    for folder in ("near", "near/blobs", "near/segments"):
        if (tmp_path / folder).is_dir():
            (tmp_path / folder).chmod(0o777)
    naming._said.clear()
    with pytest.warns(UserWarning, match="others can write to it, and to read them can run code") as said:
        outcome = fit.run("model", "size", store=tmp_path / "near", times=2)
    assert outcome.states == {"model": "run", "size": "run"} and outcome["size"] == 12 and outcome["model"].size == 6
    assert len(said) == 1
