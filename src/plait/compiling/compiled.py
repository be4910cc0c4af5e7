"""A compiled function: what it calls and what it holds. No store, no keys, no graph when it is called."""

import inspect
import linecache
import pickle
from collections.abc import Mapping, Sequence
from types import FunctionType
from typing import Any, Generic, NoReturn, TypeVar

from plait import code_by_value
from plait.compiling.writing import Written

T_co = TypeVar("T_co", covariant=True)


class Compiled(Generic[T_co]):
    """A part of a pipeline as a plain function, made by `Pipeline.compile`.

    `source` is its text, to be read; `inputs` are the names of its arguments; `pinned` are the values that it holds. It
    does not change, can be pickled and sent elsewhere, and can be called by many threads at once. It is awaited if one
    of its steps is.
    """

    __slots__ = ("_written", "inputs", "pinned", "source")

    _written: Written
    inputs: Sequence[str]
    pinned: Mapping[str, Any]
    source: str

    def __call__(self, *args: Any, **kwargs: Any) -> T_co:
        raise NotImplementedError("made by Pipeline.compile")

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a compiled function does not change; compile another one ({name})")

    def __reduce__(self) -> Any:
        return _unpacked, (code_by_value.dumps(self._written),)  # the steps of scripts and notebooks travel whole

    def __repr__(self) -> str:
        written: Written = self._written
        steps = f"{len(written.steps)} step{'s' if len(written.steps) != 1 else ''}"
        return f"<{written.name}({', '.join(self.inputs)}), compiled from {written.pipeline}: {steps}>"


def _unpacked(written: bytes) -> Compiled[Any]:
    return function(pickle.loads(written))  # noqa: S301 - a part of a pickle that is being read already


def function(written: Written) -> Compiled[Any]:
    """Makes the function of a text.

    It is called without any frame of ours between: its class, one for each, has it as its own `__call__`.
    """
    file = f"<plait {written.pipeline}.{written.name} {abs(hash(written.source)):x}>"
    space: dict[str, Any] = {**{name: one.fn for name, one in written.steps.items()}, **written.values}
    exec(compile(written.source, file, "exec"), space)  # noqa: S102 - our own text; names in it are checked
    linecache.cache[file] = (len(written.source), None, written.source.splitlines(True), file)  # for tracebacks
    made: FunctionType = space[written.name]
    members = {"__call__": staticmethod(made), "__signature__": inspect.signature(made), "__slots__": ()}
    compiled: Compiled[Any] = type(Compiled.__name__, (Compiled,), members)()
    names = made.__code__.co_varnames[: made.__code__.co_argcount]
    for attribute, value in {
        "_written": written,
        "inputs": names,
        "pinned": {name: value for name, value in written.values.items() if name != "now"},
        "source": written.source,
    }.items():
        object.__setattr__(compiled, attribute, value)
    return compiled
