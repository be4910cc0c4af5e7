"""The door: a pipeline, its verbs, and all the defaults. Each verb is a few lines over a function of a lower layer."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Generic, Literal, ParamSpec, TypeVar, cast, overload

from plait import configuration, parameters, varying
from plait.core.builder import build
from plait.core.graph import Graph
from plait.core.looping import Each, mapped, with_fixed
from plait.core.step import TRACER, Step, check_name
from plait.core.tracing import Tracing
from plait.errors import GraphError
from plait.items import Items, Wiring
from plait.runtime.plan import Plan
from plait.runtime.run import Run
from plait.settings import DEFAULT

if TYPE_CHECKING:
    from concurrent.futures import Executor as FuturesExecutor

    from plait.compiling import Compiled
    from plait.ports import Executor, Store
    from plait.runtime.auditing.report import Audit
    from plait.runtime.listening import Listener
    from plait.swept import Sweep

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)
T = TypeVar("T")
Target = str | Step[..., Any]


class Pipeline(Generic[P, R_co]):
    """Steps wired into a graph, its parameters, and what can be done with them.

    `name` names it in the history. `items` are steps, other pipelines, or modules, which stand for the steps that they
    define. `inputs`, if given, is the closed list of the parameters that no step makes and that have no default.
    Raises `GraphError` for everything that is wrong with the wiring.

    >>> from plait import Pipeline, step
    >>> @step
    ... def doubled(x: int) -> int:
    ...     return 2 * x
    >>> Pipeline("demo", [doubled]).run(x=4, store=None)["doubled"]
    8
    """

    def __init__(
        self: "Pipeline[..., Any]",
        name: str,
        items: ModuleType | Iterable["Step[..., Any] | Pipeline[..., Any] | ModuleType"],
        /,
        *,
        inputs: Sequence[str] | None = None,
    ) -> None:
        found = Items(Pipeline, items)
        graph = parameters.with_constants_admitted(build(name, found.items, inputs))
        values = {address: value for address, value in found.values.items() if address in graph.parameters}
        self._set(graph, values, {}, None, Wiring(tuple(found.items), inputs))

    def _set(
        self, graph: Graph, values: Mapping[str, Any], options: Mapping[str, Any], fn: Any, wiring: Wiring
    ) -> None:
        self.name = graph.name
        self.graph = graph
        self._values = values  # by address
        self._options = options
        self._fn: Callable[..., Any] | None = fn
        self._wiring = wiring

    def _with(self, **changed: Any) -> "Pipeline[P, R_co]":
        kept = {"values": self._values, "options": self._options, "fn": self._fn, "wiring": self._wiring}
        other: Pipeline[P, R_co] = object.__new__(Pipeline)
        other._set(**{"graph": self.graph, **kept, **changed})
        return other

    # what it is

    @property
    def steps(self) -> Mapping[str, Step[..., Any]]:
        """Its steps by the names of their nodes."""
        if self._wiring.items is not None:
            return self._wiring.steps
        return {node.name: Step(node.definition, node.name, {}, {}) for node in self.graph.nodes.values()}

    @property
    def nodes(self) -> Sequence[str]:
        """The names of its nodes, each after those it reads."""
        return tuple(self.graph.nodes)

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Its parameters by address, with their values: fixed, or by default; `...` for those that have none yet."""
        return {
            p.address: self._values.get(p.address, ... if p.required else p.default)
            for p in self.graph.parameters.values()
        }

    @property
    def schema(self) -> dict[str, Any]:
        """Its parameters as JSON Schema, by address: types, defaults, what is required, what docstrings say."""
        from plait.schema import schema

        return schema(self.graph, self._values, self._fn)

    # how it is varied

    def with_(self, values: Any = None, /, **more: Any) -> "Pipeline[P, R_co]":
        """The same pipeline with values fixed for some parameters, by name or address (`"fit.max_depth"`).

        `values` is a mapping, or a model or dataclass whose fields are parameters. Raises `ParameterError` for a
        parameter that it does not have, and for a value that does not fit.
        """
        given = {**parameters.by_name(values), **more}
        return self._with(values={**self._values, **configuration.admitted(self.graph, self._values, given)})

    def with_config(self, *paths: "str | Path | configuration.Layer") -> "Pipeline[P, R_co]":
        """The same pipeline with what YAML files set: parameters under `params:`, options of `run` under `run:`.

        Later files go over earlier ones. Raises `ParameterError` with the file and the near miss.
        """
        values, options = configuration.configured(self.graph, self._values, *paths)
        return self._with(values={**self._values, **values}, options={**self._options, **options})

    def named(self, name: str, /) -> "Pipeline[P, R_co]":
        """The same pipeline under another name, to use it twice."""
        return self._with(graph=self.graph.renamed(check_name(name)))

    def bind(self, **sources: Any) -> "Pipeline[P, R_co]":
        """The same pipeline with parameters that come from elsewhere than their own names say, where others list it.

        Each source is the name of a node, a part or a parameter, or a list or dict of these: see `Step.bind`. Raises
        `GraphError` for a parameter that it does not have.
        """
        return self._with(**varying.with_bound(self, sources)._asdict())

    def replace(self, **steps: "Step[..., Any] | Pipeline[..., Any]") -> "Pipeline[P, R_co]":
        """The same pipeline with other steps, or pipelines, in the place of some nodes.

        A node keeps its name, and so its seed and address, and what it is called with. Raises `GraphError` for what
        does not fit there, with the near miss.

        >>> from plait import Pipeline, step
        >>> @step
        ... def size(text: str) -> int:
        ...     return len(text)
        >>> words = step(lambda text: len(text.split()), name="words")
        >>> Pipeline("demo", [size]).replace(size=words).run(text="two words", store=None).result
        2
        """
        return self._with(**varying.with_replaced(self, steps)._asdict())

    def select(self, *selectors: str) -> "Pipeline[..., Any]":
        """The part of a pipeline that some selectors choose, together.

        A selector is a node's name, or `"tag:feature"`; with a `+` before it (`"+score"`) all that it needs comes too,
        with one after it (`"clean+"`) all that needs it. What was made by the rest becomes a parameter. Raises
        `GraphError` where nothing is chosen.
        """
        return self._with(**varying.with_part(self, selectors)._asdict(), fn=None)

    # what can be done with it

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """A pipeline wired by call is still its function: outside of other pipelines, plain Python runs."""
        fn, tracer = self._function, TRACER.get()
        if isinstance(tracer, Tracing):
            return cast(R_co, tracer.nest(self.graph, fn, args, kwargs, self._values))
        if any(type(value) is Each for value in (*args, *kwargs.values())):
            raise GraphError(f"{self.name}(...) got each(...): write {self.name}.map(...) to run it once an item")
        return cast(R_co, with_fixed(self.name, varying.plain(self, fn), self._values)(*args, **kwargs))

    def map(self, *args: P.args, **kwargs: P.kwargs) -> list[R_co]:
        """Runs the pipeline once for each item of what is marked with `each`; the results are a list.

        What does not depend on the item runs once. See `Step.map`.
        """
        return cast(list[R_co], self._mapped(args, kwargs, keyed=False))

    def map_values(self, *args: P.args, **kwargs: P.kwargs) -> dict[str, R_co]:
        """Like `map`, with the results as a dict: by the keys of the dict that is marked, or by texts that differ."""
        return cast(dict[str, R_co], self._mapped(args, kwargs, keyed=True))

    def _mapped(self, args: tuple[Any, ...], kwargs: dict[str, Any], *, keyed: bool) -> Any:
        fn, tracer = self._function, TRACER.get()
        if isinstance(tracer, Tracing):
            return tracer.nest(self.graph, fn, args, kwargs, self._values, keyed)
        fn = with_fixed(self.name, varying.plain(self, fn), self._values)
        return mapped(f"{self.name}.{'map_values' if keyed else 'map'}", fn, args, kwargs, keyed=keyed)

    @property
    def _function(self) -> Callable[..., Any]:
        if self._fn is None:
            raise GraphError(f"{self.name} is wired by name and has no function to call; use {self.name}.run(...)")
        return self._fn

    def run(
        self,
        *targets: Target,
        seed: int = DEFAULT,
        now: datetime | None = None,
        given: Mapping[str, Any] | None = None,
        store: "str | Path | Store | None" = DEFAULT,
        executor: "str | Executor | FuturesExecutor" = DEFAULT,
        workers: int | None = DEFAULT,
        limits: Mapping[str, float | str] | None = DEFAULT,
        fail: Literal["fast", "keep-going"] = DEFAULT,
        listeners: "Sequence[Listener] | None" = None,
        strict: bool = DEFAULT,
        **params: Any,
    ) -> Run[R_co]:
        """Makes what the targets need and is not known yet.

        - `targets`: names of nodes or parts, or steps; all nodes, if none is given.
        - `seed`: the number from which the seeds of nodes are derived (0).
        - `now`: the instant that steps see; the clock's, if none is given.
        - `given`: values for nodes, which are then not run, nor anything that only they need.
        - `store`: the folder where results are kept (`.plait`); `None` keeps nothing.
        - `executor`: `"sequential"`, `"threads"`, `"processes"`, or a pool of your own; `workers`: how many at once.
        - `fail`: `"fast"` raises at the first failure, `"keep-going"` runs whatever can be run.
        - `listeners`: functions that are told each event; if none are given, a terminal shows progress; `[]` is quiet.
        - `strict`: code that cannot be followed, and files and variables that are read and not declared, are errors.
        - `limits`: how much there is in the pools that steps take from by `resources=`, such as
          `{"gpu": 1, "memory": "16GiB"}`; a pool that is not named is as large as the largest need of one step.
        - `params`: values of parameters, by name or address.

        Returns the `Run`. Raises `ParameterError` before any work, and `NodeFailed` from the error of the step.
        """
        options = {
            "seed": seed, "now": now, "given": given, "store": store, "executor": executor, "workers": workers,
            "limits": limits, "fail": fail, "strict": strict,
        }  # fmt: skip
        from plait.session import Session

        with Session(self.graph, self._values, self._options, targets, options, params) as session:
            return session.run(listeners)

    def plan(
        self,
        *targets: Target,
        seed: int = DEFAULT,
        now: datetime | None = None,
        given: Mapping[str, Any] | None = None,
        store: "str | Path | Store | None" = DEFAULT,
        strict: bool = DEFAULT,
        **params: Any,
    ) -> Plan:
        """What `run` would do with the same arguments, and why, node by node. Runs nothing."""
        options = {"seed": seed, "now": now, "given": given, "store": store, "strict": strict}
        from plait.session import Session

        with Session(self.graph, self._values, self._options, targets, options, params) as session:
            return session.plan()

    def explain(self, target: Target, /, **arguments: Any) -> str:
        """Why a node would run, or would not: down to the changed values and lines of code.

        `arguments` are those of `plan`.
        """
        from plait.session import asked

        with asked(self, [target], arguments) as session:
            return session.explain()

    def audit(
        self,
        *targets: Target,
        seed: int = DEFAULT,
        now: datetime | None = None,
        given: Mapping[str, Any] | None = None,
        store: "str | Path | Store | None" = DEFAULT,
        sample: int | None = DEFAULT,
        **params: Any,
    ) -> "Audit":
        """Makes nodes again under other conditions, and says which steps do not keep what plait relies on.

        Found are results that are not always the same, and how far they are apart; arguments that were changed in
        place; files and environment variables that were read and not declared. The store is read, and not written.

        Steps that may cost money (`cache=False`, `async def`, a `Secret`) are not called, unless they are targets. Of
        the nodes of one step at most `sample` (3) are made, all with `None`. The other arguments are those of `run`.
        """
        options = {"seed": seed, "now": now, "given": given, "store": store, "sample": sample}
        from plait.session import Session

        with Session(self.graph, self._values, self._options, targets, options, params) as session:
            return session.audit()

    @overload
    def compile(
        self, output: Step[..., T], *, inputs: Sequence[str], given: "Run[Any] | Mapping[str, Any]",
        pin: Sequence[Target] = (), parity: int = 100, rtol: float = 1e-9,
    ) -> "Compiled[T]": ...  # fmt: skip
    @overload
    def compile(
        self, output: str, *, inputs: Sequence[str], given: "Run[Any] | Mapping[str, Any]",
        pin: Sequence[Target] = (), parity: int = 100, rtol: float = 1e-9,
    ) -> "Compiled[Any]": ...  # fmt: skip
    def compile(
        self,
        output: Target,
        *,
        inputs: Sequence[str],
        given: "Run[Any] | Mapping[str, Any]",
        pin: Sequence[Target] = (),
        parity: int = 100,
        rtol: float = 1e-9,
    ) -> "Compiled[Any]":
        """A part of this pipeline as a plain function: `inputs` are its arguments, `output` is what it returns.

        Nodes that do not depend on `inputs`, and those in `pin`, are taken from `given` (a run, or values by name); the
        rest are called each time. What is fitted or takes a seed must be pinned. Then up to `parity` rows of the run's
        inputs are answered one by one, and compared with the run: numbers to a part of `rtol`, all else exactly. With
        `parity=0` you vouch for it.

        Raises `GraphError` for what cannot be called each time, `ParityError` with the first rows that differ.

        >>> from plait import Pipeline, step
        >>> @step
        ... def hours(minutes: list[int]) -> list[float]:
        ...     return [m / 60 for m in minutes]
        >>> @step
        ... def late(hours: list[float], limit: float = 0.5) -> list[bool]:
        ...     return [h > limit for h in hours]
        >>> delays = Pipeline("delays", [hours, late])
        >>> predict = delays.compile(late, inputs=["minutes"], given=delays.run(minutes=[10, 45], store=None))
        >>> predict([31])
        [True]
        >>> print(predict.source)
        # late of delays, from minutes
        def late(minutes):
            hours = hours_(minutes)
            return late_(hours, 0.5)
        <BLANKLINE>
        """
        from plait.online import compiled

        return compiled(self, output, inputs=inputs, given=given, pin=pin, rows=parity, rtol=rtol)

    def sweep(
        self,
        settings: Iterable[Mapping[str, Any]],
        /,
        *targets: Target,
        seeds: Sequence[int] = (0,),
        listeners: "Sequence[Listener] | None" = None,
        now: datetime | None = None,
        given: Mapping[str, Any] | None = None,
        store: "str | Path | Store | None" = DEFAULT,
        executor: "str | Executor | FuturesExecutor" = DEFAULT,
        workers: int | None = DEFAULT,
        limits: Mapping[str, float | str] | None = DEFAULT,
        fail: Literal["fast", "keep-going"] = DEFAULT,
        strict: bool = DEFAULT,
        **params: Any,
    ) -> "Sweep[R_co]":
        """Runs many settings, each with all `seeds`, as one graph: what they have in common is done once.

        A setting is a mapping from parameters to values, by name or address. Each of its runs is what `run` would give
        with the same arguments, and a hit for it later. The rest is as in `run`. Gives a `Sweep`: its runs in order,
        and `to_frame()`.

        >>> from plait import Pipeline, step
        >>> @step
        ... def area(width: int, height: int = 2) -> int:
        ...     return width * height
        >>> sheets = Pipeline("sheets", [area])
        >>> found = sheets.sweep([{"width": 3}, {"width": 4, "height": 5}], store=None)
        >>> [run.result for run in found]
        [6, 20]
        >>> found.to_frame().columns.tolist()
        ['width', 'height', 'seed', 'ok', 'area']
        """
        options = {
            "now": now, "given": given, "store": store, "executor": executor, "workers": workers, "limits": limits,
            "fail": fail, "strict": strict,
        }  # fmt: skip
        from plait.sweeping import sweep

        return sweep(self, settings, targets, seeds, options, listeners, params)

    def runs(self, *, store: "str | Path | Store | None" = DEFAULT, limit: int = 100) -> list[Run[R_co]]:
        """Its earlier runs, newest first; their values can be read while the store has them."""
        from plait.past import earlier_runs

        return earlier_runs(self.graph, store if store is not DEFAULT else self._options.get("store", DEFAULT), limit)

    def __repr__(self) -> str:
        return f"<pipeline {self.name}: {len(self.graph.nodes)} nodes>"

    def _repr_html_(self) -> str:
        from plait.show.drawing import cell

        return cell(self.graph, values=self._values)
