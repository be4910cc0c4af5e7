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
        return _unpack(json.loads(text))


_encode: Final = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode
_KINDS: Final = frozenset({type(None), bool, int, float, complex, str, bytes, list, tuple, dict, set, frozenset})
_AS_IT_IS: Final = frozenset({type(None), bool, str})
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


def _pack(value: Any) -> Any:
    cls = type(value)
    if cls in _AS_IT_IS:
        return value
    if (pack := _PACKERS.get(cls)) is None:
        raise UnwritableError(f"a {cls.__module__}.{cls.__qualname__} is not plain")
    try:
        return pack(value)
    except RecursionError:
        raise UnwritableError("it is nested too deeply, or holds itself") from None


def _pack_int(value: int) -> Any:
    return value if -_SAFE <= value <= _SAFE else {"i": f"{value:x}"}


def _pack_float(value: float) -> Any:
    return value if math.isfinite(value) else {"f": repr(value)}


def _pack_items(items: Any) -> list[Any]:
    return [_pack(item) for item in items]


def _pack_dict(value: dict[Any, Any]) -> Any:
    if len(value) != 1 and all(type(key) is str for key in value):
        return {key: _pack(item) for key, item in value.items()}
    return {"d": [[_pack(key), _pack(item)] for key, item in value.items()]}


def _pack_set(value: "set[Any] | frozenset[Any]") -> list[Any]:
    return sorted(_pack_items(value), key=_encode)  # a set has no order: equal sets give equal bytes


_PACKERS: Final[dict[type, Callable[[Any], Any]]] = {
    int: _pack_int,
    float: _pack_float,
    complex: lambda value: {"c": [_pack_float(value.real), _pack_float(value.imag)]},
    bytes: lambda value: {"b": b64encode(value).decode()},
    list: _pack_items,
    tuple: lambda value: {"t": _pack_items(value)},
    dict: _pack_dict,
    set: lambda value: {"s": _pack_set(value)},
    frozenset: lambda value: {"z": _pack_set(value)},
}


def _unpack(value: Any) -> Any:
    cls = type(value)
    if cls is list:
        return [_unpack(item) for item in value]
    if cls is not dict:
        return value
    if len(value) != 1:
        return {key: _unpack(item) for key, item in value.items()}
    [(tag, held)] = value.items()
    return _UNPACKERS[tag](held)


_UNPACKERS: Final[dict[str, Callable[[Any], Any]]] = {
    "i": lambda held: int(held, 16),
    "f": float,
    "c": lambda held: complex(*map(_unpack, held)),
    "b": b64decode,
    "t": lambda held: tuple(map(_unpack, held)),
    "d": lambda held: {_unpack(key): _unpack(item) for key, item in held},
    "s": lambda held: set(map(_unpack, held)),
    "z": lambda held: frozenset(map(_unpack, held)),
}
