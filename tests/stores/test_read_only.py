"""A store that can only be read: hits work, misses are computed, and it is said once. And where a database must not lie."""

import os
import subprocess
import sys
import tempfile
import warnings
from contextlib import closing, contextmanager
from pathlib import Path

import numpy
import pytest

from plait import File, Pipeline, Scratch, auto, step
from plait.ports import Limits
from plait.stores.local import create, filesystems
from plait.stores.local.layout import Layout
from plait.testing.stores import put, record
from stores.harness import elsewhere, given_to_nobody, unprivileged
from stores.test_collecting import found, kept


@step
def numbers(n: int) -> numpy.ndarray:
    return numpy.arange(10_000.0) + n


@step
def listed(numbers: numpy.ndarray, scratch: Scratch = auto) -> File:
    (scratch / "numbers.csv").write_text("\n".join(map(str, numbers[:3])))
    return File(scratch / "numbers.csv")


@step
def lines(listed: File, numbers: numpy.ndarray) -> int:
    return len(listed.read_bytes().splitlines()) + int(numbers[0])


P = Pipeline("p", [numbers, listed, lines])


@contextmanager
def mounted_read_only(folder):
    """The folder, as a file system that nobody can write to."""
    done = subprocess.run(["mount", "--bind", "-o", "ro", folder, folder], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("mounting needs root")
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def runs_beside(root, executor):
    """What a run on known and on new inputs does: states and warnings."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        known = P.run("lines", n=1, store=root, executor=executor, listeners=[])
        assert (set(known.states.values()), known["lines"]) == ({"hit"}, 4)
        assert len(told) == 1, [str(one.message) for one in told]
        new = P.run("lines", "numbers", "listed", n=2, store=root, executor=executor, listeners=[])
        assert set(new.states.values()) == {"run"}
        assert (new["lines"], new["numbers"][0], new["listed"].suffix) == (5, 2.0, ".csv")
        assert new["listed"].read_bytes() == b"2.0\n3.0\n4.0"
    ours = [str(one.message) for one in told if "can only be read" in str(one.message)]
    assert len(ours) == 2, "once a run"
    return new


@pytest.mark.parametrize("executor", ["sequential", "threads", "processes"])
def test_runs_on_a_file_system_that_is_read_only(tmp_path, executor):
    root = str(tmp_path / "store")
    elsewhere(lambda: P.run(n=1, store=root, listeners=[]))
    before = sorted(Path(root).rglob("*"))
    with mounted_read_only(root):
        runs_beside(root, executor)
        assert any("can only be read" in one.what for one in create(root).upkeep().diagnose())
    assert sorted(Path(root).rglob("*")) == before


@pytest.mark.parametrize("executor", ["sequential", "threads"])  # nobody can start our Python
def test_runs_in_a_folder_that_others_own(executor):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "store")
        P.run(n=1, store=root, listeners=[])
        os.chmod(folder, 0o755)
        given_to_nobody(root, file_mode=0o400, folder_mode=0o500)

        def work():
            unprivileged()
            os.environ["HOME"] = tempfile.mkdtemp()
            runs_beside(str(root), executor)

        elsewhere(work)
        given_to_nobody(root, file_mode=0o600, folder_mode=0o700)


def test_what_was_kept_beside_goes_with_its_process(tmp_path):
    root = str(tmp_path / "store")
    elsewhere(lambda: P.run(n=1, store=root, listeners=[]))
    code = (
        "import sys; sys.path[:0] = sys.argv[2:]\n"
        "from stores.test_read_only import *\n"
        "run = runs_beside(sys.argv[1], 'sequential')\n"
        "print(run['listed'])\n"
    )
    with mounted_read_only(root):
        done = subprocess.run(
            [sys.executable, "-c", code, root, *sys.path], capture_output=True, text=True, timeout=240, check=True
        )
    beside = Path(done.stdout.strip())
    assert not beside.is_relative_to(root)
    assert not beside.exists()


# where a database must not lie


@pytest.mark.parametrize(
    ("kind", "refused"),
    [("nfs4", True), ("cifs", True), ("lustre", True), ("fuse.sshfs", True), ("fuse.s3fs", True), ("9p", True)]
    + [("ext4", False), ("xfs", False), ("apfs", False), ("", False), ("fuse.fuse-overlayfs", False)],
)
def test_which_file_systems_can_hold_a_database(kind, refused):
    assert filesystems.is_network(kind) is refused


@pytest.fixture
def network(monkeypatch, tmp_path):
    """A folder that looks as if it lay on a server."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    real = filesystems.kind_of
    monkeypatch.setattr(filesystems, "kind_of", lambda path: "nfs4" if "server" in path else real(path))
    for cached in (filesystems.holds_databases, filesystems.index_of):
        cached.cache_clear()
    yield create(tmp_path / "server" / "store")
    for cached in (filesystems.holds_databases, filesystems.index_of):
        cached.cache_clear()


def test_on_a_network_file_system_the_index_is_kept_on_this_machine(network, tmp_path):
    kept(network, record("a"))
    assert found(network, record("a")) == {"a"}
    assert not list(Path(network.root).rglob("*.sqlite*"))
    (index,) = (tmp_path / "cache").rglob("*.sqlite")
    assert str(index) == Layout(network.root).index
    assert index.stat().st_mode & 0o777 == 0o600
    assert index.parent.stat().st_mode & 0o777 == 0o700
    index.write_bytes(b"damaged")
    assert found(network, record("a")) == {"a"}
    assert network.upkeep().rebuild() == 1
    (note,) = [one for one in network.upkeep().diagnose() if "other machines" in one.what]
    assert "nfs4" in note.what
    assert str(index) in note.move


def test_an_index_of_a_machine_that_did_not_clean_up_follows_who_did(network, monkeypatch, tmp_path):
    old, new = record("old", made=1.0), record("new", made=4e9)
    kept(network, old)
    kept(network, new)
    assert found(network, new) == {"new"}
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache of another machine"))
    filesystems.index_of.cache_clear()
    assert network.upkeep().collect(Limits(age=100.0, grace=0.0)).results == 1
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    filesystems.index_of.cache_clear()
    assert found(network, old, new) == {"new"}


def test_without_any_place_for_it_the_index_is_in_memory(network, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    filesystems.index_of.cache_clear()
    kept(network, record("a"))
    assert found(network, record("a")) == {"a"}
    put(network, b"x")
    with closing(network.ledger()) as ledger:
        ledger.add(record("b"))
    assert found(network, record("a"), record("b")) == {"a", "b"}
