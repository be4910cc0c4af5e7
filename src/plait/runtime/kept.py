"""Files as results: moved out of the scratch folder, kept beside the values that hold them, checked when they are read.

What is written of a value with files in it holds no path (`plait.files.attached`); its artifact lists the files
instead, so that a lost one makes the value lost, and whoever collects garbage sees which blobs are in use. A file made
in Scratch becomes a blob; any other stays where it is, and is believed only while it has the content that it had.
"""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from plait.core.digest import Digest
from plait.core.records import Artifact
from plait.core.values import Values
from plait.errors import ArtifactLost, PlaitError
from plait.files import Dir, File
from plait.ports import Blobs, Codec, is_of_files
from plait.runtime.contents import Contents, with_files

_DIR = b"folder"  # in `Artifact.data`, of a reference


class KeptFiles:
    """The files of a run's results."""

    def __init__(
        self, blobs: Blobs, contents: Contents, codecs: Iterable[Codec], digest: Callable[[object], Digest]
    ) -> None:
        self._blobs = blobs
        self._digest = digest
        kinds = [codec.with_contents(contents.now) for codec in codecs if is_of_files(codec)]
        self._digest_now = Values(kinds, _not_code).digest  # which remembers nothing of what it saw

    def artifact(self, file: File | Dir) -> Artifact:
        """Where a file is kept: in the store, if it is there already, else where it lies."""
        path = str(file)
        if isinstance(file, Dir):
            return Artifact(self._digest(file), "reference", "file", path, data=_DIR)
        blob = self._blobs.owned(path)
        if blob == "":
            raise PlaitError(
                f"the result holds {path}, which lies in Scratch, in a place where plait cannot replace it; "
                f"return files in lists, dicts, tuples, NamedTuples or dataclasses"
            )
        _, size = self._blobs.fingerprint(_there(file))
        if blob is None:
            return Artifact(self._digest(file), "reference", "file", path, size)
        return Artifact(
            self._digest(file), "blob", "file", blob, size, data=file.suffix.encode("utf-8", "surrogatepass")
        )

    def out_of_scratch(self, value: Any, scratch: Path) -> Any:
        """The same value, with the files in it that lie in the scratch folder moved into the store."""
        inside = (f"{scratch}{os.sep}", f"{os.path.realpath(scratch)}{os.sep}")
        moved: dict[str, File] = {}  # one file may be in a value twice

        def move(file: File | Dir) -> File | Dir:
            path = str(file)
            if not f"{path}{os.sep}".startswith(inside):
                return file
            if isinstance(file, Dir):
                raise PlaitError("a folder in Scratch cannot be a result; return its files: Dir(path).files()")
            if path not in moved:
                blob, _ = self._blobs.adopt(_there(file))
                moved[path] = File(self._blobs.path(blob, file.suffix))
            return moved[path]

        return with_files(value, move)

    def load(self, artifact: Artifact) -> File | Dir:
        """The file of an artifact, checked: `ArtifactLost` if it is gone, or is another one."""
        if artifact.where == "blob":
            return File(self._blobs.path(artifact.blob, artifact.data.decode("utf-8", "surrogatepass")))
        file = _referred(artifact)
        if not self._stands(artifact):
            raise ArtifactLost(f"{file} is gone, or is another than it was", digest=artifact.digest)
        self._digest(file)  # from here on it must stay what it is
        return file

    def available(self, artifact: Artifact) -> bool:
        """Can its bytes be read, and are they those that were kept? A blob is looked at once a process."""
        return self._blobs.available(artifact.blob) if artifact.where == "blob" else self._stands(artifact)

    def _stands(self, artifact: Artifact) -> bool:
        try:
            return self._digest_now(_referred(artifact)) == artifact.digest
        except (OSError, PlaitError):
            return False


def _there(file: File) -> str:
    path = str(file)
    if not os.path.isfile(path):
        raise PlaitError(f"the result is {file!r}, and there is no such file; write it before you return it")
    return path


def _not_code(thing: object) -> bytes:
    raise TypeError(f"{thing!r} is no file")


def _referred(artifact: Artifact) -> File | Dir:
    return Dir(artifact.blob) if artifact.data == _DIR else File(artifact.blob)
