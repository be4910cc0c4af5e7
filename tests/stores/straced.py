"""Runs sessions with a store under `strace`, which kills them, or refuses, at any call of the system that is named.

    strace -f … python straced.py <folder> <what> <call>:<number> …

Each trial is a child of one warm process. Calls are counted by strace for each child, and the number at which it
strikes is fixed: so a child first makes as many calls that do nothing as are needed.
"""

import contextlib
import json
import mmap
import os
import re
import shutil
import subprocess
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

STRACE = shutil.which("strace")
_NOWHERE = 9999  # no such descriptor
_NOTHING = "/nowhere/nothing"


class Call(NamedTuple):
    """A call of the system: its names in all architectures, one that does nothing, and when strace strikes."""

    names: str
    idle: Callable[[], object]
    strike: int = 300  # more than a session makes, and less than the warm process makes before its children


CALLS = {
    "open": Call("/^open(at)?$", lambda: os.open(_NOTHING, os.O_RDONLY), 2000),
    "close": Call("/^close$", lambda: os.close(_NOWHERE), 2000),
    "write": Call("/^write$", lambda: os.write(_NOWHERE, b"")),
    "pwrite": Call("/^pwrite64$", lambda: os.pwrite(_NOWHERE, b"", 0)),
    "fsync": Call("/^fsync$", lambda: os.fsync(_NOWHERE)),
    "fdatasync": Call("/^fdatasync$", lambda: os.fdatasync(_NOWHERE)),
    "truncate": Call("/^ftruncate$", lambda: os.ftruncate(_NOWHERE, 0)),
    "rename": Call("/^rename(at)?2?$", lambda: os.rename(_NOTHING, _NOTHING)),
    "unlink": Call("/^unlink(at)?$", lambda: os.unlink(_NOTHING)),
    "link": Call("/^link(at)?$", lambda: os.link(_NOTHING, _NOTHING)),
    "mkdir": Call("/^mkdir(at)?$", lambda: os.mkdir("/")),
}
REFUSED, BESIDE = 3, 4
ALL = "trace=" + ",".join(call.names for call in CALLS.values()) + ",lseek"
ACK = b"acknowledged "


def why_not():
    """Why these tests cannot run here; none if they can."""
    if STRACE is None:
        return "strace is not installed"
    probe = subprocess.run([STRACE, "-f", "-o", "/dev/null", "true"], capture_output=True, text=True, timeout=240)
    return None if probe.returncode == 0 else f"strace may not trace here: {probe.stderr.strip()[-200:]}"


def under(options, *arguments, timeout=600.0):
    """Runs this file under strace: what it printed."""
    here = Path(__file__)
    paths = [str(here.parent.parent), *(path for path in sys.path if path)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [STRACE, "-f", "-qq", *options, sys.executable, str(here), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=timeout)
    assert done.returncode == 0, done.stderr[-3000:]
    print(done.stderr, file=sys.stderr)
    return json.loads(done.stdout)


def counted(folder):
    """How many of each call one session makes."""
    log = Path(f"{folder}.log")
    under(["-o", log, "-e", ALL], folder, "write:0")
    lines = [line.split(maxsplit=1) for line in log.read_text().splitlines()]
    made = [rest.partition("(")[0] for pid, rest in lines if pid != lines[0][0]]
    return {name: sum(bool(re.fullmatch(call.names.strip("/"), one)) for one in made) for name, call in CALLS.items()}


def striking(how, calls=tuple(CALLS)):
    """The options that make strace do something at the chosen number of each call."""
    found = ["-o", "/dev/null", "-e", "trace=" + ",".join(CALLS[call].names for call in calls)]
    if "signal" not in how:  # strace 6.1 kills nobody where it traces by seccomp
        found.append("--seccomp-bpf")
    for call in calls:
        found += ["-e", f"inject={CALLS[call].names}:{how}:when={CALLS[call].strike}"]
    return found


def _child(root, call, number, said):
    from plait.errors import StoreError
    from stores.sessions import Beside, session

    for _ in range(CALLS[call].strike - number if number else 0):
        with contextlib.suppress(OSError):
            CALLS[call].idle()
    told = os.open(os.devnull, os.O_WRONLY) if not number else None
    warned: list[object] = []
    warnings.showwarning = lambda *said: warned.append(said)
    try:
        for _ in session(root):
            said[0] += not warned  # what comes after is kept for this run only
            if told is not None:
                os.write(told, ACK + b"%d" % said[0])
    except StoreError as error:
        cause = error.__cause__
        said[1] = cause.errno if isinstance(cause, OSError) else 255
        return REFUSED
    except Beside:
        return BESIDE
    return 0


def _main(folder, *trials):
    import sqlite3  # noqa: F401 - before the children do, and meet a refusal

    from plait.stores.local import segments
    from stores.sessions import small_batches

    small_batches()
    segments.time = SimpleNamespace(
        monotonic=lambda: 0.0, time_ns=time.time_ns
    )  # nothing is safe just because it is slow
    said, results = mmap.mmap(-1, 2), []
    for trial in trials:
        call, _, number = trial.partition(":")
        said[0] = said[1] = 0
        child = os.fork()
        if not child:
            code = 1
            try:
                code = _child(f"{folder}/{trial}", call, int(number), said)
            except BaseException:
                traceback.print_exc()
                sys.stderr.flush()
            finally:
                os._exit(code)
        results.append((trial, _joined(child), said[0], said[1]))
    print(json.dumps(results))


def _joined(child):
    until = time.monotonic() + 240
    while time.monotonic() < until:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.001)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return "hung"


if __name__ == "__main__":
    _main(*sys.argv[1:])
