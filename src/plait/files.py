"""`File` and `Dir`: arguments and results whose content is the value, not their path.

What counts of a `File` is its content and its suffixes (readers look at them: `a.csv` is not `a.csv.gz`), never the
rest of its name or where it lies. What counts of a `Dir` is its files and their names within it.
"""

import os
import shutil
from os import PathLike
from pathlib import Path
from typing import Any


class File(PathLike[str]):
    """A file as a value: open it by any function that takes a path.

    `path` may be relative; it is made absolute, so that a change of folder does not matter.

    >>> import tempfile, pathlib
    >>> csv = pathlib.Path(tempfile.mkdtemp(), "trips.csv.gz")
    >>> _ = csv.write_bytes(b"...")
    >>> File(csv).suffix, File(csv).read_bytes()
    ('.csv.gz', b'...')
    """

    __slots__ = ("_path", "suffix")

    def __init__(self, path: str | PathLike[str]) -> None:
        self._path = os.path.abspath(os.fspath(path))
        self.suffix = _suffixes(os.path.basename(self._path))

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

    def __eq__(self, other: object) -> bool:
        return isinstance(other, File) and self._path == other._path

    def __hash__(self) -> int:
        return hash(self._path)

    def __repr__(self) -> str:
        return f"File({self._path!r})"

    def __str__(self) -> str:
        return self._path

    def __reduce__(self) -> Any:
        return File, (self._path,)


class Dir(PathLike[str]):
    """A folder as a value: the names and contents of the files in it.

    >>> import tempfile, pathlib
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "a.txt").write_text("a")
    >>> list(Dir(folder).files("*.txt"))
    ['a.txt']
    """

    __slots__ = ("_path",)

    def __init__(self, path: str | PathLike[str]) -> None:
        self._path = os.path.abspath(os.fspath(path))

    def __fspath__(self) -> str:
        return self._path

    def files(self, glob: str = "**/*") -> dict[str, File]:
        """Its files by their names within it, in the order of these names."""
        root = Path(self._path)
        found = (path for path in root.glob(glob) if path.is_file())
        return {name: File(root / name) for name in sorted(path.relative_to(root).as_posix() for path in found)}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Dir) and self._path == other._path

    def __hash__(self) -> int:
        return hash(self._path)

    def __repr__(self) -> str:
        return f"Dir({self._path!r})"

    def __str__(self) -> str:
        return self._path

    def __reduce__(self) -> Any:
        return Dir, (self._path,)


def _suffixes(name: str) -> str:
    """The suffixes that tell a format: at most two, of letters and digits, as `.csv.gz`.

    >>> _suffixes("flights.2013.csv.gz"), _suffixes("README"), _suffixes(".hidden")
    ('.csv.gz', '', '')
    """
    suffixes = [s for s in Path(name).suffixes[-2:] if s[1:].isalnum() and not s[1:].isdigit() and len(s) <= 9]
    return "".join(suffixes)
