"""Where values are kept, and in what form they are handed on.

A value that a step made is *published* once: made canonical (one layout, so that equal digests mean equal bits),
named, and written. What a reader gets is *shared* from it: nothing that the reader does reaches anybody else.
The same happens in every executor, and whether the value was made now or read back.
"""

import io
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from plait.core.calling import join, split
from plait.core.containers import IMMUTABLE, UncopiableError, is_container, one_nan, rebuilt
from plait.core.definition import Definition
from plait.core.digest import Digest, Key
from plait.core.error_text import describe_error
from plait.core.records import BY_KEY, Artifact, by_key
from plait.core.tuples import new
from plait.errors import ArtifactLost, FingerprintError, StoreError, UnnamedResult
from plait.files import Dir, File, attached
from plait.ports import Blobs, Codec, UnwritableError
from plait.runtime.contents import Contents
from plait.runtime.kept import KeptFiles
from plait.runtime.naming import Naming, warn_once
from plait.runtime.unkept import unnamed

INLINE = 16 * 1024  # values up to this many bytes ride inside their record
GATHERED = 1 << 22  # up to here they are written to memory first, and once only


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
        if not codec.names_values and not self._is_stable(cls, value, made):
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
            if not is_container(cls) and not self._by_type[cls].names_values:
                return value  # it could not be kept either, which was said when it was made
            raise

    def hold(self, definition: Definition, value: Any) -> Any:
        """A result in the form in which readers get it, for a run that keeps nothing."""
        try:
            return self.canonical(value)
        except Exception as error:
            warn_once(UnnamedResult, unnamed(_result(definition, value), value, error))
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

    def keep(self, value: Any) -> Artifact:
        """Keeps a value that no node made; raises `FingerprintError` or `UnwritableError` where that cannot be."""
        canonical = self.canonical(value)
        return self._keep(canonical, self.naming.digest(canonical))

    def _publish(self, definition: Definition, value: Any, key: Key, scratch: Path | None) -> tuple[Artifact, Any]:
        if scratch is not None:
            value = self.files.out_of_scratch(value, scratch)
        if type(value) in (File, Dir):
            return self.files.artifact(value), value
        digest, canonical = Digest(BY_KEY + key), value
        try:
            if self.codec(value).maps(value) and (mapped := self._mapped(value)) is not None:
                return mapped
            try:
                content = self.naming.digest(value)
            except FingerprintError:
                content = self._name_the_rest(value, digest)
            canonical = _attempt(self.canonical, value)
            digest = content  # only now: what is not canonical is no more than how it was made
            return self._keep(canonical, digest), canonical
        except (FingerprintError, UnwritableError) as reason:
            said = unnamed(_result(definition, value), value, reason, by_content=not by_key(digest))
            warn_once(UnnamedResult, said)
            return Artifact(digest, "memory"), canonical

    def _name_the_rest(self, value: Any, by_its_key: Digest) -> Digest:
        """The digest by its key of a value that has none; if its codecs keep such values, such as figures.

        Called while the `FingerprintError` of the value is handled, which goes on where they do not.
        """
        kept: list[Any] = []

        def without(item: Any) -> Any:
            if not getattr(self.codec(item), "named_by_key", False):
                return item
            kept.append(item)
            return None

        rest = rebuilt(value, without) if is_container(type(value)) else without(value)
        if not kept:
            raise
        self.naming.digest(rest)  # what else is in it must have a name: it might be a plan, or a connection
        return by_its_key

    def _mapped(self, value: Any) -> tuple[Artifact, Any] | None:
        """Writes a long value as it is, and hands on its file, so that no copy of it is made; none if it cannot be."""
        codec = self.codec(value)
        with suppress(UnwritableError, ArtifactLost):
            artifact = self._write(Digest(""), codec, value, long=True)
            mapped = codec.read(self.blobs.path(artifact.blob, fresh=True))
            digest = self.naming.digest_of_file(value, codec.name, artifact.size, artifact.blob)
            return artifact._replace(digest=digest), mapped
        return None

    def _keep(self, canonical: Any, digest: Digest) -> Artifact:
        """Writes a value with the first codec, from its own on, that can bring it back exactly."""
        own = self.codec(canonical)
        try:
            return self._write(digest, own, canonical)
        except UnwritableError as error:
            reason = error
        for codec in self.codecs[self.codecs.index(own) + 1 :]:
            if codec.accepts(canonical):
                try:
                    return self._write(digest, codec, canonical)
                except UnwritableError as error:
                    reason = error
        raise reason

    def _is_stable(self, cls: type, value: Any, made: Any) -> bool:
        """Does a value of this type come back as itself? Tried once a type, where only a general codec knows it."""
        if cls not in self._stable:
            self._stable[cls] = self.naming.digest(value) == self.naming.digest(made)
        return self._stable[cls]

    def _write(self, digest: Digest, codec: Codec, value: Any, *, long: bool = False) -> Artifact:
        if type(value) in IMMUTABLE:  # nothing can be attached to it
            return self._written(digest, codec, value, long=long)
        held: dict[File | Dir, int] = {}
        with attached(held):
            artifact = self._written(digest, codec, value, long=long)
        return artifact._replace(files=tuple(map(self.files.artifact, held))) if held else artifact

    def _written(self, digest: Digest, codec: Codec, value: Any, *, long: bool) -> Artifact:
        head = _Head()
        try:
            if long:
                raise _TooLongError
            _attempt(codec.write, value, head)
        except _TooLongError:
            blob, size = self.blobs.put(lambda file: _attempt(codec.write, value, file))
            return Artifact(digest, "blob", codec.name, blob, size)
        data = head.getvalue()
        if len(data) <= INLINE:
            return new(Artifact, (digest, "inline", codec.name, "", len(data), data, (), ()))
        blob, size = self.blobs.put(partial(_copy, data))
        return Artifact(digest, "blob", codec.name, blob, size)

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
        if not self._may_read(codec):
            raise ArtifactLost(f"{codec.name!r} can run code, and others can write here", digest=artifact.digest)
        try:
            inline = artifact.where == "inline"
            with attached([self.files.load(file) for file in artifact.files]):
                value = codec.read(
                    artifact.data
                    if inline
                    else self.blobs.path(artifact.blob, artifact.data.decode("utf-8", "surrogatepass"))
                )
        except ArtifactLost as lost:  # the store knows its blobs, not what they were the bytes of
            raise ArtifactLost(str(lost), digest=artifact.digest) from None
        except (StoreError, MemoryError):
            raise
        except Exception as error:  # its class is gone, or has moved; or somebody else wrote it, to do harm
            said = f"it cannot be read any more: {describe_error(error)}"
            raise ArtifactLost(said, digest=artifact.digest) from error
        if (
            codec.runs_code
            and not by_key(artifact.digest)
            and _of_main(value)
            and self.naming.digest(value) != artifact.digest
        ):
            raise ArtifactLost("its class is another one now", digest=artifact.digest)
        return value

    def _may_read(self, codec: Codec) -> bool:
        """Is it safe to? Not if that can run code, and others can write to the store."""
        if not codec.runs_code or self.blobs.private:
            return True
        warn_once(
            UserWarning,
            f"values of the codec {codec.name!r} are not read from this store, since others can write to it, and to "
            "read them can run code: they are made again. Keep results in your own folder with this one behind it, "
            "and share a key: store=Layered(Local(...), Remote(...)); see docs/how-to/share-a-cache.md",
        )
        return False

    def available(self, artifact: Artifact) -> bool:
        """Can its bytes be read, and are they those that were kept?"""
        codec = self._by_name.get(artifact.codec)
        if artifact.codec and (codec is None or not self._may_read(codec)):
            return False
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
        raise UnwritableError(describe_error(error)) from error


def _copy(data: bytes, file: BinaryIO) -> None:
    file.write(data)


class _TooLongError(Exception):
    """A value is too long to be gathered in memory."""


class _Head(io.BytesIO):
    """Takes what is short, so that nobody has to know before how long it is, and no more."""

    def write(self, data: Any, /) -> int:
        if self.tell() + (len(data) if type(data) is bytes else memoryview(data).nbytes) > GATHERED:
            raise _TooLongError
        return super().write(data)
