"""What a step writes that is not its result: where the step is a hit, it is not written, which must be said.

Audit events tell of each file that Python opens for writing, renames or removes. Whatever was touched is looked at
again after the call: a file that was made and removed, or opened and not changed, was not written. Programs that the
step starts, and writers in C++ or Rust, tell nothing; files that the code or an argument names, or a command line, are
therefore looked at before and after the call.

Not reported: temporary folders, the store and Scratch, caches and hidden folders of tools, what imports and log
handlers write, and files that the step returns as `File` or `Dir`.
"""

import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any, TypeAlias

from plait.files import Dir, looks
from plait.ports import Blobs
from plait.runtime.contents import files_in
from plait.runtime.places import is_foreign, is_temporary, is_tools, shown

Look: TypeAlias = tuple[int, ...] | str | None  # of a file, of something else, of nothing

_MANY = 4  # files in one folder: then the folder is named
_TRUNCATED = "truncated"  # equal to no look that a file can have later

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
EVENTS = frozenset({
    "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink", "os.truncate", "os.utime",
    "shutil.rmtree",
})  # fmt: skip
_TWO_PATHS = frozenset({"os.link", "os.rename", "os.symlink"})
_IN_FOLDER = {  # where the open folders stand among the arguments of an event
    "os.link": 2, "os.mkdir": 2, "os.remove": 1, "os.rename": 2, "os.rmdir": 1, "os.symlink": 2, "os.utime": 3,
    "shutil.rmtree": 1,
}  # fmt: skip


class Writes:
    """The paths that one call of a step touches, and how they looked before."""

    __slots__ = ("_before",)

    def __init__(self) -> None:
        self._before: dict[str, Look] = {}

    def touch(self, path: str, *, truncated: bool = False) -> None:
        """Note how a path looks before it is first touched."""
        if path not in self._before:
            look = look_at(path)
            self._before[path] = _TRUNCATED if truncated and isinstance(look, tuple) else look

    def note(self, path: str, look: Look) -> None:
        """Note how a path looked before the call."""
        self._before.setdefault(path, look)

    def changed(self) -> dict[str, str]:
        """What was done to each path that is not what it was, as a verb."""
        found = {}
        for path, before in self._before.items():
            after = look_at(path)
            if after != before:
                found[path] = "removed" if after is None else "wrote" if isinstance(after, tuple) else "made the folder"
        return found


def look_at(path: str) -> Look:
    """How a path looks now; of a folder or a device only that it is one."""
    try:
        about = os.stat(path)
    except (OSError, ValueError):
        return None
    return looks(about) if stat.S_ISREG(about.st_mode) else "folder" if stat.S_ISDIR(about.st_mode) else "device"


def paths_of(event: str, arguments: Sequence[Any]) -> Iterator[Any]:
    """The paths that an event changes, as they were given; none if they are relative to an open folder."""
    folders = arguments[_IN_FOLDER[event] :] if event in _IN_FOLDER else ()
    if any(isinstance(folder, int) and folder >= 0 for folder in folders):
        return
    if event not in ("os.link", "os.symlink"):
        yield arguments[0]
    if event in _TWO_PATHS:
        yield arguments[1]


def sentences(step: str, changed: Mapping[str, str], value: object, blobs: Blobs) -> Iterator[str]:
    """What to say of what a call changed; `value` is its result."""
    texts = set(_texts_in(value))
    results = [(str(file), type(file) is Dir) for file in files_in(value)] if value is not None else []
    left: dict[str, str] = {}
    for path, verb in changed.items():
        if any(path == result or (folder and path.startswith(f"{result}{os.sep}")) for result, folder in results):
            continue
        if path in texts and verb != "removed":
            yield (
                f"{step} {verb} {shown(path)} and returned its path as text: a later cache hit returns the path, and "
                f"the file may be gone. {_WAYS_OUT}"
            )
        elif not (is_foreign(path) or is_tools(path) or is_temporary(path) or blobs.owned(path) is not None):
            left[path] = verb
    for path, verb in _grouped(left):
        yield f"{step} {verb} {shown(path)}, which is not its result: a cache hit does not do that. {_WAYS_OUT}"


def _grouped(changed: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Each file; of many in one folder that folder; and the folders in which no file was seen to be written."""
    by_folder: dict[str, list[str]] = {}
    for path, verb in changed.items():
        if verb != "made the folder":
            by_folder.setdefault(str(Path(path).parent), []).append(path)
    said: list[str] = []
    for folder, paths in by_folder.items():
        if len(paths) >= _MANY:
            said.append(folder)
            yield folder, "changed files in"
        else:
            said += paths
            yield from ((path, changed[path]) for path in paths)
    made = sorted((path for path, verb in changed.items() if verb == "made the folder"), key=len, reverse=True)
    for path in made:
        if not _holds_any(path, said):
            said.append(path)
            yield path, "made the folder"


def _holds_any(folder: str, paths: Iterable[str]) -> bool:
    return any(path == folder or path.startswith(f"{folder}{os.sep}") for path in paths)


def _texts_in(value: object) -> Iterator[str]:
    """The paths that a result holds as text, at its top or in a container."""
    if isinstance(value, (str, PurePath)):
        yield os.path.abspath(value)
    elif isinstance(value, (list, tuple, dict)):
        for item in list(value.values() if isinstance(value, dict) else value)[:100]:
            if isinstance(item, (str, PurePath)):
                yield os.path.abspath(item)


_WAYS_OUT = "Write the file in Scratch and return it as a File, or run the step each time: @step(cache=False)"
