"""A graph becomes the nodes of a run, by demand, as values become known; no run is needed to try it."""

import pytest

from plait import GraphError, PlaitError, each, pipeline, step, switch
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


def flat(unfolded):
    return [node for nodes in unfolded.nodes.values() for node in nodes]


def names(unfolded):
    return [node.name for node in flat(unfolded)]


def test_what_is_mapped_waits_for_the_list_that_it_is_mapped_over():
    known = Known(n=2)
    unfolding = Unfolding(doubled.graph, (), known)
    assert names(unfolding.ask([doubled.graph.result])) == ["items"]
    assert set(unfolding.waits_for) == {"items"} and not unfolding.complete
    known["items"] = [5, 7]
    more = unfolding.settle("items")
    assert sorted(names(more)) == ["double[5]", "double[7]", "total"] and unfolding.complete
    by_name = {node.name: dict(node.inputs) for node in flat(more)}
    assert by_name["double[5]"] == {"x": Const(5)}
    assert by_name["total"] == {"xs": Collect(list, (Output("double[5]"), Output("double[7]")))}
    assert unfolding.item("double[7]") == 7


def test_equal_items_are_one_node():
    known = Known(n=3)
    unfolding = Unfolding(doubled.graph, (), known)
    unfolding.ask([doubled.graph.result])
    known["items"] = [5, 5]
    more = {node.name: dict(node.inputs) for node in flat(unfolding.settle("items"))}
    assert sorted(more) == ["double[5]", "total"]
    assert more["total"]["xs"].items == (Output("double[5]"), Output("double[5]"))


def test_large_items_are_pieces_of_the_list_that_are_read_by_name():
    known = Known(n=3)
    unfolding = Unfolding(doubled.graph, (), known)
    unfolding.ask([doubled.graph.result])
    known["items"] = [[1], [2]]
    more = {node.name: dict(node.inputs) for node in flat(unfolding.settle("items"))}
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
    assert more.nodes == {} and [(ended.name, ended.because, ended.error) for ended in more.ended] == [
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


def test_items_that_are_results_themselves_are_read_when_all_is_unfolded():
    @pipeline
    def itself(x: int, how: str = "as it is") -> int:
        return switch(how, {"as it is": x, "doubled": double(x)})

    @pipeline
    def each_of(xs: list[int]) -> list[int]:
        return itself.map(each(xs))

    known = Known(xs=[5, 7, 5], how="as it is")
    known.params[f"{next(iter(each_of.graph.parameters.keys() - {'xs'}))}"] = "as it is"
    unfolding = Unfolding(each_of.graph, (), known)
    unfolding.ask([each_of.graph.result])
    assert unfolding.complete
    assert unfolding.plain(each_of.graph.result, {}, set()) == Collect(list, (Const(5), Const(7), Const(5)))


def test_three_lists_in_lock_step_have_a_node_for_each_of_their_places_that_differs():
    @step
    def joined(x: str, y: str, z: str) -> str:
        return x + y + z

    @pipeline
    def zipped(xs: list[str], ys: list[str], zs: list[str]) -> list[str]:
        return joined.map(each(xs), each(ys), each(zs))

    unfolding = Unfolding(zipped.graph, (), Known(xs=["a", "a", "a"], ys=["b", "a", "b"], zs=["a", "b", "b"]))
    nodes = flat(unfolding.ask([zipped.graph.result]))
    given = [tuple(source.value for _, source in node.inputs) for node in nodes]
    assert given == [("a", "b", "a"), ("a", "a", "b"), ("a", "b", "b")]


def test_items_whose_keys_nothing_tells_apart_are_refused():
    @pipeline
    def doubles(xs: dict[float, int]) -> dict[float, int]:
        return double.map_values(each(xs))

    unfolding = Unfolding(doubles.graph, (), Known(xs={float("nan"): 1, float("nan"): 2}))
    with pytest.raises(PlaitError, match=r"each\(xs\): two of its keys are called nan"):
        unfolding.ask([doubles.graph.result])
