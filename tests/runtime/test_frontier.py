"""The counting behind the scheduler, while the graph grows under it."""

from plait.runtime.frontier import Frontier


def grown(reads, given=(), known=None, weigh=None):
    known = set() if known is None else known
    needed = [name for name in reads if name not in given]
    return Frontier(dict(reads), needed, given, known, weigh), known


def know(frontier, known, name):
    known.add(name)
    freed = frontier.done(name)
    return frontier.known(name), freed


def test_nodes_go_on_when_all_that_they_read_is_known():
    frontier, known = grown({"a": (), "b": (), "c": ("a", "b"), "d": ("c",)})
    assert frontier.first() == ["a", "b"]
    assert know(frontier, known, "a") == ([], [])
    assert know(frontier, known, "b") == (["c"], [])
    assert know(frontier, known, "c") == (["d"], ["a", "b"])


def test_added_nodes_wait_for_what_is_not_known_and_hold_what_they_read():
    frontier, known = grown({"a": (), "b": (), "last": ("a", "b")})
    know(frontier, known, "a")
    assert frontier.add({"x": ("a",), "y": ("a", "b"), "z": ("x", "y")}) == ["x"]
    assert know(frontier, known, "x") == ([], [])
    assert know(frontier, known, "b") == (["last", "y"], [])
    assert know(frontier, known, "last") == ([], [])
    assert know(frontier, known, "y") == (["z"], ["a", "b"])
    assert know(frontier, known, "z") == ([], ["x", "y"])


def test_a_node_may_be_added_before_the_one_that_it_reads():
    frontier, known = grown({"a": ()})
    assert frontier.add({"late": ("early",), "early": ()}) == ["early"]
    assert know(frontier, known, "early") == (["late"], [])


def test_the_longest_remaining_path_counts_what_is_added():
    seconds = {"axis": 1.0, "fit": 0.0, "report": 5.0, "fit[a]": 3.0, "part": 2.0}
    frontier, known = grown({"axis": (), "fit": ("axis",), "report": ("fit",)}, weigh=seconds.__getitem__)
    assert frontier.remaining == {"axis": 6.0, "fit": 5.0, "report": 5.0}
    know(frontier, known, "axis")
    frontier.add({"part": ("axis",), "fit[a]": ("part",)})
    assert (frontier.remaining["fit[a]"], frontier.remaining["part"]) == (3.0, 5.0)


def test_given_nodes_are_not_waited_for():
    frontier, _ = grown({"a": (), "b": ("a",)}, given=["a"])
    assert frontier.first() == ["b"] and frontier.done("b") == ["a"]
