"""Pickles that hold functions and classes by value, where another process has no name that leads to them.

cloudpickle leaves two things out. In which class or function a class stands: `Outer.Row` and `make.<locals>.Row` would
both arrive as `Row`, and be taken for the `Row` of `__main__`. And from which file code is: without it a worker finds
no source, so it digests bytecode in place of source, and its tracebacks have no lines. Here both are kept.
"""

import io
import sys
from collections.abc import Callable
from functools import lru_cache
from pickle import PickleBuffer
from types import CodeType
from typing import Any

_NO_FILE = "<dynamic-code>"  # what cloudpickle writes in place of a file


def dumps(value: Any, buffer_callback: Callable[[PickleBuffer], Any] | None = None) -> bytes:
    """Return the pickle of a value; what another process could not import is written whole.

    What would be read back as something else is refused with `TypeError`: a view of memory, an open file.
    """
    file = io.BytesIO()
    _exact_pickler()(file, 5, buffer_callback=buffer_callback).dump(value)
    return file.getvalue()


@lru_cache(maxsize=1)
def pickler() -> Any:
    """Return the class that pickles so; it can be derived from."""
    import cloudpickle

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc] # it has no types
        def reducer_override(self, obj: Any) -> Any:
            if isinstance(obj, CodeType):
                return _with_its_file(obj, self.dispatch_table[CodeType](obj))
            reduced = super().reducer_override(obj)
            return _with_its_whole_name(obj, reduced) if isinstance(obj, type) else reduced

    return Pickler


@lru_cache(maxsize=1)
def _exact_pickler() -> Any:
    base: Any = pickler()

    class Pickler(base):  # type: ignore[misc] # it has no types
        def reducer_override(self, obj: Any) -> Any:
            if isinstance(obj, memoryview | io.TextIOWrapper) and obj not in (sys.stdout, sys.stderr, sys.stdin):
                raise TypeError(f"cannot pickle {type(obj).__name__!r} object")
            return super().reducer_override(obj)

    return Pickler


def _with_its_file(code: CodeType, reduced: Any) -> Any:
    make, given = reduced
    return make, tuple([code.co_filename if one == _NO_FILE else one for one in given])


def _with_its_whole_name(cls: type, reduced: Any) -> Any:
    if not isinstance(reduced, tuple) or reduced[0].__name__ != "_make_skeleton_class":
        return reduced  # by name, or an Enum, which has its whole name
    make, (kind, name, bases, given, *more), *rest = reduced
    return make, (kind, name, bases, {**given, "__qualname__": cls.__qualname__}, *more), *rest
