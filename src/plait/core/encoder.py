"""The walk over a value that writes it as bytes: without recursion, so that no depth is too deep.

A value that holds others is *expanded* (by the writer of its type) into a head and its children; what the children
come to is joined after the head. What is longer than `INLINE` is replaced by its hash, and remembered, so that a value
that is shared a million times is written once; that it is shared leaves no trace.

A value may lead back to itself. Values that lead to each other (found as Tarjan found them) are written once, from
the first of them that is met; every other way to one of them is written as how many of them ago it was begun. So a
web of objects takes as long as it has links, and not as it has paths.
"""

import struct
from collections.abc import Callable, Collection, Iterator
from itertools import islice
from typing import Any, NamedTuple, TypeAlias

from blake3 import blake3

from plait.errors import FingerprintError

INLINE = 2048  # what a value holds is written as its hash if it takes more bytes
BATCH = 1 << 14  # of a longer container, so many children are held as bytes at once
_EXACT = 64  # that lead to each other: up to so many, each is written as it looks from itself

Follow: TypeAlias = Callable[[object], bytes]  # a function or class met in a value -> the name of its code
Finish: TypeAlias = Callable[[Any, list[bytes]], bytes]
Label: TypeAlias = Callable[[Any, int], str]  # where a child is, for people


class Expanded(NamedTuple):
    """What a value is made of."""

    head: bytes
    children: Collection[Any]
    label: Label
    finish: Finish | None = None  # makes bytes of the value and what its children came to; None: they are joined
    rigid: bool = False  # is it kept as it is, with the layout of all that it holds?


Writer: TypeAlias = "Callable[[Encoder, Any], Expanded]"


class Raw(bytes):
    """Among children: bytes that are written as they are."""


class UnnamedError(Exception):
    """A part of a value has no name."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path = ""


class Encoder:
    """One walk over one value."""

    def __init__(self, writer: Callable[[type, object], Writer], follow: Follow) -> None:
        self._writer = writer
        self.token = follow
        self.rigid = False  # are we within an object that is kept as it is?
        self._codes: dict[int, tuple[bytes, object]] = {}  # here and below: what an id stands for is held with it
        self._heads: dict[tuple[object, ...], bytes] = {}
        self._large: tuple[_Known, _Known] = ({}, {})  # written before; within what is rigid, the layout counts too
        self._places: tuple[dict[int, int], dict[int, int]] = ({}, {})  # where in `_open` a value is
        self._open: list[object] = []  # the values we are in, and those that lead back to one of them

    def code(self, thing: object) -> bytes:
        """What stands for a function or a class."""
        known = self._codes.get(id(thing))
        if known is None:
            try:
                token = self.token(thing)
            except FingerprintError as error:
                raise UnnamedError(str(error)) from error
            known = self._codes[id(thing)] = b"C%x;" % len(token) + token, thing
        return known[0]

    def encode(self, root: object) -> bytes:
        """The bytes of a value; `UnnamedError` says which part of it has none."""
        # One loop, and locals for the value that is being written: this runs once for each of millions of values.
        writer, leaves, texts, ints, pack, open_ = self._writer, LEAVES, _TEXTS, _INTS, _pack, self._open
        are_leaves = frozenset(leaves).issuperset
        large, places = self._large[False], self._places[False]
        above: list[_Above] = []
        value, head, label, finish, rigid, here, low, long = root, b"", index, None, False, 0, 0, None
        children, chunks = iter((root,)), list[bytes]()
        add = chunks.append
        while True:
            for child in children:
                cls = type(child)
                if cls is str:
                    try:
                        raw = child.encode()  # type: ignore[attr-defined]
                    except UnicodeEncodeError:
                        raw = child.encode("utf-8", "surrogatepass")  # type: ignore[attr-defined]
                    size = len(raw)
                    add(texts[size] + raw if size < 256 else b"s%x;" % size + raw)
                    continue
                if cls is int:
                    add(ints[child] if 0 <= child < 256 else b"i%x;" % child)  # type: ignore[operator, index]
                    continue
                if cls is float:
                    add(pack(b"f", child) if child == child else b"n")
                    continue
                leaf = leaves.get(cls)
                if leaf is not None:
                    add(leaf(child))
                    continue
                me = id(child)
                if (known := large.get(me)) is not None:
                    add(known[0])
                    continue
                place = len(open_)
                if (met := places.get(me)) is not None:  # it leads back to itself
                    add(b"^%x;" % (place - met))
                    low = min(low, met)
                    continue
                if cls is list or cls is tuple:
                    made_of, size, name, whole, kept = child, len(child), index, None, rigid
                    begin = _LISTS[size] if size < 64 and cls is list else (b"l%x;" if cls is list else b"t%x;") % size
                elif cls is dict and (words := self.words(tuple(child))) is not None:
                    made_of, size, name, whole, kept, begin = child.values(), len(child), item, None, rigid, words
                else:
                    self.rigid = rigid
                    try:
                        begin, made_of, name, whole, kept = writer(cls, child)(self, child)
                    except UnnamedError as unnamed:
                        above.append((value, head, label, finish, rigid, here, low, long, children, chunks))
                        raise self._placed(unnamed, above) from unnamed.__cause__
                    size, kept = len(made_of), kept or rigid
                if whole is None and size < 64 and are_leaves(map(type, made_of)):
                    content = begin + b"".join([leaves[type(leaf)](leaf) for leaf in made_of])
                    if len(content) > INLINE:
                        content = content[:1] + b"#" + blake3(content).digest()
                        large[me] = content, child
                    add(content)
                    continue
                above.append((value, head, label, finish, rigid, here, low, long, children, chunks))
                value, head, label, finish, children, chunks, long = child, begin, name, whole, iter(made_of), [], None
                if kept != rigid:
                    rigid, large, places = kept, self._large[kept], self._places[kept]
                places[me] = here = low = place
                open_.append(child)
                if size > BATCH and finish is None:
                    long = _Long(head, children)
                    children = long.batch()
                add = chunks.append
                break
            else:
                if long is not None and chunks:  # there may be more
                    long.take(chunks)
                    children = long.batch()
                    continue
                if not above:
                    return chunks[0]
                if long is not None:
                    content = head[:1] + b"#" + bytes(long.hasher.digest())
                else:
                    content = head + b"".join(chunks) if finish is None else finish(value, chunks)
                    if len(content) > INLINE:
                        content = content[:1] + b"#" + blake3(content).digest()
                if low < here:  # it leads back to what we are still in
                    back = low
                else:
                    back = here
                    if content[1:2] == b"#":
                        large[id(value)] = content, value
                    if len(open_) == here + 1:
                        open_.pop()
                        del places[id(value)]
                    else:
                        self._close(here, content)
                value, head, label, finish, inside, here, low, long, children, chunks = above.pop()
                if inside != rigid:
                    rigid, large, places = inside, self._large[inside], self._places[inside]
                low = min(low, back)
                add = chunks.append
                add(content)

    def words(self, keys: tuple[object, ...]) -> bytes | None:
        """The head of a dict whose keys are all text; many dicts have the same ones."""
        if not _WORDS.issuperset(map(type, keys)):
            return None
        if (known := self._heads.get(keys)) is None:
            known = b"d%x;" % len(keys) + b"".join([text(key) for key in keys])  # type: ignore[arg-type]
            if len(keys) < 256 and len(self._heads) < 256:
                self._heads[keys] = known
        return known

    def _close(self, here: int, content: bytes) -> None:
        """All that a value leads to is written: what led back to it is open no more."""
        members = self._open[here:]
        del self._open[here:]
        for number, member in enumerate(members):
            for known, among in zip(self._large, self._places, strict=True):
                if among.get(id(member), -1) == here + number:
                    del among[id(member)]
                    if len(members) > _EXACT:
                        known[id(member)] = b"m%x;" % number + blake3(content).digest(), member

    def _placed(self, unnamed: UnnamedError, above: "list[_Above]") -> UnnamedError:
        """The same, with the way from the root to where it is."""
        steps = [
            label(value, len(chunks) + (0 if long is None else long.count))
            for value, _, label, _, _, _, _, long, _, chunks in above[1:]
        ]
        unnamed.path = "".join(steps).lstrip(".")
        return unnamed


class _Long:
    """A long container, whose children's bytes are hashed batch by batch."""

    def __init__(self, head: bytes, children: Iterator[object]) -> None:
        self.hasher = blake3(head)
        self.count = 0  # of children that were taken in
        self._children = children

    def batch(self) -> Iterator[object]:
        return islice(self._children, BATCH)

    def take(self, chunks: list[bytes]) -> None:
        self.hasher.update(b"".join(chunks))
        self.count += len(chunks)
        chunks.clear()


_Above: TypeAlias = tuple[
    Any, bytes, Label, "Finish | None", bool, int, int, "_Long | None", Iterator[object], list[bytes]
]
_Known: TypeAlias = dict[int, tuple[bytes, object]]


def index(_: object, number: int) -> str:
    """Where a child of a sequence is."""
    return f"[{number}]"


def item(value: dict[object, object], number: int) -> str:
    """Where an item of a dict is."""
    return f"[{shown(list(value)[number])}]"


def shown(value: object) -> str:
    """A value for people, short."""
    try:
        return repr(value)[:100]
    except Exception:  # it is only for display, and repr is the user's code
        return f"a {type(value).__qualname__}"


def _none(_: object) -> bytes:
    return b"N"


def _bool(value: bool) -> bytes:
    return b"T" if value else b"F"


def _int(value: int) -> bytes:
    return b"i%x;" % value


def _float(value: float) -> bytes:
    return _pack(b"f", value) if value == value else b"n"  # every NaN is the same one


def _complex(value: complex) -> bytes:
    return b"c" + _float(value.real) + _float(value.imag)


def text(value: str) -> bytes:
    """What stands for text."""
    raw = value.encode("utf-8", "surrogatepass")
    return b"s%x;" % len(raw) + raw


def _bytes(value: bytes) -> bytes:
    if len(value) > INLINE:
        return b"B%x;" % len(value) + blake3(value).digest()
    return b"b%x;" % len(value) + value


def _ellipsis(_: object) -> bytes:
    return b"E"


def _raw(value: bytes) -> bytes:
    return value


_pack = struct.Struct("<cd").pack
_TEXTS = [b"s%x;" % size for size in range(256)]
_LISTS = [b"l%x;" % size for size in range(64)]
_WORDS = frozenset({str})
_INTS = [b"i%x;" % number for number in range(256)]
LEAVES: dict[type, Callable[[Any], bytes]] = {
    type(None): _none,
    bool: _bool,
    int: _int,
    float: _float,
    complex: _complex,
    str: text,
    bytes: _bytes,
    type(...): _ellipsis,
    Raw: _raw,
}
