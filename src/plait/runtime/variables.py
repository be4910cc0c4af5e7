"""Which environment variables the user's own code reads, by name.

No audit event tells of such a read. But whatever reads by `os.environ`, `os.environb` or `os.getenv` ends in one dict
of `os`, which we replace by one that says what is asked of it: the same for everybody who holds `os.environ` already.

A read counts if it is the user's code that asks. What packages and the standard library read for their own sake does
not (also not where the home folder is: what is read there is seen), nor what a module reads while it is imported (its
constants count where they are used), nor a copy of the whole environment, as it is handed on to other programs.
"""

import os
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from plait.runtime.places import is_foreign

_CONDUITS = frozenset(  # whose reads are those of their callers
    {"_collections_abc", "collections.abc", "ntpath", "os", "posixpath", __name__}
)
_ASKING = frozenset({"environ", "environb", "expandvars", "getenv", "getenvb"})


def watch(read: Callable[[str], None], wrote: Callable[[str], None], awake: Callable[[], bool]) -> None:
    """From now on `read` is told of each variable that the user's code reads, `wrote` of each that is set.

    `awake` says whether anybody wants to know, and is asked first.
    """
    held = getattr(os.environ, "_data", None)
    if type(held) is not dict:  # another Python; then nothing is seen
        return
    is_foreign(os.sep)  # which reads the environment, the first time
    watched = _Watched(held)
    watched.tell = read, wrote, awake
    environments: list[Any] = [os.environ, getattr(os, "environb", None)]
    for environment in environments:
        if getattr(environment, "_data", None) is held:
            environment._data = watched


class _Watched(dict[Any, Any]):
    """The dict behind `os.environ`; its keys are bytes, or text on Windows."""

    tell: tuple[Callable[[str], None], Callable[[str], None], Callable[[], bool]]
    copied: tuple[object, int] = (None, 0)  # the code and line that last asked for all names

    def __getitem__(self, key: Any) -> Any:
        read, _, awake = self.tell
        if awake() and (place := _reader()) is not None and place != self.copied:
            read(os.fsdecode(key))
        return super().__getitem__(key)

    def __iter__(self) -> Iterator[Any]:
        if self.tell[2]():
            self.copied = _reader() or self.copied
        return super().__iter__()

    def __setitem__(self, key: Any, value: Any) -> None:
        _, wrote, awake = self.tell
        if awake():
            wrote(os.fsdecode(key))
        super().__setitem__(key, value)

    def __reduce__(self) -> Any:
        return dict, (dict(self),)


def _reader() -> tuple[object, int] | None:
    """The code and line that asked, if it is the user's and not a module that is being imported."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and frame.f_globals.get("__name__") in _CONDUITS:
        if frame.f_code.co_name == "expanduser":
            return None
        frame = frame.f_back
    if frame is None or frame.f_code.co_filename.startswith("<frozen ") or _is_ours(frame):
        return None
    if is_foreign(frame.f_code.co_filename) or is_foreign(str(frame.f_globals.get("__file__") or "")):
        return None
    if not _asks(frame):
        return None
    place = (frame.f_code, frame.f_lineno)
    while frame is not None:
        if frame.f_globals.get("__name__") in ("importlib._bootstrap", "_frozen_importlib"):
            return None
        if frame.f_globals.get("__name__") == "plait.core.calling":  # here the step was called
            break
        frame = frame.f_back
    return place


def _asks(frame: FrameType) -> bool:
    """Does this code know the environment by any name? Else compiled code asks, which it has called."""
    code = frame.f_code
    if not _ASKING.isdisjoint(code.co_names):
        return True
    known = [getattr(os, name, None) for name in _ASKING]
    held = [*map(frame.f_globals.get, code.co_names), *frame.f_locals.values()]
    return any(value is one for value in held for one in known if one is not None)


def _is_ours(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__")).startswith("plait.")
