"""Who wrote a segment: HMAC-SHA256 (RFC 2104) with a key that all have who may write, and that the store never sees.

    plait-segment 1\n
    <id of the key> <code>\n        or "- -\n", where nobody signed
    entries

The code is over all of it and over the segment's stamp. It is checked before anything of the entries is read. The id
says which key to check with, so that keys can be changed one after another; it is a hash, and says nothing of the key.
All who have the key can sign, so it tells members from strangers, and not one member from another.
"""

import hmac
import re
import time
from collections.abc import Mapping

from blake3 import blake3

from plait.core.digest import framed

_MAGIC = b"plait-segment 1\n"
_FAMILY = re.compile(rb"plait-segment [0-9]+\n")
_SIGNED = re.compile(rb"([0-9a-f]{16}|-) ([0-9a-f]{64}|-)\n")
NAME = re.compile(r"([0-9]{20})-([0-9a-f]{32})\.seg")


class UnsoundError(Exception):
    """A segment is not what its name says, or is of another version."""


class UnsignedError(Exception):
    """Nobody whose key is known here has signed a segment."""


def day_of(moment: float) -> str:
    """The day of a moment in seconds since 1970. Segments of one day are in one folder, so that looks are short."""
    return time.strftime("%Y-%m-%d", time.gmtime(moment))


def whole(name: str, content: bytes) -> bool:
    """Are these the bytes that have that name?"""
    named = NAME.fullmatch(name)
    return named is not None and blake3(content).hexdigest(16) == named[2]


class Keyring:
    """The keys that are known here, by their ids: the first one signs, all are believed."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._keys = dict(keys)
        self._first = next(iter(self._keys), "-")

    def __bool__(self) -> bool:
        return bool(self._keys)

    @property
    def name(self) -> str:
        """What these keys together are called: what was believed with them is kept apart."""
        return blake3(" ".join(sorted(self._keys)).encode()).hexdigest(8) if self._keys else "unsigned"

    def sealed(self, entries: bytes, stamp: int) -> tuple[str, bytes]:
        """A segment with its signature, and the name that it must have."""
        code = self._code(self._first, stamp, entries) if self._keys else "-"
        content = _MAGIC + f"{self._first} {code}\n".encode() + entries
        return f"{stamp:020d}-{blake3(content).hexdigest(16)}.seg", content

    def opened(self, name: str, content: bytes) -> bytes:
        """The entries of a segment, once all of it is proved; `UnsoundError` or `UnsignedError` if it is not."""
        if not whole(name, content):
            raise UnsoundError("is damaged")
        if not content.startswith(_MAGIC):
            raise UnsoundError("is of another version of plait" if _FAMILY.match(content) else "is no segment")
        signed = _SIGNED.match(content, len(_MAGIC))
        if signed is None:
            raise UnsoundError("is no segment")
        entries = content[signed.end() :]
        key, code = signed[1].decode(), signed[2].decode()
        if self._keys and not self._signed(key, code, int(name[:20]), entries):
            raise UnsignedError
        return entries

    def _signed(self, key: str, code: str, stamp: int, entries: bytes) -> bool:
        return key in self._keys and hmac.compare_digest(code, self._code(key, stamp, entries))

    def _code(self, key: str, stamp: int, entries: bytes) -> str:
        said = framed((_MAGIC, key.encode(), str(stamp).encode(), entries))
        return hmac.digest(self._keys[key], said, "sha256").hex()
