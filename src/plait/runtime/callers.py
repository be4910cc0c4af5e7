"""Which code caused an audit event: the step, or an import, a traceback, a log handler or plait itself?

Decided by the modules of the frames between the event and the call of the step.
"""

import os
import sys
from importlib.machinery import all_suffixes
from types import FrameType

from plait.runtime.places import is_foreign

_READERS_OF_CODE = frozenset({
    "_frozen_importlib", "_frozen_importlib_external", "_pytest", "importlib", "importlib_metadata", "inspect",
    "linecache", "pkg_resources", "pkgutil", "plait", "runpy", "tokenize", "zipimport",
})  # fmt: skip
_IMPORT = frozenset({"_frozen_importlib", "importlib._bootstrap"})
_CODE = (*all_suffixes(), ".pyw", ".pyi", ".pth")
_CALLS_OF_STEPS = frozenset({"plait.core.calling", "plait.runtime.loop", "asyncio.events"})
_FOR_STEPS = ("plait.core", "plait.files", "plait.secret")  # what these do, the code that calls them does


def reads_code(frame: FrameType, path: str, *, listed: bool) -> bool:
    """Does Python read code here, as imports and tracebacks do, rather than the step its data?

    Modules that read code give data too: `pkgutil.get_data`, `linecache.getline("notes.txt", 1)`.
    """
    module = _module(frame)
    if _top(module) not in _READERS_OF_CODE:
        return False
    if listed or _top(module) in ("plait", "_pytest"):
        return True
    caller: FrameType | None = frame
    through: set[str] = set()
    while caller is not None and _top(module := _module(caller)) in _READERS_OF_CODE and module not in _CALLS_OF_STEPS:
        through.add(module)
        caller = caller.f_back
    if "runpy" in through:  # runs a file that no digest of code holds
        return False
    if not _IMPORT.isdisjoint(through):
        return True
    if not path.endswith(_CODE):
        return False
    # the code of modules counts in the digest of what reaches it; what a traceback shows counts nowhere
    return caller is None or is_foreign(caller.f_code.co_filename) or path in _files_of_modules()


def is_excused(frame: FrameType | None) -> bool:
    """Does plait, an import or a log handler write here, rather than the step?"""
    while frame is not None:
        module = _module(frame)
        if module in _CALLS_OF_STEPS:
            return False
        if module in _IMPORT or (module.startswith("plait.") and not module.startswith(_FOR_STEPS)):
            return True
        if _top(module) == "logging" and frame.f_code.co_name in ("emit", "handle"):
            return True  # to a file that the program has set up; one that the step opens itself is seen then
        frame = frame.f_back
    return False


def source_of(path: str) -> str:
    """The source file of a compiled one; any other path as it is."""
    if not path.endswith(".pyc"):
        return path
    from importlib.util import source_from_cache

    try:
        source = source_from_cache(path)
    except (ValueError, NotImplementedError):
        return path
    return source if os.path.exists(source) else path


def _files_of_modules() -> set[str]:
    return {os.path.abspath(file) for module in list(sys.modules.values()) if (file := _file(module))}


def _file(module: object) -> str:
    file = getattr(module, "__dict__", {}).get("__file__")  # some modules import others when they are asked
    return file if isinstance(file, str) else ""


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__") or "")


def _top(module: str) -> str:
    return module.partition(".")[0]
