"""The truth: what was kept, in the order of keeping, in files that are only ever appended to.

A segment is a header and entries; an entry is

    length of the payload (4 bytes) · first 8 bytes of the blake3 of the rest (8) · kind (1) · payload

and a payload is a stamp (8 bytes) and a body. Stamps say what came first. They are nanoseconds since 1970, but never
less than any stamp that the writer has seen: a clock that was set back, or another machine's clock, does not make
what came later come first.

A reader trusts nothing. What was cut off at the end of a file, by a crash or because it is being written, is not
there; a damaged entry is left out, and the next sound one is looked for. Either is only a miss.
"""

import contextlib
import os
import re
import struct
import time
import warnings
from collections.abc import Iterable, Iterator
from io import FileIO
from typing import BinaryIO, TypeGuard

from blake3 import blake3

from plait.stores.local import owners
from plait.stores.local.layout import Layout, create_file, refused, remove, sync_folder

# kinds: NEWEST is a record that wins over earlier ones of its key; after END there is nothing
RECORD, NEWEST, CODE, RUN, OWNER, END, ACCEPTANCE = range(1, 8)

MAGIC = b"plait-segment 1\n"
_FAMILY = re.compile(rb"plait-segment ([0-9])\n")
_START = struct.Struct("<BQ")  # kind and stamp
_HEAD = 4 + 8 + 1  # length, checksum, kind
_BODY = _HEAD + 8
FRAME = len(MAGIC) + 3 * _BODY + 64  # bytes of a segment that are no entries of records, at most
_LIKELY = re.compile(rb"(?=...[\x00-\x0f].{8}[\x01-\x1f])", re.DOTALL)  # the head of an entry below 256 MiB
_NAME = re.compile(r"[0-9]{20}-[0-9a-f]{16}\.seg")
NEVER = 1 << 62  # in nanoseconds, the year 2116; no clock that gives a later time is believed
_sync = getattr(os, "fdatasync", os.fsync)
SYNC = 0.25  # seconds of work; what a power cut may cost
_warned: set[str] = set()


Entry = bytes  # all of one, so that it can be checked again wherever it is copied to


def listed(folder: str) -> set[str]:
    """The names in the folder of segments, if there is one."""
    try:
        return set(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return set()
    except OSError as error:
        raise refused(folder, "read", error) from error


def names(found: set[str]) -> list[str]:
    """Those that are names of segments, the oldest first."""
    return sorted(filter(_NAME.fullmatch, found))


def writer_of(name: str) -> int:
    """The number of a segment's writer, which settles ties."""
    return int(name[21:37], 16) - (1 << 63)  # SQLite knows signed numbers only


def pack(kind: int, stamp: int, body: bytes) -> Entry:
    """An entry."""
    rest = _START.pack(kind, stamp) + body
    return (len(rest) - 1).to_bytes(4, "little") + blake3(rest).digest(8) + rest


def sound(raw: object) -> TypeGuard[Entry]:
    """Is this an entry, all of it and nothing else?"""
    return (
        isinstance(raw, bytes)
        and len(raw) >= _BODY
        and raw[_BODY - 1] < NEVER >> 56
        and int.from_bytes(raw[:4], "little") == len(raw) - _HEAD
        and blake3(raw[12:]).digest(8) == raw[4:12]
    )


def kind(entry: Entry) -> int:
    """What was kept."""
    return entry[12]


def stamp(entry: Entry) -> int:
    """When it was kept, among all that was."""
    return int.from_bytes(entry[_HEAD:_BODY], "little")


def body(entry: Entry) -> bytes:
    """The thing itself."""
    return entry[_BODY:]


def bodies(entries: Iterable[Entry]) -> list[bytes]:
    """The things themselves; there may be many."""
    return [entry[_BODY:] for entry in entries]


def rank(entry: Entry) -> int:
    """Which record of a key wins: the greatest rank, so the first, or the last that shall win as the newest."""
    return stamp(entry) if kind(entry) == NEWEST else -stamp(entry)


def read(path: str, offset: int = 0) -> Iterator[tuple[Entry, int]]:
    """The sound entries of a segment, from where an earlier reading ended, each with the place where it ends."""
    with open(path, "rb", buffering=1 << 18) as file:
        size = os.fstat(file.fileno()).st_size
        family = _FAMILY.fullmatch(file.read(len(MAGIC)))
        if family is not None and family[0] != MAGIC:
            return warn_once(path, "was written by another version of plait, and is left out")
        end = max(offset, len(MAGIC))
        while end < size:
            raw = _raw(file, end, size)
            if not sound(raw):
                following = _next(file, end + 1, size)
                raw = _raw(file, end, size)  # once more: its writer may have been at it
            if sound(raw):
                end += len(raw)
                yield raw, end
                continue
            if following is not None or (raw is not None and any(raw)):  # a power cut leaves zeros at the end
                warn_once(path, f"is damaged at byte {end}; what was kept there will be made again")
            if following is None:
                return None
            end = following


def later(path: str) -> bool:
    """Was a segment written by another version of plait, so that this one cannot know what is in it?"""
    with open(path, "rb") as file:
        family = _FAMILY.fullmatch(file.read(len(MAGIC)))
    return family is not None and family[0] != MAGIC


def torn(path: str, end: int) -> bool:
    """Is what comes after the last sound entry nothing, or one that was cut off? Else it is damaged."""
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        raw = _raw(file, end, size)
    return raw is None or not any(raw)  # a power cut leaves zeros


def owner(path: str) -> str:
    """Who writes a segment; empty where that was not written."""
    with open(path, "rb") as file:
        raw = _raw(file, len(MAGIC), os.fstat(file.fileno()).st_size)
    return body(raw).decode("ascii", "replace") if raw is not None and sound(raw) and kind(raw) == OWNER else ""


class Writer:
    """The one writer of one segment at a time. The file is made when there is something to keep."""

    def __init__(self, layout: Layout, after: int) -> None:
        self.name = ""
        self.number = 0
        self.end = 0  # of the last whole entry
        self._layout = layout
        self.last = after  # the greatest stamp that is known
        self._file: FileIO | None = None
        self._synced = 0.0
        self._lasting = False  # would a power cut leave the name of the file?
        self._unsafe: list[Entry] = []  # kept, but a power cut may take them

    def append(self, kind: int, body: bytes) -> Entry:
        """Keeps an entry before it returns. `OSError` if it cannot be kept."""
        raw = pack(kind, self.next_stamp(), body)
        if self._file is None:
            self._file = self._begin(self.last)
        written = self._file.write(raw)
        if written != len(raw):
            self._rest(self._file, raw, written)
        self.end += len(raw)
        self._unsafe.append(raw)
        if time.monotonic() - self._synced > SYNC:
            self.sync()
        return raw

    def next_stamp(self) -> int:
        """A stamp that is greater than all before it."""
        now = time.time_ns()
        self.last = now if self.last < now < NEVER else self.last + 1
        return self.last

    def sync(self) -> None:
        """Makes all that was kept survive a power cut."""
        if not self._unsafe:
            return
        if self._file is None:
            self._file = self._begin(self.last)
        try:
            _sync(self._file.fileno())
            if not self._lasting:  # after the file: a journal that has taken its length has taken its name too
                sync_folder(self._layout.segments)
                self._lasting = True
        except OSError:  # the system may have thrown away what it could not write: never ask this file again
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None
            raise
        self._synced = time.monotonic()
        self._unsafe.clear()

    def finish(self) -> None:
        """Makes all of it durable, and says that nothing more will come.

        A power cut may take the word, and no more: unsaid, it costs others another look at the segment.
        """
        self.sync()
        with contextlib.suppress(OSError):
            if self._file is not None:
                self.append(END, b"")

    def close(self) -> None:
        """Lets go of the file."""
        if self._file is not None:
            self._file.close()
        self._file = None

    def _begin(self, stamp: int) -> FileIO:
        self.name = f"{stamp:020d}-{os.urandom(8).hex()}.seg"
        self.number = writer_of(self.name)
        path = os.path.join(self._layout.segments, self.name)
        flags = os.O_WRONLY | os.O_APPEND
        try:
            fd = create_file(path, flags)
        except FileNotFoundError:
            self._layout.make(self._layout.segments)
            sync_folder(self._layout.root)
            fd = create_file(path, flags)
        file = FileIO(fd, "a")
        # what the file before could not make safe comes along
        head = b"".join([MAGIC, pack(OWNER, stamp, owners.me().encode()), *self._unsafe])
        self.end = 0
        self._lasting = False
        try:
            self._rest(file, head, 0)
        except OSError:
            file.close()
            self._file = None
            remove(path)
            raise
        self.end = len(head)
        self._synced = time.monotonic()
        return file

    def _rest(self, file: FileIO, raw: bytes, written: int) -> None:
        """Writes the rest of an entry. The system says why it took less only when it is asked to take more."""
        try:
            while written < len(raw):
                written += file.write(raw[written:])
        except OSError:
            self._file = None
            with contextlib.suppress(OSError):
                os.ftruncate(file.fileno(), self.end)
                self._file = file
            raise


def _raw(file: BinaryIO, position: int, size: int) -> bytes | None:
    file.seek(position)
    head = file.read(_HEAD)
    if len(head) < _HEAD:
        return None
    length = int.from_bytes(head[:4], "little")
    if position + _HEAD + length > size:  # cut off; and a damaged length must not make us ask for gigabytes
        return None
    return head + file.read(length)


def _next(file: BinaryIO, start: int, size: int) -> int | None:
    """Where the next sound entry begins, after one whose length cannot be believed."""
    file.seek(start)
    rest = file.read(size - start)
    for place in (found.start() for found in _LIKELY.finditer(rest)):
        length = _HEAD + int.from_bytes(rest[place : place + 4], "little")
        if place + length <= len(rest) and sound(rest[place : place + length]):
            return start + place
    return None


def warn_once(path: str, what: str) -> None:
    """Says what is wrong with a segment; once in this process, since each opening would find it again."""
    if path not in _warned:
        _warned.add(path)
        warnings.warn(f"{path} {what}", stacklevel=2)
