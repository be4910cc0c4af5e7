"""A result has its parts also behind an alias."""

from typing import Annotated, NamedTuple, NewType

from typing_extensions import TypeAliasType  # `type A = Split` of Python 3.12

from plait import Pipeline, step


class Split(NamedTuple):
    train: list[int]
    test: list[int]


@step
def use(train: list[int]) -> int:
    return sum(train)


A = TypeAliasType("A", Split)
N = NewType("N", Split)
for hint in (Annotated[Split, "shuffled"], A, N):

    def split():
        return Split([1], [2])

    split.__annotations__["return"] = hint
    for executor in ("sequential", "threads", "processes"):
        print(Pipeline("p", [step(split), use]).run(executor=executor, store=None, listeners=[]).result)
