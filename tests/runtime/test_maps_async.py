"""Async steps and pipelines, mapped and awaited: the same graph, and plain coroutines outside of a run."""

import asyncio

import pytest

from plait import attempt, each, pipeline, step


@step
async def ask(prompt: str, suffix: str = "!") -> str:
    await asyncio.sleep(0)
    if prompt == "bad":
        raise ConnectionError("busy")
    return prompt + suffix


@step
def joined(answers: list) -> str:
    return " ".join(map(str, answers))


@pipeline
def asked(prompts: list[str]) -> str:
    return joined(attempt(ask.map(each(prompts))))


@pipeline
async def twice(prompt: str) -> str:
    first = await ask(prompt)
    return await ask.named("again")(first)


@pipeline
async def nested(prompts: list[str]) -> list[str]:
    return twice.map(each(prompts))


@pytest.mark.parametrize("executor", ["sequential", "threads", "processes"])
def test_async_steps_are_mapped(executor):
    run = asked.run(prompts=["a", "bad", "b"], store=None, listeners=[], executor=executor)
    assert run.result == "a! <failure of ask[bad]: ConnectionError: busy> b!"


def test_an_async_pipeline_is_a_coroutine_outside_of_a_run():
    assert asyncio.run(twice("a")) == "a!!" == twice.run(prompt="a", store=None, listeners=[]).result


def test_an_async_pipeline_can_be_mapped():
    run = nested.run(prompts=["a", "b"], store=None, listeners=[])
    assert run.result == ["a!!", "b!!"] == asyncio.run(nested(["a", "b"]))
    assert run["twice/again", "b"] == "b!!"


def test_a_plain_map_of_async_steps_needs_no_await_also_where_a_loop_runs():
    assert ask.map(each(["a", "b"]), suffix="?") == ["a?", "b?"]

    async def within():
        return ask.map_values(each({"x": "a"}))

    assert asyncio.run(within()) == {"x": "a!"}
