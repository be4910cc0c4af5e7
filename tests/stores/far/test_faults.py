"""A server that fails in every way it can, and processes that are killed while they send (T8)."""

import os
import random
import signal
import time
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from plait.core.digest import digest
from plait.core.records import Artifact
from plait.errors import ArtifactLost, StoreError
from plait.stores.layered import entries
from plait.stores.layered.sending import place_of
from plait.stores.layered.signing import Keyring
from plait.stores.remote import create as remote
from plait.testing.stores import look_up, put, record
from stores.far.conftest import keys_of, store_of
from stores.far.proxy import KINDS, Proxy, badly
from stores.harness import forked, joined

SEED = 20261121


def kept(store, ledger, name, size=40_000):
    """A result whose bytes are in a blob: its record."""
    content = random.Random(name).randbytes(size)
    blob = put(store, content)
    artifact = Artifact(digest(name), "blob", "numpy", blob, len(content))
    one = record(name)._replace(artifact=artifact)
    ledger.add(one)
    return one


def records_in(place, *keys):
    """All records that are in a place, by segment, as they are there."""
    found = []
    for day, name in [(day, name) for day in place.names("segments") for name in place.names(f"segments/{day}")]:
        path = f"/tmp/{os.getpid()}-{name}"
        place.get(f"segments/{day}/{name}", path)
        try:
            with open(path, "rb") as file:
                content = Keyring(keys_of(*keys)).opened(name, file.read())
        finally:
            os.remove(path)
        found += [
            entries.record_of(body).key
            for kind, body in entries.unpacked(content)
            if kind in (entries.RECORD, entries.NEWEST)
        ]
    return found


def damaged_in(place, tmp_path):
    """The blobs in a place that are not what their names say."""
    found = []
    for two in place.names("blobs"):
        for rest in place.names(f"blobs/{two}"):
            path = tmp_path / "seen"
            place.get(f"blobs/{two}/{rest}", str(path))
            from blake3 import blake3

            if blake3(path.read_bytes()).hexdigest() != two + rest:
                found.append(two + rest)
            path.unlink()
    return found


def hammered(faults, bucket, tmp_path):
    """Runs that write and read through a proxy that breaks things, until enough is broken; what came of it."""
    url, options = bucket
    port = int(options["endpoint_url"].rpartition(":")[2])
    written, came = {}, Counter()
    with Proxy(port, badly(SEED)) as proxy, warnings.catch_warnings(), ThreadPoolExecutor(3) as machines:
        warnings.simplefilter("ignore")  # that it cannot be reached is said, and is what we do
        broken = remote(url, {"endpoint_url": f"http://127.0.0.1:{proxy.port}"})

        def round_(number):
            for turn in range(1_000_000):
                if sum(proxy.fired.values()) >= faults:
                    break
                came.update(one_round(f"{number}/{turn}", tmp_path / f"writer{number}", broken, written, tmp_path))

        list(machines.map(round_, range(3)))
    return proxy, written, came


def one_round(name, folder, broken, written, tmp_path):
    """One machine writes, and another one, which is new, reads."""
    store = store_of(folder, broken, "team")
    with closing(store.ledger()) as ledger:
        for i in range(8):
            one = kept(store, ledger, f"{name}/{i}")
            written[one.key] = one
    known = dict(written)
    reader = store_of(tmp_path / f"reader{name.replace('/', '-')}", broken, "team")
    with closing(reader.ledger()) as ledger:
        came = Counter(wrong=sum(found != known[key] for key, found in look_up(ledger, list(known)).items()))
    some = random.Random(name).sample(list(known.values()), 8)
    with ThreadPoolExecutor(8) as pool:
        return came + Counter(pool.map(lambda one: how_read(reader, one), some))


def how_read(reader, one):
    try:
        content = reader.blobs.path(one.artifact.blob).read_bytes()
    except ArtifactLost:
        return "lost"
    return "right" if content == random.Random(one.node).randbytes(40_000) else "partial"


def settled(bucket, tmp_path, written):
    """The writers come once more, when nothing is broken: then all is there, once."""
    place = remote(*bucket)
    for number in range(3):
        with closing(store_of(tmp_path / f"writer{number}", place, "team").ledger()) as ledger:
            ledger.add(record(f"again{number}"))
    return place, [key for key in records_in(place, "team") if key in written]


def check_faults(faults, bucket, tmp_path):
    proxy, written, came = hammered(faults, bucket, tmp_path)
    place, there = settled(bucket, tmp_path, written)
    duplicates = len(there) - len(set(there))
    fired = sum(proxy.fired.values())
    said = ", ".join(f"{kind} {proxy.fired[kind]}" for kind in KINDS)
    print(
        f"\nT8 seed {SEED}: fired {fired} ({said}) in {sum(proxy.requests.values())} requests; records {len(written)}, "
        f"wrong {came['wrong']}, partial readable {came['partial']}, duplicate records {duplicates}, "
        f"reads {came['right']}, reads missed {came['lost']}"
    )
    assert fired >= faults and all(proxy.fired[kind] for kind in KINDS)
    assert came["wrong"] == came["partial"] == duplicates == 0 and came["right"]
    assert set(there) == set(written), "a record was lost on its way"
    with closing(store_of(tmp_path / "last", place, "team").ledger()) as ledger:
        assert dict(look_up(ledger, list(written))) == written
    blobs = store_of(tmp_path / "last", place, "team").blobs
    for one in written.values():
        assert blobs.path(one.artifact.blob).read_bytes() == random.Random(one.node).randbytes(40_000)
    assert damaged_in(place, tmp_path) == []


def test_nothing_is_wrong_lost_or_twice_however_the_server_fails(bucket, tmp_path):
    check_faults(200, bucket, tmp_path)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_nothing_is_wrong_lost_or_twice_however_often_the_server_fails(s3_server, bucket, tmp_path, monkeypatch):
    monkeypatch.setattr("stores.far.proxy._LIFE", 3500.0)
    check_faults(5_000, bucket, tmp_path)


def check_kills(kills, bucket, tmp_path):
    url, options = bucket
    port = int(options["endpoint_url"].rpartition(":")[2])
    draw, mid_put, written = random.Random(SEED), 0, {}
    size = 300_000
    with Proxy(port, lambda method, path: "slow" if method == "PUT" else "") as proxy:
        slow = remote(url, {"endpoint_url": f"http://127.0.0.1:{proxy.port}"})
        for kill in range(kills):
            folder = tmp_path / "near"

            def work(kill=kill, folder=folder):
                store = store_of(folder, slow, "team")
                ledger = store.ledger()
                for i in range(20):
                    kept(store, ledger, f"{kill}/{i}", size)
                    if i % 5 == 4:
                        ledger._hand_over()
                ledger.close()

            pid = forked(work)
            until = time.monotonic() + 240
            while not proxy.putting and time.monotonic() < until:
                if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None:
                    break  # it has ended between two looks
                time.sleep(0.005)
            time.sleep(draw.random() * 0.25)
            mid_put += proxy.putting > 0
            os.kill(pid, signal.SIGKILL)
            assert joined(pid) == -signal.SIGKILL
            place = remote(url, options)
            with closing(store_of(tmp_path / f"seen{kill}", place, "team").ledger()) as ledger:
                keys = [record(f"{past}/{i}").key for past in range(kill + 1) for i in range(20)]
                found = look_up(ledger, keys)
            blobs = store_of(tmp_path / f"seen{kill}", place, "team").blobs
            for key, one in found.items() - written.items():
                assert blobs.path(one.artifact.blob).read_bytes() == random.Random(one.node).randbytes(size)
                written[key] = one
    with closing(store_of(tmp_path / "near", remote(url, options), "team").ledger()) as ledger:
        known = look_up(ledger, [record(f"{kill}/{i}").key for kill in range(kills) for i in range(20)])
        ledger.add(record("the next run"))
    there = records_in(remote(url, options), "team")
    print(
        f"\nT8 kills {kills}, mid-put {mid_put}, kept near {len(known)}, seen early {len(written)}, sent {len(there) - 1}"
    )
    assert mid_put >= kills // 2
    assert set(written) <= set(there)
    assert {*known, record("the next run").key} <= set(there), "lost"
    assert len(there) == len(set(there)), "sent twice"


def test_what_a_killed_run_could_not_send_is_sent_by_the_next_one_and_nothing_is_half_there(bucket, tmp_path):
    check_kills(4, bucket, tmp_path)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_what_many_killed_runs_could_not_send_is_sent_by_the_next_one(bucket, tmp_path):
    check_kills(150, bucket, tmp_path)


def test_a_damaged_blob_is_lost_not_read_and_can_be_put_again(bucket, tmp_path):
    place = remote(*bucket)
    store = store_of(tmp_path / "near", place, "team")
    with closing(store.ledger()) as ledger:
        one = kept(store, ledger, "one")
    (tmp_path / "bad").write_bytes(b"x" * 40_000)
    place.put(str(tmp_path / "bad"), place_of(one.artifact.blob))
    fresh = store_of(tmp_path / "fresh", place, "team")
    with pytest.raises(ArtifactLost, match="damaged in s3://"):
        fresh.blobs.path(one.artifact.blob)
    with closing(fresh.ledger()) as ledger:
        kept(fresh, ledger, "one")
    assert store_of(tmp_path / "third", place, "team").blobs.path(one.artifact.blob).stat().st_size == 40_000


def test_a_place_that_cannot_be_reached_is_one_warning_and_what_is_new_is_sent_later(bucket, tmp_path):
    url, options = bucket
    nowhere = remote(url, {"endpoint_url": "http://127.0.0.1:9"})
    store = store_of(tmp_path / "near", nowhere, "team")
    with pytest.warns(UserWarning, match="goes on with what is near") as said:
        ledger = store.ledger()
    one = kept(store, ledger, "one")
    assert look_up(ledger, [one.key]) == {one.key: one}
    with pytest.warns(UserWarning, match=r"1 records were not sent to s3://bucket-.*sent by the next run") as also:
        ledger.close()
    assert len(said) == len(also) == 1
    with closing(store_of(tmp_path / "near", remote(url, options), "team").ledger()) as ledger:
        ledger.add(record("two"))
    with closing(store_of(tmp_path / "other", remote(url, options), "team").ledger()) as ledger:
        assert set(look_up(ledger, [one.key, record("two").key])) == {one.key, record("two").key}


def test_a_place_that_is_required_and_cannot_be_reached_is_an_error(bucket, tmp_path):
    nowhere = remote(bucket[0], {"endpoint_url": "http://127.0.0.1:9"})
    with pytest.raises(StoreError, match="cannot list segments in s3://"):
        store_of(tmp_path / "near", nowhere, required=True).ledger()


def test_nothing_depends_on_conditional_puts(bucket, tmp_path):
    port = int(bucket[1]["endpoint_url"].rpartition(":")[2])
    seen = []

    class Looking(Proxy):
        def _one(self, client):
            head = client.recv(1 << 16, 2)  # MSG_PEEK
            seen.append(head.partition(b"\r\n\r\n")[0].lower())
            super()._one(client)

    with Looking(port, lambda *_: "") as proxy:
        store = store_of(tmp_path / "near", remote(bucket[0], {"endpoint_url": f"http://127.0.0.1:{proxy.port}"}))
        with closing(store.ledger()) as ledger:
            kept(store, ledger, "one")
    assert any(head.startswith(b"put ") for head in seen)
    assert not any(b"if-none-match" in head or b"if-match" in head for head in seen)
