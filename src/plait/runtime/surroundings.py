"""Where does code come from? The answers that the walk over code needs: files, `sys.modules`, what is installed.

Nothing here scans all installed packages, unless a name cannot be told otherwise; a package that a function imports
when it runs is not imported to be named. Answers are kept, since a process installs nothing while it runs; source is
read again when its file changes.
"""

import functools
import importlib
import importlib.util
import inspect
import linecache
import marshal
import os
import re
import struct
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from plait.core.code.location import same
from plait.core.code.surroundings import Origin, Package, Project, Standard

_MAIN = ("__main__", "__mp_main__")  # the second is what the first is called in a spawned worker
_SITE = ("site-packages", "dist-packages")
_BY_OTHER_NAME = {  # the import name of packages that are installed by another one; only a short cut
    "sklearn": "scikit-learn", "PIL": "pillow", "yaml": "pyyaml", "cv2": "opencv-python", "bs4": "beautifulsoup4",
    "dateutil": "python-dateutil", "skimage": "scikit-image", "attr": "attrs", "Crypto": "pycryptodome",
    "mpl_toolkits": "matplotlib", "pkg_resources": "setuptools", "_pytest": "pytest", "OpenSSL": "pyopenssl",
    "umap": "umap-learn", "fitz": "pymupdf", "git": "gitpython", "jwt": "pyjwt", "dotenv": "python-dotenv",
}  # fmt: skip
_PYC_SOURCE = struct.Struct("<4xIII")  # magic, flags, mtime, size


class Live:
    """The surroundings of this process.

    A worker is told what it cannot see: `texts` are the sources that have no file (see `texts_of`), `main` is what the
    main module is called in the process that sent the work.
    """

    def __init__(
        self, texts: Mapping[str, str] | None = None, main: str | None = None, *, in_worker: bool = False
    ) -> None:
        self._texts = dict(texts or {})
        self._main = main
        self._in_worker = in_worker
        self._origins: dict[str, Origin] = {}
        self._packages: dict[str, Package] = {}
        self._files: dict[str, tuple[tuple[int, int], str]] = {}
        self._installed: dict[str, dict[str, tuple[str, str, Path]]] = {}
        self._started = _process_started()
        self._standard = [os.path.realpath(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")]

    def texts_of(self, codes: Iterable[CodeType]) -> dict[str, str]:
        """The sources that only this process has, by file name: what another one needs to read the same code."""
        names = {code.co_filename for code in codes if not os.path.exists(code.co_filename)}
        found = {name: self._text(name) for name in sorted(names)}
        return {name: text for name, text in found.items() if text}

    def source(self, code: CodeType) -> str | None:
        """The whole text of the file or cell that the code was compiled from; None if there is none."""
        return self._text(code.co_filename)

    def declared(self, module: str) -> str | None:
        """The text of a module's file; None if it has none, "" if it is known to have changed since the import."""
        if module in _MAIN and self._in_worker:
            return None  # a worker has only some of the names that it mentions; two workers must say the same
        live = sys.modules.get(module)
        file = getattr(live, "__file__", None)
        if live is None or not isinstance(file, str) or not file.endswith((".py", ".pyw")):
            return None
        text = self._text(file)
        return "" if text and self._changed(live, file, text) else text

    def _text(self, file: str) -> str | None:
        if file in self._texts:
            return self._texts[file]
        try:
            stat = os.stat(file)
        except (OSError, ValueError):
            return "".join(linecache.getlines(file)) or _from_loader(file)
        known = self._files.get(file)
        stamp = (stat.st_mtime_ns, stat.st_size)
        if known is None or known[0] != stamp:
            linecache.checkcache(file)
            text = "".join(linecache.getlines(file))
            known = self._files[file] = (stamp, text)
        return known[1] or None

    def _changed(self, module: ModuleType, file: str, text: str) -> bool:
        """Does the compiled form that the import left say something else? A file older than this process cannot."""
        try:
            stat = os.stat(file)
            if max(stat.st_mtime, stat.st_ctime) < self._started:
                return False
            compiled = Path(str(module.__cached__)).read_bytes()
            flags, mtime, size = _PYC_SOURCE.unpack(compiled[:16])
        except (OSError, AttributeError, struct.error):
            return False  # nothing is known; the methods of a class are compared with the text in any case
        if (flags, mtime, size) == (0, int(stat.st_mtime) & 0xFFFFFFFF, stat.st_size & 0xFFFFFFFF):
            return False
        try:
            imported = marshal.loads(compiled[16:])  # noqa: S302 - what the import itself left, or read
            return not same(imported, compile(text, file, "exec", dont_inherit=True))
        except (SyntaxError, ValueError, EOFError, TypeError):
            return True

    def __reduce__(self) -> Any:
        return _in_worker, (self.texts_of(_codes_of_main()), self.module_name("__main__"))

    def origin(self, module: str) -> Origin:
        """Whose code a module is; what lies neither in the standard library nor in site-packages is the user's."""
        known = self._origins.get(module)
        if known is None:
            known = self._origins[module] = self._origin(module)
        return known

    def module(self, name: str) -> ModuleType | None:
        """A module by name, imported if need be."""
        live = sys.modules.get(name)
        if live is not None:
            return live
        try:
            return importlib.import_module(name)
        except Exception:  # whatever the user's module does when imported; the step will say it again, when it runs
            return None

    def module_name(self, name: str) -> str:
        """The name a module is imported by."""
        if name not in _MAIN:
            return name
        if self._main is not None:
            return self._main
        main = sys.modules.get("__main__")
        spec, file = getattr(main, "__spec__", None), getattr(main, "__file__", None)
        if spec is not None:
            return str(spec.name).removesuffix(".__main__")
        return Path(file).stem if isinstance(file, str) else "__main__"

    def version(self, distribution: str) -> str | None:
        """The version of an installed distribution."""
        wanted = _normal(distribution)
        for folder in _site_folders():
            found = self._distributions_in(folder).get(wanted)
            if found is not None:
                return found[1]
        return None

    def distributions(self) -> list[str]:
        """The names of all installed distributions."""
        return sorted({found[0] for folder in _site_folders() for found in self._distributions_in(folder).values()})

    def _origin(self, module: str) -> Origin:
        top = module.partition(".")[0]
        if module in _MAIN or not module:
            return Project()
        file = _file_of(module)
        if file is None:
            return Standard() if top in sys.stdlib_module_names or top in sys.builtin_module_names else Project()
        if file in ("built-in", "frozen"):
            return Standard()
        path = os.path.realpath(file)
        site = _site_of(file) or _site_of(path)
        if site is not None:
            return self._package(top, file if _site_of(file) else path, site)
        return Standard() if any(path.startswith(folder + os.sep) for folder in self._standard) else Project()

    def _package(self, top: str, file: str, site: str) -> Package:
        """The distribution that a file in site-packages belongs to: the one that says so in its list of files."""
        relative = os.path.relpath(file, site).replace(os.sep, "/")
        folder = relative.rpartition("/")[0] or relative
        key = os.path.join(site, folder if relative.endswith("/__init__.py") else relative)
        known = self._packages.get(top) or self._packages.get(key)
        if known is not None:
            return known
        installed = self._distributions_in(site)
        likely = [installed.get(_normal(name)) for name in (_BY_OTHER_NAME.get(top, top), top, top.lstrip("_"))]
        for candidate in [*[one for one in likely if one is not None], *installed.values()]:
            name, version, metadata = candidate
            if _owns(metadata, relative):
                package = Package(name, version)
                self._packages[key] = package
                if relative.startswith(f"{top}/__init__.") or "/" not in relative:
                    self._packages[top] = package  # not a namespace that several distributions share
                return package
        live = sys.modules.get(top)
        return Package(top, str(getattr(live, "__version__", "")))

    def _distributions_in(self, site: str) -> dict[str, tuple[str, str, Path]]:
        if site not in self._installed:
            found: dict[str, tuple[str, str, Path]] = {}
            for entry in _entries(site):
                name, _, version = entry.rpartition(".")[0].partition("-")
                version = re.sub(r"-py\d.*$", "", version)
                found[_normal(name)] = (_normal(name), version, Path(site, entry))
            self._installed[site] = found
        return self._installed[site]


def _codes_of_main() -> Iterator[CodeType]:
    """The code that `__main__` defines: of its functions, its steps, and the methods of its classes."""
    for thing in list(vars(sys.modules["__main__"]).values()):
        functions = (
            vars(thing).values() if isinstance(thing, type) else getattr(thing, "__plait_code__", {"": thing}).values()
        )
        yield from (function.__code__ for function in functions if isinstance(function, FunctionType))


@functools.cache
def live() -> Live:
    """The surroundings of this process; what is known of them is known for all runs."""
    return Live()


def _file_of(name: str) -> str | None:
    """The file that holds what a dotted name means; of what is not imported yet, that of its outermost package."""
    parts, file, namespace = name.split("."), None, True
    for depth in range(1, len(parts) + 1):
        module = ".".join(parts[:depth])
        live = sys.modules.get(module)
        if live is None and not namespace:
            break
        spec = getattr(live, "__spec__", None) if live is not None else _spec_of(module)
        found = getattr(live, "__file__", None) or getattr(spec, "origin", None)
        if isinstance(found, str):
            file, namespace = found, False
        elif live is None and spec is None:
            break
    if file is None and namespace:
        paths = list(getattr(sys.modules.get(parts[0]), "__path__", []))
        return os.path.join(paths[0], "__init__.py") if paths else None
    return file


def _spec_of(module: str) -> ModuleSpec | None:
    """Where a module would be found. Its parents are namespaces, so that looking for it runs nobody's code."""
    try:
        return importlib.util.find_spec(module)
    except (ImportError, ValueError, AttributeError):
        return None


def _site_of(file: str) -> str | None:
    """The site-packages folder that a file lies in."""
    path = Path(file)
    return next((str(folder) for folder in path.parents if folder.name in _SITE), None)


def _site_folders() -> Iterator[str]:
    for folder in sys.path:
        if os.path.isdir(folder):
            yield folder


def _entries(site: str) -> list[str]:
    try:
        return [entry for entry in sorted(os.listdir(site)) if entry.endswith((".dist-info", ".egg-info"))]
    except OSError:
        return []


def _owns(metadata: Path, relative: str) -> bool:
    for listing in ("RECORD", "installed-files.txt"):
        try:
            text = (metadata / listing).read_text("utf-8", "replace")
        except OSError:
            continue
        return f"\n{relative}," in f"\n{text}" or f"\n../{relative}\n" in f"\n{text}"
    try:
        return relative.partition("/")[0].partition(".")[0] in (metadata / "top_level.txt").read_text().split()
    except OSError:
        return False


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _from_loader(file: str) -> str | None:
    """Source that lies in no folder: in a zip, or wherever a loader keeps it."""
    for module in list(sys.modules.values()):
        if getattr(module, "__file__", None) == file:
            try:
                return inspect.getsource(module)
            except (OSError, TypeError):
                return None
    return None


def _process_started() -> float:
    """When this process began; the beginning of time where the system does not say."""
    try:
        ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        booted = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime "))
    except (OSError, ValueError, IndexError, StopIteration):
        return 0.0
    return int(booted.split()[1]) + ticks / os.sysconf("SC_CLK_TCK")


def _in_worker(texts: Mapping[str, str], main: str) -> Live:
    return Live(texts, main, in_worker=True)
