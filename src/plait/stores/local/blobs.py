"""Bytes under the hash of their content, in files. Workers write here too, so it is small and can be pickled."""

import errno
import io
import os
import re
import shutil
import stat
import threading
from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, cast

from plait.errors import ArtifactLost, StoreError
from plait.stores.local import elsewhere, notes, owners, pins
from plait.stores.local.fingerprints import fingerprints
from plait.stores.local.hashing import LARGE, HashingFile, hash_of
from plait.stores.local.layout import Layout, create_file, refused, remove

_NAME = re.compile(r"[0-9a-f]{64}")
_SHOWN = re.compile(r"(?:blobs|links/[0-9a-f]{2}(?=/[0-9a-f]{64}))/([0-9a-f]{2})/?([0-9a-f]{62})(?:\..*)?")
_LINK = re.compile(r"[/\\][0-9a-f]{64}\.[^/\\]*$")
_SUFFIX = re.compile(r"(\.[A-Za-z0-9]{1,12}){1,2}")
_BUFFER = 1 << 17
_LATELY = 1000  # of the blobs that were verified, those that a worker is told of
_OPEN = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)

# What was verified by this process, and how the file looked then: (inode, size, modified).
_verified: dict[str, tuple[int, int, int]] = {}
_put = threading.local()  # the last large one that this thread has put: (place, looks)


class _Private:
    """Can nobody but this user write to a store? Asked anew each time; one that is not there yet will be made so."""

    def __get__(self, blobs: "LocalBlobs", _kind: object) -> bool:
        if not hasattr(os, "geteuid"):
            return True
        ours = (blobs._layout.root, blobs._layout.blobs, blobs._layout.segments)
        above = map(str, Path(blobs._layout.root).parents)
        return all(_closed(folder) for folder in ours) and all(_holds(folder) for folder in above)


class LocalBlobs:
    """The blobs of a store in a folder."""

    private = _Private()

    def __init__(self, root: str, spare: str = "") -> None:
        self._layout = Layout(root)
        self._roots = tuple({f"{root}{os.sep}", f"{os.path.realpath(root)}{os.sep}"})
        self._spare = LocalBlobs(spare) if spare else None  # takes what is new, if the store can only be read

    def __reduce__(self) -> Any:
        if self._spare is None and elsewhere.is_fixed(self._layout):  # before workers make one each
            self._use_spare()
        spare = "" if self._spare is None else self._spare._layout.root
        return _sent, (self._layout.root, spare, owners.me(), _large(self._layout.blobs))

    def put(self, write: Callable[[BinaryIO], None]) -> tuple[str, int]:
        """Keeps what `write` writes, whole or not at all: the name of the blob, and its size in bytes."""
        if self._spare is not None:
            return self._spare.put(write)
        part = self._layout.temporary()
        try:
            fd = self._create(part)
        except StoreError:
            if not elsewhere.is_fixed(self._layout):
                raise
            return self._use_spare().put(write)
        pins.hold(self._layout)
        try:
            try:
                blob = _filled(fd, part, write)
                looks = _looks(os.fstat(fd))
            finally:
                os.close(fd)
            self._publish(part, blob, looks)
        except BaseException:
            remove(part)
            raise
        return blob, looks[1]

    def path(self, blob: str, suffix: str = "", *, fresh: bool = False) -> Path:
        """A readable file with the blob's bytes, verified; `ArtifactLost` if it is gone or damaged.

        `fresh` says that the caller has put it a moment ago: then its bytes are not read again.
        """
        if not _NAME.fullmatch(blob):
            raise ArtifactLost(f"{blob[:80]!r} is not the name of a blob", digest=blob)
        if self._spare is not None and self._spare.has(blob):
            return self._spare.path(blob, suffix, fresh=fresh)
        place = self._place(blob)
        if fresh and (last := getattr(_put, "last", None)) is not None and last[0] == place:
            _verified[place], _put.last = last[1], None
        seen = self._verify(blob, place)
        return Path(self._link(blob, place, suffix, seen)) if suffix else Path(place)

    def has(self, blob: str) -> bool:
        """Is there a file of this name? Its bytes are not looked at."""
        if _NAME.fullmatch(blob) is None:
            return False
        return os.path.exists(self._place(blob)) or (self._spare is not None and self._spare.has(blob))

    def verify(self, blob: str) -> bool:
        """Reads all of a blob, whatever is known of it; false if it was damaged, and is in quarantine now."""
        place = self._place(blob)
        _verified.pop(place, None)
        return not os.path.lexists(place) or self._is_whole(blob, place)

    def available(self, blob: str) -> bool:
        """Would `path` give it? Its bytes are verified."""
        try:
            self.path(blob)
        except ArtifactLost:
            return False
        return True

    def scratch(self) -> Path:
        """A new empty folder, on the file system of the blobs; who asks for it removes it."""
        if self._spare is not None:
            return self._spare.scratch()
        folder = self._layout.temporary()
        try:
            self._layout.make(folder)
        except OSError as error:
            if elsewhere.is_fixed(self._layout):
                return self._use_spare().scratch()
            raise refused(folder, "make", error) from error
        return Path(folder)

    def adopt(self, path: str) -> tuple[str, int]:
        """Takes a file in, moving it where that can be: the name of the blob, and its size in bytes.

        A file that may have another name, or that is a link, is not ours to move: of such ones the bytes are copied.
        """
        if self._spare is not None:
            return self._spare.adopt(path)
        moved = self._moved(path)
        if moved is not None:
            pins.hold(self._layout)
            return moved
        with open(path, "rb") as file:
            return self.put(lambda copy: shutil.copyfileobj(file, copy, 1 << 20))

    def _moved(self, path: str) -> tuple[str, int] | None:
        try:
            here = os.stat(self._layout.root).st_dev
            os.utime(path, follow_symlinks=False)  # it may be a copy that was given the time of its original
            fd = os.open(path, _OPEN)
        except OSError:
            return None
        try:
            before = os.fstat(fd)
            if not stat.S_ISREG(before.st_mode) or before.st_nlink > 1 or before.st_dev != here:
                return None
            blob = hash_of(fd)
            after = os.fstat(fd)
        finally:
            os.close(fd)
        if _looks(after) != _looks(before):
            return None  # somebody writes to it still; whatever is copied is at least what its name says
        try:
            Path(path).chmod(0o440 if self._layout.is_shared() else 0o400)
        except OSError:
            return None
        place = self._place(blob)
        self._publish(path, blob, _looks(after))
        with suppress(OSError):
            if _looks(os.lstat(place)) == _looks(before):
                _verified[place] = _looks(before)
        return blob, after.st_size

    def owned(self, path: str) -> str | None:
        """The name of the blob that a path of this store shows; "" for its other paths, none for all others."""
        if _LINK.search(path):  # it may lie elsewhere, if the store can only be read
            path = os.path.realpath(path)
        for root in self._roots:
            if path.startswith(root):
                shown = _SHOWN.fullmatch(path[len(root) :].replace(os.sep, "/"))
                return "" if shown is None else shown[1] + shown[2]
        return None if self._spare is None else self._spare.owned(path)

    def fingerprint(self, path: str) -> tuple[str, int]:
        """The hash of what is in any file, and its size. It is not read again where it surely is as it was."""
        if self._spare is not None and self._spare.owned(path):
            return self._spare.fingerprint(path)
        blob = self.owned(path)
        if not blob:
            return fingerprints(self._layout.root).of(path)
        return blob, self._verify(blob, self._place(blob))[1]

    def recall(self, about: str) -> str:
        """A text that was remembered; "" if it was not, or was forgotten."""
        return notes.recall(self._layout, about)

    def remember(self, about: str, text: str) -> None:
        """Keeps a small text that saves time later; it may be forgotten at any time."""
        notes.remember(self._layout, about, text)

    def _use_spare(self) -> "LocalBlobs":
        self._spare = LocalBlobs(elsewhere.folder())
        return self._spare

    def _place(self, blob: str) -> str:
        return os.path.join(self._layout.blobs, blob[:2], blob[2:])

    def _create(self, part: str) -> int:
        try:
            try:
                return create_file(part, os.O_RDWR)
            except FileNotFoundError:  # the first write, or somebody removed the store under us
                self._layout.make(self._layout.tmp)
                return create_file(part, os.O_RDWR)
        except OSError as error:
            raise refused(part, "write", error) from error

    def _publish(self, part: str, blob: str, looks: tuple[int, int, int]) -> None:
        place = self._place(blob)
        try:
            if _size(place) == looks[1] and self._is_whole(blob, place) and _touched(place):
                os.remove(part)
                return
            try:
                os.replace(part, place)
            except FileNotFoundError:
                self._layout.make(str(Path(place).parent))
                os.replace(part, place)
        except OSError as error:
            raise refused(place, "write", error) from error
        if looks[1] >= LARGE:
            _put.last = place, looks

    def _verify(self, blob: str, place: str) -> tuple[int, int, int]:
        seen, why = (0, 0, 0), "was damaged"
        try:
            seen = _looks(os.lstat(place))
            if _verified.get(place) == seen:
                return seen
            fd = os.open(place, _OPEN)
            try:
                looks = os.fstat(fd)
                sound = stat.S_ISREG(looks.st_mode) and hash_of(fd) == blob
            finally:
                os.close(fd)
        except FileNotFoundError:
            raise ArtifactLost(f"the blob {place} is gone", digest=blob) from None
        except OSError as error:
            if error.errno not in (errno.ELOOP, errno.EIO, errno.ENXIO):
                raise refused(place, "read", error) from error
            sound, why = False, f"cannot be read ({error.strerror})"
        if sound:
            _verified[place] = seen = _looks(looks)
            return seen
        aside = self._set_aside(blob, place, seen)
        raise ArtifactLost(f"the blob {place} {why}" + (f"; it is {aside} now" if aside else ""), digest=blob)

    def _is_whole(self, blob: str, place: str) -> bool:
        try:
            self._verify(blob, place)
        except StoreError:
            return False
        return True

    def _set_aside(self, blob: str, place: str, seen: tuple[int, int, int]) -> str:
        """Keeps a damaged file for people to look at, away from where the whole one will be put; "" if it stays."""
        with suppress(OSError, StoreError):
            if os.lstat(place).st_ino != seen[0]:  # somebody has mended it since
                return ""
            self._layout.make(self._layout.quarantine)
            aside = os.path.join(self._layout.quarantine, f"{blob}-{os.urandom(4).hex()}")
            os.replace(place, aside)
            return aside
        return ""

    def _link(self, blob: str, place: str, suffix: str, seen: tuple[int, int, int]) -> str:
        if not _SUFFIX.fullmatch(suffix):
            raise ValueError(f"suffix={suffix[:40]!r}: need one or two like '.csv.gz', of letters and digits")
        link = os.path.join(self._layout.links, blob[:2], blob + suffix)
        with suppress(OSError):
            looks = _looks(os.lstat(link))
            if looks[0] == seen[0] or _verified.get(link) == looks:
                return link
        try:
            self._layout.make(str(Path(link).parent))
            return self._made_link(place, link)
        except (OSError, StoreError):  # a store that we can only read
            return elsewhere.link(place, blob + suffix)

    def _made_link(self, place: str, link: str) -> str:
        part = self._layout.temporary()
        self._layout.make(self._layout.tmp)
        try:
            try:
                os.link(place, part)
            except OSError:
                with open(place, "rb") as source, open(create_file(part), "wb") as copy:
                    for chunk in iter(lambda: source.read(1 << 20), b""):
                        copy.write(chunk)
            # the same file as the blob: nobody shall write through this name
            Path(part).chmod(0o440 if self._layout.is_shared() else 0o400)
            os.replace(part, link)
        finally:
            remove(part)  # two names of one file: replace leaves both
        _verified[link] = _looks(os.lstat(link))
        return link


def _sent(root: str, spare: str, sender: str, seen: dict[str, tuple[int, int, int]]) -> LocalBlobs:
    """The blobs in another process; a worker believes the one that started it, as that one believes itself."""
    if sender == owners.my_parent():
        for place, looks in seen.items():
            _verified.setdefault(place, looks)
    return LocalBlobs(root, spare)


def _large(folder: str) -> dict[str, tuple[int, int, int]]:
    """What this process has verified lately, where to read it again would take long."""
    lately = islice(reversed(dict(_verified).items()), _LATELY)
    return {place: looks for place, looks in lately if looks[1] >= LARGE and place.startswith(folder)}


def _filled(fd: int, part: str, write: Callable[[BinaryIO], None]) -> str:
    raw = HashingFile(fd, part)
    file = io.BufferedRandom(raw, _BUFFER)
    try:
        write(cast(BinaryIO, file))
        if not file.closed:
            file.flush()
    except BaseException:
        raw.failed = True
        with suppress(Exception):
            file.close()  # while its descriptor is open: left to the collector, it would look for it in vain
        raise
    return raw.digest()


def _touched(place: str) -> bool:
    """Says by the time of a blob that somebody wants it: a clean-up goes by it. If that cannot be said, it is gone."""
    try:
        before = _looks(os.lstat(place))
        os.utime(place)
        if _verified.get(place) == before:
            _verified[place] = _looks(os.lstat(place))
    except OSError:
        return False
    return True


def _looks(looks: os.stat_result) -> tuple[int, int, int]:
    return looks.st_ino, looks.st_size, looks.st_mtime_ns


def _size(place: str) -> int:
    try:
        looks = os.lstat(place)
    except FileNotFoundError:
        return -1
    return looks.st_size if stat.S_ISREG(looks.st_mode) else -1


def _closed(folder: str) -> bool:
    try:
        looks = os.stat(folder)
    except FileNotFoundError:
        return True
    return looks.st_uid in (os.geteuid(), 0) and not looks.st_mode & 0o022  # root can do anything anyway


def _holds(folder: str) -> bool:
    """Can strangers not put another folder in the place of the one in it?"""
    try:
        mode = os.stat(folder).st_mode
    except FileNotFoundError:
        return True
    return not mode & 0o002 or bool(mode & stat.S_ISVTX)
