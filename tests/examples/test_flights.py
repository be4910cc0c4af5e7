"""The flights example as a whole: it runs, a second time it does nothing, and a change re-runs what depends on it."""

import ast
import re
from pathlib import Path

from examples.running import Flights, edited, environment, python

ALL = 27  # nodes


def ran(flights: Flights, folder: Path) -> set[str]:
    """The nodes that run when the pipeline of a folder is run in the store that all these tests share."""
    program = "from pipeline import flights\nfor node, state in flights.run().states.items(): print(node, state)"
    lines = python("-c", program, cwd=folder, env=environment(flights.store)).splitlines()
    states = dict(line.split() for line in lines)
    assert len(states) == ALL
    return {node for node, state in states.items() if state == "run"}


def last_line(printed: str) -> str:
    return printed.splitlines()[-1]


def test_it_prints_the_comparison_and_where_the_plot_is(flights: Flights) -> None:
    assert last_line(flights.printed).startswith(f"flights: {ALL} run, in ")
    assert "336,776  flights" in flights.printed
    for model in ("baseline", "logistic", "forest", "boosting"):
        assert re.search(rf"^{model} +0\.\d+ ", flights.printed, re.MULTILINE)
    assert "The least log loss on the validation months: boosting." in flights.printed
    plot = Path(re.search("^Plot: (.*)$", flights.printed, re.MULTILINE).group(1))
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_a_second_run_does_nothing_and_says_so(flights: Flights, flights_copy: Path) -> None:
    """Also in another folder: where the code lies does not count."""

    def results(printed: str) -> str:
        return printed.partition("\nPlot:")[0]

    again = flights.run(flights_copy)
    assert last_line(again).startswith(f"flights: nothing to do, all {ALL} up to date")
    assert results(again) == results(flights.printed)


def test_another_depth_trains_one_branch_again(flights: Flights, flights_copy: Path) -> None:
    """Boosting and its forecast, and the six nodes that compare all forecasts. (Shallow trees grow quickly.)"""
    printed = flights.run(flights_copy, "--max-depth", "2")
    assert re.match(
        f"flights: {ALL - 8} up to date, 8 run, in |flights: 8 run, {ALL - 8} up to date, in ", last_line(printed)
    )

    def others(printed: str) -> list[str]:
        return re.findall("^(?:baseline|logistic|forest) .* (?:True|False)$", printed, re.MULTILINE)

    assert len(others(printed)) == 3
    assert [line.rpartition(" ")[0] for line in others(printed)] == [
        line.rpartition(" ")[0] for line in others(flights.printed)
    ]


def test_a_comment_re_runs_nothing(flights: Flights, flights_copy: Path) -> None:
    features = flights_copy / "features.py"
    edited(features, "    return minutes\n", "    # as a float\n    return minutes\n")
    edited(features, "length.dt.total_seconds() / 60\n", "(\n        length.dt.total_seconds() / 60\n    )\n")
    assert ran(flights, flights_copy) == set()


def commented(text: str) -> str:
    """The same code, with a comment over each statement, and a docstring in each function and class."""
    lines = text.splitlines()
    over: dict[int, list[str]] = {}
    for node in ast.walk(ast.parse(text)):
        body = getattr(node, "body", None)
        for place, statement in enumerate(body if isinstance(body, list) else []):
            first = min([statement.lineno, *[one.lineno for one in getattr(statement, "decorator_list", [])]])
            indent = " " * statement.col_offset
            if lines[first - 1][: statement.col_offset].strip():  # on one line with what it is in
                continue
            over[first] = [f"{indent}# why: {first}"]
            whole = isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is None
            if whole and place == 0:
                over[first].insert(0, f'{indent}"""Of {node.name}."""')
    return "\n".join([line for n, written in enumerate(lines, 1) for line in (*over.get(n, ()), written)]) + "\n"


def test_comments_docstrings_and_a_formatter_over_all_of_it_re_run_nothing(
    flights: Flights, flights_copy: Path
) -> None:
    files = sorted(flights_copy.glob("*.py"))
    before = {file: file.read_text("utf-8") for file in files}
    for file, text in before.items():
        file.write_text(commented(text), "utf-8")
    for width in ("50", "160"):
        command = ["-m", "ruff", "format", "--isolated", "--line-length", width, *files]
        python(*command, cwd=flights_copy, env=environment(flights.store))
        assert ran(flights, flights_copy) == set()
    for file, text in before.items():
        assert file.read_text("utf-8").count("\n") > 1.3 * text.count("\n") or len(text) < 1000, file


def test_a_changed_line_in_a_helper_re_runs_what_reaches_it(flights: Flights, flights_copy: Path) -> None:
    """`score` is reached by way of `scored`, from two steps; the other three read what these give."""
    edited(flights_copy / "evaluation.py", "nlargest(len(flights) // 10,", "nlargest(len(flights) // 20,")
    assert ran(flights, flights_copy) == {"scores", "by_month", "chosen", "comparison", "figure"}
