"""A step is a function, and refuses what cannot be one."""

import functools
import inspect
import pickle
from datetime import UTC, datetime
from pathlib import Path

import cloudpickle
import numpy as np
import pytest

from plait import GraphError, Now, Retry, Scratch, Seed, Step, auto, step


@step
def area(width: float, height: float = 1.0) -> float:
    """The area of a rectangle.

    >>> area(2.0, 3.0)
    6.0
    """
    return width * height


def test_a_step_is_called_as_its_function_is():
    assert area(2.0) == 2.0 and area(2.0, height=3.0) == 6.0


def test_a_step_looks_like_its_function():
    assert inspect.signature(area) == inspect.signature(area.fn)
    assert area.__doc__.startswith("The area") and area.__name__ == "area" and area.__module__ == __name__


def test_doctests_in_a_step_are_found():
    import doctest
    import sys

    found = doctest.DocTestFinder().find(sys.modules[__name__])
    assert any(test.name.endswith("area") and test.examples for test in found)


def test_a_step_of_a_module_pickles_by_its_name():
    assert len(pickle.dumps(area)) < 200
    assert pickle.loads(pickle.dumps(area)).definition is area.definition


def test_a_step_made_in_a_function_pickles_with_its_function():
    @step
    def local(x: int) -> int:
        return x + 1

    assert cloudpickle.loads(cloudpickle.dumps(local))(1) == 2


def test_a_use_of_a_step_shares_its_definition():
    assert area.named("floor").definition is area.definition
    assert area.with_(height=2.0).values == {"height": 2.0} and area.values == {}


def test_what_the_run_gives_is_filled_in_by_a_plain_call():
    @step
    def ambient(seed: Seed = auto, rng: np.random.Generator = auto, scratch: Scratch = auto, now: Now = auto) -> tuple:
        return seed, rng.random(), scratch, now

    seed, number, scratch, now = ambient()
    assert seed == 0 and number == ambient(rng=np.random.Generator(np.random.PCG64(np.random.SeedSequence(0))))[1]
    assert isinstance(scratch, Path) and scratch.is_dir() and (datetime.now(UTC) - now).total_seconds() < 60
    assert ambient(seed=5)[0] == 5


def test_a_star_argument_is_refused():
    with pytest.raises(GraphError, match=r"f\(\*rows\).*take a list"):

        @step
        def f(*rows):
            return rows

    with pytest.raises(GraphError, match=r"f\(\*\*options\).*take a dict"):

        @step
        def f(**options):
            return options


def test_a_generator_function_is_refused():
    with pytest.raises(GraphError, match="generator function.*return a list"):

        @step
        def f(n):
            yield n


def test_a_function_in_a_class_body_is_refused():
    with pytest.raises(GraphError, match=r"class body.*step\(obj\.f, name=\.\.\.\)"):

        class A:
            @step
            def f(self):
                return 1


def test_bound_methods_partials_and_lambdas_are_steps_under_a_name():
    class Scaler:
        def __init__(self, by):
            self.by = by

        def scale(self, x: int) -> int:
            return x * self.by

        def __call__(self, x: int) -> int:
            return x + self.by

    assert step(Scaler(3).scale, name="triple")(2) == 6
    assert step(Scaler(3), name="plus")(2) == 5
    assert step(functools.partial(pow, 2), name="power")(5) == 32
    assert step(lambda x: x + 1, name="inc")(1) == 2


def test_a_lambda_without_a_name_is_refused():
    with pytest.raises(GraphError, match=r"step\(f, name=\.\.\.\)"):
        step(lambda x: x)


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ({"retry": 3}, r"retry=Retry\(on=ConnectionError\)"),
        ({"timeout": 10}, 'with its unit, such as "45s"'),
        ({"timeout": "soon"}, "is not a length of time"),
        ({"timeout": "0s"}, "give a length of time"),
        ({"resources": 2}, "give pools by name"),
        ({"resources": {"gpu": 0}}, "give a number above 0"),
        ({"resources": {"gpu": True}}, "give a number above 0"),
        ({"resources": {"memory": "4 gigs"}}, "is no size.*4GiB"),
        ({"executor": 3}, 'give a name, such as "threads"'),
    ],
)
def test_an_option_that_makes_no_sense_is_refused_at_once(option, said):
    with pytest.raises(GraphError, match=said):
        step(**option)(lambda x: x)


def test_an_async_step_cannot_be_sent_to_an_executor():
    async def ask(x: int) -> int:
        return x

    with pytest.raises(GraphError, match="runs on the event loop of this process"):
        step(executor="threads")(ask)


def test_how_a_step_runs_is_known_and_travels():
    @step(
        retry=Retry(on=(OSError, EOFError), attempts=5, wait="2s"),
        timeout="10m",
        resources={"gpu": 1, "memory": "4GiB"},
        executor="processes",
    )
    def fit(x: int) -> int:
        return x

    options = pickle.loads(cloudpickle.dumps(fit)).definition.options
    assert (options.timeout, options.executor) == (600.0, "processes")
    assert options.resources == {"gpu": 1.0, "memory": 4.0 * 2**30}
    assert (options.retry.on, options.retry.attempts, options.retry.wait) == ((OSError, EOFError), 5, 2.0)


def test_a_map_in_which_nothing_varies_is_refused():
    with pytest.raises(GraphError, match="nothing varies; mark it"):
        area.map([1.0])


@pytest.mark.parametrize("name", ["a b", "1a", "a.b", "", "a/b"])
def test_a_name_that_cannot_stand_in_an_address_is_refused(name):
    with pytest.raises(GraphError, match="cannot name a node"):
        area.named(name)


def test_a_time_to_live_must_be_a_length_of_time():
    with pytest.raises(GraphError, match="'soon' is not a length of time"):
        step(cache="soon")


def test_a_list_option_given_as_text_is_refused():
    with pytest.raises(GraphError, match=r"give a list: tags=\['feature'\]"):
        step(tags="feature")


def test_ignoring_a_parameter_that_is_not_there_is_refused():
    with pytest.raises(GraphError, match=r"ignore='con' is not one of its parameters\. Did you mean 'conn'\?"):

        @step(ignore=["con"])
        def f(conn):
            return 1


def test_a_step_cannot_be_made_of_a_step():
    with pytest.raises(GraphError, match=r"area is a step already.*area\.named"):
        step(area)


def test_a_step_is_typed_as_one():
    assert isinstance(area, Step) and repr(area) == "<step area: area(width: float, height: float = 1.0) -> float>"
