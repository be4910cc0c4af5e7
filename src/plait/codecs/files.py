"""`File` and `Dir`: their content is the value, wherever they lie.

The bytes of a `File` are moved, referred to or fetched by the vault, which knows where they are; a `Dir`, and files
within other values, are always referred to.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

from plait.core.digest import Digest
from plait.core.values import Stream
from plait.files import Dir, File, content_of
from plait.ports import UnwritableError

ORDER = 40


def create() -> "Files":
    return Files()


@dataclass(frozen=True, slots=True)
class Files:
    """A file is named by its suffixes and its content, a folder by the names and the contents of all that is in it."""

    name: ClassVar[str] = "file"
    runs_code: ClassVar[bool] = False
    names_values: ClassVar[bool] = True
    content: Callable[[File | Dir], Digest] = content_of

    def with_contents(self, content: Callable[[File | Dir], Digest], /) -> "Files":
        """The same codec, asking `content` for the name of what is in a file or folder."""
        return Files(content)

    def accepts(self, value: Any, /) -> bool:
        return type(value) in (File, Dir)

    def digest(self, value: Any, stream: Stream, /) -> None:
        stream.text("content")
        stream.text(self.content(value))

    def canonical(self, value: Any, /) -> Any:
        return value

    def share(self, value: Any, /) -> Any:
        return value

    def maps(self, value: Any, /) -> bool:
        return False

    def write(self, value: Any, file: BinaryIO, /) -> None:
        if type(value) is not File:
            raise UnwritableError("a Dir is many files; return its files: Dir(path).files()")
        with open(value, "rb") as content:
            shutil.copyfileobj(content, file, 1 << 20)

    def read(self, content: Path | bytes, /) -> Any:
        if isinstance(content, bytes):
            raise TypeError("a File is read from where its bytes lie, never from memory")
        return File(content)
