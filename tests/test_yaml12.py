"""YAML 1.2: what scalars mean, and that their text stands where text is wanted."""

import string
import typing
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, NewType, Union

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, SecretStr
from typing_extensions import TypeAliasType, TypedDict

from plait import File, ParameterError, Pipeline, step
from plait.graphs import from_yaml, to_yaml
from plait.yaml12 import fit, load, plain


def read(text: str) -> Any:
    return plain(load(text, "it"))


def test_the_scalars_of_the_specification():
    """The examples of YAML 1.2.2, sections 10.2.1 and 10.3.2."""
    assert read("[null, Null, ~, NULL, ]") == [None] * 4
    assert read("[true, True, false, FALSE]") == [True, True, False, False]
    assert read("[0, 0o7, 0x3A, -19, 017, +12]") == [0, 7, 58, -19, 17, 12]
    assert read("[0., -0.0, .5, +12e03, -2E+05, 1e-3, 6.02e23]") == [0.0, -0.0, 0.5, 12000.0, -200000.0, 0.001, 6.02e23]
    assert read("[.inf, -.Inf, +.INF]") == [float("inf"), float("-inf"), float("inf")]
    assert repr(read("[.NAN, .nan]")) == "[nan, nan]"
    texts = ["no", "Yes", "on", "OFF", "y", "12:30:45", "1_000", "2013-10-01", "0b11", "-0x1", "1e", "tRUE", "=", "nan"]
    assert read(f"[{', '.join(texts)}]") == texts
    assert read("{a: , b: !!str 01, c: !!float 1, d: '1', 7: x}") == {"a": None, "b": "01", "c": 1.0, "d": "1", 7: "x"}


def expected(text: str) -> Any:
    """What YAML 1.2 says of a plain scalar, written another way than `plait.yaml12` does: by hand, with no patterns."""
    if text in ("null", "Null", "NULL", "~", ""):
        return None
    if text in ("true", "True", "TRUE", "false", "False", "FALSE"):
        return text in ("true", "True", "TRUE")
    if text in (".nan", ".NaN", ".NAN"):
        return "not a number"
    unsigned = text[1:] if text[0] in "+-" else text
    if unsigned in (".inf", ".Inf", ".INF"):
        return float("-inf") if text[0] == "-" else float("inf")
    for prefix, digits, base in (("0o", string.octdigits, 8), ("0x", string.hexdigits, 16)):
        if text.startswith(prefix) and text[2:] and set(text[2:]) <= set(digits):
            return int(text[2:], base)
    if unsigned and set(unsigned) <= set(string.digits):
        return int(text)
    mantissa, e, exponent = unsigned.replace("E", "e").partition("e")
    exponent = exponent[1:] if exponent[:1] in ("+", "-") else exponent
    whole, _, fraction = mantissa.partition(".")
    has_digits = bool(whole) or bool(fraction)
    if has_digits and set(whole + fraction) <= set(string.digits) and bool(exponent) == bool(e):
        if set(exponent) <= set(string.digits):
            return float(text)
    return text


@given(st.text("0123456789+-._eExXoOabcdefinsNTrul:~", max_size=8) | st.floats().map(repr) | st.integers().map(str))
@example("1e-3")
@example("0o17")
@example(".")
@example("+")
@example("-.e3")
def test_a_plain_scalar_means_what_yaml_1_2_says(text):
    try:
        node = yaml.compose(text)
    except yaml.YAMLError:
        return
    if not isinstance(node, yaml.ScalarNode) or node.value != text:
        return  # "- 1" is a list
    found, wanted = read(text), expected(text)
    if wanted == "not a number":
        assert repr(found) == "nan"
    else:
        assert (type(found), found) == (type(wanted), wanted)
    assert fit([str], load(text, "it")) == (None if wanted is None else text)  # as it stands in the file


class Level(Enum):
    LOW = "1.0"
    HIGH = "on"


class Row(NamedTuple):
    code: str
    n: int


class Options(TypedDict):
    version: str


class OldOptions(typing.TypedDict):
    version: str


@dataclass
class Settings:
    version: str
    rate: float = 0.0
    parts: list[str] | None = None


class Model(BaseModel):
    version: str = Field("", alias="ver")
    inner: Settings | None = None
    extra: dict[str, str] = {}


class Texts(BaseModel):
    tag: Literal["texts"]
    values: list[str]


class Numbers(BaseModel):
    tag: Literal["numbers"]
    values: list[float]


Code = NewType("Code", str)
Alias = TypeAliasType("Alias", list[Code])


@pytest.mark.parametrize(
    "hint, text, wanted",
    [
        (str, "01234", "01234"),
        (str, "no", "no"),
        (str, "true", "true"),
        (str, "1e-3", "1e-3"),
        (str, "0x1F", "0x1F"),
        (str, "2013-10-01", "2013-10-01"),
        (list[str], "[01, no, 1.10]", ["01", "no", "1.10"]),
        (dict[str, str], "{01: 1.10, no: 0o7}", {"01": "1.10", "no": "0o7"}),
        (dict[int, str], "{01: 1.10}", {1: "1.10"}),
        (tuple[str, int], "[01, 01]", ("01", 1)),
        (tuple[str, ...], "[01, 02]", ("01", "02")),
        (set[str], "[01]", {"01"}),
        (str | None, "01", "01"),
        (str | None, "null", None),
        (Union[str, None], "", None),  # noqa: UP007
        (list[str] | None, "[01, no]", ["01", "no"]),
        (float | str, "1e-3", 0.001),
        (float | str, "1_0", "1_0"),
        (float | str, "7", 7.0),
        (int | str, "1.10", "1.10"),
        (int | str, "017", 17),
        (int | str, "1e3", 1000),
        (bool | str, "1", "1"),
        (bool | str, "true", True),
        (bool | str, "no", "no"),
        (list[str] | dict[str, int], "{01: 01}", {"01": 1}),
        (str | list[str], "[1.10]", ["1.10"]),
        (Annotated[str, Field(min_length=2)], "01", "01"),
        (Code, "01", "01"),
        (Alias, "[01]", ["01"]),
        (Literal["1.10", "2"], "1.10", "1.10"),
        (Literal[1, "1"], "1", 1),
        (Level, "1.0", Level.LOW),
        (Level, "on", Level.HIGH),
        (Decimal, "1.10", Decimal("1.10")),
        (Decimal | str, "0.1", Decimal("0.1")),
        (Path, "2024", Path("2024")),
        (bytes, "01", b"01"),
        (date, "2013-10-01", date(2013, 10, 1)),
        (datetime, "2013-10-01", datetime(2013, 10, 1)),
        (list[date], "[2013-10-01]", [date(2013, 10, 1)]),
        (timedelta, "90", timedelta(seconds=90)),
        (timedelta, "12:30:45", timedelta(hours=12, minutes=30, seconds=45)),
        (int, "017", 17),
        (int, "0o17", 15),
        (int, "1_000", 1000),
        (float, "1e-3", 0.001),
        (bool, "no", False),
        (Row, "[01, 01]", Row("01", 1)),
        (Row, "{code: 01, n: 01}", Row("01", 1)),
        (Options, "{version: 1.10}", {"version": "1.10"}),
        (OldOptions, "{version: 1.10}", {"version": "1.10"}),
        (Settings, "{version: 1.10, rate: 1e-3, parts: [01]}", Settings("1.10", 0.001, ["01"])),
        (Model, "{ver: 1.10, inner: {version: 010}, extra: {a: 01}}",
         Model(ver="1.10", inner=Settings("010"), extra={"a": "01"})),
        (Texts | Numbers, "{tag: texts, values: [01]}", Texts(tag="texts", values=["01"])),
        (Texts | Numbers, "{tag: numbers, values: [01]}", Numbers(tag="numbers", values=[1.0])),
        (Any, "{1: 1e-3, at: 12:30:45, 01a: no}", {1: 0.001, "at": "12:30:45", "01a": "no"}),
    ],
)  # fmt: skip
def test_the_annotation_says_whether_a_scalar_is_text(tmp_path, hint, text, wanted):
    def use(given):
        return given

    use.__annotations__ = {"given": hint, "return": object}
    (tmp_path / "c.yaml").write_text(f"params:\n  given: {text}\n")
    found = Pipeline("p", [step(use)]).with_config(tmp_path / "c.yaml").parameters["given"]
    assert (type(found), found) == (type(wanted), wanted)


def test_a_secret_of_pydantic_is_text(tmp_path):
    @step
    def ask(key: SecretStr, path: File) -> int:
        return 1

    (tmp_path / "2024").write_text("")
    (tmp_path / "c.yaml").write_text(f"params: {{key: 0123, path: {tmp_path}/2024}}")
    assert Pipeline("p", [ask]).with_config(tmp_path / "c.yaml").parameters["key"].get_secret_value() == "0123"


@step
def mail(zip: str = "", other=0.1, n: int = 1, verbose=False, tags: list[str] = []) -> str:
    return zip


@pytest.mark.parametrize(
    "text, said",
    [
        ("zip:", r"c\.yaml, line 3: mail\.zip = None does not fit str: .*; put it in quotes if it is text"),
        ("zip: Null", r"mail\.zip = None does not fit str: .* \(written Null\); put it in quotes if it is text"),
        ("zip: [a]", r"line 3: mail\.zip = \['a'\] does not fit str: .*; put it in quotes if it is text"),
        ("n: 1.50", r"line 3: mail\.n = 1\.5 does not fit int: .* \(written 1\.50\)$"),
        ("n: 0b11", r"line 3: mail\.n = '0b11' does not fit int"),
        ("tags: [a,\n      b, ~]", r"lines 3 to 4: mail\.tags = \['a', 'b', None\] does not fit list\[str\]"),
        ("verbose: off", r"mail\.verbose = 'off' is text in YAML 1\.2, and its default is False; write true or false"),
    ],
)
def test_what_does_not_fit_is_said_with_its_line_and_as_it_was_written(tmp_path, text, said):
    (tmp_path / "c.yaml").write_text(f"params:\n  mail:\n    {text}\n")
    with pytest.raises(ParameterError, match=said):
        Pipeline("p", [mail]).with_config(tmp_path / "c.yaml")


_TEXTS = st.text("0123456789eo.:-_+nNyYaslo~<=", max_size=6) | st.sampled_from(
    ["1e-3", "0o17", "no", "12:30:45", "1_000", "2013-10-01", "017", "~", "", "<<", "=", ".inf", "0x1F", "0b1"]
)
_LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | _TEXTS


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), st.recursive(_LEAVES, lambda inner: st.lists(inner, max_size=3), max_leaves=5), max_size=4))  # fmt: skip
def test_what_the_writer_of_graphs_writes_is_the_same_in_both_versions_of_yaml(content):
    from plait.graphs.writing import dump

    written = dump(content)
    assert yaml.safe_load(written) == content and read(written) == content


def test_the_command_line_and_graphs_read_the_same_yaml(importable):
    (importable / "post12.py").write_text(
        "from plait import step\n@step\ndef mail(zip: str, n: float, tags: list[str] = []) -> str:\n    return zip\n"
    )
    text = "pipeline: p\nnodes: {mail: {step: 'post12:mail', with: {zip: 01234, tags: [01, no]}}}\nparams: {n: 1e-3}\n"
    made = from_yaml(text, allow=["post12"])
    assert made.run(store=None, listeners=[]).result == "01234" and made.parameters == {"n": 0.001}
    again = from_yaml(to_yaml(made), allow=["post12"])
    assert again.run(store=None, listeners=[]).result == "01234" and again.parameters == {"n": 0.001}
    assert dict(again.graph.nodes["mail"].inputs)["tags"].value == ["01", "no"]

    from post12 import mail as letters  # type: ignore[import-not-found]

    from plait.cli.commands import _set

    said = [("zip", "01234"), ("n", "1e-3"), ("mail.tags", "[01, no]")]
    assert dict(_set(Pipeline("p", [letters]), said).parameters) == {
        "zip": "01234",
        "n": 0.001,
        "mail.tags": ["01", "no"],
    }
    assert _set(Pipeline("p", [letters]), [("zip", "null")]).parameters["zip"] == "null"
    assert _set(Pipeline("p", [letters]), [("zip", "[x")]).parameters["zip"] == "[x"
