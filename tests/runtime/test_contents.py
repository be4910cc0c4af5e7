"""Where files are in a value, and the same value around other files."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pydantic import BaseModel

from plait import File
from plait.runtime.contents import files_in, with_files


@dataclass(frozen=True)
class Held:
    file: File
    more: tuple[Any, ...] = ()
    others: list[Any] = field(default_factory=list, compare=False)


class Model(BaseModel, arbitrary_types_allowed=True):
    files: dict[str, File]


class Pair(NamedTuple):
    left: Any
    right: Any


def names(value: Any) -> list[str]:
    return [Path(file).name for file in files_in(value)]


def other(file: Any) -> File:
    return File(f"{file}.new")


def test_files_are_found_in_everything_that_may_hold_them() -> None:
    value = [
        File("a"),
        {"k": (File("b"), 1)},
        Held(File("c"), (File("d"),)),
        Model(files={"x": File("e")}),
        {File("f")},
    ]
    assert sorted(names(value)) == ["a", "b", "c", "d", "e", "f"]
    assert names("a") == names(["a", 1]) == []


def test_the_same_value_is_made_around_other_files() -> None:
    value = [Pair(File("a"), [1]), {"k": {File("b")}}, Held(File("c"), (File("a"),)), Model(files={"x": File("e")})]
    made = with_files(value, other)
    assert made[0] == Pair(File("a.new"), [1]) and type(made[0]) is Pair
    assert made[1] == {"k": {File("b.new")}}
    assert made[2] == Held(File("c.new"), (File("a.new"),))
    assert made[3].files == {"x": File("e.new")}
    assert sorted(names(value)) == ["a", "a", "b", "c", "e"], "what was given is as it was"


def test_a_value_whose_files_stay_is_the_very_same() -> None:
    value = [File("a"), {"k": Held(File("b"))}]
    assert with_files(value, lambda file: file) is value


@pytest.mark.parametrize("depth", [10, 100_000])
def test_depth_has_no_limit(depth: int) -> None:
    value: list[Any] = [File("a")]
    for _ in range(depth):
        value = [value]
    assert names(value) == ["a"]
    made = with_files(value, other)
    for _ in range(depth):
        (made,) = made
    assert made == [File("a.new")]


def test_what_holds_itself_is_walked_once_and_holds_itself_again() -> None:
    value: list[Any] = [File("a")]
    value.append((value, {"again": value}))
    assert names(value) == ["a"]
    made = with_files(value, other)
    assert made[0] == File("a.new") and made[1][0] is made and made[1][1]["again"] is made

    held = Held(File("b"))
    held.others.append(held)
    copied = with_files(held, other)
    assert (copied.file, copied.others[0].file) == (File("b.new"), File("b.new"))
    assert held.others[0] is held


def test_what_is_held_very_often_is_walked_once() -> None:
    value: Any = [File("a")]
    for _ in range(200):
        value = [value, value]
    assert names(value) == ["a"], "a walk over all paths would never end"
