"""An error whose text cannot be made is an error like any other."""

from plait import Pipeline, step


class Odd(Exception):
    def __str__(self):
        return self.missing  # a slip in the error's own text


class Base(BaseException): ...


@step
def fails(n: int) -> int:
    raise Odd()


@step
def base(n: int) -> int:
    raise Base("b")


@step
def other() -> int:
    return 1


for executor in ("sequential", "threads", "processes"):
    p = Pipeline("p", [fails, base, other])
    run = p.run(n=1, fail="keep-going", executor=executor, store="s-" + executor, listeners=[])
    print(executor, dict(sorted(run.states.items())), sorted(type(failure.error).__name__ for failure in run.failures))
