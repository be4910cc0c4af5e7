"""Tuples as lines of JSON, and back: the parser of a line checks each field against its type, in one go.

msgspec does both, in a sixth of the time that the parser of Python and checks of our own took for a record. JSON has no
place for half a pair of surrogates, which Python has in the names of files that are not UTF-8, and parsers differ in
what they make of it. So that any parser reads what is stored, a line that would hold one is an object instead:

    {"escaped":["f","x%dcff.csv","50%%"]}

In its text `%dcff` is the surrogate and `%%` a percent sign. All other lines are written as they are. Older versions
wrote the three bytes that UTF-8 would have for a surrogate; such lines are read too, and so are escapes of JSON.
"""

import re
from collections.abc import Callable
from typing import Any, TypeVar, cast

import msgspec

from plait.core.records import Record

T = TypeVar("T")
_PLAIN: dict[type, Callable[[Any], Any]] = {str: str.__str__, int: int.__pos__, float: float.__pos__}
_TROUBLE = (ValueError, msgspec.MsgspecError)  # the second is not always a kind of the first
_HEAD, _TAIL = b'{"escaped":', b"}"
_TO_ESCAPE = re.compile("[%\ud800-\udfff]")
_ESCAPED = re.compile("%(%|d[89a-f][0-9a-f]{2})")
# in the bytes of an older line: a surrogate as such, or any escape of JSON, so that `\\ud800` is not taken for `\ud800`
_OLD = re.compile(
    rb"%|\xed[\xa0-\xbf][\x80-\xbf]|\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|u[dD][89a-fA-F]..|.)", re.DOTALL
)


def _plain(value: Any) -> Any:
    """Return text or a number of a class of its own, as numpy has them, as the plain kind."""
    for cls, made in _PLAIN.items():
        if isinstance(value, cls):
            return made(value)
    raise TypeError(f"a {type(value).__name__} cannot be written on a line")


_encode = msgspec.json.Encoder(enc_hook=_plain).encode


def dumps(row: tuple[Any, ...]) -> bytes:
    r"""Return a tuple as one line of JSON; bytes in it are written in base 64.

    >>> dumps((1, "a", b"42", (0.5,)))
    b'[1,"a","NDI=",[0.5]]'
    >>> dumps(("x\udcff.csv", "50%"))
    b'{"escaped":["x%dcff.csv","50%%"]}'
    """
    try:
        return _encode(row)
    except _TROUBLE:  # UnicodeEncodeError
        return _HEAD + _encode(_escape(row)) + _TAIL


def reader(kind: type[T]) -> Callable[[bytes], T]:
    """Return a reader of lines of a kind of tuple. It raises `ValueError` or `RecursionError` for any other line.

    >>> reader(tuple[int, str, bytes])(b'[1,"a","NDI="]')
    (1, 'a', b'42')
    """
    decode = msgspec.json.Decoder(kind).decode

    def read(line: bytes) -> T:
        try:
            return decode(line)
        except _TROUBLE as error:
            try:
                return _read_escaped(line, decode)
            except _TROUBLE:
                raise ValueError(str(error)) from error

    return read


def _read_escaped(line: bytes, decode: Callable[[bytes], T]) -> T:
    """Return the row of a line that has text in escapes, or was written before there were any."""
    escaped = line.startswith(_HEAD) and line.endswith(_TAIL)
    return cast(T, _unescape(decode(line[len(_HEAD) : -len(_TAIL)] if escaped else _OLD.sub(_renew, line))))


def _escape(value: Any) -> Any:
    """Return a row in which no text holds a surrogate."""
    if isinstance(value, str):
        return _TO_ESCAPE.sub(
            lambda found: "%%" if (char := found[0]) == "%" else f"%{ord(char):x}", str.__str__(value)
        )
    return tuple(map(_escape, value)) if isinstance(value, tuple | list) else value


def _unescape(value: Any) -> Any:
    """Return a row with the text that was escaped."""
    if isinstance(value, str):
        return _ESCAPED.sub(lambda found: "%" if (code := found[1]) == "%" else chr(int(code, 16)), value)
    if isinstance(value, list):
        return list(map(_unescape, value))
    if not isinstance(value, tuple):
        return value
    fields = map(_unescape, value)
    return value._make(fields) if hasattr(value, "_make") else tuple(fields)


def _renew(found: re.Match[bytes]) -> bytes:
    """Return what is found in the bytes of an older line as it is written now."""
    match found[0]:
        case b"%":
            return b"%%"
        case bytes() as raw if raw[0] == 0xED:
            return b"%%%x" % ord(raw.decode("utf-8", "surrogatepass"))
        case bytes() as escape if len(escape) == 6:  # half a pair
            return b"%" + escape[2:].lower()
    return found[0]


loads = reader(Record)
