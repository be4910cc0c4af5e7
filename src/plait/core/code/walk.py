"""What does a step's code amount to? Its own text and all that it reaches, under one digest, with a list of the parts.

    step ── model() ──┬── clean()  ──── WINDOW = 7
                      ├── Config   ──── Config.check() ── clean()      each thing is a `Unit` (units.py);
                      └── sklearn 1.5.2                                 what it is, kinds.py decides

A `Walk` is one snapshot of the live program: it reads globals, closures and defaults as they are when it comes to
them, and never again. What code *says* is read once a code object for the life of the process (reading.py); so a
new walk only looks up names. Things that reach each other get one name whatever the way in (cycles.py).

What a function is called is no part of what it does. So its name does not count where it is merely called, `f(x)`,
and a helper may be renamed with all its calls. It counts wherever it is more than that: handed over (`agg([f])`, a
default, a partial), held by a container, a closure or a class, or read from (`f.__name__`), since whoever holds a
function may ask for its name. A class counts with its name in any case, since every `repr` shows it, and with it the
name of a function that it is defined in. A step's own name counts only where the step is a value in its own code.
What only an explicit question can bring up, such as a docstring, counts if something that is reached asks (asking.py).
"""

import os
import types
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple

from plait.core.code import cycles
from plait.core.code.asking import answers
from plait.core.code.kinds import kind_of, open_function, roles_of
from plait.core.code.surroundings import Package, Surroundings
from plait.core.code.texts import texts
from plait.core.code.units import Encode, Link, Unit, Units
from plait.core.digest import Digest
from plait.errors import GraphError, PlaitError

SCHEMA = "code-1"  # a change of what counts is a new schema: old keys are then never met again, and never misread
_SHOWN = frozenset({"function", "class", "constant", "package", "declared"})


class Part(NamedTuple):
    """One thing that the code reaches."""

    name: str  # as a person would say it: "features.clean", "numpy"
    kind: str  # "function" | "class" | "constant" | "package"
    digest: Digest  # of this thing alone
    text: str  # its source, a short form of its value, its version
    reached_by: str  # the name of the part through which the walk first came here; "" for the root


class Code(NamedTuple):
    """What a step's code amounts to."""

    digest: Digest
    parts: tuple[Part, ...]  # the root first
    opaque: tuple[str, ...]  # what could not be followed, in words
    random_state: bool  # does it draw from random state that the process shares?
    sets: frozenset[str] = frozenset()  # modules whose settings it changes, as its names tell


class Walk:
    """One snapshot of the live program, from which steps are named. Make one for each run or plan."""

    def __init__(self, surroundings: Surroundings, encode: Encode) -> None:
        self._surroundings = surroundings
        self._encode = encode
        self._units = Units(surroundings, encode, kind_of, {})
        self._known: dict[tuple[object, ...], tuple[Code, object]] = {}
        self._reached: dict[int, Sequence[tuple[Unit, Unit | None]]] = {}  # by the id of a code that is known

    def of(
        self,
        roles: Mapping[str, Callable[..., Any]],
        *,
        version: str = "",
        depends_on: Sequence[object] = (),
        ignore: Sequence[object] = (),
    ) -> Code:
        """The code of a step, given its callables by role."""
        asked = (tuple([(role, id(fn)) for role, fn in roles.items()]), version, _ids(depends_on), _ids(ignore))
        known = self._known.get(asked)
        if known is None:
            code = self._code(roles, version, depends_on, ignore)
            known = self._known[asked] = (code, (dict(roles), tuple(depends_on), tuple(ignore)))
        return known[0]

    def texts(self, code: Code) -> list[str]:
        """The short texts that code of this walk names: in its functions, and as constants."""
        return list(dict.fromkeys(texts(unit for unit, _ in self._reached.get(id(code), ()))))

    def token(self, thing: object) -> bytes:
        """What stands for a function or class within a value: its name, with all that it reaches."""
        link = self._units.link(thing, getattr(thing, "__qualname__", type(thing).__qualname__))
        for unit in _units(link):
            if unit.digest is None:
                self._units.open_all(unit)
        return _named(link).encode()

    def _code(
        self,
        roles: Mapping[str, Callable[..., Any]],
        version: str,
        depends_on: Sequence[object],
        ignore: Sequence[object],
    ) -> Code:
        ignored = {id(entry): entry for entry in ignore if not isinstance(entry, str)}
        units = Units(self._surroundings, self._encode, kind_of, ignored) if ignored else self._units
        root = Unit("step", "", None)
        root.note(f"{SCHEMA} {version!r}")
        for role in sorted(roles):
            root.note(role)
            root.reach(_root(units, roles[role]), called=True)
        declared = [_declared(units, entry) for entry in depends_on]
        reached = units.open_all(root)
        for link in declared:
            reached += [one for unit in _units(link) for one in units.open_all(unit)]
        for label in sorted(_named(link) for link in declared):
            root.note(f"declared {label}")
        told = answers(units, reached)
        if told is not None:
            root.reach(Link("told", told))
            reached += units.open_all(told)
        _check_ignored(reached, ignored, roles)
        code = Code(
            digest=cycles.name(root),
            parts=_parts(reached),
            opaque=tuple(dict.fromkeys(sentence for unit, _ in reached for sentence in unit.opaque)),
            random_state=any(unit.random for unit, _ in reached),
            sets=frozenset().union(*[unit.sets for unit, _ in reached]),
        )
        self._reached[id(code)] = reached
        return code


def _ids(entries: Sequence[object]) -> tuple[object, ...]:
    return tuple([entry if isinstance(entry, str) else id(entry) for entry in entries])


def _root(units: Units, callable_: Callable[..., Any]) -> Link:
    """The function that a step calls; only its body counts, since its arguments are in the key by name."""
    name = f"{getattr(callable_, '__module__', '')}.{getattr(callable_, '__qualname__', '')}".removeprefix("__main__.")
    link = units.link(callable_, name)
    if link.unit is None or link.unit.kind != "function" or not isinstance(callable_, types.FunctionType):
        return link
    name = link.unit.name
    return Link("call", units.unit("function", name, callable_, lambda u: open_function(units, u, whole=False)))


def _declared(units: Units, entry: object) -> Link:
    if isinstance(entry, str):
        version = units.surroundings.version(entry)
        if version is None:
            near = get_close_matches(entry, units.surroundings.distributions(), n=1)
            hint = f"did you mean {near[0]!r}?" if near else "give the name that one installs it by"
            raise PlaitError(f"depends_on={entry!r}: no such distribution is installed; {hint}")
        return Link("package", units.package(Package(entry, version)))
    if isinstance(entry, os.PathLike):
        return units.link(entry, os.fspath(entry))
    return units.link(entry, getattr(entry, "__qualname__", getattr(entry, "__name__", "depends_on")))


def _named(link: Link) -> str:
    label = f"{link.label} {link.name}" if link.name else link.label
    return "=".join([label, *[cycles.name(unit) for unit in _units(link)]])


def _units(link: Link) -> list[Unit]:
    return [unit for unit in (link.unit, link.attributes) if unit is not None]


def _check_ignored(
    reached: Sequence[tuple[Unit, Unit | None]],
    ignored: Mapping[int, object],
    roles: Mapping[str, Callable[..., Any]],
) -> None:
    met = {identity for unit, _ in reached for identity in unit.ignored}
    for identity, entry in ignored.items():
        if identity not in met:
            step = ", ".join(getattr(fn, "__name__", repr(fn)) for fn in roles.values())
            what = getattr(entry, "__qualname__", getattr(entry, "__name__", repr(entry)))
            raise GraphError(f"{step}: ignore={what} is never reached by its code; remove the entry")


def _parts(reached: Sequence[tuple[Unit, Unit | None]]) -> tuple[Part, ...]:
    came = {id(unit): above for unit, above in reached}
    parts: dict[int, Part] = {}
    for unit, above in reached:
        if unit.kind not in _SHOWN or id(unit) in parts:
            continue
        while above is not None and above.kind not in _SHOWN:
            above = came.get(id(above))
        parts[id(unit)] = Part(unit.name, unit.kind, unit.own, unit.text, "" if above is None else above.name)
    return tuple(parts.values())


__all__ = ["Code", "Encode", "Part", "Walk", "roles_of"]
