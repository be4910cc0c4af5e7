"""A run that is over is read by any name of its graph: by what it has, or with a word about why it has not."""

from typing import Any

import pytest

from plait import PlaitError, each, pipeline, step, switch


@step
def double(x: Any) -> Any:
    return x * 2


@step
def numbers() -> list[int]:
    return [1, 2, 1]


@pipeline
def itself(x: Any) -> Any:
    return x


@pipeline
def either(x: int, how: str = "itself") -> int:
    return switch(how, {"itself": x, "double": double.named("twice")(x)})


@pipeline
def both(xs: list[Any]) -> dict[str, Any]:
    rows = each(xs)
    return {"itself": itself.map(rows), "double": double.map(rows)}


@pipeline
def chosen() -> list[int]:
    return either.map(each(numbers()))


def quiet(pipe, *targets, store=None, **params):
    return pipe.run(*targets, store=store, listeners=[], **params)


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("xs", [[1, 2, 1], [[1], [2]], ["a" * 5000, "b"], []])
def test_a_result_that_is_made_of_items_is_read_again_and_again(tmp_path, xs, kept):
    for _ in range(2):
        run = quiet(both, xs=xs, store=tmp_path / "store" if kept else None)
        for _ in range(2):
            assert run.result == {"itself": xs, "double": [2 * x for x in xs]} == both(xs)
            assert run["itself"] == xs


def test_items_that_a_switch_hands_on_are_read_when_the_run_is_over(tmp_path):
    for _ in range(2):
        assert quiet(chosen, store=tmp_path / "store").result == [1, 2, 1] == chosen()


def test_small_items_of_a_map_are_read_though_only_another_map_of_them_was_asked_for():
    assert quiet(both, "double", xs=[1, 2])["itself"] == [1, 2]


def test_items_that_are_not_held_are_told_of():
    run = quiet(both, "double", xs=[[1], [2]])
    assert run["double"] == [[1, 1], [2, 2]]
    with pytest.raises(PlaitError, match=r"each\(xs\)\[#\w+\] was not asked for in this run"):
        run["itself"]


@pytest.mark.parametrize("target", ["numbers", "either/twice"])
def test_a_parameter_that_nobody_read_is_told_of(target):
    run = quiet(chosen, target)
    with pytest.raises(PlaitError, match=r"either\.how was read by nothing in this run"):
        run["either"]
