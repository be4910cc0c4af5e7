"""What is asked of a run, and what it has come to."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from plait.core.digest import Digest, Key
from plait.core.graph import Graph
from plait.core.records import Artifact
from plait.core.sources import Output, Source
from plait.core.unfolding import Unfolding
from plait.history.nodes import NodeError, NodeLog

if TYPE_CHECKING:
    from plait.runtime.resolve import Surface

MEMORY = Artifact(Digest(""), "memory")  # of a value that is not named, in a run that keeps nothing


class Request(NamedTuple):
    """What is to be run."""

    graph: Graph
    targets: tuple[str, ...]
    needed: tuple[str, ...]  # the nodes that must be known for them, each after those it reads
    read: frozenset[str]  # the targets that somebody will read: a record of theirs is no hit if its bytes are gone
    given: Mapping[str, Any]  # canonical values of nodes that are not to be run
    surface: "Surface"
    run: str
    environment: Digest
    fail: Literal["fast", "keep-going"]
    limits: Mapping[str, float] = {}
    roots: tuple[Source, ...] = ()  # what is asked for, where it takes a run to say which nodes that needs


class State:
    """What a run has come to; it outlives the run, for whoever reads its results."""

    def __init__(self) -> None:
        self.artifacts: dict[str, Artifact] = {}
        self.held: dict[Output, Any] = {}  # canonical values in memory
        self.keys: dict[str, Key] = {}
        self.states: dict[str, str] = {}  # given, hit, run, failed, skipped
        self.seconds: dict[str, float] = {}
        self.failures: dict[str, BaseException] = {}
        self.attempted: set[str] = set()  # of these: those that only somebody reads who takes errors as values
        self.replays: dict[str, Callable[[], Any]] = {}  # of failed nodes: to call them once more
        self.because: dict[str, str] = {}  # of a skipped node: which one failed
        self.unchosen: dict[str, str] = {}  # of a node that no switch chose: what decided that
        self.unfolding: Unfolding | None = None  # what became of maps and switches
        # what history has of nodes that were called
        self.zero = (0.0, 0.0)  # one moment, in seconds since 1970 and as `began` counts them
        self.began: dict[str, float] = {}  # when the last attempt of each node did
        self.worker = ""  # where nodes ran of which `workers` says nothing
        self.workers: dict[str, str] = {}
        self.attempts: dict[str, list[str]] = {}  # that failed and were retried: their errors, one line each
        self.errors: dict[str, NodeError] = {}
        self.logs: dict[str, NodeLog] = {}
        self.keep_failure: Callable[[], None] = keep_nothing  # called at each failure: the run may be killed later


def keep_nothing() -> None:
    """There is no store, or the run is gone."""
