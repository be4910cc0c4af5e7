"""What is asked of a run, and what it has come to."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from plait.core.digest import Digest, Key
from plait.core.graph import Graph
from plait.core.records import Artifact
from plait.core.sources import Output

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


class State:
    """What a run has come to; it outlives the run, for whoever reads its results."""

    def __init__(self) -> None:
        self.artifacts: dict[str, Artifact] = {}
        self.held: dict[Output, Any] = {}  # canonical values in memory
        self.keys: dict[str, Key] = {}
        self.states: dict[str, str] = {}  # given, hit, run, failed, skipped
        self.seconds: dict[str, float] = {}
        self.failures: dict[str, BaseException] = {}
        self.because: dict[str, str] = {}  # of a skipped node: which one failed
