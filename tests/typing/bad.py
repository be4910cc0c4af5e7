"""Lines that a type checker must refuse, each marked with `# wrong`. Nothing here is run."""

from plait import File, Retry, each, pipeline, step, switch


@step
def load(csv: str) -> list[int]:
    return [1]


@step
def double(x: int) -> int:
    return 2 * x


@step
def total(xs: list[int]) -> int:
    return sum(xs)


@pipeline
def p(csv: str) -> int:
    return total(load(csv))


def wrong() -> None:
    double("a")  # wrong
    double(load("a"))  # wrong
    total(double(1))  # wrong
    double.map(each(["a"]))  # wrong
    double.map(y=each([1]))  # wrong
    double(each(["a", "b"]))  # wrong
    total(double.map_values(each([1])))  # wrong
    total.map(each(load("a")))  # wrong
    p(3)  # wrong
    p.map(each([1]))  # wrong
    p.run(csv="a").result.upper()  # wrong
    switch("a", {1: 2})  # wrong
    each(5)  # wrong
    double.named("again")("a")  # wrong
    p.run(executor=3)  # wrong
    p.run(fail="slow")  # wrong
    p.run(csv="a")[load].upper()  # wrong
    p.compile(total, inputs=["csv"], given={})().upper()  # wrong
    p.replace(total=len)  # wrong
    p.select(total)  # wrong
    p.replace(total=double).run(csv="a").result.upper()  # wrong
    Retry(on="ValueError")  # wrong
    step(retry=3)  # wrong
    File("a").upper()  # wrong
