"""An import is not a draw: what a module draws while it is imported for the first time does not count for a step.

Some packages draw from `random` when they are imported. Whether a step imports one first, or the program did before it,
must make no difference. So a finder stands before the others on `sys.meta_path`. It is asked only for modules that are
not imported yet, finds nothing itself, and lets those who look on at a step know when an import begins and ends.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from threading import get_ident
from types import ModuleType
from typing import Any, Protocol

from plait.runtime.process_lock import async_step


class Onlooker(Protocol):
    """What wants to know of the imports of a step."""

    def begin_import(self) -> None:
        """An import begins, within no other one."""

    def end_import(self) -> None:
        """It has ended."""


_onlookers: dict[int, list[Onlooker]] = {}  # by the thread that waits for the result of the step
_importing: set[int] = set()  # threads in which one of these imports is under way


@contextmanager
def looking_on(onlooker: Onlooker) -> Iterator[None]:
    """Tell `onlooker` of the first imports in this thread, and in the async step that it waits for."""
    if not sys.meta_path or sys.meta_path[0] is not _FINDER:
        sys.meta_path[:] = [_FINDER, *(finder for finder in sys.meta_path if finder is not _FINDER)]
    me = get_ident()
    _onlookers.setdefault(me, []).append(onlooker)
    try:
        yield
    finally:
        _onlookers[me].remove(onlooker)
        if not _onlookers[me]:
            del _onlookers[me]


class _Finder:
    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        me = get_ident()
        if me in _importing or not _onlookers or not _looks_on():
            return None
        _importing.add(me)  # a finder may import too
        try:
            spec = _find(name, path, target)
        finally:
            _importing.discard(me)
        if spec is not None and hasattr(spec.loader, "exec_module"):
            spec.loader = _Loader(spec.loader)  # type: ignore[assignment] # it has a loader's shape
        return spec


class _Loader:
    """Stands for another loader until the module is made."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        made: ModuleType | None = self._loader.create_module(spec)
        return made

    def exec_module(self, module: ModuleType) -> None:
        for holder, name in ((module.__spec__, "loader"), (module, "__loader__")):
            if getattr(holder, name, None) is self:
                setattr(holder, name, self._loader)
        with _import():
            self._loader.exec_module(module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)


@contextmanager
def _import() -> Iterator[None]:
    me = get_ident()
    onlookers = [] if me in _importing else list(_looks_on())
    if not onlookers:
        yield
        return
    for onlooker in onlookers:
        onlooker.begin_import()
    _importing.add(me)
    try:
        yield
    finally:
        _importing.discard(me)
        for onlooker in reversed(onlookers):
            onlooker.end_import()


def _looks_on() -> Sequence[Onlooker]:
    here = _onlookers.get(get_ident())
    if here is None and (step := async_step.get()) is not None:
        here = _onlookers.get(step[0])
    return here or ()


def _find(name: str, path: Sequence[str] | None, target: ModuleType | None) -> ModuleSpec | None:
    for finder in list(sys.meta_path):
        find = getattr(finder, "find_spec", None)
        if finder is not _FINDER and find is not None:
            spec: ModuleSpec | None = find(name, path, target)
            if spec is not None:
                return spec
    return None


def _in_child() -> None:
    """A forked child has one thread."""
    me = get_ident()
    for thread in [*_onlookers]:
        if thread != me:
            del _onlookers[thread]
    _importing.intersection_update({me})


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)

_FINDER = _Finder()
