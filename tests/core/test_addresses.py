"""What items are called: by what they are, and never two by one name."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from plait.core.addresses import item_of, label, node_of, parsed, together, with_item

items = st.one_of(
    st.text(max_size=8), st.integers(), st.floats(), st.booleans(), st.none(), st.dates(), st.sampled_from(["None", "1", "nan", "1.0"])
)  # fmt: skip


def alike(a, b):
    return type(a) is type(b) and (repr(a) == repr(b))


@given(items, items)
def test_two_items_that_differ_never_have_one_label(a, b):
    if not alike(a, b) and label(a) is not None:
        assert label(a) != label(b)


@given(st.lists(items.filter(lambda item: label(item) is not None), min_size=1, max_size=3))
def test_an_address_can_be_taken_apart_again(found):
    labels = [label(item) for item in found]
    name = with_item("space/fit", labels)
    assert parsed(name) == ("space/fit", ", ".join(labels), None) and parsed(f"{name}.part").part == "part"
    assert node_of(name) == "space/fit" and item_of(name) == ", ".join(labels)


def test_an_address_without_an_item_has_none():
    assert parsed("fit") == ("fit", None, None) and parsed("split.train") == ("split", None, "train")
    assert item_of("fit") is None and node_of("fit") == "fit"


def test_what_is_not_short_and_plain_is_called_by_its_digest():
    assert [label(item) for item in ("a" * 61, "a\nb", "a, b", "[", b"x", (1,), 10**80)] == [None] * 7
    assert label(date(2024, 1, 2)) == "2024-01-02" and label("2024-01-02") == "'2024-01-02'"


def test_zipped_items_of_one_name_are_named_once():
    assert together(["a", "a"]) == "a" and together(["a", "b"]) == "a|b"


@given(st.integers(1, 4).flatmap(lambda n: st.tuples(*[st.lists(st.sampled_from("abc"), min_size=n, max_size=n)] * 2)))
def test_zipped_items_are_called_alike_only_if_they_are_the_same(pair):
    one, other = pair
    assert (together(one) == together(other)) == (one == other)
