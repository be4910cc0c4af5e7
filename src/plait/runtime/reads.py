"""What a step reads that is not one of its arguments: changes in that are not seen, which must be said.

Python tells an audit hook of every file that is opened. There is one hook for the process, asleep but for threads in
which a step is at work. Readers written in C++ or Rust open files without telling anybody; so files that the step
names, in its code or as text in its arguments, are reported too, unless they were written to meanwhile.

Not reported: code, packages, what belongs to the system or to tools (hidden folders of the home folder), what the step
itself made, the store and the scratch folder, and what other threads or processes open for the step. Environment
variables are seen as `variables.py` says; those of `@step(env=[...])` are declared.
"""

import os
import re
import stat
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar, Token
from keyword import iskeyword
from pathlib import Path, PurePath
from threading import get_ident
from types import FrameType
from typing import Any

from plait.core.definition import Definition
from plait.files import Dir, File, Looks, looks
from plait.ports import Blobs
from plait.runtime.callers import is_excused, reads_code, source_of
from plait.runtime.contents import files_in
from plait.runtime.doors import STARTS, command, database
from plait.runtime.naming import Naming
from plait.runtime.places import is_foreign, shown
from plait.runtime.undeclared_writes import EVENTS as WRITE_EVENTS
from plait.runtime.undeclared_writes import WRITES, Look, Writes, look_at, paths_of
from plait.runtime.variables import watch as watch_variables

_MANY = 4  # files in one folder: then it is the folder that should be an argument
_CREATES = os.O_CREAT | os.O_EXCL
_ACCESS = os.O_RDONLY | os.O_WRONLY | os.O_RDWR
_NAMES_FILE = re.compile(r"[^\n\r\0]{1,250}\.(?!pyc?$)[A-Za-z][A-Za-z0-9]{0,7}")

_NUMBERS = frozenset({bool, float, int})

_watches: dict[int, "Watch"] = {}  # of the threads in which a step is at work
_awaited: ContextVar["Watch | None"] = ContextVar("awaited", default=None)  # what an async step does on its loop
_installed = False


class Watch:
    """What one call of a step opens, and which environment variables it reads, in its thread."""

    __slots__ = (
        "_asynchronous",
        "_began",
        "_made",
        "_named",
        "_outer",
        "_set",
        "_token",
        "handed",
        "listed",
        "opened",
        "variables",
        "writes",
    )

    def __init__(self, definition: Definition, arguments: Mapping[str, Any], naming: Naming) -> None:
        self.opened: dict[str, None] = {}
        self.listed: dict[str, None] = {}
        self.variables: dict[str, None] = {}
        self.writes: Writes | None = None  # until there are any
        self.handed: dict[str, tuple[str, Look]] = {}  # to other programs: which, and how the file looked
        self._made: set[str] = set()
        self._set: set[str] = set()
        self._token: Token[Watch | None]
        self._began = time.time_ns()
        self._named = _looked_at(naming.texts(definition, _is_name), arguments)
        self._asynchronous = definition.asynchronous
        self._outer: Watch | None = None

    def __enter__(self) -> "Watch":
        global _installed
        if not _installed:
            _installed = True
            sys.addaudithook(_hook)
            watch_variables(_read, _wrote, _is_awake)
        if self._asynchronous:
            self._token = _awaited.set(self)
        me = get_ident()
        self._outer = _watches.get(me)
        _watches[me] = self
        return self

    def __exit__(self, *_: object) -> None:
        if self._asynchronous:
            _awaited.reset(self._token)
        if self._outer is None:
            del _watches[get_ident()]
        else:
            _watches[get_ident()] = self._outer

    def saw_variable(self, name: str, *, written: bool) -> None:
        """Takes in that an environment variable was read, or set."""
        if written:
            self._set.add(name)
        elif name not in self._set:
            self.variables[name] = None

    def saw(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Takes in an event of this thread."""
        frame = sys._getframe(2)
        if event in STARTS:
            self._saw_command(event, arguments)
            return
        if event in WRITE_EVENTS:
            self._saw_write(event, arguments, frame)
        if event == "sqlite3.connect":
            path = database(arguments[0])
        elif event == "ctypes.dlopen" and arguments[0] is None:
            return
        else:
            path = _path(arguments[0])
        if path is None or reads_code(frame, path, listed=event in ("os.listdir", "os.scandir")):
            return
        if event == "open":
            path = source_of(path)
            if arguments[2] & WRITES and not is_excused(frame):
                self._writes().touch(path, truncated=bool(arguments[2] & os.O_TRUNC))
            self._saw_open(path, arguments[2])
        elif event == "os.mkdir":
            if not os.path.lexists(path):
                self._made.add(path)
        elif event == "os.rename":
            if self._is_made(path) and (target := _path(arguments[1])) is not None:
                self._made.add(target)
        elif event == "sqlite3.connect":
            if not is_excused(frame):
                self._writes().touch(path)
            self._saw_open(path, os.O_RDONLY)
        elif event == "ctypes.dlopen":
            self._saw_open(path, os.O_RDONLY)
        elif event not in WRITE_EVENTS and not self._is_made(path):
            self.listed[path] = None

    def _saw_write(self, event: str, arguments: tuple[Any, ...], frame: FrameType) -> None:
        if not is_excused(frame):
            for said in paths_of(event, arguments):
                if (path := _path(said)) is not None and not isinstance(said, int):
                    self._writes().touch(path)

    def _writes(self) -> Writes:
        if self.writes is None:
            self.writes = Writes()
        return self.writes

    def _saw_command(self, event: str, arguments: tuple[Any, ...]) -> None:
        program, paths = command(event, arguments)
        for path in paths:
            if path not in self.handed and not self._is_made(path):
                self.handed[path] = program, look_at(path)

    def _saw_open(self, path: str, flags: int) -> None:
        about = _about(path)
        if flags & os.O_TRUNC or flags & _CREATES == _CREATES or (about is None and flags & os.O_CREAT):
            self._made.add(path)
        elif about is not None and flags & _ACCESS != os.O_WRONLY and not self._is_made(path):
            if about[3] < self._began:
                self.opened[path] = None
            else:
                self._made.add(path)  # by other means than Python's

    def _is_made(self, path: str) -> bool:
        return bool(self._made) and any(place in self._made for place in (path, *map(str, PurePath(path).parents)))

    @property
    def saw_any(self) -> bool:
        """May there be something to say?"""
        return bool(self.opened or self.listed or self.variables or self._named or self.writes or self.handed)

    def named(self) -> list[str]:
        """The files that the step names and nobody was seen to open, unless they were written to meanwhile."""
        unseen = [path for path in self._named if path not in self.opened and path not in self._made]
        unseen = [path for path in unseen if (about := _about(path)) is not None and about == self._named[path]]
        links = set(map(os.path.realpath, self.opened)) if unseen else set()
        return [path for path in unseen if os.path.realpath(path) not in links]

    def changed(self) -> dict[str, str]:
        """What was done to the files that were touched, named or handed over, and that are not what they were."""
        for path, look in self._named.items():
            if look is not None or isinstance(look_at(path), tuple):
                self._writes().note(path, look)
        for path, (_, handed) in self.handed.items():
            self._writes().note(path, handed)
        return self.writes.changed() if self.writes is not None else {}


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _watches and event in _EVENTS and (watch := _watching()) is not None:
        try:
            watch.saw(event, arguments)
        except Exception:  # whatever we do not understand, the user's program goes on
            return


def _watching() -> Watch | None:
    return _watches.get(get_ident()) or _awaited.get()


def _is_awake() -> bool:
    return bool(_watches) and _watching() is not None


def _read(name: str) -> None:
    if (watch := _watching()) is not None:
        watch.saw_variable(name, written=False)


def _wrote(name: str) -> None:
    if (watch := _watching()) is not None:
        watch.saw_variable(name, written=True)


_EVENTS = frozenset({"ctypes.dlopen", "open", "os.listdir", "os.scandir", "sqlite3.connect"}) | STARTS | WRITE_EVENTS


def undeclared(
    watch: Watch, definition: Definition, arguments: Mapping[str, Any], changed: Mapping[str, str], blobs: Blobs
) -> Iterator[str]:
    """What to say of a call of a step: a sentence for each variable, file or folder that it read undeclared.

    `changed` are the files that the call changed, of which `undeclared_writes` speaks.

    Nothing is said of steps that run each time, or whose results count for so long (`cache=False`, `cache="12h"`): that
    changes in the outside world are seen when the step runs is what they say themselves.
    """
    if definition.options.cache is not True:
        return
    for name in watch.variables:
        if name not in definition.options.env:
            yield (
                f"{definition.name} read the environment variable {name}, which it does not declare: changes in it "
                f"are not seen. Take its value as an argument, or declare it: @step(env=[{name!r}])"
            )
    named = watch.named()
    if not (watch.opened or watch.listed or watch.handed or named):
        return
    given = _Given(files_in(dict(arguments)))

    def unknown(paths: Iterable[str]) -> list[str]:
        others = [path for path in paths if path not in changed and not given.holds(path)]
        return [path for path in others if not is_foreign(path) and blobs.owned(path) is None]

    step, texts = definition.name, {path: name for name, path in _given_as_text(arguments)}
    folders = set(unknown(watch.listed))
    by_folder: dict[str, list[str]] = {}
    for path in unknown(watch.opened):
        by_folder.setdefault(str(Path(path).parent), []).append(path)
    folders |= {folder for folder, paths in by_folder.items() if len(paths) >= _MANY}
    for folder in sorted(folders):
        yield (
            f"{step} read the folder {shown(folder)}, which is not an argument: changes in it are not seen. "
            f"Take it as {step}({_as_name(folder)}: Dir)"
        )
    for folder, paths in by_folder.items():
        for path in paths if not {folder, *map(str, Path(folder).parents)} & folders else ():
            yield (
                f"{step} opened {shown(path)}, which is not an argument: changes in it are not seen. "
                f"Take it as {step}({texts.get(path) or _as_name(path)}: File)"
            )
    for path in unknown(path for path in watch.handed if path not in watch.opened and path not in named):
        if isinstance(look_at(path), tuple):
            yield (
                f"{step} gave {shown(path)} to {watch.handed[path][0]}, another program, and the file is not an "
                f"argument: if it is read, changes in it are not seen. "
                f"Take it as {step}({texts.get(path) or _as_name(path)}: File)"
            )
    for path in unknown(named):
        how = f"was given {shown(path)} as text" if path in texts else f"names {shown(path)}"
        yield (
            f"{step} {how}, and the file itself is not an argument: if it is read, changes in it are not seen. "
            f"Take it as {step}({texts.get(path) or _as_name(path)}: File)"
        )


class _Given:
    """The files and folders that a step was given, under any of their names."""

    def __init__(self, files: Iterable[File | Dir]) -> None:
        names = [(name, type(file) is Dir) for file in files for name in (str(file), os.path.realpath(file))]
        self._paths = {name for name, _ in names}
        self._folders = tuple({f"{name}{os.sep}" for name, folder in names if folder})

    def holds(self, path: str) -> bool:
        return self._holds(path) or self._holds(os.path.realpath(path))

    def _holds(self, path: str) -> bool:
        return path in self._paths or path.startswith(self._folders)


def _about(path: str) -> Looks | None:
    try:
        about = os.stat(path)
    except (OSError, ValueError):
        return None
    return looks(about) if stat.S_ISREG(about.st_mode) else None


def _path(said: object) -> str | None:
    if said is None:
        return str(Path.cwd())
    return os.path.abspath(os.fsdecode(said)) if isinstance(said, (str, bytes, os.PathLike)) else None


def _looked_at(texts: Sequence[str], arguments: Mapping[str, Any]) -> dict[str, Looks | None]:
    """The files that a step's code names, and those that its arguments give as text, and how they look."""
    if not texts and _NUMBERS.issuperset(map(type, arguments.values())):  # as of many small steps
        return {}
    paths = [*(path for text in texts for path in _found(text)), *(path for _, path in _given_as_text(arguments))]
    return {path: _about(path) for path in paths}


def _is_name(text: str) -> bool:
    """Does a text of the code look like the name of a file?"""
    return _NAMES_FILE.fullmatch(text) is not None and "://" not in text


def _found(text: str) -> Iterator[str]:
    if any(mark in text for mark in "*?["):
        if any(mark in PurePath(text).parts[0] for mark in "*?["):
            return  # in some folder, which need not be the current one: who lists that is seen
        from glob import glob

        yield from map(os.path.abspath, glob(text))  # noqa: PTH207 - the text may be absolute
    else:
        yield os.path.abspath(text)


def _given_as_text(arguments: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in arguments.items():
        if type(value) not in _NUMBERS and isinstance(value, (str, PurePath)) and _NAMES_FILE.fullmatch(str(value)):
            yield name, os.path.abspath(value)


def _as_name(path: str) -> str:
    """A name for a parameter.

    >>> _as_name("data/rates.csv"), _as_name("/data/2013 flights.csv")
    ('rates_csv', 'file_2013_flights_csv')
    """
    name = re.sub(r"\W+", "_", os.path.basename(path)).strip("_").lower()
    return name if name.isidentifier() and not iskeyword(name) else f"file_{name}"
