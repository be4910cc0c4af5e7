"""How far two values are apart: laws, and each kind of value once."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
import polars
import pyarrow
import pytest
import scipy.sparse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression

from plait import File
from plait.runtime.auditing.gaps import gaps

QUIET = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
nested = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner), max_leaves=20
)


@QUIET
@given(nested)
def test_a_value_is_not_apart_from_itself(value):
    assert gaps(value, value) == ()


@QUIET
@given(st.lists(nested, min_size=1), st.data())
def test_any_one_change_is_seen(items, data):
    i = data.draw(st.integers(0, len(items) - 1))
    assert gaps(items, [*items[:i], ("another",), *items[i + 1 :]]) != ()


@QUIET
@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e300, max_value=1e300), st.integers(1, 5))
def test_units_in_the_last_place_are_counted_across_zero_too(number, steps):
    other = number
    for _ in range(steps):
        other = math.nextafter(other, math.inf)
    [gap] = gaps(number, other)
    assert gap.ulps == steps and gap.absolute == abs(other - number)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_they_are_those_of_the_type(dtype):
    one = np.ones(3, dtype)
    two = one.copy()
    two[1] = np.nextafter(two[1], np.array(2, dtype))
    [gap] = gaps(one, two)
    assert (gap.differing, gap.size, gap.ulps) == (1, 3, 1)


class Pair(NamedTuple):
    train: object
    test: object


@dataclass
class Settings:
    depth: int
    rate: float


FRAME = pd.DataFrame({"x": [1.0, 2.0, np.nan], "s": ["a", "b", "c"], "c": pd.Categorical(list("aba")), "i": [1, 2, 3]})


def changed(**values):
    frame = FRAME.copy()
    for name, (row, value) in values.items():
        frame.loc[row, name] = value
    return frame


def fitted(slope):
    x = np.arange(4.0).reshape(-1, 1)
    return LinearRegression(fit_intercept=False).fit(x, slope * x[:, 0])


@pytest.mark.parametrize(
    ("one", "two", "where", "what"),
    [
        (1, 2, [""], "1, then 2"),
        (1, True, [""], "int, then bool"),
        (0.0, -0.0, [""], "only the sign of zeros, or the bits of NaN"),
        (float("nan"), 1.0, [""], "nan, then 1.0, apart by inf"),
        ("a" * 50, "a" * 48 + "bc", [""], "'aa', then 'bc', from position 48 on"),
        ({1, 2}, {2, 3}, [""], "1 only the first time, 3 only the second"),
        (["b", "a"], ["a", "b"], [""], "the same 2 items in another order"),
        ([1.0, 2.0], [2.0, 1.0], [""], "the same 2 values in another order"),
        ([1], [1, 2], [""], "1 items, then 2"),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, [""], "the same 2 keys in another order"),
        ({"a": {"b": [1, 2]}}, {"a": {"b": [1, 3]}}, ["['a']['b'][1]"], "2, then 3"),
        (Pair(FRAME, 1), Pair(changed(s=(1, "q")), 1), [".train['s']"], "1 of 3 values differ, first at [1]: 'b', then 'q'"),
        (FRAME, changed(x=(0, 1.5)), ["['x']"], "1 of 3 floats differ, by at most 0.5 (relative 0.33); first at [0]"),
        (FRAME, changed(c=(2, "b")), ["['c']"], "1 of 3 values differ, first at [2]: 'a', then 'b'"),
        (FRAME, changed(i=(0, 9), s=(0, "z")), ["['s']", "['i']"], "1 of 3 values"),
        (FRAME, FRAME.head(2), [""], "3 x 4, then 2 x 4"),
        (FRAME, FRAME.astype({"i": float}), ["['i']"], "int64, then float64"),
        (FRAME[["x", "s"]], FRAME[["s", "x"]], [".columns"], "the same 2 items in another order"),
        (FRAME["i"], FRAME["i"].rename(index={0: 7}), [".index"], "1 of 3 integers differ, by at most 7"),
        (np.zeros((2, 2)), np.zeros(4), [""], "2 x 2 of float64, then 4 of float64"),
        (np.zeros((2, 2)), np.array([[0, 0], [1e-9, 0]]), [""], "1 of 4 floats differ, by at most 1e-09 (relative 1); first at [1, 0]"),
        (np.array(["a", "b"]), np.array(["a", "c"]), [""], "1 of 2 values differ, first at [1]"),
        (polars.DataFrame({"a": [1, 2]}), polars.DataFrame({"a": [1, 3]}), ["['a']"], "1 of 2 integers"),
        (pyarrow.table({"a": [1, 2]}), pyarrow.table({"a": [1, 3]}), ["['a']"], "1 of 2 integers"),
        (scipy.sparse.csr_array([[1.0, 0]]), scipy.sparse.csr_array([[2.0, 0]]), [".data"], "1.0, then 2.0, apart by 1"),
        (Settings(3, 0.5), Settings(4, 0.5), [".depth"], "3, then 4"),
        (fitted(1.0), fitted(2.0), [".coef_"], "1.0, then 2.0"),
    ],
)  # fmt: skip
def test_it_is_said_where_values_differ_and_how(one, two, where, what):
    found = gaps(one, two)
    assert [gap.where for gap in found] == where
    assert found[0].what.startswith(what)


def test_files_differ_by_what_is_in_them(tmp_path):
    for name, content in {"a": b"same", "b": b"same", "c": b"samples"}.items():
        (tmp_path / name).write_bytes(content)
    a, b, c = (File(tmp_path / name) for name in "abc")
    assert gaps(a, b) == ()
    assert gaps(a, c)[0].what == "a file of 4 bytes, then one of 7; they differ from byte 3 on"


def test_very_many_differences_are_not_all_listed():
    assert len(gaps({i: i for i in range(1000)}, {i: i + 1 for i in range(1000)})) == 50


def test_objects_that_look_alike_are_looked_into():
    """The repr of an estimator does not show what it learnt: two of them are no other order of the same."""
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    def fitted(slope):
        x = [[0.0], [1.0], [3.0]]
        return make_pipeline(StandardScaler(), LinearRegression()).fit(x, [slope * a for (a,) in x])

    found = gaps(fitted(1.0), fitted(1.0 + 1e-9))
    assert [gap.where for gap in found if "coef_" in gap.where] == [".steps[1][1].coef_"]
    assert not [gap for gap in found if "order" in gap.what]


def test_objects_without_attributes_are_compared_by_what_copies_are_made_of():
    assert gaps(np.random.default_rng(1), np.random.default_rng(1)) == ()
    assert gaps(np.random.default_rng(1), np.random.default_rng(2))
