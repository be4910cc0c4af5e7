"""What a step returns is a value: not something that is still to be awaited, or that can be read only once."""

import asyncio
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest

from plait import NodeFailed, Pipeline, each, pipeline, step

EXECUTORS = ["sequential", "threads", "processes"]


async def fetch(n):
    return n


async def numbers():
    yield 1


@step
def forgot(n: int) -> int:
    return fetch(n)


@step
async def forgot_within(n: int) -> int:
    return fetch(n)


@step
def forgot_many(n: int) -> list[int]:
    return [fetch(i) for i in range(20)]


@step
def forgot_by_name(n: int) -> dict[str, object]:
    return {"first": 1, "second": fetch(n)}


@step
def forgot_a_part(n: int) -> tuple[int, int]:
    return 1, fetch(n)


@step
async def forgot_a_task(n: int) -> int:
    return asyncio.ensure_future(fetch(n))


@step
def forgot_a_future(n: int) -> int:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(int, n)


@step
def forgot_to_loop(n: int) -> list[int]:
    return numbers()


@step
def forgot_the_list(n: int) -> list[int]:
    return (i for i in range(n))


@step
def remembers(n: int) -> list[int]:
    return asyncio.run(fetch([n]))


SAID = {
    forgot: "forgot returned a coroutine: await it, or write async def",
    forgot_within: "forgot_within returned a coroutine: await it",
    forgot_many: "forgot_many returned a list that holds a coroutine: return await asyncio.gather(...) in an async def",
    forgot_by_name: "forgot_by_name returned a dict that holds a coroutine: return await asyncio.gather(...) in an async def",
    forgot_a_part: "forgot_a_part returned a tuple that holds a coroutine: return await asyncio.gather(...) in an async def",
    forgot_a_task: "forgot_a_task returned a Task: await it",
    forgot_a_future: "forgot_a_future returned a Future: return its result()",
    forgot_to_loop: "forgot_to_loop returned an async_generator, which could be read only once; "
    "return a list: [item async for item in ...]",
    forgot_the_list: "forgot_the_list returned a generator, which could be read only once; return a list",
}


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("kept", [True, False], ids=["kept", "unkept"])
def test_a_result_that_is_still_to_be_awaited_is_an_error_of_its_node(executor, kept, tmp_path):
    pipe = Pipeline("p", [*SAID, remembers])
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # "coroutine was never awaited" too
        run = pipe.run(n=1, fail="keep-going", executor=executor, store=tmp_path if kept else None, listeners=[])
    assert {failure.node: failure.message for failure in run.failures} == {one.name: said for one, said in SAID.items()}
    assert run["remembers"] == [1]


def test_an_item_of_a_map_that_is_still_to_be_awaited_fails():
    @pipeline
    def p() -> list[int]:
        return forgot.map(each([1, 2]))

    with pytest.raises(NodeFailed, match=r"forgot\[1\]: PlaitError: forgot returned a coroutine: await it"):
        p.run(store=None, listeners=[])
