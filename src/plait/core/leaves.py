"""Values that hold no others, as bytes: a letter that says the type, and the content, of which the end can be told."""

import struct
from collections.abc import Callable
from typing import Any

from blake3 import blake3

from plait.core.digest import Digest

INLINE = 2048  # what takes more bytes is written as its hash


def named(leaf: bytes) -> Digest:
    """The name of a value, from the bytes that stand for it."""
    return Digest(blake3(leaf).digest().hex())  # quicker than its own hexdigest


class Raw(bytes):
    """Bytes that are written as they are."""


def _none(_: object) -> bytes:
    return b"N"


def _bool(value: bool) -> bytes:
    return b"T" if value else b"F"


def _int(value: int) -> bytes:
    return b"i%x;" % value


def _float(value: float) -> bytes:
    return PACK(b"f", value) if value == value else b"n"  # every NaN is the same one


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


PACK = struct.Struct("<cd").pack
TEXTS = [b"s%x;" % size for size in range(256)]  # how short text begins
INTS = [b"i%x;" % number for number in range(256)]
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
