"""Claims that mypy cannot be asked about (unknowns, run-time classes, odd objects), and what must never happen."""

# Old spellings are what is tested.
# ruff: noqa: UP007, UP044, UP045

import enum
import functools
import inspect
import io
import subprocess
import sys
import typing
from collections.abc import Awaitable, Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import InitVar, dataclass
from typing import (
    IO,
    Annotated,
    Any,
    AnyStr,
    ClassVar,
    Concatenate,
    Final,
    ForwardRef,
    Generic,
    Literal,
    LiteralString,
    NamedTuple,
    Never,
    NewType,
    NotRequired,
    Optional,
    ParamSpec,
    Protocol,
    Self,
    TypedDict,
    TypeGuard,
    TypeVar,
    TypeVarTuple,
    Union,
    Unpack,
)

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plait.core.matching import describe, fits, rules

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
P = ParamSpec("P")
Narrow = TypeVar("Narrow", bound="int")
Whole = TypeVar("Whole", bound=int)
Number = TypeVar("Number", int, float)
Missing = inspect.Parameter.empty


class Frame: ...


class SubFrame(Frame): ...


class Loud(enum.Enum):
    ON = 1
    OFF = 2


class Split(NamedTuple):
    train: Frame
    test: SubFrame


class Texts(NamedTuple):
    known: int
    unknown: "NotDefinedAnywhere"  # type: ignore[name-defined] # noqa: F821


class Vague(Any): ...


class Frames(list[Frame]): ...


class Grid(Generic[T, Unpack[Ts]]): ...


class Rooted:
    root: int

    def __init__(self) -> None:
        self.late = 1


class Slotted:
    __slots__ = ("root",)


class HasRoot(Protocol):
    root: int


class HasLate(Protocol):
    late: int


class Magic:
    def __getattr__(self, name: str) -> int:
        return 0


class Closes(Protocol):
    def close(self) -> None: ...


class Opened:
    def close(self, hard: bool = False) -> None: ...


class Chatty:
    def close(self, hard: bool) -> None: ...


class Untyped:
    def close(self):  # type: ignore[no-untyped-def]
        ...


class Static:
    @staticmethod
    def close() -> None: ...


class Class:
    @classmethod
    def close(cls) -> None: ...


class Overloaded:
    @typing.overload
    def close(self) -> None: ...
    @typing.overload
    def close(self, hard: int) -> int: ...
    def close(self, hard: int = 0) -> int | None: ...


class Attribute:
    close: Callable[[], None]


class Copies(Protocol):
    def copy(self) -> "Copies": ...


class Copied:
    def copy(self) -> "Copied":
        return self


class CopiedBadly:
    def copy(self) -> int:
        return 0


class Tree(Protocol):
    @property
    def children(self) -> "Sequence[Tree]": ...


class Node:
    @functools.cached_property
    def children(self) -> "list[Node]":
        return []


class Grows(Protocol[T]):  # type: ignore[misc]
    def more(self) -> "Grows[list[T]]": ...
    def less(self) -> "Grows[set[T]]": ...


class GrowsToo(Generic[T]):
    def more(self) -> "GrowsToo[list[T]]": ...  # type: ignore[empty-body]
    def less(self) -> "GrowsToo[set[T]]": ...  # type: ignore[empty-body]


class Empty(Protocol): ...


class Scores(Protocol):
    def __call__(self, frame: Frame) -> float: ...


class Config(TypedDict):
    depth: int
    nested: NotRequired["Config"]


class Deeper(Config):
    rate: float


class Pairs(TypedDict, Generic[T]):
    left: T


class IntPairs(TypedDict):
    left: int


class StepLike(Generic[P, T]):
    """Anything with a typed `__call__`, such as a step."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T: ...  # type: ignore[empty-body]


class Comparable(Protocol):
    def __lt__(self, other: Any, /) -> bool: ...


class Ordered:
    def __lt__(self, other: "Ordered") -> bool:
        return True


@dataclass
class Setting:
    root: int


UserId = NewType("UserId", int)

CASES: list[tuple[str, object, object, bool | None]] = [
    # unknown, top and bottom
    ("any is unknown", Any, int, None),
    ("nothing is asked by any", int, Any, None),
    ("nothing is asked without a hint", int, Missing, None),
    ("no hint is unknown", Missing, int, None),
    ("all are objects", int, object, True),
    ("even unknowns are objects", Any, object, True),
    ("a missing hint is an object", Missing, object, True),
    ("nothing comes out of never", Never, int, True),
    ("nothing fits never", int, Never, False),
    ("any inside what is asked takes all", list[int], list[Any], True),
    ("any inside what is made is unknown", list[Any], list[int], None),
    ("any or none takes all", int, Optional[Any], True),
    ("a bare class is made of any", list, list[int], None),
    ("a bare class takes all of its kind", list[int], list, True),
    ("one surely bad part outweighs an unknown one", dict[Any, str], dict[int, int], False),
    ("a part that is unknown", dict[Any, int], dict[int, int], None),
    ("a subclass of any", Vague, int, None),
    ("a subclass of any is still itself", Vague, Vague, True),
    ("a subclass of any among items", list[Vague], Sequence[int], None),
    ("a name as text", "Frame", Frame, None),
    ("a name as text, asked for", Frame, ForwardRef("Frame"), None),
    ("a name inside", list["Nowhere"], list[int], None),  # type: ignore[name-defined] # noqa: F821
    ("self", Self, int, None),
    ("text never equals text for sure", list["Nowhere"], list["Nowhere"], None),  # type: ignore[name-defined] # noqa: F821
    # unions
    ("one member fails", Union[int, str], int, False),
    ("one member fails and one is unknown", Union[str, Vague], int, False),
    ("one member is unknown", Union[int, Vague], int, None),
    ("a member that fits beats an unknown one", int, Union["Nowhere", int], True),  # type: ignore[name-defined] # noqa: F821
    ("no member fits but one is unknown", int, Union["Nowhere", str], None),  # type: ignore[name-defined] # noqa: F821
    ("an optional fits an optional", int | None, float | None, True),
    ("an optional does not fit without none", Frame | None, Frame, False),
    # qualifiers and spellings
    ("none is the class of none", None, type(None), True),
    ("annotated is what it annotates", Annotated[int, []], Annotated[float, {}], True),
    ("final", Final[int], int, True),
    ("bare final", Final, int, None),
    ("a class variable", ClassVar[int], float, True),
    ("an init variable", InitVar[int], float, True),
    ("a type guard is a bool", TypeGuard[int], bool, True),
    ("old spellings", typing.List[int], typing.Sequence[float], True),  # noqa: UP006
    ("an old bare spelling", typing.Dict[str, int], typing.Dict, True),  # noqa: UP006
    ("an old empty tuple", typing.Tuple[()], tuple[()], True),  # noqa: UP006
    ("an old bare tuple is not empty", typing.Tuple, tuple[()], None),  # noqa: UP006
    # literals
    ("a literal is its class", Literal["a"], str, True),
    ("one is not true", Literal[1], Literal[True], False),
    ("a flag has two values", bool, Literal[True, False], True),
    ("an enum is all its values", Loud, Literal[Loud.ON, Loud.OFF], True),
    ("an enum is more than one value", Loud, Literal[Loud.ON], False),
    ("an optional enum", Loud | None, Literal[Loud.ON, Loud.OFF, None], True),
    ("a string is not its literal", str, Literal["a"], False),
    ("a literal is a literal string", Literal["a"], LiteralString, True),
    ("a number is no literal string", int, LiteralString, False),
    ("checkers differ on strings as literal strings", str, LiteralString, None),
    ("a literal string is a string", LiteralString, Sequence[str], True),
    ("literal strings fit themselves", LiteralString, LiteralString | None, True),
    # type variables
    ("a free variable takes all", int, T, True),
    ("a bounded variable takes what is within", bool, Whole, True),
    ("a bounded variable refuses what is not", str, Whole, False),
    ("a bound that is text", int, Narrow, None),
    ("a variable takes one of its constraints", bool, Number, True),
    ("a variable takes nothing else", str, Number, False),
    ("constraints of text", str | bytes, AnyStr, True),
    ("a made variable is at most its bound", Whole, float, True),
    ("a made variable may be narrower than its bound", Whole, bool, None),
    ("a made variable without bound", T, int, None),
    ("a made variable is one of its constraints", Number, complex, True),
    ("no constraint fits", Number, str, False),
    ("some constraint fits", Number, int, None),
    ("a free variable inside", list[int], list[T], True),
    ("parameters of a call that stay open", Callable[[int], str], Callable[P, str], True),
    ("a made call with open parameters", Callable[P, str], Callable[[int], str], None),
    ("a bad result outweighs open parameters", Callable[P, str], Callable[[int], int], False),
    ("concatenated parameters", Callable[Concatenate[int, P], str], Callable[[int], str], None),
    ("variadic variables", tuple[int, Unpack[Ts]], tuple[int, str], None),
    ("variadic variables asked for", tuple[int, str], tuple[int, Unpack[Ts]], True),
    ("a class of many variables", Grid[int, str], Grid[int, str, bytes], None),
    # classes
    ("a bytearray is no bytes", bytearray, bytes, False),
    ("a subclass", SubFrame, Frame, True),
    ("a base", Frame, SubFrame, False),
    ("what the class of items inherits", Frames, Sequence[Frame], True),
    ("what the class of items does not hold", Frames, Sequence[int], False),
    ("a named tuple is a tuple", Split, tuple[Frame, Frame], True),
    ("a tuple is no named tuple", tuple[Frame, SubFrame], Split, False),
    ("a field that cannot be resolved", Texts, tuple[int, int], None),
    ("one field is surely bad", Texts, tuple[str, int], False),
    ("a new type is its base", UserId, float, True),
    ("a base is not the new type", int, UserId, False),
    ("an open file may be one for typing", io.StringIO, IO[str], None),
    ("a path is no open file", str, IO[str], False),
    ("what is registered at run time", int, __import__("numbers").Integral, True),
    ("a class is no instance", type[Frame], Frame, False),
    ("a class for a class", type[SubFrame], type[Frame], True),
    ("some class for a class", type, type[Frame], None),
    ("a metaclass for any class", enum.EnumMeta, type[Any], True),
    ("a mapping may have a hash in a subclass", Mapping[str, int], Hashable, None),
    ("a list has no hash", list[int], Hashable, False),
    # protocols
    ("a method that asks no more", Opened, Closes, True),
    ("a method that asks for more", Chatty, Closes, False),
    ("a method without hints", Untyped, Closes, None),
    ("a method in c", io.StringIO, Closes, None),
    ("no method", Frame, Closes, False),
    ("a static method", Static, Closes, True),
    ("a class method", Class, Closes, True),
    ("overloads are not judged", Overloaded, Closes, None),
    ("a callable attribute", Attribute, Closes, True),
    ("a class that answers to all names", Magic, Closes, None),
    ("a class with the method is not an instance with it", type[Opened], Closes, None),
    ("an attribute", Rooted, HasRoot, True),
    ("a field", Setting, HasRoot, True),
    ("a slot has no hint", Slotted, HasRoot, None),
    ("an attribute that only init sets", Rooted, HasLate, None),
    ("a number has no such attribute", int, HasRoot, False),
    ("an empty protocol", Frame, Empty, True),
    ("a recursive protocol", Copied, Copies, True),
    ("a recursive protocol, of itself", Copies, Copies, True),
    ("a recursive protocol, not met", CopiedBadly, Copies, False),
    ("a recursive property", Node, Tree, True),
    ("protocols that grow without end are not judged", GrowsToo[int], Grows[int], None),
    ("a comparison with anything asked of one with its own kind", Ordered, Comparable, None),
    ("a number is comparable, as far as one can see", int, Comparable, None),
    ("its length is a number", str, typing.Sized, True),
    ("it can be made a number", float, typing.SupportsInt, True),
    ("it cannot be made an index", float, typing.SupportsIndex, False),
    # calls
    ("a wider parameter", Callable[[Frame], int], Callable[[SubFrame], float], True),
    ("a narrower parameter", Callable[[SubFrame], int], Callable[[Frame], int], False),
    ("unknown parameters", Callable[..., int], Callable[[int], int], None),
    ("an unknown result", Callable[[int], Any], Callable[[int], int], None),
    ("a bare callable", Callable, Callable[[int], int], None),
    ("a bare callable takes all calls", Callable[[int], int], Callable, True),
    ("a function by its protocol", Callable[[Frame], int], Scores, True),
    ("a class of functions has no hints", type(lambda: 0), Callable[[int], int], None),
    ("what is called like a step", StepLike[[int], str], Callable[[int], str], None),
    ("what is called like a step gives something else", StepLike[[int], str], Callable[[int], bytes], False),
    ("not callable", Frame, Callable[..., Any], False),
    # typed dictionaries
    ("more items", Deeper, Config, True),
    ("fewer items", Config, Deeper, False),
    ("a typed dictionary is a dict", Config, dict[str, object], True),
    ("a typed dictionary is a mapping", Config, Mapping[str, Any], True),
    ("a typed dictionary holds all sorts", Config, dict[str, int], False),
    ("some dict may be the right one", dict, Config, None),
    ("some dict of anything may be the right one", dict[str, Any], Config, None),
    ("a dict of numbers is not", dict[str, int], Config, False),
    ("a generic typed dictionary", Pairs[bool], IntPairs, True),
    ("a generic typed dictionary of something else", Pairs[str], IntPairs, False),
    ("awaitable", typing.Coroutine[Any, Any, int], Awaitable[float], True),
    # no types at all
    ("a number", 3, int, None),
    ("a list", [int], list[int], None),
    ("asked for a number", int, 3, None),
    ("a bare form", Union, int, None),
    ("asked for a bare form", int, Literal, None),
    ("asked for a named tuple", Split, NamedTuple, None),
    ("asked for a protocol, just so", Frame, Protocol, None),
    ("asked for a generic, just so", Frame, Generic, None),
]


@pytest.mark.parametrize(("made", "wanted", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_case(made: object, wanted: object, expected: bool | None) -> None:
    assert fits(made, wanted) is expected


def test_hints_of_arrays_are_compared_by_shape_and_type() -> None:
    np = pytest.importorskip("numpy")
    array = pytest.importorskip("numpy.typing").NDArray
    floats = array[np.float64]
    flat = np.ndarray[tuple[int], np.dtype[np.float64]]
    for made, wanted, expected in [
        (floats, array[np.float64], True),
        (floats, np.ndarray, True),
        (floats, array[np.floating], True),
        (floats, array[Any], True),
        (floats, array[np.int64], False),
        (np.ndarray, floats, None),
        (flat, floats, True),
        (floats, flat, None),
        (flat, np.ndarray[tuple[int, int], np.dtype[np.float64]], False),
        (floats, Sequence[float], False),
        (np.float64, float, True),
        (np.int64, int, False),
        (floats, array[np.float64] | None, True),
    ]:
        assert fits(made, wanted) is expected, (made, wanted)
    assert describe(floats) == "NDArray[float64]"


def test_hints_of_frames_are_plain_classes() -> None:
    pd = pytest.importorskip("pandas")
    assert fits(pd.DataFrame, pd.DataFrame) is True
    assert fits(pd.DataFrame, pd.Series) is False
    assert fits(dict[str, pd.Series], Mapping[str, pd.Series | None]) is True
    assert fits(pd.Series, float) is False
    assert describe(dict[str, pd.Series]) == "dict[str, Series]"


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the syntax is of 3.12")
def test_aliases_and_classes_of_the_new_syntax() -> None:
    names: dict[str, Any] = {}
    exec(
        "type Ints = list[int]\n"
        "type Pair[T] = tuple[T, T]\n"
        "type Json = dict[str, Json] | list[Json] | int | str | None\n"
        "type Loop = Loop\n"
        "type Lost = Nowhere\n"
        "type Growing[T] = T | list[Growing[list[T]]]\n"
        "class Box[T]:\n    def get(self) -> T: ...\n"
        "class Sink[T]:\n    def put(self, x: T) -> None: ...\n"
        "class IntBox(Box[int]): ...\n",
        names,
    )
    for made, wanted, expected in [
        ("Ints", "list[float]", True),
        ("bool", "Json", True),
        ("Pair[int]", "tuple[float, float]", True),
        ("Pair[int]", "tuple[str, int]", False),
        ("tuple[int, str]", "Pair[int]", False),
        ("Json", "Json", True),
        ("list[dict[str, int]]", "Json", True),
        ("list[dict[str, bytes]]", "Json", False),
        ("Json", "int", False),
        ("Loop", "int", None),
        ("int", "Loop", None),
        ("int", "Lost", None),
        ("Growing[int]", "Growing[str]", False),
        ("Growing[str]", "list[Growing[str]]", False),
        ("Box[int]", "Box[float]", True),
        ("IntBox", "Box[str]", False),
        ("Sink[float]", "Sink[int]", None),
    ]:
        assert fits(eval(made, names), eval(wanted, names)) is expected, (made, wanted)
    assert describe(eval("Pair[int] | Ints", names)) == "Pair[int] | Ints"


def test_names_of_the_backport_mean_the_same() -> None:
    te = pytest.importorskip("typing_extensions")

    class Old(te.TypedDict):  # type: ignore[name-defined, misc]
        depth: te.ReadOnly[int]

    class Shape(te.Protocol):  # type: ignore[name-defined, misc]
        def area(self) -> float: ...

    class Square:
        def area(self) -> int:
            return 1

    ints = te.TypeAliasType("ints", list[int])
    assert fits(ints, list[float]) is True
    assert fits(Square, Shape) is True
    assert fits(Frame, Shape) is False
    assert fits(Config, Old) is True
    assert fits(Frame, te.Protocol) is None
    assert fits(te.Never, int) is True


def test_classes_of_one_name_are_not_confused() -> None:
    def make() -> type:
        class Local: ...

        return Local

    assert fits(make(), make()) is False


def test_every_hint_fits_itself_or_is_unknown() -> None:
    for _, made, wanted, _ in CASES:
        for hint in (made, wanted):
            assert fits(hint, hint) in (True, None) or hint is Never


class Nasty:
    """An object that fails wherever it is looked at."""

    def __getattr__(self, name: str) -> Any:
        # CPython 3.11 itself crashes when a dunder fails in any other way while it builds `list[Nasty()]`.
        raise AttributeError(name) if name.startswith("__") else RuntimeError(name)

    def __eq__(self, other: object) -> bool:
        raise RuntimeError

    def __hash__(self) -> int:
        raise RuntimeError

    def __repr__(self) -> str:
        raise RuntimeError


class NastyMeta(type):
    def __instancecheck__(cls, value: object) -> bool:
        raise RuntimeError

    def __subclasscheck__(cls, other: type) -> bool:
        raise RuntimeError


class NastyClass(metaclass=NastyMeta): ...


def nasty_annotations() -> type:
    return type("Odd", (Protocol,), {"__annotations__": {"x": "1/0", "y": Nasty()}})


ATOMS = st.sampled_from(
    [
        *(hint for case in CASES for hint in case[1:3]),
        NastyClass, nasty_annotations(), 0, "", "1/0", b"x", ..., (), [], {}, {1}, NotImplemented, len, typing, T, P,
        Ts, object(), Literal[[]], functools.partial(int), type, Iterator, Iterable, Generic[T], Protocol[T],
    ]
)  # fmt: skip


def combine(children: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    def build(form: Callable[..., object], parts: list[object]) -> object:
        try:
            return form(*parts)
        except Exception:  # a form that refuses the junk is as good as the junk
            return parts

    forms = [
        lambda a, b: Union[a, b],
        lambda a, b: Callable[[a], b],
        lambda a, b: dict[a, b],
        lambda a, b: tuple[a, ...],
        lambda a, b: tuple[a, b],
        lambda a, b: list[a],
        lambda a, b: type[a],
        lambda a, b: Annotated[a, b],
        lambda a, b: Literal[a, b],
        lambda a, b: a[b],
        lambda a, b: type("Made", (a,), {"__annotations__": {"x": b}}),
        lambda a, b: NewType("Made", a),
        lambda a, b: TypeVar("Made", bound=a),
        lambda a, b: TypeVar("Made", a, b),
        lambda a, b: (a, b),
    ]
    return st.builds(build, st.sampled_from(forms), st.lists(children, min_size=2, max_size=2))


HINTS = st.recursive(ATOMS | st.builds(Nasty), combine, max_leaves=8)


@settings(max_examples=400, deadline=5000, derandomize=True)
@given(HINTS, HINTS)
def test_nothing_makes_it_raise(made: object, wanted: object) -> None:
    assert fits(made, wanted) in (True, False, None)
    assert isinstance(describe(made), str) and isinstance(describe(made, wanted), str)


def test_deep_and_wide_hints_come_to_an_end() -> None:
    deep: Any = int
    wide: Any = int
    for _ in range(400):
        deep = list[deep]
    for _ in range(7):
        wide = Union[list[wide], Sequence[wide], Iterable[wide]]
    assert fits(deep, deep) in (True, None)
    assert fits(wide, wide) in (True, None)
    assert fits(wide, list[str]) in (False, None)
    assert len(describe(deep)) <= 120


def test_hints_too_vast_to_hash_are_unknown() -> None:
    deep: Any = int
    shared: Any = int
    for _ in range(50_000):
        deep = list[deep]
    for _ in range(60):
        shared = tuple[shared, shared]
    for vast in (deep, shared):
        assert fits(vast, vast) is None
        assert describe(vast) == "a vast hint"


def test_to_compare_hints_imports_nothing() -> None:
    code = (
        "import sys, typing, collections.abc as abc\n"
        "from plait.core.matching import fits, describe\n"
        "before = set(sys.modules)\n"
        "class C(typing.Protocol):\n    x: 'numpy.ndarray'\n    y: 'int'\n"
        "class D:\n    x: 'pandas.DataFrame'\n    y: int\n"
        "assert fits(D, C) is None and fits(dict[str, int], abc.Mapping[str, float])\n"
        "assert describe(C | None) == 'C | None'\n"
        "assert set(sys.modules) == before, set(sys.modules) - before\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_was_asked_before_is_remembered() -> None:
    made, wanted = dict[str, int | None], Mapping[str, float | None]
    assert fits(made, wanted) is True
    before = rules._remembered.cache_info().misses
    assert fits(made, wanted) is True
    assert fits(dict[str, int | None], Mapping[str, float | None]) is True
    assert rules._remembered.cache_info().misses == before


def test_threads_get_one_answer() -> None:
    pairs = [case[1:] for case in CASES] * 20
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda case: fits(case[0], case[1]) is case[2], pairs)) == [True] * len(pairs)


@pytest.mark.parametrize(
    ("hint", "text"),
    [
        (int, "int"),
        (None, "None"),
        (Optional[int], "int | None"),
        (int | str, "int | str"),
        (Split, "Split"),
        (dict[str, Frame], "dict[str, Frame]"),
        (typing.List[int], "list[int]"),  # noqa: UP006
        (list, "list"),
        (tuple[int, ...], "tuple[int, ...]"),
        (tuple[()], "tuple[()]"),
        (Callable[[int, str], Frame], "Callable[[int, str], Frame]"),
        (Callable[..., int], "Callable[..., int]"),
        (Literal["a", 1, Loud.ON], "Literal['a', 1, Loud.ON]"),
        (Annotated[int, "metres"], "int"),
        (UserId, "UserId"),
        (T, "T"),
        (type[Frame], "type[Frame]"),
        (ForwardRef("Frame"), "Frame"),
        ("Frame", "Frame"),
        (Any, "Any"),
        (Missing, "no hint"),
        (Self, "Self"),
        (Never, "Never"),
        (tuple[int, Unpack[tuple[str, ...]]], "tuple[int, *tuple[str, ...]]"),
    ],
)
def test_hints_have_short_names(hint: object, text: str) -> None:
    assert describe(hint) == text


def test_a_module_is_named_only_to_tell_two_classes_apart() -> None:
    mine = type("Frame", (), {"__module__": "mine"})
    yours = type("Frame", (), {"__module__": "yours"})
    assert describe(mine) == "Frame"
    assert describe(mine, beside=yours) == "mine.Frame"
    assert describe(dict[str, mine], beside=int) == "dict[str, Frame]"
    assert describe(dict[mine, yours]) == "dict[mine.Frame, yours.Frame]"
    assert describe(list[mine], beside=mine) == "list[Frame]"
    assert describe(Callable[[mine], int], beside=yours) == "Callable[[mine.Frame], int]"


def test_long_hints_are_cut() -> None:
    assert len(describe(Literal[tuple(range(1000))])) == 120
