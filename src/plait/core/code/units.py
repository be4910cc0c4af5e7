"""The things that code reaches: functions, classes, constants, packages; what each says, and what each reaches in turn.

A `Unit` is one such thing. Its content is what it says itself; where it names another thing, the content holds a
label (whose kind it is, and for code that is not followed, its dotted name) and the link is kept apart, so that names
are made of structure and not of what things are called. Units are opened only when the walk comes to them.

Everything is read from what is *live*: the function object, its closure and defaults, the class as it is now, globals
as they are bound now. Source is only ever a way to say what a live code object does (`reading.py`).
"""

import functools
import re
import reprlib
import types
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias

from plait.core.code.randomness import takes_random_state
from plait.core.code.surroundings import Origin, Package, Project, Surroundings
from plait.core.digest import Digest, digest
from plait.errors import FingerprintError

Encode: TypeAlias = Callable[[object, Callable[[object], bytes]], bytes]

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_SIMPLE = frozenset({int, float, bool, str, bytes, complex, type(None), list, dict, set, tuple, frozenset})


class Unit:
    """One thing that code reaches."""

    __slots__ = (
        "_notes", "_own", "_said", "asks", "digest", "ignored", "kind", "links", "name", "opaque", "random", "sets",
        "text", "thing",
    )  # fmt: skip

    def __init__(self, kind: str, name: str, thing: object) -> None:
        self.kind = kind
        self.name = name
        self.thing = thing  # held, so that its id stays its own
        self.text = ""
        self.links: list[Unit] = []
        self.opaque: list[str] = []
        self.ignored: list[int] = []
        self.random = False
        self.sets: set[str] = set()  # modules whose settings it changes, as its names tell
        self.asks: set[str] = set()  # what it asks of other code that counts nowhere else, see `asking.py`
        self.digest: Digest | None = None
        self._own: Digest | None = None
        self._said: list[bytes] = []
        self._notes: list[str] = [kind]

    @property
    def own(self) -> Digest:
        """The digest of what it says itself, and of nothing that it reaches."""
        if self._own is None:
            self._own = digest("own", "\n".join(self._notes).encode("utf-8", "backslashreplace"), *self._said)
        return self._own

    def say(self, content: bytes) -> None:
        """Add content of any length and form."""
        self._said.append(content)

    def note(self, text: str) -> None:
        """Add a few words; one line, since lines are what keeps notes apart."""
        self._notes.append(text)

    def reach(self, link: "Link", *, called: bool = False) -> None:
        """Name another thing. What that is called, and what was set on it, count too, unless it is merely called."""
        label, unit, ignored, name, attributes = link
        self._notes.append(label if called or not name else f"{label} {name}")
        if attributes is not None and not called:
            self._notes.append("with attributes")
            self.links.append(attributes)
        if unit is not None and not (unit.kind == "package" and unit in self.links):
            self.links.append(unit)
        if ignored:
            self.ignored.append(ignored)


class Link(NamedTuple):
    """What a name leads to: what is said of it where it is named, and the unit, if there is more to say."""

    label: str
    unit: Unit | None = None
    ignored: int = 0
    name: str = ""  # what it is called, and what was set on it: count wherever somebody might ask for them
    attributes: Unit | None = None


Kinds: TypeAlias = Callable[["Units", object, str], Link | None]


class Units:
    """All units of one snapshot of the live program, each made once.

    `kinds` says what to make of a thing that is code; what it does not know is a constant.
    """

    def __init__(self, surroundings: Surroundings, encode: Encode, kinds: Kinds, ignored: Mapping[int, object]) -> None:
        self.surroundings = surroundings
        self._encode = encode
        self._kinds = kinds
        self._ignored = ignored
        self._ignored_modules = {m.__name__: id(m) for m in ignored.values() if isinstance(m, types.ModuleType)}
        self._code: dict[int, Link] = {}
        self._constants: dict[tuple[int, str], Link] = {}
        self._packages: dict[str, Unit] = {}
        self.quiet: dict[tuple[int, tuple[str, ...]], tuple[Link, object]] = {}  # see `reaching.py`
        self._closed: dict[int, Callable[[], None]] = {}
        self._held: list[object] = []  # ids are only names as long as what they name is alive

    def link(self, thing: object, name: str) -> Link:
        """What to say of a thing where it is named."""
        known = self._code.get(id(thing))
        if known is None:
            known = self._constants.get((id(thing), name))
        if known is not None:
            return known
        self._held.append(thing)
        link = self.ignored(thing)
        if link is None and type(thing) not in _SIMPLE:
            link = self._kinds(self, thing, name)
        if link is not None:
            self._code[id(thing)] = link
            return link
        unit = self.unit("constant", name, thing, self._open_constant)
        link = self._constants[id(thing), name] = Link("constant", unit)
        return link

    def outside(self, dotted: str, origin: Origin) -> Link:
        """What is said of code that is not followed: its name, and the version of its package."""
        ignored = self._ignore_module(dotted)
        label = "outside:" + dotted.replace("\n", " ")
        if ignored is not None:
            return Link(label, ignored=ignored)
        return Link(label, self.package(origin) if isinstance(origin, Package) else None)

    def package(self, package: Package) -> Unit:
        """An installed distribution, as one unit."""
        if package.name not in self._packages:
            unit = self._packages[package.name] = Unit("package", package.name, package)
            unit.text = package.version
            unit.note(f"{package.name} {package.version}")
        return self._packages[package.name]

    def is_project(self, module: str) -> bool:
        return isinstance(self.surroundings.origin(module), Project)

    def unit(self, kind: str, name: str, thing: object, opened: Callable[[Unit], None]) -> Unit:
        """A unit that will say what it is when it is opened."""
        unit = Unit(kind, name, thing)
        self._closed[id(unit)] = functools.partial(opened, unit)
        self._held.append(unit)
        return unit

    def open(self, unit: Unit) -> Unit:
        """Let a unit say what it is, if it has not yet."""
        opened = self._closed.pop(id(unit), None)
        if opened is not None:
            opened()
        return unit

    def open_all(self, root: Unit) -> list[tuple[Unit, Unit | None]]:
        """All that is reached, opened, nearest first, each with the one through which the walk first came to it."""
        met = {id(root)}
        order: list[tuple[Unit, Unit | None]] = [(root, None)]
        for unit, _ in order:  # grows while we walk it
            for link in self.open(unit).links:
                if id(link) not in met:
                    met.add(id(link))
                    order.append((link, unit))
        return order

    def ignored(self, thing: object) -> Link | None:
        """What is said of a thing that a step was told to ignore; None for all others."""
        if not self._ignored:
            return None
        if id(thing) in self._ignored:
            return Link("ignored", ignored=id(thing))
        module = getattr(thing, "__module__", None) if isinstance(thing, type | types.FunctionType) else None
        ignored = self._ignore_module(module) if isinstance(module, str) and self.is_project(module) else None
        return None if ignored is None else Link("ignored", ignored=ignored)

    def _ignore_module(self, dotted: str) -> int | None:
        for module, identity in self._ignored_modules.items():
            if dotted == module or dotted.startswith(module + "."):
                return identity
        return None

    def _open_constant(self, unit: Unit) -> None:
        """Write a value. What code it holds is written as a stand-in, and linked, since that code may lead back here.

        A stand-in is what the code itself says, so that it is the same in whatever order a set gives its items; where
        two say the same but may reach different things, a number tells them apart.
        """
        met: dict[bytes, list[tuple[int, Link]]] = {}

        def follow(thing: object) -> bytes:
            link = self.link(thing, f"{unit.name}: {getattr(thing, '__name__', type(thing).__name__)}")
            if link.label == "constant":
                raise FingerprintError(f"{thing!r} is code of a kind that cannot be followed")
            if link.label.startswith("outside:") and isinstance(thing, type):
                unit.random = unit.random or takes_random_state(thing)  # an estimator, seeded or not
            own = f"{link.label if link.unit is None else self.open(link.unit).own} {link.name}".encode()
            alike = met.setdefault(own, [])
            for number, (identity, _) in enumerate(alike):
                if identity == id(link.unit or thing):
                    return own + b"#%d" % number
            alike.append((id(link.unit or thing), link))
            return own + b"#%d" % (len(alike) - 1)

        unit.text = _shown(unit.thing)
        try:
            unit.say(self._encode(unit.thing, follow))
        except FingerprintError as error:
            kind = type(unit.thing)
            unit.note(f"unnamed {kind.__module__}.{kind.__qualname__}")
            if kind.__module__ in ("typing", "types", "typing_extensions"):
                unit.say(_ADDRESS.sub("", repr(unit.thing)).encode())
            else:
                unit.opaque.append(f"{unit.name}: {error}")
        for own in sorted(met):
            for _, link in met[own]:
                unit.reach(link)


def _shown(value: object) -> str:
    """A value as a person would know it again, short, and without paying for the display of a table."""
    kind = type(value)
    if type(value) in _SIMPLE:
        return _REPR.repr(value)
    if hasattr(value, "shape"):
        return f"{kind.__name__} of shape {value.shape}"
    try:
        return _ADDRESS.sub("", repr(value))[:200]
    except Exception:  # it is only for display, and repr is the user's code
        return f"a {kind.__name__}"


_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = 120
_REPR.maxlist = _REPR.maxtuple = _REPR.maxdict = _REPR.maxset = _REPR.maxfrozenset = 12
_REPR.maxlevel = 3
