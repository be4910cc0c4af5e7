"""A step that returns a coroutine is told what is missing."""

from plait import Pipeline, step


async def fetch(n):
    return n


@step
def forgot(n: int) -> int:
    return fetch(n)  # no async, no await


for executor in ("sequential", "threads", "processes"):
    try:
        print(Pipeline("p", [forgot]).run(n=1, executor=executor, store=None, listeners=[]).result)
    except Exception as error:
        print(executor, "await it, or write async def" in str(error))
