"""Plain values come back from JSON as they were, type by type."""

import io
import json
import math
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plait.codecs.plain import create
from plait.core.encoder import Encoder
from plait.core.values import _WRITERS
from plait.ports import UnwritableError
from plait.testing.codecs import digest

pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")

PLAIN = create()
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.complex_numbers(), st.text(), st.binary())
KEYS = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3).map(tuple) | st.frozensets(inner, max_size=3))
VALUES = st.recursive(
    LEAVES | KEYS | st.sets(KEYS, max_size=3),
    lambda inner: (
        st.lists(inner, max_size=4) | st.lists(inner, max_size=4).map(tuple) | st.dictionaries(KEYS, inner, max_size=4)
    ),
    max_leaves=20,
)


def written(value: Any) -> bytes:
    file = io.BytesIO()
    PLAIN.write(value, file)
    return file.getvalue()


@given(VALUES)
def test_a_plain_value_comes_back_with_its_digest(value: Any) -> None:
    assert digest(PLAIN.read(written(value))) == digest(value)


@given(st.floats(allow_nan=False))
def test_a_float_comes_back_bit_by_bit(value: float) -> None:
    assert struct.pack("d", PLAIN.read(written(value))) == struct.pack("d", value)


@given(VALUES)
def test_what_is_written_is_strict_json(value: Any) -> None:
    json.loads(written(value), parse_constant=pytest.fail)


def test_equal_sets_are_written_as_equal_bytes() -> None:
    assert written({"a", "b", "c", (1, 2)}) == written({(1, 2), "c", "b", "a"})


def test_the_order_of_a_dict_is_kept() -> None:
    assert list(PLAIN.read(written({"b": 1, "a": 2}))) == ["b", "a"]
    assert list(PLAIN.read(written({2: 1, 1: 2}))) == [2, 1]


def test_keys_that_json_would_make_equal_stay_apart() -> None:
    assert PLAIN.read(written({1: "a", "1": "b", None: "c", "null": "d"})) == {1: "a", "1": "b", None: "c", "null": "d"}


@pytest.mark.parametrize("tag", "ifcbtdsz")
def test_a_dict_that_looks_like_a_tag_is_still_a_dict(tag: str) -> None:
    assert PLAIN.read(written({tag: "ff"})) == {tag: "ff"}


class Text(str):
    pass


@pytest.mark.parametrize(
    "value", [Text("a"), [object()], {"a": [Text()]}, {Text("a"): 1}, (1, {2: bytearray()}), [math.sin]]
)
def test_a_leaf_of_another_kind_is_refused(value: Any) -> None:
    with pytest.raises(UnwritableError):
        written(value)


def test_a_list_that_holds_itself_is_refused() -> None:
    knot: list[Any] = []
    knot.append(knot)
    with pytest.raises(UnwritableError, match="deep"):
        written(knot)


def test_great_integers_have_no_limit_of_digits() -> None:
    assert PLAIN.read(written(7**9000)) == 7**9000


def test_what_is_too_deep_for_the_reader_of_json_is_refused_when_it_is_written() -> None:
    for depth, fine in ((90, True), (400, False)):
        deep: Any = 1
        for _ in range(depth):
            deep = (deep,)
        if fine:
            assert PLAIN.read(written(deep)) == deep
            continue
        with pytest.raises(UnwritableError, match="levels deep"):
            written(deep)


@given(VALUES)
def test_a_small_container_has_the_name_that_it_would_have_in_a_large_one(value: Any) -> None:
    def encode(value: Any) -> bytes:
        return Encoder(lambda cls, _: _WRITERS[cls], lambda thing: b"").encode(value)

    quick = encode([value, {"a": value, "b": [value, (value,)]}])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Encoder, "_short", lambda *_: None)
        assert encode([value, {"a": value, "b": [value, (value,)]}]) == quick
