"""Which name does a value have? Equal content, equal name; any other content, another one.

Each value is written as bytes that say its type, its length and its content, so that no two different values look
alike (`1`, `1.0`, `True`, `"1"`, `[1]` and `(1,)` all differ). The name is the hash of these bytes. A container
longer than `INLINE` bytes is written as its hash, which bounds what is held in memory.

Kinds of value that the standard library does not know (arrays, frames) are described by their codec. Any other object
is described by what `__reduce_ex__` gives, walked in the same way: equal trees rebuild equal objects, so the walk can
miss needlessly, but never hit wrongly. Pickle *bytes* are never hashed: they differ between equal values.
"""

import copyreg
import functools
import struct
import types
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from typing import Any, Protocol

from blake3 import blake3

from plait.core.digest import Digest
from plait.errors import FingerprintError

INLINE = 2048  # a container whose content takes more bytes is written as its hash
PARALLEL = 1 << 20  # a buffer of this many bytes is hashed by all cores

_pack = struct.Struct("<cd").pack
Follow = Callable[[object], bytes]  # a function or class met in a value -> the name of its code


class Kind(Protocol):
    """What naming needs to know of a codec."""

    name: str

    def accepts(self, value: Any, /) -> bool: ...
    def digest(self, value: Any, stream: "Stream", /) -> None: ...


class Stream:
    """Where a codec writes what makes a value itself; each item is framed, so that items cannot run together."""

    __slots__ = ("_chunks", "_encoder", "rigid")

    def __init__(self, encoder: "_Encoder") -> None:
        self._encoder = encoder
        self.rigid = encoder.rigid > 0  # within an object that is not rebuilt: then the layout of the value counts
        self._chunks: list[bytes] = []

    def value(self, value: object) -> None:
        """A value within the value: a name, an index, an element."""
        self._chunks.append(self._encoder.encode(value))

    def text(self, text: str) -> None:
        self._chunks.append(_str(self._encoder, text))

    def buffer(self, buffer: Any) -> None:
        """The bytes of a contiguous buffer, however large; they are hashed where they are."""
        view = memoryview(buffer).cast("B")
        threads = blake3.AUTO if len(view) >= PARALLEL else 1
        self._chunks.append(b"#" + len(view).to_bytes(8, "little") + blake3(view, max_threads=threads).digest())

    def content(self) -> bytes:
        return b"".join(self._chunks)


class Values:
    """The names of values, given the codecs that know their kinds, and how code is named."""

    def __init__(self, kinds: Sequence[Kind], follow: Follow) -> None:
        self._follow = follow
        self._writers: dict[type, Callable[[_Encoder, Any], bytes]] = dict(_WRITERS)
        self._kinds = tuple(kinds)

    def digest(self, value: object) -> Digest:
        """The name of a value; `FingerprintError` with the path inside where a part of it has none."""
        leaf = _LEAVES.get(type(value))
        content = self.encode(value, self._follow) if leaf is None else leaf(_NO_ENCODER, value)
        return Digest(blake3(content).hexdigest())

    def encode(self, value: object, follow: Follow) -> bytes:
        """The bytes that make a value itself; `follow` names the functions and classes in it."""
        try:
            return _Encoder(self, follow).encode(value)
        except RecursionError:
            message = f"a {type(value).__name__} is nested too deeply to be named; flatten it, or give its type a codec"
            raise FingerprintError(message) from None
        except _UnnamedError as unnamed:
            path, reason = unnamed.path(), unnamed.reason
            raise FingerprintError(f"{path or 'it'} has no content to name: {reason}") from unnamed.__cause__

    def parts_digest(self, cls: type, parts: Iterable[tuple[str, Digest]]) -> Digest:
        """The name of a NamedTuple, from the names of its parts alone."""
        return Digest(blake3(_parts(self._follow(cls), parts)).hexdigest())

    def writer(self, cls: type, value: object) -> Callable[["_Encoder", Any], bytes]:
        """How values of a type are written, looked up once a type."""
        if (known := self._writers.get(cls)) is None:
            known = self._writers[cls] = self._choose(cls, value)
        return known

    def _choose(self, cls: type, value: object) -> Callable[["_Encoder", Any], bytes]:
        if hasattr(cls, "__plait_digest__"):
            return _own
        if hasattr(cls, "__plait_code__"):  # a step: its functions, none of its options
            return _code
        for kind in self._kinds:
            if kind.accepts(value):
                return functools.partial(_by_kind, kind)
        if isinstance(value, (type, types.FunctionType, types.BuiltinFunctionType, types.MethodWrapperType)):
            return _code
        if isinstance(value, Enum):
            return _enum
        if isinstance(value, tuple) and hasattr(cls, "_fields"):
            return _named_tuple
        return _reduced


class _UnnamedError(Exception):
    """A part of a value has no name; where it is, is gathered on the way out."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.steps: list[str] = []

    def path(self) -> str:
        return "".join(reversed(self.steps)).lstrip(".")


class _Encoder:
    """One walk over one value."""

    __slots__ = ("_back", "_depths", "_large", "_values", "follow", "rigid")

    def __init__(self, values: Values, follow: Follow) -> None:
        self._values = values
        self.follow = follow
        self._depths: dict[int, int] = {}  # the containers that we are in
        self._large: dict[tuple[int, bool], tuple[bytes, object]] = {}  # written before; held, so that ids stay theirs
        self._back = 0
        self.rigid = 0  # how many objects we are in that are kept as they are, and so keep the layout of what they hold

    def encode(self, value: object) -> bytes:
        cls = type(value)
        leaf = _LEAVES.get(cls)
        if leaf is not None:
            return leaf(self, value)
        me = id(value)
        if (known := self._large.get((me, self.rigid > 0))) is not None:
            return known[0]
        if me in self._depths:  # a cycle: how many levels up
            self._back += 1
            return b"^%d;" % (len(self._depths) - self._depths[me])
        self._depths[me] = len(self._depths)
        back = self._back
        try:
            content = self._values.writer(cls, value)(self, value)
        finally:
            del self._depths[me]
        if len(content) <= INLINE:
            return content
        content = content[:1] + b"#" + blake3(content).digest()
        if back == self._back:
            self._large[me, self.rigid > 0] = content, value
        return content

    def child(self, step: str, value: object) -> bytes:
        try:
            return self.encode(value)
        except _UnnamedError as unnamed:
            unnamed.steps.append(step)
            raise

    def children(self, values: Sequence[object]) -> bytes:
        encode = self.encode
        try:
            return b"".join([encode(value) for value in values])
        except _UnnamedError:
            return b"".join([self.child(f"[{i}]", value) for i, value in enumerate(values)])


def _none(_: _Encoder, __: None) -> bytes:
    return b"N"


def _bool(_: _Encoder, value: bool) -> bytes:
    return b"T" if value else b"F"


def _int(_: _Encoder, value: int) -> bytes:
    return b"i%x;" % value


def _float(_: _Encoder, value: float) -> bytes:
    return _pack(b"f", value) if value == value else b"n"  # every NaN is the same one


def _complex(encoder: _Encoder, value: complex) -> bytes:
    return b"c" + _float(encoder, value.real) + _float(encoder, value.imag)


def _str(_: _Encoder, value: str) -> bytes:
    raw = value.encode("utf-8", "surrogatepass")
    return b"s%x;" % len(raw) + raw


def _bytes(_: _Encoder, value: bytes) -> bytes:
    if len(value) > INLINE:
        return b"B%x;" % len(value) + blake3(value).digest()
    return b"b%x;" % len(value) + value


def _ellipsis(_: _Encoder, __: object) -> bytes:
    return b"E"


def _list(encoder: _Encoder, value: list[object]) -> bytes:
    return b"l%x;" % len(value) + encoder.children(value)


def _tuple(encoder: _Encoder, value: tuple[object, ...]) -> bytes:
    return b"t%x;" % len(value) + encoder.children(value)


def _dict(encoder: _Encoder, value: dict[object, object]) -> bytes:
    encode = encoder.encode
    head = b"d%x;" % len(value)
    try:
        return head + b"".join([encode(key) + encode(item) for key, item in value.items()])
    except _UnnamedError:
        pairs = [encoder.child(f" key {key!r}", key) + encoder.child(f"[{key!r}]", x) for key, x in value.items()]
        return head + b"".join(pairs)


def _set(encoder: _Encoder, value: set[object]) -> bytes:
    return b"{%x;" % len(value) + b"".join(sorted([encoder.child(f"{{{item!r}}}", item) for item in value]))


def _frozenset(encoder: _Encoder, value: frozenset[object]) -> bytes:
    return b"}%x;" % len(value) + b"".join(sorted([encoder.child(f"{{{item!r}}}", item) for item in value]))


def _mapping_proxy(encoder: _Encoder, value: types.MappingProxyType[object, object]) -> bytes:
    return b"m" + _dict(encoder, dict(value))


def _code(encoder: _Encoder, value: object) -> bytes:
    name = encoder.follow(value)
    return b"C%x;" % len(name) + name


def _enum(encoder: _Encoder, value: Enum) -> bytes:
    return b"e" + _code(encoder, type(value)) + _str(encoder, str(value.name)) + encoder.encode(value.value)


def _parts(token: bytes, parts: Iterable[tuple[str, Digest]]) -> bytes:
    names = [b"%s=%s;" % (name.encode(), digest.encode()) for name, digest in parts]
    return b"p%x;" % len(token) + token + b"%x;" % len(names) + b"".join(names)


def _named_tuple(encoder: _Encoder, value: Any) -> bytes:
    parts = [
        (name, Digest(blake3(encoder.child(f".{name}", part)).hexdigest()))
        for name, part in zip(value._fields, value, strict=True)
    ]
    return _parts(encoder.follow(type(value)), parts)


def _by_kind(kind: Kind, encoder: _Encoder, value: object) -> bytes:
    stream = Stream(encoder)
    encoder.rigid += 1
    try:
        kind.digest(value, stream)
    finally:
        encoder.rigid -= 1
    return b"k" + _str(encoder, kind.name) + stream.content()


def _own(encoder: _Encoder, value: Any) -> bytes:
    return b"o" + _code(encoder, type(value)) + encoder.child(".__plait_digest__()", value.__plait_digest__())


def _reduced(encoder: _Encoder, value: Any) -> bytes:
    cls = type(value)
    try:
        reducer = copyreg.dispatch_table.get(cls)
        reduced = reducer(value) if reducer is not None else value.__reduce_ex__(4)
    except Exception as error:
        raise _UnnamedError(f"{cls.__module__}.{cls.__qualname__} cannot be taken apart ({error})") from error
    if isinstance(reduced, str):
        return b"g" + _str(encoder, value.__module__) + _str(encoder, reduced)
    encoder.rigid += 1
    try:
        return _tree(encoder, cls, reduced)
    finally:
        encoder.rigid -= 1


def _tree(encoder: _Encoder, cls: type, reduced: tuple[Any, ...]) -> bytes:
    """What would make the object again: how, of what, and with what put in."""
    make, arguments, state, items, pairs = (*reduced, None, None, None, None)[:5]
    content = [b"r", encoder.child("", cls), encoder.child("", make), encoder.child("", arguments)]
    content.append(_state(encoder, cls, state))
    content.append(b"-" if items is None else encoder.child("", list(items)))
    content.append(b"-" if pairs is None else encoder.child("", [(key, item) for key, item in pairs]))
    if len(reduced) == 6 and reduced[5] is not None:
        content.append(encoder.child("", reduced[5]))
    return b"".join(content)


def _state(encoder: _Encoder, cls: type, state: object) -> bytes:
    """What an object holds. The order in which attributes were set, and what it cached of itself, do not count."""
    if not isinstance(state, dict) or not all(type(name) is str for name in state):
        return encoder.child("", state)
    kept = [name for name in sorted(state) if not isinstance(getattr(cls, name, None), functools.cached_property)]
    pairs = [_str(encoder, name) + encoder.child(f".{name}", state[name]) for name in kept]
    return b"a%x;" % len(kept) + b"".join(pairs)


_NO_ENCODER: Any = None  # leaves hold nothing that would need one
_LEAVES: dict[type, Callable[[_Encoder, Any], bytes]] = {
    type(None): _none,
    bool: _bool,
    int: _int,
    float: _float,
    complex: _complex,
    str: _str,
    bytes: _bytes,
    type(...): _ellipsis,
}
_WRITERS: dict[type, Callable[[_Encoder, Any], bytes]] = {
    list: _list,
    tuple: _tuple,
    dict: _dict,
    set: _set,
    frozenset: _frozenset,
    types.MappingProxyType: _mapping_proxy,
    type: _code,
    types.FunctionType: _code,
    types.BuiltinFunctionType: _code,
}
