"""Stands between the store and the system: counts the calls that change something, and lets one of them go wrong."""

import os
import sqlite3
from io import FileIO

from plait.stores.local import segments

CALLS = (
    "open", "write", "close", "fsync", "replace", "rename", "remove", "unlink", "link", "mkdir", "rmdir",
    "ftruncate", "fchmod", "chmod",
)  # fmt: skip


class Calls:
    """Counts the calls of the system by which a store changes what is on the disk, and gives each to `met`."""

    def __init__(self, met):
        self.met = met  # met(number, name, real, arguments) does the call, or what shall happen in its place
        self.count = 0

    def passed(self, name, real, *arguments):
        """One call."""
        self.count += 1
        return self.met(self.count, name, real, arguments)

    def between(self, patch):
        """Stands in between, for as long as `patch` lasts."""
        for name in CALLS:
            patch.setattr(os, name, self._standing_in(name, getattr(os, name)))
        patch.setattr(segments, "_sync", self._standing_in("fdatasync", segments._sync))
        patch.setattr(segments, "FileIO", self._file())
        patch.setattr(sqlite3, "connect", self._connect(sqlite3.connect))

    def _standing_in(self, name, real):
        def standing_in(*arguments, **named):
            return self.passed(name, lambda *given: real(*given, **named), *arguments)

        return standing_in

    def _file(self):
        calls = self

        class Counted(FileIO):
            def write(self, data, /):
                return calls.passed("write", super().write, data)

        return Counted

    def _connect(self, real):
        calls = self

        class Counted(sqlite3.Connection):
            def execute(self, *arguments):
                return calls.passed("sqlite", super().execute, *arguments)

            def executemany(self, *arguments):
                return calls.passed("sqlite", super().executemany, *arguments)

        return lambda *arguments, **named: real(*arguments, factory=Counted, **named)
