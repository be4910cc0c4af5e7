"""Blobs: whole or not there, and never other bytes than their name says."""

import io
import os
import pickle
import resource
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import joblib
import numpy
import pandas
import pyarrow
import pyarrow.parquet
import pytest
from blake3 import blake3

from plait.errors import ArtifactLost, StoreError
from plait.stores.local import blobs as module
from plait.stores.local import create, pins
from plait.stores.local.layout import Layout
from plait.testing.stores import put, record
from stores.harness import NOBODY, elsewhere, flipped, forked, given_to_nobody, joined, unprivileged

ARRAY = numpy.arange(400_000, dtype="f8")  # 3 MB, so that threads hash it
TABLE = pyarrow.table({"a": range(50_000), "b": [str(i) for i in range(50_000)]})


def blob_file(store, blob):
    return Path(store.root, "blobs", blob[:2], blob[2:])


def temporary(store):
    return [path for path in Path(store.root, "tmp").iterdir()]


def test_making_a_store_touches_nothing(tmp_path):
    root = tmp_path / "deep" / "store"
    store = create(root)
    assert store.blobs.private
    with pytest.raises(ArtifactLost):
        store.blobs.path("0" * 64)
    ledger = store.ledger()
    ledger.close()
    assert not list(tmp_path.iterdir())


def test_the_store_is_found_from_another_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = create()
    blob = put(store, b"x")
    monkeypatch.chdir("/")
    assert store.blobs.path(blob) == tmp_path / ".plait" / "blobs" / blob[:2] / blob[2:]


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077, 0o777])
def test_nobody_else_can_open_anything_whatever_the_umask(tmp_path, mask):
    before = os.umask(mask)
    try:
        store = create(tmp_path / "store")
        store.blobs.path(put(store, b"x"))
        store.blobs.scratch()
        ledger = store.ledger()
        ledger.add(record("k"))
        ledger.close()
        store.rebuild()
    finally:
        os.umask(before)
    for path in [Path(store.root), *Path(store.root).rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_git_does_not_see_the_store_but_goes_on_seeing_what_was_there(tmp_path):
    new, old = create(tmp_path / "new"), create(tmp_path / "old")
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "data.csv").write_text("1")
    put(new, b"x")
    put(old, b"x")
    assert (tmp_path / "new" / ".gitignore").read_text() == "*\n"
    assert not (tmp_path / "old" / ".gitignore").exists()


def test_a_store_of_a_later_plait_is_refused(tmp_path):
    store = create(tmp_path)
    put(store, b"x")
    (tmp_path / "FORMAT").write_text("plait-store 2\n")
    with pytest.raises(StoreError, match=r"later plait .*Install a later plait"):
        store.ledger()
    (tmp_path / "FORMAT").write_text("something else")
    with pytest.raises(StoreError, match="does not hold the version"):
        store.ledger()


WRITERS = {
    "numpy": lambda file: numpy.save(file, ARRAY),
    "fortran": lambda file: numpy.save(file, numpy.asfortranarray(ARRAY.reshape(400, 1000))),
    "zip": lambda file: numpy.savez(file, a=ARRAY, b=ARRAY[:10]),
    "joblib": lambda file: joblib.dump({"a": ARRAY, "b": [1]}, file),
    "pickle": lambda file: pickle.Pickler(file, 5).dump([ARRAY, "x"]),
    "parquet": lambda file: pyarrow.parquet.write_table(TABLE, file),
    "arrow": lambda file: _arrow(file),
    "arrow, closed": lambda file: _arrow(pyarrow.PythonFile(file, "w"), close=True),
    "csv": lambda file: pandas.DataFrame({"a": range(1000)}).to_csv(file),
    "text": lambda file: _text(file),
    "small pieces": lambda file: [file.write(b"%d" % i) for i in range(300_000)],
    "mixed pieces": lambda file: [file.write(b"x" * n) for n in (1, 3 << 20, 0, 7, 1 << 17, 2 << 20, 5)],
    "nothing": lambda file: None,
    "closes": lambda file: (file.write(b"abc"), file.close()),
    "truncates": lambda file: (file.write(b"abcdef"), file.flush(), file.truncate(3)),
    "reads back": lambda file: (file.write(b"abc"), file.seek(0), file.write(file.read(1).upper())),
}


def _arrow(file, close=False):
    with pyarrow.ipc.new_file(file, TABLE.schema) as writer:
        writer.write_table(TABLE)
    if close:
        file.close()


def _text(file):
    text = io.TextIOWrapper(file, "utf-8")
    text.write("é" * 1000)
    text.flush()
    text.detach()


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_the_name_is_the_hash_of_what_a_library_wrote(tmp_path, write):
    store = create(tmp_path)
    expected = tmp_path / "expected"
    with open(expected, "w+b") as file:
        write(file)
    blob, size = store.blobs.put(write)
    content = store.blobs.path(blob).read_bytes()
    assert (blake3(content).hexdigest(), len(content)) == (blob, size)
    assert size == expected.stat().st_size
    assert temporary(store) == []


def test_what_was_verified_is_not_read_again_until_the_file_changes(tmp_path, monkeypatch):
    store, hashed = create(tmp_path), []
    monkeypatch.setattr(module, "hash_of", lambda fd, real=module.hash_of: hashed.append(fd) or real(fd))
    blob = put(store, b"x" * 100)
    for _ in range(3):
        store.blobs.path(blob)
        create(tmp_path).blobs.path(blob)
    assert len(hashed) == 1
    os.utime(blob_file(store, blob))
    store.blobs.path(blob)
    assert len(hashed) == 2


def test_a_flipped_bit_anywhere_is_seen_put_aside_and_mended(tmp_path):
    store, content = create(tmp_path), bytes(range(200))
    blob = put(store, content)
    flips = 0
    for position in range(len(content)):
        path = blob_file(store, blob)
        damaged = bytearray(content)
        damaged[position] ^= 1 << position % 8
        path.write_bytes(damaged)
        with pytest.raises(ArtifactLost, match="damaged") as lost:
            store.blobs.path(blob)
        assert lost.value.digest == blob
        assert not path.exists()
        assert put(store, content) == blob
        assert store.blobs.path(blob).read_bytes() == content
        flips += 1
    assert len(list(Path(store.root, "quarantine").iterdir())) == flips == len(content)


def test_a_blob_cut_off_anywhere_is_lost_and_can_be_put_again(tmp_path):
    store, content = create(tmp_path), bytes(range(100))
    blob = put(store, content)
    for length in range(len(content)):
        blob_file(store, blob).write_bytes(content[:length])
        if length % 2:  # whoever puts it again need not have seen the damage
            with pytest.raises(ArtifactLost):
                store.blobs.path(blob)
        assert put(store, content) == blob
        assert store.blobs.path(blob).read_bytes() == content


@pytest.mark.parametrize("size", [10, 3 << 20])
def test_a_large_blob_is_verified_too(tmp_path, size):
    store = create(tmp_path)
    blob = put(store, b"x" * size)
    with flipped(blob_file(store, blob), size // 2), pytest.raises(ArtifactLost):
        store.blobs.path(blob)


def test_a_link_in_the_place_of_a_blob_is_not_followed(tmp_path):
    store, content = create(tmp_path / "store"), b"secret"
    blob = put(store, content)
    for made in (lambda path: path.symlink_to(tmp_path / "s"), os.mkfifo, os.mkdir):
        (tmp_path / "s").write_bytes(content)
        blob_file(store, blob).unlink()
        made(blob_file(store, blob))
        with pytest.raises(ArtifactLost):
            store.blobs.path(blob)
        assert put(store, content) == blob
        assert store.blobs.path(blob).read_bytes() == content


def test_a_name_with_a_suffix_is_read_only_and_follows_the_blob(tmp_path):
    store = create(tmp_path)
    blob = put(store, b"a,b\n")
    link = store.blobs.path(blob, ".csv.gz")
    assert link == store.blobs.path(blob, ".csv.gz")
    assert stat.S_IMODE(link.stat().st_mode) == 0o400
    assert link.stat().st_nlink == 2
    link.chmod(0o600)
    link.write_bytes(b"A,B\n")  # through the link, into the blob
    with pytest.raises(ArtifactLost):
        store.blobs.path(blob, ".csv.gz")
    put(store, b"a,b\n")
    assert store.blobs.path(blob, ".csv.gz").read_bytes() == b"a,b\n"
    assert temporary(store) == []


def test_where_links_fail_a_name_with_a_suffix_is_a_copy(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(1, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    store = create(tmp_path)
    blob = put(store, b"a,b\n")
    link = store.blobs.path(blob, ".csv")
    assert (link.read_bytes(), link.stat().st_nlink) == (b"a,b\n", 1)
    link.chmod(0o600)
    link.write_bytes(b"A,B\n")
    assert store.blobs.path(blob, ".csv").read_bytes() == b"a,b\n"


@pytest.mark.parametrize("suffix", ["csv", "/x", ".a/b", "..", ".", ".a.b.c", ".a\n", ".\0", "." + "x" * 50])
def test_a_suffix_is_no_way_out_of_the_store(tmp_path, suffix):
    store = create(tmp_path)
    with pytest.raises(ValueError, match="suffix"):
        store.blobs.path(put(store, b"x"), suffix)


def test_a_store_that_others_can_write_to_is_not_private(tmp_path):
    store = create(tmp_path / "shared" / "store")
    assert store.blobs.private
    put(store, b"x")
    assert store.blobs.private
    for folder in (store.root, Path(store.root, "blobs"), tmp_path / "shared"):
        mode = os.stat(folder).st_mode
        os.chmod(folder, 0o777)
        assert not store.blobs.private
        os.chmod(folder, mode)
    if os.geteuid() == 0:
        os.chown(store.root, NOBODY, NOBODY)
        assert not store.blobs.private


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path):
    store = create(tmp_path)
    put(store, b"x")

    def work():
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        for size in (100_000, 5 << 20):
            resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
            with pytest.raises(StoreError, match=r"cannot write .*tmp.*File too large.*ulimit") as refused:
                put(store, b"y" * size)
            assert isinstance(refused.value.__cause__, OSError)
            assert temporary(store) == []
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            assert store.blobs.path(put(store, b"y" * size)).stat().st_size == size

    elsewhere(work)


@pytest.mark.parametrize(
    ("code", "said"), [(28, "Free some space"), (122, "Free some space"), (30, "may write to"), (5, "Look at the disk")]
)
@pytest.mark.parametrize("call", ["write", "replace", "open"])
def test_a_disk_that_refuses_is_named_with_the_next_move(tmp_path, monkeypatch, code, said, call):
    store = create(tmp_path)
    put(store, b"x")

    def refuse(*_, **__):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, call, refuse)
    with pytest.raises(StoreError, match=said) as refused:
        put(store, b"y")
    monkeypatch.undo()
    assert str(tmp_path) in str(refused.value)
    assert os.strerror(code) in str(refused.value)
    assert temporary(store) == []
    assert store.blobs.path(put(store, b"y")).read_bytes() == b"y"


def test_a_folder_that_cannot_be_written_to_is_said():
    with tempfile.TemporaryDirectory() as folder:
        given_to_nobody(Path(folder), file_mode=0o400, folder_mode=0o500)

        def work():
            unprivileged()
            store = create(Path(folder, "store"))
            for attempt in (lambda: put(store, b"x"), store.blobs.scratch, lambda: store.ledger().add(record("k"))):
                with pytest.raises(StoreError, match=r"Permission denied.*run\(store=") as refused:
                    attempt()
                assert folder in str(refused.value)

        elsewhere(work)


def test_a_store_removed_under_us_is_made_again(tmp_path):
    store = create(tmp_path / "store")
    put(store, b"x")
    shutil.rmtree(store.root)
    assert store.blobs.path(put(store, b"y")).read_bytes() == b"y"


def test_stores_that_are_gone_are_remembered_no_longer(tmp_path):
    """A service may open one store after the other."""
    stays = Layout(str(tmp_path / "stays"))
    pins.hold(stays, [b"%016d" % 1])
    for i in range(500):
        folder = tmp_path / f"store{i}"
        pins.hold(Layout(str(folder)), [b"%016d" % i])
        shutil.rmtree(folder)
    others = len([root for _, root in pins._own if not root.startswith(str(tmp_path))])  # that are still there
    assert len([root for _, root in pins._own if root.startswith(str(tmp_path))]) < 150 + 2 * others
    pins.hold(stays, [b"%016d" % 2])
    (pin,) = pins.living(stays)
    assert pin.keys == {(b"%016d" % i).hex() for i in (1, 2)}, "those of a store that is there hold on"


def test_pins_go_with_the_process_that_made_them(tmp_path):
    code = """if True:
        import os, sys
        from pathlib import Path
        from plait.stores.local import pins
        from plait.stores.local.layout import Layout
        for i in range(100):
            pins.hold(Layout(str(Path(sys.argv[1], str(i)))), [b"%016d" % i])
        if (child := os.fork()) == 0:
            sys.exit()
        os.waitpid(child, 0)
        print(len(list(Path(sys.argv[1]).glob("*/pins/*"))))
    """
    done = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, timeout=240)
    assert done.stdout == "100\n", done.stderr
    assert not list(tmp_path.glob("*/pins/*"))


def test_writers_of_one_blob_do_not_hurt_each_other(tmp_path):
    def work():
        store = create(tmp_path / "store")
        for _ in range(30):
            blob = put(store, b"x" * 200_000)
            assert store.blobs.path(blob, ".csv").stat().st_size == 200_000

    children = [forked(work) for _ in range(4)]
    assert [joined(child) for child in children] == [0] * 4
    store = create(tmp_path / "store")
    assert temporary(store) == []


def test_threads_may_begin_with_many_stores_at_once(tmp_path, monkeypatch):
    """The files of pins are let go of when there are many: a file must not be closed twice, nor another's."""
    wrong, close = [], os.close

    def slowly(fd):
        time.sleep(0.001)
        close(fd)

    def work(number):
        try:
            for i in range(20):
                pins.hold(Layout(str(tmp_path / f"{number}-{i}")), [b"%016d" % i])
        except OSError as error:
            wrong.append(error)

    monkeypatch.setattr(os, "close", slowly)
    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert not wrong


def test_threads_may_put_and_read_at_once(tmp_path):
    store, wrong = create(tmp_path / "store"), []

    def work(number):
        for i in range(20):
            content = b"%d" % (i % 5) * 50_000
            if store.blobs.path(put(store, content), ".bin").read_bytes() != content:
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert not wrong
    assert temporary(store) == []


def test_a_forked_child_can_hash_what_needs_threads(tmp_path):
    store = create(tmp_path)
    blob = put(store, b"x" * (5 << 20))  # wakes the threads of blake3 here

    def work():
        assert put(store, b"x" * (5 << 20)) == blob
        store.blobs.path(blob)

    elsewhere(work)


def test_a_killed_writer_leaves_no_blob_and_its_leavings_are_swept(tmp_path):
    store = create(tmp_path / "store")
    put(store, b"x")
    killed = 0
    for trial in range(12):

        def work():
            def write(file):
                for _ in range(200):
                    file.write(b"y" * 100_000)
                    time.sleep(0.0005)
                time.sleep(600)  # it is killed while it writes, however late

            store.blobs.scratch().joinpath("file").write_bytes(b"z")
            store.blobs.put(write)

        child = forked(work)
        until = time.monotonic() + 240
        while len(temporary(store)) < 2 and time.monotonic() < until:
            time.sleep(0.0005)
        time.sleep(0.001 * trial)
        os.kill(child, signal.SIGKILL)
        killed += joined(child) == -signal.SIGKILL and bool(temporary(store))
        assert len(list(Path(store.root, "blobs").rglob("*"))) == 2  # the shard and the blob of the beginning
        ours = store.blobs.scratch()
        store.ledger().close()
        assert temporary(store) == [ours]
        ours.rmdir()
    print(f"writers killed with something unfinished: {killed} of 12")
    assert killed == 12


def test_what_another_machine_left_is_swept_after_a_day(tmp_path):
    store = create(tmp_path)
    put(store, b"x")
    ledger = store.ledger()
    ledger.add(record("k"))
    ledger.close()
    new, old = "0123456789ab-1-1-0123456789abcdef", "0123456789ab-1-1-fedcba9876543210"
    for name, age in ((new, 3600), (old, 90_000), ("not ours", 90_000)):
        path = tmp_path / "tmp" / name
        path.write_bytes(b"")
        os.utime(path, (time.time() - age,) * 2)
    store.ledger().close()
    assert sorted(path.name for path in temporary(store)) == [new, "not ours"]
