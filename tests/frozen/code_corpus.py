"""Code of every form, whose digests are frozen in `code_digests.json`: equal on every Python that plait runs on.

Run as a script it prints the digests that the running Python gives.
"""

# ruff: noqa: E501, F401, F541, F811, F842, I001

import asyncio
import collections
import contextlib
import enum
import functools
import json
import math
import os.path
import pathlib
import re
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, Protocol, TypedDict, TypeVar

T = TypeVar("T")
WINDOW = 7
NAMES = {"a": [1, 2.5, None], "b": ("x", b"y", True), "c": {1, 2, 3}}
PATTERN = "a+b"


def plain(x: int, y: float = 1.5, *rest: Any, key: str = "k", **more: Any) -> float:
    """A docstring."""
    return x * y + WINDOW  # a comment


def formatted(x, width=10):
    name = "n"
    return f"{x!r:>{width}} {x=} {name + 'a':^5}tail" + f"plain" + f"{x:}" + f"{{x}} {x:%Y-%m-%d} {x!s}" rf"\d{x}"


def comprehensions(rows):
    total = [y for x in rows if x for y in x if (z := y) > WINDOW]
    pairs = {k: v for k, v in NAMES.items()}
    return total, pairs, {x for x in rows}, sum(x for x in rows), z, [[y for y in x] for x in rows]


def matching(value):
    match value:
        case {"kind": kind, **rest} if kind:
            return kind, rest
        case [first, *others] | (first, others):
            return first, others
        case Point(x=0) as point:
            return point
        case 1 | -2 | 3.5 | "s" | None | True:
            return WINDOW
        case _:
            return None


def handling(x):
    try:
        with open(x) as f, contextlib.suppress(OSError):
            del f
    except (ValueError, KeyError) as error:
        raise RuntimeError("bad") from error
    else:
        pass
    finally:
        assert x, "message"
    for i in range(3):
        if i:
            continue
        break
    else:
        x = 1 if x else (2, *x)
    while x:
        x -= 1
    return x


def groups(x):
    try:
        return x
    except* ValueError as group:
        print(group)


def importing(x):
    import json as j
    import os.path
    from math import sin as wave, cos

    return j.dumps(x), os.path.join("a", "b"), wave(x), cos(x), pathlib.Path(x), collections.OrderedDict(), re.sub


def nested(x):
    count = 0

    def inner(y: int = WINDOW, *, z=3) -> int:
        nonlocal count
        count += y
        return recursive(count)

    @functools.cache
    def cached(y: int) -> int:
        return y

    class Local:
        size: int = WINDOW
        x = x

        def get(self):
            return self.size, x

    return inner, cached, Local, lambda a, *b, c=1: (a, b, c, x)


def recursive(n):
    return n and recursive(n - 1)


def even(n):
    return n == 0 or odd(n - 1)


def odd(n):
    return n != 0 and even(n - 1)


async def asynchronous(xs):
    async with xs as lock:
        async for x in lock:
            await asyncio.sleep(0)
            yield x
    print([x async for x in xs])


def generator(xs) -> Iterator[int]:
    global WINDOW
    WINDOW = yield from xs
    x: int = yield 3
    y: str
    xs[0].z: int = 5
    return x @ xs[1:2, ..., ::3] // 2**3


def timed(times):
    def decorate(fn):
        @functools.wraps(fn)
        def wrapper(*args, **kwargs):
            return [fn(*args, **kwargs) for _ in range(times)]

        return wrapper

    return decorate


@timed(3)
def decorated(x, default=WINDOW + 1):
    return x + default


@functools.lru_cache(maxsize=3)
def remembered(x):
    return math.sqrt(x)


@contextlib.contextmanager
def context(x):
    yield decorated(x)


@functools.singledispatch
def dispatched(x):
    return remembered(x)


@dispatched.register
def _(x: int):
    return x


def make(n):
    return lambda x: x + n


first, second = make(1), make(2)
both = functools.partial(plain, 3, key="z")


@dataclass(frozen=True, order=True)
class Point:
    """A point."""

    x: int
    y: "float" = 2.0
    tags: list[str] = field(default_factory=list, compare=False)

    @property
    def norm(self) -> float:
        return math.hypot(self.x, self.y)


class Colour(enum.Enum):
    RED = 1
    CRIMSON = 1
    BLUE = "b"

    def shade(self):
        return Colour.RED, self.value


class Flags(enum.IntFlag):
    A = enum.auto()
    B = enum.auto()


class Pair(NamedTuple):
    left: int
    right: str = "r"

    def swap(self):
        return Pair(self.right, self.left)


Old = collections.namedtuple("Old", "a b", defaults=[3])


class Row(TypedDict, total=False):
    a: int


class Shape(ABC):
    @abstractmethod
    def area(self) -> float: ...

    @classmethod
    def unit(cls):
        return cls()

    @staticmethod
    def zero(x=0):
        return x

    @functools.cached_property
    def name(self):
        return type(self).__name__


class Square(Shape, Generic[T]):
    __slots__ = ("side",)
    count = 0

    def __init__(self, side: T) -> None:
        super().__init__()
        self.side = side
        self.__private = side

    def area(self):
        return self.side**2

    def __eq__(self, other):
        return self.side == other.side


class Sized(Protocol):
    size: int

    def grow(self, by: int) -> int: ...


@functools.total_ordering
class Ranked:
    def __lt__(self, other):
        return True


def objects(x):
    return Point(1), Colour.BLUE, Flags.A, Pair(1), Old(1, 2), Row(a=1), Square(2), Sized, Ranked(), BOX, dispatched(x)


def asking(frame):
    return frame.agg([plain, first]), recursive.__name__, dispatched.__doc__, even(asking), Shape.__subclasses__()


BOX = {"p": Point(1, 2.0), "c": Colour.RED, "f": plain, "s": Shape.zero, "t": frozenset({plain, recursive})}


def digests() -> dict[str, str]:
    """The digest of each thing in this module that can be a step, and of the bytes of its source alone."""
    from plait.core.code import Walk
    from plait.core.values import Values
    from plait.runtime.surroundings import Live

    walk: Walk
    values = Values((), lambda thing: walk.token(thing))
    walk = Walk(Live(main="code_corpus"), values.encode)
    mine = {name: thing for name, thing in globals().items() if callable(thing) and name not in ("digests", "T", "Any")}
    mine = {
        name: thing for name, thing in mine.items() if getattr(thing, "__module__", "") == __name__ or name == "both"
    }
    found = {name: walk.of({"call": thing}) for name, thing in mine.items()}
    opaque = {name: code.opaque for name, code in found.items() if code.opaque}
    assert not opaque, opaque
    return {name: code.digest for name, code in sorted(found.items())}


if __name__ == "__main__":
    json.dump(digests(), sys.stdout, indent=1)
