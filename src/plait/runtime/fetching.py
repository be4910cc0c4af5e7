"""Files that a URL names, fetched into the store before any work.

A file is fetched for each run, unless its server names the content by a tag that changes whenever the content does.
Such are the tags of object stores, and those that are hashes. Times are not, nor are tags made of them.
"""

import re
import shutil
from typing import Any

from plait.core.error_text import describe_error
from plait.errors import ParameterError
from plait.files import Dir, File, shown
from plait.ports import Blobs
from plait.runtime.contents import with_files

_OBJECT_STORES = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az"})
_HASH = re.compile(r"[0-9a-fA-F]{32,128}(-[0-9]+)?")
_EXTRA = {
    "http": "fsspec[http]", "https": "fsspec[http]", "s3": "fsspec[s3]", "s3a": "fsspec[s3]", "gs": "fsspec[gcs]",
    "gcs": "fsspec[gcs]", "abfs": "fsspec[abfs]", "az": "fsspec[abfs]", "sftp": "fsspec[sftp]", "ssh": "fsspec[sftp]",
    "github": "fsspec[github]", "hf": "huggingface_hub",
}  # fmt: skip


def with_remote_files(value: Any, blobs: Blobs, name: str) -> Any:
    """The same value, with files of the store in place of URLs; `ParameterError` says what cannot be had."""

    def fetched(file: File | Dir) -> File | Dir:
        if not isinstance(file, File) or not file.remote:
            return file
        url = str(file)
        try:
            blob = _fetched(url, blobs)
        except ImportError as error:
            scheme = re.split("[:]", url, maxsplit=1)[0]
            more = f": pip install '{_EXTRA[scheme]}'" if scheme in _EXTRA else ""
            raise ParameterError(f"{name}: {shown(url)} needs what is not installed ({error}){more}") from error
        except Exception as error:
            said = describe_error(error).replace(url, shown(url))
            raise ParameterError(f"{name}: {shown(url)} cannot be fetched: {said}") from error
        return File(blobs.path(blob, file.suffix))

    return with_files(value, fetched)


def _fetched(url: str, blobs: Blobs) -> str:
    import fsspec  # costs more to import than a warm run takes

    system, path = fsspec.core.url_to_fs(url)
    about, tag = _asked(system, path)
    if tag:
        known, _, blob = blobs.recall(url).partition("\n")
        if known == tag and blobs.has(blob):
            return blob
    with system.open(path, "rb") as source:
        blob, size = blobs.put(lambda file: shutil.copyfileobj(source, file, 1 << 20))
    if about.get("size") not in (None, size):
        raise OSError(f"it has {about['size']} bytes, and {size} of them came")
    if tag and _asked(system, path)[1] == tag:
        blobs.remember(url, f"{tag}\n{blob}")
    return blob


def _asked(system: Any, path: str) -> tuple[dict[str, Any], str]:
    """What a file system says of a file now, and the tag that stands for its content; "" if there is none."""
    system.invalidate_cache()
    about = system.info(path)
    if about.get("type") == "directory":
        raise IsADirectoryError("it is a folder")
    tag = str(about.get("ETag") or about.get("etag") or "")
    schemes = {system.protocol} if isinstance(system.protocol, str) else set(system.protocol)
    strong = not tag.startswith("W/") and (schemes & _OBJECT_STORES or _HASH.fullmatch(tag.strip('"')))
    return about, f"{tag} {about.get('size')}" if strong and "\n" not in tag else ""
