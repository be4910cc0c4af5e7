"""Parts of results: read through any name that a type goes by, and where there are none, what to write instead."""

import dataclasses
from typing import Annotated, Generic, NamedTuple, NewType, TypedDict, TypeVar

import pytest
from typing_extensions import TypeAliasType

from plait import GraphError, ParameterError, Pipeline, each, pipeline, step

# what a test closes over is not always content
pytestmark = pytest.mark.filterwarnings("ignore::plait.OpaqueCode")
T = TypeVar("T")


class Split(NamedTuple):
    train: list[int]
    test: list[int]


class Pair(NamedTuple, Generic[T]):
    train: list[T]
    test: list[T]


@dataclasses.dataclass
class Data:
    train: list[int]
    test: list[int]


class Typed(TypedDict):
    train: list[int]
    test: list[int]


Alias = TypeAliasType("Alias", Split)
Box = TypeAliasType("Box", tuple[list[int], list[int]])
Two = TypeAliasType("Two", tuple[T, T], type_params=(T,))
New = NewType("New", Split)
NAMED = [
    Split,
    Annotated[Split, "shuffled"],
    Alias,
    New,
    Annotated[TypeAliasType("Again", Alias), "twice"],
    NewType("Newer", Annotated[New, 1]),
]
UNNAMED = [tuple[list[int], list[int]], Box, Annotated[Box, 1], NewType("NewBox", Box), Two[list[int]]]


def returning(hint, made=Split):
    def split():
        return made([1], [2])

    split.__annotations__["return"] = hint
    return step(split)


@step
def use(train: list[int]) -> int:
    return sum(train)


@pytest.mark.parametrize("hint", NAMED, ids=str)
def test_parts_are_read_through_any_other_name_of_their_type(hint, tmp_path):
    split = returning(hint)
    assert list(split.definition.parts) == ["train", "test"]
    pipe = Pipeline("p", [split, use])
    for executor in ("sequential", "threads"):
        run = pipe.run(store=tmp_path, executor=executor, listeners=[])
        assert (run["use"], run["split.test"], run["split"]) == (1, [2], Split([1], [2]))
        assert type(run["split"]) is Split

    @pipeline
    def by_call() -> int:
        train, test = split()
        return use(train)

    @pipeline
    def by_attribute() -> int:
        return use(split().train)

    assert by_call.run(store=tmp_path, listeners=[]).result == by_attribute.run(store=None, listeners=[]).result == 1


@pytest.mark.parametrize("hint", UNNAMED, ids=str)
def test_places_of_a_tuple_are_read_through_any_other_name_of_it(hint):
    box = returning(hint, lambda *parts: parts).named("box")
    assert Pipeline("p", [box, use.bind(train="box.1")]).run(store=None, listeners=[]).result == 2


def test_a_generic_namedtuple_is_itself_again(tmp_path):
    pipe = Pipeline("p", [returning(Pair[int], Pair), use])
    for _ in range(2):
        run = pipe.run(store=tmp_path, listeners=[])
        assert type(run["split"]) is Pair
        assert run["use"] == 1


def test_each_item_of_a_map_has_parts_through_an_alias():
    @step
    def cut(n: int) -> Alias:
        return Split([n], [n])

    @pipeline
    def p() -> list[int]:
        cuts = cut.map(each([1, 2]))
        return use.map(each(cuts).train)

    assert p.run(store=None, listeners=[]).result == [1, 2]


def test_aliases_travel_to_processes(tmp_path):
    import subprocess
    import sys

    (tmp_path / "aliased.py").write_text(
        "from typing import Annotated, NamedTuple, NewType\n"
        "from typing_extensions import TypeAliasType\n"
        "from plait import Pipeline, step\n"
        "class Split(NamedTuple):\n    train: list[int]\n    test: list[int]\n"
        "A = TypeAliasType('A', Split)\nN = NewType('N', Annotated[A, 1])\n"
        "@step\ndef split() -> N: return Split([1], [2])\n"
        "@step\ndef use(train: list[int]) -> int: return sum(train)\n"
        "p = Pipeline('p', [split, use])\n"
    )
    program = "import aliased; print(aliased.p.run(store='s', executor='processes', listeners=[]).result)"
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=240)
    assert done.stdout == "1\n", done.stderr


def test_what_was_stored_whole_is_made_again_when_its_parts_are_read(tmp_path):
    """As by a plait that did not see through the alias."""
    split = returning(Alias)
    definition = split.definition
    assert definition.hints == {}
    definition.parts = {}
    pipe = Pipeline("p", [split])
    assert pipe.run(store=tmp_path, listeners=[]).states == {"split": "run"}
    definition.parts = dict(Split.__annotations__)
    both = Pipeline("p", [split, use])
    assert "without its parts" in str(both.plan(store=tmp_path))
    run = both.run(store=tmp_path, listeners=[])
    assert (run.states, run.result) == ({"split": "run", "use": "run"}, 1)
    assert both.run(store=tmp_path, listeners=[]).states == {"split": "hit", "use": "hit"}


def unsaid():
    train, test = [1], [2]
    return train, test


def keyed() -> dict[str, list[int]]:
    return {"train": [1], "test": [2]}


WAYS_OUT = [
    (returning(Split | None), r"it may be None \(Split \| None\); always return a Split to have parts"),
    (returning(Data, Data), "Data is a dataclass, and that is one value; make it a NamedTuple to have parts"),
    (returning(Typed, Data), "Typed is a TypedDict, and that is one value; make it a NamedTuple to have parts"),
    (step(keyed).named("split"), r"a dict\[str, list\[int\]\] is one value; return a NamedTuple to have parts"),
    (step(unsaid).named("split"), r"its result has no annotation; annotate it as a NamedTuple, or as tuple\[...\],"),
    (returning(list[int]), r"a list\[int\] is one value; return a NamedTuple to have parts"),
    (returning(tuple[int, ...]), r"a tuple\[int, ...\] may have any number of items; annotate each of them"),
]


@pytest.mark.parametrize(("split", "way_out"), WAYS_OUT, ids=[way[:30] for _, way in WAYS_OUT])
def test_where_there_are_no_parts_it_says_why_and_the_way_out(split, way_out):
    with pytest.raises(GraphError, match=rf"nothing makes 'split.train'; split has no parts: {way_out}"):
        Pipeline("p", [split, use.bind(train="split.train")])

    def by_attribute() -> int:
        return use(split().train)

    def unpacked() -> int:
        train, test = split()
        return use(train)

    with pytest.raises(GraphError, match=rf"split.train: split has no such part \({way_out}"):
        pipeline(by_attribute)
    with pytest.raises(GraphError, match=rf"split cannot be unpacked: {way_out}"):
        pipeline(unpacked)


@pytest.mark.parametrize(("split", "way_out"), WAYS_OUT[:5], ids=[way[:30] for _, way in WAYS_OUT[:5]])
def test_a_name_that_a_result_holds_and_that_is_no_part_says_so(split, way_out):
    with pytest.raises(ParameterError, match=rf"nothing makes 'train'.*split has no part 'train': {way_out}"):
        Pipeline("p", [split, use]).plan(store=None)
    with pytest.raises(GraphError, match=rf"nothing makes 'train'.*split has no part 'train': {way_out}"):
        Pipeline("p", [split, use], inputs=[])


def test_a_name_that_no_result_holds_is_missing_and_no_more_is_said():
    with pytest.raises(
        ParameterError, match=r"nothing makes 'train': list\[int\] for use\(train\), and no value is given\. P"
    ):
        Pipeline("p", [step(lambda: 1, name="split"), use]).plan(store=None)
