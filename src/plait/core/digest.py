"""How things are hashed: one hash, and a framing in which no two different lists of parts look alike."""

from collections.abc import Iterable
from typing import NewType

from blake3 import blake3

Digest = NewType("Digest", str)  # the name of a value: 64 hexadecimal digits, or "by-key:" and the key
Key = NewType("Key", str)  # the name of a computation: 64 hexadecimal digits


def framed(parts: Iterable[bytes]) -> bytes:
    """The parts, each after its length, as one run of bytes.

    >>> framed([b"ab", b"c"]) != framed([b"a", b"bc"])
    True
    """
    return b"".join([len(part).to_bytes(8, "little") + part for part in parts])


def digest(tag: str, *parts: bytes) -> Digest:
    """The name of what `tag` says the parts are.

    >>> digest("int", b"1") != digest("str", b"1")
    True
    >>> digest("list", b"ab", b"c") != digest("list", b"a", b"bc")
    True
    """
    return Digest(blake3(framed((tag.encode(), *parts))).hexdigest())
