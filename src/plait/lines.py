"""Tuples as lines of JSON, and back: whoever parses a line checks each field against its type, in one go.

msgspec does both, in a sixth of the time that the parser of Python and checks of our own took for a record. What it
does not take is text with half a pair of surrogates, as the names of files have it whose bytes are no UTF-8.
"""

import json
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from plait.core.records import Record

T = TypeVar("T")
_PLAIN: dict[type, Callable[[Any], Any]] = {str: str.__str__, int: int.__pos__, float: float.__pos__}


def _plain(value: Any) -> Any:
    """Text or a number of a class of its own, as numpy has them, as what it is."""
    for cls, made in _PLAIN.items():
        if isinstance(value, cls):
            return made(value)
    raise TypeError(f"a {type(value).__name__} has no place on a line")


_encode = msgspec.json.Encoder(enc_hook=_plain).encode


def dumps(row: tuple[Any, ...]) -> bytes:
    """A tuple as one line of JSON; bytes in it are written in base 64.

    >>> dumps((1, "a", b"42", (0.5,)))
    b'[1,"a","NDI=",[0.5]]'
    """
    try:
        return _encode(row)
    except UnicodeEncodeError:
        plain = msgspec.to_builtins(row, enc_hook=_plain)
        return json.dumps(plain, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")


def reader(kind: type[T]) -> Callable[[bytes], T]:
    """What reads lines of a kind of tuple. It raises `ValueError` or `RecursionError` for what is no such line.

    >>> reader(tuple[int, str, bytes])(b'[1,"a","NDI="]')
    (1, 'a', b'42')
    """
    decode = msgspec.json.Decoder(kind).decode

    def read(line: bytes) -> T:
        try:
            return decode(line)
        except UnicodeDecodeError:
            text = line.decode("utf-8", "surrogatepass")
            decode(text.encode("utf-8", "replace"))  # what it takes of all else: no NaN, no number beyond all bounds
            return msgspec.convert(json.loads(text), kind)

    return read


loads = reader(Record)
