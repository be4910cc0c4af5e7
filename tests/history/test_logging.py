"""A record that a step logs is handled by the program's own handlers, levels and filters, wherever the step runs."""

import logging
import os
import subprocess
import sys
from os import environ, pathsep
from pathlib import Path

import pytest

from plait import Pipeline, each, pipeline, step

SRC = str(Path(__file__).parents[2] / "src")
EXECUTORS = ["sequential", "threads", "processes"]


@step
def work(n: int) -> int:
    mine = logging.getLogger("mine.work")
    mine.debug("deep %d", n)
    mine.info("at work %s", {"n": n}, extra={"job": n})
    try:
        raise ValueError("odd")
    except ValueError:
        mine.exception("caught")
    logging.getLogger("other").info("not wanted")
    return n


@pipeline
def many(ns: list[int]) -> list[int]:
    return work.map(each(ns))


@pytest.mark.parametrize("executor", EXECUTORS)
def test_records_reach_the_handlers_of_the_program(executor, caplog):
    with caplog.at_level(logging.INFO, "mine"):
        run = many.run(ns=[1, 2], store=None, executor=executor, listeners=[])
    found = sorted((one.name, one.levelname, one.getMessage()) for one in caplog.records if one.name != "plait")
    assert found == sorted(
        [("mine.work", "INFO", f"at work {{'n': {n}}}") for n in (1, 2)] + [("mine.work", "ERROR", "caught")] * 2
    )
    assert sorted(one.job for one in caplog.records if one.levelname == "INFO") == [1, 2]
    assert "ValueError: odd" in caplog.text
    assert "INFO mine.work: at work {'n': 1}\nERROR mine.work: caught\nTraceback" in run.log("work[1]")


@pytest.mark.parametrize("executor", EXECUTORS)
def test_levels_hold_as_they_are_now(executor, caplog):
    for level, count in ((logging.DEBUG, 3), (logging.ERROR, 1), (logging.INFO, 2)):
        caplog.clear()
        with caplog.at_level(level, "mine"):
            run = Pipeline("p", [work]).run(n=level, store=None, executor=executor, listeners=[])
        assert len([one for one in caplog.records if one.name == "mine.work"]) == count, level
        assert run.log("work").count("mine.work:") == count


@pytest.mark.parametrize("executor", EXECUTORS)
def test_filters_and_propagation_are_those_of_the_program(executor, caplog):
    logger = logging.getLogger("mine.work")
    wanted = logging.Filter()
    wanted.filter = lambda record: record.levelno >= logging.ERROR
    logger.addFilter(wanted)
    try:
        with caplog.at_level(logging.INFO, "mine"):
            Pipeline("p", [work]).run(n=1, store=None, executor=executor, listeners=[])
    finally:
        logger.removeFilter(wanted)
    assert [one.getMessage() for one in caplog.records if one.name == "mine.work"] == ["caught"]


def test_a_record_is_there_before_its_node_is_done(tmp_path):
    """A worker says it at once: the step waits for what the handler does."""

    @step
    def waits(flag: str) -> bool:
        import logging
        import os
        import time

        logging.getLogger("mine").warning("now")
        for _ in range(6000):
            if os.path.exists(flag):
                return True
            time.sleep(0.01)
        return False

    class Touch(logging.Handler):
        def emit(self, record):
            (tmp_path / "flag").touch()

    handler = Touch()
    logging.getLogger("mine").addHandler(handler)
    try:
        run = Pipeline("p", [waits]).run(flag=str(tmp_path / "flag"), store=None, executor="processes", listeners=[])
    finally:
        logging.getLogger("mine").removeHandler(handler)
    assert run["waits"] is True


def test_what_cannot_be_sent_is_sent_as_text(caplog):
    @step
    def odd(n: int) -> int:
        import logging
        import threading

        class Bad:
            def __repr__(self):
                raise RuntimeError

        logging.getLogger("mine").warning("%s", "fine", extra={"lock": threading.Lock(), "bad": Bad()})
        logging.getLogger("mine").warning("%d", "text")
        return n

    Pipeline("p", [odd]).run(n=1, store=None, executor="processes", listeners=[])
    first, second = [one for one in caplog.records if one.name == "mine"]
    assert "lock" in first.lock and first.getMessage() == "fine" and first.process != os.getpid()
    assert second.getMessage() == "'%d' cannot be formatted (TypeError)"


def test_threads_that_a_step_starts_are_heard_of_too(caplog):
    @step
    def starts(n: int) -> int:
        import logging
        import threading

        thread = threading.Thread(target=logging.getLogger("mine").warning, args=("from a thread",))
        thread.start()
        thread.join()
        return n

    Pipeline("p", [starts]).run(n=1, store=None, executor="processes", listeners=[])
    assert [one.getMessage() for one in caplog.records if one.name == "mine"] == ["from a thread"]


PROGRAM = """
import logging, sys
import its
from plait import Pipeline
if "basic" in sys.argv: logging.basicConfig(level=logging.INFO, format="MAIN %(message)s")
executor = sys.argv[1]
print(Pipeline("p", [its.work]).run(n=1, executor=executor, store=None, listeners=[]).result)
"""
SETS_UP = 'logging.basicConfig(level=logging.INFO, format="MODULE %(message)s")'
ITS = """
import logging
from plait import step
{}
@step
def work(n: int) -> int:
    {}
    logging.getLogger("mine").warning("careful")
    logging.getLogger("mine").info("at work")
    return n
"""


def ran(folder, module, *arguments):
    (folder / "its.py").write_text(module)
    (folder / "prog.py").write_text(PROGRAM)
    path = pathsep.join(filter(None, [SRC, environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, "prog.py", *arguments], cwd=folder, text=True, capture_output=True, timeout=240,
        env={**environ, "PYTHONPATH": path}, check=True,
    )  # fmt: skip
    return done.stderr.splitlines()


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize(
    ("at_import", "in_step", "basic", "lines"),
    [
        ("", "", "basic", ["MAIN careful", "MAIN at work"]),
        ("", "", "", ["careful"]),  # as Python does where nothing is set up
        (SETS_UP, "", "", ["MODULE careful", "MODULE at work"]),
        (SETS_UP, "", "basic", ["MODULE careful", "MODULE at work"]),  # the second basicConfig does nothing
        ("", SETS_UP, "", ["MODULE careful", "MODULE at work"]),
    ],
)
def test_nothing_is_said_twice_or_lost(tmp_path, executor, at_import, in_step, basic, lines):
    assert ran(tmp_path, ITS.format(at_import, in_step), executor, basic) == lines


def test_a_borrowed_pool_says_it_at_the_end_of_each_node(caplog):
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    with ProcessPoolExecutor(1, get_context("spawn")) as pool, caplog.at_level(logging.INFO, "mine"):
        run = Pipeline("p", [work]).run(n=1, store=None, executor=pool, listeners=[])
    assert [one.levelname for one in caplog.records if one.name == "mine.work"] == ["INFO", "ERROR"]
    assert run.log("work").startswith("INFO mine.work: at work")
