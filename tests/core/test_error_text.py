"""The text of an error can be made of any error."""

import pytest

from plait.core.error_text import LONGEST, describe_error, error_message


class Odd(Exception):
    def __str__(self):
        return self.missing


class NoText(Exception):
    def __str__(self):
        return 3


class Text(str):
    def __str__(self):
        raise AssertionError("a text of a class of its own is read as a plain one")

    def __len__(self):
        raise AssertionError("a text of a class of its own is read as a plain one")


class OwnText(Exception):
    def __str__(self):
        return Text("no rows")


class Leaves(Exception):
    def __str__(self):
        raise SystemExit(3)


class Deep(Exception):
    def __str__(self):
        return str(self)


class OddTwice(Exception):
    def __str__(self):
        raise Odd


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("no rows"), "ValueError: no rows"),
        (Odd(), "Odd: <its text cannot be made: AttributeError: 'Odd' object has no attribute 'missing'>"),
        (NoText(), "NoText: <its text cannot be made: TypeError: __str__ returned non-string (type int)>"),
        (OwnText(), "OwnText: no rows"),
        (Leaves(), "Leaves: <its text cannot be made: SystemExit: 3>"),
        (OddTwice(), "OddTwice: <its text cannot be made: Odd>"),
    ],
)
def test_any_error_has_a_text(error, said):
    assert describe_error(error) == said
    assert type(describe_error(error)) is str


def test_a_text_that_never_ends_is_no_text():
    assert describe_error(Deep()).startswith("Deep: <its text cannot be made: RecursionError")


def test_a_long_text_is_cut_and_says_by_how_much():
    text = describe_error(ValueError("x" * 3_000_000))
    assert len(text) < LONGEST + 100
    assert text.endswith("xx... (2,990,000 more characters)")
    assert len(error_message(ValueError("x" * 3_000_000), longest=None)) == 3_000_000
