"""A part of a pipeline as a plain function: what it is made of, and what is refused before it is served."""

import asyncio
import inspect
import pickle
import subprocess
import sys
import threading
import traceback
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from plait import Compiled, GraphError, Now, ParameterError, ParityError, Pipeline, Scratch, Seed, auto, parity, step

TRIPS = pd.DataFrame(
    {"sched": pd.date_range("2025-01-01", periods=300, freq="37min"), "carrier": ["A", "B", "C"] * 100}
)
TRIPS["late"] = (np.arange(300) * 7919 % 11 > 5).astype(int)


@step
def carriers(n: int = 3) -> dict[str, float]:
    return {"A": 1.0, "B": 5.0, "C": 9.0 + n}


@step
def features(trips: pd.DataFrame, carriers: dict[str, float]) -> pd.DataFrame:
    return pd.DataFrame({"hour": trips["sched"].dt.hour, "age": trips["carrier"].map(carriers)}, index=trips.index)


@step
def model(features: pd.DataFrame, trips: pd.DataFrame, seed: Seed = auto) -> LogisticRegression:
    return LogisticRegression(random_state=seed).fit(features, trips["late"])


@step
def late(model: LogisticRegression, features: pd.DataFrame) -> pd.Series:
    return pd.Series(model.predict_proba(features)[:, 1], index=features.index)


@step
def trips(n: int = 300) -> pd.DataFrame:
    return TRIPS.head(n)


DELAYS = Pipeline("delays", [trips, carriers, features, model, late])


@pytest.fixture(scope="module")
def run():
    return DELAYS.run(store=None, listeners=[])


@pytest.fixture(scope="module")
def predict(run):
    return DELAYS.compile(late, inputs=["trips"], given=run, pin=[model])


def test_it_answers_for_rows_that_were_never_seen(predict, run):
    row = pd.DataFrame({"sched": [datetime(2030, 1, 1, 13)], "carrier": ["B"]})
    answer = predict(row)
    assert len(answer) == 1
    expected = run["model"].predict_proba(pd.DataFrame({"hour": [13], "age": [5.0]}))[0, 1]
    assert answer.iloc[0] == pytest.approx(expected)
    np.testing.assert_allclose(predict(trips=TRIPS), run["late"])


def test_its_source_is_plain_python(predict):
    assert predict.source == (
        "# late of delays, from trips\n"
        "def late(trips):\n"
        "    features = features_(trips, carriers)\n"
        "    return late_(model, features)\n"
    )
    assert sorted(predict.pinned) == ["carriers", "model"]
    assert repr(predict) == "<late(trips), compiled from delays: 2 steps>"
    assert isinstance(predict, Compiled)


def test_its_arguments_are_those_of_any_function(predict):
    with pytest.raises(TypeError, match="unexpected keyword argument 'trip'"):
        predict(trip=TRIPS)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'trips'"):
        predict()
    assert list(inspect.signature(predict).parameters) == ["trips"]


def test_it_does_not_change_and_travels(predict):
    with pytest.raises(AttributeError, match="does not change"):
        predict.source = ""
    again = pickle.loads(pickle.dumps(predict))
    pd.testing.assert_series_equal(again(TRIPS), predict(TRIPS))
    assert again.source == predict.source


SCRIPT = """
import pickle, sys
from plait import Pipeline, step

def half(minutes: float) -> float:
    return minutes / 2

@step
def hours(minutes: list[float]) -> list[float]:
    return [half(m) / 30 for m in minutes]

p = Pipeline("p", [hours])
given = p.run(minutes=[60.0, 90.0], store=None, listeners=[])
sys.stdout.buffer.write(pickle.dumps(p.compile(hours, inputs=["minutes"], given=given)))
"""


def test_it_travels_from_a_script_to_a_program_that_has_no_such_steps(tmp_path):
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, timeout=240, check=True, cwd=tmp_path)
    assert pickle.loads(done.stdout)([30.0]) == [0.5]


def test_many_threads_may_call_it_at_once(predict):
    expected, wrong = predict(TRIPS), []

    def ask(place):
        for at in range(place, 300, 8):
            if not np.isclose(predict(TRIPS.iloc[[at]]).iloc[0], expected.iloc[at], rtol=1e-9):
                wrong.append(at)

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_no_frame_of_ours_is_between_the_caller_and_the_steps():
    @step
    def divided(x: int) -> float:
        return 1 / x

    ratio = Pipeline("p", [divided]).compile("divided", inputs=["x"], given={}, parity=0)
    with pytest.raises(ZeroDivisionError) as error:
        ratio(0)
    frames = traceback.extract_tb(error.value.__traceback__)
    assert [frame.name for frame in frames[1:]] == ["divided", "divided"]
    assert frames[1].line == "return divided_(x)", "a traceback shows the text of the function"


def test_what_is_fitted_or_drawn_must_be_pinned(run):
    with pytest.raises(
        GraphError, match=r"model takes a seed, and would be drawn again at each call. pin=\[model\] takes it"
    ):
        DELAYS.compile(late, inputs=["trips"], given=run)

    @step
    def fitted(trips: pd.DataFrame) -> LogisticRegression:
        return LogisticRegression()

    @step
    def used(fitted: LogisticRegression) -> float:
        return 1.0

    with pytest.raises(
        GraphError, match=r"fitted would be fitted again at each call. pin=\[fitted\] takes it from the run"
    ):
        Pipeline("p", [fitted, used]).compile("used", inputs=["trips"], given={}, parity=0)

    @step
    def written(trips: pd.DataFrame, scratch: Scratch = auto) -> float:
        return 1.0

    with pytest.raises(GraphError, match="written writes files"):
        Pipeline("p", [written]).compile("written", inputs=["trips"], given={}, parity=0)


def test_rows_that_need_other_rows_are_found_before_they_are_served():
    @step
    def shares(amounts: list[float]) -> list[float]:
        return [amount / sum(amounts) for amount in amounts]

    @step
    def percent(shares: list[float]) -> list[float]:
        return [100 * share for share in shares]

    pipeline = Pipeline("p", [shares, percent])
    run = pipeline.run(amounts=[1.0, 3.0], store=None, listeners=[])
    with pytest.raises(
        ParityError,
        match=r"percent differs in 2 of 2 rows \(shares looks at more than its row\); first: row 0, 100 against 25",
    ):
        pipeline.compile("percent", inputs=["amounts"], given=run)
    vouched = pipeline.compile("percent", inputs=["amounts"], given=run, parity=0)
    assert vouched([1.0, 3.0]) == [25.0, 75.0]


def test_a_tolerance_is_for_numbers_only():
    @step
    def grown(x: list[float]) -> list[float]:
        return [value * (1 + 1e-10 * len(x)) for value in x]

    pipeline = Pipeline("p", [grown])
    run = pipeline.run(x=[1.0, 2.0], store=None, listeners=[])
    pipeline.compile("grown", inputs=["x"], given=run)
    with pytest.raises(ParityError):
        pipeline.compile("grown", inputs=["x"], given=run, rtol=1e-12)


def test_what_is_no_table_cannot_be_compared():
    @step
    def total(x: list[float]) -> float:
        return sum(x)

    pipeline = Pipeline("p", [total])
    run = pipeline.run(x=[1.0], store=None, listeners=[])
    with pytest.raises(ParityError, match="1 rows go in, and a float comes out"):
        pipeline.compile("total", inputs=["x"], given=run)

    @step
    def size(x: dict[str, int]) -> list[int]:
        return list(x.values())

    pipeline = Pipeline("p", [size])
    with pytest.raises(ParityError, match="x is a dict and cannot be cut into rows; pass parity=0 to vouch for it"):
        pipeline.compile("size", inputs=["x"], given=pipeline.run(x={"a": 1}, store=None, listeners=[]))


def test_a_pinned_value_that_is_changed_in_place_is_found():
    @step
    def seen() -> list[str]:
        return []

    @step
    def answers(words: list[str], seen: list[str]) -> list[int]:
        seen.extend(words)
        return [len(word) for word in words]

    pipeline = Pipeline("p", [seen, answers])
    run = pipeline.run(words=["a", "bc"], store=None, listeners=[])
    with pytest.raises(ParityError, match="answers changes seen, which it holds, in place"):
        pipeline.compile("answers", inputs=["words"], given=run)


def test_single_values_are_compared_as_one_row():
    @step
    def square(x: int) -> int:
        return x * x

    pipeline = Pipeline("p", [square])
    assert pipeline.compile("square", inputs=["x"], given=pipeline.run(x=3, store=None, listeners=[]))(5) == 25


class Split(NamedTuple):
    low: float
    high: float


@step
def split(x: float, gap: float = 1.5) -> Split:
    return Split(x - gap, x + gap)


@step
def summed(low: float, values: list[float], named: dict[str, float], at: Now = auto) -> float:
    assert at.tzinfo is UTC
    return low + sum(values) + sum(named.values())


def test_parts_collections_constants_and_the_time():
    pipeline = Pipeline("p", [split, summed.bind(values=["split.low", "split.high"], named={"h": "split.high"})]).with_(
        gap=0.5
    )
    found = pipeline.compile("summed", inputs=["x"], given={}, parity=0)
    assert found(10.0) == 9.5 + 20.0 + 10.5
    assert found.source.splitlines()[1:] == [
        "def summed(x):",
        "    split = split_(x, 0.5)",
        '    return summed_(split.low, [split.low, split.high], {"h": split.high}, now())'.replace('"', "'"),
    ]
    part = pipeline.compile("split.high", inputs=["x"], given={}, parity=0)
    assert part(1.0) == 1.5


def test_steps_that_wait_make_a_function_that_is_awaited():
    @step
    async def asked(x: int) -> int:
        await asyncio.sleep(0)
        return x + 1

    @step
    def doubled(asked: int) -> int:
        return 2 * asked

    pipeline = Pipeline("p", [asked, doubled])
    answer = pipeline.compile("doubled", inputs=["x"], given={}, parity=0)
    assert answer.source.splitlines()[1:3] == ["async def doubled(x):", "    asked = await asked_(x)"]
    assert asyncio.run(answer(3)) == 8


def test_names_that_python_has_taken_are_avoided():
    @step(name="list")
    def one(x: int) -> int:
        return x + 1

    @step(name="class")
    def two(value: int) -> int:
        return value * 2

    pipeline = Pipeline("p", [one, two.bind(value="list")])
    assert pipeline.compile("class", inputs=["x"], given={}, parity=0)(3) == 8


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"inputs": ["tripz"]}, "no node 'tripz'. Did you mean 'trips'"),
        ({"inputs": ["trips", "carriers", "model"]}, None),
        ({"inputs": ["n"]}, "'n' is trips.n and carriers.n. Say which"),
        ({"inputs": ["late"]}, "late does not depend on late, so there is nothing to call"),
        ({"inputs": ["trips", "trips"]}, "each input once"),
        ({"inputs": ["features", "trips"]}, "late does not need 'trips'; leave it out"),
        ({"inputs": ["features"], "pin": ["model", "carriers"]}, "carriers is not between features and late"),
        ({"inputs": ["trips"], "parity": -1}, "give a whole number of rows"),
    ],
)
def test_what_is_wrong_with_a_call_is_said(run, arguments, message):
    call = {"given": run, "pin": ["model"], **arguments}
    if message is None:
        DELAYS.compile("late", **{**call, "pin": []})
        return
    with pytest.raises((GraphError, ParameterError), match=message):
        DELAYS.compile("late", **call)


def test_values_that_are_missing_are_named():
    with pytest.raises(ParameterError, match="model is not made at each call, and given has no value for it"):
        DELAYS.compile("late", inputs=["features"], given={}, pin=["model"])
    with pytest.raises(ParameterError, match="given has no late to compare with; give it, or pass parity=0"):
        DELAYS.compile(
            "late", inputs=["features"], given={"model": LogisticRegression(), "features": TRIPS}, pin=["model"]
        )


def test_parity_over_larger_samples(predict):
    found = parity(predict, trips=TRIPS, rows=50)
    assert found.ok
    assert found.rows == 50
    wrong = parity(predict, trips=TRIPS, expected=predict(TRIPS) + 1)
    assert wrong.differing == 300
    with pytest.raises(ParityError, match="it differs in 300 of 300 rows; first: row 0"):
        wrong.raise_for_differences()


@pytest.mark.parametrize(
    "table",
    [
        pd.DataFrame({"a": [1.0, np.nan], "b": ["x", None]}),
        pd.Series([1, 2]),
        np.array([[1.0, 2.0], [3.0, 4.0]]),
        [1.0, "a"],
        pd.DataFrame({"t": pd.to_datetime(["2025-01-01", None])}),
    ],
    ids=["frame", "series", "array", "list", "times"],
)
def test_all_kinds_of_tables_are_cut_and_compared(table):
    assert parity(lambda x: x, x=table).ok
    other = table[::-1] if not hasattr(table, "iloc") else table.iloc[::-1]
    assert parity(lambda x: x, x=table, expected=other).differing == 2
