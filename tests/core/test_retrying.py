"""Waits between attempts: within bounds, growing, the same for the same names; and who is tried again at all."""

import os
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plait import GraphError, Retry

LAWS = settings(max_examples=int(os.environ.get("PLAIT_EXAMPLES", "25")) * 20, deadline=None)
milliseconds = st.integers(0, 120_000)
errors = [OSError, ConnectionError, TimeoutError, ValueError, LookupError, KeyError]


def made(wait, max_wait, attempts=3):
    return Retry(on=OSError, attempts=attempts, wait=f"{wait}ms", max_wait=f"{max_wait}ms")


@pytest.mark.law
@LAWS
@given(milliseconds, milliseconds, st.integers(0, 2**40), st.text(max_size=8), st.integers(1, 2000))
def test_a_wait_is_between_half_and_all_of_what_it_may_be(wait, max_wait, seed, node, attempt):
    longest = min(max_wait, wait * 2 ** min(attempt - 1, 80)) / 1000
    delay = made(wait, max_wait).delay(seed, node, attempt)
    assert longest / 2 <= delay <= longest
    assert delay == made(wait, max_wait).delay(seed, node, attempt)


@pytest.mark.law
@LAWS
@given(st.sampled_from(errors), st.sampled_from(errors), st.integers(1, 6), st.integers(1, 8))
def test_only_the_named_exceptions_are_tried_again_and_not_for_ever(on, raised, attempts, attempt):
    retry = Retry(on=on, attempts=attempts)
    assert retry.wants(raised("x"), attempt) == (issubclass(raised, on) and attempt < attempts)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_ends_a_program_is_never_tried_again(error):
    assert not Retry(on=Exception, attempts=9).wants(error(), 1)
    with pytest.raises(GraphError, match="this ends a program"):
        Retry(on=error)


def test_nodes_that_failed_together_do_not_come_back_together():
    retry = Retry(on=OSError, wait="10s")
    assert len({retry.delay(0, f"ask[{i}]", 1) for i in range(50)}) == 50
    assert retry.delay(0, "ask", 1) != retry.delay(1, "ask", 1)


@pytest.mark.parametrize(
    ("given_", "said"),
    [
        ({"on": ()}, "name the exceptions that may pass"),
        ({"on": "OSError"}, "give an exception class"),
        ({"on": [OSError]}, "give an exception class, or a tuple"),
        ({"on": OSError, "attempts": 0}, "at least 1"),
        ({"on": OSError, "attempts": 2.0}, "at least 1"),
        ({"on": OSError, "wait": 1}, 'with its unit, such as "500ms"'),
        ({"on": OSError, "max_wait": "soon"}, "is not a length of time"),
    ],
)
def test_values_that_make_no_sense_are_refused(given_, said):
    with pytest.raises(GraphError, match=said):
        Retry(**given_)


def test_which_errors_may_pass_must_be_said():
    with pytest.raises(TypeError, match="on"):
        Retry()


def test_it_travels():
    retry = Retry(on=(OSError, EOFError), attempts=7, wait="20ms", max_wait="3s")
    assert repr(pickle.loads(pickle.dumps(retry))) == repr(retry)
