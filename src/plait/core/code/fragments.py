"""What is kept of a piece of source: its canonical bytes, and what it takes from outside. Values only."""

from typing import NamedTuple, TypeAlias

from plait.core.code.names import Import

Chain: TypeAlias = tuple[int, tuple[str, ...]]  # the number of a name, and the attributes that are read from it


class Call(NamedTuple):
    """A call of something that is reached by name, for the few callees where the arguments tell what is reached."""

    first: Chain | None  # the first argument, if it is a chain of names too
    literals: tuple[str | None, ...]  # the arguments that are literal text
    keywords: tuple[str | None, ...]  # None: **mapping
    text: str


class Use(NamedTuple):
    """A name that a fragment takes from outside, or imports."""

    name: str
    imported: Import | None
    paths: tuple[tuple[str, ...], ...]  # the chains of attributes read from it; () where it is used as it is
    calls: tuple[tuple[tuple[str, ...], Call], ...]


class Fragment(NamedTuple):
    """Canonical bytes, and what their numbers stand for."""

    content: bytes
    uses: tuple[Use, ...]
    methods: tuple[Call, ...] = ()  # calls of `anything.sample()` and the like, see `randomness.py`
