"""A run, as the user holds it: what it gave, what became of each node, and what went wrong."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar, assert_never, cast, overload

from plait.core.addresses import node_of
from plait.core.definition import near
from plait.core.digest import Digest
from plait.core.durations import readable
from plait.core.failure import Failure
from plait.core.grafting import field_at
from plait.core.graph import Graph
from plait.core.records import Artifact, part_of
from plait.core.sources import Ambient, Collect, Const, Flat, Output, Param, Source
from plait.core.step import Step
from plait.errors import ArtifactLost, GraphError, NodeFailed, PlaitError
from plait.history.bulk import whole_text
from plait.history.nodes import NodeRun
from plait.runtime.reading import AsText, Missing, Reading, check_run
from plait.runtime.recording import node_run, node_runs
from plait.runtime.request import MEMORY, State

if TYPE_CHECKING:
    import pandas as pd

    from plait.runtime.vault import Vault

R_co = TypeVar("R_co", covariant=True)
T = TypeVar("T")


class Run(Generic[R_co]):
    """One execution of a pipeline: `run["score"]` is what the step after `score` would get.

    `id` names it in the history, `params` are the values it ran with, `started` is when it began, in seconds since
    1970, `seconds` how long it took, `status` is "done", "failed" or "cancelled".
    """

    def __init__(
        self,
        id: str,  # noqa: A002 - the word of the public surface
        graph: Graph,
        state: State,
        vault: "Vault",
        params: Mapping[str, Any],
        targets: Sequence[str],
    ) -> None:
        self.id = id
        self.params = params
        self.status = "running"
        self.started = 0.0
        self.seconds = 0.0
        self._graph = graph
        self._state = state
        self._vault = vault
        self._targets = tuple(targets)
        self._recount: Callable[[Run[Any], str], str] | None = None  # given by who knows where the history is
        self._drawn: Callable[[Run[Any]], str] | None = None  # given by who can draw
        self._more: Callable[[], None] | None = None  # of a run of the past: reads its long texts

    @property
    def ok(self) -> bool:
        """Did everything that was asked for succeed?"""
        return self.status == "done"

    @property
    def failures(self) -> Sequence[Failure]:
        """The nodes whose steps raised, in the order in which they did."""
        self._read_more()
        replays = self._state.replays
        return [
            Failure(node_of(name), self._reading.item(name), error, replay=replays.get(name))
            for name, error in self._state.failures.items()
        ]

    def raise_for_failures(self) -> "Run[R_co]":
        """This run, if nothing failed but what was attempted; else raises `NodeFailed` for the first failure."""
        for node, error in () if self.ok else self._state.failures.items():
            failure = NodeFailed.of(node, error, self._reading.item(node))
            failure.run = self
            raise failure from error
        return self

    @property
    def result(self) -> R_co:
        """What the pipeline returned; by name, its only target or its only last node."""
        if self._graph.result is not None:
            return cast(R_co, self._value(self._graph.result))
        lasts = self._targets if len(self._targets) == 1 else self._graph.sinks()
        if len(lasts) != 1:
            raise GraphError(
                f"{self._graph.name} has no single result ({', '.join(lasts)}); read one: run[{lasts[0]!r}]"
            )
        return cast(R_co, self._value(self._graph.all_of(lasts[0])))

    @overload
    def __getitem__(self, key: Step[..., Coroutine[Any, Any, T]]) -> T: ...
    @overload
    def __getitem__(self, key: Step[..., T]) -> T: ...
    @overload
    def __getitem__(self, key: str | tuple[Any, object]) -> Any: ...
    def __getitem__(self, key: Any) -> Any:
        return self._value(self._source(key))

    def digest(self, key: Any) -> Digest:
        """The name of a node's value: equal digests, equal bits."""
        source = self._plain(self._source(key))
        if not isinstance(source, Output):
            return self._vault.naming.digest(self._value(source))
        artifact = self._artifact(source)
        if artifact.digest:
            return artifact.digest
        whole = self._held(source)
        definition = self._graph.nodes[node_of(source.node)].definition
        if definition.parts and source.part is None:
            return self._vault.given(definition, whole).digest
        return self._vault.naming.digest(whole)

    @property
    def states(self) -> Mapping[str, str]:
        """What became of each node: hit, run, given, failed or skipped."""
        return dict(self._state.states)

    def to_frame(self) -> "pd.DataFrame":
        """One line a node, or item of one: its state, the seconds that it took when it was made, and its digest."""
        import pandas

        state = self._state
        rows = [
            (node, state.states[node], state.seconds.get(node), state.artifacts.get(node, MEMORY).digest)
            for node in (state.states if self._graph.folded else self._graph.nodes)
            if node in state.states
        ]
        return pandas.DataFrame(rows, columns=["node", "state", "seconds", "digest"]).set_index("node")

    @property
    def nodes(self) -> Sequence[NodeRun]:
        """What became of each node: state, start, seconds, worker, failed attempts, error, and what it printed."""
        self._read_more()
        return node_runs(self._state)

    def node(self, node: str | Step[..., Any]) -> NodeRun:
        """What became of a node, or of one item of a mapped one."""
        name = self._called(node)
        self._read_more()
        return node_run(self._state, name)

    def log(self, node: str | Step[..., Any]) -> str:
        """What a node printed and logged while it ran; of very much, its beginning and its end.

        A cache hit printed nothing in this run: see the run that computed it.
        """
        log = self.node(node).log
        return "" if log is None else whole_text(log, self._vault.blobs)

    def _read_more(self) -> None:
        more, self._more = self._more, None
        if more is not None:
            more()

    def _called(self, node: str | Step[..., Any]) -> str:
        name = node if isinstance(node, str) and node in self._state.states else self._node(node)
        if name not in self._state.states:
            raise PlaitError(f"{name} was not asked for in this run{near(name, list(self._state.states))}")
        return name

    def explain(self, node: str | Step[..., Any]) -> str:
        """Why a node ran in this run, or was a hit in it: what was not as in the nearest record before it."""
        name = self._called(node)
        if self._recount is None:
            return f"{name}: {self._state.states[name]}. The run {self.id} kept nothing, so that no more is known."
        return self._recount(self, name)

    def _node(self, key: Any) -> str:
        source = self._plain(self._source(key))
        if not isinstance(source, Output):
            raise GraphError(f"{key!r} is no single node; name one: {', '.join(self._state.states)}")
        return source.node

    def report(self) -> str:
        """The run in a few lines."""
        counted = {word: [n for n, s in self._state.states.items() if s == word] for word in _SAID}
        said = ", ".join(f"{len(nodes)} {_SAID[word]}" for word, nodes in counted.items() if nodes)
        if set(self._state.states.values()) <= {"hit", "given"}:
            said = f"nothing to do, {'all ' if len(counted['hit']) > 1 else ''}{len(counted['hit'])} up to date"
        lines = [f"{self._graph.name}: {said}, in {readable(self.seconds)}"]
        lines += [f"  failed: {NodeFailed.of(node, error)}" for node, error in self._state.failures.items()]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<run {self.id}: {self.report()}>"

    def _repr_html_(self) -> str | None:
        return None if self._drawn is None else self._drawn(self)

    # from addresses to values

    def _source(self, key: Any) -> Source:
        if isinstance(key, str):
            source = self._graph.source(key)
            if type(source) is Output and "[" in source.node:
                return Output(self._reading.known(source.node), source.part)
            return source
        if isinstance(key, tuple) and key:
            node, *items = key
            return self._reading.one(use_of(self._graph, node) if isinstance(node, Step) else node, items)
        if not isinstance(key, Step):
            return self._graph.source(key.name)
        return self._graph.all_of(use_of(self._graph, key))

    @property
    def _reading(self) -> Reading:
        return Reading(self._graph, self._state, self._vault.naming.digest, self._look)

    def _look(self, source: Output | Param) -> Any:
        return self._held(source) if isinstance(source, Output) else self._value(source)

    def _plain(self, source: Source) -> Flat:
        """A source as it was in this run; says why, where it has no value."""
        try:
            return self._reading.plain(source)
        except Missing as missing:
            self._artifact(Output(missing.node))
            raise PlaitError(f"{missing.node} has no value in this run") from None

    def _value(self, source: Source) -> Any:
        return self._read(self._plain(source))

    def _read(self, plain: Flat) -> Any:
        match plain:
            case Output():
                return self._vault.share(self._held(plain))
            case Param(address, path):
                if address not in self.params:
                    raise PlaitError(f"{address} was read by nothing in this run, so nobody gave it a value")
                value = self.params[address]
                if isinstance(value, AsText):
                    raise PlaitError(
                        f"{address} was {value}, of which history keeps only this text. Read a node by its own name, "
                        f"or one item of it: {', '.join(list(self._state.states)[:8])}"
                    )
                return field_at(value, path)
            case Const(value):
                return value
            case Collect(kind, items, keys):
                values = [self._read(item) for item in items]  # type: ignore[arg-type] # they are plain too
                return dict(zip(keys, values, strict=True)) if kind is dict else kind(values)
            case Ambient():
                raise GraphError("an ambient input is no result")
            case _:
                assert_never(plain)

    def _held(self, source: Output) -> Any:
        held, (node, part) = self._state.held, source
        if source in held:
            return held[source]
        if part is not None and Output(node) in held:
            return held[Output(node)][list(self._graph.nodes[node_of(node)].definition.parts).index(part)]
        artifact = self._artifact(source)
        if node_of(node) not in self._graph.nodes:  # one item of something
            raise PlaitError(f"{node} was not asked for in this run, and is not held any more; ask for it")
        try:
            return self._vault.load(artifact, self._graph.nodes[node_of(node)].definition.result_class)
        except ArtifactLost as lost:
            message = f"{node} cannot be read: {lost}. {self._graph.name}.run({node!r}) makes it again"
            raise ArtifactLost(message, digest=lost.digest) from lost

    def _artifact(self, source: Output) -> Artifact:
        node, part = source
        state = self._state
        if node in state.failures:
            failure = NodeFailed.of(node, state.failures[node], self._reading.item(node))
            failure.run = self
            raise failure
        check_run(state, node)
        artifact = state.artifacts.get(node)
        if artifact is None:
            self._reading.check_item(node)
            raise PlaitError(f"{node} was not asked for in this run; {self._graph.name}.run({node!r}) makes it")
        return artifact if part is None or artifact is MEMORY else part_of(artifact, part)


_SAID = {"given": "given", "hit": "up to date", "run": "run", "failed": "failed", "skipped": "not run"}


def use_of(graph: Graph, step: Step[..., Any]) -> str:
    """The one node that uses a step; `GraphError` where there are none or several."""
    node = graph.nodes.get(step.name)
    if node is not None and node.definition is step.definition:
        return step.name
    uses = [name for name, node in graph.nodes.items() if node.definition is step.definition]
    if len(uses) == 1:
        return uses[0]
    if uses:
        raise GraphError(f"{step.name} is used as {', '.join(uses)}: name the node that you mean")
    raise GraphError(f"{graph.name} does not use this step {step.name}{near(step.name, list(graph.nodes))}")
