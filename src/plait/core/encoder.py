"""The walk over a value that writes it as bytes: without recursion, so that no depth is too deep.

A value that holds others is *expanded* (by the writer of its type) into a head and its children; what the children
come to is joined after the head. What is longer than `INLINE` is replaced by its hash, and remembered, so that a value
that is shared a million times is written once; that it is shared leaves no trace.

A value may lead back to itself. Values that lead to each other (found as Tarjan found them) are written once, from
the first of them that is met; every other way to one of them is written as how many of them ago it was begun. So a
web of objects takes as long as it has links, and not as it has paths.
"""

from collections.abc import Callable, Collection, Iterator
from itertools import islice
from typing import Any, NamedTuple, TypeAlias

from blake3 import blake3

from plait.core.leaves import INLINE, INTS, LEAVES, PACK, TEXTS, text
from plait.errors import FingerprintError

BATCH = 1 << 14  # of a longer container, so many children are held as bytes at once
_SHORT = 64  # of up to so many children, all are looked at before any is written
_FLAT = 2  # a small container is written at once if it goes no deeper than so many levels more
_EXACT = 64  # values that lead to each other: up to so many, each is written as it looks from itself
_WORDS = frozenset({str})
_ARE_LEAVES = frozenset(LEAVES).issuperset
_LISTS = [b"l%x;" % size for size in range(_SHORT)]

Follow: TypeAlias = Callable[[object], bytes]  # a function or class met in a value -> the name of its code
Finish: TypeAlias = Callable[[Any, list[bytes]], bytes]
Label: TypeAlias = Callable[[Any, int], str]  # of a value and the number of a child: where it is, for people


class Expanded(NamedTuple):
    """What a value is made of."""

    head: bytes
    children: Collection[Any]
    label: Label
    finish: Finish | None = None  # makes bytes of the value and what its children came to; None: they are joined
    rigid: bool = False  # is it kept as it is, with the layout of all that it holds?


Writer: TypeAlias = "Callable[[Encoder, Any], Expanded]"


class UnnamedError(Exception):
    """A part of a value has no name."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path = ""


class Encoder:
    """One walk over one value."""

    def __init__(self, writer: Callable[[type, object], Writer], follow: Follow, written: Any = None) -> None:
        self.written = written  # for the writers: what is known of a file of the value
        self._writer = writer
        self._follow = follow
        self.rigid = False  # are we within an object that is kept as it is?
        self._codes: dict[int, tuple[bytes, object]] = {}  # here and below: what an id stands for is held with it
        self._heads: dict[tuple[object, ...], bytes] = {}
        self._large: tuple[_Known, _Known] = ({}, {})  # written before; within what is rigid, the layout counts too
        self._places: tuple[dict[int, int], dict[int, int]] = ({}, {})  # where in `_open` a value is
        self._open: list[object] = []  # the values we are in, and those that lead back to one of them

    def token(self, thing: object) -> bytes:
        """The name of a function or a class, looked up once however many objects of it the value holds."""
        known = self._codes.get(id(thing))
        if known is None:
            try:
                known = self._codes[id(thing)] = self._follow(thing), thing
            except FingerprintError as error:
                raise UnnamedError(str(error)) from error
        return known[0]

    def code(self, thing: object) -> bytes:
        """The bytes that stand for a function or a class."""
        token = self.token(thing)
        return b"C%x;" % len(token) + token

    def words(self, keys: tuple[object, ...]) -> bytes | None:
        """How a dict begins whose keys are all text; many dicts have the same ones."""
        if not _WORDS.issuperset(map(type, keys)):
            return None
        if (known := self._heads.get(keys)) is None:
            known = b"d%x;" % len(keys) + b"".join([text(key) for key in keys])  # type: ignore[arg-type]
            if len(keys) < 256 and len(self._heads) < 256:
                self._heads[keys] = known
        return known

    def encode(self, root: object) -> bytes:
        """The bytes of a value; `UnnamedError` says which part of it has none."""
        # One loop, and locals for the value that is being written: this runs once for each of millions of values.
        leaves, texts, ints, pack, open_ = LEAVES, TEXTS, INTS, PACK, self._open
        are_leaves = _ARE_LEAVES
        large, places = self._large[False], self._places[False]
        value, head, rigid, here, low = root, b"", False, 0, 0
        label: Label = index
        its_label: Label
        finish: Finish | None = None
        long: _Long | None = None
        above: list[_Above] = []
        children: Iterator[Any] = iter((root,))
        chunks: list[bytes] = []
        add = chunks.append
        while True:
            for child in children:
                cls = type(child)
                if cls is str:
                    try:
                        raw = child.encode()
                    except UnicodeEncodeError:
                        raw = child.encode("utf-8", "surrogatepass")
                    size = len(raw)
                    add(texts[size] + raw if size < 256 else b"s%x;" % size + raw)
                    continue
                if cls is int:
                    add(ints[child] if 0 <= child < 256 else b"i%x;" % child)
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
                inside, its_finish = rigid, None
                if cls is list or cls is tuple:
                    size, items, its_label = len(child), child, index
                    begin = (
                        _LISTS[size] if size < _SHORT and cls is list else (b"l%x;" if cls is list else b"t%x;") % size
                    )
                elif cls is dict and (words := self.words(tuple(child))) is not None:
                    size, begin, items, its_label = len(child), words, child.values(), item
                else:
                    self.rigid = rigid
                    try:
                        begin, items, its_label, its_finish, inside = self._writer(cls, child)(self, child)
                    except UnnamedError as unnamed:
                        above.append((value, head, label, finish, rigid, here, low, long, children, chunks))
                        raise _placed(unnamed, above) from unnamed.__cause__
                    size, inside = len(items), inside or rigid
                if size < _SHORT:  # most are small, and nothing in them leads back: no need to go into them
                    short = self._short(begin, items, _FLAT) if its_finish is None else None
                    if its_finish is not None and are_leaves(map(type, items)):
                        short = _hashed(its_finish(child, [leaves[type(leaf)](leaf) for leaf in items]))
                    if short is not None:
                        if short[1:2] == b"#":
                            large[me] = short, child
                        add(short)
                        continue
                above.append((value, head, label, finish, rigid, here, low, long, children, chunks))
                value, head, label, finish = child, begin, its_label, its_finish
                if inside != rigid:
                    rigid, large, places = inside, self._large[inside], self._places[inside]
                places[me] = here = low = place
                open_.append(child)
                children, chunks, long = iter(items), [], None
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
                    content = head[:1] + b"#" + long.digest()
                else:
                    content = _hashed(head + b"".join(chunks) if finish is None else finish(value, chunks))
                if low >= here:  # else it leads back to what we are still in
                    low = here
                    if content[1:2] == b"#":
                        large[id(value)] = content, value
                    if len(open_) == here + 1:
                        del places[id(open_.pop())]
                    else:
                        self._close(here, content)
                lowest = low
                value, head, label, finish, inside, here, low, long, children, chunks = above.pop()
                if inside != rigid:
                    rigid, large, places = inside, self._large[inside], self._places[inside]
                low = min(low, lowest)
                add = chunks.append
                add(content)

    def _short(self, begin: bytes, items: Collection[Any], depth: int) -> bytes | None:
        """The bytes of a container that is small and flat; None for any other, and for all that leads back to itself.

        It is what the loop of `encode` would come to, at half the cost: a value is mostly made of such containers.
        """
        chunks = [begin]
        add = chunks.append
        for child in items:
            cls = type(child)
            if cls is str:
                try:
                    raw = child.encode()
                except UnicodeEncodeError:
                    return None
                size = len(raw)
                add(TEXTS[size] + raw if size < 256 else b"s%x;" % size + raw)
            elif cls is int:
                add(INTS[child] if 0 <= child < 256 else b"i%x;" % child)
            elif cls is float:
                add(PACK(b"f", child) if child == child else b"n")
            elif cls is dict or cls is list or cls is tuple:
                if not depth or (size := len(child)) >= _SHORT:
                    return None
                if cls is dict:
                    head, inner = self.words(tuple(child)), child.values()
                else:
                    head, inner = _LISTS[size] if cls is list else b"t%x;" % size, child
                short = None if head is None else self._short(head, inner, depth - 1)
                if short is None:
                    return None
                add(short)
            elif (leaf := LEAVES.get(cls)) is not None:
                add(leaf(child))
            else:
                return None
        return _hashed(b"".join(chunks))

    def _close(self, here: int, content: bytes) -> None:
        """All that a value leads to is written: what led back to it is open no more."""
        members = self._open[here:]
        del self._open[here:]
        for number, member in enumerate(members):
            for known, among in zip(self._large, self._places, strict=True):
                if among.get(id(member), -1) == here + number:
                    del among[id(member)]
                    if len(members) > _EXACT:
                        known[id(member)] = b"@%x;" % number + blake3(content).digest(), member


def _hashed(content: bytes) -> bytes:
    """The same bytes, or what stands for them where there are many."""
    return content if len(content) <= INLINE else content[:1] + b"#" + blake3(content).digest()


class _Long:
    """A long container, whose children's bytes are hashed batch by batch."""

    def __init__(self, head: bytes, children: Iterator[Any]) -> None:
        self.count = 0  # of children that were taken in
        self._hasher = blake3(head)
        self._children = children

    def batch(self) -> Iterator[Any]:
        return islice(self._children, BATCH)

    def take(self, chunks: list[bytes]) -> None:
        self._hasher.update(b"".join(chunks))
        self.count += len(chunks)
        chunks.clear()

    def digest(self) -> bytes:
        return bytes(self._hasher.digest())


_Known: TypeAlias = dict[int, tuple[bytes, object]]
_Above: TypeAlias = tuple[
    Any, bytes, Label, "Finish | None", bool, int, int, "_Long | None", Iterator[Any], list[bytes]
]


def _placed(unnamed: UnnamedError, above: list[_Above]) -> UnnamedError:
    """The same error, with the way from the root to where it is."""
    steps = [
        label(value, len(chunks) + (0 if long is None else long.count))
        for value, _, label, _, _, _, _, long, _, chunks in above[1:]
    ]
    unnamed.path = "".join(steps).lstrip(".")
    return unnamed


def index(_: Any, number: int) -> str:
    """Where a child of a sequence is."""
    return f"[{number}]"


def item(value: Any, number: int) -> str:
    """Where an item of a dict is."""
    return f"[{shown(list(value)[number])}]"


def shown(value: object) -> str:
    """A value for people, short."""
    try:
        return repr(value)[:100]
    except Exception:  # it is only for display, and repr is the user's code
        return f"a {type(value).__qualname__}"
