"""What a run has come to, added up from its events when somebody looks, and not before."""

from collections import Counter, deque
from time import perf_counter
from typing import NamedTuple

from plait.runtime.events import (
    Cached,
    Failed,
    Finished,
    Lost,
    Retried,
    RunEvent,
    RunFinished,
    RunStarted,
    Skipped,
    Started,
    Unfolds,
)
from plait.show.report import line

LONG = 1.0  # seconds, from which a node has a line of its own


class Notable(NamedTuple):
    """A node that took long, or failed."""

    node: str
    seconds: float
    error: str = ""  # empty: it took long


class Tally:
    """A listener that only keeps events; `look()` adds them up.

    Appending to a deque is all that an event costs the run; the adding up is done a few times a second, by the thread
    of whoever shows it, or once at the end.
    """

    def __init__(self) -> None:
        self._events: deque[RunEvent] = deque()
        self.keep = self._events.append
        self.run = ""  # its id
        self.pipeline = ""
        self.total = 0  # how many nodes there are to do, as far as is known
        self._folded: set[str] = set()  # nodes that may turn out to be many
        self.status = "running"
        self.counts: Counter[str] = Counter()
        self.running: dict[str, float] = {}  # since when, as far as was looked
        self.notable: list[Notable] = []
        self._began = self._ended = 0.0

    def __call__(self, event: RunEvent) -> None:
        """Keeps an event."""
        self.keep(event)

    @property
    def seconds(self) -> float:
        """For how long it runs, or ran."""
        return (self._ended or perf_counter()) - self._began

    @property
    def done(self) -> int:
        """How many nodes have come to something."""
        return sum(count for state, count in self.counts.items() if state != "skipped")

    def elapsed(self, node: str) -> float:
        """For how long a node runs by now."""
        return perf_counter() - self.running[node]

    def look(self) -> list[Notable]:
        """Adds up what happened; gives the nodes that became notable since the last look."""
        before = len(self.notable)
        while self._events:
            self._take(self._events.popleft())
        return self.notable[before:]

    def sentence(self) -> str:
        """The run in one line."""
        return line(self.pipeline, self._with_the_rest(), self.seconds, self.status)

    def _with_the_rest(self) -> dict[str, int]:
        counts = dict(self.counts)
        rest = self.total - self.done
        if rest and self.status in ("failed", "cancelled"):
            counts["skipped"] = rest
        return counts

    def _take(self, event: RunEvent) -> None:
        match event:
            case Started(node):
                self.running[node] = perf_counter()
            case Cached():
                self.counts["hit"] += 1
            case Finished(node, _, seconds):
                self.counts["run"] += 1
                self._over(node, seconds)
            case Failed(node, error, seconds):
                self.counts["failed"] += 1
                self._over(node, seconds, error)
            case Retried(node):
                self.running.pop(node, None)
            case Skipped():
                self.counts["skipped"] += 1
            case Lost():
                self._made_again()
            case Unfolds(node, count):
                self.total += count - (node in self._folded)
                self._folded.discard(node)
            case RunStarted(run, pipeline, nodes):
                self.run, self.pipeline, self._began = run, pipeline, perf_counter()
                self.total, self._folded = len(nodes), set(nodes)
            case RunFinished(_, status, seconds):
                self.status, self._ended = status, self._began + seconds
                self.running.clear()

    def _over(self, node: str, seconds: float, error: str = "") -> None:
        started = self.running.pop(node, None)
        if error and not seconds and started is not None:
            seconds = perf_counter() - started
        if error or seconds >= LONG:
            self.notable.append(Notable(node, seconds, error))

    def _made_again(self) -> None:
        # what was up to date is not any more; a node that this very run had made is counted as run, once more
        if self.counts["hit"]:
            self.counts["hit"] -= 1
        elif self.counts["run"]:
            self.counts["run"] -= 1
