"""A store in a folder: blobs named by their content, records in append-only segments, and SQLite as their index.

```
FORMAT                          the version of all of this, as text
blobs/ab/cdef…                  bytes, under the hash of these bytes
segments/<started>-<random>.seg the truth: records, code and runs; one writer each, appended only
index.sqlite                    finds records in the segments; made again from them whenever in doubt
links/ab/<blob>.csv.gz          blobs under a name with a suffix, for readers that look at it
fingerprints                    what is in files elsewhere, so that they are not read again; can be removed
notes/                          which blob was fetched from where, under the hash of the URL; can be removed
pins/                           what living processes hold on to, for clean-ups; gone with them
index.lock, gc.lock             held by clean-ups, and by who reads segments into the index
quarantine/                     blobs that were not what their name says
tmp/                            unfinished work, named by its owner; swept when the owner is dead
```

Two rules make it safe without locks: a file gets its name only when it is whole, and all that is read is checked
against a hash. Whatever is torn, flipped or missing is therefore a miss, and work done again; never another value.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plait.stores.local.store import LocalStore, create

__all__ = ["LocalStore", "create"]


def __getattr__(name: str) -> Any:
    """The store is imported when it is asked for: a worker needs no more than its blobs."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from plait.stores.local import store

    return getattr(store, name)
