"""Many at once, worker processes, and machines that share no files."""

import os
import pickle
import tempfile
import time
import warnings
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from plait import Pipeline, step
from plait.errors import ArtifactLost
from plait.lines import dumps
from plait.storage import Layered, Local, Remote
from plait.stores.layered import entries
from plait.stores.layered.signing import Keyring, day_of
from plait.stores.remote import create as remote
from plait.testing.stores import look_up, put, record
from stores.far.conftest import store_of
from stores.far.test_faults import kept, records_in
from stores.harness import elsewhere, forked, given_to_nobody, joined, unprivileged


def test_many_writers_at_once_need_no_locks(bucket, tmp_path):
    def work(number):
        for round_ in range(2):
            store = store_of(tmp_path / f"near{number % 2}", remote(*bucket), "team")  # two of them share a folder
            with closing(store.ledger()) as ledger:
                for i in range(10):
                    kept(store, ledger, f"{round_}/{(i + number) % 12}")

    children = [forked(work, number) for number in range(3)]
    assert [joined(child) for child in children] == [0] * 3
    names = {f"{round_}/{i}" for round_ in range(2) for i in range(12)}
    assert {record(name).key for name in names} >= set(records_in(remote(*bucket), "team"))
    fresh = store_of(tmp_path / "fresh", remote(*bucket), "team")
    with closing(fresh.ledger()) as ledger:
        found = look_up(ledger, [record(name).key for name in names])
    assert {one.node for one in found.values()} == names
    for one in found.values():
        assert fresh.blobs.path(one.artifact.blob).stat().st_size == 40_000


@pytest.mark.parametrize("executor", ["sequential", "threads", "processes"])
def test_a_run_in_any_executor_sends_what_it_made(executor, tmp_path):
    @step
    def array(n: int = 20_000) -> np.ndarray:
        return np.arange(float(n))

    @step
    def total(array: np.ndarray) -> float:
        return float(array.sum())

    sums = Pipeline("sums", [array, total])
    far = f"file://{tmp_path}/shared"
    first = sums.run(store=Layered(Local(tmp_path / "one"), Remote(far)), executor=executor)
    assert first.states == {"array": "run", "total": "run"}
    second = sums.run(store=Layered(Local(tmp_path / "two"), Remote(far)), executor="sequential")
    assert second.states == {"array": "hit", "total": "hit"}
    assert not list((tmp_path / "two" / "blobs").rglob("*/*")), "nobody has read it"
    assert (second["array"] == np.arange(20_000.0)).all()
    assert len(list((tmp_path / "two" / "blobs").rglob("*/*"))) == 1


def test_a_worker_on_another_machine_puts_its_blobs_where_the_others_find_them(bucket, tmp_path):
    here = store_of(tmp_path / "here", remote(*bucket), "team")
    with closing(here.ledger()):
        there = pickle.loads(pickle.dumps(here.blobs))
        there._near, there._home = store_of(tmp_path / "there", remote(*bucket)).near.blobs, "/no/such/folder"
        blob, _ = there.put(lambda file: file.write(b"x" * 30_000))
        local, _ = here.blobs.put(lambda file: file.write(b"y" * 30_000))
        assert here.blobs.path(blob).read_bytes() == b"x" * 30_000
        with pytest.raises(ArtifactLost):
            there.path(local)


def test_a_blob_that_two_readers_want_is_fetched_once_and_proved(place, tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    store = store_of(tmp_path / "near", place())
    with closing(store.ledger()) as ledger:
        one = kept(store, ledger, "one")
    fresh = store_of(tmp_path / "fresh", place())
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: fresh.blobs.path(one.artifact.blob), range(16)))
    assert len(found) == 1
    assert not list((tmp_path / "fresh" / "tmp").iterdir())


def test_a_lost_blob_is_made_again_and_sent_again(tmp_path):
    @step
    def array(n: int = 20_000) -> np.ndarray:
        return np.arange(float(n))

    @step
    def total(array: np.ndarray, power: int = 1) -> float:
        return float((array**power).sum())

    sums = Pipeline("sums", [array, total])
    far = tmp_path / "shared"
    sums.run(store=Layered(Local(tmp_path / "one"), Remote(str(far))))
    (blob,) = [path for path in (far / "blobs").rglob("*") if path.is_file()]
    blob.write_bytes(b"x" * blob.stat().st_size)
    outcome = sums.run(store=Layered(Local(tmp_path / "two"), Remote(str(far))), power=2)
    assert outcome.states == {"array": "run", "total": "run"}
    third = sums.run(store=Layered(Local(tmp_path / "three"), Remote(str(far))), power=3)
    assert third.states == {"array": "hit", "total": "run"}


def test_a_near_store_that_can_only_be_read_is_used_alone():
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)

        def opened():
            return store_of(root / "near", remote(str(root / "shared")))

        with closing(opened().near.ledger()) as ledger:
            ledger.add(record("one"))
        given_to_nobody(root, file_mode=0o400, folder_mode=0o500)

        def work():
            unprivileged()
            with pytest.warns(UserWarning, match="is left out, too"):
                ledger = opened().ledger()
            assert set(look_up(ledger, [record("one").key])) == {record("one").key}
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that nothing can be kept there is said by the near store
                ledger.close()

        elsewhere(work)
        assert os.listdir(root) == ["near"]


def test_only_days_that_are_new_or_not_over_are_listed_and_all_of_them_once_a_day(tmp_path, place):
    listed = []

    class Counting(type(place())):
        def names(self, under):
            listed.append(under)
            return super().names(under)

    now = time.time()
    far = Counting(place()._whole, {})

    def send(name, moment):
        entry = entries.packed(entries.RECORD, dumps(record(name)))
        named, content = Keyring({}).sealed(entry, int(moment * 1e9))
        (tmp_path / "part").write_bytes(content)
        far.put(str(tmp_path / "part"), f"segments/{day_of(moment)}/{named}")

    def seen(*names):
        listed.clear()
        with closing(store_of(tmp_path / "near", far).ledger()) as ledger:
            return len(look_up(ledger, [record(name).key for name in names]))

    send("long ago", now - 9e6)
    send("now", now)
    assert seen("long ago", "now") == 2
    send("another day", now - 8e6)
    assert seen("another day") == 1
    assert f"segments/{day_of(now - 9e6)}" not in listed and f"segments/{day_of(now - 8e6)}" in listed
    send("late", now - 9e6 + 1)
    assert seen("late") == 0
    (full,) = (tmp_path / "near" / "remotes").rglob("all")
    os.utime(full, (now - 90_000, now - 90_000))
    assert seen("late", "now", "long ago", "another day") == 4
    send("by a clock that is years ahead", now + 9e8)
    assert seen("by a clock that is years ahead") == 1
    send("today", now + 1)
    assert seen("today") == 1


def test_ctrl_c_does_not_wait_for_what_is_being_sent(bucket, tmp_path):
    from stores.far.proxy import Proxy

    port = int(bucket[1]["endpoint_url"].rpartition(":")[2])
    with Proxy(port, lambda method, path: "slow" if method == "PUT" else "") as proxy:
        store = store_of(
            tmp_path / "near", remote(bucket[0], {"endpoint_url": f"http://127.0.0.1:{proxy.port}"}), "team"
        )
        ledger = store.ledger()
        for i in range(3):
            kept(store, ledger, f"{i}")
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            ledger.close()
    assert records_in(remote(*bucket), "team") == []
    with closing(store_of(tmp_path / "near", remote(*bucket), "team").ledger()) as again:
        again.add(record("the next run"))
    assert len(records_in(remote(*bucket), "team")) == 4
    assert put(store, b"x")
