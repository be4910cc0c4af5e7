"""What the runtime needs of the outside: protocols, nothing else. An adapter implements one and imports no other."""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, NamedTuple, Protocol, Self, TypeGuard, runtime_checkable

from plait.core.digest import Digest, Key
from plait.core.records import Acceptance, Hit, Record
from plait.core.values import Stream
from plait.files import Dir, File
from plait.history.rows import RunRow as RunRow  # a ledger keeps them

if TYPE_CHECKING:
    from concurrent.futures import Future


class UnwritableError(Exception):
    """A codec cannot keep this value exactly; the next one is asked."""


class Codec(Protocol):
    """All that is known of one kind of value. One file a kind: `codecs/numpy.py` holds all of it."""

    name: str
    names_values: bool  # does `digest` name them? else what they are made of does
    runs_code: bool  # can reading it run code? Then it is read only from a store that nobody else can write to

    def accepts(self, value: Any, /) -> bool:
        """Is a value of this kind? Asked once a type, so only the type may decide."""
        ...

    def digest(self, value: Any, stream: Stream, /) -> None:
        """Writes what makes the value itself: equal content, equal digest."""
        ...

    def canonical(self, value: Any, /) -> Any:
        """The value in the one layout that `read` gives back too: equal digests must mean equal bits."""
        ...

    def share(self, value: Any, /) -> Any:
        """A canonical value for one reader: nothing that the reader does reaches anybody else."""
        ...

    def maps(self, value: Any, /) -> bool:
        """Will `read` map the file of this value? Then it is written as it is, and its file is what is handed on.

        So no copy is made of it. What is written of such a value must be what would be written of its canonical form.
        Where `digest` tells the stream of that file as a whole (`Stream.file`), its bytes are hashed only once.
        """
        ...

    def write(self, value: Any, file: BinaryIO, /) -> None:
        """Writes a canonical value; `UnwritableError` where it would not come back exactly."""
        ...

    def read(self, content: Path | bytes, /) -> Any:
        """The canonical value that was written, mapped from its file where that can be."""
        ...


class FileCodec(Codec, Protocol):
    """A codec of files, which need not be read again where somebody knows what is in them."""

    def with_contents(self, content: Callable[[File | Dir], Digest], /) -> Self:
        """The same codec, asking `content` for the name of what is in a file or folder."""
        ...


def is_of_files(codec: Codec) -> TypeGuard[FileCodec]:
    """Is it a codec of files? Python would look at each of its attributes, at every run."""
    return hasattr(codec, "with_contents")


class Blobs(Protocol):
    """Bytes under the hash of their content. Workers write here too, so it is small and can be pickled."""

    private: bool  # nobody else can write to it

    def put(self, write: Callable[[BinaryIO], None]) -> tuple[str, int]:
        """Keeps what `write` writes, whole or not at all: the name of the blob, and its size in bytes.

        The name is the BLAKE3 of these bytes, in hexadecimal: values are named by it.
        """
        ...

    def path(self, blob: str, suffix: str = "", *, fresh: bool = False) -> Path:
        """A readable file with the blob's bytes, verified; `ArtifactLost` if it is gone or damaged.

        `fresh` says that the caller has put it a moment ago: then its bytes need not be read again.
        """
        ...

    def has(self, blob: str) -> bool:
        """Is the blob there? Its bytes are not looked at."""
        ...

    def available(self, blob: str) -> bool:
        """Would `path` give it? What is here is verified; of what is elsewhere it is enough that it is there."""
        ...

    def scratch(self) -> Path:
        """A new empty folder, on the file system of the blobs; who asks for it removes it."""
        ...

    def adopt(self, path: str) -> tuple[str, int]:
        """Takes a file in, moving it where that can be: the name of the blob, and its size in bytes."""
        ...

    def owned(self, path: str) -> str | None:
        """The name of the blob that a path of this store shows; "" for its other paths, none for all others."""
        ...

    def fingerprint(self, path: str) -> tuple[str, int]:
        """The hash of what is in any file, and its size. It is not read again where it surely is as it was."""
        ...

    def recall(self, about: str) -> str:
        """A text that was remembered; "" if it was not, or was forgotten."""
        ...

    def remember(self, about: str, text: str) -> None:
        """Keeps a small text that saves time later; it may be forgotten at any time."""
        ...


class Ledger(Protocol):
    """The records of computations, and the history of runs. Only the coordinator of a run writes here."""

    def find(self, keys: Collection[Key]) -> Mapping[Key, Record]:
        """The records that are known of some keys."""
        ...

    def hits(self, keys: Collection[Key]) -> Mapping[Key, Hit]:
        """What `find` finds, as far as a run goes by it: asked for each node, so it should be quick."""
        ...

    def earlier(self, step: str, limit: int = 20) -> Sequence[Record]:
        """Records of a step under any key, newest first."""
        ...

    def add(self, record: Record, *, newest: bool = False) -> None:
        """Keeps a record before it returns. A key that is known keeps its first record, unless `newest` shall win."""
        ...

    def accept(self, acceptance: Acceptance) -> None:
        """Keeps an acceptance, or its withdrawal; the last of a key holds.

        While it holds, `find`, `hits` and `earlier` give its record, unless a computation gave one under the same key.
        A ledger that is open elsewhere may see it only when it is opened again.
        """
        ...

    def accepted(self) -> Sequence[Acceptance]:
        """All that was accepted, newest first; what was withdrawn says so."""
        ...

    def add_code(self, code: Digest, manifest: bytes) -> None:
        """Keeps what a code digest is made of."""
        ...

    def code(self, code: Digest) -> bytes | None:
        """What a code digest is made of."""
        ...

    def add_run(self, run: RunRow) -> None:
        """Keeps a run; a later row of the same id replaces an earlier one."""
        ...

    def runs(self, pipeline: str | None = None, limit: int = 100) -> Sequence[RunRow]:
        """Runs, newest first."""
        ...

    def close(self) -> None:
        """Makes all of it durable and lets go of files."""
        ...


class Store(Protocol):
    """Where results live."""

    blobs: Blobs

    def ledger(self) -> Ledger:
        """Opens the ledger; `StoreError` says why it cannot be, and what to do."""
        ...


class Limits(NamedTuple):
    """What a clean-up may take: results that no run used for `age`, and more of them until `size` is reached.

    What a tagged, recent or living run used is kept, and so is what is durable or accepted.
    """

    age: float | None = None  # in seconds since a run last used it
    size: int | None = None  # bytes that may stay; the longest unused goes first
    grace: float = 24 * 3600.0  # seconds: what was made or used since is kept, whatever the others say


class Usage(NamedTuple):
    """One result in a store, and what it takes."""

    step: str
    node: str
    pipelines: tuple[str, ...]  # whose runs used it; none, if history knows no such run
    kind: str  # the codec
    size: int  # bytes of its own: what several results share counts for the first of them
    used: float  # when a run last used it, in seconds since 1970
    kept: str  # why no clean-up takes it: running, tagged, durable, accepted; "" if one may


class Found(NamedTuple):
    """What somebody who looked at a store found, and what to do about it."""

    level: Literal["fine", "note", "bad"]
    what: str  # one sentence, with the number or the path that it is about
    move: str = ""  # what to do next, or what was done; "" if nothing needs to be


class Collected(NamedTuple):
    """What a clean-up took, or would take."""

    results: int
    blobs: int
    bytes: int  # that came free
    kept_results: int
    kept_bytes: int
    remarks: tuple[str, ...] = ()  # why it could not take more


class Upkeep(Protocol):
    """How a store is kept small and sound. It may be at work beside runs: what it takes is a miss for them at most."""

    def usage(self) -> Sequence[Usage]:
        """The results, and what they take."""
        ...

    def overhead(self) -> Mapping[str, int]:
        """Bytes of all that is no result, by what it is: records, index, quarantine, unreachable blobs, …"""
        ...

    def collect(self, limits: Limits, *, dry_run: bool = False) -> Collected:
        """Removes what the limits let it, or says what that would be."""
        ...

    def check(self) -> Sequence[Found]:
        """Reads every byte, mends what can be mended, and says what was found."""
        ...

    def rebuild(self) -> int:
        """Makes again all that only helps to find things: the number of records that were found."""
        ...

    def diagnose(self) -> Sequence[Found]:
        """Looks at the surroundings: permissions, space, clocks, leavings. Changes nothing."""
        ...


@runtime_checkable
class Tended(Protocol):
    """A store that can be looked after; not every store need be."""

    def upkeep(self) -> Upkeep:
        """Those who look after it."""
        ...


class Objects(Protocol):
    """Whole files under names, in a place that others can write to: a bucket, or a folder of a team.

    What cannot be done is a `StoreError`, which holds no secret. It can be pickled.
    """

    url: str  # for people: without what may be secret

    def put(self, path: str, name: str) -> None:
        """Publishes a whole file: others see all of it under the name, or nothing."""
        ...

    def get(self, name: str, path: str) -> None:
        """Copies to a new local file; `FileNotFoundError` if there is nothing of that name."""
        ...

    def size(self, name: str) -> int | None:
        """The size in bytes of what has a name; none if there is nothing."""
        ...

    def names(self, under: str) -> Sequence[str]:
        """The names in a folder."""
        ...

    def remove(self, name: str) -> None:
        """Removes what has a name, if it is there."""
        ...


class Executor(Protocol):
    """Where work runs: `concurrent.futures`' own shape, and some facts."""

    workers: int
    inline: bool  # the work is done by the call itself: no future is needed
    in_process: bool  # it shares our memory, so that values need not travel
    killable: bool
    shares_files: bool

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> "Future[Any]": ...
    def kill(self, future: "Future[Any]") -> None: ...
    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None: ...


class Clock(Protocol):
    """Time of day for records, and a steady one for durations."""

    def now(self) -> float: ...
    def steady(self) -> float: ...
    def sleep(self, seconds: float, /) -> None: ...
