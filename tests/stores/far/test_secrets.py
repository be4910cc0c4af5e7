"""What is secret stays so, and what is private is (T18)."""

import logging
import os
import pickle
import stat
import traceback
import warnings
from contextlib import closing, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from plait import Pipeline, keyring, step
from plait.errors import PlaitError
from plait.storage import Layered, Local, Remote
from plait.stores.layered import entries, telling
from plait.stores.remote import create as remote
from plait.testing.stores import record
from stores.far.conftest import store_of
from stores.far.proxy import Proxy

CANARY = "canary4711secret"
PLACES = {
    "a user in a URL that cannot be reached": (f"ftp://me:{CANARY}@127.0.0.1:9/team", {}),
    "a user in a URL that can be": (f"memory://me:{CANARY}@secrets/team?token={CANARY}", {}),
    "options, and nobody answers": ("s3://secrets/team", {"key": f"AKIA{CANARY}", "secret": CANARY, "endpoint_url": "http://127.0.0.1:9"}),
    "a user in an option": ("s3://secrets/team", {"endpoint_url": f"http://me:{CANARY}@127.0.0.1:9"}),
    "options that are refused": ("s3://secrets/team", {"token": CANARY, "no_such_option": CANARY, "client_kwargs": {"no_such": CANARY}}),
    "an unknown scheme": (f"nothing://me:{CANARY}@host/team", {}),
    "a package that is not there": (f"dropbox://me:{CANARY}@host/team", {"token": CANARY}),
}  # fmt: skip


@step
def numbers(n: int = 3) -> list[int]:
    return list(range(n * 10_000))


def all_bytes(*folders):
    return b"".join(
        f"{path}\n".encode() + (path.read_bytes() if path.is_file() else b"")
        for folder in folders
        for path in folder.rglob("*")
    )


SLOW = "a user in an option"  # which its library tries often, though to no use


@pytest.mark.parametrize(
    "url, options",
    [pytest.param(*where, id=name, marks=[pytest.mark.long] * (name == SLOW)) for name, where in PLACES.items()],
)
def test_a_secret_is_in_no_log_warning_error_or_file(url, options, tmp_path, caplog, monkeypatch):
    monkeypatch.setenv("PLAIT_KEYS", "c0ffee" * 10 + "0123")
    telling._said.clear()
    said = StringIO()
    with warnings.catch_warnings(record=True) as warned, redirect_stderr(said), redirect_stdout(said):
        warnings.simplefilter("always")
        caplog.set_level(logging.INFO)
        store = Layered(Local(tmp_path / "near"), Remote(url, **options))
        said.write(f"{store!r} {store.far!r} {store.far.url}")
        pipeline = Pipeline("p", [numbers])
        try:
            store.far.names("segments")
            said.write(f"{pipeline.run(store=store).states} {pipeline.runs(store=store)}")
        except PlaitError as error:
            said.write("".join(traceback.format_exception(error)))
        if not url.startswith("s3:"):  # whose library takes its time
            pipeline.run(store=store, n=4)
    told = said.getvalue() + caplog.text + "".join(str(one.message) for one in warned)
    assert told
    for secret in (CANARY, "c0ffee"):
        assert secret not in told
        assert secret.encode() not in all_bytes(tmp_path)


def test_what_a_server_says_of_a_key_is_not_passed_on(bucket, tmp_path):
    port = int(bucket[1]["endpoint_url"].rpartition(":")[2])

    class Telling(Proxy):
        def _pass(self, client, head, body):
            answer = (
                f"<Error><Code>SignatureDoesNotMatch</Code><Message>{CANARY} is not right</Message></Error>".encode()
            )
            client.sendall(
                b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer
            )
            self.fired["403"] += 1

    with Telling(port, lambda *_: "") as proxy:
        place = remote(bucket[0], {"endpoint_url": f"http://127.0.0.1:{proxy.port}", "key": "me", "secret": CANARY})
        with pytest.raises(PlaitError, match=r"\*\*\* is not right") as error:
            place.names("segments")
    assert proxy.fired["403"]
    assert CANARY not in "".join(traceback.format_exception(error.value))


def test_a_worker_gets_what_it_needs_and_no_key(tmp_path, monkeypatch):
    monkeypatch.setenv("PLAIT_KEYS", "c0ffee" * 10 + "0123")
    store = Layered(Local(tmp_path / "near"), Remote("s3://team/x", secret=CANARY))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        blobs = pickle.dumps(store.blobs)
    assert b"c0ffee" not in blobs and bytes.fromhex("c0ffee") not in blobs
    assert len(blobs) < 2_000
    assert b"c0ffee" not in pickle.dumps(store)


def test_the_password_in_a_parameter_that_is_a_url_is_not_in_the_history(tmp_path):
    @step
    def length(url: str) -> int:
        return len(url)

    Pipeline("p", [length]).run(url=f"postgresql://me:{CANARY}@host/db?token={CANARY}", store=tmp_path / "near")
    assert b"postgresql://host/db" in all_bytes(tmp_path)
    assert CANARY.encode() not in all_bytes(tmp_path)


def test_the_password_in_a_store_is_not_in_the_message_that_refuses_it():
    @step
    def sales(store: str) -> str:
        return store

    with pytest.raises(PlaitError, match="is an option of run and a parameter of sales") as error:
        Pipeline("p", [sales]).run(store=f"s3://me:{CANARY}@bucket/x")
    assert CANARY not in str(error.value)


def modes(folder):
    return {stat.S_IMODE(path.lstat().st_mode) for path in [folder, *folder.rglob("*")] if path.is_dir()}, {
        stat.S_IMODE(path.lstat().st_mode) for path in folder.rglob("*") if path.is_file()
    }


@pytest.fixture
def open_umask():
    before = os.umask(0)
    yield
    os.umask(before)


def test_all_is_for_its_owner_alone_whatever_the_umask(tmp_path, open_umask):
    shared = tmp_path / "shared"
    for name in ("one", "two"):
        store = store_of(tmp_path / name, remote(str(shared)), "team")
        with closing(store.ledger()) as opened:
            opened.add(record(name))
            blob, _ = store.blobs.put(lambda file: file.write(b"x" * 20_000))
            opened.add(
                record(f"{name}'s blob")._replace(
                    artifact=record("x").artifact._replace(where="blob", blob=blob, data=b"")
                )
            )
    store_of(tmp_path / "three", remote(str(shared)), "team").blobs.path(blob)
    for folder in ("one", "two", "three", "shared"):
        folders, files = modes(tmp_path / folder)
        assert folders == {0o700}, folder
        assert files <= {0o600, 0o400}, folder
    assert all_bytes(shared).count(b".seg\n") == 2


def test_a_folder_that_is_open_to_a_group_stays_so(tmp_path, open_umask):
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o2770)
    with closing(store_of(tmp_path / "one", remote(str(shared)), "team").ledger()) as opened:
        opened.add(record("one"))
    folders, files = modes(shared)
    assert (folders, files) == ({0o2770}, {0o660})


def test_a_key_is_made_for_its_owner_alone_and_the_old_ones_are_still_believed(tmp_path, open_umask):
    assert keyring.keys() == {}
    first = keyring.new()
    second = keyring.new()
    assert list(keyring.keys()) == [second, first]
    assert stat.S_IMODE(keyring.path().stat().st_mode) == 0o600
    assert stat.S_IMODE(keyring.path().parent.stat().st_mode) == 0o700
    assert [path.name for path in keyring.path().parent.iterdir()] == ["keys"]


def test_keys_of_the_environment_come_first(monkeypatch):
    own = keyring.new()
    monkeypatch.setenv("PLAIT_KEYS", f"{'ab' * 32} {'cd' * 32}")
    assert list(keyring.keys().values())[:2] == [bytes.fromhex("ab" * 32), bytes.fromhex("cd" * 32)]
    assert list(keyring.keys())[2] == own


def test_keys_that_others_can_read_are_refused():
    keyring.new()
    keyring.path().chmod(0o640)
    for act in (keyring.keys, keyring.new):
        with pytest.raises(PlaitError, match="chmod 600"):
            act()


@pytest.mark.parametrize("text", ["short", "AB" * 32, "ab" * 33, "../" * 20])
def test_what_is_no_key_is_refused_and_not_shown(text, monkeypatch):
    monkeypatch.setenv("PLAIT_KEYS", f"{'ab' * 32} {text}")
    with pytest.raises(PlaitError, match=r"PLAIT_KEYS: number 2 is no key") as error:
        keyring.keys()
    assert text not in str(error.value)


def test_the_near_half_must_be_a_folder():
    with pytest.raises(PlaitError, match="the near half is a store in a folder"):
        Layered(Remote("memory://x"), Remote("memory://y"))


def test_a_place_alone_gets_a_near_half(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    place = Remote(f"memory://{tmp_path.name}-alone")
    assert Pipeline("p", [numbers]).run(store=place).states == {"numbers": "run"}
    assert Path(".plait/FORMAT").exists() and len(place.names("segments")) == 1
    monkeypatch.setenv("PLAIT_STORE", place.url)
    assert Pipeline("p", [numbers]).run().states == {"numbers": "hit"}


def test_a_result_that_refers_to_a_file_of_this_machine_is_not_sent(tmp_path, place):
    with closing(store_of(tmp_path / "near", place()).ledger()) as opened:
        file = record("f").artifact._replace(where="reference", codec="file", blob="/etc/hostname", data=b"")
        opened.add(record("f")._replace(artifact=file))
        opened.add(record("g"))
    sent = b"".join(Path(path).read_bytes() for path in fetched(place(), tmp_path))
    kinds = [entry.kind for entry in entries.unpacked(sent[sent.index(b"\n", 16) + 1 :])]
    assert kinds == [entries.RECORD] and b"hostname" not in sent


def fetched(place, tmp_path):
    for day in place.names("segments"):
        (name,) = place.names(f"segments/{day}")
        path = tmp_path / name
        place.get(f"segments/{day}/{name}", str(path))
        yield path
