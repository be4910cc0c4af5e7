"""Running: what is kept, what is handed on, what is read, and what goes wrong."""

import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from plait import (
    ArtifactLost,
    File,
    GraphError,
    NodeFailed,
    Now,
    Pipeline,
    PlaitError,
    Scratch,
    Seed,
    StaleStepWarning,
    StoreError,
    UndeclaredRead,
    UnnamedResult,
    auto,
    step,
)
from plait.runtime.events import Cached, Failed, Finished, RunFinished, RunStarted, Skipped, Started


class Split(NamedTuple):
    train: pd.DataFrame
    test: pd.DataFrame


@step
def table(n: int = 6) -> pd.DataFrame:
    return pd.DataFrame({"x": np.arange(n, dtype=float), "name": [f"r{i}" for i in range(n)]})


@step
def split(table: pd.DataFrame, k: int = 4) -> Split:
    return Split(table.iloc[:k], table.iloc[k:])


@step
def mean(train: pd.DataFrame) -> float:
    return float(train["x"].mean())


@step
def rows(test: pd.DataFrame) -> int:
    return len(test)


PIPE = Pipeline("pipe", [table, split, mean, rows])


def run(*targets, store, **options):
    return PIPE.run(*targets, store=store, listeners=[], **options)


def test_only_what_the_targets_need_is_run(tmp_path):
    assert set(run("mean", store=tmp_path).states) == {"table", "split", "mean"}


def test_a_part_as_a_target_stands_for_its_node(tmp_path):
    assert set(run("split.train", store=tmp_path).states) == {"table", "split"}


def test_a_second_run_does_nothing(tmp_path):
    assert set(run(store=tmp_path).states.values()) == {"run"}
    again = run(store=tmp_path)
    assert set(again.states.values()) == {"hit"} and again["mean"] == 1.5
    assert again.report().startswith("pipe: nothing to do, all 4 up to date")


def test_a_changed_parameter_runs_only_what_depends_on_it(tmp_path):
    run(store=tmp_path)
    assert run(store=tmp_path, k=3).states == {"table": "hit", "split": "run", "mean": "run", "rows": "run"}


def test_an_equal_value_upstream_stops_the_work_there(tmp_path):
    """Early cutoff: the part `train` is the same rows, so what reads only that does not run."""

    @step
    def split(table: pd.DataFrame, k: int = 4) -> Split:
        return Split(table.iloc[:k], table.iloc[k:].iloc[::-1])

    run(store=tmp_path)
    other = Pipeline("pipe", [table, split, mean, rows]).run(store=tmp_path, listeners=[])
    assert other.states == {"table": "hit", "split": "run", "mean": "hit", "rows": "run"}


def test_going_back_to_an_earlier_value_is_free(tmp_path):
    for k in (4, 3, 2):
        run(store=tmp_path, k=k)
    assert set(run(store=tmp_path, k=4).states.values()) == {"hit"}


def test_given_values_are_not_computed_nor_anything_above_them(tmp_path):
    frame = pd.DataFrame({"x": [1.0, 3.0], "name": ["a", "b"]})
    result = run("mean", store=tmp_path, given={"table": frame})
    assert result["mean"] == 2.0 and result.states["table"] == "given"


def test_a_given_value_for_a_node_of_parts_is_taken_apart(tmp_path):
    frame = pd.DataFrame({"x": [1.0, 3.0], "name": ["a", "b"]})
    for store in (tmp_path, None):
        result = run(store=store, given={split: Split(frame, frame)})
        assert (result["mean"], result["rows"]) == (2.0, 2) and "table" not in result.states


def test_reading_gives_what_the_next_step_would_get(tmp_path):
    result = run(store=tmp_path)
    assert isinstance(result["split"], Split) and len(result["split.train"]) == 4 == len(result["train"])
    assert result[mean] == result["mean"] and result[rows] == 2


def test_reading_an_unknown_or_unasked_node_is_refused(tmp_path):
    result = run("mean", store=tmp_path)
    with pytest.raises(GraphError, match=r"no node 'men'\. Did you mean 'mean'"):
        result["men"]
    with pytest.raises(PlaitError, match=r"rows was not asked for in this run; pipe\.run\('rows'\) makes it"):
        result["rows"]


def test_a_step_used_twice_must_be_read_by_name(tmp_path):
    p = Pipeline("p", [table, split, mean, mean.named("other").bind(train="split.test")])
    result = p.run(store=tmp_path, listeners=[])
    assert result[mean] == 1.5
    named = Pipeline("p", [table, split, mean.named("a"), mean.named("b").bind(train="split.test")])
    with pytest.raises(GraphError, match="mean is used as a, b"):
        named.run(store=tmp_path, listeners=[])[mean]


def test_the_result_by_name_is_that_of_the_only_target_or_last_node(tmp_path):
    assert run("mean", store=tmp_path).result == 1.5
    with pytest.raises(GraphError, match=r"no single result \(mean, rows\)"):
        _ = run(store=tmp_path).result


def test_no_step_can_change_what_another_one_reads(tmp_path):
    @step
    def array() -> np.ndarray:
        return np.zeros(4)

    @step
    def words() -> list[list[str]]:
        return [["a"], ["b"]]

    @step
    def greedy(table: pd.DataFrame, words: list[list[str]]) -> float:
        table.loc[0, "x"] = 99.0
        table["new"] = 1
        words[0].append("spoiled")
        words.clear()
        return float(table["x"].sum())

    @step
    def later(table: pd.DataFrame, words: list[list[str]], greedy: float, array: np.ndarray) -> str:
        return f"{list(table.columns)} {table['x'].sum()} {words} {array.sum()}"

    p = Pipeline("p", [array, words, table, greedy, later])
    for store in (None, tmp_path):
        for executor in ("sequential", "threads"):
            result = p.run(store=store, executor=executor, listeners=[])
            assert result["later"] == "['x', 'name'] 15.0 [['a'], ['b']] 0.0"
    table_read = result["table"]
    table_read.loc[0, "x"] = -1
    assert result["table"].loc[0, "x"] == 0.0


def test_an_array_is_handed_on_read_only():
    @step
    def array() -> np.ndarray:
        return np.zeros(4)

    @step
    def spoil(array: np.ndarray) -> int:
        array[0] = 1
        return 0

    with pytest.raises(NodeFailed, match="read-only"):
        Pipeline("p", [array, spoil]).run(store=None, listeners=[])


def test_a_failure_names_its_node_and_is_raised_from_the_users_error(tmp_path):
    @step
    def bad(mean: float) -> float:
        return mean / 0

    p = Pipeline("p", [table, split, mean, bad])
    with pytest.raises(NodeFailed, match=r"bad: ZeroDivisionError: float division by zero") as failure:
        p.run(store=tmp_path, listeners=[])
    assert failure.value.node == "bad" and isinstance(failure.value.__cause__, ZeroDivisionError)
    frames = failure.value.__cause__.__traceback__
    assert frames.tb_frame.f_code.co_name == "bad", "the first frame is the user's own"
    assert failure.value.run["mean"] == 1.5 and not failure.value.run.ok
    assert p.runs(store=tmp_path)[0].status == "failed"


def test_keep_going_runs_what_it_can_and_says_what_it_could_not(tmp_path):
    @step
    def bad(train: pd.DataFrame) -> float:
        raise KeyError("x")

    @step
    def after(bad: float) -> float:
        return bad

    p = Pipeline("p", [table, split, bad, after, rows])
    result = p.run(store=tmp_path, fail="keep-going", listeners=[])
    assert not result.ok and result["rows"] == 2 and [f.node for f in result.failures] == ["bad"]
    assert result.states["after"] == "skipped"
    with pytest.raises(PlaitError, match="after was not run, because bad failed"):
        result["after"]
    with pytest.raises(NodeFailed, match="bad: KeyError"):
        result["bad"]
    with pytest.raises(NodeFailed):
        result.raise_for_failures()


def test_failures_are_not_kept(tmp_path):
    flag = tmp_path / "flag"

    @step
    def flaky(path: str) -> int:
        if not Path(path).exists():
            raise OSError("not yet")
        return 1

    p = Pipeline("p", [flaky])
    with pytest.raises(NodeFailed):
        p.run(path=str(flag), store=tmp_path / "s", listeners=[])
    flag.touch()
    assert p.run(path=str(flag), store=tmp_path / "s", listeners=[])["flaky"] == 1


def test_none_is_a_value_and_is_kept(tmp_path):
    @step
    def nothing() -> None:
        return None

    p = Pipeline("p", [nothing])
    p.run(store=tmp_path, listeners=[])
    assert p.run(store=tmp_path, listeners=[]).states == {"nothing": "hit"}


def test_a_generator_as_a_result_is_refused(tmp_path):
    @step
    def lazily():
        return (x for x in range(3))

    with pytest.raises(NodeFailed, match="could be read only once; return a list"):
        Pipeline("p", [lazily]).run(store=None, listeners=[])


def test_a_step_that_changed_its_input_and_returned_none_is_told(tmp_path):
    @step
    def add_euro(table: pd.DataFrame):
        table["euro"] = table["x"] * 2

    @step
    def report(add_euro):
        return 1

    with pytest.raises(
        NodeFailed, match="add_euro returned None; it changed its argument 'table' in place.*Return table"
    ):
        Pipeline("p", [table, add_euro, report]).run(store=tmp_path, listeners=[])


def test_a_result_that_cannot_be_named_lives_for_the_run_and_is_said_once(tmp_path):
    @step
    def connect():
        return threading.Lock()

    @step
    def one(connect) -> int:
        return int(connect.acquire())

    p = Pipeline("p", [connect, one])
    with pytest.warns(UnnamedResult, match=r"connect\(\) -> _thread\.lock has no content to keep"):
        first = p.run(store=tmp_path, listeners=[])
    assert first["one"] == 1 and first.digest("connect").startswith("by-key:")
    second = p.run(store=tmp_path, listeners=[])
    assert second.states == {"connect": "run", "one": "hit"}, "what follows is keyed by how it was made"


class Once:
    """Says what it is, and can be copied once."""

    def __init__(self, *, copied=False):
        self.copied = copied

    def __plait_digest__(self):
        return "once"

    def __reduce__(self):
        if self.copied:
            raise TypeError("it was copied before")
        return _copied, ()


def _copied():
    return Once(copied=True)


def test_a_result_that_is_named_and_cannot_be_written_stands_for_its_content(tmp_path):
    @step
    def made(n: int) -> Once:
        return Once()

    @step
    def read(made: Once) -> bool:
        return made.copied

    p = Pipeline("p", [made, read])
    with pytest.warns(UnnamedResult, match=r"made\(\) -> .*Once cannot be kept .* are keyed by what is in it"):
        p.run(n=1, store=tmp_path, listeners=[])
    assert p.run(n=2, store=tmp_path, listeners=[]).states == {"made": "run", "read": "hit"}


def test_a_lock_within_a_result_does_not_fail_the_run(tmp_path):
    @step
    def made() -> dict:
        return {"lock": threading.Lock(), "n": 3}

    @step
    def used(made: dict) -> int:
        return made["n"]

    with pytest.warns(UnnamedResult, match=r"\['lock'\]"):
        assert Pipeline("p", [made, used]).run(store=tmp_path, listeners=[])["used"] == 3


def test_seeds_come_from_names_and_the_runs_seed_alone(tmp_path):
    @step
    def draw(seed: Seed = auto) -> int:
        return seed

    @step
    def stream(rng: np.random.Generator = auto) -> float:
        return float(rng.random())

    p = Pipeline("p", [draw, stream])
    a, b = p.run(seed=1, store=None, listeners=[]), p.run(seed=1, store=None, executor="threads", listeners=[])
    assert (a["draw"], a["stream"]) == (b["draw"], b["stream"])
    assert p.run(seed=2, store=None, listeners=[])["draw"] != a["draw"] < 2**32
    named = Pipeline("p", [draw.named("other")]).run(seed=1, store=None, listeners=[])
    assert named["other"] != a["draw"], "another name draws another seed"


def test_a_new_seed_re_runs_only_who_asks_for_one(tmp_path):
    @step
    def draw(mean: float, seed: Seed = auto) -> float:
        return mean + seed

    p = Pipeline("p", [table, split, mean, draw])
    p.run(seed=1, store=tmp_path, listeners=[])
    assert p.run(seed=2, store=tmp_path, listeners=[]).states == {
        "table": "hit",
        "split": "hit",
        "mean": "hit",
        "draw": "run",
    }


def test_now_is_one_instant_for_the_run_and_counts():
    @step
    def when(now: Now = auto) -> datetime:
        return now

    p, instant = Pipeline("p", [when]), datetime(2025, 1, 2, 3, tzinfo=UTC)
    assert p.run(now=instant, store=None, listeners=[])["when"] == instant


def test_now_is_in_the_key(tmp_path):
    @step
    def when(now: Now = auto) -> str:
        return f"{now:%d}"

    p = Pipeline("p", [when])
    p.run(now=datetime(2025, 1, 2, tzinfo=UTC), store=tmp_path, listeners=[])
    assert p.run(now=datetime(2025, 1, 2, tzinfo=UTC), store=tmp_path, listeners=[]).states == {"when": "hit"}
    assert p.run(now=datetime(2025, 1, 3, tzinfo=UTC), store=tmp_path, listeners=[])["when"] == "03"


@step
def written(scratch: Scratch = auto, text: str = "hello") -> File:
    path = scratch / "out.txt"
    path.write_text(text)
    return File(path)


@step
def read(written: File) -> str:
    return Path(written).read_text()


@pytest.mark.parametrize("kept", [True, False])
def test_a_file_made_in_scratch_is_moved_into_the_store(tmp_path, kept):
    store = tmp_path / "s" if kept else None
    p = Pipeline("p", [written, read])
    result = p.run(store=store, listeners=[])
    assert result["read"] == "hello" and result["written"].suffix == ".txt"
    assert result["written"].copy_to(tmp_path / "deep" / "copy.txt").read_text() == "hello"
    assert not list(Path(tmp_path, "s", "tmp").glob("*")) if kept else True
    if kept:
        again = p.run(store=store, listeners=[])
        assert set(again.states.values()) == {"hit"} and again["written"].read_bytes() == b"hello"


def test_a_file_that_a_step_was_given_stays_by_reference(tmp_path):
    @step
    def chosen(a: File) -> File:
        return a

    path = tmp_path / "a.txt"
    path.write_text("a")
    p = Pipeline("p", [chosen])
    p.run(a=path, store=tmp_path / "s", listeners=[])
    assert str(p.run(a=path, store=tmp_path / "s", listeners=[])["chosen"]) == str(path)
    assert not (tmp_path / "s" / "blobs").exists() or not list((tmp_path / "s" / "blobs").rglob("*.*"))


def test_a_file_that_was_promised_and_not_written_is_refused():
    @step
    def lost(scratch: Scratch = auto) -> File:
        return File(scratch / "none.txt")

    with pytest.raises(NodeFailed, match="there is no such file; write it before you return it"):
        Pipeline("p", [lost]).run(store=None, listeners=[])


def test_cache_false_runs_each_time_and_a_time_to_live_runs_out(tmp_path):
    @step(cache=False)
    def always() -> int:
        return 1

    @step(cache="1h")
    def hourly() -> int:
        return 1

    @step(cache="1ms")
    def quickly() -> int:
        return 1

    p = Pipeline("p", [always, hourly, quickly])
    p.run(store=tmp_path, listeners=[])
    assert p.run(store=tmp_path, listeners=[]).states == {"always": "run", "hourly": "hit", "quickly": "run"}


def test_a_declared_environment_variable_counts(tmp_path, monkeypatch):
    @step(env=["PLACE"])
    def place() -> str:
        import os

        return os.environ.get("PLACE", "")

    p = Pipeline("p", [place])
    monkeypatch.setenv("PLACE", "Berlin")
    p.run(store=tmp_path, listeners=[])
    assert p.run(store=tmp_path, listeners=[]).states == {"place": "hit"}
    monkeypatch.setenv("PLACE", "Paris")
    assert p.run(store=tmp_path, listeners=[])["place"] == "Paris"


def test_two_nodes_with_one_key_are_computed_once(tmp_path):
    calls = tmp_path / "calls"
    calls.touch()

    @step(ignore=["log"])
    def counted(x: int, log: str) -> int:
        with open(log, "a") as file:
            file.write("x")
        return x

    p = Pipeline("p", [counted.named("a"), counted.named("b")])
    result = p.run(x=1, log=str(calls), store=tmp_path / "s", listeners=[])
    assert (result["a"], result["b"]) == (1, 1) and calls.read_text() == "x"
    assert sorted(result.states.values()) == ["hit", "run"]


def test_events_tell_the_story_in_order(tmp_path):
    told = []
    PIPE.run("mean", store=tmp_path, listeners=[told.append])
    assert [type(e) for e in told] == [RunStarted, *[Started, Finished] * 3, RunFinished]
    told.clear()
    PIPE.run("mean", store=tmp_path, listeners=[told.append])
    assert [type(e) for e in told] == [RunStarted, Cached, Cached, Cached, RunFinished]


def test_events_of_a_failure(tmp_path):
    @step
    def bad(mean: float) -> float:
        raise ValueError("no")

    @step
    def after(bad: float) -> float:
        return bad

    told = []
    Pipeline("p", [table, split, mean, bad, after]).run(store=tmp_path, listeners=[told.append], fail="keep-going")
    assert [type(e) for e in told[-4:]] == [Started, Failed, Skipped, RunFinished] and told[-1].status == "failed"


def test_a_listener_that_fails_stops_nothing(tmp_path, caplog):
    def broken(event):
        if isinstance(event, Started):
            raise RuntimeError("listener")

    assert PIPE.run("mean", store=tmp_path, listeners=[broken]).ok
    assert caplog.text.count("a listener failed") == 1


def test_ctrl_c_leaves_what_was_done_and_says_cancelled(tmp_path):
    @step
    def stopped(mean: float) -> float:
        raise KeyboardInterrupt

    p = Pipeline("p", [table, split, mean, stopped])
    with pytest.raises(KeyboardInterrupt):
        p.run(store=tmp_path, listeners=[])
    assert p.runs(store=tmp_path)[0].status == "cancelled"
    assert p.run("mean", store=tmp_path, listeners=[]).states["mean"] == "hit"


def test_history_keeps_runs_newest_first_with_their_values(tmp_path):
    run(store=tmp_path, k=4)
    run(store=tmp_path, k=2)
    newest, oldest = PIPE.runs(store=tmp_path)
    assert (newest["mean"], oldest["mean"]) == (0.5, 1.5) and oldest.params["split.k"] == 4
    assert newest.status == "done" and newest.states["table"] == "hit"


def test_a_value_that_was_removed_says_how_to_make_it_again(tmp_path):
    @step
    def big() -> np.ndarray:
        return np.arange(100_000.0)

    p = Pipeline("p", [big])
    result = p.run(store=tmp_path, listeners=[])
    for blob in (tmp_path / "blobs").rglob("*"):
        if blob.is_file():
            blob.unlink()
    with pytest.raises(ArtifactLost, match=r"big cannot be read: .* p\.run\('big'\) makes it again"):
        result["big"]
    assert p.run("big", store=tmp_path, listeners=[])["big"].sum() == np.arange(100_000.0).sum()


def test_a_store_that_cannot_be_written_is_refused_before_any_work(tmp_path):
    ran = tmp_path / "ran"

    @step(ignore=["path"])
    def work(path: str) -> int:
        Path(path).touch()
        return 1

    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreError, match="file"):
        Pipeline("p", [work]).run(path=str(ran), store=tmp_path / "file", listeners=[])
    assert not ran.exists()


def test_nothing_is_left_on_disk_without_a_store(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(store=None)
    assert list(tmp_path.iterdir()) == []


def test_the_default_store_is_a_folder_here_that_git_does_not_see(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PLAIT_STORE", raising=False)
    PIPE.run("mean", listeners=[])
    assert (tmp_path / ".plait" / ".gitignore").read_text().strip() == "*"


def test_only_targets_are_held_without_a_store(tmp_path):
    result = run("mean", store=None)
    assert result["mean"] == 1.5
    with pytest.raises(PlaitError, match="table .*kept in memory only"):
        result["table"]


def test_a_step_that_was_defined_again_is_told(tmp_path):
    import sys
    import types

    module = types.ModuleType("notebook_like")
    sys.modules["notebook_like"] = module
    code = "from plait import step\n@step\ndef late(n: int = 1) -> int:\n    return n\n"
    exec(compile(code, "cell_1", "exec"), module.__dict__)
    nb = Pipeline("nb", module)
    exec(compile(code.replace("return n", "return -n"), "cell_2", "exec"), module.__dict__)
    with pytest.warns(StaleStepWarning, match="late was defined again after 'nb' was built; build 'nb' again") as told:
        nb.run(store=None, listeners=[])
    assert [Path(warning.filename) for warning in told] == [Path(__file__)]  # the user's line, not ours
    assert Pipeline("nb", module).run(store=None, listeners=[])["late"] == -1
    del sys.modules["notebook_like"]


def test_a_frame_of_runs_has_a_line_a_node(tmp_path):
    frame = run(store=tmp_path).to_frame()
    assert list(frame.index) == ["table", "split", "mean", "rows"] and list(frame.columns) == [
        "state",
        "seconds",
        "digest",
    ]


def test_a_borrowed_pool_is_used_and_not_shut_down(tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(2) as pool:
        assert run(store=tmp_path, executor=pool)["mean"] == 1.5
        assert pool.submit(int, 3).result() == 3


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_failures_elsewhere_keep_the_users_error(tmp_path, executor):
    @step
    def bad(mean: float) -> float:
        raise ValueError(f"no good: {mean}")

    p = Pipeline("p", [table, split, mean, bad])
    with pytest.raises(NodeFailed, match=r"bad: ValueError: no good: 1\.5") as failure:
        p.run(store=tmp_path, executor=executor, workers=2, listeners=[])
    cause = failure.value.__cause__
    assert isinstance(cause, ValueError)
    if executor == "processes":
        assert "in bad" in "".join(cause.__notes__) and "plait/runtime" not in "".join(cause.__notes__)


def test_a_dead_worker_fails_its_node_and_is_named(tmp_path):
    @step
    def dies(mean: float) -> float:
        import os
        import signal

        os.kill(os.getpid(), signal.SIGKILL)
        return 0.0

    p = Pipeline("p", [table, split, mean, dies])
    with pytest.raises(NodeFailed, match="dies: ") as failure:
        p.run(store=tmp_path, executor="processes", workers=2, listeners=[])
    assert failure.value.node == "dies"


def test_what_cannot_leave_a_process_is_said(tmp_path):
    @step
    def connect():
        return threading.Lock()

    with pytest.raises(NodeFailed, match="cannot leave the process that made it.*open it in the step that uses it"):
        Pipeline("p", [connect]).run(store=tmp_path, executor="processes", workers=1, listeners=[])


def test_a_file_given_on_by_reference_is_looked_at_on_every_hit(tmp_path):
    @step
    def text(chosen: File) -> str:
        return Path(chosen).read_text()

    @step(ignore=["path"])
    def elsewhere(path: Path) -> File:
        return File(path)

    p = Pipeline("p", [elsewhere, text.bind(chosen="elsewhere")])
    path = tmp_path / "a.txt"
    path.write_text("one")
    with pytest.warns(UndeclaredRead, match=r"Take it as elsewhere\(path: File\)"):
        assert p.run(path=path, store=tmp_path / "s", listeners=[])["text"] == "one"
    assert set(p.run(path=path, store=tmp_path / "s", listeners=[]).states.values()) == {"hit"}
    path.write_text("two")
    assert p.plan(path=path, store=tmp_path / "s")["run"] == ["elsewhere"]
    again = p.run(path=path, store=tmp_path / "s", listeners=[])
    assert again["text"] == "two" and again.states == {"elsewhere": "run", "text": "run"}


def test_a_damaged_result_that_somebody_will_read_is_made_again_at_once(tmp_path):
    @step
    def big() -> np.ndarray:
        return np.arange(100_000.0)

    p = Pipeline("p", [big])
    p.run(store=tmp_path, listeners=[])
    (blob,) = [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()]
    blob.chmod(0o600)
    blob.write_bytes(blob.read_bytes()[:-3] + b"xyz")
    assert p.plan(store=tmp_path)["run"] == ["big"]
    again = p.run(store=tmp_path, listeners=[])
    assert again.states == {"big": "run"} and again["big"].sum() == np.arange(100_000.0).sum()


@step
def asserting(n: int) -> int:
    assert n > 0, "a step of a test module, whose asserts pytest writes anew"

    def inner(m: int) -> int:
        assert m > 0
        return m

    return inner(n)


def test_asserts_that_pytest_writes_anew_do_not_count():
    """Else a worker process, which imports this module without pytest, would have other code."""
    assert any(name.startswith("@py") for name in asserting.fn.__code__.co_names), "pytest does not rewrite this module"
    run = Pipeline("p", [asserting]).run(n=3, store=None, listeners=[], executor="processes", workers=1)
    assert run["asserting"] == 3
