"""What people see of maps and switches: drawings, progress, reports."""

from plait import each, pipeline, step, switch
from plait.show import drawing
from plait.show.tally import Tally


@step
def rows(n: int) -> dict[str, int]:
    return {f"r{i}": i for i in range(n)}


@step
def fit(x: int, by: int = 2) -> int:
    if x == 7:
        raise ValueError("seven")
    return x * by


@step
def total(xs: dict[str, int]) -> int:
    return sum(xs.values())


@step
def most(xs: dict[str, int]) -> int:
    return max(xs.values())


@pipeline
def p(n: int, kind: str = "sum") -> int:
    models = fit.map_values(each(rows(n)))
    return switch(kind, {"sum": total(models), "max": most(models)})


def test_a_mapped_node_says_what_it_is_mapped_over():
    text = drawing.text(p.graph)
    assert "fit    <- rows  (each(rows), by = 2)" in text and "total  <- fit" in text
    assert 'fit"' in drawing.mermaid(p.graph)


def test_a_map_of_maps_and_a_zip_are_told_apart():
    @step
    def pair(a: int, b: int) -> int:
        return a + b

    @pipeline
    def row(a: int, bs: list[int], cs: list[int]) -> list[int]:
        return pair.map(each(bs), each(cs))

    @pipeline
    def table(xs: list[int], bs: list[int]) -> list[list[int]]:
        return row.map(each(xs), bs, xs)

    assert "(each(bs) + each(cs))" in drawing.text(table.graph)


def test_a_mapped_node_is_coloured_by_what_most_is_to_be_said_of():
    run = p.run(n=9, store=None, listeners=[], fail="keep-going")
    drawn = drawing.sketch(p.graph, run.states)
    states = {box.name: box.state for box in drawn.boxes.values() if box.kind == "node"}
    assert states == {"rows": "run", "fit": "failed", "total": "skipped", "most": "skipped"}
    assert drawing.svg(p.graph, run.states).startswith("<svg")


def test_progress_counts_items_as_they_come_to_be_known():
    tally = Tally()
    totals = []

    def listen(event):
        tally(event)
        tally.look()
        totals.append(tally.total)

    p.run(n=5, store=None, listeners=[listen])
    assert totals[0] == 3 and totals[-1] == 7 == tally.done  # rows, fit and total; then five of fit
    assert "7 run" in tally.sentence()


def test_a_report_counts_items():
    assert "7 run, 1 not run" in p.run(n=5, store=None, listeners=[]).report()
