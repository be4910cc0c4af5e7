"""Drawings of graphs: what is in them, that nothing of the user gets out of its place, and that boxes do not collide."""

import random
import re
from itertools import pairwise
from typing import Any, NamedTuple
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plait import Pipeline, Seed, auto, pipeline, step
from plait.show import drawing, layout, svg
from plait.show.layout import Way, Waypoint, lay_out


class Split(NamedTuple):
    train: list
    test: list


@step
def table(rows: list) -> list:
    """<script>alert(1)</script>"""
    return rows


@step
def split(table: list, share: float = 0.5) -> Split:
    return Split(table, table)


@step
def model(train: list, seed: Seed = auto, depth: int = 3, kind: str = "<b>&'\"") -> dict:
    return {}


@step
def loose(model):
    return model


@step
def score(loose: float, test: list) -> float:
    return 0.0


@step
def report(scores: dict[str, float]) -> float:
    return 0.0


demo = Pipeline("demo", [table, split, model, loose, score, report.bind(scores={"a": "score", "b": "score"})])


@pipeline
def twice(rows: list, depth: int = 4) -> list:
    train, _ = split(table(rows))
    return [model.named("a")(train, depth=depth), model.named("b")(train, depth=depth)]


@pytest.fixture
def sketch():
    return drawing.sketch(demo.graph)


def wires(sketch):
    return {(wire.source[1], wire.part, wire.target[1]): wire for wire in sketch.wires}


def test_wires_carry_parts_and_go_once_from_place_to_place(sketch):
    assert set(wires(sketch)) == {
        ("rows", None, "table"),
        ("table", None, "split"),
        ("split", "train", "model"),
        ("model", None, "loose"),
        ("loose", None, "score"),
        ("split", "test", "score"),
        ("score", None, "report"),
    }
    assert sketch.boxes["node", "split"].parts == ("train", "test")


def test_only_parts_that_somebody_reads_are_drawn():
    assert drawing.sketch(twice.graph).boxes["node", "split"].parts == ("train",)


def test_edges_that_nobody_checks_are_dotted(sketch):
    unchecked = {key for key, wire in wires(sketch).items() if not wire.checked}
    assert ("model", None, "loose") in unchecked
    assert ("loose", None, "score") in unchecked
    assert ("table", None, "split") not in unchecked
    assert drawing.html(demo.graph).count("stroke-dasharray") == len(unchecked)
    assert drawing.mermaid(demo.graph).count("-.->") == len(unchecked)


def test_what_one_node_sets_is_written_in_it_and_what_several_read_stands_alone():
    (box,) = [b for b in drawing.sketch(demo.graph).boxes.values() if b.name == "model"]
    assert box.dials[:2] == ("seed", "depth = 3")
    inputs = {b.name: b.dials for b in drawing.sketch(twice.graph).boxes.values() if b.kind == "input"}
    assert inputs == {"rows": (), "depth": (" = 4",)}


def test_text_is_a_line_a_node_in_the_order_of_a_run():
    lines = drawing.text(demo.graph).splitlines()
    assert lines[0] == "demo: 6 nodes, 1 input"
    names = [line.split()[0] for line in lines[4:10]]
    assert names == list(demo.nodes)
    assert "  score   <- loose?, split.test" in lines
    assert "  score   run  <- loose?, split.test" in drawing.text(demo.graph, {"score": "run"}).splitlines()


@pytest.mark.parametrize("draw", [drawing.html, drawing.svg, drawing.page])
def test_nothing_of_the_user_is_markup(draw):
    drawn = draw(demo.graph, {"model": "run", "table": "<i>"})
    assert "<script" not in drawn
    assert "<b>" not in drawn
    assert "<i>" not in drawn
    assert "&lt;script&gt;" in drawn
    assert "href" not in drawn and "javascript" not in drawn and "http://" not in drawn.replace("http://www.w3.org", "")


def test_the_svg_is_well_formed_and_has_a_box_a_node():
    root = ElementTree.fromstring(drawing.svg(demo.graph, {"model": "hit"}))
    assert len(root.findall("{*}g/{*}rect")) == len(demo.nodes) + 1
    assert "1 up to date" in "".join(root.itertext())


def test_a_default_that_cannot_be_shown_is_named_by_its_type():
    class Odd:
        def __repr__(self):
            raise RuntimeError

    assert drawing._short(Odd()) == "a Odd"
    assert drawing._short(object()) == "a object"


def test_mermaid_labels_hold_no_syntax():
    assert drawing._entities('a"]; <b>`') == "a#34;#93;#59; #60;b#62;#96;"


def test_graphs_that_are_wide_run_to_the_right():
    many = [table.named(f"a_long_name_{i}") for i in range(30)]
    graph = Pipeline("wide", many).graph
    root = ElementTree.fromstring(drawing.svg(graph))
    assert float(root.get("width")) < 600 < float(root.get("height"))


edges = st.integers(2, 24).flatmap(
    lambda n: st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)).map(sorted), max_size=3 * n).map(
        lambda pairs: (n, sorted({(a, b) for a, b in pairs if a != b}))
    )
)


@settings(max_examples=60, deadline=None)
@given(edges)
def test_layers_follow_the_wires_and_boxes_keep_their_distance(case):
    count, pairs = case
    sizes: dict[Any, float] = {i: 40.0 + 7 * (i % 5) for i in range(count)}
    laid = lay_out(sizes, [Way(a, a, b) for a, b in pairs], gap=10.0)
    assert all(laid.layer[a] < laid.layer[b] for a, b in pairs)
    assert sorted(i for one in laid.layers for i in one if not isinstance(i, Waypoint)) == list(range(count))
    for one in laid.layers:
        for left, right in pairwise(one):
            room = laid.breadth[right] - laid.breadth[left] - (sizes.get(left, 0) + sizes.get(right, 0)) / 2
            assert room >= 9.99
    for route in laid.routes:
        assert [laid.layer[b] - laid.layer[a] for a, b in pairwise(route)] == [1] * (len(route) - 1)


def test_a_chain_is_straight():
    laid = lay_out({i: 50.0 for i in range(6)}, [Way(i, i, i + 1) for i in range(5)], gap=10.0)
    assert len({round(place, 6) for place in laid.breadth.values()}) == 1


def test_crossings_that_can_be_avoided_are():
    ways = [Way("a", "a", "z"), Way("b", "b", "y"), Way("c", "c", "x")]
    laid = lay_out(dict.fromkeys("abcxyz", 30.0), ways, gap=10.0)
    _, below = layout._neighbours(dict.fromkeys([("a", "z"), ("b", "y"), ("c", "x")], 0.0))
    assert layout._crossings(laid.layers, below) == 0


def test_three_hundred_nodes_are_laid_out():
    r = random.Random(1)
    names = [f"n{i}" for i in range(300)]
    ways = [Way(names[r.randrange(max(0, i - 25), i)], names[i], names[i]) for i in range(1, 300) for _ in range(2)]
    laid = lay_out(dict.fromkeys(names, 60.0), ways, gap=10.0)
    assert len(laid.layers) < 300


def test_a_very_long_name_is_cut_and_whole_when_pointed_at():
    name = "x" * 300
    drawn = drawing.svg(Pipeline("p", [table.named(name)]).graph)
    assert f">{'x' * 29}…<" in drawn
    assert re.search(rf"<title>{name}", drawn)
    assert svg.drawn(drawing.sketch(Pipeline("p", [table.named(name)]).graph))
