"""What do the names in a piece of code stand for, right now? Looked up as Python would, when the code runs.

A name is looked up in the closure, the globals, the builtins; then the attributes read from it are followed as long
as what we hold is a module of the project. Code of packages and of Python is named where it is reached, by its dotted
name. What only running the code can tell (`getattr(module, name)`, `eval`) is reported in words.
"""

import builtins
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from plait.core.code.fragments import Call, Fragment, Use
from plait.core.code.names import Import
from plait.core.code.randomness import draws_unseeded, shares_random_state, takes_random_state
from plait.core.code.units import Link, Unit, Units

_MISSING: Any = object()
_FACTS = frozenset({"__name__", "__file__", "__package__", "__spec__", "__loader__", "__path__", "__cached__"})
_BLIND = frozenset({"exec", "eval", "globals", "__import__"})
_PLAIN = {  # by far the most names that code uses
    name: f"outside:builtins.{name}"
    for name, thing in vars(builtins).items()
    if name not in _BLIND and name not in ("getattr", "__debug__") and name not in _FACTS
}
_PATH_MODULES = ("posixpath", "ntpath")
_TELLING = ("builtins", "sys", "importlib", "inspect", "traceback")  # some functions here hide what is reached
_ASKING = {  # what these ask of the code that they are given, see `asking.py`
    "inspect.getdoc": "doc", "pydoc.getdoc": "doc", "inspect.getmodule": "module", "inspect.signature": "annotations",
    "inspect.get_annotations": "annotations", "inspect.getfullargspec": "annotations",
    "typing.get_type_hints": "annotations", "pydantic.validate_call": "annotations",
}  # fmt: skip
_SHOWING = frozenset({  # what these show is neither a value nor what code does
    "sys._getframe", "inspect.currentframe", "inspect.stack", "inspect.trace", "inspect.getsource",
    "inspect.getsourcelines", "inspect.getcomments", "traceback.TracebackException", "traceback.extract_stack",
    "traceback.extract_tb", "traceback.format_exc", "traceback.format_exception", "traceback.format_stack",
    "traceback.format_tb",
})  # fmt: skip
_SETTING = (  # names that begin so change settings that all code of a thread or process shares
    "decimal.getcontext", "decimal.setcontext", "decimal.DefaultContext", "locale.setlocale", "sys.setrecursionlimit",
    "sys.set_int_max_str_digits", "matplotlib.rc", "matplotlib.style", "matplotlib.pyplot.rc",
    "matplotlib.pyplot.style", "matplotlib.pyplot.xkcd", "pandas.set_option", "pandas.reset_option", "pandas.option",
    "seaborn.set",
)  # fmt: skip
_MANY = 10_000
_Path: TypeAlias = tuple[str, ...]


class Place(NamedTuple):
    """Where a piece of code stands: what its names can mean, and how a message calls it."""

    closure: Mapping[str, types.CellType]
    globals: Mapping[str, Any]
    label: str
    loose: bool = False  # the paths are what might be read, not what is

    @classmethod
    def of(cls, function: types.FunctionType, *, loose: bool) -> "Place":
        cells = function.__closure__
        closure = dict(zip(function.__code__.co_freevars, cells, strict=True)) if cells else {}
        return cls(closure, function.__globals__, f"{function.__name__}()", loose)

    @property
    def module(self) -> str:
        return str(self.globals.get("__name__", ""))


class _Outside(NamedTuple):
    """Code that is not followed, which need not even be imported yet."""

    dotted: str


def reach(units: Units, unit: Unit, fragment: Fragment, place: Place) -> None:
    """Say of a unit what the names in a fragment of its code stand for."""
    closure, names = place.closure, place.globals
    if fragment.asks:
        unit.asks.update(fragment.asks)
    reaching = _Reaching(units, unit, fragment, place)
    prefix = f"{place.module}.".removeprefix("__main__.")
    for number, use in enumerate(fragment.uses):
        name = use.name
        if use.imported is not None or name in closure or name in _FACTS:
            reaching.use(number, use)
        elif name in names:
            thing = names[name]
            if type(thing) is types.FunctionType and not thing.__dict__:
                reaching.reached(thing, (), prefix + name, use, called=use.merely_called)
            else:
                reaching.thing(number, use, thing, prefix + name)
        elif name in _PLAIN and not place.loose:
            unit.note(_PLAIN[name])
        else:
            reaching.use(number, use)
    for call in fragment.methods:
        unit.random = unit.random or draws_unseeded(call)


def reach_cells(units: Units, unit: Unit, names: Sequence[str], place: Place, *, called: bool = False) -> None:
    """Say of a unit what its closure holds that its code does not name: `super()` takes its class from there."""
    for name in names:
        thing = _cell(place.closure[name])
        if thing is _MISSING:
            unit.note("empty cell")
        else:
            unit.reach(units.link(thing, f"{place.module}.{name}"), called=called)


def contents(closure: Mapping[str, types.CellType]) -> Iterator[tuple[str, Any]]:
    """What a closure holds by now, by name."""
    for name, cell in closure.items():
        thing = _cell(cell)
        if thing is not _MISSING:
            yield name, thing


def subclasses(thing: Any) -> list[type]:
    """All classes below a class, in an order of their names."""
    found: list[type] = type.__subclasses__(thing) if isinstance(thing, type) else []
    for cls in found:  # grows while we walk it
        below: list[type] = type.__subclasses__(cls)
        found += [one for one in below if one not in found]
    return sorted(found, key=lambda one: (one.__module__, one.__qualname__))


def name_of(thing: Any) -> str:
    """The dotted name of something that has one; private parts left out, since they move between versions."""
    module = getattr(thing, "__module__", None)
    if not isinstance(module, str):
        owner = getattr(thing, "__objclass__", None) or type(getattr(thing, "__self__", None))
        return f"{owner.__module__}.{owner.__qualname__}.{getattr(thing, '__name__', '')}"
    first, *rest = module.split(".")
    dotted = ".".join([first.lstrip("_") or first, *[part for part in rest if not part.startswith("_")]])
    return f"{dotted}.{getattr(thing, '__qualname__', getattr(thing, '__name__', type(thing).__qualname__))}"


class _Reaching(NamedTuple):
    """One fragment of one unit, while its names are looked up."""

    units: Units
    unit: Unit
    fragment: Fragment
    place: Place

    def use(self, number: int, use: Use) -> None:
        thing = self.find(use)
        if thing is _MISSING:
            if not self.place.loose:
                self.unit.note(f"missing {use.name} {use.imported}")
            return
        if use.imported is not None:
            shown = ".".join(part for part in (use.imported.module, use.imported.name) if part)
        elif use.name in self.place.closure:
            shown = f"{self.place.label}: {use.name}"
        else:
            shown = f"{self.place.module}.{use.name}".removeprefix("__main__.")
        self.thing(number, use, thing, shown)

    def thing(self, number: int, use: Use, thing: Any, shown: str) -> None:
        """One thing that a name stands for, with all that is read from it."""
        if isinstance(thing, types.ModuleType | _Outside):
            self.unit.note("module")  # what follows is a note a path
            if use.imported is not None and not use.paths:  # imported for what the import does
                self.unit.note(thing.dotted if isinstance(thing, _Outside) else "of the project")
            for path in use.paths:
                self.chain(thing, path, shown, use, number)
        elif isinstance(thing, types.FunctionType) and thing.__dict__:
            read = {path[0] for path in use.paths if path and path[0] in thing.__dict__}
            self.reached(thing, (), shown, use, called=use.merely_called)
            for attribute in sorted(read):  # what was set on a function, and is read from it
                self.unit.note(f"attribute {attribute}")
                self.unit.reach(self.units.link(thing.__dict__[attribute], f"{shown}.{attribute}"))
        else:
            self.reached(thing, (), shown, use, called=use.merely_called)
            if ("__subclasses__",) in use.paths:
                self.put_there(subclasses(thing), shown)

    def find(self, use: Use) -> Any:
        if use.imported is not None:
            return self.imported(use.imported)
        if use.name in self.place.closure:
            return _cell(self.place.closure[use.name])
        if use.name == "__name__" and not self.place.loose:
            return self.units.surroundings.module_name(self.place.module)
        if use.name in _FACTS:
            return _Outside(f"module.{use.name}") if not self.place.loose else _MISSING
        if use.name in self.place.globals:
            return self.place.globals[use.name]
        return getattr(builtins, use.name, _MISSING)

    def imported(self, wanted: Import) -> Any:
        module = _absolute(wanted, self.place.globals)
        surroundings = self.units.surroundings
        if _is_plait(module) or not self.units.is_project(module):
            if wanted.name is None:
                return _Outside(module if wanted.whole else module.partition(".")[0])
            return _Outside(f"{module}.{wanted.name}")
        live = surroundings.module(module)
        if live is None:
            return _MISSING
        if wanted.name is None:
            return live if wanted.whole else surroundings.module(module.partition(".")[0]) or _MISSING
        value = _attribute(live, wanted.name)
        return (surroundings.module(f"{module}.{wanted.name}") or _MISSING) if value is _MISSING else value

    def chain(self, thing: Any, path: _Path, shown: str, use: Use, number: int) -> None:
        """Follow attributes from a module until there is something that is none."""
        read = path
        known = self.units.quiet.get((id(thing), path))
        if known is not None:
            self.unit.reach(known[0])
            return
        while isinstance(thing, types.ModuleType):
            module = thing.__name__
            ignored = self.units.ignored(thing)
            if ignored is not None:
                self.unit.reach(ignored)
                return
            if _is_plait(module) or not self.units.is_project(module):
                found = _loaded(thing, path)
                link = self.outside(".".join((module, *path)), found, use, read)
                if path[-1:] == ("__subclasses__",):
                    found = subclasses(_loaded(thing, path[:-1]))
                if self.put_there(found, shown):
                    return
                if _is_quiet(link.label.removeprefix("outside:"), found):
                    self.units.quiet[id(thing), path] = (link, thing)
                return
            if not path:
                self.whole_module(module, number)
                return
            attribute, path = path[0], path[1:]
            if attribute in _FACTS:
                told = self.units.surroundings.module_name(module) if attribute == "__name__" else ""
                self.unit.note(f"fact {attribute} {told}")
                return
            if attribute == "__dict__":
                self.opaque(f"{module}.__dict__")
                return
            shown = f"{module}.{attribute}".removeprefix("__main__.")
            thing = _attribute(thing, attribute)
        if thing is _MISSING:
            self.unit.note(f"missing {shown}")
        elif isinstance(thing, _Outside):
            self.outside(".".join((thing.dotted, *path)), None, use, read)
        else:
            self.reached(thing, read, shown, use, called=not path and read not in use.values)

    def put_there(self, found: Any, shown: str) -> bool:
        """Code of the project that stands in a package: in place of what was there, or in a list of the package's."""
        held = [found]
        for thing in held:  # grows while we walk it
            if isinstance(thing, list | tuple | set | frozenset | dict) and len(held) + len(thing) < _MANY:
                held += thing.values() if isinstance(thing, dict) else thing
        mine = [thing for thing in held if isinstance(thing, types.FunctionType | type) and self.is_mine(thing)]
        if mine:
            self.unit.reach(self.units.link(mine, shown))
        return bool(mine)

    def is_mine(self, thing: Any) -> bool:
        home = thing.__module__ if isinstance(thing, type) else thing.__globals__.get("__name__")
        return isinstance(home, str) and not _is_plait(home) and self.units.is_project(home)

    def reached(self, thing: Any, read: _Path, shown: str, use: Use, *, called: bool) -> None:
        link = self.units.link(thing, shown)
        self.unit.reach(link, called=called)
        if link.label.startswith("outside:") and not link.ignored:
            self.judge(thing, link.label[8:], use, read)

    def outside(self, dotted: str, thing: Any, use: Use, read: _Path) -> Link:
        first, _, rest = dotted.partition(".")
        if first == "plait":
            link = Link("plait:" + dotted.rpartition(".")[2])
            self.unit.reach(link)
            return link
        dotted = f"os.path.{rest}" if first in _PATH_MODULES else dotted
        link = self.units.outside(dotted, self.units.surroundings.origin(dotted))
        self.unit.reach(link)
        if not link.ignored:
            self.judge(thing, dotted, use, read)
        return link

    def judge(self, thing: Any, dotted: str, use: Use, read: _Path) -> None:
        """Does what is reached here draw random numbers, or reach what cannot be seen?"""
        calls = [call for path, call in use.calls if path[: len(read)] == read] if use.calls else []
        if not self.unit.random:
            takes = dotted.startswith("sklearn.") if thing is None else takes_random_state(thing)
            self.unit.random = shares_random_state(dotted, calls, seedable=takes)
        first, _, rest = dotted.partition(".")
        if dotted.startswith(_SETTING):
            self.unit.sets.add("matplotlib" if first == "seaborn" else first)
        if dotted in _ASKING:
            self.unit.asks.add(_ASKING[dotted])
        if first not in _TELLING:
            return
        if (first == "builtins" and rest in _BLIND) or dotted.startswith("sys.modules") or dotted in _SHOWING:
            self.opaque(*([call.text for call in calls] or [rest if first == "builtins" else dotted]))
        elif dotted == "importlib.import_module":
            self.imports(calls)
        elif dotted == "builtins.getattr":
            for call in calls:
                self.getattr(call)

    def imports(self, calls: Sequence[Call]) -> None:
        """`import_module("features")` may read all of the module; of another argument nothing is known."""
        if not calls:
            self.opaque("importlib.import_module")
        for call in calls:
            module = call.literals[0] if call.literals else None
            if module is None:
                self.opaque(call.text)
                continue
            thing = self.imported(Import(0, module, None, whole=True))
            if isinstance(thing, _Outside):
                self.unit.reach(self.units.outside(thing.dotted, self.units.surroundings.origin(thing.dotted)))
            elif thing is not _MISSING:
                self.unit.reach(self.units.link(thing, module))

    def getattr(self, call: Call) -> None:
        """`getattr(registry, name)`: the name is known only when it runs; on the project's own things that is blind."""
        if call.first is None or len(call.literals) < 2 or call.literals[1] is not None:
            return
        number, path = call.first
        thing = self.find(self.fragment.uses[number])
        while isinstance(thing, types.ModuleType) and path and self.units.is_project(thing.__name__):
            thing, path = _attribute(thing, path[0]), path[1:]
        if thing is _MISSING or isinstance(thing, _Outside):
            return
        owner = thing if isinstance(thing, type) else type(thing)
        home = thing.__name__ if isinstance(thing, types.ModuleType) else owner.__module__
        if self.units.is_project(str(home)):
            self.opaque(call.text)

    def whole_module(self, module: str, number: int) -> None:
        self.unit.note("as a whole")
        if self.place.loose:
            return
        calls = [call for use in self.fragment.uses for _, call in use.calls if call.first == (number, ())]
        if not any(len(call.literals) > 1 and call.text.startswith("getattr(") for call in calls):
            self.opaque(f"{module} as a whole")

    def opaque(self, *texts: str) -> None:
        self.unit.opaque += [f"{text} in {self.place.label}" for text in texts]


def _is_plait(dotted: str) -> bool:
    return dotted == "plait" or dotted.startswith("plait.")


def _cell(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not bound yet
        return _MISSING


def _attribute(module: types.ModuleType, name: str) -> Any:
    """What a module holds under a name. A module may make attributes when asked (PEP 562), and fail in any way."""
    try:
        return getattr(module, name)
    except Exception:
        return _MISSING


def _loaded(thing: Any, path: _Path) -> Any:
    """What a chain leads to in a package, without waking what the package loads lazily."""
    for name in path:
        thing = vars(thing).get(name) if isinstance(thing, types.ModuleType | type) else None
    return thing


def _absolute(wanted: Import, names: Mapping[str, Any]) -> str:
    if not wanted.level:
        return wanted.module
    package = names.get("__package__")
    if not isinstance(package, str):
        module = str(names.get("__name__", ""))
        package = module if "__path__" in names else module.rpartition(".")[0]
    parts = package.split(".")
    base = ".".join(parts[: len(parts) - wanted.level + 1])
    return f"{base}.{wanted.module}" if wanted.module else base


def _is_quiet(dotted: str, thing: Any) -> bool:
    """Is there nothing to judge about a function of a package, however it is called?"""
    takes = thing is None or takes_random_state(thing)
    if takes or dotted in _ASKING or dotted.startswith((*_TELLING, *_SETTING)):
        return False
    return not shares_random_state(dotted, (), seedable=takes)
