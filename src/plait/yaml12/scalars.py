"""What a scalar without quotes means: the core schema of YAML 1.2.2, section 10.3.2, and nothing more.

So `1e-3` is a number, `017` is 17, `0o17` is 15, and only `true` and `false` are booleans; `no`, `12:30:45`, `1_000`
and `2013-10-01` are text. YAML 1.1, which PyYAML reads, has other rules for all of these.
"""

import re
from collections.abc import Iterator, Mapping
from math import isinf
from typing import Any, NamedTuple

from plait.errors import ParameterError

NULL, BOOL, INT, FLOAT, STR = (f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "str"))
_FORMS = (
    (NULL, re.compile(r"null|Null|NULL|~|")),
    (BOOL, re.compile(r"true|True|TRUE|false|False|FALSE")),
    (INT, re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")),
    (
        FLOAT,
        re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?(\.inf|\.Inf|\.INF)|\.nan|\.NaN|\.NAN"),
    ),
)


class Scalar(NamedTuple):
    """A scalar of a file: what it means, how it is written, and where."""

    value: Any
    text: str
    line: int

    @property
    def has_own_text(self) -> bool:
        """Return whether the text says something else than the value: a number, a boolean or null without quotes."""
        return type(self.value) is not str

    @property
    def checked(self) -> Any:
        """Return the value; `ParameterError` where it is a number that a float cannot hold, such as 1e999."""
        if isinstance(self.value, float) and isinf(self.value) and "inf" not in self.text.lower():
            infinity = "-.inf" if self.value < 0 else ".inf"
            raise ParameterError(
                f"{self.text} is a number that a float cannot hold; write {infinity} if infinity is meant, "
                f"or put it in quotes if it is text"
            )
        return self.value


def meaning(text: str) -> str:
    """Return the tag of a scalar without quotes.

    >>> [meaning(text).rpartition(":")[2] for text in ("1e-3", "0o17", "no", "TRUE", "1_000", "", "2013-10-01")]
    ['float', 'int', 'str', 'bool', 'str', 'null', 'str']
    """
    return next((tag for tag, form in _FORMS if form.fullmatch(text)), STR)


def value_of(tag: str, text: str) -> Any:
    """Return the value of a scalar; `ValueError` where its text is not one of this tag.

    >>> value_of(INT, "017"), value_of(INT, "0o17"), value_of(FLOAT, "-.inf"), value_of(BOOL, "true")
    (17, 15, -inf, True)
    """
    if tag == STR:
        return text
    form = next((form for known, form in _FORMS if known == tag), None)
    whole_number = tag == FLOAT and meaning(text) == INT and text[:2] not in ("0o", "0x")  # !!float 1
    if form is None or not (form.fullmatch(text) or whole_number):
        raise ValueError(f"{text!r} is not a valid {tag.rpartition(':')[2]}")
    if tag == NULL:
        return None
    if tag == BOOL:
        return text.lower() == "true"
    if tag == INT:
        return int(text[2:], {"0o": 8, "0x": 16}[text[:2]]) if text[:2] in ("0o", "0x") else int(text)
    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))


def place(value: Any) -> str:
    """Return the lines that a value of a file is on, for messages: `line 3`, `lines 3 to 5`, or nothing."""
    lines = sorted(set(_lines(value)))
    if not lines:
        return ""
    return f"line {lines[0]}" if lines[0] == lines[-1] else f"lines {lines[0]} to {lines[-1]}"


def _lines(value: Any) -> Iterator[int]:
    if isinstance(value, Scalar):
        yield value.line
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _lines(one)
    elif isinstance(value, list):
        for one in value:
            yield from _lines(one)
