"""SQLite as a program: which versions can be trusted with what, and what its errors mean. Imported when needed only."""

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from plait.stores.local.layout import create_file

if TYPE_CHECKING:
    from sqlite3 import Connection

MEMORY = ":memory:"
_CACHE = 64 << 10  # KiB that it may hold in memory: keys come in random order, and reading a page costs a copy
_TIMEOUT = 30.0  # seconds to wait for another process
# its codes for permission, busy, locked, memory, read-only, interrupt, input and output, full, cannot open
_PASSING = frozenset({3, 5, 6, 7, 8, 9, 10, 13, 14})
_BUSY = frozenset({5, 6})
_SHORT_READ = 522  # an error of input, but what it says is that the file was cut off


def connect(path: str, *, passing: bool) -> "tuple[Connection, bool]":
    """Opens a database, making the file if need be, and says whether it can be written to.

    One that is `passing` is thrown away if anything happens to it, so nothing is done to make it last.
    """
    import sqlite3  # costs more to import than a warm run takes

    memory = path == MEMORY
    if not memory and not os.path.exists(path):
        with contextlib.suppress(FileExistsError):
            os.close(create_file(path))
    writable = memory or (os.access(path, os.W_OK) and os.access(Path(path).parent, os.W_OK))
    address = path if memory else "file:" + quote(path) + ("?mode=rw" if writable else _reading(path))
    # autocommit: the only transactions are the ones that we begin ourselves
    connection = sqlite3.connect(
        address, timeout=_TIMEOUT, isolation_level=None, check_same_thread=False, uri=not memory
    )
    try:
        connection.execute(f"PRAGMA cache_size = -{_CACHE}")
        if writable:
            wal = wal_is_sound(sqlite3.sqlite_version_info)
            journal, synchronous = ("MEMORY", "OFF") if passing else ("WAL", "NORMAL") if wal else ("TRUNCATE", "FULL")
            connection.execute("PRAGMA page_size = 8192")  # of a new file; keys come in random order
            connection.execute("PRAGMA journal_mode = " + journal)
            connection.execute("PRAGMA synchronous = " + synchronous)
    except BaseException:
        connection.close()
        raise
    return connection, writable


def wal_is_sound(version: tuple[int, ...]) -> bool:
    """Can this SQLite be trusted with a write-ahead log? Before 3.51.3, two writers may damage it (but for 3.50.7)."""
    return version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51, 0)


def replace(part: str, path: str) -> None:
    """Puts a passing database that is closed in its place, to stay."""
    with open(part, "rb+") as file:
        os.fsync(file.fileno())
    for leftover in ("-journal", "-wal", "-shm"):  # of the old one: SQLite would take them for the new one's
        with contextlib.suppress(FileNotFoundError):
            os.remove(path + leftover)
    os.replace(part, path)


def errors() -> tuple[type[Exception], ...]:
    """What a database may raise; for an `except`, which asks only when something was raised."""
    import sqlite3

    return sqlite3.Error, OSError, ValueError, OverflowError  # a damaged one: not even its text is text


def damaged(how: str) -> Exception:
    """What to raise for a database that is not as it must be."""
    import sqlite3

    return sqlite3.DatabaseError(how)


def broken(error: Exception) -> bool:
    """Does the error say that the file is damaged, rather than busy, full or not to be written?"""
    code = getattr(error, "sqlite_errorcode", None)
    return not isinstance(error, OSError) and (code is None or code & 0xFF not in _PASSING or code == _SHORT_READ)


def busy(error: Exception) -> bool:
    """Does the error say that another process was at work for longer than we waited?"""
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF in _BUSY


def _reading(path: str) -> str:
    fixed = hasattr(os, "statvfs") and os.statvfs(path).f_flag & os.ST_RDONLY
    return "?mode=ro&immutable=1" if fixed else "?mode=ro"
