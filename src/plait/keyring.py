"""The keys of a team: what is signed with one is believed by all who have it. They are never in a store."""

import os
import re
import stat
from pathlib import Path

from blake3 import blake3

from plait.errors import StoreError

VARIABLE = "PLAIT_KEYS"
_KEY = re.compile(r"[0-9a-f]{64}")


def keys() -> dict[str, bytes]:
    """The keys that are known here, by their ids, the one to sign with first: of `$PLAIT_KEYS`, then of the own file.

    Each is 64 hexadecimal digits; in the variable, spaces are between them, and in the file they stand on lines.
    """
    said = os.environ.get(VARIABLE, "").split()
    return {identity(key): key for key in (*_read(said, f"${VARIABLE}"), *_of_file(path()))}


def identity(key: bytes) -> str:
    """What a key is called. It is a hash, and can be shown.

    >>> identity(bytes(32))
    '726171dad7d276ea'
    """
    return blake3(b"plait key id" + key).hexdigest(8)


def path() -> Path:
    """Where the user's own keys are."""
    base = os.environ.get("APPDATA" if os.name == "nt" else "XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "plait" / "keys"


def new() -> str:
    """Makes a key with which all is signed from now on, and gives its id; the others are still believed."""
    file = path()
    _of_file(file)  # it must be sound, and for our eyes only
    key = os.urandom(32)
    for folder in (file.parent.parent, file.parent):
        if not folder.is_dir():
            folder.mkdir(0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)
    before = file.read_text("ascii") if file.exists() else ""
    part = file.with_name(f"keys.{os.getpid()}.part")
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o600)
    with open(fd, "w", encoding="ascii") as out:
        out.write(f"{key.hex()}\n{before}")
        out.flush()
        os.fsync(fd)
    os.replace(part, file)
    return identity(key)


def _of_file(file: Path) -> list[bytes]:
    try:
        looks = file.stat()
        if os.name != "nt" and (stat.S_IMODE(looks.st_mode) & 0o077 or looks.st_uid != os.geteuid()):
            raise StoreError(f"{file} holds keys, and others can read it. Close it to them: chmod 600 {file}")
        lines = file.read_text("ascii", "replace").splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StoreError(f"cannot read the keys in {file}: {error.strerror}") from error
    return _read([line.partition("#")[0].strip() for line in lines], str(file))


def _read(said: list[str], where: str) -> list[bytes]:
    found = []
    for number, text in enumerate(said, 1):
        if text and not _KEY.fullmatch(text):
            raise StoreError(f"{where}: number {number} is no key (64 of 0-9 and a-f); `plait keys --new` makes one")
        if text:
            found.append(bytes.fromhex(text))
    return found
