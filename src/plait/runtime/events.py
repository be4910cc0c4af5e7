"""What a run tells while it goes on: plain data, which can be shown, logged or sent on.

Listeners get each event with the id of its run and the time of day at which it was told, in seconds since 1970, so that
one listener can serve many runs at once; where a step was called, also with the worker: host, process and thread.
"""

from typing import NamedTuple

from plait.core.digest import Digest


class RunStarted(NamedTuple):
    """A run begins; `nodes` are those it needs, in an order in which they could run."""

    run: str
    pipeline: str
    nodes: tuple[str, ...]
    time: float = 0.0


class Started(NamedTuple):
    """A node's step is called."""

    node: str
    run: str = ""
    time: float = 0.0


class Cached(NamedTuple):
    """A node's result was known already."""

    node: str
    digest: Digest
    seconds: float  # that it took when it was made
    run: str = ""
    time: float = 0.0


class Finished(NamedTuple):
    """A node's result was made, and is kept."""

    node: str
    digest: Digest
    seconds: float
    run: str = ""
    time: float = 0.0
    worker: str = ""


class Failed(NamedTuple):
    """A node's step raised."""

    node: str
    error: str
    seconds: float
    run: str = ""
    time: float = 0.0
    worker: str = ""


class Retried(NamedTuple):
    """A node's attempt failed, and it is tried again after a wait."""

    node: str
    attempt: int  # that failed: 1 is the first
    error: str
    wait: float  # seconds until the next one
    run: str = ""
    time: float = 0.0
    worker: str = ""


class Skipped(NamedTuple):
    """A node was not run: another one failed, or a switch chose another branch."""

    node: str
    because: str  # the node that failed; "" where none did
    reason: str = ""  # why it was not run, where no node failed
    run: str = ""
    time: float = 0.0


class Lost(NamedTuple):
    """The bytes of a result were gone or damaged: it is made again."""

    node: str
    digest: Digest
    run: str = ""
    time: float = 0.0


class Unfolds(NamedTuple):
    """There is more to do: a mapped node of the graph is so many more nodes of the run."""

    node: str
    items: int
    run: str = ""
    time: float = 0.0


class RunFinished(NamedTuple):
    """A run ends: done, failed or cancelled."""

    run: str
    status: str
    seconds: float
    time: float = 0.0


RunEvent = RunStarted | Started | Cached | Finished | Failed | Retried | Skipped | Lost | Unfolds | RunFinished
