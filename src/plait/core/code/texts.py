"""Which texts does code name? Those in its functions, and the constants that it reaches; some of them name files."""

import functools
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePath
from types import CodeType, FunctionType

from plait.core.code.units import Unit

_LONGEST = 250  # characters of what may name a file
_MANY = 1000  # items of a container that are looked at


def texts(units: Iterable[Unit]) -> Iterator[str]:
    """The short texts and the paths of all things that code reaches."""
    for unit in units:
        if isinstance(unit.thing, FunctionType):
            yield from _in_code(unit.thing.__code__)
        elif isinstance(unit.thing, functools.partial):
            yield from _in_value([*unit.thing.args, *unit.thing.keywords.values()])
        elif unit.kind == "constant":
            yield from _in_value(unit.thing)


def _in_code(code: CodeType) -> Iterator[str]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _in_code(constant)
        else:
            yield from _in_value(constant)


def _in_value(value: object) -> Iterator[str]:
    if isinstance(value, (str, PurePath)):
        text = str(value)
        if len(text) <= _LONGEST:
            yield text
    elif isinstance(value, Mapping):
        yield from _in_value(list(value.values())[:_MANY])
    elif isinstance(value, (list, tuple, set, frozenset)) and len(value) <= _MANY:
        for item in value:
            yield from _in_value(item)
