"""mypy says what fits; wherever `fits` has an opinion, it must be the same one, or be in the table of reasons."""

import random
import re
import subprocess
import sys
import types
from collections.abc import Iterator
from typing import Any, TypeAlias

import pytest

from plait.core.matching import fits

pytest.importorskip("mypy")

WORLD = """
import collections
import enum
import numbers
import os
import pathlib
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import (
    Awaitable, Callable, Collection, Container, Coroutine, Generator, Hashable, Iterable, Iterator, Mapping,
    MutableMapping, MutableSequence, Reversible, Sequence, Set, Sized,
)
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import (
    Annotated, Any, Dict, Generic, List, Literal, NamedTuple, Never, NewType, NoReturn, NotRequired, Optional, Protocol,
    Required, SupportsFloat, SupportsIndex, SupportsInt, Tuple, Type, TypedDict, TypeVar, Union, Unpack,
    runtime_checkable,
)

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
T_contra = TypeVar("T_contra", contravariant=True)
Small = TypeVar("Small", bound=int)
Text = TypeVar("Text", str, bytes)

class Animal: ...
class Cat(Animal):
    name: str = "cat"
    def speak(self, loud: bool = False) -> str: return ""
class Kitten(Cat): ...
class Rock:
    def speak(self) -> int: return 0
class Both(Cat, Rock):  # type: ignore[misc]
    pass
class Color(enum.Enum):
    RED = 1
    BLUE = 2
class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2
class Bits(enum.Flag):
    A = 1
    B = 2
UserId = NewType("UserId", int)
AdminId = NewType("AdminId", UserId)
class Point(NamedTuple):
    x: int
    y: int
class Named(NamedTuple):
    name: str
    age: float = 0.0
class Pair(NamedTuple, Generic[T]):
    left: T
    right: T
class Movie(TypedDict):
    title: str
    year: int
class Rated(Movie):
    stars: float
class Loose(TypedDict, total=False):
    title: str
class Mixed(TypedDict):
    title: Required[str]
    year: NotRequired[int]
class Box(Generic[T_co]):
    def get(self) -> T_co: raise NotImplementedError
class IntBox(Box[int]): ...
class BigBox(Box[T_co]): ...
class Sink(Generic[T_contra]):
    def put(self, x: T_contra) -> None: ...
class Frames(list[Cat]): ...
class Table(dict[str, T]): ...
class Row(Mapping[str, T_co]):
    def __getitem__(self, key: str) -> T_co: raise NotImplementedError
    def __iter__(self) -> Iterator[str]: raise NotImplementedError
    def __len__(self) -> int: return 0
class Countdown:
    def __iter__(self) -> Iterator[int]: raise NotImplementedError
class Here:
    def __fspath__(self) -> str: return ""
class HereToo(os.PathLike[str]):
    def __fspath__(self) -> str: return ""
class Speaks(Protocol):
    def speak(self) -> str: ...
@runtime_checkable
class SpeaksLoud(Protocol):
    def speak(self, loud: bool) -> str: ...
class HasName(Protocol):
    @property
    def name(self) -> str: ...
class Source(Protocol[T_co]):
    def get(self) -> T_co: ...
class Target(Protocol[T_contra]):
    def put(self, x: T_contra) -> None: ...
class Linked(Protocol):
    @property
    def next(self) -> "Linked | None": ...
class Chain:
    @property
    def next(self) -> "Chain | None": return None
class Scores(Protocol):
    def __call__(self, x: int, /) -> float: ...
class Scorer:
    def __call__(self, x: float) -> int: return 0
class Strict:
    def __call__(self, x: bool) -> int: return 0
class Keyed:
    def __call__(self, x: float, *, key: str) -> int: return 0
class KeyedToo:
    def __call__(self, x: float, *more: str, key: str = "") -> int: return 0
class Meta(type): ...
class Made(metaclass=Meta): ...
@dataclass
class Setting:
    name: str
    depth: int
class Measured(Protocol):
    size: float
class Ragged:
    size: int = 0
class Unhashable:
    def __eq__(self, other: object) -> bool: return True
    __hash__ = None  # type: ignore[assignment]
"""

# One line: what is made, then every hint that it is compared with.
TABLE = """
int > int; float; complex; bool; str; object; None; int | None; Optional[float]; Literal[1]; Hashable; Sized; UserId
int > SupportsInt; SupportsFloat; SupportsIndex; str | bytes; Annotated[int, 'x']; Callable[[], int]; type[int]; Small
bool > int; float; complex; Literal[True]; Literal[True, False]; Literal[True] | Literal[False] | None; str; Never
float > int; complex; float | None; Decimal; SupportsIndex; SupportsFloat; int | str; Small
complex > float; complex; SupportsFloat
None > None; int | None; object; int; Hashable; Literal[None]; Literal[None, 'a']; Optional[str]; Sized
str > Sequence[str]; Iterable[str]; Collection[str]; Sequence[int]; bytes; list[str]; Container[str]; Reversible[str]
str > Literal['a']; Sized; Hashable; os.PathLike[str]; Callable[..., Any]; Mapping[str, str]; Text; SupportsInt
bytes > Sequence[int]; str; Iterable[str]; bytearray; Text
bytearray > bytes; MutableSequence[int]
range > Sequence[int]; Sequence[float]; Sequence[str]; list[int]
object > int; object; Any
Any > int; object; list[int]
Never > int; str; list[int]
NoReturn > int
Literal[1] > int; float; Literal[1, 2]; Literal['1']; Literal[True]; str; int | None; complex; Hashable
Literal[1, 2] > Literal[1]; Literal[1, 2, 3]; Literal[1] | Literal[2]; int; int | str
Literal['a'] > str; Sequence[str]; Literal['a', 'b']; Literal['b'] | None; Literal[b'a']; bytes
Literal[True] > bool; Literal[1]; int; Literal[True, None]
Literal['a', 1] > str; str | int; Literal[1, 'a']
Literal[Color.RED] > Color; Literal[Color.RED, Color.BLUE]; Literal[Color.BLUE]; int
Color > Literal[Color.RED, Color.BLUE]; Literal[Color.RED]; enum.Enum; int; Color | None; Hashable
Level > int; float; Literal[Level.LOW, Level.HIGH]; Literal[1, 2]
Bits > Literal[Bits.A]; enum.Flag; int
int | str > int; str; int | str | None; str | int; object; float | str; Sequence[str] | int; Union[str, int]
int | None > int; Optional[int]; float | None; None
Cat | Rock > Animal | Rock; Animal; Speaks
Cat > Animal; Kitten; Cat; Rock; Speaks; SpeaksLoud; HasName; type[Cat]; Source[int]; Cat | None; Callable[..., Any]
Kitten > Animal; Cat | Rock; Speaks; Literal['x']
Animal > Cat; Kitten | Cat; Speaks; HasName; Any; Hashable
Rock > Speaks; HasName; SpeaksLoud; Sized
Both > Cat; Rock; Speaks
datetime > date; datetime; str
date > datetime
UserId > int; float; UserId; AdminId; int | None; str; UserId | None; Literal[1]
AdminId > UserId; int; UserId | str
tuple[int, str] > tuple[int, str]; tuple[float, str]; tuple[int]; tuple[int, str, int]; tuple[int | str, ...]
tuple[int, str] > tuple[()]
tuple[int, str] > Sequence[int | str]; Sequence[int]; tuple[object, ...]; tuple[int, ...]; Iterable[object]
tuple[int, str] > Tuple[int, str]
tuple[int, ...] > tuple[float, ...]; tuple[int, int]; tuple[()]; Sequence[float]; tuple[str, ...]; Sized
tuple[int, ...] > list[int]; tuple
tuple[()] > tuple[int, ...]; tuple[()]; tuple[int]; Sequence[str]; Hashable
tuple[int, int, int] > tuple[int, ...]; tuple[int, *tuple[int, ...]]; tuple[int, *tuple[str, ...]]
tuple[int, *tuple[str, ...]] > tuple[int, *tuple[str, ...]]; tuple[int | str, ...]; tuple[int, str]; tuple[str, ...]
tuple[int, str, float] > tuple[int, *tuple[str, ...], float]; tuple[int, Unpack[tuple[str, ...]]]
tuple[int, *tuple[str, ...], float] > tuple[int, *tuple[object, ...]]; Sequence[object]; Sequence[int | str]
tuple[Any, ...] > tuple[int, str]; tuple[int, ...]
tuple > tuple[int, str]; tuple[Any, ...]; Sequence[int]
Point > tuple[int, int]; tuple[int, ...]; Sequence[int]; tuple[str, str]; tuple[int, int, int]; Named
Point > NamedTuple; Sequence[str]
tuple[int, int] > Point
Named > tuple[str, float]; tuple[str, int]; Sequence[str | float]
Pair[int] > Pair[float]; tuple[int, int]; Pair[str]; Sequence[int]; tuple[str, str]
list[int] > list[int]; list[float]; list[str]; Sequence[float]; Iterable[int]; list; List[int]; set[int]
list[int] > tuple[int, ...]
list[int] > Sequence[str]; Collection[object]; Sized; Hashable; list[Any]; MutableSequence[int]; Iterator[int]
list[int] > Reversible[int]
list[Any] > list[int]; Sequence[str]; set[int]
list > list[int]; Sequence[Any]; Iterable[str]
list[list[int]] > Sequence[Sequence[float]]; list[list[int]]; Sequence[Sequence[str]]; list[list[Any]]
list[Cat] > list[Animal]; Sequence[Animal]; Sequence[Rock]; Iterable[Speaks]; Iterable[HasName]
dict[str, int] > Mapping[str, float]; dict[str, float]; Mapping[str, str]; Iterable[str]; Iterable[int]; dict
dict[str, int] > Hashable
dict[str, int] > dict[str, Any]; MutableMapping[str, int]; Mapping[object, int]; Movie; Sequence[str]; Dict[str, int]
defaultdict[str, int] > dict[str, int]; Mapping[str, float]; Mapping[int, int]
OrderedDict[str, int] > Mapping[str, int]; dict[str, str]
Counter[str] > dict[str, int]; Mapping[str, float]; Mapping[str, str]
collections.ChainMap[str, int] > Mapping[str, int]; dict[str, int]
deque[int] > Sequence[float]; list[int]; MutableSequence[int]
set[int] > Set[float]; frozenset[int]; Collection[int]; Sequence[int]; Hashable; set[bool]
frozenset[int] > Set[int]; frozenset[float]; Hashable; set[int]; Iterable[str]
Generator[int, None, None] > Iterator[int]; Iterable[float]; Iterator[str]; Generator[float, None, object]
Generator[int, float, None] > Generator[int, int, None]; Generator[int, str, None]
Coroutine[Any, Any, int] > Awaitable[float]; Awaitable[str]; Awaitable[int]
Iterable[int] > Sequence[int]; Iterable[float]; Collection[int]
Mapping[str, int] > dict[str, int]; Collection[str]; Mapping[str, object]
Frames > list[Cat]; Sequence[Cat]; Sequence[Animal]; Sequence[int]; list[Animal]; Iterable[Speaks]; Frames; Hashable
Table[int] > dict[str, int]; Mapping[str, float]; Mapping[int, int]; Table[int]; Table[float]; Iterable[str]
Row[int] > Mapping[str, int]; Row[float]; Mapping[str, str]; Sized; Iterable[str]; Row[str]
Countdown > Iterable[int]; Iterable[str]; Iterable[float]; Iterator[int]; Sized
IntBox > Box[int]; Box[float]; Box[str]; Source[int]; Source[float]; Source[str]
BigBox[int] > Box[int]; Box[str]; IntBox; Source[float]
Box[Cat] > Box[Animal]; Box[Kitten]; Box[Any]; Box; Source[Animal]; Source[Rock]
Box[Any] > Box[int]; Source[int]; Box[Any]; str
Sink[int] > Sink[bool]; Sink[float]; Target[bool]; Target[float]; Sink[int]
Sink[Animal] > Sink[Cat]; Target[Kitten]; Target[Any]
Source[int] > Source[float]; Box[int]; Source[str]; object
pathlib.Path > os.PathLike[str]; pathlib.PurePath; str; os.PathLike[bytes]; str | os.PathLike[str]
Here > os.PathLike[str]; os.PathLike[bytes]
HereToo > os.PathLike[str]; os.PathLike[bytes]; str
Movie > Mapping[str, object]; Movie; Rated; Loose; dict[str, Any]; Mapping[str, int]; Mixed; Mapping[str, Any]; str
Rated > Movie; Loose; Rated; Mapping[str, object]
Loose > Movie; Loose
Mixed > Movie; Loose; Mixed
Callable[[int], str] > Callable[[bool], str]; Callable[[float], str]; Callable[[int], object]; Callable[[int], int]
Callable[[int], str] > Callable[..., str]; Callable[..., int]; Callable[[], str]; Callable[[int, int], str]
Callable[[int], str] > Callable; int
Callable[[Animal], Kitten] > Callable[[Cat], Cat]; Callable[[object], Cat]; Callable[[Cat], Rock]; Hashable; object
Callable[..., int] > Callable[[int], int]; Callable[[int], str]; Callable[..., float]
Callable[[Callable[[int], int]], int] > Callable[[Callable[[float], int]], int]
Callable[[Callable[[int], int]], int] > Callable[[Callable[[bool], int]], int]
Scorer > Callable[[int], float]; Callable[[str], float]; Callable[[int], str]; Scores; Callable[..., Any]
Scorer > Callable[[], int]
Strict > Callable[[int], int]; Scores; Callable[[bool], float]
Keyed > Callable[[int], float]; Scores
KeyedToo > Callable[[int], float]; Callable[[int, str], int]; Callable[[int, int], int]; Scores
Callable[[int], float] > Scores; Callable[[int], float] | None
Callable[[str], float] > Scores
type[int] > type; type[Any]; type[object]; type[str]; Type[int]; Callable[..., int]; Callable[..., str]; Hashable; int
type[Cat] > type[Animal]; type[Kitten]; type[Cat | Rock]; Callable[[], Cat]; type[Animal] | None
type[int | str] > type[int]; type[int | str | bytes]
type[Made] > Meta; type; type[Made]
type > type[int]; type[Any]; object; int
Chain > Linked; Chain; Hashable
Setting > HasName; Setting; Hashable; Speaks
int > numbers.Real; numbers.Number | str
Ragged > Measured
Unhashable > Hashable; object
Union[list[int], None] > Optional[Sequence[int]]; Iterable[int]
Annotated[int, 'positive'] > int; float; str; Annotated[float, 'x']
list[Annotated[int, 1]] > list[int]; Sequence[str]
"""

COVARIANT = "containers are covariant: a step cannot change its inputs"
FROZEN = "a TypedDict that nobody can change is a dict, and its required items are there"
RUN_TIME = "what is true of the value at run time, where typeshed says otherwise or nothing"
EXCEPTIONS = {
    "Pair[int] > Pair[float]": COVARIANT,
    "list[int] > list[float]": COVARIANT,
    "list[Cat] > list[Animal]": COVARIANT,
    "dict[str, int] > dict[str, float]": COVARIANT,
    "dict[str, int] > Mapping[object, int]": COVARIANT,
    "Frames > list[Animal]": COVARIANT,
    "Table[int] > Table[float]": COVARIANT,
    "Movie > Loose": FROZEN,
    "Rated > Loose": FROZEN,
    "Mixed > Loose": FROZEN,
    "Movie > Mixed": FROZEN,
    "Movie > dict[str, Any]": FROZEN,
    "type[int] > Hashable": RUN_TIME,
    "Setting > Hashable": RUN_TIME,
    "int > numbers.Real": RUN_TIME,
    "int > numbers.Number | str": RUN_TIME,
    "Ragged > Measured": COVARIANT,
}

PLAIN = [
    "int", "str", "float", "bool", "bytes", "None", "object", "Animal", "Cat", "Kitten", "Rock", "Color", "UserId",
    "Literal[1]", "Literal['a', 'b']", "Literal[True]", "Literal[Color.RED]", "Point", "Movie", "Rated", "Frames",
    "IntBox", "Speaks", "HasName", "date", "pathlib.Path", "Sized", "Scorer",
]  # fmt: skip
COVARIANT_FORMS = [
    "Sequence[{}]", "Iterable[{}]", "Collection[{}]", "frozenset[{}]", "Mapping[str, {}]", "Box[{}]", "Source[{}]",
    "tuple[{}, ...]", "tuple[{}, {}]", "tuple[{}]", "Annotated[{}, 1]", "Union[{}, {}]", "Optional[{}]",
]  # fmt: skip
MADE_FORMS = [*COVARIANT_FORMS, "list[{}]", "dict[str, {}]", "deque[{}]", "BigBox[{}]", "Table[{}]", "Pair[{}]"]
INVARIANT = re.compile(r"\b(list|dict|deque|Table|Pair)\b")
DECIDABLE_AT_LEAST = 0.98
RANDOM_PAIRS = 3000
Pair: TypeAlias = tuple[str, str]


def grown(rng: random.Random, forms: list[str], depth: int) -> str:
    """A random hint; a parameter of a callable is of the covariant forms, since there the two sides change places."""
    if depth == 0 or rng.random() < 0.2:
        return rng.choice(PLAIN)
    if rng.random() < 0.12:
        taken = [grown(rng, COVARIANT_FORMS, depth - 1) for _ in range(rng.choice([0, 1, 1, 2]))]
        return f"Callable[[{', '.join(taken)}], {grown(rng, forms, depth - 1)}]"
    form = rng.choice(forms)
    return form.format(*(grown(rng, forms, depth - 1) for _ in range(form.count("{}"))))


def related(rng: random.Random, depth: int) -> Pair:
    """Two hints of like shape, so that about half of the pairs fit."""
    if depth == 0:
        return rng.choice(PLAIN), rng.choice(PLAIN)
    made_form = rng.choice(MADE_FORMS)
    wanted_form = rng.choice(COVARIANT_FORMS) if made_form not in COVARIANT_FORMS or rng.random() < 0.4 else made_form
    inner = [related(rng, depth - 1) for _ in range(2)]
    if rng.random() < 0.5:
        inner = [(made, wanted if INVARIANT.search(made) else made) for made, wanted in inner]
    if rng.random() < 0.15:
        (taken, given), (made, wanted) = inner
        taken = given if INVARIANT.search(taken) else taken
        return f"Callable[[{given}], {made}]", f"Callable[[{taken}], {wanted}]"
    return made_form.format(*(made for made, _ in inner)), wanted_form.format(*(wanted for _, wanted in inner))


def table_pairs() -> Iterator[Pair]:
    for line in TABLE.strip().splitlines():
        made, _, row = line.partition(" > ")
        yield from ((made, wanted) for wanted in row.split("; "))


def random_pairs() -> Iterator[Pair]:
    rng = random.Random(17)  # noqa: S311 (not a secret)
    for _ in range(RANDOM_PAIRS // 3):
        yield grown(rng, MADE_FORMS, 2), grown(rng, COVARIANT_FORMS, 2)
        yield related(rng, 1)
        yield related(rng, 2)


@pytest.fixture(scope="module")
def world() -> Iterator[dict[str, Any]]:
    """The classes of both sides, as a module: hints that are text are resolved where they were written."""
    module = types.ModuleType("matching_world")
    sys.modules[module.__name__] = module
    exec(WORLD, vars(module))  # noqa: S102 (our own text, which mypy reads too)
    yield vars(module)
    del sys.modules[module.__name__]


@pytest.fixture(scope="module")
def accepted(tmp_path_factory: pytest.TempPathFactory) -> dict[Pair, bool]:
    """Every pair, and whether mypy lets a value of the one be given where the other is asked for."""
    pairs = list(dict.fromkeys([*table_pairs(), *random_pairs()]))
    folder = tmp_path_factory.mktemp("oracle")
    head = WORLD.count("\n") + 1
    # A call rather than an assignment: only a call lets a type variable stand for something.
    lines = [
        f"def w{i}(x: {wanted}) -> None: ...\ndef m{i}(x: {made}) -> None: w{i}(x)"
        for i, (made, wanted) in enumerate(pairs)
    ]
    (folder / "pairs.py").write_text(WORLD + "\n".join(lines) + "\n")
    command = [sys.executable, "-m", "mypy", "--strict", "--no-incremental", "--cache-dir", str(folder / "cache")]
    options = ["--allow-any-generics", "--hide-error-context", "--no-error-summary", "--no-warn-unused-ignores"]
    done = subprocess.run([*command, *options, "pairs.py"], cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603
    errors: dict[int, str] = {}
    for number, code in re.findall(r"^pairs\.py:(\d+): error: .*\[([a-z-]+)\]$", done.stdout, re.MULTILINE):
        errors.setdefault(int(number), code)
    assert set(errors.values()) <= {"arg-type", "type-var"}, done.stdout[-3000:] + done.stderr
    return {pair: head + 2 * i + 1 not in errors for i, pair in enumerate(pairs)}


def verdict(world: dict[str, Any], pair: Pair) -> bool | None:
    made, wanted = (eval(text, world) for text in pair)  # noqa: S307 (our own text)
    return fits(made, wanted)


def test_where_fits_has_an_opinion_mypy_shares_it(world: dict[str, Any], accepted: dict[Pair, bool]) -> None:
    differ = {
        f"{made} > {wanted}": (ours, theirs)
        for (made, wanted), theirs in accepted.items()
        if (ours := verdict(world, (made, wanted))) is not None and ours is not theirs
    }
    assert {text: both for text, both in differ.items() if text not in EXCEPTIONS} == {}
    assert EXCEPTIONS.keys() == differ.keys(), "an exception that is none any more"


def test_few_pairs_stay_unknown(world: dict[str, Any], accepted: dict[Pair, bool]) -> None:
    decidable = [pair for pair in accepted if not re.search(r"\bAny\b", " ".join(pair))]
    unknown = [pair for pair in decidable if verdict(world, pair) is None]
    assert len(unknown) < (1 - DECIDABLE_AT_LEAST) * len(decidable), unknown


def test_the_pairs_are_many_and_mixed(accepted: dict[Pair, bool]) -> None:
    assert len(set(table_pairs())) >= 450
    assert len(set(random_pairs())) >= 2000
    assert 0.15 < sum(accepted.values()) / len(accepted) < 0.8
