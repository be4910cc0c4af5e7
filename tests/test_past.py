"""Runs of the past are read like the one that has just ended."""

from datetime import date
from typing import Literal

import pytest

from plait import PlaitError, each, pipeline, step, switch


@step
def double(x: int) -> int:
    return 2 * x


@step
def size(text: str) -> int:
    return len(text)


@step
def year(day: date) -> int:
    return day.year


@step
def plus(x: int, y: int = 1) -> int:
    return x + y


@pipeline
def chained(xs: list[int]) -> list[int]:
    return plus.map(each(double.map(each(xs))))


@pipeline
def keyed(xs: dict[str, int]) -> dict[str, int]:
    return double.map_values(each(xs))


@pipeline
def zipped(xs: list[int], ys: list[int]) -> list[int]:
    return plus.map(each(xs), y=each(ys))


@pipeline
def chosen(x: int, which: Literal["a", "b"]) -> int:
    return switch(which, {"a": double(x), "b": plus(x)})


@pytest.mark.parametrize(
    "pipe, params",
    [
        (chained, {"xs": [3, 1, 3]}),
        (chained, {"xs": []}),
        (keyed, {"xs": {"b": 1, "a": 2}}),
        (zipped, {"xs": [1, 2], "ys": [-5, 6]}),
        (chosen, {"x": 1, "which": "b"}),
    ],
)
def test_what_was_mapped_over_a_parameter_or_chosen_by_one_is_read_whole(tmp_path, pipe, params):
    run = pipe.run(store=tmp_path, listeners=[], **params)
    (past,) = pipe.runs(store=tmp_path)
    assert past.result == run.result and past.states == run.states
    assert {name: past.params[name] for name in params} == params
    for node, state in run.states.items():
        assert state == "skipped" or past[node] == run[node]


@pytest.mark.parametrize("texts", [["a  b"], ["a b"], ["x" * 300], ["https://me:secret@host/a"]])
def test_a_parameter_that_history_does_not_say_whole_is_not_guessed(tmp_path, texts):
    @pipeline
    def sizes(texts: list[str]) -> list[int]:
        return size.map(each(texts))

    run = sizes.run(texts=texts, store=tmp_path, listeners=[])
    (past,) = sizes.runs(store=tmp_path)
    with pytest.raises(PlaitError, match=r"texts was \[.*, of which history keeps only this text.*size\["):
        past["size"]
    (node,) = run.states
    assert past[node] == run[node] == len(texts[0])


def test_a_parameter_that_is_no_plain_value_is_told_as_text(tmp_path):
    @pipeline
    def years(days: list[date]) -> list[int]:
        return year.map(each(days))

    years.run(days=[date(2025, 1, 2)], store=tmp_path, listeners=[])
    (past,) = years.runs(store=tmp_path)
    assert past.params["days"] == "[datetime.date(2025, 1, 2)]" and past["year", date(2025, 1, 2)] == 2025
