"""From `MODULE:PIPELINE` to the pipeline: the user's module is imported as `python` itself would import it."""

import sys
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from plait.core.definition import near
from plait.core.step import Step
from plait.errors import ParameterError, PlaitError
from plait.pipeline import Pipeline


class BrokenModuleError(Exception):
    """The user's module raised while it was imported; the cause is the user's own error."""


def loaded(where: str) -> Pipeline[..., Any]:
    """The pipeline that `MODULE:PIPELINE`, `path/to/file.py:PIPELINE`, or a module with one pipeline names."""
    place, colon, name = where.rpartition(":")
    if not colon or (len(place) == 1 and name[:1] in "\\/"):  # C:\flights.py has no pipeline's name
        place, name = where, ""
    module = _module(place)
    return _named(module, place, name) if name else _only(module, place)


def _named(module: ModuleType, place: str, name: str) -> Pipeline[..., Any]:
    found = vars(module).get(name)
    if isinstance(found, Pipeline):
        return found
    known = _pipelines(module)
    listed = f"It has: {', '.join(known)}" if known else "It has none; make one: Pipeline(name, [steps])"
    if name not in vars(module):
        raise ParameterError(f"{place} has no pipeline {name!r}{near(name, list(known)) or f'. {listed}'}")
    what = "a step" if isinstance(found, Step) else f"a {type(found).__name__}"
    raise ParameterError(f"{place}:{name} is {what}, not a pipeline. {listed}")


def _only(module: ModuleType, place: str) -> Pipeline[..., Any]:
    known = _pipelines(module)
    if not known:
        raise ParameterError(f"{place} has no pipeline; make one in it: Pipeline(name, [steps])")
    if len({id(found) for found in known.values()}) > 1:
        said = " or ".join(f"{place}:{name}" for name in known)
        raise ParameterError(f"{place} has {len(known)} pipelines; say which: {said}")
    return next(iter(known.values()))


def _pipelines(module: ModuleType) -> dict[str, Pipeline[..., Any]]:
    return {name: found for name, found in vars(module).items() if isinstance(found, Pipeline)}


def _module(place: str) -> ModuleType:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    if place.endswith(".py") or "/" in place or "\\" in place:
        return _imported(_of_file(Path(place)), place)
    return _imported(place, place)


def _of_file(path: Path) -> str:
    """The dotted name of a file's module; the folder above its packages is put on `sys.path`."""
    if not path.is_file():
        beside = [str(other) for other in path.parent.glob("*.py")] if path.parent.is_dir() else []
        raise ParameterError(f"there is no file {path}{near(str(path), beside)}")
    path = path.resolve()
    if path.suffix != ".py" or not path.stem.isidentifier():
        raise ParameterError(f"{path} cannot be imported: give a Python file, named as an identifier and .py")
    names, root = [path.stem], path.parent
    while (root / "__init__.py").is_file():
        names.insert(0, root.name)
        root = root.parent
    if str(root) not in sys.path[:1]:
        sys.path.insert(0, str(root))
    name = ".".join(names)
    taken = getattr(sys.modules.get(name), "__file__", None)
    if name in sys.modules and (taken is None or Path(taken).resolve() != path):
        raise ParameterError(f"{path} has the name of another module, {name} ({taken or 'built in'}); rename the file")
    return name


def _imported(name: str, place: str) -> ModuleType:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise ParameterError(_not_found(place, error.name)) from None
        raise BrokenModuleError(place) from error
    except (TypeError, ValueError) as error:  # of import_module itself: an empty or relative name
        if error.__traceback__ is not None and _ends_in_importlib(error):
            hint = "write MODULE:PIPELINE or path/to/file.py:PIPELINE"
            raise ParameterError(f"{place!r} names no module; {hint}") from None
        raise BrokenModuleError(place) from error
    except SystemExit as error:
        raise PlaitError(
            f"{place} ended the program while it was imported (sys.exit({error.code!r})); "
            f'put what it does as a script under if __name__ == "__main__":'
        ) from None
    except Exception as error:
        raise BrokenModuleError(place) from error


def _ends_in_importlib(error: BaseException) -> bool:
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    return at is not None and "importlib" in at.tb_frame.f_code.co_filename


def _not_found(place: str, missing: str) -> str:
    folder = Path.cwd().joinpath(*missing.split(".")[:-1])
    beside = [path.stem for path in folder.iterdir()] if folder.is_dir() else []
    found = get_close_matches(missing.rpartition(".")[2], [name for name in beside if name.isidentifier()], n=1)
    hint = f". Did you mean {found[0]!r}?" if found else f" in {Path.cwd()} or among the installed packages"
    return f"there is no module {missing!r}{hint}" if missing == place else f"{place}: there is no {missing!r}{hint}"
