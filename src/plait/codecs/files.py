"""`File` and `Dir`: their content is the value, wherever they lie."""

import mmap
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

from plait.core.values import Stream
from plait.files import Dir, File
from plait.ports import UnwritableError

ORDER = 40


def create() -> "Files":
    return Files()


@dataclass(frozen=True, slots=True)
class Files:
    """A file is named by its suffixes and its content, a folder by the names and the contents of its files."""

    name: ClassVar[str] = "file"
    runs_code: ClassVar[bool] = False
    names_values: ClassVar[bool] = True

    def accepts(self, value: Any, /) -> bool:
        return type(value) in (File, Dir)

    def digest(self, value: Any, stream: Stream, /) -> None:
        if type(value) is File:
            stream.text("file")
            stream.text(value.suffix)
            _content(value, stream)
            return
        if not os.path.isdir(value):  # a folder that is not there must not look like an empty one
            raise FileNotFoundError(f"there is no folder {str(value)!r}")
        files = value.files()
        stream.text("dir")
        stream.value(list(files))
        for file in files.values():
            _content(file, stream)

    def canonical(self, value: Any, /) -> Any:
        return value

    def share(self, value: Any, /) -> Any:
        return value

    def write(self, value: Any, file: BinaryIO, /) -> None:
        if type(value) is not File:
            raise UnwritableError("a Dir is many files; return its files: Dir(path).files()")
        with open(value, "rb") as content:
            shutil.copyfileobj(content, file, 1 << 20)

    def read(self, content: Path | bytes, /) -> Any:
        if isinstance(content, bytes):
            raise TypeError("a File is read from where its bytes lie, never from memory")
        return File(content)


def _content(file: File, stream: Stream) -> None:
    with open(file, "rb") as opened:
        if os.fstat(opened.fileno()).st_size == 0:  # nothing cannot be mapped
            stream.buffer(b"")
            return
        with mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as mapped, memoryview(mapped) as view:
            stream.buffer(view)
