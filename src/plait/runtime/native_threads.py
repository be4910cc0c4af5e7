"""How many threads BLAS and OpenMP use inside a step: as many as the step asks for, the same in every executor.

A matrix product has other last bits with two threads than with one (numpy#25100), so their number must not depend on
the machine or on where a node runs. It is `resources={"cpu": n}` of the step, else 1, so that nodes side by side do not
fight for cores either.

Libraries keep this number in different places: OpenBLAS and MKL one for the process, OpenMP one for each thread that
starts parallel work. So `limit` is called in the thread that does the work, before each node. It looks for libraries
again only when a module was imported since; what is loaded later reads the environment.
"""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from plait.core.definition import Definition

VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")

_lock = threading.Lock()
_here = threading.local()  # .told: what this thread was told last, and of how many modules; .found, .runs: as below
_last = (0, 0)  # what any thread was told last, and how often all was put back before that
_runs = 0  # that are under way in this process
_environment: dict[str, str | None] = {}  # as the first of them found it
_found: dict[str, int] = {}  # libraries by their path, and the threads that they used before
_libraries: tuple[int, list[Any]] = (0, [])  # that are loaded, when so many modules were


def cores(definition: Definition) -> int:
    """The numeric threads that a step asks for."""
    resources = definition.options.resources
    return int(resources.get("cpu", 1)) or 1 if resources else 1


def limit(count: int) -> None:
    """Numeric libraries use this many threads for what this thread calls from now on."""
    global _last
    told = getattr(_here, "told", None)
    if told is not None and told[0] is _last and told[1] == len(sys.modules) and _last[0] == count:
        return
    with _lock:  # what is told last, and what the libraries were told last, must be one
        if _last[0] != count:
            os.environ.update(dict.fromkeys(VARIABLES, str(count)))  # for what is loaded later
            _last = (count, _last[1])
        if "numpy" in sys.modules:
            for found, libraries in ((_found, _of_process()), (_found_here(), _of_threads())):
                late = bool(found)  # who comes later read our environment, and says nothing of what it would have used
                for library in libraries:
                    found.setdefault(library.filepath, _default() if late else library.num_threads)
                    _set(library, count)
        _here.told = (_last, len(sys.modules))


def anew() -> None:
    """In a worker, when another run begins: what the steps of the last one told their libraries does not count."""
    global _last
    _last = (0, _last[1] + 1)


@contextmanager
def limited() -> Iterator[None]:
    """While runs are under way in this process, `limit` decides; after the last, all is as before the first.

    Runs overlap: if each put back what it found, the last one could leave another's limit behind for good.
    """
    global _runs, _last
    _here.runs = getattr(_here, "runs", 0) + 1
    with _lock:
        _runs += 1
        if _runs == 1:
            _environment.update({name: os.environ.get(name) for name in VARIABLES})
            os.environ.update(dict.fromkeys(VARIABLES, "1"))
    try:
        yield
    finally:
        with _lock:
            _runs -= 1
            _here.runs -= 1
            if not _here.runs:
                _put_back(_of_threads, _found_here())
            if not _runs:
                _put_back(_of_process, _found)
                _last = (0, _last[1] + 1)
                _restore_environment()


def _restore_environment() -> None:
    for name, value in _environment.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _in_child() -> None:
    """Runs of other threads do not go on in a forked child; what libraries use is put back after its next run."""
    global _lock, _runs, _last
    _lock = threading.Lock()
    others, _runs = _runs, getattr(_here, "runs", 0)
    if others and not _runs:
        _restore_environment()
        _last = (0, _last[1] + 1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)


def _put_back(libraries: Callable[[], list[Any]], found: dict[str, int]) -> None:
    if found:
        for library in libraries():
            _set(library, found.get(library.filepath, _default()))
        found.clear()
        _here.told = None


def _default() -> int:
    """What a library would use that read the environment as it was."""
    asked = _environment.get("OMP_NUM_THREADS") or ""
    return int(asked) if asked.isdecimal() else os.cpu_count() or 1


def _found_here() -> dict[str, int]:
    if not hasattr(_here, "found"):
        _here.found = {}
    found: dict[str, int] = _here.found
    return found


def _set(library: Any, count: int) -> None:
    """Sets it from whatever thread: threadpoolctl lets only the thread that was first, and `_lock` is our order."""
    if hasattr(library, "clear_controlling_thread"):
        library.clear_controlling_thread(force=True)
    library.set_num_threads(count)
    if hasattr(library, "clear_controlling_thread"):
        library.clear_controlling_thread()


def _of_process() -> list[Any]:
    return [library for library in _loaded() if library.internal_api != "openmp"]


def _of_threads() -> list[Any]:
    return [library for library in _loaded() if library.internal_api == "openmp"]


def _loaded() -> list[Any]:
    """The numeric libraries of this process, looked for again when a module was imported since."""
    global _libraries
    if _libraries[0] != len(sys.modules):
        import threadpoolctl

        controllers = threadpoolctl.ThreadpoolController().lib_controllers
        _libraries = (len(sys.modules), [one for one in controllers if one.num_threads is not None])
    return _libraries[1]
