"""The names of values and of code, as they are now: one snapshot of the live program, made for each run."""

import sys
import warnings
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import FunctionType
from typing import Any, TypeAlias

from plait.core.code import Code, Walk
from plait.core.code.surroundings import Surroundings
from plait.core.definition import Definition
from plait.core.digest import Digest
from plait.core.graph import Graph
from plait.core.keys import key_prefix
from plait.core.sources import params as params_of
from plait.core.values import Values
from plait.errors import FingerprintError, GraphError, InputChanged, OpaqueCode
from plait.ports import Codec
from plait.runtime.library_settings import Library, Settings, used_by

Told: TypeAlias = Sequence[tuple[type[Warning], str]]
Meeting: TypeAlias = Callable[[str], AbstractContextManager[None]]

_OURS = str(Path(__file__).parent.parent)  # a warning points at the user's line, not at ours
_said: set[str] = set()  # what was warned of in this process
_told: ContextVar[list[tuple[type[Warning], str]] | None] = ContextVar("told", default=None)


class Naming:
    """How values and code are named while one run lasts; a step's code is walked once, however many nodes it has."""

    def __init__(
        self,
        codecs: Sequence[Codec],
        environment: Mapping[str, str],
        surroundings: Surroundings,
        *,
        strict: bool,
        settings: Settings | None = None,
        main: Mapping[str, bytes] | None = None,
    ) -> None:
        self.settings = settings or Settings({})
        self._made_of = codecs, environment, surroundings, strict, self.settings
        self._surroundings = surroundings
        self._main = main or {}  # in a worker: the names of what `__main__` defines in the process that sent the work

        def encode(value: object, follow: Callable[[object], bytes]) -> bytes:
            return values.encode(value, follow)

        # values hold the codecs, and these the store: were this a cycle, a temporary store would outlive its run
        self._walk = Walk(surroundings, encode)
        self._values = Values([codec for codec in codecs if codec.names_values], _follow(self._main, self._walk))
        values: Values = weakref.proxy(self._values)
        self._environment = environment
        self.strict = strict
        self._codes: dict[Definition, tuple[Code, bytes]] = {}
        self._homes: dict[Definition, str] = {}
        self._draws: dict[Definition, frozenset[str] | None] = {}
        self._settings_of: dict[Definition, Sequence[tuple[str, Digest]]] = {}
        self._changes: dict[Definition, Sequence[Library]] = {}
        self.quiet: set[Definition] = set()  # steps that are known to change nothing that their process shares
        self._texts: dict[Definition, Sequence[str]] = {}
        self.digest = self._values.digest
        self.digest_of_file = self._values.digest_of_file
        self.parts_digest = self._values.parts_digest

    def __reduce__(self) -> Any:
        return _naming, (
            *self._made_of,
            self._main or {name: self._walk.token(obj) for name, obj in _main_defines().items()},
        )

    def check_params(self, params: Mapping[str, Any], graph: Graph, meeting: Meeting) -> None:
        """Every parameter that is in a key must have a name: better said now than after an hour of work.

        `meeting` is told which one is named, by its address.
        """
        unkeyed, seen = _unkeyed(graph), set[int]()
        for address, value in params.items():
            if address in unkeyed or id(value) in seen:
                continue
            seen.add(id(value))
            try:
                with meeting(address):
                    self.digest(value)
            except InputChanged as error:
                raise InputChanged(
                    f"the parameter {address} ({graph.parameters[address].users[0]}): {error}", path=error.path
                ) from error
            except FingerprintError as error:
                user = graph.parameters[address].users[0]
                raise FingerprintError(
                    f"the parameter {address} ({user}) cannot be named: {error}. Give its type a __plait_digest__, "
                    f'or leave it out of the key: @step(ignore=["{user.partition("(")[2][:-1]}"])'
                ) from error

    def home(self, definition: Definition) -> str:
        """Where a step is defined; what a script defines, under the name by which it would be imported."""
        known = self._homes.get(definition)
        if known is None:
            module, _, name = definition.home.partition(":")
            known = self._homes[definition] = f"{self._surroundings.module_name(module)}:{name}"
        return known

    def code(self, definition: Definition) -> Code:
        """What a step's code is, with all that it reaches."""
        return self._coded(definition)[0]

    def prefix(self, definition: Definition) -> bytes:
        """What the keys of all nodes of a step begin with."""
        known = self._codes.get(definition)
        return (known or self._coded(definition))[1]

    def prefix_of(self, definition: Definition, code: Digest) -> bytes:
        """What these keys would begin with under other code, all else as it is now."""
        return key_prefix(definition, code, self._environment)

    def draws(self, definition: Definition) -> frozenset[str] | None:
        """The packages that a step reaches, if its code draws from random state that the process shares; else none."""
        try:
            return self._draws[definition]
        except KeyError:
            code = self._walk_of(definition)
            drawn = self._draws[definition] = _packages(code) if code.random_state else None
            return drawn

    def settings_of(self, definition: Definition) -> Sequence[tuple[str, Digest]]:
        """Return name and digest of the settings of libraries that the program has changed, and that a step may use."""
        try:
            return self._settings_of[definition]
        except KeyError:
            hints = [definition.hints.get(name, Any) for name in definition.input_names]
            found = self.settings.reaching(_packages(self.code(definition)), hints)
            return self._settings_of.setdefault(definition, found)

    def may_change(self, definition: Definition) -> Sequence[Library]:
        """Return the libraries whose settings a step might change."""
        try:
            return self._changes[definition]
        except KeyError:
            return self._changes.setdefault(definition, _might_set(self._walk_of(definition)))

    def texts(self, definition: Definition, wanted: Callable[[str], bool]) -> Sequence[str]:
        """Those of the short texts that a step's code reaches which are `wanted`, for whatever one reason."""
        try:
            return self._texts[definition]
        except KeyError:
            found = self._texts[definition] = [*filter(wanted, self._walk.texts(self._walk_of(definition)))]
            return found

    def changes_settings(self, definition: Definition) -> bool:
        """Does a step change settings of the whole process, as its names tell?"""
        return not self._walk_of(definition).sets.issubset(("decimal",))  # whose settings belong to threads

    def _walk_of(self, definition: Definition) -> Code:
        options = definition.options
        return self._walk.of(
            definition.roles, version=options.version, depends_on=options.depends_on, ignore=options.ignore
        )

    def _coded(self, definition: Definition) -> tuple[Code, bytes]:
        known = self._codes.get(definition)
        if known is None:
            known = self._codes[definition] = self._walked(definition)
        return known

    def _walked(self, definition: Definition) -> tuple[Code, bytes]:
        code = self._walk_of(definition)
        for sentence in code.opaque:
            message = _OPAQUE.format(step=definition.name, what=sentence)
            if self.strict:
                raise GraphError(message)
            warn_once(OpaqueCode, message)
        return code, key_prefix(definition, code.digest, self._environment)


def _packages(code: Code) -> frozenset[str]:
    return frozenset(part.name for part in code.parts if part.kind == "package")


def _might_set(code: Code) -> tuple[Library, ...]:
    return used_by(_packages(code), code.sets)


def _follow(main: Mapping[str, bytes], walk: Walk) -> Callable[[object], bytes]:
    def follow(obj: object) -> bytes:
        if main and getattr(obj, "__module__", "") == "__main__":
            known = main.get(_place_in_main(obj))
            if known is not None:
                return known
        return walk.token(obj)

    return follow


def _unkeyed(graph: Graph) -> set[str]:
    """The parameters that no key holds."""
    read: dict[str, bool] = {}
    for node, name, source in graph.fed:
        for param in params_of(source):
            read[param.address] = read.get(param.address, False) or name not in node.definition.unkeyed
    return {address for address, keyed in read.items() if not keyed}


def _naming(
    codecs: Sequence[Codec],
    environment: Mapping[str, str],
    surroundings: Surroundings,
    strict: bool,
    settings: Settings,
    main: Mapping[str, bytes],
) -> Naming:
    return Naming(codecs, environment, surroundings, strict=strict, settings=settings, main=main)


def _main_defines() -> dict[str, object]:
    """Return the functions and classes of `__main__`, also classes within classes, by where they stand.

    They are sent to workers by value, and their module is not. What has no place of its own is left out: lambdas, what
    functions define, and what shares its place with another one.
    """
    holders: list[object] = [sys.modules["__main__"]]
    defined: dict[str, object] = {}
    shared: set[str] = set()
    for holder in holders:  # grows while we walk it
        for thing in list(vars(holder).values()):
            if not isinstance(thing, (type, FunctionType)) or thing.__module__ != "__main__":
                continue
            if isinstance(thing, type) and thing not in holders:
                holders.append(thing)
            if holder is holders[0] or isinstance(thing, type):
                place = _place_in_main(thing)
                if defined.setdefault(place, thing) is not thing:
                    shared.add(place)
    return {place: thing for place, thing in defined.items() if place and place not in shared}


def _place_in_main(thing: Any) -> str:
    """Return what tells a function or class from all others that `__main__` may hold; empty where nothing does.

    A decorated function has the name of the one within it, so the name and line of its code count too. A lambda may
    share both with others, and what a function defines is another thing after each call.
    """
    name = getattr(thing, "__qualname__", "")
    if "<" in name or not isinstance(thing, FunctionType):
        return "" if "<" in name else name
    code = thing.__code__
    return "" if "<" in code.co_qualname else f"{name} {code.co_qualname} {code.co_firstlineno}"


def warn(category: type[Warning], message: str) -> None:
    """A warning that points at the user's line, not at ours."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_OURS):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def warn_once(category: type[Warning], message: str) -> None:
    """A warning, once a process."""
    told = _told.get()
    if told is not None:
        told.append((category, message))
    elif message not in _said:
        _said.add(message)
        warn(category, message)


@contextmanager
def collecting() -> Iterator[list[tuple[type[Warning], str]]]:
    """In a worker process: warnings are not given, but handed over to whoever the user looks at."""
    told: list[tuple[type[Warning], str]] = []
    token = _told.set(told)
    try:
        yield told
    finally:
        _told.reset(token)


_OPAQUE = (
    "{step}: {what} cannot be followed, so changes behind it are not seen. Name what it reaches: "
    "@step(depends_on=[...]), or say that it does not count: @step(ignore=[...])"
)
