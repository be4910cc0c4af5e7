"""A step that is kept and writes a file is told that the file will be missing where it is a hit."""

from pathlib import Path

import pandas as pd

from plait import Pipeline, step


@step
def report(n: int) -> None:
    pd.DataFrame({"n": [n]}).to_csv("report.csv")


@step
def table(n: int) -> str:
    pd.DataFrame({"n": [n]}).to_parquet("table.parquet")
    return "table.parquet"


@step
def appended(n: int) -> int:
    with open("log.txt", "a") as file:
        file.write("x")
    return n


@step(cache=False)
def each_time(n: int) -> None:
    Path("each.txt").write_text(str(n))


for executor in ("sequential", "threads", "processes"):
    for node in (report, table, appended, each_time):
        try:
            Pipeline("p", [node]).run(n=1, store="s-" + executor, executor=executor, strict=True, listeners=[])
        except Exception as error:
            print(executor, node.name, "Scratch" in str(error))
        else:
            print(executor, node.name, "ran")
