"""What to add to the error of a step that changes a shared array in place: which argument it is, and to copy it first.

Arrays are given to steps as read-only views, and what numpy says when one is changed ("output array is read-only")
names neither the argument nor the way out.
"""

import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any

from plait.core.containers import IMMUTABLE

_READ_ONLY = re.compile(r"read-?only|WRITEABLE", re.IGNORECASE)
_DEPTH = 3  # of containers around an array


def add_hint(error: BaseException, arguments: Mapping[str, Any]) -> None:
    """Add a note to the error of a step, if it failed to change an array that it was given."""
    with suppress(Exception):  # the error's own text may fail, and its class may refuse a note
        if not _READ_ONLY.search(str(error)):
            return
        for name, value in arguments.items():
            if _holds_read_only(value, _DEPTH):
                copied = f"{name} = {name}.copy()" if _is_read_only(value) else f"{name} = copy.deepcopy({name})"
                error.add_note(f"the argument {name} is shared, so it is read-only: copy it first, {copied}")
                return


def _is_read_only(value: Any) -> bool:
    return getattr(getattr(value, "flags", None), "writeable", True) is False


def _holds_read_only(value: Any, depth: int) -> bool:
    if type(value) in IMMUTABLE:
        return False
    if _is_read_only(value):
        return True
    if not depth:
        return False
    if isinstance(value, Mapping):
        inner: Collection[Any] = value.values()
    elif isinstance(value, (list, tuple)):
        inner = value
    else:  # a dataclass, a sparse matrix
        inner = list(getattr(value, "__dict__", {}).values())
    return any(_holds_read_only(item, depth - 1) for item in inner)
