"""What a node prints and logs is kept with it, in every executor, and reaches the user as if nobody had looked."""

import asyncio
import contextlib
import io
import logging
import sys
import threading
import warnings

import pytest

from plait import Pipeline, Retry, Secret, attempt, each, pipeline, step
from plait.runtime import output

EXECUTORS = ["sequential", "threads", "processes"]


@step
def says(n: int) -> int:
    print("out", n)
    print("err", n, file=sys.stderr)
    logging.getLogger("mine").warning("careful %d", n)
    logging.getLogger("mine").debug("not seen")
    return n


@step
def silent(n: int) -> int:
    return n


@step
async def waits(n: int) -> int:
    for i in range(3):
        print(f"n{n} i{i}")
        await asyncio.sleep(0.001)
    return n


@pipeline
def mapped(ns: list[int]) -> list[int]:
    return says.map(each(ns))


@pipeline
def awaited(ns: list[int]) -> list[int]:
    return waits.map(each(ns))


@pytest.fixture(autouse=True)
def nothing_is_left():
    write, handle = "write" in vars(sys.stdout), logging.Logger.callHandlers
    yield
    assert not output._wrapped and not output._runs
    assert logging.Logger.callHandlers is handle
    assert ("write" in vars(sys.stdout)) == write


@pytest.mark.parametrize("executor", EXECUTORS)
def test_what_a_node_prints_and_logs_is_kept_with_it(tmp_path, executor):
    run = mapped.run(ns=[1, 2, 3], store=tmp_path / "s", executor=executor, listeners=[])
    for n in (1, 2, 3):
        assert run.log(f"says[{n}]") == f"out {n}\nerr {n}\nWARNING mine: careful {n}\n"
        assert run.node(f"says[{n}]").log.lines == 3
    past = mapped.runs(store=tmp_path / "s")[0]
    assert past.nodes == run.nodes
    hits = mapped.run(ns=[1, 2, 3], store=tmp_path / "s", executor=executor, listeners=[])
    assert hits.log("says[1]") == "" and hits.node("says[1]").log is None


@pytest.mark.parametrize("executor", EXECUTORS)
def test_it_is_kept_without_a_store_too(executor):
    run = Pipeline("p", [says]).run(n=1, store=None, executor=executor, listeners=[])
    assert run.log(says) == "out 1\nerr 1\nWARNING mine: careful 1\n"


@pytest.mark.parametrize("executor", ["sequential", "threads"])
def test_the_user_sees_it_as_ever(executor, capsys):
    Pipeline("p", [says]).run(n=1, store=None, executor=executor, listeners=[])
    assert capsys.readouterr().out == "out 1\n"


def test_async_steps_side_by_side_are_told_apart(tmp_path):
    run = awaited.run(ns=[1, 2, 3], store=tmp_path / "s", listeners=[], workers=3, executor="threads")
    for n in (1, 2, 3):
        assert run.log(f"waits[{n}]") == "".join(f"n{n} i{i}\n" for i in range(3))


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_node_that_fails_has_what_it_printed(tmp_path, executor):
    @step
    def fails(n: int) -> int:
        print("before")
        raise ValueError("gone")

    p = Pipeline("p", [fails])
    p.run(n=1, store=tmp_path / "s", executor=executor, fail="keep-going", listeners=[])
    assert p.runs(store=tmp_path / "s")[0].log("fails") == "before\n"


@pytest.mark.parametrize("executor", EXECUTORS)
def test_each_attempt_is_kept(tmp_path, executor):
    @step(retry=Retry(on=OSError, attempts=2, wait="1ms"))
    def tries(folder: str) -> int:
        import pathlib

        print("x" * 20_000)
        at = len(list(pathlib.Path(folder).iterdir()))
        (pathlib.Path(folder) / f"{at}").touch()
        print("attempt", at)
        if at == 0:
            raise OSError("busy")
        return at

    (tmp_path / "turns").mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run = Pipeline("p", [tries]).run(
            folder=str(tmp_path / "turns"), store=tmp_path / "s", executor=executor, listeners=[]
        )
    assert run.log("tries") == "".join(f"{'x' * 20_000}\nattempt {n}\n" for n in (0, 1))
    assert run.node("tries").attempts == ("OSError: busy",)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_very_much_is_bounded_and_is_in_the_store(tmp_path, executor, monkeypatch):
    @step
    def much(n: int) -> int:
        for i in range(n):
            print(f"line {i:06}")
        return n

    run = Pipeline("p", [much]).run(n=10_000, store=tmp_path / "s", executor=executor, listeners=[])
    log = run.node("much").log
    assert len(log.text) < 17_000 and log.blob and (log.size, log.lines) == (120_000, 10_000)
    assert log.text.startswith("line 000000\n") and log.text.endswith("line 009999\n")
    past = Pipeline("p", [much]).runs(store=tmp_path / "s")[0]
    assert past.log("much") == run.log("much") == "".join(f"line {i:06}\n" for i in range(10_000))


def test_more_than_is_kept_has_its_end(monkeypatch):
    monkeypatch.setattr(output, "_MOST", 50_000)
    log = output.Log()
    for i in range(20_000):
        log.add(f"line {i:06}\n")
    made = log.closed(None)
    assert (made.size, made.lines) == (240_000, 20_000)
    assert made.text.startswith("line 000000\n") and made.text.endswith("line 019999\n") and len(made.text) < 17_000


@pytest.mark.parametrize("secret", ["S" + "k3y" * 40, "-----BEGIN" + "0123456789abcdef" * 200])
def test_no_part_of_a_secret_is_kept_where_a_text_is_cut(monkeypatch, secret):
    monkeypatch.setattr(output, "_MOST", 100_000)
    monkeypatch.setattr("plait.secret._revealed", {secret})
    for shift in range(0, len(secret), 7):
        log = output.Log()
        log.add("x" * shift)
        for _ in range(300_000 // len(secret)):
            log.add(f"{secret}\n")
        text = log.closed(None).text
        assert set(text.replace("***", "").replace("characters are left out here", "")) <= set("x\n[.], 0123456789")


def test_formatters_of_the_program_make_the_text_of_an_error_themselves():
    class OneLine(logging.Formatter):
        def formatException(self, ei):
            return f"in one line: {ei[1]!r}"

    @step
    def logs(n: int) -> int:
        try:
            raise ValueError(n)
        except ValueError:
            logging.getLogger("mine.lines").exception("bad")
        return n

    said, logger = io.StringIO(), logging.getLogger("mine.lines")
    handler = logging.StreamHandler(said)
    handler.setFormatter(OneLine("%(message)s"))
    logger.addHandler(handler)
    logger.propagate = False
    try:
        run = Pipeline("p", [logs]).run(n=1, store=None, listeners=[])
    finally:
        logger.removeHandler(handler)
        logger.propagate = True
    assert said.getvalue() == "bad\nin one line: ValueError(1)\n"
    assert "Traceback" in run.log("logs")


def test_secrets_are_not_kept(tmp_path):
    @step
    def asks(key: Secret) -> int:
        said = key.reveal()
        sys.stdout.write(said[:4])
        sys.stdout.write(said[4:] + "\n")
        logging.getLogger("mine").warning("with %s", said)
        raise ValueError(f"refused {said}")

    p = Pipeline("p", [asks])
    run = p.run(key=Secret("correct horse"), store=tmp_path / "s", fail="keep-going", listeners=[])
    assert run.log("asks") == "***\nWARNING mine: with ***\n"
    error = run.node("asks").error
    assert error.message == "refused ***" and "horse" not in error.traceback
    assert not any(b"correct horse" in path.read_bytes() for path in (tmp_path / "s").rglob("*") if path.is_file())


def test_redirection_inside_a_step_goes_on_working(capsys):
    @step
    def redirects(n: int) -> str:
        with contextlib.redirect_stdout(io.StringIO()) as inner:
            print("inner")
        print("outer")
        return inner.getvalue()

    run = Pipeline("p", [redirects]).run(n=1, store=None, listeners=[])
    assert (run["redirects"], run.log("redirects"), capsys.readouterr().out) == ("inner\n", "outer\n", "outer\n")


def test_a_stream_that_is_replaced_while_a_run_goes_on_stays(monkeypatch):
    mine = io.StringIO()

    @step
    def replaces(n: int) -> int:
        print("before")
        sys.stdout = mine
        print("after")
        return n

    monkeypatch.setattr(sys, "stdout", sys.stdout)
    before = sys.stdout
    run = Pipeline("p", [replaces]).run(n=1, store=None, listeners=[])
    assert sys.stdout is mine and mine.getvalue() == "after\n" and "write" not in vars(before)
    assert run.log("replaces") == "before\n"


def test_streams_that_take_no_attribute_or_are_missing_are_left_alone(monkeypatch):
    class Slotted:
        __slots__ = ("said",)

        def write(self, text):
            self.said.append(text)

        def flush(self):
            pass

    plain = Slotted()
    plain.said = []
    monkeypatch.setattr(sys, "stdout", plain)
    monkeypatch.setattr(sys, "stderr", None)
    Pipeline("p", [silent]).run(n=1, store=None, listeners=[])
    print("x")
    assert "".join(plain.said) == "x\n"


def test_a_run_inside_a_step_has_its_own():
    @step
    def outer(n: int) -> int:
        print("one")
        inner = Pipeline("inner", [says]).run(n=n, store=None, listeners=[])
        print("two")
        print(repr(inner.log("says")))
        return n

    run = Pipeline("p", [outer]).run(n=1, store=None, listeners=[])
    assert run.log("outer") == "one\ntwo\n'out 1\\nerr 1\\nWARNING mine: careful 1\\n'\n"


def test_runs_side_by_side_in_one_program_are_told_apart():
    found = {}

    def go(n):
        found[n] = mapped.run(ns=[n, n + 100], store=None, listeners=[], executor="threads")

    threads = [threading.Thread(target=go, args=(n,)) for n in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    for n, run in found.items():
        assert run.log(f"says[{n}]") == f"out {n}\nerr {n}\nWARNING mine: careful {n}\n"


def test_a_record_that_cannot_be_formatted_is_noted():
    @step
    def logs(n: int) -> int:
        logging.getLogger("mine.odd").warning("%d", "text")
        return n

    logger = logging.getLogger("mine.odd")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    try:
        run = Pipeline("p", [logs]).run(n=1, store=None, listeners=[])
    finally:
        logger.handlers.clear()
        logger.propagate = True
    assert run.log("logs") == "WARNING mine.odd: '%d' cannot be formatted (TypeError)\n"


def test_any_text_can_be_printed(tmp_path):
    @step
    def odd(n: int) -> int:
        sys.stderr.write("ключ, \0, \x1b[2J")
        return n

    p = Pipeline("p", [odd])
    p.run(n=1, store=tmp_path / "s", listeners=[])
    assert p.runs(store=tmp_path / "s")[0].log("odd") == "ключ, \0, \x1b[2J"


def test_wrappers_are_taken_away_in_any_order():
    stream = io.StringIO()

    class Stream(io.StringIO):
        pass

    stream = Stream()
    first, second, third = (output.Wrapper(stream) for _ in range(3))
    for one in (second, third, first):
        stream.write("x")
        one.remove()
    assert "write" not in vars(stream) and stream.getvalue() == "xxx"
    stream.write = first.inner
    other = output.Wrapper(stream)
    other.remove()
    assert stream.write("x") == 1


def test_what_was_attempted_has_its_log(tmp_path):
    @step
    def fails(n: int) -> int:
        print("at", n)
        raise ValueError(n)

    @step
    def count(all: list) -> int:
        return len(all)

    @pipeline
    def whole(ns: list[int]) -> int:
        return count(attempt(fails.map(each(ns))))

    run = whole.run(ns=[1, 2], store=tmp_path / "s", listeners=[])
    assert run.ok and run.log("fails[2]") == "at 2\n"
