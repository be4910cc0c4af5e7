"""The modules that a test has imported, and the places where Python looks for more."""

import os
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

from guard.kinds import TREE, Kind, Look

INSTALLED = tuple(
    {str(Path(sysconfig.get_path(name)).resolve()) + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    | {str(Path(os.__file__).resolve().parent) + os.sep}
)
_OURS = str(TREE.resolve()) + os.sep
_OF_COMPILERS = ("cython_runtime", "_cython_")  # made by what was compiled with it, without a file
_NONE: Look = {"module": {}}


def _look() -> dict[str, Any]:
    return sys.modules.copy()


def _places(module: Any) -> list[str]:
    file = getattr(module, "__file__", None)
    return [file] if isinstance(file, str) else [str(path) for path in getattr(module, "__path__", None) or ()]


def may_stay(name: str, module: Any, before: Look = _NONE) -> bool:
    """Modules of installed packages are imported when they are first needed; so are ours, and those of the tests."""
    if name == "__mp_main__" and module is sys.modules["__main__"]:  # so `multiprocessing` calls it, once imported
        return name not in before["module"]
    if module is None or name in before["module"]:  # it is gone, or there is another one in its place
        return False
    if places := _places(module):
        return all(os.path.realpath(place).startswith((_OURS, *INSTALLED)) for place in places)
    top = name.partition(".")[0]
    if top in sys.stdlib_module_names or name.startswith(_OF_COMPILERS):
        return True
    # a package may make modules below itself
    return top != name and top in sys.modules and may_stay(top, sys.modules[top])


def _put(name: str, module: Any) -> None:
    if module is not None:
        sys.modules[name] = module
        return
    removed = sys.modules.pop(name, None)
    parent, _, last = name.rpartition(".")
    above = sys.modules.get(parent)
    if above is not None and removed is not None and vars(above).get(last) is removed:
        delattr(above, last)


def _describe(name: str, old: Any, new: Any) -> str:
    if new is None:
        return f"{name} is gone"
    at = ", ".join(_places(new)) or "no file"
    return f"{name} ({at})" if old is None else f"{name} is another one than before ({at})"


def _of_a_package(finder: Any) -> bool:
    """Packages may bring a finder of their own."""
    name = (finder if isinstance(finder, type) else type(finder)).__module__
    return name in sys.modules and may_stay(name, sys.modules[name])


def _list(name: str, get: Callable[[], list[Any]], allows: Callable[[Any], bool]) -> Kind:
    def may(_: str, now: Any, before: Look) -> bool:
        was = before[name][""]
        return now is not None and [one for one in now if one in was or not allows(one)] == list(was)

    def put(_: str, was: tuple[Any, ...]) -> None:
        get()[:] = was

    def describe(_: str, was: tuple[Any, ...], now: tuple[Any, ...]) -> str:
        found = [f"{one!r} was added" for one in now if one not in was]
        found += [f"{one!r} was removed" for one in was if one not in now]
        return ", ".join(found) or f"the order became {now!r}"

    return Kind(name, lambda: {"": tuple(get())}, put, may, describe)


KINDS = [
    Kind("module", _look, _put, may_stay, _describe),
    _list("sys.path", lambda: sys.path, lambda entry: False),
    _list("sys.meta_path", lambda: sys.meta_path, _of_a_package),
    _list("sys.path_hooks", lambda: sys.path_hooks, _of_a_package),
]
