"""Bytes are hashed while they are written; however they come, the hash is that of what is in the file."""

import os
import threading
from contextlib import contextmanager

import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st

from plait.errors import StoreError
from plait.stores.local.hashing import LARGE, HashingFile

SIZES = st.lists(st.sampled_from([0, 1, 1000, LARGE - 1, LARGE, LARGE + 1, 2 * LARGE]), max_size=6)


@contextmanager
def opened(folder, flags=os.O_RDWR):
    path = str(folder / "file")
    descriptor = os.open(path, flags | os.O_CREAT, 0o600)
    try:
        yield HashingFile(descriptor, path), path
    finally:
        os.close(descriptor)


@settings(max_examples=40, deadline=None)
@given(sizes=SIZES, back=st.booleans(), filled=st.integers(1, 250))
def test_the_hash_is_that_of_the_file_however_it_was_written(sizes, back, filled, tmp_path_factory):
    with opened(tmp_path_factory.mktemp("hashing")) as (file, path):
        for place, size in enumerate(sizes):
            assert file.write(bytes([(filled + place) % 251]) * size) == size
        if back:
            file.seek(0)
            file.write(b"head")
        with open(path, "rb") as written:
            assert file.digest() == blake3(written.read()).hexdigest()


def test_a_writer_may_use_its_memory_again_at_once(tmp_path):
    with opened(tmp_path) as (file, path):
        memory = bytearray(2 * LARGE)
        for value in range(5):
            memory[:] = bytes([value]) * len(memory)
            file.write(memory)
        with open(path, "rb") as written:
            assert file.digest() == blake3(written.read()).hexdigest()


def test_where_no_thread_can_be_had_the_writer_hashes(tmp_path, monkeypatch):
    def refuse(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with opened(tmp_path) as (file, _):
        file.write(b"x" * 2 * LARGE)
        assert file.digest() == blake3(b"x" * 2 * LARGE).hexdigest()


def test_a_large_write_that_fails_says_so_and_leaves_no_thread(tmp_path):
    (tmp_path / "file").touch()
    with opened(tmp_path, os.O_RDONLY) as (file, path):
        before = threading.active_count()
        with pytest.raises(StoreError, match="write"):
            file.write(b"x" * LARGE)
        assert threading.active_count() == before
