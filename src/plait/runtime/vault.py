"""Where values are kept, and in what form they are handed on.

A value that a step made is *published* once: made canonical (one layout, so that equal digests mean equal bits),
named, and written. What a reader gets is *shared* from it: nothing that the reader does reaches anybody else.
The same happens in every executor, and whether the value was made now or read back.
"""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from plait.core.calling import join, split
from plait.core.containers import IMMUTABLE, is_container, rebuild
from plait.core.definition import Definition
from plait.core.digest import Digest, Key
from plait.core.records import BY_KEY, Artifact, by_key
from plait.errors import ArtifactLost, FingerprintError, PlaitError, StoreError, UnnamedResult
from plait.files import Dir, File
from plait.ports import Blobs, Codec, UnwritableError
from plait.runtime.naming import Naming, unnamed, warn_once

INLINE = 16 * 1024  # values up to this many bytes ride inside their record


class Vault:
    """The codecs and the blobs of a run, small enough to be sent to a worker once."""

    def __init__(self, blobs: Blobs, codecs: Sequence[Codec], environment: Mapping[str, str], *, strict: bool) -> None:
        self.blobs = blobs
        self.codecs = tuple(codecs)
        self.naming = Naming(codecs, environment, strict=strict)
        self._remade = codecs, environment, strict
        self._by_name = {codec.name: codec for codec in codecs}
        self._by_type: dict[type, Codec] = {}
        self._stable: dict[type, bool] = {}

    def __reduce__(self) -> Any:
        return _vault, (self.blobs, *self._remade)

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
            return value
        if is_container(cls):
            return rebuild(value, self.canonical)
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
        if is_container(cls):
            return rebuild(value, self.share)
        try:
            return self.codec(value).share(value)
        except Exception:
            if value is not None and self._by_type[cls].runs_code:
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
        if type(value) is File:
            return self._publish_file(value, scratch)
        if scratch is not None:
            value = self.out_of_scratch(value, scratch)
        digest = None
        try:
            digest = self.naming.digest(value)
            return self._keep(value, digest)
        except (FingerprintError, UnwritableError) as reason:
            warn_once(UnnamedResult, unnamed(_result(definition, value), reason))
            if digest is None or isinstance(reason, FingerprintError):
                digest = Digest(BY_KEY + key)
            return Artifact(digest, "memory"), value

    def _keep(self, value: Any, digest: Digest) -> tuple[Artifact, Any]:
        codec = self.codec(value)
        canonical = _attempt(self.canonical, value)
        try:
            return self._write(digest, codec, canonical), canonical
        except UnwritableError:
            last = self.codecs[-1]
            if codec is last:
                raise
            return self._write(digest, last, canonical), canonical

    def _is_stable(self, cls: type, value: Any, made: Any) -> bool:
        """Does a value of this type come back as itself? Tried once a type, where only a general codec knows it."""
        if cls not in self._stable:
            self._stable[cls] = self.naming.digest(value) == self.naming.digest(made)
        return self._stable[cls]

    def _write(self, digest: Digest, codec: Codec, value: Any) -> Artifact:
        head = _Head()
        try:
            _attempt(codec.write, value, head)
        except _TooLongError:
            blob, size = self.blobs.put(lambda file: _attempt(codec.write, value, file))
            return Artifact(digest, "blob", codec.name, blob, size)
        data = head.getvalue()
        return Artifact(digest, "inline", codec.name, size=len(data), data=data)

    def _publish_file(self, file: File, scratch: Path | None) -> tuple[Artifact, Any]:
        if not Path(file).is_file():
            raise PlaitError(f"the result is {file!r}, and there is no such file; write it before you return it")
        codec = self.codec(file)
        digest = self.naming.digest(file)
        if scratch is None or scratch not in Path(file).parents:
            return Artifact(digest, "reference", codec.name, str(file), Path(file).stat().st_size), file
        blob, size = self.blobs.put(lambda out: codec.write(file, out))
        artifact = Artifact(digest, "blob", codec.name, blob, size, data=file.suffix.encode())
        return artifact, self.load(artifact)

    def out_of_scratch(self, value: Any, scratch: Path) -> Any:
        """The same value, with files that lie in the scratch folder moved into the store."""
        cls = type(value)
        if cls in IMMUTABLE:
            return value
        if cls is File:
            return self._publish_file(value, scratch)[1]
        if cls is Dir and (Path(value) == scratch or scratch in Path(value).parents):
            raise PlaitError("a folder in Scratch cannot be a result; return its files: Dir(path).files()")
        return rebuild(value, lambda item: self.out_of_scratch(item, scratch)) if is_container(cls) else value

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
            return self._referred(artifact)
        if codec.runs_code and not self.blobs.private:
            raise StoreError(
                f"reading a value of the codec {codec.name!r} can run code, and others can write to this store; "
                f"keep the store in a folder that only you can write to"
            )
        try:
            if artifact.where == "inline":
                return codec.read(artifact.data)
            return codec.read(self.blobs.path(artifact.blob, artifact.data.decode()))
        except ArtifactLost as lost:  # the store knows its blobs, not what they were the bytes of
            raise ArtifactLost(str(lost), digest=artifact.digest) from None
        except (ImportError, AttributeError) as error:  # its class is gone, or has moved
            raise ArtifactLost(f"it cannot be read any more: {error}", digest=artifact.digest) from error

    def available(self, artifact: Artifact) -> bool:
        """Could it be read, as far as can be told without reading it?"""
        match artifact.where:
            case "inline":
                return True
            case "blob":
                return self.blobs.has(artifact.blob)
            case "parts":
                return all(self.available(part) for _, part in artifact.parts)
            case "reference":
                return Path(artifact.blob).is_file() and self.naming.digest(File(artifact.blob)) == artifact.digest
            case _:
                return False

    def _referred(self, artifact: Artifact) -> File:
        file = File(artifact.blob)
        if not Path(file).is_file() or self.naming.digest(file) != artifact.digest:
            raise ArtifactLost(f"{file} is gone, or is another file than it was", digest=artifact.digest)
        return file


def _vault(blobs: Blobs, codecs: Sequence[Codec], environment: Mapping[str, str], strict: bool) -> Vault:
    return Vault(blobs, codecs, environment, strict=strict)


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
