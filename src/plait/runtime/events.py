"""What a run tells while it goes on: plain data, which can be shown, logged or sent on."""

from typing import NamedTuple

from plait.core.digest import Digest


class RunStarted(NamedTuple):
    """A run begins; `nodes` are those it needs, in an order in which they could run."""

    run: str
    pipeline: str
    nodes: tuple[str, ...]


class Started(NamedTuple):
    """A node's step is called."""

    node: str


class Cached(NamedTuple):
    """A node's result was known already."""

    node: str
    digest: Digest
    seconds: float  # that it took when it was made


class Finished(NamedTuple):
    """A node's result was made, and is kept."""

    node: str
    digest: Digest
    seconds: float


class Failed(NamedTuple):
    """A node's step raised."""

    node: str
    error: str
    seconds: float


class Retried(NamedTuple):
    """A node's attempt failed, and it is tried again after a wait."""

    node: str
    attempt: int  # that failed: 1 is the first
    error: str
    wait: float  # seconds until the next one


class Skipped(NamedTuple):
    """A node was not run, because another one failed."""

    node: str
    because: str


class Lost(NamedTuple):
    """The bytes of a result were gone or damaged: it is made again."""

    node: str
    digest: Digest


class Unfolds(NamedTuple):
    """There is more to do: a mapped node of the graph is so many more nodes of the run."""

    node: str
    items: int


class RunFinished(NamedTuple):
    """A run ends: done, failed or cancelled."""

    run: str
    status: str
    seconds: float


RunEvent = RunStarted | Started | Cached | Finished | Failed | Retried | Skipped | Lost | Unfolds | RunFinished
