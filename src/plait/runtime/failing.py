"""What goes wrong with one node: is it tried again, and what does it mean for the others?"""

import heapq
import logging
from collections.abc import Container, Iterable
from typing import Protocol

from plait.core.error_text import describe_error
from plait.errors import NodeFailed
from plait.history.nodes import one_line
from plait.runtime.deaths import LIVES, died
from plait.runtime.events import Failed, Retried, Skipped
from plait.runtime.recording import describe
from plait.runtime.replay import Replay, remember
from plait.runtime.results import Results, not_doomed
from plait.runtime.traces import users_own
from plait.runtime.work import Work
from plait.secret import masked


class Fails(Protocol):
    """Lets a run grow: see `runtime/unfolding.py`."""

    @property
    def awaited(self) -> Container[str]: ...
    def matters(self, name: str, /) -> bool: ...
    def item(self, name: str, /) -> object: ...
    def failed(self, name: str, because: str, error: BaseException, /) -> None: ...


class Failing:
    """Says what failed; under "keep-going", lets everything go on that does not need it.

    An exception is tried again as its step says. A node under which a worker died is tried once more, whatever its step
    says, and then left alone: the next worker would die of it too.
    """

    def __init__(self, work: Work, results: Results) -> None:
        self.work, self.results = work, results
        results.doomed = self.doomed
        self.fatal: NodeFailed | None = None  # what the run ends with
        self.growth: Fails | None = None  # where some failures may be values
        self.due: list[tuple[float, int, str]] = []  # when who is tried again
        self._attempts: dict[str, int] = {}  # that raised
        self._deaths: dict[str, int] = {}  # of workers

    def lost_worker(self, name: str, error: BaseException) -> None:
        """The executor says that the worker of a node died."""
        if not self.results.stands(name):
            return
        deaths = self._deaths[name] = self._deaths.get(name, 0) + 1
        death = died(name, error, deaths)
        if deaths < LIVES and self.fatal is None:
            self._again(name, deaths, death, 0.0)
        else:
            self.failed(name, death)

    def failed(self, name: str, error: BaseException) -> None:
        """An attempt has failed; it may have been the last one."""
        if not self.results.stands(name):
            return
        attempt = self._attempts[name] = self._attempts.get(name, 0) + 1
        retry = self.work.nodes[name].definition.options.retry
        if retry is not None and retry.wants(error, attempt) and self.fatal is None:
            self._again(name, attempt, error, retry.delay(self.work.request.surface.seed, name, attempt))
        else:
            self.failed_for_good(name, error)

    def failed_for_good(self, name: str, error: BaseException) -> None:
        """A node has failed, and is not tried again."""
        work, state = self.work, self.work.state
        state.states[name] = "failed"
        state.failures[name] = users_own(error)
        state.errors[name] = describe(error)
        state.seconds[name] = work.clock.steady() - work.began[name]
        self._remember(name)
        state.keep_failure()
        work.told.append(Failed(name, describe_error(error), state.seconds[name]))
        if self.growth is not None and not self.growth.matters(name):
            state.attempted.add(name)
        elif work.request.fail == "fast":
            if self.fatal is None:
                self.fatal = NodeFailed.of(name, error, None if self.growth is None else self.growth.item(name))
            return
        self.results.go_on(self.results.waiting_twins(name))
        self.results.release(name)
        self.skip(self.behind(name), name)
        if self.growth is not None:
            self.growth.failed(name, name, error)

    def skip(self, names: Iterable[str], because: str) -> None:
        """Nodes that will not run, because another one failed."""
        for name in names:
            self._skip(name, because)

    def blame(self, name: str, because: str) -> None:
        """What is skipped is asked for by others than those who attempt to: then the failure is one of the run.

        So it is where somebody went on with a value that was there, and is lost, and cannot be made again.
        """
        work, state, growth = self.work, self.work.state, self.growth
        if growth is None or because not in state.attempted or not growth.matters(name):
            return
        state.attempted.discard(because)
        if work.request.fail == "fast" and self.fatal is None:
            self.fatal = NodeFailed.of(because, state.failures[because], growth.item(because))

    def settled(self) -> bool:
        """Has each node a state? If not, the others are skipped now: they waited for what is not made again."""
        if not self.work.state.failures:
            return True
        because = self._skip_what_is_not_made_again()
        left = [name for name in self.work.frontier.needed if name not in self.work.state.states]
        self.skip(left, because)
        return not left

    def end(self) -> None:
        """The run is over."""
        self.results.doomed = not_doomed  # else each would hold the other for ever
        if self.work.state.failures:
            self._skip_what_is_not_made_again()

    def _skip_what_is_not_made_again(self) -> str:
        """It has no result, whatever it was before. Gives the failure that is to blame."""
        work, state = self.work, self.work.state
        because = next((name for name in state.failures if name in work.remade), next(iter(state.failures)))
        for name in work.remade:
            if name not in state.artifacts and state.states.get(name) in ("hit", "run"):
                state.states[name], state.because[name] = "skipped", because
                self.blame(name, because)
        return because

    def _remember(self, name: str) -> None:
        """What it was called with, so that it can be looked into."""
        try:
            replay = Replay(self.work.nodes[name], self.results)
        except Exception:  # whatever it is, it must not hide what the node failed of
            logging.getLogger("plait").debug("what %s was called with is not at hand", name, exc_info=True)
            return
        self.work.state.replays[name] = replay
        remember(self.results, name, replay)

    def doomed(self, name: str) -> bool:
        """Does a node miss what failed or was skipped? Then it is skipped too, with all behind it."""
        state = self.work.state
        for parent in self.work.frontier.parents[name]:
            if state.states.get(parent) in ("failed", "skipped") and parent not in state.artifacts:
                self.skip([name, *self.behind(name)], state.because.get(parent, parent))
                return True
        return False

    def behind(self, name: str) -> list[str]:
        """The nodes that cannot be known without one: not those that are, nor who has read it and is at work."""
        work, stack, found = self.work, [name], dict[str, None]()
        while stack:
            for child in work.frontier.children[stack.pop()]:
                if child not in found and child not in work.state.artifacts and child not in work.at_work:
                    found[child] = None
                    stack.append(child)
        return list(found)

    def resume(self) -> None:
        """Those whose wait is over are ready again."""
        now = self.work.clock.steady()
        while self.due and self.due[0][0] <= now:
            self.work.ready.push([heapq.heappop(self.due)[2]])

    def until_next(self) -> float | None:
        """Seconds until somebody is tried again."""
        return max(0.0, self.due[0][0] - self.work.clock.steady()) if self.due else None

    def _again(self, name: str, attempt: int, error: BaseException, wait: float) -> None:
        said = describe_error(error)
        self.work.state.attempts.setdefault(name, []).append(masked(one_line(said)))
        self.work.told.append(Retried(name, attempt, said, wait))
        heapq.heappush(self.due, (self.work.clock.steady() + wait, len(self.due), name))

    def _skip(self, name: str, because: str) -> None:
        state, remade = self.work.state, name in self.work.remade and name not in self.work.state.artifacts
        if name not in state.states or (remade and state.states[name] in ("hit", "run")):
            state.states[name] = "skipped"
            state.because[name] = because
            self.work.told.append(Skipped(name, because))
            self.blame(name, because)
            self.results.release(name)
            if self.growth is not None and (not remade or name in self.growth.awaited):
                self.growth.failed(name, because, state.failures[because])
            self.results.admit(self.results.waiting_twins(name))
