"""Plain values, kept as strict JSON that gives each of them back exactly: type, sign of zero, order of keys and all.

What JSON has no word for is an object with one key that says its type: `{"t": [1, 2]}` is `(1, 2)`. Strings, exact
small numbers, lists and dicts with string keys are written as they are, so that a person can read them.
"""

import json
import math
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass
from json.encoder import encode_basestring_ascii
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Final

from plait.core.garbage import paused
from plait.core.values import Stream
from plait.ports import UnwritableError

ORDER = 10


def create() -> "Plain":
    return Plain()


@dataclass(frozen=True, slots=True)
class Plain:
    """None, numbers, text and bytes, and exact lists, tuples, dicts and sets of them."""

    name: ClassVar[str] = "plain"
    runs_code: ClassVar[bool] = False
    names_values: ClassVar[bool] = False  # core names them itself

    def accepts(self, value: Any, /) -> bool:
        return type(value) in _KINDS

    def digest(self, value: Any, stream: Stream, /) -> None:
        stream.value(value)

    def canonical(self, value: Any, /) -> Any:
        return _anew(value)

    def share(self, value: Any, /) -> Any:
        return _anew(value)

    def maps(self, value: Any, /) -> bool:
        return False

    def write(self, value: Any, file: BinaryIO, /) -> None:
        file.write(_text(value).encode())

    def read(self, content: Path | bytes, /) -> Any:
        text = content if isinstance(content, bytes) else content.read_bytes()
        if len(text) < _LARGE:
            return _decode(text.decode())
        with paused():  # all that is made here stays
            return _decode(text.decode())


_encode: Final = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode
_KINDS: Final = frozenset({type(None), bool, int, float, complex, str, bytes, list, tuple, dict, set, frozenset})
_AS_IT_IS: Final = frozenset({type(None), bool, str})
_WORDS: Final = frozenset({str})
_DEEPEST: Final = 100  # of what is deeper, the reader of JSON might run out of stack; a pickle is read without
_LARGE: Final = 1 << 16
_SAFE: Final = 1 << 53  # ints up to here are the same number for every reader of JSON


def _anew(value: Any) -> Any:
    """The same containers, made anew, so that nobody else holds them."""
    cls = type(value)
    if cls is list or cls is tuple or cls is set or cls is frozenset:
        return cls([_anew(item) for item in value])
    if cls is dict:
        return {key: _anew(item) for key, item in value.items()}
    return value


def _text(value: Any) -> str:
    """A value as JSON. Most are one word, which needs no encoder of its own."""
    cls = type(value)
    if cls is str:
        return encode_basestring_ascii(value)
    if cls is int and -_SAFE <= value <= _SAFE:
        return int.__repr__(value)
    if cls is float and math.isfinite(value):
        return float.__repr__(value)
    return _encode(_pack(value))


def _pack(value: Any, depth: int = 0) -> Any:
    """A value in the words that JSON has."""
    cls = type(value)
    if cls in _AS_IT_IS:
        return value
    if (pack := _PACKERS.get(cls)) is None:
        raise UnwritableError(f"a {cls.__module__}.{cls.__qualname__} is not plain")
    if depth > _DEEPEST:
        raise UnwritableError(f"it is nested more than {_DEEPEST} levels deep, or holds itself")
    return pack(value, depth + 1)


def _pack_int(value: int, _: int) -> Any:
    return value if -_SAFE <= value <= _SAFE else {"i": f"{value:x}"}


def _pack_float(value: float, _: int) -> Any:
    return value if math.isfinite(value) else {"f": repr(value)}


def _pack_items(items: Any, depth: int) -> list[Any]:
    # What stands for itself is asked here, since there may be millions of items; `x - x` is 0 if x is finite.
    return [
        item
        if (cls := type(item)) in _AS_IT_IS
        or (cls is float and item - item == 0)
        or (cls is int and -_SAFE <= item <= _SAFE)
        else _pack(item, depth)
        for item in items
    ]


def _pack_dict(value: dict[Any, Any], depth: int) -> Any:
    if len(value) != 1 and _WORDS.issuperset(map(type, value)):
        return {
            key: item
            if (cls := type(item)) in _AS_IT_IS
            or (cls is float and item - item == 0)
            or (cls is int and -_SAFE <= item <= _SAFE)
            else _pack(item, depth)
            for key, item in value.items()
        }
    keys, items = _pack_items(value, depth), _pack_items(value.values(), depth)
    return {"d": list(zip(keys, items, strict=True))}


def _pack_set(value: "set[Any] | frozenset[Any]", depth: int) -> list[Any]:
    return sorted(_pack_items(value, depth), key=_encode)  # a set has no order: equal sets give equal bytes


_PACKERS: Final[dict[type, Callable[[Any, int], Any]]] = {
    int: _pack_int,
    float: _pack_float,
    complex: lambda value, depth: {"c": [_pack_float(value.real, depth), _pack_float(value.imag, depth)]},
    bytes: lambda value, _: {"b": b64encode(value).decode()},
    list: _pack_items,
    tuple: lambda value, depth: {"t": _pack_items(value, depth)},
    dict: _pack_dict,
    set: lambda value, depth: {"s": _pack_set(value, depth)},
    frozenset: lambda value, depth: {"z": _pack_set(value, depth)},
}


def _unpack(held: dict[str, Any]) -> Any:
    """What an object of JSON stands for; called by the reader for each, when what is in it has been read."""
    if len(held) != 1:
        return held
    [(tag, content)] = held.items()
    return _UNPACKERS[tag](content)


_decode: Final = json.JSONDecoder(object_hook=_unpack).decode
_UNPACKERS: Final[dict[str, Callable[[Any], Any]]] = {
    "i": lambda held: int(held, 16),
    "f": float,
    "c": lambda held: complex(*held),
    "b": b64decode,
    "t": tuple,
    "d": dict,
    "s": set,
    "z": frozenset,
}
