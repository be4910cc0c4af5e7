"""What is in the files that a run is given: each of them has one content for as long as the run lasts.

What a step made of a file is kept under the content that the file had when the step's key was made. So the first name
that a file gets in a run is remembered, and asked for again when a step that read it is done: if it is another one
then, nobody can say what the step saw, and its result is not kept.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from typing import Any

from plait.core.containers import IMMUTABLE, is_container
from plait.core.digest import Digest
from plait.core.graph import Node
from plait.core.sources import Collect, Const, Source, params
from plait.errors import ArtifactLost, InputChanged
from plait.files import Dir, File, content_of
from plait.ports import Blobs, Codec, FileCodec

Held = Mapping[str, Sequence[File | Dir]]


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
        return tuple([codec.with_contents(self) if isinstance(codec, FileCodec) else codec for codec in codecs])

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

    def know(self, nodes: Iterable[Node]) -> None:
        """Names the files that nodes were given in the graph, so that workers know of them too."""
        for node in nodes:
            for name, source in node.inputs:
                for constant in constants(source) if name not in node.definition.unkeyed else ():
                    for file in files_in(constant):
                        self(file)

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


def constants(source: Source) -> Iterator[Any]:
    """The values that are in a source itself."""
    if isinstance(source, Const):
        yield source.value
    elif isinstance(source, Collect):
        for item in source.items:
            yield from constants(item)


def files_in(value: Any) -> Iterator[File | Dir]:
    """The files in a value: in containers, NamedTuples, dataclasses and pydantic's models, as deep as these go."""
    cls = type(value)
    if cls in IMMUTABLE:
        return
    if cls is File or cls is Dir:
        yield value
    elif cls is dict:
        for item in value.values():
            yield from files_in(item)
    elif is_container(cls):
        for item in value:
            if type(item) not in IMMUTABLE:
                yield from files_in(item)
    elif is_dataclass(cls):
        for field in fields(cls):
            yield from files_in(getattr(value, field.name, None))
    elif hasattr(cls, "__pydantic_fields__"):
        yield from files_in(vars(value))


def with_files(value: Any, change: Any) -> Any:
    """The same value, around other files; the very same, if none is changed."""
    cls = type(value)
    if cls in IMMUTABLE:
        return value
    if cls is File or cls is Dir:
        return change(value)
    if cls is dict:
        items = {key: with_files(item, change) for key, item in value.items()}
        return items if any(items[key] is not item for key, item in value.items()) else value
    if is_container(cls):
        made = [item if type(item) in IMMUTABLE else with_files(item, change) for item in value]
        if all([new is old for new, old in zip(made, value, strict=True)]):
            return value
        return cls._make(made) if hasattr(cls, "_make") else cls(made)
    if is_dataclass(cls) or hasattr(cls, "__pydantic_fields__"):
        names = [field.name for field in fields(cls)] if is_dataclass(cls) else list(vars(value))
        return _with_fields(value, {name: getattr(value, name) for name in names if hasattr(value, name)}, change)
    return value


def _with_fields(value: Any, held: Mapping[str, Any], change: Any) -> Any:
    import copy

    changed = {name: new for name, old in held.items() if (new := with_files(old, change)) is not old}
    if not changed:
        return value
    made = copy.copy(value)
    for name, new in changed.items():
        object.__setattr__(made, name, new)  # it may be frozen
    return made
