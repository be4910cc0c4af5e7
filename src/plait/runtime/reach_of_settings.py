"""Which steps do the settings of a package reach, as far as types and requirements tell?

A wrong yes makes a step run again after a setting was changed; a wrong no is a stale result. So: yes when in doubt.
"""

import decimal
import os
import re
import sys
from collections.abc import Callable
from datetime import date, time, timedelta
from enum import Enum
from fractions import Fraction
from functools import cache
from pathlib import PurePath
from typing import Any
from uuid import UUID

_SCALARS = (
    str, int, float, complex, bytes, bytearray, date, time, timedelta, decimal.Decimal, Fraction, PurePath, UUID, Enum,
)  # fmt: skip


@cache
def requires(package: str, other: str) -> bool:
    """Does an installed package call another one, as far as its requirements tell, also those of its extras?"""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import requires as required

    if package == "pandas":  # which calls matplotlib to plot, and mostly does not
        return False
    try:
        lines = required(package) or ()
    except PackageNotFoundError:
        return False
    names = (re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in lines)
    return other in (re.sub(r"[-_.]+", "-", name).lower() for name in names)


def may_come_from(module: str, hint: Any) -> bool:
    """Might a value of this type be of a package that is imported as `module`, or hold what is?

    So might all that is not said to be of another one. A class of a program may hold anything.
    """
    if hint is Any:
        return True
    if hint is None or hint is type(None):
        return False
    origin = getattr(hint, "__origin__", hint)
    inner = [one for one in getattr(hint, "__args__", ()) if one is not ...]
    if inner and origin is not Callable and (not isinstance(origin, type) or _is_standard(origin)):
        return any(may_come_from(module, one) for one in inner)
    if not isinstance(origin, type) or origin is object or getattr(origin, "_is_protocol", False):
        return origin is not ... and not isinstance(origin, (str, int, bytes))  # Any, TypeVar; the values of a Literal
    if any(cls.__module__.partition(".")[0] == module for cls in origin.__mro__):
        return True
    if issubclass(origin, _SCALARS):
        return False
    return _is_standard(origin) or not _is_installed(origin)


def _is_standard(cls: type) -> bool:
    return cls.__module__.partition(".")[0] in sys.stdlib_module_names


def _is_installed(cls: type) -> bool:
    """Is a class of a package that is installed, and not of the program?"""
    file = getattr(sys.modules.get(cls.__module__), "__file__", None) or ""
    return any(f"{os.sep}{name}{os.sep}" in file for name in ("site-packages", "dist-packages")) or _is_ours(cls)


def _is_ours(cls: type) -> bool:
    return cls.__module__.partition(".")[0] == __name__.partition(".")[0]
