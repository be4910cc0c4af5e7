"""What holds of every value: equal ones have equal names whatever their history, and any change makes another name."""

import copy
import datetime
import decimal
import json
import math
import os
import pathlib
import pickle
import random
import subprocess
import sys
from collections.abc import Hashable
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import plait
from plait.core.containers import is_container, rebuilt
from plait.testing.codecs import digest

FROZEN = pathlib.Path(__file__).parent.parent / "frozen"
EXAMPLES = int(os.environ.get("PLAIT_EXAMPLES", "150"))
LAWS = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
pytestmark = [pytest.mark.law, pytest.mark.filterwarnings("ignore:Generating overly large repr")]


class Kind(Enum):
    A = "a"
    B = "b"


class Pair(NamedTuple):
    x: Any
    y: Any


@dataclass(frozen=True)
class Frozen:
    x: Any
    y: Any = None


class Thing:
    def __init__(self, **held):
        self.__dict__.update(held)


LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.binary(max_size=5), st.sampled_from(Kind),
    st.decimals(allow_nan=False, places=2), st.datetimes(), st.dates(), st.complex_numbers(), st.just(...),
)  # fmt: skip
KEYS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.frozensets(inner, max_size=3) | st.builds(Frozen, inner),
    max_leaves=4,
)
ARRAYS = st.tuples(
    st.sampled_from(["i4", "f8", "u1", "U2", "M8[s]", "c8", "?"]),
    st.lists(st.integers(0, 3), max_size=3),
    st.integers(0, 9),
).map(lambda drawn: (np.arange(math.prod(drawn[1])) + drawn[2]).reshape(drawn[1]).astype(drawn[0]))
FRAMES = st.lists(st.tuples(st.integers(-9, 9), st.sampled_from(["a", "b", None])), min_size=1, max_size=4).map(
    lambda rows: pd.DataFrame(rows, columns=["n", "s"]).astype({"n": "int64", "s": "string"})
)
VALUES = st.recursive(
    LEAVES | KEYS | st.sets(KEYS, max_size=4) | ARRAYS | FRAMES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.lists(inner, max_size=4).map(tuple), st.dictionaries(KEYS, inner, max_size=4),
        st.dictionaries(st.text(max_size=3), inner, max_size=4), st.builds(Pair, inner, inner), st.builds(Frozen, inner, inner),
        st.builds(Thing, a=inner, b=inner), st.builds(Thing, b=inner),
    ),
    max_leaves=12,
)  # fmt: skip


def same(a, b):
    """Are two values the same, as a step could tell? Written apart from what it tests, and slowly."""
    if type(a) is not type(b):
        return False
    if isinstance(a, float):
        return (a == b and math.copysign(1, a) == math.copysign(1, b)) or (a != a and b != b)
    if isinstance(a, complex):
        return same(a.real, b.real) and same(a.imag, b.imag)
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, pd.DataFrame):
        return a.shape == b.shape and same(a.to_dict("records"), b.to_dict("records"))
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return same(list(a.items()), list(b.items()))
    if isinstance(a, (set, frozenset)):
        return (
            len(a) == len(b)
            and all(any(same(x, y) for y in b) for x in a)
            and all(any(same(x, y) for x in a) for y in b)
        )
    if isinstance(a, (Frozen, Thing)):
        return same(vars(a), vars(b))
    if isinstance(a, decimal.Decimal):
        return a.as_tuple() == b.as_tuple()
    if isinstance(a, datetime.datetime):
        return a == b and a.fold == b.fold
    return a is b if isinstance(a, Kind) or a is None or a is ... else a == b


def with_another_history(value, inside=False):
    """The same value, come about in another way: `inside` an object, whose arrays keep their layout."""
    if isinstance(value, np.ndarray):
        return value.copy() if inside else value[::-1].copy()[::-1] if value.ndim else value.copy()
    if isinstance(value, pd.DataFrame):
        return pickle.loads(pickle.dumps(value)) if inside else pd.concat([value[:1], value[1:]])
    if isinstance(value, (set, frozenset)):
        fillers = [object() for _ in range(100)]
        grown = set(fillers)
        for item in [with_another_history(item, True) for item in reversed(list(value))]:
            grown.add(item)
        return type(value)(grown.difference(fillers))
    if type(value) is dict:
        grown = {object(): None for _ in range(20)}
        grown.update(
            {with_another_history(key, inside): with_another_history(item, inside) for key, item in value.items()}
        )
        return {key: item for key, item in grown.items() if type(key) is not object}
    if isinstance(value, str):
        return "".join(list(value))
    if isinstance(value, Pair):
        return Pair(*[with_another_history(item, inside) for item in value])
    if isinstance(value, (list, tuple)):
        return type(value)(with_another_history(item, inside) for item in value)
    if isinstance(value, (Thing, Frozen)):
        made = copy.copy(value)
        for name, held in vars(value).items():
            object.__setattr__(made, name, with_another_history(held, True))
        return made
    return copy.copy(value)


@LAWS
@given(VALUES)
def test_a_value_with_another_history_has_the_same_name(value):
    assert digest(with_another_history(value)) == digest(value)
    assert digest(pickle.loads(pickle.dumps(value))) == digest(value)
    assert digest([value, value]) == digest([value, with_another_history(value)])


@LAWS
@given(VALUES, VALUES)
def test_two_values_have_one_name_only_if_they_are_the_same(one, other):
    assert (digest(one) == digest(other)) == same(one, other)


@LAWS
@given(VALUES)
def test_what_a_value_is_wrapped_in_counts(value):
    wrapped = [
        value,
        [value],
        (value,),
        {"k": value},
        Pair(value, None),
        Frozen(value),
        Thing(a=value),
        [[value]],
        [value, None],
    ]
    if isinstance(value, Hashable) and not isinstance(value, (np.generic, Thing)):
        try:
            wrapped += [{value}, frozenset({value}), {value: None}]
        except TypeError:  # it holds something that has no hash
            pass
    assert len({digest(each) for each in wrapped}) == len(wrapped)


def places(value, path=()):
    """All places in a value where something can be changed, and what is there."""
    yield path, value
    if isinstance(value, dict):
        for key, item in value.items():
            yield from places(item, (*path, key))
    elif isinstance(value, (list, tuple)):
        for number, item in enumerate(value):
            yield from places(item, (*path, number))
    elif isinstance(value, (Thing, Frozen)):
        for name, item in vars(value).items():
            yield from places(item, (*path, name))


def put(value, path, new):
    """The value with something else in one place; the original stays."""
    if not path:
        return new
    first, *rest = path
    if isinstance(value, (Thing, Frozen)):
        made = copy.copy(value)
        object.__setattr__(made, first, put(getattr(value, first), rest, new))
        return made
    made = dict(value) if isinstance(value, dict) else list(value)
    made[first] = put(value[first], rest, new)
    return type(value)(*made) if isinstance(value, Pair) else type(value)(made)


def others(value):
    """Values that are nearly this one."""
    yield [value]
    if isinstance(value, np.ndarray) and value.size:
        flat = value.reshape(-1).copy()
        flat[-1] = (
            flat[-1] ^ True
            if value.dtype == bool
            else "?"
            if value.dtype.kind == "U"
            else flat[-1] + np.ones((), value.dtype.str.replace("M8", "m8"))
        )
        yield flat.reshape(value.shape)
        yield value[None]
        yield (
            value.astype("c16" if value.dtype != "c16" else "c8")
            if value.dtype.kind not in "UM"
            else value.astype(object)
        )
    elif isinstance(value, pd.DataFrame):
        yield value.assign(n=value["n"] + 1)
        yield value.rename(columns={"n": "m"})
        yield value.set_axis(range(1, len(value) + 1))
    elif isinstance(value, (list, tuple)) and not isinstance(value, Pair):
        yield type(value)([*value, None])
        yield type(value)(value[:-1]) if value else None
        yield type(value)(value[::-1])
        yield tuple(value) if isinstance(value, list) else list(value)
    elif isinstance(value, dict):
        yield {**value, "another": None}
        yield dict(reversed(value.items()))
        yield list(value.items())
    elif isinstance(value, (set, frozenset)):
        yield value | {"another"}
        yield frozenset(value) if isinstance(value, set) else set(value)
    elif isinstance(value, (int, float, complex)):
        yield value + 1
        yield str(value)
        yield -value
    elif isinstance(value, str):
        yield value + "\0"
        yield value.encode("utf-8", "surrogatepass")


@LAWS
@given(VALUES, st.randoms(use_true_random=False))
def test_any_single_change_in_a_value_changes_its_name(value, rng):
    path, there = rng.choice(list(places(value)))
    changed = put(value, path, rng.choice(list(others(there))))
    assume(not same(changed, value))
    assert digest(changed) != digest(value)


@LAWS
@given(VALUES)
def test_a_container_that_is_rebuilt_is_the_same_and_shares_nothing(value):
    assume(is_container(type(value)))
    made = rebuilt(value, lambda item: item)
    assert digest(made) == digest(value)

    def mutable(value):
        if type(value) in (list, dict, set):
            yield id(value)
        for item in value.values() if type(value) is dict else value if is_container(type(value)) else ():
            yield from mutable(item)

    assert not set(mutable(made)) & set(mutable(value))


SCRIPT = """
import random, sys
from collections import Counter
from dataclasses import dataclass
from enum import Enum
from plait.testing.codecs import digest
class Kind(Enum):
    A, B = "a", "b"
@dataclass(frozen=True)
class Point:
    x: object
class Words(set):
    pass
def leaf(rng):
    return rng.choice([None, True, rng.random(), rng.randrange(99), str(rng.random()), b"x", Kind.A, Kind.B])
def key(rng, depth):
    if depth == 0 or rng.random() < 0.3:
        return leaf(rng)
    kind = rng.choice([tuple, frozenset, lambda items: Point(tuple(items))])
    return kind(key(rng, depth - 1) for _ in range(rng.randrange(5)))
def value(rng, depth):
    if depth == 0:
        return leaf(rng)
    many = range(rng.randrange(6))
    return rng.choice([
        lambda: [value(rng, depth - 1) for _ in many], lambda: {key(rng, 2): value(rng, depth - 1) for _ in many},
        lambda: {key(rng, 3) for _ in many}, lambda: Words(key(rng, 2) for _ in many), lambda: Point(value(rng, depth - 1)),
        lambda: Counter(str(rng.random()) for _ in many), lambda: {"s": {Point(str(n)) for n in many}},
    ])()
rng = random.Random(int(sys.argv[1]))
for _ in range(300):
    print(digest(value(rng, 4)))
"""


def test_names_are_equal_whatever_pythonhashseed_is():
    path = str(pathlib.Path(plait.__file__).parent.parent)
    number = str(random.randrange(10**6))
    found = [
        subprocess.run(
            [sys.executable, "-c", SCRIPT, number], env={**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": seed},
            capture_output=True, text=True, check=True,
        ).stdout.split()
        for seed in ("0", "1", "4242", "random")
    ]  # fmt: skip
    assert len(found[0]) == 300 and len(set(found[0])) > 150
    assert all(each == found[0] for each in found), f"random.Random({number})"


def test_names_of_values_are_those_that_were_frozen():
    """To change them is a decision: run tests/frozen/value_corpus.py, and say in the changelog that old results are lost."""
    path = str(pathlib.Path(plait.__file__).parent.parent)
    env = {**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": "random"}
    done = subprocess.run(
        [sys.executable, FROZEN / "value_corpus.py"], env=env, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == json.loads((FROZEN / "value_digests.json").read_text())
