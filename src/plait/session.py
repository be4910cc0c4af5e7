"""What one verb needs of the outside, opened for it and closed after it: store, ledger, vault, executor, clock."""

import logging
import os
import platform
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from plait import parameters
from plait.core.addresses import by_digest, item_of, label, node_of, parsed, with_item
from plait.core.definition import Definition, near
from plait.core.demand import needed, roots, surface
from plait.core.error_text import error_message
from plait.core.garbage import paused
from plait.core.graph import Graph
from plait.core.resources import amounts
from plait.core.sources import Output, Source
from plait.core.step import Step
from plait.errors import GraphError, NodeFailed, ParameterError, PlaitError, StaleStepWarning
from plait.files import shown
from plait.history.bulk import split
from plait.opening import SystemClock, beside, digest_of, executors_of, opened, process_with, temporary, vault_of
from plait.past import drawn, recounted
from plait.ports import Blobs, Ledger, RunRow, Store
from plait.runtime.environment import environment
from plait.runtime.events import RunFinished, RunStarted
from plait.runtime.execute import execute
from plait.runtime.fetching import with_remote_files
from plait.runtime.listening import Listener, drive, tell
from plait.runtime.naming import warn
from plait.runtime.output import capturing
from plait.runtime.plan import Plan
from plait.runtime.planning import plan
from plait.runtime.pools import sized
from plait.runtime.recording import failed_only, here, node_runs
from plait.runtime.request import Request, State, keep_nothing
from plait.runtime.resolve import Surface
from plait.runtime.run import Run, use_of
from plait.runtime.sites import check_timeouts
from plait.runtime.worker import check_not_receiving
from plait.settings import DEFAULT

if TYPE_CHECKING:
    from plait.runtime.auditing.report import Audit

_DEFAULTS = {
    "seed": 0,
    "store": DEFAULT,
    "executor": "sequential",
    "workers": None,
    "limits": None,
    "fail": "fast",
    "strict": False,
}
_ASKING = ("seed", "now", "given", "store", "strict")  # the options of verbs that run nothing


class Session:
    """One verb at work. It checks all that the user gave before it opens anything."""

    def __init__(
        self,
        graph: Graph,
        fixed: Mapping[str, Any],
        configured: Mapping[str, Any],
        targets: Sequence[Any],
        options: Mapping[str, Any],
        params: Mapping[str, Any],
        *,
        seeds: Mapping[str, int] | None = None,  # by namespace, where settings of a sweep are side by side
    ) -> None:
        self.graph = graph
        self._seeds = seeds or {}
        said = {name: value for name, value in options.items() if value is not DEFAULT}
        self.options: dict[str, Any] = {**_DEFAULTS, **configured, **said}
        if self.options["workers"] is not None and not {"executor"} & {*configured, *said}:
            self.options["executor"] = "processes"  # one node at a time would leave the workers without work
        self._check_options(said, fixed)
        asked = tuple(_sources(graph, targets))
        named = tuple(dict.fromkeys(node_of(name) for source in asked for name in surface(source)))
        self.given = _given(graph, self.options.get("given") or {})
        self.named = named
        values = {**fixed, **parameters.addressed(graph, params, fixed)}
        if graph.folded:
            self.roots = asked or tuple(roots(graph))
            self.read = frozenset(node_of(name) for source in self.roots for name in surface(source))
            demand = needed(graph, self.roots, self.given, lambda address: parameters.value_of(graph, values, address))
            self.needed = tuple(demand.nodes)
            self.targets = named or (*self.given, *self.needed)
            self.params = parameters.settled(graph.parameters_named(demand.parameters), graph, values)
        else:
            self.roots = ()
            self.targets = named or (*self.given, *graph.needed(graph.sinks(), self.given))
            returned = () if graph.result is None else surface(graph.result)
            self.read = frozenset(named or (*graph.sinks(), *returned))
            self.needed = tuple(graph.needed(self.targets, self.given))
            self.params = parameters.settled(graph.parameters_of(self.needed), graph, values)
        _warn_of_stale_steps(graph)
        self._open = ExitStack()

    def _check_options(self, said: Mapping[str, Any], fixed: Mapping[str, Any]) -> None:
        options, short = self.options, self.graph.short_names()
        for name in said:
            addresses = [address for address in short.get(name, ()) if address not in fixed]
            if addresses and said[name] is not None:
                user = self.graph.parameters[addresses[0]].users[0].partition("(")[0]
                raise ParameterError(
                    f"run({name}={_text(said[name])}): {name!r} is an option of run and a parameter of {user}(). "
                    f"Fix the parameter first: {self.graph.name}.with_({name}={_text(said[name])}).run()"
                )
        try:
            self.limits = amounts("limits", options["limits"] or {})
        except GraphError as error:
            raise ParameterError(str(error)) from None
        if type(options["seed"]) is not int or options["seed"] < 0:
            raise ParameterError(f"seed={options['seed']!r}: give a whole number, 0 or more")
        if options["fail"] not in ("fast", "keep-going"):
            raise ParameterError(f"fail={options['fail']!r}: give 'fast' or 'keep-going'")
        now = options.get("now")
        if now is not None and (not isinstance(now, datetime) or now.tzinfo is None):
            raise ParameterError(f"now={now!r}: give a datetime with a time zone, such as datetime.now(UTC)")
        workers = options["workers"]
        if workers is not None and (type(workers) is not int or workers < 1):
            raise ParameterError(f"workers={workers!r}: give a whole number, at least 1")

    def __enter__(self) -> Self:
        self.store = opened(self.options["store"])
        self.place = self.store or temporary()
        self.vault = vault_of(self.place, self.graph, strict=self.options["strict"])
        now = self.options.get("now") or datetime.now(UTC)
        made: dict[int, Any] = {}  # one value may be that of many parameters
        for address, value in self.params.items():
            if id(value) not in made:
                made[id(value)] = self._canonical(address, value)
        canonical = {address: made[id(value)] for address, value in self.params.items()}
        self.surface = Surface(self.options["seed"], now.astimezone(UTC), canonical, self._seeds)
        self.given = {
            node: self.vault.canonical(with_remote_files(value, self.place.blobs, node))
            for node, value in self.given.items()
        }
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._open.close()

    def _canonical(self, address: str, value: Any) -> Any:
        value = with_remote_files(value, self.place.blobs, address)
        try:
            return self.vault.canonical(value)
        except Exception:
            return value  # a live resource; where it is in a key, naming refuses it

    def request(self, run: str) -> Request:
        fail = self.options["fail"]
        return Request(
            self.graph, self.targets, self.needed, self.read, self.given, self.surface, run, environment(), fail,
            self.limits, self.roots,
        )  # fmt: skip

    def ledger(self, store: Store | None) -> Ledger | None:
        if store is None:
            return None
        ledger = store.ledger()
        self._open.callback(ledger.close)
        return ledger

    def plan(self) -> Plan:
        """What a run would do."""
        ledger = self.ledger(self.store)
        return plan(self.request(""), vault=self.vault, ledger=ledger, clock=SystemClock())

    def explain(self) -> str:
        """Why the targets would run, or would not."""
        from plait.runtime.causes import Causes, Scene
        from plait.show.explaining import explained

        planned, ledger = self.plan(), self.ledger(self.store)
        if ledger is None:
            return explained(planned, self.graph)
        row = self._row("", 0.0)
        known = ledger.find([one.key for one in planned if one.key is not None])
        hits = [(one.node, one.key) for one in planned if one.state == "hit" and one.key is not None]
        records = {node: known[key] for node, key in hits if key in known}
        return explained(planned, self.graph, Causes(ledger, self.graph, Scene(records, dict(row.params), row.seed)))

    def audit(self) -> "Audit":
        """Makes it again under other conditions, beside the store."""
        from plait.runtime.auditing.audit import audit
        from plait.show.progress import progress

        sample = self.options.get("sample", 3)
        if sample is not None and (type(sample) is not int or sample < 1):
            raise ParameterError(f"sample={sample!r}: give a whole number, at least 1, or None for all nodes")
        definitions = self.graph.definitions_of(self.needed)
        asked = executors_of("sequential", None, definitions, self._open)
        here = {name: executor for name, executor in asked.items() if name and executor.in_process}
        vault = vault_of(beside(self.place), self.graph, strict=False)
        vault.naming.check_params(self.surface.params, self.graph, vault.contents.meeting)
        vault.contents.know(self.graph.fed_to(self.needed))
        return audit(
            self.request("audit"), self.named, sample=sample, vault=vault, ledger=self.ledger(self.store),
            clock=SystemClock(), start=process_with, here=here, listeners=progress(sentence=False),
        )  # fmt: skip

    def run(self, listeners: Sequence[Listener] | None) -> Run[Any]:
        """Runs, and keeps the history of it."""
        definitions = self.graph.definitions_of(self.needed)
        sized(definitions, self.limits)
        started = executors_of(self.options["executor"], self.options["workers"], definitions, self._open)
        check_timeouts(definitions, started)
        in_process = all(executor.in_process for executor in started.values())
        if not in_process:
            check_not_receiving(self.graph.name)
        store = self.store if in_process else self.place
        ledger = self.ledger(store)
        began, clock = time.time(), time.perf_counter()
        name = f"{datetime.fromtimestamp(began, UTC):%Y%m%d-%H%M%S}-{os.urandom(2).hex()}"
        state = State()
        state.zero, state.worker = (began, clock), here()
        run: Run[Any] = Run(name, self.graph, state, self.vault, self.params, self.targets)
        run.started = began
        run._recount, run._drawn = None if self.store is None else partial(recounted, self.store), drawn
        row = self._row(name, began)
        if ledger is not None:
            self.vault.naming.check_params(self.surface.params, self.graph, self.vault.contents.meeting)
            self.vault.contents.know(self.graph.fed_to(self.needed))
            ledger.add_run(row)
            state.keep_failure = _Failures(row, state, ledger, self.place.blobs)
        told = list(_listening(listeners))
        tell(told, RunStarted(name, self.graph.name, self.needed, began))
        status, said = "cancelled", ""
        try:
            request = self.request(name)
            events = execute(
                request, state, vault=self.vault, ledger=ledger, executor=started.pop(""), clock=SystemClock(),
                others=started,
            )  # fmt: skip
            with capturing():
                drive(events, told, name, state)
            status = "failed" if state.failures.keys() - state.attempted else "done"
        except NodeFailed as failure:
            status, said, failure.run = "failed", str(failure), run
            failure.__traceback__ = None  # the frames of plait below this one say nothing to a reader
            raise
        except Exception as error:
            status, said = "failed", error_message(error)
            raise
        finally:
            state.keep_failure = keep_nothing  # else each would hold the other
            run.status, run.seconds = status, time.perf_counter() - clock
            if ledger is not None:
                with paused():
                    ledger.add_run(_finished(row, status, said, state, self.place.blobs))
            tell(told, RunFinished(name, status, run.seconds, time.time()))
        return run

    def _row(self, name: str, began: float) -> RunRow:
        params = tuple((address, _text(value)) for address, value in self.params.items())
        process = (platform.node(), os.getpid(), began)
        return RunRow(
            name, self.graph.name, began, 0.0, "running", self.options["seed"], self.targets, params, (), process
        )


class Asked(Protocol):
    """What a session reads of a pipeline."""

    graph: Graph
    _values: Mapping[str, Any]
    _options: Mapping[str, Any]


def asked(pipeline: Asked, targets: Sequence[Any], arguments: Mapping[str, Any]) -> Session:
    """A session for the arguments of `plan`, where options and parameters are given together."""
    options = {name: value for name, value in arguments.items() if name in _ASKING}
    params = {name: value for name, value in arguments.items() if name not in _ASKING}
    return Session(pipeline.graph, pipeline._values, pipeline._options, targets, options, params)


def _finished(row: RunRow, status: str, said: str, state: State, blobs: Blobs) -> RunRow:
    done = row._replace(finished=time.time(), status=status, nodes=node_runs(state), error=said)
    return split(done, blobs) if state.errors or state.logs or state.attempts else done


class _Failures:
    """Keeps what failed while the run goes on, so that it is known if the run is killed.

    Each row has all failures until then. So that very many do not make very many long rows, the next one is written
    when there are a quarter more.
    """

    def __init__(self, row: RunRow, state: State, ledger: Ledger, blobs: Blobs) -> None:
        self._row, self._state, self._ledger, self._blobs = row, state, ledger, blobs
        self._next = 1

    def __call__(self) -> None:
        if len(self._state.errors) < self._next:
            return
        self._next = len(self._state.errors) * 5 // 4 + 1
        row = self._row._replace(nodes=tuple(failed_only(self._state)))
        try:
            self._ledger.add_run(split(row, self._blobs))
        except PlaitError:  # the row at the end says it again
            logging.getLogger("plait").debug("a failure could not be kept at once", exc_info=True)


def _sources(graph: Graph, targets: Sequence[Any]) -> Iterator[Source]:
    """What targets name; a namespace stands for its result."""
    for target in targets:
        if isinstance(target, Step):
            yield graph.all_of(use_of(graph, target))
        elif isinstance(target, str):
            source = graph.source(target)
            if type(source) is Output and "[" in source.node:
                source = source._replace(node=_node_of_item(graph, source.node))
            yield source
        elif isinstance(getattr(target, "name", None), str):
            yield graph.source(target.name)
        else:
            raise GraphError(f"{target!r} is no target: give names of nodes, or steps; parameters go by name: x=...")


def _node_of_item(graph: Graph, name: str) -> str:
    """Return the node of an item that is written as its text, and called by its digest: `fit[west, far]`."""
    node, item = node_of(name), item_of(name) or ""
    if item[:1] in ("#", "'") or label(item) is not None or len(graph.axes(node)) != 1:
        return name
    return with_item(node, [by_digest(digest_of(item))])


def _given(graph: Graph, given: Mapping[Any, Any]) -> dict[str, Any]:
    found = {}
    for key, value in given.items():
        name = use_of(graph, key) if isinstance(key, Step) else key
        if name not in graph.nodes and (node_of(name) not in graph.whole or parsed(name).part is not None):
            hint = near(str(name), list(graph.nodes))
            more = f"; it is a parameter: pass {name}=..." if name in graph.short_names() else hint
            raise GraphError(f"given: {graph.name} has no node {name!r}{more}")
        returns = graph.nodes[node_of(name)].definition.returns
        if name in graph.whole:
            returns = (list, tuple, Mapping)  # a value for each item
            if not isinstance(value, returns):
                raise ParameterError(f"given[{name!r}]: {name} is mapped; give a list or a dict with all its values")
        elif isinstance(returns, type) and returns is not float and not isinstance(value, returns):
            wanted, got = returns.__qualname__, type(value).__qualname__
            raise ParameterError(f"given[{name!r}] is a {got}, and {name} makes a {wanted}; give one of these")
        found[name] = value
    return found


def _warn_of_stale_steps(graph: Graph) -> None:
    for definition in graph.definitions:
        newer = _newer(definition)
        if newer is not None:
            message = f"{definition.name} was defined again after {graph.name!r} was built; build {graph.name!r} again"
            warn(StaleStepWarning, message)


def _newer(definition: Definition) -> Step[..., Any] | None:
    """The step that stands now where a definition was made, if it is another one."""
    module, _, name = definition.home.partition(":")
    found = vars(sys.modules[module]).get(name) if module in sys.modules else None
    if not isinstance(found, Step) or found.definition is definition or found.definition.home != definition.home:
        return None
    return found


def _text(value: Any) -> str:
    """A parameter's value for people, short, and without the password of a URL."""
    if isinstance(value, os.PathLike):
        text = shown(os.fspath(value))
    else:
        text = repr(shown(value) if isinstance(value, str) else value)
    text = " ".join(text.split())
    return text if len(text) <= 200 else f"{text[:197]}..."


def _listening(listeners: Sequence[Listener] | None) -> Sequence[Listener]:
    if listeners is not None:
        return listeners
    from plait.show.progress import progress

    return progress()
