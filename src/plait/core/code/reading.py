"""What does a live code object say? Its source if that is what runs, else its bytecode; never a guess, never nothing.

Read once per code object for the life of the process: code objects cannot change, so a later edit of the file cannot
put other words into their mouth, and a walk has only to look up again what their names stand for.
"""

import dis
import sys
import weakref
from collections.abc import Callable, Iterator
from functools import lru_cache
from types import CodeType

from plait.core.code.fragments import ASKED, Fragment, Use
from plait.core.code.location import Text
from plait.core.code.names import Import
from plait.core.code.syntax import Syntax, of_function
from plait.core.digest import framed

_EMPTY = Fragment(b"", ())


class Known:
    """What was read, by code object: by identity, since code objects of two files may be equal but differ in source."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[weakref.ref[CodeType], str | None, Syntax]] = {}

    def read(self, code: CodeType, source: Callable[[CodeType], str | None]) -> Syntax:
        """The syntax of a code object. Without fitting source it is read again when there is another text."""
        known = self._known.get(id(code))
        if known is not None and known[0]() is code:
            if not known[2].loose:
                return known[2]
            text = source(code)
            if text == known[1]:
                return known[2]
        else:
            text = source(code)
        found = None if text is None else text_of(text).function(code)
        if found is None or text is None:
            syntax = of_bytecode(code)
        else:
            node, owner = found
            syntax = of_function(node, text_of(text).lines, owner)
        key = id(code)
        self._known[key] = (weakref.ref(code, lambda _: self._known.pop(key, None)), text, syntax)
        return syntax


KNOWN = Known()


@lru_cache(maxsize=256)
def text_of(text: str) -> Text:
    """A text, parsed once."""
    return Text(text)


def of_bytecode(code: CodeType) -> Syntax:
    """What can be said without source: it differs between versions of Python, and whatever might be reached counts."""
    version = ".".join(map(str, sys.version_info[:2]))
    content = framed([b"bytecode", version.encode(), _compiled(code)])
    names = tuple(sorted(set(_names(code))))
    paths = ((), *[(other,) for other in names])
    uses = [Use(name, None, paths, (), paths) for name in names]
    uses += [Use("", imported, ((),), (), ((),)) for imported in sorted(set(_imports(code)), key=repr)]
    count = code.co_argcount + code.co_kwonlyargcount
    parameters = framed([repr((code.co_varnames[:count], code.co_posonlyargcount, code.co_kwonlyargcount)).encode()])
    text = f"no source: {len(code.co_code)} bytes of Python {version}, with the names {', '.join(names) or 'none'}"
    asks = tuple(sorted({ASKED[name] for name in names if name in ASKED}))
    return Syntax(Fragment(content, tuple(uses), asks=asks, has_classes=True), parameters, (), _EMPTY, text, loose=True)


def _compiled(code: CodeType) -> bytes:
    flags = [code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags]
    names = [code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars]
    return framed(
        [repr(flags).encode(), code.co_code, code.co_exceptiontable, _constant(code.co_consts), repr(names).encode()]
    )


def _constant(value: object) -> bytes:
    if isinstance(value, CodeType):
        return b"code" + _compiled(value)
    if isinstance(value, tuple):
        return b"tuple" + framed([_constant(item) for item in value])
    if isinstance(value, frozenset):
        return b"set" + framed(sorted([_constant(item) for item in value]))
    return f"{type(value).__name__} {value!r}".encode("utf-8", "backslashreplace")


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_freevars
    for each in _codes(code):
        yield from each.co_names


def is_set(code: CodeType, name: str) -> bool:
    """Does this code, or any in it, set a variable that it shares with others (`nonlocal`)?"""
    return any(
        instruction.opname == "STORE_DEREF" and instruction.argval == name
        for each in _codes(code)
        for instruction in dis.get_instructions(each)
    )


def _imports(code: CodeType) -> Iterator[Import]:
    for each in _codes(code):
        instructions = list(dis.get_instructions(each))
        for i, instruction in enumerate(instructions):
            if instruction.opname != "IMPORT_NAME":
                continue
            level, names = instructions[i - 2].argval, instructions[i - 1].argval
            level = level if isinstance(level, int) else 0
            if not names:
                yield Import(level, instruction.argval, None)
            for name in names or ():
                yield Import(level, instruction.argval, name)
