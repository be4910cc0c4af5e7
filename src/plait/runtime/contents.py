"""What is in the files that a run is given: each of them has one content for as long as the run lasts.

What a step made of a file is kept under the content that the file had when the step's key was made. So the first name
that a file gets in a run is remembered, and asked for again when a step that read it is done: if it is another one
then, nobody can say what the step saw, and its result is not kept.
"""

import copy
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from typing import Any

from plait.core.containers import IMMUTABLE, is_container, rebuilt
from plait.core.digest import Digest
from plait.core.graph import Fed, Node
from plait.core.sources import Ambient, Const, Param, constants, params
from plait.errors import ArtifactLost, InputChanged
from plait.files import Dir, File, content_of
from plait.ports import Blobs, Codec, is_of_files

Held = Mapping[str, Sequence[File | Dir]]

_NO_CONSTANT = frozenset({Param, Ambient})


class Contents:
    """The names of what is in files, in one run; small enough to be sent to a worker."""

    def __init__(
        self, blobs: Blobs, known: Mapping[File | Dir, Digest] | None = None, held: Held | None = None
    ) -> None:
        self.blobs = blobs
        self.known = dict(known or {})
        self.held = dict(held or {})  # the files that are in parameters, however deep, by address
        self._met: list[File | Dir] | None = None

    def __reduce__(self) -> Any:
        return Contents, (self.blobs, self.known, self.held)

    def bound(self, codecs: Sequence[Codec]) -> tuple[Codec, ...]:
        """Codecs, of which the one of files asks here."""
        return tuple([codec.with_contents(self) if is_of_files(codec) else codec for codec in codecs])

    def __call__(self, value: File | Dir) -> Digest:
        """The name of what is in a file or folder; `InputChanged` if that was something else before in this run."""
        content = self.now(value)
        if self.blobs.owned(str(value)):  # a blob has one content, which was verified
            return content
        if self.known.setdefault(value, content) != content:
            message = f"{value} changed since this run began. Run again, when nothing writes to it"
            raise InputChanged(message, path=str(value))
        if self._met is not None:
            self._met.append(value)
        return content

    def know(self, inputs: Iterable[Fed]) -> None:
        """Names the files that nodes were given in the graph, so that workers know of them too."""
        for node, name, source in inputs:
            if type(source) in _NO_CONSTANT or (isinstance(source, Const) and type(source.value) in IMMUTABLE):
                continue
            for constant in constants(source) if name not in node.definition.unkeyed else ():
                for file in files_in(constant):
                    try:
                        self(file)
                    except InputChanged as error:
                        raise InputChanged(f"{node.name}({name}): {error}", path=error.path) from error

    def now(self, value: File | Dir) -> Digest:
        """The name of what is in it now, whatever it was before; nothing is remembered."""
        return content_of(value, self.blobs.fingerprint)

    @contextmanager
    def meeting(self, address: str) -> Iterator[None]:
        """While a parameter is named, the files that are in it are noted."""
        self._met = []
        try:
            yield
        finally:
            if self._met:
                self.held[address] = tuple(self._met)
            self._met = None

    def read_by(self, node: Node, arguments: Mapping[str, Any]) -> dict[File | Dir, str]:
        """The files that a node is given, each with the argument that it is in."""
        found: dict[File | Dir, str] = {}
        unkeyed = node.definition.unkeyed
        for name, source in node.inputs:
            if type(arguments[name]) in IMMUTABLE or name in unkeyed:
                continue
            if self.held:
                for param in params(source):
                    found.update(dict.fromkeys(self.held.get(param.address, ()), name))
            found.update(dict.fromkeys(files_in(arguments[name]), name))
        return found

    def check(self, node: str, read: Mapping[File | Dir, str]) -> None:
        """Are they all what they were when the key of the node was made?"""
        for file, name in read.items():
            try:
                self(file)
            except (InputChanged, ArtifactLost, OSError) as error:
                raise InputChanged(
                    f"{node}: {file}, which it was given as {name}, changed while it ran, so what it made is not "
                    f"kept. Run again, when nothing writes to {file}",
                    path=str(file),
                ) from error


def files_in(value: Any) -> Iterator[File | Dir]:
    """The files in a value: in containers, NamedTuples, dataclasses and pydantic's models, as deep as these go.

    Without recursion, and each container once: it may be very deep, hold one thing often, or lead back to itself.
    """
    if type(value) in IMMUTABLE:
        return
    kinds: dict[type, Callable[[Any], Collection[Any]] | None] = {}
    met: set[int] = set()
    holders: list[Collection[Any]] = [(value,)]
    for holder in holders:  # grows while we walk it
        for item in holder:
            cls = type(item)
            if cls in IMMUTABLE:
                continue
            if cls is File or cls is Dir:
                yield item
                continue
            if cls not in kinds:
                kinds[cls] = _held_by(cls)
            held = kinds[cls]
            if held is None:
                continue
            inner = item if held is _itself else held(item)
            if not IMMUTABLE.issuperset(map(type, inner)) and id(item) not in met:  # quicker than a look at each
                met.add(id(item))
                holders.append(inner)


def _held_by(cls: type) -> Callable[[Any], Collection[Any]] | None:
    """How to get at what a value of this type holds; None where it is no container."""
    if cls is dict:
        return dict.values
    if is_container(cls):
        return _itself
    if is_dataclass(cls):
        names = [field.name for field in fields(cls)]
        return lambda value: [getattr(value, name, None) for name in names]
    return (lambda value: list(vars(value).values())) if hasattr(cls, "__pydantic_fields__") else None


def _itself(value: Collection[Any]) -> Collection[Any]:
    return value


def with_files(value: Any, change: Callable[[File | Dir], File | Dir]) -> Any:
    """The same value, around other files; the very same, if none is changed."""
    changed: dict[File | Dir, File | Dir] = {}
    for file in files_in(value):
        if file not in changed:
            changed[file] = change(file)
    if all([new is old for old, new in changed.items()]):
        return value
    copies: dict[int, tuple[Any, Any]] = {}  # of dataclasses and models, by the id of what was copied

    def again(item: Any) -> Any:
        return rebuilt(item, other) if is_container(type(item)) else other(item)

    def other(item: Any) -> Any:
        cls = type(item)
        if cls is File or cls is Dir:
            return changed[item]
        if next(files_in(item), None) is None:
            return item
        if id(item) not in copies:
            made = copy.copy(item)
            copies[id(item)] = item, made  # before we go in: it may lead back to itself
            names = [field.name for field in fields(cls)] if is_dataclass(cls) else list(vars(item))
            for name in names:
                if hasattr(item, name):
                    object.__setattr__(made, name, again(getattr(item, name)))  # it may be frozen
        return copies[id(item)][1]

    return again(value)
