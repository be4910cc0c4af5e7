"""What stands for a value while a pipeline is traced: it can be handed on, and taken apart where its type says how.

It refuses whatever only a value could answer, with the way out: the function of a pipeline is run before there are
values.
"""

import typing
from collections.abc import Generator, Mapping
from typing import Any

from plait.core.definition import EMPTY
from plait.core.grafting import projected
from plait.core.parts import parts_of, say_why_no_parts
from plait.core.sources import Axis, Collect, Const, Item, Output, Param, Source
from plait.errors import GraphError

LATER = "the function of a pipeline only says who reads whom; do this in a step"


class Ref:
    """A source, with its type (`EMPTY` where it is not known), and what it is called in messages.

    `_axes` are those that it varies over here, so that only a `.map` takes it; of these, `_keys` can name what comes
    out of a `.map_values`.
    """

    __slots__ = ("_axes", "_hint", "_keys", "_label", "_source")

    def __init__(
        self, source: Source, hint: Any, label: str, axes: tuple[Axis, ...] = (), keys: tuple[Axis, ...] = ()
    ) -> None:
        self._source = source
        self._hint = hint
        self._label = label
        self._axes = axes
        self._keys = keys

    def __getattr__(self, name: str) -> "Ref":
        if name.startswith("__"):
            raise AttributeError(name)
        label = f"{self._label}.{name}"
        match self._source:
            case Output(node, None):
                parts = parts_of(self._hint)
                if name not in parts:
                    known = f"it has {', '.join(parts)}" if parts else say_why_no_parts(self._hint)
                    raise GraphError(f"{label}: {self._label} has no such part ({known})")
                return Ref(Output(node, name), parts[name], label, self._axes, self._keys)
            case Param() | Item():
                fields = _fields(self._hint)
                if name not in fields:
                    known = f"it has {', '.join(fields)}" if fields else "annotate it as a NamedTuple to have some"
                    raise GraphError(f"{label}: {self._label} has no such field ({known}); {LATER}")
                return Ref(projected(self._source, (name,)), fields[name], label, self._axes, self._keys)
        raise GraphError(f"{label}: {LATER}")

    def __iter__(self) -> Any:
        parts = parts_of(self._hint)
        whole = isinstance(self._source, (Param, Item)) or (isinstance(self._source, Output) and not self._source.part)
        if whole and parts:
            sources = [
                Output(self._source.node, part)
                if isinstance(self._source, Output)
                else projected(self._source, (part,))
                for part in parts
            ]
            labels = [f"{self._label}.{part}" for part in parts]
            return iter(
                [
                    Ref(source, hint, label, self._axes, self._keys)
                    for source, hint, label in zip(sources, parts.values(), labels, strict=True)
                ]
            )
        why = f"; {self._label} cannot be unpacked: {say_why_no_parts(self._hint)}" if whole else ""
        raise GraphError(
            f"{self._label} is known only when the pipeline runs, so Python cannot loop over it or unpack it; to run a "
            f"step once an item: fit.map(each({self._label})){why}"
        )

    def __await__(self) -> Generator[Any, Any, "Ref"]:
        """The result of an async step: in the function of a pipeline, the same as that of any other."""
        yield from ()
        return self

    def _refuse(self, *_: object) -> Any:
        raise GraphError(f"{self._label} is known only when the pipeline runs: {LATER}")

    __bool__ = __len__ = __getitem__ = __contains__ = __call__ = __float__ = __int__ = __index__ = __complex__ = _refuse
    __lt__ = __le__ = __gt__ = __ge__ = __eq__ = __ne__ = __str__ = __format__ = __fspath__ = __round__ = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __pos__ = _refuse
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __pow__ = __rpow__ = __neg__ = __abs__ = __invert__ = _refuse
    __and__ = __rand__ = __or__ = __ror__ = __xor__ = __rxor__ = __matmul__ = __rmatmul__ = __divmod__ = _refuse
    __lshift__ = __rlshift__ = __rshift__ = __rrshift__ = __setitem__ = __delitem__ = __reversed__ = _refuse
    __enter__ = __exit__ = __next__ = _refuse
    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"<{self._label}, when the pipeline runs>"


def _fields(hint: Any) -> Mapping[str, Any]:
    """The fields of a type, with their types: of NamedTuples, dataclasses, models, and other annotated classes."""
    parts = parts_of(hint)
    if parts or not isinstance(hint, type) or not getattr(hint, "__annotations__", None):
        return parts
    return typing.get_type_hints(hint, include_extras=True)


def as_source(value: Any) -> Source:
    """The source of an argument: a reference's, one that gathers references, or the value itself."""
    if isinstance(value, Ref):
        return value._source
    if not holds(value):
        return Const(value)
    if type(value) is dict:
        return Collect(dict, tuple(as_source(item) for item in value.values()), tuple(value))
    if type(value) in (list, tuple):
        return Collect(type(value), tuple(as_source(item) for item in value))
    raise GraphError(
        f"a {type(value).__name__} holds results, which are not known yet; put them in a list, a tuple or a dict, "
        f"or make the {type(value).__name__} in a step"
    )


def holds(value: Any) -> bool:
    """Does a value hold a reference?"""
    if isinstance(value, Ref):
        return True
    if isinstance(value, dict):
        if any(isinstance(key, Ref) for key in value):
            raise GraphError("a result cannot be a key of a dict here, since it is known only when the pipeline runs")
        return any(holds(item) for item in value.values())
    if isinstance(value, (list, tuple, set, frozenset)):
        return any(holds(item) for item in value)
    return any(holds(getattr(value, field, None)) for field in getattr(type(value), "__dataclass_fields__", ()))


def references(value: Any) -> list[Ref]:
    """The references in an argument, however deep, in their order."""
    if isinstance(value, Ref):
        return [value]
    items = value.values() if type(value) is dict else value if type(value) in (list, tuple) else ()
    return [found for item in items for found in references(item)]


def structured(source: Source, label: str, hint: Any) -> Any:
    """What a pipeline returned, as Python would have it: containers around references."""
    match source:
        case Const(value):
            return value
        case Collect(kind, items, keys):
            made = [structured(item, f"{label}[{place}]", EMPTY) for place, item in enumerate(items)]
            return dict(zip(keys, made, strict=True)) if kind is dict else kind(made)
        case _:
            return Ref(source, hint, label)
