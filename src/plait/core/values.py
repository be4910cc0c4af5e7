"""Which name does a value have? Equal content, equal name; any other content, another one.

Each value is written as bytes that say its type, its length and its content, so that no two different values look
alike (`1`, `1.0`, `True`, `"1"`, `[1]` and `(1,)` all differ). The name is the hash of these bytes.

Kinds of value that the standard library does not know (arrays, frames) are described by their codec. Any other object
is described by what `__reduce_ex__` gives (core/reducing.py). How a value is walked is in core/encoder.py.
"""

import functools
import os
import types
from collections.abc import Iterable, Sequence
from enum import Enum
from itertools import chain
from typing import Any, NamedTuple, Protocol

from blake3 import blake3

from plait.core.digest import Digest
from plait.core.encoder import Encoder, Expanded, Follow, UnnamedError, Writer, index, shown
from plait.core.error_text import describe_error
from plait.core.leaves import LEAVES, Raw, named, text
from plait.core.reducing import is_code, reduced
from plait.errors import FingerprintError, PlaitError

PARALLEL = 1 << 20  # a buffer of this many bytes is hashed by all cores
_LONG = 300  # of a path within a value, so many letters are shown
_threads = blake3.AUTO


def _alone() -> None:
    global _threads
    _threads = 1  # the threads of blake3 do not come along into a forked child, and it would wait for them for ever


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_alone)


class Written(NamedTuple):
    """The file of a value, as a codec wrote it."""

    value: object
    codec: str
    size: int
    hash: bytes


_NOTHING = Written(None, "", 0, b"")


class Kind(Protocol):
    """What naming needs to know of a codec."""

    name: str

    def accepts(self, value: Any, /) -> bool: ...
    def digest(self, value: Any, stream: "Stream", /) -> None: ...


class Stream:
    """Where a codec writes what makes a value itself; each item is framed, so that items cannot run together."""

    __slots__ = ("_written", "items", "rigid")

    def __init__(self, *, rigid: bool, written: Written = _NOTHING) -> None:
        self.rigid = rigid  # within an object that is not rebuilt: then the layout of the value counts
        self.items: list[object] = []
        self._written = written

    def value(self, value: object) -> None:
        """A value within the value: a name, an index, an element."""
        self.items.append(value)

    def text(self, text: str) -> None:
        self.items.append(text)

    def buffer(self, buffer: Any) -> None:
        """The bytes of a contiguous buffer, however large; they are hashed where they are."""
        view = memoryview(buffer).cast("B")
        threads = _threads if len(view) >= PARALLEL else 1
        self._add(len(view), blake3(view, max_threads=threads).digest())

    def buffers(self, buffers: Iterable[Any]) -> None:
        """Several buffers, as if they were one; so what has to be copied first need not be copied whole."""
        hasher, size = blake3(max_threads=_threads), 0
        for buffer in buffers:
            view = memoryview(buffer).cast("B")
            hasher.update(view)
            size += len(view)
        self._add(size, hasher.digest())

    def file(self, size: int, buffers: Iterable[Any]) -> None:
        """As `buffers`, for such as are all of the file that the codec writes of the value: that is hashed once."""
        if self._written.size == size:
            self._add(size, self._written.hash)
            return
        hasher = blake3(max_threads=_threads if size >= PARALLEL else 1)
        for buffer in buffers:
            hasher.update(memoryview(buffer).cast("B"))
        self._add(size, hasher.digest())

    def _add(self, size: int, hashed: bytes) -> None:
        self.items.append(Raw(b"#" + size.to_bytes(8, "little") + hashed))


class Values:
    """The names of values, given the codecs that know their kinds, and how code is named."""

    def __init__(self, kinds: Sequence[Kind], follow: Follow) -> None:
        self._follow = follow
        self._writers: dict[type, Writer] = dict(_WRITERS)
        self._kinds = tuple(kinds)

    def digest(self, value: object) -> Digest:
        """The name of a value; `FingerprintError` with the path inside where a part of it has none."""
        leaf = LEAVES.get(type(value))
        return named(self.encode(value, self._follow) if leaf is None else leaf(value))

    def digest_of_file(self, value: object, codec: str, size: int, blob: str) -> Digest:
        """The name of a value whose file a codec wrote: the hash of that file is the name of its blob."""
        return named(self.encode(value, self._follow, Written(value, codec, size, bytes.fromhex(blob))))

    def encode(self, value: object, follow: Follow, written: Written = _NOTHING) -> bytes:
        """The bytes that make a value itself; `follow` names the functions and classes in it."""
        try:
            return Encoder(self._writer, follow, written).encode(value)
        except UnnamedError as unnamed:
            path, reason = _shortened(unnamed.path), unnamed.reason
            raise FingerprintError(f"{path or 'it'} has no content to name: {reason}") from unnamed.__cause__

    def parts_digest(self, cls: type, parts: Iterable[tuple[str, Digest]]) -> Digest:
        """The name of a NamedTuple, from the names of its parts alone."""
        return Digest(blake3(_parts(self._follow(cls), parts)).hexdigest())

    def _writer(self, cls: type, value: object) -> Writer:
        """How values of a type are written, looked up once a type."""
        if (known := self._writers.get(cls)) is None:
            known = self._writers[cls] = self._choose(cls, value)
        return known

    def _choose(self, cls: type, value: object) -> Writer:
        if hasattr(cls, "__plait_digest__"):
            return _own
        if hasattr(cls, "__plait_code__"):  # a step: its functions, none of its options
            return _code
        for kind in self._kinds:
            if kind.accepts(value):
                return functools.partial(_by_kind, kind)
        if is_code(value):
            return _code
        if isinstance(value, Enum):
            return _enum
        if isinstance(value, tuple) and hasattr(cls, "_fields"):
            return _named_tuple
        return reduced


def _shortened(path: str) -> str:
    return path if len(path) <= _LONG else f"{path[: _LONG // 2]}…{path[-_LONG // 2 :]}"


def _dict(_: Encoder, value: dict[object, object]) -> Expanded:
    """A dict with keys of any kind; one whose keys are all text, the encoder knows."""
    return Expanded(b"D%x;" % len(value), list(chain.from_iterable(value.items())), _key)


def _key(value: dict[object, object], number: int) -> str:
    found = shown(list(value)[number // 2])
    return f" key {found}" if number % 2 == 0 else f"[{found}]"


def _set(_: Encoder, value: set[object]) -> Expanded:
    return Expanded(b"", value, _member, _sorted)


def _member(value: set[object], number: int) -> str:
    return f"{{{shown(list(value)[number])}}}"


def _sorted(value: "set[object] | frozenset[object]", chunks: list[bytes]) -> bytes:
    """A set has no order: what its items come to is put in order."""
    return b"%b%x;" % (b"{" if type(value) is set else b"}", len(value)) + b"".join(sorted(chunks))


def _mapping_proxy(_: Encoder, value: types.MappingProxyType[object, object]) -> Expanded:
    return Expanded(b"m", (dict(value),), lambda _, __: "")


def _code(encoder: Encoder, value: object) -> Expanded:
    return Expanded(encoder.code(value), (), index)


def _function(encoder: Encoder, value: Any) -> Expanded:
    """A function that is a value may be asked for its name, as frames do that are aggregated by it."""
    return Expanded(b"u" + encoder.code(value) + text(str(value.__name__)), (), index)


def _enum(encoder: Encoder, value: Enum) -> Expanded:
    head = b"e" + encoder.code(type(value)) + text(str(value.name))
    return Expanded(head, (value.value,), lambda _, __: ".value")


def _parts(token: bytes, parts: Iterable[tuple[str, Digest]]) -> bytes:
    names = [b"%s=%s;" % (name.encode(), digest.encode()) for name, digest in parts]
    return b"p%x;" % len(token) + token + b"%x;" % len(names) + b"".join(names)


def _named_tuple(encoder: Encoder, value: Any) -> Expanded:
    def finish(_: Any, chunks: list[bytes]) -> bytes:
        digests = [Digest(blake3(chunk).hexdigest()) for chunk in chunks]
        return _parts(encoder.token(type(value)), zip(value._fields, digests, strict=True))

    return Expanded(b"", value, lambda value, number: f".{value._fields[number]}", finish)


def _by_kind(kind: Kind, encoder: Encoder, value: object) -> Expanded:
    written = encoder.written
    its_own = written is not None and written.value is value and written.codec == kind.name
    stream = Stream(rigid=encoder.rigid, written=written if its_own else _NOTHING)
    try:
        kind.digest(value, stream)
    except FingerprintError as error:
        raise UnnamedError(str(error)) from error
    except (OSError, MemoryError, PlaitError):  # of a file that is not there, that is the thing to say
        raise
    except Exception as error:
        raise UnnamedError(describe_error(error)) from error
    items = stream.items
    head = b"k" + text(kind.name) + b"%x;" % len(items)
    return Expanded(head, items, lambda _, __: "", rigid=True)


def _own(encoder: Encoder, value: Any) -> Expanded:
    head = b"o" + encoder.code(type(value))
    try:
        said = value.__plait_digest__()
    except Exception as error:
        raise UnnamedError(f"its __plait_digest__ raised {describe_error(error)}") from error
    return Expanded(head, (said,), lambda _, __: ".__plait_digest__()")


_WRITERS: dict[type, Writer] = {
    dict: _dict,
    set: _set,
    frozenset: _set,
    types.MappingProxyType: _mapping_proxy,
    type: _code,
    types.FunctionType: _function,
    types.BuiltinFunctionType: _code,
}
