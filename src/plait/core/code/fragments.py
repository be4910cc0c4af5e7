"""What is kept of a piece of source: its canonical bytes, and what it takes from outside. Values only."""

from typing import NamedTuple, TypeAlias

from plait.core.code.names import Import

Chain: TypeAlias = tuple[int, tuple[str, ...]]  # the number of a name, and the attributes that are read from it


ASKED = {  # attributes that say what counts only if it is asked for, see `asking.py`
    "__doc__": "doc", "model_json_schema": "doc", "json_schema": "doc", "__annotations__": "annotations",
    "__module__": "module", "__qualname__": "qualname", "co_name": "qualname", "co_qualname": "qualname",
    "__name__": "name", "__subclasses__": "subclasses",
}  # fmt: skip

ASSERTS = "asserts"  # what code asks that asserts: does Python run its assertions? (`python -O` does not)


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
    values: tuple[tuple[str, ...], ...] = ()  # those of the paths that are used for more than to be called

    @property
    def merely_called(self) -> bool:
        return not self.values and self.paths == ((),)


class Fragment(NamedTuple):
    """Canonical bytes, and what their numbers stand for."""

    content: bytes
    uses: tuple[Use, ...]
    methods: tuple[Call, ...] = ()  # calls of `anything.sample()` and the like, see `randomness.py`
    asks: tuple[str, ...] = ()  # what it asks of whatever it holds
    has_classes: bool = False  # a class in a function shows the name of the function, as in the repr of a dataclass
