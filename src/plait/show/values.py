"""A value in a few lines, whatever it is; pandas is asked only about what is pandas already."""

import sys
from collections.abc import Mapping
from os import PathLike, fspath
from typing import Any

_ROWS, _COLUMNS, _TEXT = 20, 12, 200  # up to which a value is small


def brief(value: Any) -> str:
    """A value that is small in full, any other in a line."""
    pandas: Any = sys.modules.get("pandas")
    if pandas is not None and isinstance(value, pandas.DataFrame | pandas.Series):
        small = len(value) <= _ROWS and (value.ndim == 1 or value.shape[1] <= _COLUMNS)
        return _table(value) if small and len(value) else _kind(value)
    if isinstance(value, PathLike):
        return printable(fspath(value))
    if type(value) is float:
        return f"{value:.6g}"
    if isinstance(value, Mapping) and type(value) is dict and 0 < len(value) <= _ROWS and not _short(value):
        return "\n".join(f"{printable(str(key))}: {_line(item)}" for key, item in value.items())
    return _line(value)


def shown(value: Any) -> str:
    """A value with its kind and size, and as much of it as fits on a screen."""
    pandas: Any = sys.modules.get("pandas")
    if pandas is not None and isinstance(value, pandas.DataFrame | pandas.Series):
        rest = f"\n… {len(value) - _ROWS:,} more rows" if len(value) > _ROWS else ""
        return f"{_kind(value)}\n\n{_table(value.head(_ROWS))}{rest}"
    if isinstance(value, PathLike):
        return printable(fspath(value))
    if isinstance(value, str):
        return printable(value)
    if type(value) in (dict, list, tuple) and len(value) and not _short(value):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        lines = [_kind(value), *(f"  {printable(str(key))}: {_line(item)}" for key, item in [*pairs][:_ROWS])]
        return "\n".join([*lines, *([f"  … {len(value) - _ROWS:,} more"] if len(value) > _ROWS else [])])
    text = repr(value)
    return printable(text if len(text) <= 20 * _TEXT else f"{text[: 20 * _TEXT]}…")


def printable(text: str) -> str:
    r"""Text of a user that can neither move the cursor nor colour what follows.

    >>> printable("a\x1b[2Jb")
    'a?[2Jb'
    """
    return "".join(c if c.isprintable() or c in "\n\t" else "?" for c in text)


def _short(value: Any) -> bool:
    return len(value) <= 100 and len(repr(value)) <= 100


def _line(value: Any) -> str:
    """A value in one line."""
    if hasattr(value, "dtype") and getattr(value, "shape", None):
        return _kind(value)
    pandas: Any = sys.modules.get("pandas")
    if pandas is not None and isinstance(value, pandas.DataFrame):
        return _kind(value)
    if isinstance(value, (list, tuple, set, frozenset, dict, str, bytes)) and len(value) > _TEXT:
        return _kind(value)
    text = printable(" ".join(repr(value).split()))
    return text if len(text) <= _TEXT else f"{text[: _TEXT - 1]}…"


def _kind(value: Any) -> str:
    """What it is, and how large.

    >>> _kind([1, 2]), _kind("abc")
    ('list of 2', 'str of 3')
    """
    name = type(value).__name__
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and hasattr(value, "dtype") and not hasattr(value, "index"):
        return f"{name}, {' x '.join(f'{length:,}' for length in shape) or 'a scalar'}, {value.dtype}"
    if isinstance(shape, tuple) and hasattr(value, "index"):
        return ", ".join([name, _many(len(value), "row"), *(_many(length, "column") for length in shape[1:])])
    return f"{name} of {len(value):,}" if hasattr(value, "__len__") else name


def _many(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _table(table: Any) -> str:
    import pandas

    with pandas.option_context("display.precision", 4, "display.max_colwidth", 40):
        return printable(str(table.to_string()))
