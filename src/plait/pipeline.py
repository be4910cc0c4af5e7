"""The door: a pipeline, its verbs, and all the defaults. Each verb is a few lines over a function of a lower layer."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Generic, Literal, ParamSpec, TypeVar, cast, overload

from plait import configuration, parameters
from plait.core.builder import Graft, build
from plait.core.definition import near, underlying
from plait.core.graph import Graph
from plait.core.selecting import selected
from plait.core.step import TRACER, Step, check_name
from plait.core.tracing import Tracing, trace
from plait.errors import GraphError, ParameterError
from plait.runtime.plan import Plan
from plait.runtime.run import Run
from plait.settings import DEFAULT, OPTIONS

if TYPE_CHECKING:
    from plait.ports import Store
    from plait.runtime.listening import Listener

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
        found = _Items()
        found.take(items)
        graph = parameters.with_constants_admitted(build(name, found.items, inputs))
        values = {address: value for address, value in found.values.items() if address in graph.parameters}
        self._set(graph, values, {}, None, {item.name: item for item in found.items if isinstance(item, Step)})

    def _set(
        self,
        graph: Graph,
        values: Mapping[str, Any],
        options: Mapping[str, Any],
        fn: Callable[..., Any] | None,
        steps: Mapping[str, Step[..., Any]],
    ) -> None:
        self.name = graph.name
        self.graph = graph
        self._values = values  # by address
        self._options = options
        self._fn = fn
        self._steps = steps

    def _with(self, **changed: Any) -> "Pipeline[P, R_co]":
        kept = {
            "graph": self.graph,
            "values": self._values,
            "options": self._options,
            "fn": self._fn,
            "steps": self._steps,
        }
        other: Pipeline[P, R_co] = object.__new__(Pipeline)
        other._set(**{**kept, **changed})
        return other

    # what it is

    @property
    def steps(self) -> Mapping[str, Step[..., Any]]:
        """Its steps by the names of their nodes."""
        return self._steps

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

    # how it is varied

    def with_(self, values: Any = None, /, **more: Any) -> "Pipeline[P, R_co]":
        """The same pipeline with values fixed for some parameters, by name or address (`"fit.max_depth"`).

        `values` is a mapping, or a model or dataclass whose fields are parameters. Raises `ParameterError` for a
        parameter that it does not have, and for a value that does not fit.
        """
        given = {**_fields(values), **more}
        settled = {
            address: parameters.admitted(self.graph.parameters[address], value)
            for address, value in parameters.addressed(self.graph, given).items()
        }
        return self._with(values={**self._values, **settled})

    def with_config(self, *paths: str | Path) -> "Pipeline[P, R_co]":
        """The same pipeline with what YAML files set: parameters under `params:`, options of `run` under `run:`.

        Later files go over earlier ones. Raises `ParameterError` with the file and the near miss.
        """
        values, options = configuration.load(*paths)
        for option in options:
            if option not in OPTIONS:
                raise ParameterError(f"run: {option!r} is no option of run{near(option, OPTIONS)}")
        return self._with(options={**self._options, **options}).with_(values)

    def named(self, name: str, /) -> "Pipeline[P, R_co]":
        """The same pipeline under another name, to use it twice."""
        return self._with(graph=self.graph.renamed(check_name(name)))

    def select(self, *selectors: str) -> "Pipeline[..., Any]":
        """The part of a pipeline wired by name that some selectors choose.

        A selector is a node's name, `"tag:feature"`, `"+score"` (and all that it needs) or `"clean+"` (and all that
        needs it). What was made by the rest becomes a parameter. Raises `GraphError` where nothing is chosen.
        """
        chosen = {name for selector in selectors for name in selected(self.graph, selector)}
        if self._fn is not None:
            raise GraphError(f"{self.name} is wired by call; select takes apart pipelines that are wired by name")
        return Pipeline(self.name, [step for name, step in self._steps.items() if name in chosen])

    # what can be done with it

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """A pipeline wired by call is still its function: outside of other pipelines, plain Python runs."""
        if self._fn is None:
            raise GraphError(f"{self.name} is wired by name and has no function to call; use {self.name}.run(...)")
        tracer = TRACER.get()
        if not isinstance(tracer, Tracing):
            return cast(R_co, self._fn(*args, **kwargs))
        return cast(R_co, tracer.nest(self.graph, self._fn, args, kwargs, self._values))

    def run(
        self,
        *targets: Target,
        seed: int = DEFAULT,
        now: datetime | None = None,
        given: Mapping[str, Any] | None = None,
        store: "str | Path | Store | None" = DEFAULT,
        executor: Any = DEFAULT,
        workers: int | None = DEFAULT,
        limits: Mapping[str, int | str] | None = None,
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
        - `strict`: code that cannot be followed, and a file that is read and is no argument, are errors.
        - `limits`: not in this version, and refused.
        - `params`: values of parameters, by name or address.

        Returns the `Run`. Raises `ParameterError` before any work, and `NodeFailed` from the error of the step.
        """
        if limits is not None:
            raise ParameterError("run(limits=...) is not in this version of plait; leave it out")
        options = {
            "seed": seed,
            "now": now,
            "given": given,
            "store": store,
            "executor": executor,
            "workers": workers,
            "fail": fail,
            "strict": strict,
        }
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

    def runs(self, *, store: "str | Path | Store | None" = DEFAULT, limit: int = 100) -> list[Run[R_co]]:
        """Its earlier runs, newest first; their values can be read while the store has them."""
        from plait.past import earlier_runs

        return earlier_runs(self.graph, store if store is not DEFAULT else self._options.get("store", DEFAULT), limit)

    def __repr__(self) -> str:
        return f"<pipeline {self.name}: {len(self.graph.nodes)} nodes>"

    def _repr_html_(self) -> str:
        from plait.show.drawing import html

        return html(self.graph)


@overload
def pipeline(fn: Callable[P, T], /) -> Pipeline[P, T]: ...
@overload
def pipeline(*, name: str) -> Callable[[Callable[P, T]], Pipeline[P, T]]: ...
def pipeline(fn: Callable[..., Any] | None = None, /, *, name: str | None = None) -> Any:
    """Turn a function that calls steps into a pipeline; it is run once, now, to see who reads whom.

    Raises `GraphError` for what cannot be known before a run, and says what to write instead.

    >>> from plait import pipeline, step
    >>> @step
    ... def doubled(x: int) -> int:
    ...     return 2 * x
    >>> @pipeline
    ... def fourfold(x: int) -> int:
    ...     return doubled.named("again")(doubled(x))
    >>> fourfold(3), fourfold.run(x=3, store=None).result
    (12, 12)
    """
    if fn is None:
        return lambda function: _traced(function, name)
    return _traced(fn, name)


def _traced(fn: Callable[..., Any], name: str | None) -> Pipeline[..., Any]:
    graph = parameters.with_constants_admitted(trace(fn, check_name(name or fn.__name__)))
    made: Pipeline[..., Any] = object.__new__(Pipeline)
    steps: dict[str, Step[..., Any]] = {
        node.name: Step(node.definition, node.name, {}, {}) for node in graph.nodes.values()
    }
    made._set(graph, {}, {}, fn, steps)
    made.__doc__ = fn.__doc__
    return made


class _Items:
    """The steps and pipelines that a list of items stands for, and the values that pipelines in it had fixed."""

    def __init__(self) -> None:
        self.items: list[Step[..., Any] | Graft] = []
        self.values: dict[str, Any] = {}

    def take(self, items: Any) -> None:
        if isinstance(items, ModuleType):
            items = _defined_by(items)
        if isinstance(items, (str, Step, Pipeline)) or not isinstance(items, Iterable):
            raise GraphError(f"Pipeline(name, items): give a list of steps, pipelines and modules, not {items!r}")
        for item in items:
            self._take_one(item)

    def _take_one(self, item: Any) -> None:
        if isinstance(item, Step):
            self.items.append(item)
        elif isinstance(item, ModuleType):
            self.take(item)
        elif not isinstance(item, Pipeline):
            hint = "; decorate it with @step" if callable(item) else ""
            raise GraphError(f"{getattr(item, '__name__', item)!r} is no step, pipeline or module{hint}")
        elif item._fn is None:
            self.items.extend(item._steps.values())
            self._fix("", item._values)
        else:
            self.items.append(Graft(item.name, item.graph))
            self._fix(item.name, item._values)

    def _fix(self, namespace: str, values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            address = name if not namespace else f"{namespace}/{name}" if "." in name else f"{namespace}.{name}"
            known = self.values.setdefault(address, value)
            if known is not value:
                raise GraphError(f"two of the pipelines in the list fix {address!r} to different values; fix it in one")


def _defined_by(module: ModuleType) -> list[Step[..., Any]]:
    """The steps that a module itself defines, in its order, each once."""
    found: dict[int, Step[..., Any]] = {}
    for item in vars(module).values():
        if isinstance(item, Step) and getattr(underlying(item.fn), "__module__", "") == module.__name__:
            found.setdefault(id(item), item)
    if not found:
        raise GraphError(f"the module {module.__name__} defines no steps; decorate functions in it with @step")
    return list(found.values())


def _fields(values: Any) -> Mapping[str, Any]:
    """Values by name, from a mapping, a model or a dataclass."""
    if values is None:
        return {}
    if isinstance(values, Mapping):
        return values
    if is_dataclass(values) and not isinstance(values, type):
        return {field.name: getattr(values, field.name) for field in fields(values)}
    model_fields = getattr(type(values), "model_fields", None)
    if isinstance(model_fields, Mapping):
        return {name: getattr(values, name) for name in model_fields}
    raise ParameterError(f"with_ takes a mapping, a model or a dataclass, not a {type(values).__name__}")
