"""What the runtime needs of the outside: protocols, nothing else. An adapter implements one and imports no other."""

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Protocol, Self, runtime_checkable

from plait.core.digest import Digest, Key
from plait.core.records import Acceptance, Record
from plait.core.values import Stream
from plait.files import Dir, File


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

    def write(self, value: Any, file: BinaryIO, /) -> None:
        """Writes a canonical value; `UnwritableError` where it would not come back exactly."""
        ...

    def read(self, content: Path | bytes, /) -> Any:
        """The canonical value that was written, mapped from its file where that can be."""
        ...


@runtime_checkable
class FileCodec(Protocol):
    """A codec of files, which need not be read again where somebody knows what is in them."""

    def with_contents(self, content: Callable[[File | Dir], Digest], /) -> Self:
        """The same codec, asking `content` for the name of what is in a file or folder."""
        ...


class Blobs(Protocol):
    """Bytes under the hash of their content. Workers write here too, so it is small and can be pickled."""

    private: bool  # nobody else can write to it

    def put(self, write: Callable[[BinaryIO], None]) -> tuple[str, int]:
        """Keeps what `write` writes, whole or not at all: the name of the blob, and its size in bytes."""
        ...

    def path(self, blob: str, suffix: str = "") -> Path:
        """A readable file with the blob's bytes, verified; `ArtifactLost` if it is gone or damaged."""
        ...

    def has(self, blob: str) -> bool:
        """Is the blob there? Its bytes are not looked at."""
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


class RunRow(NamedTuple):
    """One execution, as history keeps it."""

    id: str
    pipeline: str
    started: float  # seconds since 1970
    finished: float  # 0.0 while it runs
    status: str  # running, done, failed, cancelled
    seed: int
    targets: tuple[str, ...]
    params: tuple[tuple[str, str], ...]  # as text, for people
    nodes: tuple[tuple[str, str, str, float], ...]  # name, key, state, seconds
    process: tuple[str, int, float]  # host, process id, when that process began
    error: str = ""


class Ledger(Protocol):
    """The records of computations, and the history of runs. Only the coordinator of a run writes here."""

    def find(self, keys: Collection[Key]) -> Mapping[Key, Record]:
        """The records that are known of some keys."""
        ...

    def earlier(self, step: str, limit: int = 20) -> Sequence[Record]:
        """Records of a step under any key, newest first."""
        ...

    def add(self, record: Record, *, newest: bool = False) -> None:
        """Keeps a record before it returns. A key that is known keeps its first record, unless `newest` shall win."""
        ...

    def accept(self, acceptance: Acceptance) -> None:
        """Keeps an acceptance, or its withdrawal; the last of a key holds.

        While it holds, `find` and `earlier` give its record, unless a computation gave one under the same key. A
        ledger that is open elsewhere may see it only when it is opened again.
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
