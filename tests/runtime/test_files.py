"""Files and folders: what they are named by, what is read again, what is kept of them, and what may not change."""

import dataclasses
import hashlib
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from plait import (
    ArtifactLost,
    Dir,
    File,
    GraphError,
    InputChanged,
    NodeFailed,
    ParameterError,
    Pipeline,
    PlaitError,
    Scratch,
    auto,
    step,
)
from plait.files import read_through
from plait.stores.local import create, fingerprints
from plait.stores.local.fingerprints import Fingerprints
from plait.stores.local.layout import Layout

LATER = 2.2  # seconds; a file that is older than this is believed to be what it was


@pytest.fixture(scope="module")
def aged(tmp_path_factory):
    """A folder with files that have not changed for a while."""
    folder = tmp_path_factory.mktemp("aged")
    (folder / "small.csv").write_text("a,b\n1,2\n")
    with open(folder / "large.bin", "wb") as file:
        file.truncate(1 << 30)
    for name in ("one", "two"):
        (folder / name).mkdir()
        for i in range(50):
            (folder / name / f"{i}.txt").write_text(f"{name} {i}")
    for i in range(3):
        (folder / f"changing{i}.csv").write_text("a" * 100)
    time.sleep(LATER)
    return folder


@pytest.fixture
def reads(monkeypatch):
    """The paths that were read to name them."""
    found = []

    def counting(fd, path):
        found.append(os.path.basename(path))
        return read_through(fd, path)

    monkeypatch.setattr(fingerprints, "read_through", counting)
    return found


def known(root):
    """What a new process would know of files, beside a store."""
    create(root).blobs.scratch().rmdir()
    return Fingerprints(Layout(str(root)))


@step
def length(csv: File) -> int:
    return len(Path(csv).read_bytes())


LENGTH = Pipeline("length", [length])


def run(pipeline, store, **params):
    return pipeline.run(store=store, listeners=[], **params)


# what is not read again


def test_a_file_of_a_gigabyte_is_read_once(aged, tmp_path, reads):
    first = known(tmp_path / "s").of(str(aged / "large.bin"))
    again = [known(tmp_path / "s").of(str(aged / "large.bin")) for _ in range(20)]  # as 20 processes would
    assert set(again) == {first} and first[1] == 1 << 30
    assert reads == ["large.bin"]


def test_another_process_does_not_read_it_again(aged, tmp_path):
    store = tmp_path / "s"
    run(LENGTH, store, csv=aged / "small.csv")
    code = """
        import sys
        from plait.stores.local import create, fingerprints
        def no(fd, path):
            raise SystemExit(f"{path} was read")
        fingerprints.read_through = no
        print(create(sys.argv[1]).blobs.fingerprint(sys.argv[2])[1])
    """
    said = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), store, aged / "small.csv"], capture_output=True, text=True
    )
    assert said.stdout == "8\n", said.stderr


def test_a_run_reads_a_file_once_however_many_steps_take_it(aged, tmp_path, reads):
    steps = [length.named(f"length{i}") for i in range(5)]
    run(Pipeline("many", steps), tmp_path / "s", csv=aged / "small.csv")
    run(Pipeline("many", steps), tmp_path / "s", csv=aged / "small.csv")
    assert reads == ["small.csv"]


def test_what_is_known_of_files_may_be_removed_or_damaged(aged, tmp_path, reads):
    for damage in (
        Path.unlink,
        lambda path: path.write_bytes(b"not lines\n\xff\n" * 9),
        lambda path: path.write_bytes(path.read_bytes()[:-3]),
    ):
        one = known(tmp_path / "s").of(str(aged / "small.csv"))
        damage(tmp_path / "s" / "fingerprints")
        assert known(tmp_path / "s").of(str(aged / "small.csv")) == one
    assert len(reads) == 4


def test_a_line_that_was_changed_is_not_believed(aged, tmp_path, reads):
    true = known(tmp_path / "s").of(str(aged / "small.csv"))
    path = tmp_path / "s" / "fingerprints"
    path.write_bytes(path.read_bytes().replace(true[0].encode(), b"0" * 64))
    assert known(tmp_path / "s").of(str(aged / "small.csv")) == true


def test_there_is_an_end_to_what_is_remembered(tmp_path, monkeypatch):
    monkeypatch.setattr(fingerprints, "_MOST", 20)
    files = known(tmp_path / "s")
    for i in range(100):
        files._remember((1, i, 1, 1, 1), "0" * 64)
    lines = tmp_path / "s" / "fingerprints"
    assert len(lines.read_bytes().splitlines()) == 100
    assert known(tmp_path / "s")._find((1, 99, 1, 1, 1)) and not known(tmp_path / "s")._find((1, 0, 1, 1, 1))
    assert len(lines.read_bytes().splitlines()) == 20
    files._remember((2, 1, 1, 1, 1), "1" * 64)
    assert known(tmp_path / "s")._find((2, 1, 1, 1, 1)) and known(tmp_path / "s")._find((1, 99, 1, 1, 1))


def test_a_store_is_not_made_to_remember_files(aged, tmp_path):
    LENGTH.plan(store=tmp_path / "s", csv=aged / "small.csv")
    assert not (tmp_path / "s").exists()


def test_a_file_system_without_a_true_change_time_is_read_each_time(aged, tmp_path, reads, monkeypatch):
    monkeypatch.setattr(fingerprints, "kind_of", lambda path: "fuse.sshfs")
    files = known(tmp_path / "s")
    assert files.of(str(aged / "small.csv")) == files.of(str(aged / "small.csv"))
    assert len(reads) == 2


def test_the_clock_of_a_server_counts_and_not_ours(aged, tmp_path, reads, monkeypatch):
    """A file on a network file system is believed only where that system's own clock can be read."""
    monkeypatch.setattr(fingerprints, "kind_of", lambda path: "nfs4")
    files = known(tmp_path / "s")
    for clock, again in (((os.stat(aged).st_dev, 0), 2), ((-1, 1 << 62), 2), ((os.stat(aged).st_dev, 1 << 62), 1)):
        monkeypatch.setattr(files, "_asked", lambda clock=clock: clock)
        files._known.clear()
        files._clock = (-1e9, 0, 0)
        (tmp_path / "s" / "fingerprints").unlink(missing_ok=True)
        reads.clear()
        files.of(str(aged / "small.csv"))
        files.of(str(aged / "small.csv"))
        assert len(reads) == again, clock


# what is always seen


def test_a_rewrite_of_the_same_size_and_time_is_seen(aged, tmp_path):
    path = aged / "changing0.csv"
    files = known(tmp_path / "s")
    before, about = files.of(str(path)), path.stat()
    path.write_text("b" * 100)
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))
    assert path.stat().st_mtime_ns == about.st_mtime_ns and path.stat().st_size == about.st_size
    assert files.of(str(path)) != before
    assert known(tmp_path / "s").of(str(path)) == files.of(str(path))


@pytest.mark.parametrize("how", ["in place", "replaced", "mapped", "restored"])
def test_quick_rewrites_are_always_seen(tmp_path, how):
    import mmap

    path, files, missed = tmp_path / "a.bin", known(tmp_path / "s"), 0
    path.write_bytes(bytes(8))
    about = path.stat()
    for i in range(1, 601):
        content = i.to_bytes(8, "little")
        if how == "replaced":
            part = tmp_path / "part"
            part.write_bytes(content)
            os.utime(part, ns=(about.st_atime_ns, about.st_mtime_ns))
            os.replace(part, path)
        elif how == "mapped":
            with open(path, "r+b") as file, mmap.mmap(file.fileno(), 8) as mapped:
                mapped[:] = content
        else:
            path.write_bytes(content)
        if how == "restored":
            os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))
        from blake3 import blake3

        missed += files.of(str(path)) != (blake3(content).hexdigest(), 8)
    assert missed == 0


@pytest.mark.parametrize(("margin", "sound"), [(2, True), (-(1 << 30), False)])
def test_rewrites_are_seen_where_the_clock_of_the_files_is_coarse(tmp_path, monkeypatch, margin, sound):
    """As it is on file systems that know seconds only. The margin is what makes it so: without it, some are missed."""
    import plait.files.contents as contents

    def coarse(about):
        return about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns // 10**9, about.st_ctime_ns // 10**9

    monkeypatch.setattr(fingerprints, "looks", coarse)
    monkeypatch.setattr(contents, "looks", coarse)
    monkeypatch.setattr(fingerprints, "_MARGIN", margin * 10**9)
    path, files, seen = tmp_path / "a.bin", known(tmp_path / "s"), set()
    for i in range(600):
        path.write_bytes(i.to_bytes(8, "little"))
        seen.add(files.of(str(path)))
    assert (len(seen) == 600) is sound


def test_rewrites_between_runs_are_always_seen(tmp_path):
    path, missed = tmp_path / "a.csv", 0
    for i in range(30):
        path.write_text(f"{i:03}")
        result = run(Pipeline("p", [text]), tmp_path / "s", csv=path)
        missed += result["text"] != f"{i:03}"
    assert missed == 0


@step
def text(csv: File) -> str:
    return Path(csv).read_text()


def test_a_file_that_was_settled_when_read_is_seen_when_rewritten_in_the_tick_of_the_clock_after(aged, tmp_path):
    path, files = aged / "changing1.csv", known(tmp_path / "s")
    before = files.of(str(path))
    for _ in range(200):
        path.write_text("c" * 100)
        assert files.of(str(path)) != before
        path.write_text("a" * 100)
        assert files.of(str(path)) == before


def test_a_file_that_is_written_while_it_is_read_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(3 << 20))
    real = os.read

    def writing(fd, size):
        with open(path, "ab") as file:
            file.write(b"x")
        return real(fd, size)

    monkeypatch.setattr(os, "read", writing)
    with pytest.raises(InputChanged, match=r"a\.bin changes while it is read"):
        known(tmp_path / "s").of(str(path))


# a file must not change while a run uses it


@step
def spoilt(csv: File) -> int:
    import time
    from pathlib import Path

    time.sleep(0.02)
    Path(csv).write_text("other")
    return 1


@pytest.mark.parametrize("executor", ["sequential", "threads", "processes"])
def test_a_file_that_changes_while_a_step_runs_leaves_no_record(tmp_path, executor):
    path = tmp_path / "a.csv"
    path.write_text("first")
    p = Pipeline("p", [spoilt])
    with pytest.raises(NodeFailed) as failure:
        run(p, tmp_path / "s", csv=path, executor=executor)
    changed = failure.value.__cause__
    assert isinstance(changed, InputChanged) and changed.path == str(path)
    assert f"spoilt: {path}, which it was given as csv, changed while it ran" in str(changed)
    assert "Run again, when nothing writes to" in str(changed)
    path.write_text("first")
    assert p.plan(store=tmp_path / "s", csv=path)["run"] == ["spoilt"]


def test_a_file_is_the_same_for_all_steps_of_a_run(tmp_path):
    """What one step saw and what the key of a later one says must be one content."""
    path = tmp_path / "a.csv"
    path.write_text("first")

    @step
    def first(csv: File) -> int:
        return len(Path(csv).read_text())

    @step
    def between(first: int) -> int:
        path.write_text("other")
        return first

    @step
    def second(between: int, csv: File) -> str:
        return Path(csv).read_text()

    p = Pipeline("p", [first, between, second])
    with pytest.raises(NodeFailed) as failure:
        run(p, tmp_path / "s", csv=path)
    assert isinstance(failure.value.__cause__, InputChanged) and failure.value.node == "second"
    assert run(p, tmp_path / "s", csv=path)["second"] == "other"


@pytest.mark.parametrize("given", ["parameter", "constant"])
def test_a_file_that_changed_before_a_key_was_made_is_said_with_the_step(tmp_path, given):
    path = tmp_path / "a.csv"
    path.write_text("first")

    @step
    def between() -> int:
        path.write_text("other")
        return 1

    @step
    def second(between: int, csv: File) -> str:
        return Path(csv).read_text()

    if given == "parameter":
        p, params = Pipeline("p", [between, second]), {"csv": path}
    else:
        p, params = Pipeline("p", [between, second.with_(csv=File(path))]), {}
    with pytest.raises(InputChanged, match=r"^second: .*a\.csv changed since this run began. Run again"):
        run(p, tmp_path / "s", **params)


def test_files_deep_in_parameters_and_constants_are_watched_too(tmp_path):
    @dataclasses.dataclass
    class Inputs:
        tables: dict[str, list[File]]

    class Odd:
        def __init__(self, file):
            self.file = file

    path = tmp_path / "a.csv"

    @step
    def deep(inputs) -> int:
        path.write_text("other")
        return 1

    for inputs in (Inputs({"a": [File(path)]}), [File(path)], Dir(tmp_path / "d"), Odd(File(path))):
        (tmp_path / "d").mkdir(exist_ok=True)
        path.write_text("first")
        if isinstance(inputs, Dir):
            path = tmp_path / "d" / "new.csv"
        for p, params in (
            (Pipeline("p", [deep]), {"inputs": inputs}),
            (Pipeline("p", [deep.with_(inputs=inputs)]), {}),
        ):
            if not params and isinstance(inputs, Odd):
                continue
            path.write_text("first")
            with pytest.raises(NodeFailed, match="InputChanged"):
                run(p, tmp_path / "s", **params)
        path = tmp_path / "a.csv"


def test_a_step_that_writes_into_the_store_is_caught_and_the_store_heals(tmp_path):
    @step
    def vandal(listed: list[File]) -> int:
        os.chmod(listed[0], 0o600)
        Path(listed[0]).write_text("other")
        return 1

    @step
    def after(vandal: int, listed: list[File]) -> str:
        return Path(listed[0]).read_text()

    p = Pipeline("p", [listed, vandal, after])
    with pytest.raises(NodeFailed, match="which it was given as listed, changed while it ran"):
        run(p, tmp_path / "s")
    fine = Pipeline("p", [listed, step(lambda vandal: 1, name="vandal").bind(vandal="listed"), after])
    assert run(fine, tmp_path / "s")["after"] == "content 0"


def test_touching_a_file_is_no_change(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("first")

    @step
    def touches(csv: File) -> int:
        os.utime(csv)
        return 1

    run(Pipeline("p", [touches]), tmp_path / "s", csv=path)
    os.utime(path)
    assert run(Pipeline("p", [touches]), tmp_path / "s", csv=path).states == {"touches": "hit"}


def test_a_file_that_does_not_count_may_change(tmp_path):
    path = tmp_path / "log.txt"
    path.write_text("")

    @step(ignore=["log"])
    def logs(log: File) -> int:
        with open(log, "a") as file:
            file.write("line\n")
        return 1

    assert run(Pipeline("p", [logs]), tmp_path / "s", log=path)["logs"] == 1


# files that steps make


class Both(NamedTuple):
    table: File
    count: int


@dataclasses.dataclass(frozen=True)
class Report:
    title: str
    pages: list[File]


class Slotted:
    __slots__ = ("file",)

    def __init__(self, file):
        self.file = file


def make(scratch, name, content):
    path = Path(scratch) / name
    path.write_text(content)
    return File(path)


@step
def listed(scratch: Scratch = auto) -> list[File]:
    return [make(scratch, f"{i}.csv", f"content {i}") for i in range(3)]


@step
def keyed(scratch: Scratch = auto) -> dict[str, File]:
    (scratch / "deep").mkdir()
    make(scratch / "deep", "a.csv.gz", "content a")
    make(scratch, "b.txt", "content b")
    return Dir(scratch).files()


@step
def parts(scratch: Scratch = auto) -> Both:
    return Both(make(scratch, "t.csv", "content t"), 1)


@step
def report(scratch: Scratch = auto) -> Report:
    page = make(scratch, "1.html", "content 1")
    return Report("title", [page, make(scratch, "2.html", "content 2"), page])


@step
def read_all(listed: list[File], keyed: dict[str, File], parts: Both, report: Report) -> list[str]:
    from pathlib import Path

    files = [*listed, *keyed.values(), parts.table, *report.pages]
    return [file.suffix + ":" + Path(file).read_text() for file in files]


MADE = Pipeline("made", [listed, keyed, parts, report, read_all.bind(parts="parts")])
READ = [
    ".csv:content 0", ".csv:content 1", ".csv:content 2", ".txt:content b", ".csv.gz:content a", ".csv:content t",
    ".html:content 1", ".html:content 2", ".html:content 1",
]  # fmt: skip


def blobs(store):
    return [path for path in (store / "blobs").rglob("*") if path.is_file()]


@pytest.mark.parametrize("executor", ["sequential", "threads", "processes"])
def test_files_in_containers_are_kept_and_come_back(tmp_path, executor):
    store = tmp_path / "s"
    result = run(MADE, store, executor=executor)
    assert sorted(result["read_all"]) == sorted(READ)
    assert len(blobs(store)) == 6  # two of the pages have the content of tables
    assert not list((store / "tmp").glob("*"))
    again = run(MADE, store)
    assert set(again.states.values()) == {"hit"}
    assert [Path(page).read_text() for page in again["report"].pages] == ["content 1", "content 2", "content 1"]
    assert type(again["report"]) is Report and again["keyed"]["deep/a.csv.gz"].suffix == ".csv.gz"


def test_without_a_store_they_live_for_the_run():
    result = MADE.run(store=None, listeners=[])
    files = [file for node in ("listed", "keyed", "parts", "report") for file in _files(result[node])]
    assert (
        sorted(result["read_all"])
        == sorted(READ)
        == sorted(f"{file.suffix}:{Path(file).read_text()}" for file in files)
    )


def test_no_path_of_the_store_is_in_a_record(tmp_path):
    """So a store can be moved, with all that is in it."""
    run(MADE, tmp_path / "here")
    os.rename(tmp_path / "here", tmp_path / "there")
    result = run(MADE, tmp_path / "there")
    assert set(result.states.values()) == {"hit"} and sorted(result["read_all"]) == sorted(READ)
    assert all(str(file).startswith(str(tmp_path / "there")) for file in result["listed"])
    assert not any(b"here" in path.read_bytes() for path in (tmp_path / "there" / "segments").iterdir())


@pytest.mark.parametrize("node", ["listed", "keyed", "report", "parts"])
def test_a_lost_file_within_a_value_is_made_again(tmp_path, node):
    store = tmp_path / "s"
    run(MADE, store)
    hurt = File(next(iter(_files(run(MADE, store)[node]))))
    content = Path(hurt).read_bytes()
    place = next(path for path in blobs(store) if path.read_bytes() == content)
    place.chmod(0o600)
    place.unlink()
    seen = run(MADE, store)
    with pytest.raises(ArtifactLost, match="makes it again"):
        seen[node]
    healed = MADE.run(node, store=store, listeners=[])
    assert healed.states[node] == "run" and Path(next(iter(_files(healed[node])))).read_bytes() == content
    place.unlink()
    late = Pipeline("late", [*MADE.steps.values(), step(lambda read_all: read_all, name="late")])
    assert run(late, store)["late"] and run(late, store)  # nobody reads the lost one, so nothing is made again

    again = Pipeline(
        "again", [*MADE.steps.values(), step(lambda value: len(_files(value)), name="again").bind(value=node)]
    )
    result = run(again, store)
    assert result["again"] and result.states[node] == "run"


def _files(value):
    from plait.runtime.contents import files_in

    return list(files_in(value))


def test_a_file_from_scratch_is_moved_and_not_copied(tmp_path):
    seen = {}

    @step
    def big(scratch: Scratch = auto) -> File:
        path = Path(scratch) / "big.bin"
        path.write_bytes(os.urandom(3 << 20))
        seen["inode"] = path.stat().st_ino
        return File(path)

    made = run(Pipeline("p", [big]), tmp_path / "s")["big"]
    assert os.stat(made).st_ino == seen["inode"]
    assert not os.access(made, os.W_OK) or os.geteuid() == 0
    assert os.stat(made).st_mode & 0o222 == 0


def test_a_file_that_is_moved_is_read_once(tmp_path, monkeypatch):
    from plait.stores.local import blobs as module

    hashed = []
    monkeypatch.setattr(module, "hash_of", lambda fd, real=module.hash_of: hashed.append(fd) or real(fd))
    result = run(Pipeline("p", [listed, read_lists]), tmp_path / "s")
    assert result["read_lists"] == 3 and len(hashed) == 3


@step
def read_lists(listed: list[File]) -> int:
    return len([Path(file).read_text() for file in listed])


def test_what_may_have_another_name_is_copied(tmp_path):
    mine = tmp_path / "mine.csv"
    mine.write_text("mine")
    mine.chmod(0o640)

    @step
    def linked(csv: File, scratch: Scratch = auto) -> list[File]:
        os.link(csv, scratch / "hard.csv")
        os.symlink(csv, scratch / "soft.csv")
        return [File(scratch / "hard.csv"), File(scratch / "soft.csv")]

    made = run(Pipeline("p", [linked]), tmp_path / "s", csv=mine)["linked"]
    assert [Path(file).read_text() for file in made] == ["mine", "mine"]
    assert mine.stat().st_mode & 0o777 == 0o640
    mine.write_text("yours")
    assert [Path(file).read_text() for file in made] == ["mine", "mine"]


def test_a_scratch_folder_under_another_name_is_the_scratch_folder(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")

    @step
    def resolved(scratch: Scratch = auto) -> File:
        return make(Path(scratch).resolve(), "a.csv", "content")

    p = Pipeline("p", [resolved])
    run(p, tmp_path / "link" / "s")
    assert run(p, tmp_path / "link" / "s")["resolved"].read_bytes() == b"content"


def test_a_folder_in_scratch_is_refused_with_the_next_move(tmp_path):
    @step
    def folder(scratch: Scratch = auto) -> Dir:
        return Dir(scratch)

    with pytest.raises(NodeFailed, match=r"return its files: Dir\(path\)\.files\(\)"):
        run(Pipeline("p", [folder]), tmp_path / "s")


def test_a_file_hidden_in_an_odd_object_is_refused_rather_than_lost(tmp_path):
    @step
    def odd(scratch: Scratch = auto) -> Slotted:
        return Slotted(make(scratch, "a.csv", "content"))

    with pytest.raises(NodeFailed, match="return files in lists, dicts, tuples, NamedTuples or dataclasses"):
        run(Pipeline("p", [odd]), tmp_path / "s")


def test_a_file_that_is_passed_on_is_the_same_blob(tmp_path):
    @step
    def passed(listed: list[File]) -> File:
        return listed[1]

    p = Pipeline("p", [listed, passed])
    result = run(p, tmp_path / "s")
    assert result["passed"].read_bytes() == b"content 1" and len(blobs(tmp_path / "s")) == 3
    again = run(p, tmp_path / "s")
    assert again.states["passed"] == "hit" and again["passed"].read_bytes() == b"content 1"
    os.rename(tmp_path / "s", tmp_path / "t")
    assert run(p, tmp_path / "t")["passed"].read_bytes() == b"content 1"


@pytest.mark.parametrize("wrap", [lambda f: f, lambda f: [f], lambda f: {"a": (f, 1)}, lambda f: Report("t", [f])])
@pytest.mark.parametrize("kind", [File, Dir])
def test_a_reference_in_a_result_is_checked_when_it_is_read(tmp_path, wrap, kind):
    mine = tmp_path / "d" / "mine.csv"
    mine.parent.mkdir()
    mine.write_text("mine")

    @step
    def refers(parts: tuple):
        return wrap(kind("/".join(parts)))

    @step
    def reads(refers) -> int:
        return len(_files(refers))

    p = Pipeline("p", [refers, reads])
    path = str(mine if kind is File else mine.parent)
    said = tuple(path.split("/"))
    first = run(p, tmp_path / "s", parts=said)
    assert run(p, tmp_path / "s", parts=said).states == {"refers": "hit", "reads": "hit"}
    assert [str(file) for file in _files(run(p, tmp_path / "s", parts=said)["refers"])] == [path]
    mine.write_text("other")
    with pytest.raises(ArtifactLost):
        p.runs(store=tmp_path / "s")[0]["refers"]
    again = p.run("refers", store=tmp_path / "s", listeners=[], parts=said)
    assert again.states == {"refers": "run"}
    assert again.digest("refers") != first.digest("refers")


# folders


def test_a_folder_is_all_that_can_be_found_in_it(tmp_path):
    names = Pipeline("p", [step(lambda folder: sorted(folder.files()), name="names")])
    root = tmp_path / "d"
    (root / "sub").mkdir(parents=True)
    (root / "a.txt").write_text("a")
    (root / "sub" / "b.txt").write_text("b")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "c.txt").write_text("c")

    def seen():
        return run(names, tmp_path / "s", folder=Dir(root)).states["names"]

    assert (seen(), seen()) == ("run", "hit")
    changes = [
        lambda: (root / "sub" / "b.txt").write_text("B"),
        lambda: (root / ".hidden").write_text("h"),
        lambda: (root / "empty").mkdir(),
        lambda: (root / "link.txt").symlink_to(elsewhere / "c.txt"),
        lambda: (root / "linked").symlink_to(elsewhere),
        lambda: (elsewhere / "c.txt").write_text("C"),
        lambda: (root / "nowhere").symlink_to(tmp_path / "gone"),
        lambda: os.rename(root / "a.txt", root / "z.txt"),
        lambda: os.mkfifo(root / "pipe"),
    ]
    for change in changes:
        change()
        assert (seen(), seen()) == ("run", "hit")
    (root / "linked" / "round").symlink_to(root)  # a circle
    assert (seen(), seen()) == ("run", "hit")
    assert [*Dir(root).files()] == [".hidden", "link.txt", "linked/c.txt", "sub/b.txt", "z.txt"]
    (root / "linked" / "round").unlink()
    os.utime(root / "z.txt")
    os.replace(root, tmp_path / "moved")
    assert run(names, tmp_path / "s", folder=Dir(tmp_path / "moved")).states == {"names": "hit"}


def test_files_of_a_folder_by_glob(tmp_path):
    for name in ("a.csv", "b.txt", "x/c.csv", "x/y/d.csv", "x/1.csv", ".h.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text(name)
    files = Dir(tmp_path).files
    assert [*files("*.csv")] == [".h.csv", "a.csv"]
    assert [*files("**/*.csv")] == [".h.csv", "a.csv", "x/1.csv", "x/c.csv", "x/y/d.csv"]
    assert [*files("x/*.csv")] == ["x/1.csv", "x/c.csv"] and [*files("x/[!0-9].csv")] == ["x/c.csv"]
    assert [*files("x/**")] == ["x/1.csv", "x/c.csv", "x/y/d.csv"] and [*files("?.txt")] == ["b.txt"]
    assert files("nothing") == {} and files("x") == {}


def test_a_folder_of_files_that_are_known_is_not_read_again(aged, tmp_path, reads):
    p = Pipeline("p", [step(lambda folder: len(folder.files()), name="count")])
    assert run(p, tmp_path / "s", folder=Dir(aged / "one"))["count"] == 50
    assert len(reads) == 50
    assert run(p, tmp_path / "s", folder=Dir(aged / "one")).states == {"count": "hit"}
    assert len(reads) == 50


def test_what_cannot_be_read_is_said(tmp_path, monkeypatch):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "secret.csv").write_text("a")
    real = os.open

    def refuse(path, *rest, **more):
        if str(path).endswith("secret.csv"):
            raise PermissionError(13, "Permission denied", path)
        return real(path, *rest, **more)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(PlaitError, match=r"secret\.csv cannot be read \(Permission denied\); look at its permissions"):
        run(Pipeline("p", [step(lambda folder: 1, name="one")]), tmp_path / "s", folder=Dir(tmp_path / "d"))


# URLs


@pytest.fixture
def memory():
    import fsspec

    files = fsspec.filesystem("memory")
    yield files
    files.store.clear()
    files.pseudo_dirs[:] = [""]


def test_a_url_is_fetched_into_the_store_and_counts_by_content(memory, tmp_path):
    memory.pipe("/data/a.csv.gz", b"first")
    p = Pipeline("p", [text])
    one = run(p, tmp_path / "s", csv="memory://data/a.csv.gz")
    assert one["text"] == "first"
    assert run(p, tmp_path / "s", csv="memory://data/a.csv.gz").states == {"text": "hit"}
    memory.pipe("/data/a.csv.gz", b"other")
    assert run(p, tmp_path / "s", csv=File("memory://data/a.csv.gz"))["text"] == "other"
    local = tmp_path / "same.csv.gz"
    local.write_bytes(b"first")
    assert run(p, tmp_path / "s", csv=local).states == {"text": "hit"}


@pytest.mark.parametrize("executor", ["sequential", "processes"])
def test_a_url_without_a_store_and_in_other_processes(memory, tmp_path, executor):
    memory.pipe("/a.csv", b"first")
    p = Pipeline("p", [text])
    assert p.run(store=None, listeners=[], csv="memory://a.csv", executor=executor)["text"] == "first"


def test_urls_deep_in_a_parameter_are_fetched(memory, tmp_path):
    memory.pipe("/a.csv", b"first")
    p = Pipeline("p", [step(lambda files: [file.read_bytes() for file in files["x"].pages], name="all_of")])
    inputs = {"x": Report("t", [File("memory://a.csv")])}
    assert run(p, tmp_path / "s", files=inputs)["all_of"] == [b"first"]


def test_a_file_url_is_a_file_here(tmp_path):
    path = tmp_path / "a b.csv"
    path.write_text("local")
    assert str(File(path.as_uri())) == str(path) and not File(path.as_uri()).remote
    assert run(Pipeline("p", [text]), tmp_path / "s", csv=path.as_uri())["text"] == "local"
    assert not (tmp_path / "s" / "blobs").exists()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("memory://none.csv", r"csv: memory://none\.csv cannot be fetched: FileNotFoundError"),
        ("nothing://a.csv", r"csv: nothing://a\.csv cannot be fetched: ValueError: Protocol not known: nothing"),
        ("https://me:secret@127.0.0.1:9/a.csv?token=secret", r"csv: https://127\.0\.0\.1:9/a\.csv (needs what is not installed .*pip install 'fsspec\[http\]'|cannot be fetched)"),
    ],
)  # fmt: skip
def test_what_cannot_be_fetched_is_said_before_any_work(memory, tmp_path, url, said):
    calls = []
    p = Pipeline("p", [step(lambda csv: calls.append(csv), name="work").named("work"), text])
    with pytest.raises(ParameterError, match=said) as error:
        p.run(store=tmp_path / "s", listeners=[], csv=File(url))
    assert "secret" not in str(error.value) and not calls


def test_a_url_is_a_parameter_and_no_constant():
    with pytest.raises(GraphError, match=r"text\.csv: a URL is fetched when a run begins.*make it a parameter"):
        Pipeline("p", [text.with_(csv=File("memory://a.csv"))])
    with pytest.raises(PlaitError, match="a Dir is a folder of this machine"):
        Dir("s3://bucket/folder")


def test_secrets_in_a_url_are_not_in_the_history(memory, tmp_path):
    memory.pipe("/a.csv?token=secret", b"first")
    url = "memory://a.csv?token=secret"
    p = Pipeline("p", [text])
    run(p, tmp_path / "s", csv=url)
    assert "secret" not in repr(File(url))
    for path in (tmp_path / "s").rglob("*"):
        assert not path.is_file() or b"secret" not in path.read_bytes(), path


def tagged(monkeypatch, tag, protocol="tagged"):
    """A file system whose files have tags, and how often one was opened."""
    import fsspec
    from fsspec.implementations.memory import MemoryFileSystem

    opened = []

    class Tagged(MemoryFileSystem):
        store, pseudo_dirs, cachable = {}, [""], False

        @classmethod
        def _strip_protocol(cls, path):
            return "/" + path.partition("://")[2].strip("/") if "://" in path else path

        def info(self, path, **more):
            return super().info(path, **more) | {"ETag": tag(self.store[self._strip_protocol(path)].getvalue())}

        def open(self, path, mode="rb", **more):
            opened.extend([path] if mode == "rb" else [])
            return super().open(path, mode, **more)

    Tagged.protocol = (protocol, "memory")
    fsspec.register_implementation(protocol, Tagged, clobber=True)
    return Tagged(), opened


@pytest.mark.parametrize(
    ("tag", "protocol", "fetched"),
    [
        (lambda content: f'"{hashlib.md5(content).hexdigest()}"', "tagged", 1),
        (lambda content: f'"{hashlib.md5(content).hexdigest()}-3"', "tagged", 1),
        (lambda content: f'W/"{hashlib.md5(content).hexdigest()}"', "tagged", 3),
        (lambda content: '"65f1c2a0-4d2"', "tagged", 3),
        (lambda content: "CJTN1", "gs", 1),
        (lambda content: "", "tagged", 3),
    ],
)  # fmt: skip
def test_a_tag_saves_fetching_only_if_it_stands_for_the_content(tmp_path, monkeypatch, tag, protocol, fetched):
    files, opened = tagged(monkeypatch, tag, protocol)
    files.pipe("/a.csv", b"first")
    p = Pipeline("p", [text])
    for _ in range(3):
        assert run(p, tmp_path / "s", csv=f"{protocol}://a.csv")["text"] == "first"
    assert len(opened) == fetched
    if protocol == "tagged":
        files.pipe("/a.csv", b"other")
        assert run(p, tmp_path / "s", csv=f"{protocol}://a.csv")["text"] == "other"


def test_a_file_that_came_in_part_is_refused(tmp_path, monkeypatch):
    files, _ = tagged(monkeypatch, lambda content: "")
    files.pipe("/a.csv", b"first")
    monkeypatch.setattr(type(files), "info", lambda self, path, **more: {"name": path, "size": 9, "type": "file"})
    with pytest.raises(ParameterError, match="it has 9 bytes, and 5 of them came"):
        run(Pipeline("p", [text]), tmp_path / "s", csv="tagged://a.csv")


def test_a_fetched_file_that_the_store_lost_is_fetched_again(tmp_path, monkeypatch):
    files, opened = tagged(monkeypatch, lambda content: hashlib.md5(content).hexdigest())
    files.pipe("/a.csv", b"first")
    p = Pipeline("p", [text])
    run(p, tmp_path / "s", csv="tagged://a.csv")
    for path in blobs(tmp_path / "s"):
        path.unlink()
    for path in (tmp_path / "s" / "notes").iterdir():
        path.write_text(path.read_text()[::-1])
    assert run(p, tmp_path / "s", csv="tagged://a.csv").states == {"text": "hit"}
    assert len(opened) == 2


def test_owned_tells_the_stores_own_paths(tmp_path):
    store = create(tmp_path / "s")
    blob, _ = store.blobs.put(lambda file: file.write(b"x"))
    link = store.blobs.path(blob, ".csv")
    assert [store.blobs.owned(str(path)) for path in (link, store.blobs.path(blob))] == [blob, blob]
    assert store.blobs.owned(str(tmp_path / "s" / "tmp" / "x")) == ""
    assert store.blobs.owned(str(tmp_path / "s" / "blobs" / "ab" / "x")) == ""
    assert store.blobs.owned(str(tmp_path / "other")) is None
    (tmp_path / link.name).symlink_to(store.blobs.path(blob))  # as it is where a store can only be read
    assert store.blobs.owned(str(tmp_path / link.name)) == blob
