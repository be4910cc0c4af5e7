"""Runs the command line as a user does: in a process of its own, with or without a terminal."""

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

SOURCES = str(Path(__file__).parents[2] / "src")
CTRL_C = b"\x03"


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("PLAIT_STORE", "NO_COLOR", "COLUMNS")}
    return {**kept, "PYTHONPATH": SOURCES, "TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8", "PYTHON_COLORS": "0"}


def plait(folder: Path, *arguments: str) -> Outcome:
    done = subprocess.run(
        [sys.executable, "-m", "plait", *arguments],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=240,
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def in_a_terminal(folder: Path, command: Sequence[str], *, keys: bytes = b"", after: bytes = b"") -> tuple[int, str]:
    """The exit code and all that was written; `keys` are pressed once `after` was seen."""
    child, screen = pty.fork()
    if child == 0:
        os.chdir(folder)
        os.execve(command[0], list(command), environment())
    written, deadline = b"", time.monotonic() + 240
    while time.monotonic() < deadline:
        if not select.select([screen], [], [], 0.1)[0]:
            continue
        try:
            some = os.read(screen, 65536)
        except OSError:
            break
        if not some:
            break
        written += some
        if keys and after in written:
            os.write(screen, keys)
            keys = b""
    _, status = os.waitpid(child, 0)
    os.close(screen)
    return os.waitstatus_to_exitcode(status), written.decode("utf-8", "replace")
