"""Which paths belong to Python, its packages, the system or tools, rather than to the user's project and data."""

import os
import re
import sys
from functools import lru_cache
from pathlib import Path

_PACKAGES = re.compile(r"[/\\](site-packages|dist-packages|__pycache__)[/\\]|\.(dist|egg)-info[/\\]")
_SYSTEM = (
    "/proc", "/sys", "/dev", "/etc", "/lib", "/lib64", "/run", "/bin", "/nix/store", "/System", "/Library",
    "/usr/lib", "/usr/lib64", "/usr/share", "/usr/bin", "/usr/local/lib", "/usr/local/share", "/usr/local/etc",
)  # fmt: skip
_CACHES = (
    "COVERAGE_FILE", "HF_HOME", "JOBLIB_TEMP_FOLDER", "MPLCONFIGDIR", "NLTK_DATA", "NUMBA_CACHE_DIR", "TORCH_HOME",
    "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME",
)  # fmt: skip


def is_foreign(path: str) -> bool:
    """Is a path of the system, of Python or a package, or of a tool in the user's home?"""
    if path.startswith(_system()) or _PACKAGES.search(path) is not None:
        return True
    home = _home()
    return path.startswith(home + ".") and not _working_in(home, path)


def is_tools(path: str) -> bool:
    """Is a path in a hidden folder below the working folder, or in the cache of a package?"""
    here = f"{Path.cwd()}{os.sep}"
    if path.startswith(here) and any(part.startswith(".") for part in Path(path[len(here) :]).parts[:-1]):
        return True
    caches = [*map(os.environ.get, _CACHES), sys.pycache_prefix]
    return any(path.startswith(f"{os.path.abspath(cache)}{os.sep}") for cache in caches if cache)


def is_temporary(path: str) -> bool:
    """Is a path in the folder of temporary files? Not so the project of a user who works there."""
    import tempfile

    folder = f"{os.path.abspath(tempfile.gettempdir())}{os.sep}"
    here = f"{Path.cwd()}{os.sep}"
    return path.startswith(folder) and not path.startswith(here)


def shown(path: str) -> str:
    """A path as a person would say it: from the working folder, if it lies there."""
    here = f"{Path.cwd()}{os.sep}"
    return path.removeprefix(here) if path != here[:-1] else "."


def _working_in(home: str, path: str) -> bool:
    """Does the user work in that hidden folder?"""
    hidden = path[len(home) :].partition(os.sep)[0]
    return f"{Path.cwd()}{os.sep}".startswith(f"{home}{hidden}{os.sep}")


def _home() -> str:
    try:
        return f"{Path.home()}{os.sep}"
    except RuntimeError:  # there is none
        return os.sep


@lru_cache(maxsize=1)
def _system() -> tuple[str, ...]:
    import sysconfig

    found = {
        *_SYSTEM,
        str(Path(__file__).parent.parent),
        *filter(None, map(os.environ.get, ("SYSTEMROOT", "PROGRAMFILES"))),
    }
    found |= {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    for prefix in {sys.prefix, sys.base_prefix, sys.exec_prefix} - {"/"}:
        found |= {os.path.join(prefix, name) for name in ("lib", "lib64", "share", "etc", "ssl", "bin")}
    return tuple(sorted({f"{place}{os.sep}" for place in found} | {f"{os.path.realpath(p)}{os.sep}" for p in found}))
