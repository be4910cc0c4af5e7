"""Lines that a type checker must accept: pipelines by call are plain calls. Nothing here is run."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, NamedTuple, assert_type

from plait import (
    Compiled,
    Failure,
    File,
    Retry,
    Run,
    Secret,
    Seed,
    Step,
    attempt,
    auto,
    each,
    pipeline,
    step,
    switch,
)


class Fold(NamedTuple):
    train: list[int]
    test: list[int]


@step
def load(csv: File) -> list[int]:
    return [1]


@step
def folds(table: list[int], k: int = 5, seed: Seed = auto) -> list[Fold]:
    return [Fold(table, table)]


@step
def by_region(table: list[int]) -> dict[str, list[int]]:
    return {"a": table}


@step
def fit(train: list[int], depth: int, seed: Seed = auto) -> float:
    return 0.0


@step
def score(model: float, test: list[int]) -> float:
    return model


@step
def mean(scores: list[float]) -> float:
    return sum(scores)


@step
async def ask(prompt: str, model: str = "small") -> str:
    return prompt


@step(tags=["slow"])
def table(labels: list[str | Failure]) -> int:
    return len(labels)


@pipeline
def cross_validate(inner: list[Fold], depth: int) -> float:
    fold = each(inner)
    assert_type(fold, Fold)
    models = fit.map(fold.train, depth=depth)
    assert_type(models, list[float])
    return mean(score.map(each(models), fold.test))


@pipeline
def tune(train: list[int], depths: list[int]) -> list[float]:
    return cross_validate.map(folds.named("inner")(train), depth=each(depths))


@pipeline
def regional(csv: File, kind: Literal["a", "b"]) -> dict[str, float]:
    rows = each(by_region(load(csv)))
    assert_type(rows, list[int])
    models = fit.map_values(rows, depth=switch(kind, {"a": 1, "b": 2}))
    assert_type(models, dict[str, float])
    assert_type(attempt(models), dict[str, float | Failure])
    return score.map_values(each(models), rows)


@pipeline
def labelled(texts: list[str]) -> int:
    answers = ask.map(each(texts))
    assert_type(answers, list[str])
    assert_type(ask.named("by_text").map_values(each(texts)), dict[str, str])
    return table(attempt(answers))


@pipeline
async def waited(text: str) -> str:
    answer = await ask(text)
    assert_type(answer, str)
    return await ask.named("again")(answer)


def some(texts: Iterable[str]) -> None:
    assert_type(each(texts), str)
    assert_type(attempt(score(0.5, [1])), float | Failure)
    run = regional.run(csv="a.csv", kind="a")
    assert_type(run, Run[dict[str, float]])
    assert_type(run.result, dict[str, float])
    assert_type(run[ask], str)
    assert_type(run[load], list[int])
    assert_type(tune.map_values(each({"a": [1]}), [1]), dict[str, list[float]])
    assert_type(regional(File("a.csv"), "b"), dict[str, float])
    other: Step[[list[float]], float] = mean.named("other")
    with ThreadPoolExecutor() as pool:
        run = regional.run(csv="a.csv", executor=pool, workers=2, limits={"gpu": 1, "memory": "4GiB"})
    assert_type(run[mean], float)
    assert_type(run[ask], str)
    assert_type(regional.run(mean, executor="processes")[load], list[int])
    assert_type(regional.compile(mean, inputs=["csv"], given=run, pin=[fit]), Compiled[float])
    assert_type(regional.compile(mean, inputs=["csv"], given=run)(csv="a.csv"), float)
    deep = regional.with_({"fit.depth": 3}).with_config("base.yaml")
    assert_type(deep.run(csv="a.csv", kind="a").result, dict[str, float])
    varied = deep.replace(mean=mean, fit=tune).bind(csv="raw").named("other")
    assert_type(varied.run(kind="a").result, dict[str, float])
    print(varied.select("+mean", "tag:slow").schema["properties"])
    swept = deep.sweep([{"fit.depth": 3}], mean, seeds=range(2))
    assert_type([one.result for one in swept], list[dict[str, float]])
    print(
        Retry(on=OSError),
        Retry(on=(OSError, ValueError), attempts=5, wait="2s", max_wait="1m"),
        Secret.env("KEY").reveal(),
    )
    print(other, switch(1, {1: "a"}, default="b").upper(), waited.run(text="a").result.upper())
