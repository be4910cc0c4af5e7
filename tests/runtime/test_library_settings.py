"""Settings that libraries keep in the process are the same in every executor, and a change of them is no stale hit."""

import dataclasses
import decimal
import locale
import pickle
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from threading import Event
from types import ModuleType
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import sklearn
from matplotlib.lines import Line2D
from sklearn.base import BaseEstimator
from sklearn.preprocessing import StandardScaler

from plait import File, Pipeline, step
from plait.runtime.library_settings import LIBRARIES, Settings
from plait.runtime.reach_of_settings import may_come_from, requires

EXECUTORS = ("sequential", "threads", "processes")


@pytest.fixture(autouse=True)
def _as_before():
    found = [(one, one.everything()) for one in LIBRARIES if one.module in sys.modules]
    yield
    for library, values in found:
        library.write(values)


@step
def third(n: int) -> str:
    return str(Decimal(n) / 3)


@step
def scaled(n: int) -> str:
    return type(StandardScaler().fit_transform(pd.DataFrame({"a": [1.0, n]}))).__name__


@step
def with_(scaler: BaseEstimator, n: int) -> str:
    return type(scaler.transform(pd.DataFrame({"a": [1.0, n]}))).__name__


@step
def anything(scaler, n: int) -> str:
    return type(scaler.transform(pd.DataFrame({"a": [1.0, n]}))).__name__


@step
def plain(n: int) -> int:
    return n + 1


@step
def divided(n: int) -> float:
    return float(np.array([float(n)])[0] / np.array([0.0])[0])


@step
def text(n: int) -> str:
    return str(np.array([n / 3])) + str(pd.DataFrame({"a": [n / 3]}))


@step
def days(n: int) -> str:
    return locale.setlocale(locale.LC_TIME)


@step
def limit(n: int) -> int:
    return sys.getrecursionlimit()


@step
def rc(n: int) -> float:
    import matplotlib

    return float(matplotlib.rcParams["lines.linewidth"])


def one(node, **options):
    return Pipeline("p", [node]).run(**{"n": 3, "store": None, "listeners": [], **options})


def everywhere(node, **options):
    return [one(node, executor=executor, **options).result for executor in EXECUTORS]


def test_the_precision_of_decimals_is_the_same_everywhere_and_in_the_key(tmp_path):
    assert one(third, store=tmp_path).result == "1.000000000000000000000000000"[:1]
    assert one(third, n=1, store=tmp_path).result == "0." + 28 * "3"
    with decimal.localcontext() as context:
        context.prec = 5
        assert everywhere(third, n=1) == ["0.33333"] * 3
        changed = one(third, n=1, store=tmp_path)
        assert (changed.result, changed.states) == ("0.33333", {"third": "run"})
        assert one(third, n=1, store=tmp_path).states == {"third": "hit"}
    assert one(third, n=1, store=tmp_path).states == {"third": "hit"}, "as it was before, the key is too"


def test_the_output_of_transformers_is_the_same_everywhere_and_in_the_key(tmp_path):
    before = one(scaled, store=tmp_path)
    sklearn.set_config(transform_output="pandas")
    assert everywhere(scaled) == ["DataFrame"] * 3
    after = one(scaled, store=tmp_path)
    assert (before.result, after.result) == ("ndarray", "DataFrame")
    assert after.states == {"scaled": "run"}


@pytest.mark.parametrize("node", [with_, anything])
def test_a_setting_reaches_the_methods_of_an_argument(node, tmp_path):
    scaler = StandardScaler().fit(pd.DataFrame({"a": [1.0, 3]}))
    one(node, scaler=scaler, store=tmp_path)
    sklearn.set_config(transform_output="pandas")
    assert one(node, scaler=scaler, store=tmp_path).result == "DataFrame"


@dataclasses.dataclass
class Holder:
    one: object


class Pair(NamedTuple):
    one: object
    number: int


@pytest.mark.parametrize("kind", [list, dict, tuple, Holder, Pair], ids=lambda kind: kind.__name__)
def test_a_setting_reaches_what_an_argument_may_hold(kind, tmp_path):
    scaler = StandardScaler().fit(pd.DataFrame({"a": [1.0, 3]}))
    made = {list: [scaler], dict: {0: scaler}, tuple: (scaler,), Holder: Holder(scaler), Pair: Pair(scaler, 1)}[kind]

    def reads(held, n: int) -> str:
        one = held.one if hasattr(held, "one") else held[0]
        return type(one.transform(pd.DataFrame({"a": [1.0, n]}))).__name__

    reads.__annotations__["held"] = kind
    one(step(reads), held=made, store=tmp_path)
    sklearn.set_config(transform_output="pandas")
    assert one(step(reads), held=made, store=tmp_path).result == "DataFrame"


@pytest.mark.parametrize(
    ("hint", "may"),
    [
        (Callable[[int], int], True), (Callable, True), (list[int], False), (dict[str, StandardScaler], True),
        (Literal["a", 1], False), (str | None, False), (np.ndarray, False), (pd.DataFrame, False), (Path, False),
        (Fraction, False), (datetime, False), (Sequence, True), (TypeVar("T"), True), (ModuleType, True),
        (Mapping[str, list[Any]], True), (Annotated[int, "many"], False), (File, False),
    ],
)  # fmt: skip
def test_only_what_is_said_to_be_something_else_is_not_reached(hint, may):
    assert may_come_from("sklearn", hint) is may


def test_a_setting_reaches_steps_through_a_package_that_requires_the_library():
    assert requires("lightgbm", "scikit-learn") and not requires("numpy", "scikit-learn")
    settings = Settings({"sklearn": {"assume_finite": True}})
    assert [name for name, _ in settings.reaching(frozenset({"lightgbm"}), [int])] == ["settings of sklearn"]
    assert not settings.reaching(frozenset({"numpy"}), [int])


@step
async def scaled_async(n: int) -> str:
    return type(StandardScaler().fit_transform(pd.DataFrame({"a": [1.0, n]}))).__name__


def test_an_async_step_has_the_settings_of_the_run():
    assert everywhere(scaled_async) == ["ndarray"] * 3
    sklearn.set_config(transform_output="pandas")
    assert everywhere(scaled_async) == ["DataFrame"] * 3


@step
async def changing_async(n: int) -> int:
    sklearn.set_config(transform_output="pandas")
    decimal.getcontext().prec = 5
    np.seterr(all="raise")
    return n


@step
async def after_async(changing_async: int) -> tuple[str, str, str]:
    return sklearn.get_config()["transform_output"], str(Decimal(1) / 3), np.geterr()["divide"]


@step
def changing_python(n: int) -> int:
    decimal.getcontext().prec = 5
    sys.setrecursionlimit(4321)
    return n


@step
def after_python(changing_python: int) -> tuple[str, bool]:
    return str(Decimal(1) / 3), sys.getrecursionlimit() == 4321


@pytest.mark.parametrize("executor", EXECUTORS)
def test_what_a_step_changes_of_python_or_in_the_loop_does_not_reach_the_next_one(executor):
    def run(*nodes):
        return Pipeline("p", nodes).run(n=3, executor=executor, store=None, listeners=[]).result

    assert run(changing_async, after_async) == ("default", "0." + 28 * "3", "warn")
    assert run(changing_python, after_python) == ("0." + 28 * "3", False)
    assert decimal.getcontext().prec == 28


@step
def changing_beside(n: int) -> int:
    decimal.getcontext().prec = 5
    GATES["changed"].set()
    GATES["read"].wait(60)
    return n


@step
def read_beside(n: int) -> str:
    GATES["changed"].wait(60)
    try:
        return str(Decimal(n) / 7)
    finally:
        GATES["read"].set()


GATES = {name: Event() for name in ("changed", "read", "never")}


@pytest.mark.filterwarnings("ignore::plait.OpaqueCode")
def test_steps_beside_each_other_have_a_context_of_their_own():
    pipeline = Pipeline("p", [changing_beside, read_beside])
    run = pipeline.run(n=1, executor="threads", workers=2, store=None, listeners=[])
    assert run["read_beside"] == str(Decimal(1) / 7) and len(run["read_beside"]) > 20


@step
def changing_style(n: int) -> tuple[float, str]:
    plt.rcParams["lines.linewidth"] = 9.0
    pd.set_option("display.precision", 2)
    GATES["changed"].set()
    GATES["never"].wait(0.3)  # as long as another step might want to run beside it
    return float(plt.rcParams["lines.linewidth"]), str(pd.DataFrame({"a": [1 / 3]})).split()[-1]


@step
def read_style(n: int) -> tuple[float, str]:
    GATES["changed"].wait(0.3)
    return float(matplotlib.get_backend() and Line2D([], []).get_linewidth()), str(
        pd.DataFrame({"a": [1 / 3]})
    ).split()[-1]


@pytest.mark.filterwarnings("ignore::plait.OpaqueCode")
@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_step_that_changes_what_the_process_shares_runs_alone(executor):
    GATES["changed"].clear()
    pipeline = Pipeline("p", [changing_style, read_style])
    run = pipeline.run(n=1, executor=executor, store=None, listeners=[])
    assert run["changing_style"] == (9.0, "0.33") and run["read_style"] == (1.5, "0.333333")


def test_the_context_that_a_program_holds_stays_the_one_in_use():
    with decimal.localcontext() as context:
        one(changing_python)
        assert decimal.getcontext() is context and context.prec == 28


def test_a_worker_has_what_counts_as_it_was_when_the_run_began():
    settings = Settings()
    pd.set_option("mode.string_storage", "python")
    pd.set_option("display.precision", 3)
    sent = pickle.loads(pickle.dumps(settings))  # as for the first worker
    assert sent.keyed == settings.keyed
    assert sent._values["pandas"] == {"display.precision": 3}


def test_a_step_that_cannot_use_the_library_stays_a_hit(tmp_path):
    one(plain, store=tmp_path)
    sklearn.set_config(transform_output="pandas")
    assert one(plain, store=tmp_path).states == {"plain": "hit"}


def test_what_only_people_look_at_is_carried_and_in_no_key(tmp_path):
    one(plain, store=tmp_path), one(text, store=tmp_path)
    pd.set_option("display.precision", 2)
    np.set_printoptions(precision=3)
    sklearn.set_config(display="text")
    assert len(set(everywhere(text, n=1))) == 1
    assert "0.33\n" in one(text, n=1).result + "\n"
    assert one(text, store=tmp_path).states == {"text": "hit"}


def test_what_is_an_error_of_numpy_is_one_everywhere():
    with np.errstate(divide="raise"):
        runs = [one(divided, executor=executor, fail="keep-going") for executor in EXECUTORS]
    assert [type(run.failures[0].error) for run in runs] == [FloatingPointError] * 3


def test_explain_and_plan_name_the_library(tmp_path):
    one(scaled, store=tmp_path)
    sklearn.set_config(transform_output="pandas")
    pipeline = Pipeline("p", [scaled])
    assert "settings of sklearn" in str(pipeline.plan(n=3, store=tmp_path))
    assert "the settings of sklearn are not what they were" in pipeline.explain("scaled", n=3, store=tmp_path)


def test_each_node_of_a_map_has_the_setting_in_its_key(tmp_path):
    from plait import each, pipeline

    @pipeline
    def thirds(numbers: list[int]) -> list[str]:
        return third.map(each(numbers))

    thirds.run(numbers=[1, 2], store=tmp_path, listeners=[])
    with decimal.localcontext() as context:
        context.prec = 3
        assert thirds.run(numbers=[1, 2], store=tmp_path, listeners=[]).result == ["0.333", "0.667"]


@pytest.mark.parametrize("executor", EXECUTORS)
def test_what_a_step_changes_does_not_reach_the_next_one(executor):
    @step
    def changing(n: int) -> int:
        sklearn.set_config(transform_output="pandas")
        np.seterr(all="raise")
        pd.set_option("mode.string_storage", "python")
        return n

    @step
    def after(changing: int) -> str:
        return type(StandardScaler().fit_transform(pd.DataFrame({"a": [1.0, changing]}))).__name__ + repr(
            (np.geterr()["divide"], pd.get_option("mode.string_storage"))
        )

    run = Pipeline("p", [changing, after]).run(n=3, executor=executor, workers=None, store=None, listeners=[])
    assert run.result == "ndarray('warn', 'auto')"
    assert sklearn.get_config()["transform_output"] == "default"


def test_a_style_of_figures_is_the_same_everywhere():
    matplotlib = pytest.importorskip("matplotlib")
    with matplotlib.rc_context({"lines.linewidth": 4.5}):
        assert everywhere(rc) == [4.5] * 3


def test_limits_and_locales_are_the_same_everywhere():
    names = ["C.UTF-8", "C.utf8", "POSIX"]
    sys.setrecursionlimit(1234)
    assert everywhere(limit) == [1234] * 3
    for name in names:
        try:
            locale.setlocale(locale.LC_TIME, name)
        except locale.Error:
            continue
        assert len(set(everywhere(days))) == 1
        break


def test_two_runs_with_other_settings_at_once_do_not_share_them():
    def run(prec):
        with decimal.localcontext() as context:
            context.prec = prec
            return [one(third, n=1, executor=executor, workers=w).result for executor, w in _WAYS]

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(run, [3, 7, 11, 15]))
    assert found == [["0." + prec * "3"] * len(_WAYS) for prec in (3, 7, 11, 15)]


_WAYS = [("sequential", None), ("threads", 2), ("processes", 1)]


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.module)
def test_a_library_reads_what_was_written(library):
    samples = {
        "decimal": {"prec": 7, "rounding": "ROUND_UP", "traps": ["Overflow"]},
        "locale": {},
        "numpy": {"err divide": "raise", "print precision": 3},
        "pandas": {"mode.string_storage": "python", "display.precision": 3},
        "sklearn": {"transform_output": "polars", "working_memory": 12},
        "matplotlib": {"lines.linewidth": 3.5},
        "sys": {"recursion": 2000, "digits": 5000},
    }
    __import__(library.module)
    library.write({})
    assert library.everything() == {}
    library.write(samples[library.module])
    assert library.everything() == samples[library.module]
    library.write({})
    assert library.everything() == {}
