"""Stores to give to `run(store=...)`, where a folder or a URL does not say enough.

```python
store = Layered(Local("/fast/plait"), Remote("s3://team/plait", profile="team"))
pipeline.run(store=store)
```
"""

import os
from typing import Any

from plait import keyring, plugins, settings
from plait.errors import ParameterError
from plait.ports import Objects, Store


def Local(  # noqa: N802 - one of three words that stand for things
    folder: str | os.PathLike[str] | None = None, *, group: bool = False
) -> Store:
    """A store in a folder of this machine; without one, in the folder where results are kept anyhow.

    It is for its owner alone, whatever the umask. With `group` it is made for all members of the folder's group.

    >>> import tempfile
    >>> Local(tempfile.mkdtemp()).blobs.has("0" * 64)
    False
    """
    return _in(str(settings.folder()) if folder is None else os.path.abspath(folder), group=group)


def Remote(url: str, /, **options: Any) -> Objects:  # noqa: N802 - likewise
    """A place that others use too: a bucket (`s3://`, `gs://`, `abfs://`), or a folder. By itself it is half a store.

    The options are those of fsspec's file system for it, such as `endpoint_url=`. What is secret is best left to
    the environment, where its library finds it.

    >>> Remote("memory://docs/plait")
    Remote('memory://docs/plait')
    """
    made: Objects = plugins.create("stores", "remote", url=url, options=options)
    return made


def Layered(near: Store, far: Objects, *, required: bool = False) -> Store:  # noqa: N802 - likewise
    """A store on this machine with a place behind it: what is not near is looked for there, and what is new is sent.

    A place that cannot be reached is a warning, and what is new is sent by a later run; with `required`, it is a
    `StoreError`.

    >>> import tempfile
    >>> store = Layered(Local(tempfile.mkdtemp()), Remote("memory://docs/plait"))
    >>> store.blobs.has("0" * 64)
    False
    """
    folder = getattr(near, "root", None)
    if not isinstance(folder, str):
        raise ParameterError(f"Layered({near!r}, ...): the near half is a store in a folder: Local(...)")
    known = {"make": _passing, "keys": keyring.keys, "safe": _safe}
    made: Store = plugins.create("stores", "layered", near=near, far=far, folder=folder, required=required, **known)
    return made


def _in(folder: str, *, group: bool = False) -> Store:
    store: Store = plugins.create("stores", "local", path=folder, group=group)
    return store


def _passing(folder: str) -> Store:
    store: Store = plugins.create("stores", "local", path=folder, passing=True)
    return store


def _safe() -> list[str]:
    return [codec.name for codec in plugins.codecs() if not codec.runs_code]
