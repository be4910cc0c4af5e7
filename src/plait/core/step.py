"""A step: a typed function that can be a node of a graph, and is still a function.

`Step` is one *use* of a definition: its name, where its inputs come from (`bind`), and values that were fixed
(`with_`). It is small, since a graph may hold a hundred thousand of them.
"""

import functools
import inspect
import sys
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, Generic, ParamSpec, Protocol, TypeVar, cast, overload

from plait.core.ambient import auto, outside_a_run
from plait.core.definition import Definition, Options, near, underlying
from plait.core.durations import seconds
from plait.core.graph import Graph
from plait.core.looping import Each, mapped
from plait.core.resources import amounts
from plait.core.retrying import Retry
from plait.errors import GraphError

P = ParamSpec("P")
T = TypeVar("T")
R_co = TypeVar("R_co", covariant=True)


class Tracer(Protocol):
    """What turns calls of steps, and verbs on their results, into graph, while a `@pipeline` function is traced."""

    def call(self, step: "Step[..., Any]", args: tuple[Any, ...], kwargs: dict[str, Any], /) -> Any: ...
    def map(self, step: "Step[..., Any]", args: tuple[Any, ...], kwargs: dict[str, Any], keyed: bool, /) -> Any: ...
    def each(self, items: Any, /) -> Any: ...
    def switch(self, selector: Any, branches: Mapping[Any, Any], default: Any, /) -> Any: ...
    def attempt(self, value: Any, /) -> Any: ...


TRACER: ContextVar[Tracer | None] = ContextVar("plait_tracer", default=None)


class Step(Generic[P, R_co]):
    """A typed function that can be a node of a graph, and is still a function: made by `@step`."""

    # __dict__ holds what makes a decorated function look like itself (name, module, docstring); other uses have none
    __slots__ = ("__dict__", "__weakref__", "definition", "name", "sources", "values")

    def __init__(
        self,
        definition: Definition,
        name: str,
        sources: Mapping[str, Any],
        values: Mapping[str, Any],
    ) -> None:
        self.definition = definition
        self.name = name
        self.sources = sources
        self.values = values

    @property
    def fn(self) -> Callable[P, R_co]:
        """The function itself."""
        return self.definition.fn

    @property
    def __wrapped__(self) -> Callable[P, R_co]:
        return self.definition.fn

    @property
    def __plait_code__(self) -> Mapping[str, Callable[..., Any]]:
        return self.definition.roles

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        tracer = TRACER.get()
        if tracer is not None:
            return cast(R_co, tracer.call(self, args, kwargs))
        definition = self.definition
        if any([type(value) is Each for value in (*args, *kwargs.values())]):
            raise GraphError(f"{self.name}(...) got each(...): write {self.name}.map(...) to run it once an item")
        for given in definition.inputs[len(args) :]:
            if given.name in self.values and given.name not in kwargs:
                kwargs[given.name] = self.values[given.name]
            elif given.default is auto and kwargs.get(given.name, auto) is auto:
                kwargs[given.name] = outside_a_run(definition.ambient[given.name])
        return cast(R_co, definition.fn(*args, **kwargs))

    def named(self, name: str, /) -> "Step[P, R_co]":
        """The same step under another name, to use it twice.

        Raises `GraphError` for a name that cannot stand in an address.

        >>> @step
        ... def load(csv: str) -> str:
        ...     return csv
        >>> load.named("customers")
        <step customers: load(csv: str) -> str>
        """
        return Step(self.definition, check_name(name), self.sources, self.values)

    def bind(self, **sources: Any) -> "Step[P, R_co]":
        """The same step with inputs that come from elsewhere than their own names say.

        Each source is the name of a node, of a part (`"split.train"`) or of a parameter, or a step; a list or a dict
        of these gathers many into one argument. Constants are for `with_`. Raises `GraphError` for an input that the
        step does not have.

        >>> @step
        ... def size(table: list[int]) -> int:
        ...     return len(table)
        >>> size.bind(table="split.train").sources
        {'table': 'split.train'}
        """
        names = self.definition.input_names
        for name, source in sources.items():
            if name not in names:
                self._check_inputs("bind", sources)
            if type(source) is not str:
                check_source(self.name, name, source)
        # what does not change is shared, since a graph may hold a hundred thousand of these
        values = self.values and {name: value for name, value in self.values.items() if name not in sources}
        return Step(self.definition, self.name, {**self.sources, **sources} if self.sources else sources, values)

    def with_(self, values: Mapping[str, Any] | None = None, /, **more: Any) -> "Step[P, R_co]":
        """The same step with values fixed for some inputs; text is text here, never a name.

        Raises `GraphError` for an input that the step does not have.

        >>> @step
        ... def fit(depth: int = 6) -> int:
        ...     return depth
        >>> fit.with_(depth=8).values
        {'depth': 8}
        """
        given = {**(values or {}), **more}
        self._check_inputs("with_", given)
        sources = self.sources and {name: source for name, source in self.sources.items() if name not in given}
        return Step(self.definition, self.name, sources, {**self.values, **given})

    @overload
    def map(self: "Step[P, Coroutine[Any, Any, T]]", *args: P.args, **kwargs: P.kwargs) -> list[T]: ...
    @overload
    def map(self, *args: P.args, **kwargs: P.kwargs) -> list[R_co]: ...
    def map(self, *args: Any, **kwargs: Any) -> Any:
        """Runs the step once for each item of what is marked with `each`, and gives the results as a list.

        In a pipeline each item is a node of its own, with its own key, seed and record. Raises `GraphError` where
        nothing is marked, or where what is zipped has different lengths.

        >>> from plait import each
        >>> @step
        ... def power(x: int, n: int) -> int:
        ...     return x**n
        >>> power.map(each([1, 2, 3]), n=2)
        [1, 4, 9]
        """
        return self._mapped(args, kwargs, keyed=False)

    @overload
    def map_values(self: "Step[P, Coroutine[Any, Any, T]]", *args: P.args, **kwargs: P.kwargs) -> dict[str, T]: ...
    @overload
    def map_values(self, *args: P.args, **kwargs: P.kwargs) -> dict[str, R_co]: ...
    def map_values(self, *args: Any, **kwargs: Any) -> Any:
        """Like `map`, with the results as a dict: by the keys of the dict that is marked, or by texts that differ.

        >>> from plait import each
        >>> @step
        ... def size(name: str) -> int:
        ...     return len(name)
        >>> size.map_values(each(["north", "east"]))
        {'north': 5, 'east': 4}
        """
        return self._mapped(args, kwargs, keyed=True)

    def _mapped(self, args: tuple[Any, ...], kwargs: dict[str, Any], *, keyed: bool) -> Any:
        tracer = TRACER.get()
        if tracer is not None:
            return tracer.map(self, args, kwargs, keyed)
        return mapped(f"{self.name}.{'map_values' if keyed else 'map'}", self, args, kwargs, keyed=keyed)

    def _check_inputs(self, verb: str, given: Mapping[str, Any]) -> None:
        names = self.definition.input_names
        for name in given:
            if name not in names:
                raise GraphError(f"{self.name}.{verb}({name}=...): {describe(self)} has no {name!r}{near(name, names)}")

    def __reduce__(self) -> Any:
        module, _, name = self.definition.home.partition(":")
        if module != "__main__" and getattr(sys.modules.get(module), name, None) is self:
            return _imported, (module, name)
        return Step, (self.definition, self.name, self.sources, self.values)

    def __repr__(self) -> str:
        return f"<step {self.name}: {describe(self)}>"


def _imported(module: str, name: str) -> Step[..., Any]:
    from importlib import import_module

    return cast(Step[..., Any], getattr(import_module(module), name))


def describe(step: Step[..., Any]) -> str:
    """A step's function as a person would write its first line."""
    fn = underlying(step.fn)
    return f"{getattr(fn, '__name__', step.name)}{inspect.signature(step.fn)}".replace("typing.", "")


def check_name(name: str) -> str:
    """A name that can stand in an address: `(namespace/)*node([item])?(.part)?`."""
    if not (isinstance(name, str) and name.isidentifier()):
        raise GraphError(f"{name!r} cannot name a node: use letters, digits and _, and no digit first")
    return name


def check_source(step: str, name: str, source: Any) -> None:
    """Is it what `bind` takes: names, steps, pipelines, lists and dicts of them?"""
    if not _names_only(source):
        raise GraphError(
            f"{step}.bind({name}={source!r}): bind takes names of nodes or parameters, or steps; "
            f"for a value: {step}.with_({name}={source!r})"
        )


def _names_only(source: Any) -> bool:
    if isinstance(source, (str, Step)) or isinstance(getattr(source, "graph", None), Graph):
        return True
    if isinstance(source, Mapping):
        return all(_names_only(item) for item in source.values())
    if isinstance(source, (list, tuple)):
        return all(_names_only(item) for item in source)
    return False


@overload
def step(fn: Callable[P, T], /) -> Step[P, T]: ...
@overload
def step(fn: Callable[P, T], /, *, name: str) -> Step[P, T]: ...
@overload
def step(
    *,
    name: str | None = None,
    version: str = "",
    depends_on: Sequence[object] = (),
    ignore: Sequence[object] = (),
    env: Sequence[str] = (),
    cache: bool | str = True,
    retry: Retry | None = None,
    timeout: str | None = None,
    resources: Mapping[str, float | str] | None = None,
    executor: str | None = None,
    tags: Collection[str] = (),
) -> Callable[[Callable[P, T]], Step[P, T]]: ...
def step(
    fn: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    version: str = "",
    depends_on: Sequence[object] = (),
    ignore: Sequence[object] = (),
    env: Sequence[str] = (),
    cache: bool | str = True,
    retry: Retry | None = None,
    timeout: str | None = None,
    resources: Mapping[str, float | str] | None = None,
    executor: str | None = None,
    tags: Collection[str] = (),
) -> Any:
    """Turn a typed function into a step of pipelines. It stays a function: call it, test it, debug it as before.

    What makes its results themselves:

    - `name`: what its node is called; the function's own name, unless said.
    - `version`: any text; another one makes all results anew.
    - `depends_on`: functions, classes, modules, `File`s or names of installed packages that it uses in a way that
      cannot be seen.
    - `ignore`: names of parameters, or functions, classes and modules, that shall not count.
    - `env`: names of environment variables that it reads; their values count.
    - `cache`: `False` runs it each time (effects on the outside world); `"12h"` takes results for that long.

    How it runs, which never changes what its results are called:

    - `retry`: which exceptions may pass, so that the step is called again: a `Retry`.
    - `timeout`: for how long it may run, such as `"10m"`; then the process that runs it is killed. An `async def`
      step is cancelled.
    - `resources`: what it takes from pools while it runs, such as `{"gpu": 1, "memory": "4GiB"}`; `run(limits=...)`
      says how much there is. `cpu` is also the number of threads that numeric libraries use inside the step.
    - `executor`: where it runs, whatever the run says: `"threads"` for a step that waits, beside processes.

    How it is found: `tags`, any words. Raises `GraphError` for a function that cannot be a step, and for options that
    make no sense, and says what to write instead.

    >>> @step
    ... def double(x: int) -> int:
    ...     return 2 * x
    >>> double(4)
    8
    """
    for option, entries in {"depends_on": depends_on, "ignore": ignore, "env": env, "tags": tags}.items():
        if isinstance(entries, str):
            raise GraphError(f"@step({option}={entries!r}): give a list: {option}=[{entries!r}]")
    if not isinstance(cache, (bool, str)):
        raise GraphError(f'@step(cache={cache!r}): give True, False, or a time such as "12h"')
    options = Options(
        version=str(version),
        depends_on=tuple(depends_on),
        ignore=tuple(ignore),
        env=tuple(env),
        cache=seconds(cache) if isinstance(cache, str) else cache,
        retry=_retry(retry),
        timeout=None if timeout is None else _timeout(timeout),
        resources={} if resources is None else amounts("@step(resources=...)", resources),
        executor=_executor(executor),
        tags=frozenset(tags),
    )
    made_in = inspect.currentframe()
    frame = made_in.f_back if made_in is not None else None
    if fn is None:
        return functools.partial(_make, name=name, options=options, frame=frame)
    return _make(fn, name=name, options=options, frame=frame)


def _retry(retry: object) -> Retry | None:
    if retry is not None and not isinstance(retry, Retry):
        raise GraphError(f"@step(retry={retry!r}): say which errors may pass: retry=Retry(on=ConnectionError)")
    return retry


def _timeout(timeout: object) -> float:
    length = seconds(timeout) if isinstance(timeout, str) else 0.0
    if not length:
        raise GraphError(f'@step(timeout={timeout!r}): give a length of time with its unit, such as "45s" or "10m"')
    return length


def _executor(executor: object) -> str | None:
    if executor is not None and (not isinstance(executor, str) or not executor):
        raise GraphError(
            f'@step(executor={executor!r}): give a name, such as "threads"; a pool of your own is for run(executor=...)'
        )
    return executor


def _make(fn: Callable[..., Any], *, name: str | None, options: Options, frame: Any) -> Step[..., Any]:
    if isinstance(fn, Step):
        raise GraphError(f"{fn.name} is a step already; to use it under another name: {fn.name}.named(...)")
    if isinstance(fn, (staticmethod, classmethod, property)) or not callable(fn):
        raise GraphError(f"@step takes a function, not {type(fn).__name__}; define it outside the class")
    called = name or getattr(fn, "__name__", None)
    if called is None or called == "<lambda>":
        raise GraphError(f"{fn!r} has no name of its own; give it one: step(f, name=...)")
    if "__qualname__" in frame.f_locals and frame.f_locals.get("__module__") == getattr(fn, "__module__", ""):
        raise GraphError(
            f"{fn.__qualname__} is in a class body, where self would be one of its inputs; "
            f"decorate a function, or use step(obj.{called}, name=...)"
        )
    function = underlying(fn)
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise GraphError(f"{called} is a generator function; a result must be whole: return a list")
    if inspect.iscoroutinefunction(function) and options.executor is not None:
        raise GraphError(
            f"{called} is an async def: it runs on the event loop of this process, beside others; leave out executor="
        )
    textual = any(isinstance(hint, str) for hint in getattr(function, "__annotations__", {}).values())
    local = frame.f_locals if textual and frame.f_locals is not frame.f_globals else None
    made: Step[..., Any] = Step(Definition(fn, check_name(called), options, local), called, {}, {})
    for attribute in ("__module__", "__name__", "__qualname__", "__doc__"):
        if hasattr(fn, attribute):
            setattr(made, attribute, getattr(fn, attribute))
    return made
