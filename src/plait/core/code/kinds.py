"""What is this thing that code reaches? Functions, classes, steps, and what wraps them; all else is a constant.

The live object decides, not how it is written: a decorated function is whatever the decorator made of it. A wrapper
of the project is a function like any other, whose closure holds what it wraps. A wrapper that a package made
(`@njit`, `@retry(...)`) may hold caches, locks and random ids, so it is known by its package, by the decorators as
they are written above what it wraps, by the plain values that it holds, and by what it wraps; where it may have been
made in some other way, by all that it holds.
"""

import functools
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from plait.core.code.classes import open_class
from plait.core.code.fragments import Fragment
from plait.core.code.location import Bindings
from plait.core.code.randomness import shared_random
from plait.core.code.reaching import Place, contents, name_of, reach, reach_cells
from plait.core.code.reading import KNOWN, is_set, text_of
from plait.core.code.surroundings import Package, Project
from plait.core.code.syntax import Syntax
from plait.core.code.units import Link, Unit, Units

_LRU = type(functools.lru_cache(maxsize=1)(len))
_PLAIN = (int, float, str, bytes, bool, type(None))
_BUILTIN = (types.BuiltinFunctionType, types.WrapperDescriptorType, types.MethodDescriptorType,
            types.MethodWrapperType, types.ClassMethodDescriptorType, types.GetSetDescriptorType)  # fmt: skip


def kind_of(units: Units, thing: Any, name: str) -> Link | None:
    """How a thing that is code is named and opened; None: it is a constant."""
    classify = _KINDS.get(type(thing))
    if classify is not None:
        return classify(units, thing, name)
    roles = roles_of(thing)
    if roles is not None:
        opened = units.unit("step", name, thing, lambda unit: _open_roles(units, unit, roles))
        return Link("step", opened, name=_called(thing))
    if isinstance(thing, type):
        return _class(units, thing, name)
    if isinstance(thing, _BUILTIN):
        return _builtin(units, thing, name)
    if isinstance(thing, types.ModuleType):
        return Link("module", units.unit("module", thing.__name__, thing, lambda unit: _open_module(units, unit)))
    if type(thing).__module__ == "logging" and type(thing).__name__ == "Logger":
        return Link("logger")  # its name is that of a module, which never counts, and it computes nothing
    return _foreign(units, thing, name)


def roles_of(thing: object) -> Mapping[str, Callable[..., Any]] | None:
    """The callables of a step or pipeline, by role."""
    if isinstance(thing, type) or getattr(type(thing), "__plait_code__", None) is None:
        return None
    roles: Mapping[str, Callable[..., Any]] = thing.__plait_code__  # type: ignore[attr-defined]
    return roles() if callable(roles) else roles


def open_function(units: Units, unit: Unit, *, whole: bool = True) -> None:
    """Let a function say what it does. The root of a walk says nothing of its parameters: they are in the key."""
    function: types.FunctionType = unit.thing  # type: ignore[assignment]
    syntax = KNOWN.read(function.__code__, units.surroundings.source)
    place = Place.of(function, loose=syntax.loose)
    unit.text = syntax.text
    unit.say(syntax.body.content)
    if syntax.body.has_classes:
        unit.note(f"around classes: {function.__qualname__}")
    if whole:
        unit.say(syntax.parameters)
        _defaults(units, unit, function)
    reach(units, unit, syntax.body, place)
    named = {use.name for use in syntax.body.uses if use.imported is None}
    reach_cells(units, unit, [name for name in function.__code__.co_freevars if name not in named], place)


def _called(thing: Any) -> str:
    """What a function, or what is around it, answers when it is asked for its name."""
    names = [getattr(thing, attribute, None) for attribute in ("__qualname__", "__name__", "name")]
    return " ".join(dict.fromkeys([name for name in names if isinstance(name, str)]))


def _attributes(units: Units, function: types.FunctionType, shown: str) -> Unit | None:
    """What was set on a function, but for what it wraps, which it calls."""
    held = {name: value for name, value in vars(function).items() if name != "__wrapped__"} if vars(function) else None
    return units.link(held, f"{shown}.__dict__").unit if held else None


def _defaults(units: Units, unit: Unit, function: types.FunctionType) -> None:
    values = function.__defaults__ or ()
    code = function.__code__
    names = code.co_varnames[code.co_argcount - len(values) : code.co_argcount]
    for name, value in [*zip(names, values, strict=True), *sorted((function.__kwdefaults__ or {}).items())]:
        unit.note(f"default {name}")
        unit.reach(units.link(value, f"{unit.name}({name})"))


def _function(units: Units, function: types.FunctionType, name: str) -> Link | None:
    home = str(function.__globals__.get("__name__", ""))
    if home == "plait" or home.startswith("plait."):
        return Link("plait:" + function.__qualname__)
    origin = units.surroundings.origin(home)
    if isinstance(origin, Project):
        shown = f"{units.surroundings.module_name(home)}.{function.__qualname__}".removeprefix("__main__.")
        unit = units.unit("function", shown, function, lambda unit: open_function(units, unit))
        return Link("code", unit, name=_called(function), attributes=_attributes(units, function, shown))
    mine = units.is_project(str(function.__module__)) or "<locals>" in function.__qualname__
    if mine and (function.__closure__ or hasattr(function, "__wrapped__")):
        return _wrapper(units, function, name, f"{home}.{function.__code__.co_qualname}")
    return units.outside(name_of(function), origin)


def _class(units: Units, cls: type, _: str) -> Link:
    home = cls.__module__ if isinstance(cls.__module__, str) else ""
    if home == "plait" or home.startswith("plait."):
        return Link("plait:" + cls.__qualname__)
    origin = units.surroundings.origin(home)
    if not isinstance(origin, Project):
        return units.outside(name_of(cls), origin)
    shown = f"{units.surroundings.module_name(home)}.{cls.__qualname__}".removeprefix("__main__.")
    return Link("code", units.unit("class", shown, cls, lambda unit: open_class(units, unit)))


def _builtin(units: Units, function: Any, name: str) -> Link:
    shared = shared_random(function) or _numpy_random(units, function)
    if shared is not None:
        return units.outside(shared, units.surroundings.origin(shared))
    owner = getattr(function, "__self__", None)
    if owner is None or isinstance(owner, types.ModuleType | type):
        dotted = name_of(function)
        if isinstance(owner, type):
            dotted = f"{name_of(owner)}.{function.__name__}"
        return units.outside(dotted, units.surroundings.origin(dotted))

    def opened(unit: Unit) -> None:
        unit.note(function.__name__)
        unit.reach(units.link(owner, name))

    return Link("method", units.unit("method", name, function, opened))


def _numpy_random(units: Units, function: Any) -> str | None:
    owner, name = getattr(function, "__self__", None), getattr(function, "__name__", "")
    if type(owner).__name__ != "RandomState" or not type(owner).__module__.startswith("numpy."):
        return None
    module = units.surroundings.module("numpy.random")
    return f"numpy.random.{name}" if getattr(module, name, None) == function else None


def _bound(units: Units, method: types.MethodType, name: str) -> Link:
    shared = shared_random(method) or _numpy_random(units, method)
    if shared is not None:
        return units.outside(shared, units.surroundings.origin(shared))

    def opened(unit: Unit) -> None:
        unit.reach(units.link(method.__func__, name))
        unit.reach(units.link(method.__self__, f"{name}.__self__"))

    return Link("method", units.unit("method", name, method, opened))


def _partial(units: Units, partial: Any, name: str) -> Link:
    def opened(unit: Unit) -> None:
        unit.reach(units.link(partial.func, name))
        unit.reach(units.link(partial.args, f"{name}.args"))
        unit.reach(units.link(partial.keywords, f"{name}.keywords"))

    return Link("partial", units.unit("partial", name, partial, opened))


def _holder(units: Units, thing: Any, name: str) -> Link:
    """A property, or a static or class method: a few functions and nothing else."""
    names = ("fget", "fset", "fdel") if isinstance(thing, property) else ("__func__",)
    if isinstance(thing, functools.cached_property):
        names = ("func",)

    def opened(unit: Unit) -> None:
        unit.note(type(thing).__name__)
        for attribute in names:
            unit.reach(units.link(getattr(thing, attribute), name))

    return Link("holder", units.unit("method", name, thing, opened))


def _cached(units: Units, cached: Any, name: str) -> Link:
    """`functools.lru_cache`: what it remembers is no part of what it does."""

    def opened(unit: Unit) -> None:
        unit.note(repr(sorted(cached.cache_parameters().items())))
        unit.reach(units.link(cached.__wrapped__, name), called=True)

    return Link("cached", units.unit("wrapper", name, cached, opened), name=_called(cached))


def _dispatched(units: Units, method: Any, name: str) -> Link:
    return Link("holder", units.unit("method", name, method, lambda u: _registry(units, u, method.dispatcher.registry)))


def _registry(units: Units, unit: Unit, registry: Mapping[type, Any]) -> None:
    for registered in sorted(registry, key=name_of):
        unit.reach(units.link(registered, unit.name))
        unit.reach(units.link(registry[registered], unit.name))


def _foreign(units: Units, thing: Any, name: str) -> Link | None:
    """An instance of a class that is not the project's: something with a name of its own, a wrapper, or a constant."""
    home, own = getattr(thing, "__module__", None), getattr(thing, "__qualname__", getattr(thing, "__name__", None))
    if isinstance(home, str) and isinstance(own, str) and callable(thing) and not units.is_project(home):
        module = units.surroundings.module(home) if "." not in own else None
        if module is not None and vars(module).get(own) is thing:
            return units.outside(f"{home}.{own}", units.surroundings.origin(home))
    kind = type(thing)
    if callable(getattr(thing, "__wrapped__", None)) and not units.is_project(str(kind.__module__)):
        return _wrapper(units, thing, name, f"{kind.__module__}.{kind.__qualname__}")
    return None


def _wrapper(units: Units, thing: Any, name: str, made_by: str) -> Link | None:
    """What a package, or Python itself, put around code of the project."""
    origin = units.surroundings.origin(made_by.rpartition(".")[0].partition(".<")[0])
    written = _decorators(units, thing) if isinstance(origin, Package) else None
    if written is None and not isinstance(thing, types.FunctionType):
        return None

    by_python = not isinstance(origin, Package)  # and Python's own wrappers only call

    def opened(unit: Unit) -> None:
        unit.reach(units.outside(made_by, origin))
        if made_by == "functools.singledispatch.<locals>.wrapper":
            _registry(units, unit, thing.registry)
        elif written is not None:
            inner, syntax = written
            place = Place.of(inner, loose=False)
            for fragment in (*syntax.decorators, syntax.annotations):
                unit.say(fragment.content)
                reach(units, unit, fragment, place)
            _settings(units, unit, thing)
            unit.reach(units.link(inner, name))
        else:
            reach_cells(units, unit, thing.__code__.co_freevars, Place.of(thing, loose=False), called=by_python)
            if hasattr(thing, "__wrapped__"):
                unit.reach(units.link(thing.__wrapped__, name), called=by_python)

    return Link("wrapper", units.unit("wrapper", name, thing, opened), name=_called(thing))


def _settings(units: Units, unit: Unit, wrapper: Any) -> None:
    """The plain values that wrappers hold and never set: the 5 of `retry(5)`, whoever called it, and wherever."""
    layer = wrapper
    while hasattr(layer, "__wrapped__"):
        closure = Place.of(layer, loose=False).closure if isinstance(layer, types.FunctionType) else {}
        for name, value in contents(closure):
            if type(value) in _PLAIN and not is_set(layer.__code__, name):
                unit.note(f"holds {name}")
                unit.reach(units.link(value, f"{unit.name}: {name}"))
        layer = layer.__wrapped__


def _decorators(units: Units, wrapper: Any) -> tuple[types.FunctionType, Syntax] | None:
    """What is wrapped and how, if each layer around it is a decorator that is written above it."""
    layers, thing = 0, wrapper
    while hasattr(thing, "__wrapped__"):
        layers += 1
        thing = thing.__wrapped__
    if not isinstance(thing, types.FunctionType) or not units.is_project(str(thing.__globals__.get("__name__", ""))):
        return None
    if not _is_what_its_name_says(thing, wrapper):
        return None  # `again = retry(5)(fetch)`: the decorators above `fetch` are not those of `again`
    if units.surroundings.declared(thing.__module__) == "":
        return None  # the code of a function tells whether its text is what runs, its decorators do not
    syntax = KNOWN.read(thing.__code__, units.surroundings.source)
    place = Place.of(thing, loose=False)
    kept = tuple(fragment for fragment in syntax.decorators if not _is_ours(fragment, place))
    if not layers or len(kept) < layers:
        return None
    source = units.surroundings.source(thing.__code__)
    if source is None or not _were_bound_once(text_of(source).bindings, thing.__name__, kept):
        return None
    return thing, syntax._replace(decorators=kept)


def _is_what_its_name_says(function: types.FunctionType, wrapper: object) -> bool:
    """Does the name of a function lead to this wrapper, so that its decorators made it?"""
    first, *rest = function.__qualname__.split(".")
    found = function.__globals__.get(first)
    for part in rest:
        found = getattr(found, "__dict__", {}).get(part)
    while found is not None and found is not wrapper:
        roles = roles_of(found)
        found = next(iter(roles.values())) if roles else getattr(found, "__wrapped__", getattr(found, "__func__", None))
    return found is not None


def _were_bound_once(bindings: Bindings, name: str, decorators: Sequence[Fragment]) -> bool:
    """Are the decorators what they were when they made this function, and is it what they made?

    `fetch = retry(5)(fetch.__wrapped__)` leaves the name and the `@retry(3)` above it; and `@retry(N)` says little
    where `N` is set twice.
    """
    used = {use.name for fragment in decorators for use in fragment.uses}
    return not bindings.set[name] and all(bindings.set[one] + bindings.defined[one] <= 1 for one in used)


def _is_ours(fragment: Fragment, place: Place) -> bool:
    """Is this decorator one of plait's? Its options are no part of what a function does."""
    head = fragment.uses[0] if fragment.uses else None
    thing = place.globals.get(head.name) if head is not None else None
    home = thing.__name__ if isinstance(thing, types.ModuleType) else getattr(thing, "__module__", None)
    return isinstance(home, str) and (home == "plait" or home.startswith("plait."))


def _open_roles(units: Units, unit: Unit, roles: Mapping[str, Callable[..., Any]]) -> None:
    for role in sorted(roles):
        unit.note(role)
        unit.reach(units.link(roles[role], unit.name), called=True)


def _open_module(units: Units, unit: Unit) -> None:
    """All that a module makes itself: its functions, classes and constants."""
    module: types.ModuleType = unit.thing  # type: ignore[assignment]
    if not units.is_project(module.__name__):
        unit.reach(units.outside(module.__name__, units.surroundings.origin(module.__name__)))
        return
    for name, thing in sorted(vars(module).items()):
        if name.startswith("__") or isinstance(thing, types.ModuleType):
            continue
        if isinstance(thing, type | types.FunctionType) and thing.__module__ != module.__name__:
            continue
        unit.note(name)
        unit.reach(units.link(thing, f"{module.__name__}.{name}".removeprefix("__main__.")))


_KINDS: dict[type, Callable[[Units, Any, str], Link | None]] = {
    types.FunctionType: _function,
    type: _class,
    types.MethodType: _bound,
    functools.partial: _partial,
    functools.partialmethod: _partial,
    functools.singledispatchmethod: _dispatched,
    property: _holder,
    staticmethod: _holder,
    classmethod: _holder,
    functools.cached_property: _holder,
    _LRU: _cached,
    **dict.fromkeys(_BUILTIN, _builtin),
}
