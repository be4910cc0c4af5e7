"""Where values are kept, and in what form they are handed on.

A value that a step made is *published* once: made canonical (one layout, so that equal digests mean equal bits),
named, and written. What a reader gets is *shared* from it: nothing that the reader does reaches anybody else.
The same happens in every executor, and whether the value was made now or read back.
"""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from plait.core.calling import join, split
from plait.core.containers import IMMUTABLE, UncopiableError, is_container, one_nan, rebuilt
from plait.core.definition import Definition
from plait.core.digest import Digest, Key
from plait.core.records import BY_KEY, Artifact, by_key
from plait.errors import ArtifactLost, FingerprintError, StoreError, UnnamedResult
from plait.files import Dir, File, attached
from plait.ports import Blobs, Codec, UnwritableError
from plait.runtime.contents import Contents
from plait.runtime.kept import KeptFiles
from plait.runtime.naming import Naming, unnamed, warn_once

INLINE = 16 * 1024  # values up to this many bytes ride inside their record


class Vault:
    """The codecs and the blobs of a run, small enough to be sent to a worker once."""

    def __init__(
        self,
        blobs: Blobs,
        codecs: Sequence[Codec],
        naming: Naming,
        contents: Contents,
    ) -> None:
        self.blobs = blobs
        self.codecs = tuple(codecs)
        self.naming = naming
        self.contents = contents
        self.files = KeptFiles(blobs, contents, codecs, naming.digest)
        self._by_name = {codec.name: codec for codec in codecs}
        self._by_type: dict[type, Codec] = {}
        self._stable: dict[type, bool] = {}

    def __reduce__(self) -> Any:
        return Vault, (self.blobs, self.codecs, self.naming, self.contents)

    def codec(self, value: Any) -> Codec:
        """The codec of a value's type."""
        cls = type(value)
        found = self._by_type.get(cls)
        if found is None:
            found = self._by_type[cls] = next(codec for codec in self.codecs if codec.accepts(value))
        return found

    def canonical(self, value: Any) -> Any:
        """The value in its one layout."""
        cls = type(value)
        if cls in IMMUTABLE:
            return one_nan(value)
        if is_container(cls):
            return rebuilt(value, self.canonical)
        codec = self.codec(value)
        made = codec.canonical(value)
        if codec.runs_code and not self._is_stable(cls, value, made):
            raise FingerprintError(f"a {cls.__qualname__} is another value after it was written and read back")
        return made

    def share(self, value: Any) -> Any:
        """A canonical value for one reader."""
        cls = type(value)
        if cls in IMMUTABLE:
            return value
        try:
            return rebuilt(value, self.share) if is_container(cls) else self.codec(value).share(value)
        except UncopiableError:
            return value  # as below
        except Exception:
            if not is_container(cls) and self._by_type[cls].runs_code:
                return value  # it could not be kept either, which was said when it was made
            raise

    def hold(self, definition: Definition, value: Any) -> Any:
        """A result in the form in which readers get it, for a run that keeps nothing."""
        try:
            return self.canonical(value)
        except Exception as error:
            warn_once(UnnamedResult, unnamed(_result(definition, value), error))
            return value

    def publish(self, definition: Definition, value: Any, key: Key, scratch: Path | None) -> tuple[Artifact, Any]:
        """Makes a result canonical, names it and keeps it: its artifact, and the canonical value."""
        if not definition.parts:
            return self._publish(definition, value, key, scratch)
        pairs = {
            name: self._publish(definition, part, Key(f"{key}.{name}"), scratch)
            for name, part in split(definition, value).items()
        }
        whole = join(type(value), {name: canonical for name, (_, canonical) in pairs.items()})
        parts = tuple((name, artifact) for name, (artifact, _) in pairs.items())
        digest = self.naming.parts_digest(type(value), [(name, part.digest) for name, part in parts])
        if any(by_key(part.digest) for _, part in parts):
            digest = Digest(BY_KEY + digest)
        return Artifact(digest, "parts", parts=parts), whole

    def given(self, definition: Definition, value: Any) -> Artifact:
        """The artifact of a value that was given for a node: named, and kept by whoever gave it."""
        if not definition.parts:
            return Artifact(self.naming.digest(value), "memory")
        parts = tuple(
            (name, Artifact(self.naming.digest(part), "memory")) for name, part in split(definition, value).items()
        )
        digest = self.naming.parts_digest(type(value), [(name, part.digest) for name, part in parts])
        return Artifact(digest, "parts", parts=parts)

    def _publish(self, definition: Definition, value: Any, key: Key, scratch: Path | None) -> tuple[Artifact, Any]:
        if scratch is not None:
            value = self.files.out_of_scratch(value, scratch)
        if type(value) in (File, Dir):
            return self.files.artifact(value), value
        digest, canonical = Digest(BY_KEY + key), value
        try:
            content = self.naming.digest(value)
            canonical = _attempt(self.canonical, value)
            digest = content  # only now: what is not canonical is no more than how it was made
            return self._keep(canonical, digest), canonical
        except (FingerprintError, UnwritableError) as reason:
            warn_once(UnnamedResult, unnamed(_result(definition, value), reason))
            return Artifact(digest, "memory"), canonical

    def _keep(self, canonical: Any, digest: Digest) -> Artifact:
        codec = self.codec(canonical)
        try:
            return self._write(digest, codec, canonical)
        except UnwritableError:
            last = self.codecs[-1]
            if codec is last:
                raise
            return self._write(digest, last, canonical)

    def _is_stable(self, cls: type, value: Any, made: Any) -> bool:
        """Does a value of this type come back as itself? Tried once a type, where only a general codec knows it."""
        if cls not in self._stable:
            self._stable[cls] = self.naming.digest(value) == self.naming.digest(made)
        return self._stable[cls]

    def _write(self, digest: Digest, codec: Codec, value: Any) -> Artifact:
        head = _Head()
        held: dict[File | Dir, int] = {}
        with attached(held):
            try:
                _attempt(codec.write, value, head)
            except _TooLongError:
                blob, size = self.blobs.put(lambda file: _attempt(codec.write, value, file))
                artifact = Artifact(digest, "blob", codec.name, blob, size)
            else:
                data = head.getvalue()
                artifact = Artifact(digest, "inline", codec.name, size=len(data), data=data)
        return artifact._replace(files=tuple(map(self.files.artifact, held))) if held else artifact

    def load(self, artifact: Artifact, cls: type = tuple) -> Any:
        """The canonical value of an artifact; `ArtifactLost` where its bytes are gone. `cls` joins parts."""
        if artifact.where == "parts":
            return join(cls, {name: self.load(part) for name, part in artifact.parts})
        if artifact.where == "memory":
            raise ArtifactLost("it was kept in memory only, by the run that made it", digest=artifact.digest)
        codec = self._by_name.get(artifact.codec)
        if codec is None:
            raise ArtifactLost(f"no codec {artifact.codec!r} is here to read it", digest=artifact.digest)
        if artifact.where == "reference":
            return self.files.load(artifact)
        if codec.runs_code and not self.blobs.private:
            raise StoreError(
                f"reading a value of the codec {codec.name!r} can run code, and others can write to this store; "
                f"keep the store in a folder that only you can write to"
            )
        try:
            inline = artifact.where == "inline"
            with attached([self.files.load(file) for file in artifact.files]):
                value = codec.read(artifact.data if inline else self.blobs.path(artifact.blob, artifact.data.decode()))
        except ArtifactLost as lost:  # the store knows its blobs, not what they were the bytes of
            raise ArtifactLost(str(lost), digest=artifact.digest) from None
        except (ImportError, AttributeError) as error:  # its class is gone, or has moved
            raise ArtifactLost(f"it cannot be read any more: {error}", digest=artifact.digest) from error
        if codec.runs_code and _of_main(value) and self.naming.digest(value) != artifact.digest:
            raise ArtifactLost("its class is another one now", digest=artifact.digest)
        return value

    def available(self, artifact: Artifact) -> bool:
        """Can its bytes be read, and are they those that were kept?"""
        if not all(map(self.files.available, artifact.files)):
            return False
        match artifact.where:
            case "inline":
                return True
            case "parts":
                return all(self.available(part) for _, part in artifact.parts)
            case "blob" | "reference":
                return self.files.available(artifact)
            case _:
                return False


def _of_main(value: Any) -> bool:
    """Could it hold instances of classes of `__main__`, which can be another class when they are read?"""
    return type(value).__module__ == "__main__" or is_container(type(value))


def _result(definition: Definition, value: Any) -> str:
    return f"{definition.name}() -> {type(value).__module__}.{type(value).__qualname__}"


def _attempt(act: Any, *arguments: Any) -> Any:
    """What a codec does; that it cannot do it is `UnwritableError`, whatever its library raises."""
    try:
        return act(*arguments)
    except (_TooLongError, UnwritableError, FingerprintError, StoreError, MemoryError):
        raise
    except Exception as error:
        raise UnwritableError(f"{type(error).__name__}: {error}") from error


class _TooLongError(Exception):
    """A value does not fit into its record."""


class _Head(io.BytesIO):
    """Takes what fits into a record, and no more."""

    def write(self, data: Any, /) -> int:
        if self.tell() + memoryview(data).nbytes > INLINE:
            raise _TooLongError
        return super().write(data)
