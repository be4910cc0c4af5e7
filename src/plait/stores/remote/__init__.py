"""Whole files in a place that others can write to: a bucket of S3, GCS or Azure, or a folder of a team; by fsspec.

A place is not a store by itself: it is the far half of one (`layered`), since results are mapped from local files.
A file appears there whole or not at all. On object stores that is one put of a finished file, never a stream that is
opened for writing: what breaks off in the middle of such a stream is published as it is. Elsewhere it is a file under
another name, which is then renamed. Nothing depends on conditional puts, which few object stores have.
"""

from collections.abc import Mapping
from typing import Any

from plait.stores.remote.folder import Folder
from plait.stores.remote.place import Place

__all__ = ["Folder", "Place", "create"]


def create(url: str, options: Mapping[str, Any] | None = None) -> Place:
    """A place by its URL, with the options of fsspec's file system for it.

    >>> import tempfile
    >>> from pathlib import Path
    >>> place = create("memory://doc/remote")
    >>> file = Path(tempfile.mkdtemp()) / "file"
    >>> _ = file.write_bytes(b"bytes")
    >>> place.put(str(file), "blobs/one")
    >>> place.size("blobs/one"), place.names("blobs")
    (5, ['one'])
    """
    scheme, _, rest = url.rpartition("://")
    if scheme in ("", "file", "local"):
        return Folder(f"file://{rest}", options or {})
    return Place(url, options or {})
