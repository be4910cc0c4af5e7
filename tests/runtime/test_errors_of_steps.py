"""What a step raises means the same in every executor: its type, its attributes, and whether the run goes on."""

import asyncio
import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
import traceback
import urllib.error
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

from plait import NodeFailed, Pipeline, PlaitError, attempt, pipeline, step
from plait.core.error_transport import decode_error, encode_error
from plait.core.failure import Failure
from plait.runtime.traces import LONGEST, format_traceback

# what a test closes over is not always content
pytestmark = pytest.mark.filterwarnings("ignore::plait.OpaqueCode", "ignore::plait.UndeclaredRead")
EXECUTORS = ["sequential", "threads", "processes"]


class Busy(Exception):
    pass


class Two(Exception):
    def __init__(self, code, *, where):
        super().__init__(f"code {code}")
        self.code, self.where = code, where


class Slots(Exception):
    __slots__ = ("x",)

    def __init__(self, x):
        self.x = x


@dataclasses.dataclass(frozen=True)
class Frozen(Exception):
    code: int


class Checked(Exception):
    def __new__(cls, code):
        assert code > 0
        return super().__new__(cls, code)


class OwnPickle(Exception):
    def __init__(self, code):
        super().__init__("own")
        self.code = code

    def __reduce__(self):
        return OwnPickle, (self.code,)


class WrongPickle(Exception):
    def __reduce__(self):
        return ValueError, ("something else",)


class NoPickle(Exception):
    def __reduce__(self):
        raise TypeError("never")


class Missing(OSError):
    def __init__(self, path):
        super().__init__(2, "not there", str(path))
        self.path = path


class Holds(Exception):
    def __init__(self, what):
        super().__init__("holds", what)
        self.what, self.count = what, 3


class Many(ExceptionGroup):
    def __new__(cls, errors):
        return super().__new__(cls, "many", errors)

    def __init__(self, errors):
        self.first = errors[0]


class Odd(Exception):
    def __str__(self):
        return self.missing


def one_of_each():
    tools = [
        Busy("b"),
        Two(3, where="here"),
        Slots([1]),
        Frozen(4),
        Checked(5),
        OwnPickle(6),
        WrongPickle("w"),
        NoPickle("n"),
        Missing("a.csv"),
        FileNotFoundError(2, "no", "a", None, "b"),
        OSError(5, "io"),
        Many([Two(1, where="a"), Busy("x")]),
        ExceptionGroup("g", [ExceptionGroup("inner", [Two(1, where="a")])]),
        Odd("o"),
        subprocess.CalledProcessError(3, ["ls"], b"out", b"err"),
        json.JSONDecodeError("bad", "{]", 1),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no start"),
        SyntaxError("bad", ("a.py", 3, 4, "x y")),
        ModuleNotFoundError("no", name="numpi"),
        KeyError("k"),
        StopIteration(7),
        SystemExit(2),
        asyncio.CancelledError("c"),
        urllib.error.HTTPError("u", 503, "busy", None, None),
        PlaitError("p"),
        NodeFailed("inner: ValueError: no", node="inner"),
    ]
    return {type(error).__name__ + str(i): error for i, error in enumerate(tools)}


def fields(error):
    """All that a program can read of an error."""
    own = {name: value for name, value in vars(error).items() if name not in ("__notes__", "fp", "file", "_closer")}
    of_class = {}
    for name in (
        "x",
        "errno",
        "strerror",
        "filename",
        "filename2",
        "reason",
        "start",
        "lineno",
        "name",
        "value",
        "code",
    ):
        try:
            of_class[name] = getattr(error, name)
        except AttributeError:
            continue
    args = tuple(fields(one) if isinstance(one, BaseException) else repr(one) for one in error.args)
    members = [fields(one) for one in error.exceptions] if isinstance(error, BaseExceptionGroup) else []
    try:
        text = str(error)
    except AttributeError:
        text = ""
    return type(error), args, text, repr(own), of_class, members


@step
def raises(which: str) -> int:
    raise one_of_each()[which]


@pytest.mark.parametrize("which", one_of_each())
def test_an_error_that_was_sent_is_what_it_was(which):
    error = one_of_each()[which]
    assert fields(decode_error(encode_error(error))) == fields(error)


def test_errors_are_the_same_in_every_executor():
    pipe = Pipeline("p", [raises.named(which).with_(which=which) for which in one_of_each()])
    for executor in EXECUTORS:
        run = pipe.run(store=None, fail="keep-going", executor=executor, listeners=[])
        assert set(run.states.values()) == {"failed"}, executor
        found = {failure.node: fields(failure.error) for failure in run.failures}
        assert found == {which: fields(error) for which, error in one_of_each().items()}, executor


def test_causes_and_notes_come_along_and_frozen_errors_have_notes_too():
    try:
        try:
            raise Two(1, where="inner")
        except Two as inner:
            inner.add_note("a note")
            raise Frozen(2) from inner
    except Frozen as error:
        found = decode_error(encode_error(error))
    assert type(found.__cause__) is Two
    assert found.__cause__.where == "inner"
    assert found.__cause__.__notes__ == ["a note"]
    assert found.__context__ is found.__cause__
    assert found.__suppress_context__


def test_an_error_behind_itself_can_be_sent():
    first, second = Busy("first"), Busy("second")
    first.__cause__, second.__cause__, first.other = second, first, second
    found = decode_error(encode_error(first))
    assert (str(found), str(found.__cause__)) == ("first", "second")


@pytest.mark.parametrize(
    "what", [threading.Lock(), (n for n in ()), sys, lambda: 1, sys.stdout], ids=lambda what: type(what).__name__
)
def test_what_cannot_be_sent_is_dropped_and_a_note_says_so(what):
    found = decode_error(encode_error(Holds(what)))
    assert type(found) is Holds
    assert (found.what, found.count, found.args[0]) == (None, 3, "holds")
    assert found.args[1] == repr(what)[:200]
    assert "without what cannot be sent: args[1] (" in found.__notes__[0]
    assert ", what (" in found.__notes__[0]


def test_a_class_that_is_not_here_becomes_the_nearest_that_is(tmp_path):
    code = "class Gone(FileNotFoundError): ...\nerror = Gone(2, 'no', 'a.csv')\n"
    (tmp_path / "only_there.py").write_text(code)
    send = (
        "import pickle, sys, only_there; from plait.core.error_transport import encode_error; "
        "sys.stdout.buffer.write(pickle.dumps(encode_error(only_there.error)))"
    )
    there = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    import pickle

    found = decode_error(pickle.loads(subprocess.check_output([sys.executable, "-c", send], env=there)))
    assert type(found) is FileNotFoundError
    assert found.filename == "a.csv"
    assert "only_there.Gone is not in this process" in found.__notes__[-1]


def test_a_failure_that_is_handed_on_has_the_error_itself():
    import pickle

    failure = pickle.loads(pickle.dumps(Failure("fit", None, Two(1, where="x"))))
    assert type(failure.error) is Two
    assert failure.error.where == "x"


@step
def fails_with(n: int) -> int:
    raise Two(n, where="there")


@step
def kind_of(result: object) -> str:
    assert isinstance(result, Failure)
    return f"{type(result.error) is Two} {result.error.where}"


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_step_that_is_given_a_failure_sees_its_type(executor, tmp_path):
    @pipeline
    def p(n: int) -> str:
        return kind_of(attempt(fails_with(n)))

    assert p.run(n=1, store=tmp_path, executor=executor, listeners=[]).result == "True there"


SCRIPT = """
import sys, urllib.error
from pathlib import Path
from plait import NodeFailed, Pipeline, Retry, step

class Busy(Exception):
    def __init__(self, code, *, where):
        self.where = where

class Stops(BaseException): ...

class Odd(Exception):
    def __str__(self): return self.missing

def turn(name):
    n = len(list(Path(".").glob(name + "-*"))); Path(f"{name}-{n}").touch(); return n

@step(retry=Retry(on=Busy, wait="1ms"))
def own(tag: str) -> int:
    if (n := turn("own" + tag)) < 2: raise Busy("b", where="w")
    return n

@step(retry=Retry(on=OSError, wait="1ms"))
def http(tag: str) -> int:
    if (n := turn("http" + tag)) < 2: raise urllib.error.HTTPError("u", 503, "busy", None, None)
    return n

@step
def last(tag: str) -> int: raise Busy(3, where=tag)

@step
def stops(tag: str) -> int: raise Stops("now")

@step
def odd(tag: str) -> int: raise Odd()

@step
def group(tag: str) -> int: raise ExceptionGroup("g", [Busy(1, where="in")])

def local():
    class Local(Exception): ...
    @step
    def inner(tag: str) -> int: raise Local("l")
    return Local, inner

Local, inner = local()
"""
RUN_ALL = """
for executor in ("sequential", "threads", "processes"):
    options = dict(tag=executor, executor=executor, store=None, listeners=[])
    print(*[Pipeline("p", [s]).run(**options).result for s in (own, http)])
    run = Pipeline("p", [last, stops, odd, group, inner]).run(fail="keep-going", **options)
    errors = {failure.node: failure.error for failure in run.failures}
    assert {name: type(error) for name, error in errors.items()} == {
        "last": Busy, "stops": Stops, "odd": Odd, "group": ExceptionGroup, "inner": Local}, errors
    assert errors["last"].where == executor and errors["last"].args == (3,)
    assert type(errors["group"].exceptions[0]) is Busy
    assert "odd: Odd: <its text cannot be made" in run.report() and "stops: Stops: now" in run.report()
    try: Pipeline("p", [last]).run(**options)
    except NodeFailed as failure: assert isinstance(failure.__cause__, Busy)
"""


def script(path, text, *before):
    path.write_text(text)
    command = [sys.executable, "-W", "ignore", *before, path]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, cwd=path.parent)


def test_errors_of_a_script_are_retried_and_caught_by_type(tmp_path):
    done = script(tmp_path / "program.py", SCRIPT + RUN_ALL)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n") == ["2 2"] * 3 + [""]


def test_errors_of_a_notebook_are_retried_and_caught_by_type(tmp_path):
    cells = "\n".join(f"exec(compile({text!r}, '/tmp/ipykernel_99999999/1.py', 'exec'))" for text in (SCRIPT, RUN_ALL))
    done = script(tmp_path / "cells.py", cells)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n") == ["2 2"] * 3 + [""]


# what ends a run


ENDS = {
    "exit": lambda: sys.exit(0),
    "generator": lambda: (_ for _ in ()).throw(GeneratorExit()),
    "cancelled": lambda: (_ for _ in ()).throw(asyncio.CancelledError()),
    "stop": lambda: next(iter(())),
    "skipped": lambda: pytest.skip("a test of the user's own"),
    "interpreter": lambda: exec("raise type('Own', (BaseException,), {})()"),
}


@step
def tool(how: str) -> int:
    ENDS[how]()
    return 1


@step
async def waits_for_tool(how: str) -> int:
    await asyncio.sleep(0)
    if how == "stop":
        raise StopAsyncIteration
    ENDS[how]()
    return 1


@step
async def sleeps() -> int:
    await asyncio.sleep(0.01)
    return 2


@step
def other() -> int:
    return 1


@pytest.mark.parametrize("executor", EXECUTORS)
def test_what_a_step_ends_itself_with_is_its_failure(executor, tmp_path):
    steps = [
        one.named(f"{name}_{how}").with_(how=how) for how in ENDS for name, one in (("a", tool), ("b", waits_for_tool))
    ]
    pipe = Pipeline("p", [*steps, other, sleeps])
    run = pipe.run(store=tmp_path, executor=executor, fail="keep-going", listeners=[])
    assert run.states.pop("other") == run.states.pop("sleeps") == "run"
    assert {node for node, state in run.states.items() if state == "failed"} == {one.name for one in steps}
    assert "a_exit: SystemExit: 0" in run.report()


class Falsy(Exception):
    def __len__(self):
        return 0


@step
def frozen(n: int) -> int:
    raise Frozen(n)


@step
async def frozen_async(n: int) -> int:
    raise Frozen(n)


@step
def falsy(n: int) -> int:
    raise Falsy(n)


@step
async def falsy_async(n: int) -> int:
    raise Falsy(n)


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("node", [frozen, frozen_async, falsy, falsy_async], ids=lambda node: node.name)
def test_an_error_that_futures_and_contexts_cannot_pass_on_is_itself(executor, node):
    run = Pipeline("p", [node]).run(n=3, executor=executor, fail="keep-going", store=None, listeners=[])
    assert type(run.failures[0].error) is (Frozen if "frozen" in node.name else Falsy)
    assert run.failures[0].error.args == (3,)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_sys_exit_in_a_step_fails_the_run(executor):
    with pytest.raises(NodeFailed, match="^tool: SystemExit: 0$") as failed:
        Pipeline("p", [tool]).run(how="exit", store=None, executor=executor, listeners=[])
    assert type(failed.value.__cause__) is SystemExit


@step
def interrupted() -> int:
    raise KeyboardInterrupt


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_keyboard_interrupt_ends_the_run_wherever_it_is_raised(executor, tmp_path):
    pipe = Pipeline("p", [interrupted])
    with pytest.raises(KeyboardInterrupt):
        pipe.run(store=tmp_path, executor=executor, fail="keep-going", listeners=[])
    assert [run.status for run in pipe.runs(store=tmp_path)] == ["cancelled"]


@step
def signalled() -> int:
    os.kill(os.getpid(), signal.SIGTERM)
    for _ in range(1000):
        signal.sigtimedwait([], 0.01)  # until the handler is called
    return 1


@pytest.mark.skipif(not hasattr(signal, "sigtimedwait"), reason="a wait of POSIX")
def test_the_exit_of_a_signal_handler_ends_the_run():
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
    try:
        with pytest.raises(SystemExit) as end:
            Pipeline("p", [signalled, other]).run(store=None, fail="keep-going", listeners=[])
    finally:
        signal.signal(signal.SIGTERM, before)
    assert end.value.code == 7


@step
def pool_breaks() -> int:
    raise BrokenProcessPool("a child of the step's own pool died")


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_broken_pool_of_the_steps_own_is_no_death_of_a_worker(executor):
    told = []
    with pytest.raises(NodeFailed, match="pool_breaks: BrokenProcessPool: a child of the step's own pool died"):
        Pipeline("p", [pool_breaks]).run(store=None, executor=executor, listeners=[told.append])
    assert "Retried" not in {type(event).__name__ for event in told}


# an error that has no text


@step
def fails_oddly(n: int) -> int:
    raise Odd


@step
def fails_at_length(n: int) -> int:
    raise ValueError("x" * 50_000_000)


@step
def fails_beyond_text(n: int) -> int:
    raise ValueError("\ud800")


@pytest.mark.parametrize("executor", EXECUTORS)
def test_an_error_without_a_text_breaks_no_run_and_no_history(executor, tmp_path):
    steps = [fails_oddly, fails_at_length, other] if executor == "processes" else [fails_oddly, other]
    pipe = Pipeline("p", steps)
    run = pipe.run(n=1, fail="keep-going", store=tmp_path, executor=executor, listeners=[])
    assert set(run.states.values()) == {"failed", "run"}
    assert len(run.report()) < 50_000
    assert len(run._repr_html_()) < 100_000
    assert "its text cannot be made" in repr(next(f for f in run.failures if f.node == "fails_oddly"))
    assert [earlier.id for earlier in pipe.runs(store=tmp_path)] == [run.id]
    with pytest.raises(NodeFailed, match="fails_oddly: Odd: <its text cannot be made: AttributeError"):
        pipe.run("fails_oddly", n=1, store=tmp_path, executor=executor)


def test_the_command_line_shows_an_error_without_a_text(tmp_path):
    (tmp_path / "odd.py").write_text(
        "from plait import Pipeline, step\n"
        "class Odd(Exception):\n    def __str__(self): return self.missing\n"
        "@step\ndef fails() -> int: raise Odd()\n"
        "odd = Pipeline('odd', [fails])\n"
    )
    command = [sys.executable, "-m", "plait", "run", "odd"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, cwd=tmp_path)
    assert done.returncode == 1
    assert "fails: Odd: <its text cannot be made: AttributeError" in done.stderr
    assert "defect" not in done.stderr


def test_a_traceback_can_be_made_of_any_error_and_has_a_bound():
    class Hides(Exception):
        def __getattr__(self, name):  # as the wrappers of `tempfile` do
            raise KeyError(name)

    for error in (Odd(), Hides(), ValueError("x" * 1_000_000)):
        try:
            raise error
        except Exception as raised:
            text = format_traceback(raised)
        assert "in test_a_traceback_can_be_made_of_any_error_and_has_a_bound" in text
        assert len(text) < LONGEST + 100


# the user's own traceback


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("one", [fails_with, waits_for_tool], ids=lambda one: one.name)
def test_a_traceback_begins_with_the_step(executor, one):
    params = {"n": 1} if one is fails_with else {"how": "exit"}
    with pytest.raises(NodeFailed) as failed:
        Pipeline("p", [one]).run(store=None, executor=executor, listeners=[], **params)
    text = format_traceback(failed.value.__cause__)
    if executor == "processes" and one is fails_with:
        text = text.partition("in the worker process:\n")[2]
    first = next(line for line in text.splitlines() if line.startswith("  File"))
    assert Path(__file__).name in first
    assert first.endswith(f"in {one.name}")
    assert "concurrent" not in text
    assert "asyncio" not in text.partition("\n")[2].partition("\n")[0]


def test_a_failed_run_shows_no_frames_from_within_plait():
    with pytest.raises(NodeFailed) as failed:
        Pipeline("p", [fails_with]).run(n=1, store=None, listeners=[])
    names = [frame.name for frame in traceback.extract_tb(failed.value.__traceback__)]
    assert set(names[1:]) == {"run"}
