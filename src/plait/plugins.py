"""Which adapters there are: a file in `stores/`, `codecs/` or `executors/`, or an entry point `plait.stores`, ….

The name is the registry: `executor="threads"` finds `plait/executors/threads.py` and calls its `create`.
"""

import inspect
import os
import sys
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from plait.core.definition import near
from plait.errors import PlaitError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

Kind = Literal["stores", "codecs", "executors"]
_OURS = b"[plait."  # how a group of ours begins in a file of entry points


@cache  # to read what is installed takes milliseconds
def names(kind: Kind) -> list[str]:
    """The adapters of a kind: ours, and those of installed packages."""
    folder = Path(__file__).parent / kind
    ours = {path.stem for path in folder.iterdir() if not path.name.startswith("_") and _is_module(path)}
    return sorted(ours | {entry.name for entry in _offered(kind)})


def create(kind: Kind, name: str, **options: Any) -> Any:
    """An adapter by its name; options it does not have are an error, with the near miss."""
    factory = _factory(kind, name)
    known = _options(factory)
    for option in options:
        if option not in known:
            raise PlaitError(f"{name} takes no {option!r}{near(option, known) or f' (it takes {known})'}")
    return factory(**options)


def takes(kind: Kind, name: str, option: str) -> bool:
    """Return whether an adapter has an option."""
    return option in _options(_factory(kind, name))


def is_installed(kind: Kind, name: str) -> bool:
    """Return whether the module of an adapter can be imported."""
    try:
        _factory(kind, name)
    except ImportError:
        return False
    return True


def adopting(kind: Kind, thing: object) -> str | None:
    """The adapter that takes a thing of another library as its own, as its module's `adopts` says."""
    for name in names(kind):
        adopts = getattr(sys.modules[_factory(kind, name).__module__], "adopts", None)
        if adopts is not None and adopts(thing):
            return name
    return None


@cache
def schemes(kind: Kind) -> dict[str, str]:
    """The adapters that have addresses, by the schemes that these begin with (`SCHEMES` of their modules)."""
    return {
        scheme: name
        for name in names(kind)
        for scheme in getattr(sys.modules[_factory(kind, name).__module__], "SCHEMES", ())
    }


@cache
def codecs() -> tuple[Any, ...]:
    """All codecs, in the order in which they are asked: by the `ORDER` of their module, 60 where it has none."""
    made = [(_factory("codecs", name), name) for name in names("codecs")]
    order = {name: getattr(sys.modules[factory.__module__], "ORDER", 60) for factory, name in made}
    return tuple(factory() for factory, name in sorted(made, key=lambda pair: (order[pair[1]], pair[1])))


@cache
def _options(factory: Callable[..., Any]) -> list[str]:
    return list(inspect.signature(factory).parameters)


@cache
def _factory(kind: Kind, name: str) -> Callable[..., Any]:
    folder = Path(__file__).parent / kind
    if name.isidentifier() and any(_is_module(path) for path in (folder / f"{name}.py", folder / name)):
        found: Callable[..., Any] = import_module(f"plait.{kind}.{name}").create
        return found
    for look_again in (False, True):
        if look_again:  # it may have been installed since
            for cached in (_may_be_some, _offered, names):
                cached.cache_clear()
        for entry in _offered(kind):
            if entry.name == name:
                loaded: Callable[..., Any] = entry.load()
                return loaded
    known = names(kind)
    raise PlaitError(f"{name!r} is none of the {kind} ({', '.join(known)}){near(name, known)}")


@cache
def _offered(kind: Kind) -> "tuple[EntryPoint, ...]":
    """The entry points that installed packages have for us."""
    if not _may_be_some():
        return ()
    from importlib.metadata import entry_points

    return tuple(entry_points(group=f"plait.{kind}"))


@cache
def _may_be_some() -> bool:
    """Could any package have some? The standard library reads what all packages say of themselves, and to import what
    does that takes long, too: together longer than a short run.
    """
    others = any(hasattr(finder, "find_distributions") for finder in sys.meta_path if not _is_standard(finder))
    return others or any(map(_may_be_in, sys.path))


def _is_standard(finder: object) -> bool:
    return getattr(finder, "__module__", "") == "_frozen_importlib_external"


def _may_be_in(folder: str) -> bool:
    try:
        found = os.listdir(folder or ".")
    except FileNotFoundError:
        return False
    except OSError:  # an archive
        return True
    for name in found:
        if name.endswith(".egg"):
            return True
        if name.endswith((".dist-info", ".egg-info")):
            try:
                with open(os.path.join(folder, name, "entry_points.txt"), "rb") as file:
                    if _OURS in file.read():
                        return True
            except OSError:  # most have none
                continue
    return False


def _is_module(path: Path) -> bool:
    return (path.suffix == ".py" and path.is_file()) or (path / "__init__.py").is_file()
