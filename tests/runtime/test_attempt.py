"""Errors as values: for the step that attempts something, and for nobody else."""

import pytest

from plait import Failure, NodeFailed, attempt, each, pipeline, step


class OddError(ValueError):
    """A class that can travel."""


@step
def words(n: int) -> list[str]:
    return [str(i) for i in range(n)]


@step
def even(word: str) -> int:
    if int(word) % 2:
        raise OddError(f"{word} is odd")
    return int(word)


@step
def square(n: int) -> int:
    return n * n


@step
def shown(numbers: list) -> list[str]:
    return [repr(number) for number in numbers]


@step
def one(number: object) -> str:
    return repr(number)


@step
def total(numbers: list[int]) -> int:
    return sum(numbers)


@pipeline
def labelled(n: int) -> list[str]:
    return shown(attempt(square.map(each(even.map(each(words(n)))))))


def quiet(pipe, *targets, store=None, **options):
    return pipe.run(*targets, store=store, listeners=[], **options)


EXPECTED = ["0", "<failure of even['1']: OddError: 1 is odd>", "4"]


@pytest.mark.parametrize("fail", ["fast", "keep-going"])
@pytest.mark.parametrize("executor", ["sequential", "threads", "processes"])
def test_a_bad_item_is_a_failure_and_the_others_go_on(executor, fail):
    run = quiet(labelled, n=3, executor=executor, fail=fail)
    assert run.result == ["0", "<failure of even[1]: OddError: 1 is odd>", "4"]
    assert run.ok and run.raise_for_failures() is run
    assert [(f.node, f.item, f.kind) for f in run.failures] == [("even", "1", "OddError")]


def test_the_reader_runs_again_when_the_item_succeeds(tmp_path):
    flag = tmp_path / "flag"

    @step(cache=False)
    def asked(word: str) -> str:
        if word == "b" and not flag.exists():
            raise ConnectionError("busy")
        return word

    @pipeline
    def p(xs: list[str]) -> list[str]:
        return shown(attempt(asked.map(each(xs))))

    store = tmp_path / "store"
    first = quiet(p, xs=["a", "b"], store=store)
    assert first.result == ["'a'", "<failure of asked[b]: ConnectionError: busy>"]
    assert quiet(p, xs=["a", "b"], store=store).states["shown"] == "hit"
    flag.touch()
    last = quiet(p, xs=["a", "b"], store=store)
    assert last.result == ["'a'", "'b'"] and last.states["shown"] == "run"


def test_a_failure_is_never_a_hit(tmp_path):
    for _ in range(2):
        run = quiet(labelled, n=2, store=tmp_path)
        assert run.states["even['1']"] == "failed"


def test_it_holds_for_that_reader_only():
    @pipeline
    def p(n: int) -> tuple[list[str], int]:
        numbers = even.map(each(words(n)))
        return shown(attempt(numbers)), total(numbers)

    with pytest.raises(NodeFailed, match=r"even\['1'\]: OddError: 1 is odd"):
        quiet(p, n=3)
    run = quiet(p, n=3, fail="keep-going")
    assert run.states["total"] == "skipped" and run["shown"][0] == "0" and not run.ok
    with pytest.raises(NodeFailed):
        run.raise_for_failures()


def test_a_single_result_can_be_attempted():
    @pipeline
    def p(word: str) -> str:
        return one(attempt(square(even(word))))

    assert quiet(p, word="3").result == "<failure of even: OddError: 3 is odd>"
    assert quiet(p, word="4").result == "16" == p("4")


def test_what_is_returned_can_be_attempted():
    @pipeline
    def p(word: str):
        return attempt(even(word))

    run = quiet(p, word="3")
    assert isinstance(run.result, Failure) and isinstance(run.result.error, OddError) and run.ok


def test_a_list_that_cannot_be_mapped_over_is_one_failure():
    @step
    def broken(n: int) -> list[str]:
        raise OSError("no list")

    @pipeline
    def p(n: int) -> str:
        return one(attempt(even.map(each(broken(n)))))

    assert quiet(p, n=1).result == "<failure of broken: OSError: no list>"


def test_a_map_over_what_was_attempted_sees_each_failure():
    @pipeline
    def p(n: int) -> list[str]:
        return one.map(each(attempt(even.map(each(words(n))))))

    run = quiet(p, n=2)
    assert run.result == ["0", "<failure of even[1]: OddError: 1 is odd>"]


def test_an_attempt_of_a_list_of_results_is_item_by_item():
    @pipeline
    def p(a: str, b: str) -> list[str]:
        return shown(attempt([even.named("first")(a), even.named("second")(b)]))

    assert quiet(p, a="1", b="2").result == ["<failure of first: OddError: 1 is odd>", "2"]


def test_a_step_that_failed_because_of_its_branch_can_be_attempted():
    @pipeline
    def p(word: str) -> str:
        return one(attempt(total([even(word)])))

    assert quiet(p, word="1").result == "<failure of even: OddError: 1 is odd>"


def test_outside_a_run_values_pass_through_and_errors_are_raised():
    assert attempt(3) == 3
    with pytest.raises(OddError):
        labelled(2)


def test_a_failure_has_a_digest_of_what_it_says():
    from plait.opening import temporary, vault_of

    vault = vault_of(temporary(), labelled.graph, strict=False)
    digests = [
        vault.naming.digest(Failure(node, item, error))
        for node, item, error in (
            ("f", "a", OddError("x")),
            ("f", "a", OddError("x")),
            ("g", "a", OddError("x")),
            ("f", "b", OddError("x")),
            ("f", "a", ValueError("x")),
            ("f", "a", OddError("y")),
        )
    ]
    assert digests[0] == digests[1] and len(set(digests)) == 5


def test_a_failure_whose_error_is_of_a_class_within_a_function_has_that_error_again():
    import pickle

    import cloudpickle  # noqa: F401 - by whose numbers such classes are found again, in any executor but the sequential

    class LocalError(Exception):
        pass

    back = pickle.loads(pickle.dumps(Failure("f", "a", LocalError("here"))))
    assert back == Failure("f", "a", LocalError("here"))
    assert type(back.error) is LocalError
    assert str(back.error) == "here"


def test_one_item_that_is_asked_for_does_not_make_the_others_fatal():
    run = quiet(labelled, "even['0']", "shown", n=3)
    assert run["even", "0"] == 0 and run.ok and len(run.failures) == 1
    with pytest.raises(NodeFailed, match=r"even\['1'\]"):
        quiet(labelled, "even['1']", "shown", n=3)
