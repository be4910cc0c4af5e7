"""What is known of a step's function: its callables by role, its inputs, its types, its options. One a function.

A definition is shared by all uses of its step (see `core/step.py`), so that a use is small.
"""

import functools
import inspect
import sys
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import Any, NamedTuple

from plait.core.ambient import Kind, ambient_kind, auto
from plait.core.error_text import error_message
from plait.core.parts import class_of_parts, parts_of
from plait.core.retrying import Retry
from plait.errors import GraphError

EMPTY: Any = inspect.Parameter.empty
CALL = "call"  # the role of a table step's only callable


class Table(NamedTuple):
    """The shape of a step whose arguments and result are whole values."""


class Input(NamedTuple):
    """A parameter of a step's function."""

    name: str
    default: Any
    positional: bool  # may only be given by position


class Options(NamedTuple):
    """What `@step(...)` was told. The first five are identity, the next four how it runs, the last is for finding."""

    version: str = ""
    depends_on: tuple[object, ...] = ()
    ignore: tuple[object, ...] = ()
    env: tuple[str, ...] = ()
    cache: bool | float = True  # or for how many seconds
    retry: Retry | None = None
    timeout: float | None = None  # seconds
    resources: Mapping[str, float] = {}
    executor: str | None = None
    tags: frozenset[str] = frozenset()


class Definition:
    """A step's function, with all that plait knows of it.

    `hints` are the types of its inputs, `returns` that of its result (`EMPTY` if none is given), `parts` those of the
    parts of its result (see `core/parts.py`), `ambient` the inputs that the run itself gives. They are
    read from the annotations when somebody first asks; `GraphError` names an annotation that cannot be evaluated.
    """

    __slots__ = (
        "__weakref__",
        "_names",
        "ambient",
        "asynchronous",
        "hints",
        "input_names",
        "inputs",
        "name",
        "options",
        "parts",
        "positional",
        "returns",
        "roles",
        "shape",
        "unkeyed",
    )
    hints: Mapping[str, Any]
    returns: Any
    parts: Mapping[str, Any]
    ambient: Mapping[str, Kind]
    asynchronous: bool  # is its function an `async def`, whose result is what comes of awaiting it?

    def __init__(self, fn: Callable[..., Any], name: str, options: Options, names: Mapping[str, Any] | None) -> None:
        self.name = name
        self.roles: dict[str, Callable[..., Any]] = {CALL: fn}
        self.shape = Table()
        self.options = options
        self.inputs = _inputs(fn, name)
        self.input_names = [given.name for given in self.inputs]
        self.positional = tuple(given.name for given in self.inputs if given.positional)
        self.unkeyed = frozenset(entry for entry in options.ignore if isinstance(entry, str))
        self._names = names  # the local names where the function was made, if its annotations are text
        for entry in sorted(self.unkeyed - {i.name for i in self.inputs}):
            raise GraphError(f"{name}: ignore={entry!r} is not one of its parameters{near(entry, self.input_names)}")

    def __getattr__(self, attribute: str) -> Any:
        """Reached only for what is not there yet: what the function and its annotations say, read once."""
        if attribute == "asynchronous":  # asked of each node
            self.asynchronous = inspect.iscoroutinefunction(underlying(self.fn))
            return self.asynchronous
        if attribute not in ("hints", "returns", "parts", "ambient"):
            raise AttributeError(attribute)
        self.hints, self.returns, self.parts, self.ambient = _read(self)
        self._names = None
        return getattr(self, attribute)

    @property
    def fn(self) -> Callable[..., Any]:
        return self.roles[CALL]

    @property
    def result_class(self) -> type:
        """What parts are joined by."""
        return class_of_parts(self.returns)

    def evaluate(self) -> Mapping[str, Any]:
        """All annotations as types."""
        function = underlying(self.fn)
        try:
            return typing.get_type_hints(function, localns=dict(self._names or {}), include_extras=True)
        except Exception as error:
            raise GraphError(_unevaluated(self.name, function, self._names or {}, error)) from error

    @property
    def home(self) -> str:
        """Where the function is defined: `module:qualified name`."""
        function = underlying(self.fn)
        return f"{getattr(function, '__module__', '')}:{getattr(function, '__qualname__', self.name)}"

    @property
    def importable(self) -> bool:
        """Can another process find this very definition by importing its module?"""
        module, _, name = self.home.partition(":")
        found = getattr(sys.modules.get(module), name, None)
        return module != "__main__" and getattr(found, "definition", None) is self

    def __reduce__(self) -> Any:
        if self.importable:
            return _imported, tuple(self.home.split(":"))
        return _rebuilt, (self.fn, self.name, self.options)

    def __repr__(self) -> str:
        return f"<definition of {self.name}>"


def _imported(module: str, name: str) -> Any:
    return getattr(import_module(module), name).definition


def _rebuilt(fn: Callable[..., Any], name: str, options: Options) -> Definition:
    return Definition(fn, name, options, None)


def _read(definition: Definition) -> tuple[Mapping[str, Any], Any, Mapping[str, Any], Mapping[str, Kind]]:
    hints = dict(definition.evaluate())
    returns = hints.pop("return", EMPTY)
    ambient: dict[str, Kind] = {}
    for name, default in ((i.name, i.default) for i in definition.inputs):
        if (kind := ambient_kind(hints.get(name))) is not None:
            ambient[name] = kind
        elif default is auto:
            raise GraphError(
                f"{definition.name}({name} = auto): auto is for Seed, numpy.random.Generator, Scratch and Now; "
                f"annotate {name} as one of these, or give it a default of its own"
            )
    return hints, returns, parts_of(returns), ambient


def underlying(fn: Callable[..., Any]) -> Callable[..., Any]:
    """The plain function behind a partial, a bound method or a callable object."""
    while isinstance(fn, functools.partial):
        fn = fn.func
    if isinstance(fn, types.MethodType):
        return fn.__func__
    if isinstance(fn, types.FunctionType) or not hasattr(type(fn), "__call__"):  # noqa: B004 - the class's own
        return fn
    return typing.cast(Callable[..., Any], getattr(type(fn).__call__, "__func__", type(fn).__call__))


def _inputs(fn: Callable[..., Any], name: str) -> tuple[Input, ...]:
    inputs = []
    for parameter in inspect.signature(fn).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            star = "*" if parameter.kind is parameter.VAR_POSITIONAL else "**"
            raise GraphError(
                f"{name}({star}{parameter.name}): a step's inputs are known by name; "
                f"take {'a list' if star == '*' else 'a dict'} instead"
            )
        inputs.append(Input(parameter.name, parameter.default, parameter.kind is parameter.POSITIONAL_ONLY))
    return tuple(inputs)


def _unevaluated(name: str, function: Any, names: Mapping[str, Any], error: Exception) -> str:
    """Which annotation it was, and what to do."""
    space = {**getattr(function, "__globals__", {}), **names}
    for parameter, text in getattr(function, "__annotations__", {}).items():
        if not isinstance(text, str):
            continue
        try:
            eval(text, space)  # noqa: S307 - as typing.get_type_hints does; the text is the user's own annotation
        except NameError as missing:
            return (
                f"{name}({parameter}: {text!r}): {missing.name} is not there when the program runs; if it is imported "
                f"under TYPE_CHECKING, import it at run time, since plait reads it "
                f'(ruff: runtime-evaluated-decorators = ["plait.step"])'
            )
        except Exception as other:
            return f"{name}({parameter}: {text!r}): this annotation cannot be evaluated: {error_message(other)}"
    return f"{name}: its annotations cannot be evaluated: {error_message(error)}"


def near(name: str, names: Sequence[str]) -> str:
    """A hint at the name that was meant, as the end of a sentence.

    >>> near("costumers", ["customers", "orders"])
    ". Did you mean 'customers'?"
    """
    found = get_close_matches(name, [str(n) for n in names], n=1, cutoff=0.6)
    return f". Did you mean {found[0]!r}?" if found else ""
