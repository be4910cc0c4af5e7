"""A graph becomes the nodes of a run, by demand, as values become known; no run is needed to try it."""

import pytest

from plait import GraphError, each, pipeline, step, switch
from plait.core.failure import Failure
from plait.core.sources import Collect, Const, Output, Param
from plait.core.unfolding import Unfolding


@step
def items(n: int) -> list[int]:
    return list(range(n))


@step
def double(x: int) -> int:
    return 2 * x


@step
def total(xs: list[int]) -> int:
    return sum(xs)


@step
def kind(n: int) -> str:
    return "big"


@pipeline
def doubled(n: int) -> int:
    return total(double.map(each(items(n))))


@pipeline
def either(n: int) -> int:
    return switch(kind(n), {"big": total.named("sum")(items(n)), "small": double(n)})


class Known(dict):
    """The values that are known, by the names of their nodes."""

    def __init__(self, **params):
        self.params, self.pieces = params, []

    def is_known(self, node):
        return node in self

    def value(self, source):
        return self.params[source.address] if isinstance(source, Param) else self[source.node]

    def digest(self, value):
        return repr(value).encode().hex()

    def take(self, piece):
        self.pieces.append(piece.name)
        self[piece.name] = piece.value


def names(unfolded):
    return [node.name for node in unfolded.nodes]


def test_what_is_mapped_waits_for_the_list_that_it_is_mapped_over():
    known = Known(n=2)
    unfolding = Unfolding(doubled.graph, (), known)
    assert names(unfolding.ask([doubled.graph.result])) == ["items"]
    assert set(unfolding.waits_for) == {"items"} and not unfolding.complete
    known["items"] = [5, 7]
    more = unfolding.settle("items")
    assert sorted(names(more)) == ["double[5]", "double[7]", "total"] and unfolding.complete
    by_name = {node.name: dict(node.inputs) for node in more.nodes}
    assert by_name["double[5]"] == {"x": Const(5)}
    assert by_name["total"] == {"xs": Collect(list, (Output("double[5]"), Output("double[7]")))}
    assert unfolding.item("double[7]") == 7


def test_equal_items_are_one_node():
    known = Known(n=3)
    unfolding = Unfolding(doubled.graph, (), known)
    unfolding.ask([doubled.graph.result])
    known["items"] = [5, 5]
    more = {node.name: dict(node.inputs) for node in unfolding.settle("items").nodes}
    assert list(more) == ["total", "double[5]"]
    assert more["total"]["xs"].items == (Output("double[5]"), Output("double[5]"))


def test_large_items_are_pieces_of_the_list_that_are_read_by_name():
    known = Known(n=3)
    unfolding = Unfolding(doubled.graph, (), known)
    unfolding.ask([doubled.graph.result])
    known["items"] = [[1], [2]]
    more = {node.name: dict(node.inputs) for node in unfolding.settle("items").nodes}
    assert len(known.pieces) == 2 and more[next(n for n in more if n != "total")]["x"] == Output(known.pieces[0])


def test_only_the_branch_that_is_chosen_is_asked_for():
    known = Known(n=2)
    unfolding = Unfolding(either.graph, (), known)
    assert names(unfolding.ask([either.graph.result])) == ["kind"]
    assert unfolding.undecided() >= {"sum", "items", "double"}
    known["kind"] = "small"
    assert names(unfolding.settle("kind")) == ["double"] and unfolding.chosen_by("kind") == "small"


def test_a_list_that_failed_ends_what_is_mapped_over_it():
    unfolding = Unfolding(doubled.graph, (), Known(n=2))
    unfolding.ask([doubled.graph.result])
    more = unfolding.settle("items", Failure("items", None, OSError("no")))
    assert more.nodes == [] and [(ended.name, ended.because, ended.error) for ended in more.ended] == [
        ("total", "items", None)
    ]


def test_a_value_that_cannot_be_mapped_over_ends_the_map_with_an_error():
    known = Known(n=2)
    unfolding = Unfolding(doubled.graph, (), known)
    unfolding.ask([doubled.graph.result])
    known["items"] = 5
    (ended,) = unfolding.settle("items").ended
    assert ended.name == "total" and "each(items): a int has no items" in str(ended.error)


def test_one_item_can_be_asked_for_by_name():
    known = Known(n=2)
    unfolding = Unfolding(doubled.graph, (), known)
    unfolding.ask([Output("double[7]")])
    known["items"] = [5, 7]
    assert names(unfolding.settle("items")) == ["double[7]"]
    with pytest.raises(GraphError, match="double has no item 9: it has 5, 7"):
        unfolding.ask([Output("double[9]")])


def test_what_is_given_is_not_asked_for():
    known = Known(n=2)
    known["items"] = [1]
    unfolding = Unfolding(doubled.graph, ["items"], known)
    assert sorted(names(unfolding.ask([doubled.graph.result]))) == ["double[1]", "total"]
