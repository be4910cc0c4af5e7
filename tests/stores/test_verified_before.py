"""What was verified by the process that started a worker is not read again by the worker, and by nobody else."""

import os
import pickle

import pytest

from plait.executors import processes
from plait.stores.local import blobs as module
from plait.stores.local import create

CONTENT = bytes(range(256)) * 12_000


def reads(blobs, blob):
    """How often a blob is read to verify it, and what it holds."""
    real, hashed = module.hash_of, []
    module.hash_of = lambda fd: hashed.append(fd) or real(fd)
    try:
        content = blobs.path(blob).read_bytes()
    finally:
        module.hash_of = real
    return len(hashed), content == CONTENT


@pytest.fixture
def worker():
    pool = processes.create(workers=1, environment={})
    yield lambda *args: pool.submit(reads, *args).result(60)
    pool.shutdown(cancel_futures=True)


@pytest.fixture
def verified(tmp_path):
    blobs = create(tmp_path).blobs
    blob, _ = blobs.put(lambda file: file.write(CONTENT))
    blobs.path(blob)
    return blobs, blob


def test_a_worker_believes_who_started_it(verified, worker):
    assert worker(*verified) == (0, True)


def test_what_nobody_has_verified_is_read_by_the_worker_once(tmp_path, worker):
    blobs = create(tmp_path).blobs
    blob, _ = blobs.put(lambda file: file.write(CONTENT))
    module._verified.clear()
    assert [worker(blobs, blob), worker(blobs, blob)] == [(1, True), (0, True)]


def test_a_file_that_has_changed_since_is_read_again(verified, worker):
    blobs, blob = verified
    os.utime(blobs.path(blob))
    assert worker(blobs, blob) == (1, True)


def test_another_process_reads_it_again(verified):
    """What was pickled may be read days later; only the process that was started by the sender believes it."""
    blobs, blob = verified
    sent = pickle.dumps(blobs)
    module._verified.clear()
    assert reads(pickle.loads(sent), blob) == (1, True)
