"""Which results a clean-up may take: by when they were last used, and by how much space there shall be.

Pure rules, so that every store decides alike. What a result shares with others comes free only with the last of them.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from plait.core.records import Artifact


class Result(NamedTuple):
    """A result, as far as the decision goes."""

    key: str
    used: float  # when a run last used it, in seconds since 1970
    seconds: float  # that it took to make
    size: int  # bytes of its record
    blobs: tuple[str, ...]
    kept: str = ""  # why it must stay; "" if it need not


def condemned(
    results: Collection[Result],
    sizes: Mapping[str, int],
    *,
    now: float,
    age: float | None,
    size: int | None,
    grace: float,
) -> set[str]:
    """The keys of the results that go: those unused for `age`, then the longest unused until `size` bytes are left.

    Of results that were last used at the same time, those go first that give most space for the time that it takes to
    make them again. `sizes` are those of the blobs.

    >>> old, new = Result("old", 10.0, 1.0, 100, ("b",)), Result("new", 90.0, 1.0, 100, ("b",))
    >>> condemned([old, new], {"b": 1000}, now=100.0, age=50.0, size=None, grace=0.0)
    {'old'}
    >>> sorted(condemned([old, new], {"b": 1000}, now=100.0, age=None, size=500, grace=0.0))
    ['new', 'old']
    """
    free = [one for one in results if not one.kept and one.used <= now - grace]
    gone = {one.key for one in free if age is not None and one.used <= now - age}
    if size is None:
        return gone
    readers: dict[str, int] = {}
    total = 0
    for one in results:
        if one.key not in gone:
            total += one.size
            for blob in set(one.blobs):
                readers[blob] = readers.get(blob, 0) + 1
    total += sum(sizes.get(blob, 0) for blob in readers)
    left = [one for one in free if one.key not in gone]
    for one in sorted(left, key=lambda one: (one.used, one.seconds / (_weight(one, sizes) or 1), one.key)):
        if total <= size:
            break
        gone.add(one.key)
        total -= one.size
        for blob in set(one.blobs):
            readers[blob] -= 1
            if not readers[blob]:
                total -= sizes.get(blob, 0)
    return gone


def blobs_of(artifact: Artifact) -> Iterable[str]:
    """The blobs that an artifact needs: its own, and those of its parts and of the files in it."""
    if artifact.where == "blob":
        yield artifact.blob
    for _, part in artifact.parts:
        yield from blobs_of(part)
    for file in artifact.files:
        yield from blobs_of(file)


def kinds_of(artifact: Artifact) -> str:
    """The codecs of an artifact, as one word."""
    inner = {part.codec or kinds_of(part) for _, part in artifact.parts}
    return artifact.codec or "+".join(sorted(filter(None, inner))) or artifact.where


def _weight(one: Result, sizes: Mapping[str, int]) -> int:
    return one.size + sum(sizes.get(blob, 0) for blob in set(one.blobs))
