"""Switches in runs: only the branch that is chosen is made, and who was not says why."""

from enum import Enum
from typing import Literal

import pytest

from plait import GraphError, NodeFailed, ParameterError, PlaitError, each, pipeline, step, switch


class Kind(Enum):
    SMALL = 1
    LARGE = 2


@step
def from_file(path: str) -> list[int]:
    return [len(path)]


@step
def from_web(url: str) -> list[int]:
    return [100 + len(url)]


@step
def cleaned(rows: list[int]) -> list[int]:
    return rows * 2


@step
def total(rows: list[int]) -> int:
    return sum(rows)


@step
def kind_of(n: int) -> Literal["odd", "even"]:
    return "odd" if n % 2 else "even"


@step
def halved(n: int) -> int:
    return n // 2


@step
def tripled(n: int) -> int:
    return 3 * n + 1


@pipeline
def nightly(source: Literal["file", "web"], path: str, url: str) -> int:
    return total(switch(source, {"file": from_file(path), "web": cleaned(from_web(url))}))


@pipeline
def collatz(n: int) -> int:
    return switch(kind_of(n), {"odd": tripled(n), "even": halved(n)})


def quiet(pipe, *targets, store=None, **options):
    return pipe.run(*targets, store=store, listeners=[], **options)


def test_a_parameter_chooses_before_the_run_and_the_other_branch_asks_for_nothing():
    run = quiet(nightly, source="file", path="abc")  # no url
    assert run.result == 3
    assert run.states == {"from_file": "run", "from_web": "skipped", "cleaned": "skipped", "total": "run"}
    assert quiet(nightly, source="web", url="ab").result == 204


def test_the_parameters_of_the_branch_that_is_chosen_are_asked_for():
    with pytest.raises(ParameterError, match="nothing makes 'url'"):
        quiet(nightly, source="web", path="abc")


def test_a_value_without_a_branch_is_refused_at_the_door():
    with pytest.raises(ParameterError, match="source = 'ftp' does not fit"):
        quiet(nightly, source="ftp", path="abc", url="")


def test_a_node_that_was_not_chosen_says_why():
    run = quiet(nightly, source="file", path="abc")
    with pytest.raises(PlaitError, match="cleaned was not run, because source is 'file'"):
        run["cleaned"]


def test_a_plan_has_only_what_was_chosen(tmp_path):
    plan = nightly.plan(source="file", path="abc", store=tmp_path)
    assert [planned.node for planned in plan] == ["from_file", "total"]


def test_a_result_chooses_in_the_run():
    for n, expected, left in ((7, 22, "halved"), (8, 4, "tripled")):
        run = quiet(collatz, n=n)
        assert run.result == expected == collatz(n) and run.states[left] == "skipped"
        with pytest.raises(PlaitError, match=f"{left} was not run, because kind_of is '(odd|even)'"):
            run[left]


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_every_executor_chooses_alike(executor):
    run = quiet(collatz, n=7, executor=executor)
    assert run.result == 22 and run.digest("tripled") == quiet(collatz, n=7).digest("tripled")


def test_a_plan_waits_for_the_selector(tmp_path):
    plan = collatz.plan(n=7, store=tmp_path)
    assert plan["run"] == ["kind_of"] and set(plan["wait"]) == {"halved", "tripled"}
    quiet(collatz, "kind_of", n=7, store=tmp_path)
    plan = collatz.plan(n=7, store=tmp_path)
    assert plan["hit"] == ["kind_of"] and plan["run"] == ["tripled"] and plan["wait"] == []


def test_a_branch_that_somebody_else_needs_is_made():
    @pipeline
    def p(flag: bool, n: int) -> tuple[int, int]:
        half = halved(n)
        return total([switch(flag, {True: half, False: tripled(n)})]), total.named("other")([half])

    run = quiet(p, flag=False, n=8)
    assert run.result == (25, 4) and run.states["halved"] == "run"


def test_a_branch_that_is_asked_for_by_name_is_made():
    run = quiet(nightly, "cleaned", source="file", path="abc", url="abcd")
    assert run["cleaned"] == [104, 104]


def test_each_item_chooses_for_itself():
    @pipeline
    def step_of(n: int) -> int:
        return switch(kind_of(n), {"odd": tripled(n), "even": halved(n)})

    @pipeline
    def p(ns: list[int]) -> list[int]:
        return step_of.map(each(ns))

    run = quiet(p, ns=[7, 8, 9])
    assert run.result == [22, 4, 28] == p([7, 8, 9])
    assert [name for name in run.states if "halved" in name] == ["step_of/halved[8]"]


def test_a_map_over_what_a_switch_chose():
    @pipeline
    def p(flag: bool, a: list[int], b: list[int]) -> list[int]:
        return halved.map(each(switch(flag, {True: a, False: tripled.map(each(b))})))

    assert quiet(p, flag=True, a=[2, 4]).result == [1, 2] == p(True, [2, 4], [])
    assert quiet(p, flag=False, b=[1, 2]).result == [2, 3] == p(False, [], [1, 2])


def test_a_default_is_taken_for_what_has_no_branch():
    @pipeline
    def p(kind: str, n: int) -> int:
        return switch(kind, {"half": halved(n)}, default=n)

    assert quiet(p, kind="half", n=6).result == 3 and quiet(p, kind="other", n=6).result == 6


def test_a_result_without_a_branch_fails_who_reads_it():
    @step
    def word(n: int) -> str:
        return "three"

    @pipeline
    def p(n: int) -> int:
        return total([switch(word(n), {"one": halved(n), "tree": tripled(n)})])

    with pytest.raises(
        NodeFailed, match=r"total: GraphError: switch\(word\): there is no branch for 'three', only for "
    ):
        quiet(p, n=1)


def test_a_switch_without_the_branch_is_an_error_in_plain_python_too():
    with pytest.raises(GraphError, match=r"there is no branch for 'twoo', only for 'one', 'two'. Did you mean 'two'\?"):
        switch("twoo", {"one": 1, "two": 2})


def test_enums_choose():
    @pipeline
    def p(kind: Kind, n: int) -> int:
        return switch(kind, {Kind.SMALL: halved(n), Kind.LARGE: tripled(n)})

    assert quiet(p, kind=Kind.LARGE, n=1).result == 4 == quiet(p, kind=2, n=1).result


def test_a_fixed_selector_is_lazy_too():
    @pipeline
    def p(n: int) -> int:
        return switch("half", {"half": halved(n), "triple": tripled(n)})

    assert quiet(p, n=4).states == {"halved": "run", "tripled": "skipped"}


def test_a_field_of_a_parameter_chooses():
    from pydantic import BaseModel

    class Config(BaseModel):
        kind: Literal["half", "triple"] = "half"

    @pipeline
    def p(config: Config, n: int) -> int:
        return switch(config.kind, {"half": halved(n), "triple": tripled(n)})

    assert quiet(p, config={"kind": "triple"}, n=1).states == {"halved": "skipped", "tripled": "run"}


def test_a_warm_run_chooses_again(tmp_path):
    quiet(collatz, n=7, store=tmp_path)
    assert quiet(collatz, n=7, store=tmp_path).states == {"kind_of": "hit", "tripled": "hit", "halved": "skipped"}
