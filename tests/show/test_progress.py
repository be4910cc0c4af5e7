"""Progress: what it costs, what it says, and that nothing of it is left behind."""

import io
import logging
import re
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from cli.terminal import CTRL_C, in_a_terminal
from plait.core.digest import Digest
from plait.runtime.events import Cached, Failed, Finished, Retried, RunFinished, RunStarted, Skipped, Started
from plait.show import notebook, progress
from plait.show.report import line
from plait.show.tally import Tally
from plait.show.terminal import Line
from waiting import LAST_RESORT

D = Digest("d")
SCRIPT = """
import sys, time, logging
logging.basicConfig(format="%(message)s")
from plait import Pipeline, step

@step
def one(x: int = 1) -> int:
    time.sleep(0.8)
    print("first printed\\nsecond printed")
    logging.warning("logged")
    time.sleep(0.4)
    return x

@step
def two(one: int, bad: bool = False) -> int:
    time.sleep({seconds})
    if bad:
        raise ValueError("it is bad")
    return one

before = sys.stdout, sys.stderr, dict(vars(sys.stdout)), dict(vars(sys.stderr))
try:
    Pipeline("demo", [one, two]).run(store=None, bad={bad})
finally:
    assert before == (sys.stdout, sys.stderr, vars(sys.stdout), vars(sys.stderr))
"""


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def events(tally, *more, nodes=("a", "b", "c")):
    for event in (RunStarted("id", "demo", nodes), *more):
        tally(event)
    tally.look()
    return tally


@pytest.mark.parametrize(
    ("counts", "status", "said"),
    [
        ({"run": 12, "hit": 5}, "done", "p: 12 run, 5 up to date, in 23.4 s"),
        ({"hit": 17}, "done", "p: nothing to do, all 17 up to date"),
        ({"hit": 1}, "done", "p: nothing to do, up to date"),
        ({"hit": 2, "given": 1}, "done", "p: nothing to do, all 2 up to date, 1 given"),
        ({"run": 1, "failed": 1, "skipped": 3}, "failed", "p: failed after 23.4 s: 1 run, 1 failed, 3 not run"),
        ({}, "cancelled", "p: stopped after 23.4 s: nothing was run"),
    ],
)
def test_a_run_is_said_in_one_line(counts, status, said):
    assert line("p", counts, 23.4, status) == said


def test_counts_follow_the_events():
    tally = events(Tally(), Cached("a", D, 1.0), Started("b"), Failed("b", "ValueError: x", 0.0), Skipped("c", "b"))
    assert dict(tally.counts) == {"hit": 1, "failed": 1, "skipped": 1}
    assert (tally.done, tally.running, [n.node for n in tally.notable]) == (2, {}, ["b"])


def test_who_waits_to_be_tried_again_is_neither_running_nor_done():
    tally = events(Tally(), Started("a"), Retried("a", 1, "OSError: busy", 2.0))
    assert (tally.running, tally.done) == ({}, 0)
    events(tally, Started("a"), Finished("a", D, 0.1))
    assert (tally.running, tally.done, tally.counts["run"]) == ({}, 1, 1)


def test_what_was_not_reached_counts_as_not_run():
    tally = events(Tally(), Started("a"), Failed("a", "E", 0.0), RunFinished("id", "failed", 0.5))
    assert tally.sentence() == "demo: failed after 500 ms: 1 failed, 2 not run"


def test_the_line_never_exceeds_the_width(monkeypatch):
    tally = events(Tally(), *[Started(f"a_rather_long_name_{i}") for i in range(9)], Cached("a", D, 1.0))
    for width in range(10, 200, 7):
        drawn = re.sub(r"\x1b\[\d*m", "", Line(Terminal())._line(tally, width))
        assert len(drawn) <= width


def test_names_and_errors_cannot_move_the_cursor():
    screen = Terminal()
    shown = Line(screen)
    shown.update(events(Tally(), Started("a"), Failed("a", "Bad: \x1b[2J\x07", 0.0)), [])
    tally = events(Tally(), Started("a"), Failed("a", "Bad: \x1b[2J\x07", 0.0))
    shown.close(tally.notable)
    assert "\x1b[2J" not in screen.getvalue()
    assert "Bad: ?[2J?" in screen.getvalue()


def test_a_terminal_that_is_gone_does_not_end_a_run(monkeypatch, caplog):
    tried = threading.Event()

    class Gone(Terminal):
        def write(self, text):
            tried.set()
            raise OSError("gone")

    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    shown = progress.Progress(Line(Gone()), sentence=False)
    shown(RunStarted("id", "demo", ("a",)))
    assert tried.wait(LAST_RESORT)
    with caplog.at_level(logging.DEBUG, "plait"):
        shown(RunFinished("id", "done", 0.1))
    assert "progress cannot be drawn" in caplog.text


def test_there_is_no_progress_where_nobody_looks(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert progress.progress() == []
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert len(progress.progress()) == 1
    monkeypatch.setenv("TERM", "dumb")
    assert progress.progress() == []


def test_a_loop_of_quick_runs_says_its_line_once(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(progress, "_said", set())
    for status in ("done", "done", "failed", "done"):
        (listener,) = progress.progress()
        listener(RunStarted("id", "demo", ("a",)))
        listener(Cached("a", D, 0.1))
        listener(RunFinished("id", status, 0.01))
    assert screen.getvalue().splitlines() == [
        "demo: nothing to do, up to date",
        "demo: failed after 10 ms: 1 up to date",
    ]


class TestInATerminal:
    def run(self, tmp_path: Path, *, seconds: float = 0.3, bad: bool = False, keys: bytes = b"") -> tuple[int, str]:
        script = SCRIPT.replace("{seconds}", str(seconds)).replace("{bad}", str(bad))
        (tmp_path / "script.py").write_text(script)
        return in_a_terminal(tmp_path, [sys.executable, "script.py"], keys=keys, after=b"two")

    def test_what_steps_print_and_log_is_whole(self, tmp_path):
        code, written = self.run(tmp_path)
        assert code == 0
        for said in ("first printed\r\n", "second printed\r\n", "logged\r\n"):
            assert said in written
        assert re.search(r"\x1b\[Jdemo: 2 run, in [\d.]+ (s|min)\r\n$", written)

    def test_an_error_is_printed_after_the_line_is_gone(self, tmp_path):
        code, written = self.run(tmp_path, bad=True)
        assert code == 1
        before, _, after = written.partition("Traceback")
        assert "demo: failed after" in before
        assert "\x1b" not in after
        assert "✗" in before

    def test_ctrl_c_leaves_a_clean_terminal(self, tmp_path):
        code, written = self.run(tmp_path, seconds=600, keys=CTRL_C)
        assert code == -2
        before, _, after = written.partition("Traceback")
        assert "demo: stopped after" in before
        assert "\x1b" not in after
        assert "KeyboardInterrupt" in after


class TestInANotebook:
    def test_the_cell_is_one_piece_of_html_that_is_replaced(self, monkeypatch):
        shown = []
        handle = SimpleNamespace(update=lambda html: shown.append(html.data))
        monkeypatch.setattr("IPython.display.display", lambda html, display_id: shown.append(html.data) or handle)
        cell = notebook.Cell()
        tally = events(Tally(), Started("<script>"))
        cell.update(tally, [])
        tally(Failed("<script>", "Bad: <b>&", 0.0))
        tally(RunFinished("id", "failed", 2.0))
        tally.look()
        cell.sentence(tally)
        assert "<progress" in shown[0]
        assert "demo: failed after 2.0 s" in shown[1]
        assert "&lt;script&gt;" in shown[0] and "Bad: &lt;b&gt;&amp;" in shown[1]
        assert "<script>" not in "".join(shown)

    def test_only_what_is_worth_it_has_a_line(self):
        tally = events(Tally(), *[Finished(f"n{i}", D, 1.0 + i) for i in range(40)], RunFinished("id", "done", 9.0))
        assert notebook.drawn(tally).count("✓") == 12
