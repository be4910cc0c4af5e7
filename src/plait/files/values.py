"""`File` and `Dir`: arguments and results whose content is the value, not their path.

What counts of a `File` is its content and its suffixes (readers look at them: `a.csv` is not `a.csv.gz`), never the
rest of its name or where it lies. What counts of a `Dir` is all that can be found in it.
"""

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from os import PathLike
from pathlib import Path
from typing import Any

from plait.errors import PlaitError
from plait.files.urls import is_url, name_in, shown


class File(PathLike[str]):
    """A file as a value: open it by any function that takes a path.

    `path` may be relative; it is made absolute, so that a change of folder does not matter. It may be a URL that
    fsspec knows (`s3://…`, `https://…`): a run fetches it into the store first, and its steps get a file from there.

    >>> import tempfile, pathlib
    >>> csv = pathlib.Path(tempfile.mkdtemp(), "trips.csv.gz")
    >>> _ = csv.write_bytes(b"...")
    >>> File(csv).suffix, File(csv).read_bytes()
    ('.csv.gz', b'...')
    """

    __slots__ = ("_path", "remote", "suffix")

    def __init__(self, path: str | PathLike[str]) -> None:
        text = _local(os.fspath(path))
        self.remote = is_url(text)
        self._path = text if self.remote else os.path.abspath(text)
        self.suffix = _suffixes(name_in(text) if self.remote else os.path.basename(self._path))

    def __fspath__(self) -> str:
        return self._path

    def read_bytes(self) -> bytes:
        """All of its content."""
        return Path(self._path).read_bytes()

    def copy_to(self, path: str | PathLike[str]) -> Path:
        """Copies it to a path, making the folder; a file that is there is replaced whole or not at all."""
        target = Path(path).absolute()
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.{os.getpid()}.part")
        shutil.copyfile(self._path, part)
        os.replace(part, target)
        return target

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """In models, lists and unions: a `File`, or its path."""
        return _in_models(cls)

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: Any) -> Any:
        return {"type": "string", "format": "path"}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, File) and self._path == other._path

    def __hash__(self) -> int:
        return hash(self._path)

    def __repr__(self) -> str:
        return f"File({shown(self._path)!r})"

    def __str__(self) -> str:
        return self._path

    def __reduce__(self) -> Any:
        return _reduced(self)


class Dir(PathLike[str]):
    """A folder as a value: the names of all that is in it, hidden or not, and the contents of its files.

    Links are followed: what counts is what they point to.

    >>> import tempfile, pathlib
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "a.txt").write_text("a")
    >>> list(Dir(folder).files("*.txt"))
    ['a.txt']
    """

    __slots__ = ("_path",)

    def __init__(self, path: str | PathLike[str]) -> None:
        text = _local(os.fspath(path))
        if is_url(text):
            raise PlaitError(f"Dir({shown(text)!r}): a Dir is a folder of this machine. Give its files, as File(url)")
        self._path = os.path.abspath(text)

    def __fspath__(self) -> str:
        return self._path

    def files(self, glob: str = "**/*") -> dict[str, File]:
        """Its files by their names within it, in the order of these names.

        In `glob`, `**/` stands for any folders, or none. Hidden files are files like others.
        """
        names = sorted(filter(_matching(glob).fullmatch, self.names()))
        return {name: File(path) for name in names if os.path.isfile(path := os.path.join(self._path, name))}

    def names(self) -> Iterator[str]:
        """The names of all that is in it, at any depth and in no order; those of folders end with a slash."""
        return _names(self._path, "", ())

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """In models, lists and unions: a `Dir`, or its path."""
        return _in_models(cls)

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: Any) -> Any:
        return {"type": "string", "format": "directory-path"}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Dir) and self._path == other._path

    def __hash__(self) -> int:
        return hash(self._path)

    def __repr__(self) -> str:
        return f"Dir({self._path!r})"

    def __str__(self) -> str:
        return self._path

    def __reduce__(self) -> Any:
        return _reduced(self)


_attached: ContextVar["dict[File | Dir, int] | Sequence[File | Dir] | None"] = ContextVar("attached", default=None)


@contextmanager
def attached(files: "dict[File | Dir, int] | Sequence[File | Dir]") -> Iterator[None]:
    """While a value is written or read, the files in it go by numbers, so that no path is in what is written.

    Who writes gives an empty dict, and keeps what is in it then; who reads gives the files in the same order.
    """
    token = _attached.set(files)
    try:
        yield
    finally:
        _attached.reset(token)


def _reduced(file: File | Dir) -> Any:
    files = _attached.get()
    if not isinstance(files, dict):
        return type(file), (os.fspath(file),)
    return _numbered, (files.setdefault(file, len(files)),)


def _numbered(number: int) -> File | Dir:
    files = _attached.get()
    if files is None or isinstance(files, dict):
        raise PlaitError("a value that was written with files in it is read by plait only, which knows where they are")
    return files[number]


def _in_models(cls: type[Any]) -> Any:
    """How pydantic makes one from a path. Its schemas are plain data, so that nothing of it is needed here."""

    def made(value: Any) -> Any:
        if isinstance(value, cls):
            return value
        if not isinstance(value, (str, PathLike)):
            raise ValueError(f"a {type(value).__name__} is given, and the path of a {cls.__name__} is wanted")
        try:
            return cls(value)
        except PlaitError as error:
            raise ValueError(str(error)) from None

    return {
        "type": "lax-or-strict",  # so that in File | str a text is a text
        "strict_schema": {"type": "is-instance", "cls": cls},
        "lax_schema": {"type": "function-plain", "function": {"type": "no-info", "function": made}},
        "serialization": {"type": "function-plain", "function": str, "when_used": "json"},
    }


def _local(text: str) -> str:
    """A file:// URL is the path of a file here."""
    if not text.startswith("file://"):
        return text
    from urllib.parse import unquote, urlsplit  # hardly ever needed

    return unquote(urlsplit(text).path)


def _names(folder: str, prefix: str, above: tuple[tuple[int, int], ...]) -> Iterator[str]:
    about = os.stat(folder)
    here = (about.st_dev, about.st_ino)
    if here in above:  # a link to a folder that it lies in: all of that was there already
        return
    with os.scandir(folder) as entries:
        found = list(entries)
    for entry in found:
        if entry.is_dir():
            yield f"{prefix}{entry.name}/"
            yield from _names(entry.path, f"{prefix}{entry.name}/", (*above, here))
        else:
            yield f"{prefix}{entry.name}"


def _matching(glob: str) -> re.Pattern[str]:
    """A glob, for names that are cut by slashes.

    >>> [name for name in ("a.csv", "x/y/a.csv", "a.csv.gz", ".csv") if _matching("**/*.csv").fullmatch(name)]
    ['a.csv', 'x/y/a.csv', '.csv']
    >>> [name for name in ("1.csv", "x/1.csv", "!.csv") if _matching("[!a-z].csv").fullmatch(name)]
    ['1.csv', '!.csv']
    """
    known = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    pieces = re.split(r"(\*\*/|\*\*|\*|\?|\[!?[^\]]+\])", glob)
    return re.compile("".join([known.get(piece) or _literal(piece) for piece in pieces]), re.DOTALL)


def _literal(piece: str) -> str:
    if not (piece.startswith("[") and piece.endswith("]")):
        return re.escape(piece)
    but = "!" if piece.startswith("[!") else ""
    inner = re.sub(r"([\\^\[])", r"\\\1", piece[1 + len(but) : -1])
    return f"[{but and '^/'}{inner}]"


def _suffixes(name: str) -> str:
    """The suffixes that tell a format: at most two, of letters and digits, as `.csv.gz`.

    >>> _suffixes("flights.2013.csv.gz"), _suffixes("README"), _suffixes(".hidden")
    ('.csv.gz', '', '')
    """
    last = [suffix for suffix in Path(name).suffixes[-2:] if suffix.isascii() and len(suffix) <= 9]
    return "".join([suffix for suffix in last if suffix[1:].isalnum() and not suffix[1:].isdigit()])
