"""What a process has from the one that starts it, for as long as it lives."""

import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias

Setting: TypeAlias = tuple[Any, ...]
_STATUS = ("Uid", "Gid", "Groups", "Umask", "SigIgn", "CapEff", "NoNewPrivs", "Cpus_allowed", "Mems_allowed")


def setting(environment: Mapping[str, str]) -> Setting:
    """All that a process would be started with now: two of an equal setting can stand for each other."""
    return (
        sys.executable,
        {**os.environ, **environment},
        folder(),
        tuple(sys.path),
        tuple(sys.argv),
        main(),
        _limits(),
        _files(),
        _blocked(),
        _status(),
    )


def modules() -> dict[str, object]:
    """What all imported modules were made from: another object after a module was imported again, or reloaded."""
    return {name: getattr(module, "__dict__", {}).get("__spec__") for name, module in list(sys.modules.items())}


def are_same(before: Mapping[str, object], now: Mapping[str, object]) -> bool:
    """Was none of these modules reloaded, imported again, or removed? There may be new ones."""
    return all(name in now and now[name] is spec for name, spec in before.items())


def folder() -> str:
    """Where it is; empty where that is no more."""
    try:
        return str(Path.cwd())
    except OSError:  # somebody has removed it
        return ""


def main() -> tuple[str, str]:
    """How a child of `multiprocessing` would find `__main__`: the module that it was started as, or its file."""
    module = sys.modules.get("__main__")
    name = getattr(getattr(module, "__spec__", None), "name", None)
    file = getattr(module, "__file__", None)
    return name if isinstance(name, str) else "", os.path.abspath(file) if isinstance(file, str) else ""


def _limits() -> tuple[tuple[str, tuple[int, int]], ...]:
    """Of memory, files, time and the like."""
    try:
        import resource
    except ImportError:  # Windows
        return ()
    names = sorted(name for name in dir(resource) if name.startswith("RLIMIT_"))
    return tuple((name, resource.getrlimit(getattr(resource, name))) for name in names)


def _files() -> tuple[tuple[int, int], ...]:
    """Where it writes what is printed, and what it reads."""
    found = []
    for fd in range(3):
        with suppress(OSError):
            looks = os.fstat(fd)
            found.append((looks.st_dev, looks.st_ino))
    return tuple(found)


def _blocked() -> frozenset[int]:
    return (
        frozenset(signal.pthread_sigmask(signal.SIG_BLOCK, [])) if hasattr(signal, "pthread_sigmask") else frozenset()
    )


def _status() -> tuple[str, ...]:
    """Rights, mask of new files, ignored signals and cores, as Linux says them."""
    try:
        with open("/proc/thread-self/status", encoding="ascii", errors="replace") as file:
            return tuple(line for line in file if line.partition(":")[0] in _STATUS)
    except OSError:
        return ()
