"""Does what a source gives fit what an input asks for? Said when a pipeline is built, where the types are known."""

import typing
from collections import abc
from collections.abc import Callable, Collection, Mapping
from typing import Any, Union

from plait.core.choosing import check_branches
from plait.core.definition import EMPTY
from plait.core.matching import describe, fits
from plait.core.parts import parts_of
from plait.core.sources import NESTED, Attempt, Choice, Collect, Gather, Item, Output, Param, Source, outputs, walk
from plait.errors import GraphError

_SINGLE = (int, float, complex, bool, str, bytes, type(None))
_ITEMS = (list, set, frozenset, range, abc.Iterable)
Hints = Mapping[str, Any]  # of parameters, by address


def made_type(source: Source, definitions: Mapping[str, Any], hints: Hints | None = None) -> Any:
    """The type of what a source gives, `EMPTY` where it is not known."""
    match source:
        case Output(node, None):
            return definitions[node].returns if node in definitions else EMPTY
        case Output(node, part):
            return definitions[node].parts[part] if node in definitions else EMPTY
        case Collect(kind, items, keys):
            found = [made_type(item, definitions, hints) for item in items]
            if not found or EMPTY in found:
                return EMPTY
            inner: Any = Union[tuple(found)]  # noqa: UP007 - a union of types that are known only now
            named: Any = Union[tuple({type(key) for key in keys})] if keys else Any  # noqa: UP007 - likewise
            return dict[named, inner] if kind is dict else tuple[inner, ...] if kind is tuple else list[inner]
        case Param(address, path):
            return along((hints or {}).get(address, EMPTY), path)
        case Item(axis, path):
            return along(item_type(made_type(axis.source, definitions, hints)), path)
        case Gather(gathered, over, keyed):
            one = made_type(gathered, definitions, hints)
            one = Any if one is EMPTY else one
            if not keyed:
                return list[one]  # type: ignore[valid-type] # a type that is known only now
            arguments = typing.get_args(made_type(over[0].source, definitions, hints))
            return dict[arguments[0] if len(arguments) == 2 else str, one]  # type: ignore[misc] # likewise
        case Choice(_, branches, default, _):
            sources = [branch for _, branch in branches] + ([] if default is None else [default])
            kinds = [made_type(one, definitions, hints) for one in sources]
            return EMPTY if EMPTY in kinds else Union[tuple(kinds)]  # noqa: UP007 - as above
        case Attempt():
            return EMPTY  # or a Failure, wherever in it: whoever attempts something knows
        case _:
            return EMPTY


def along(hint: Any, path: tuple[str, ...]) -> Any:
    """The type of a field of a type, `EMPTY` where it is not known."""
    for field in path:
        hint = parts_of(hint).get(field, EMPTY) if hint is not EMPTY else EMPTY
    return hint


def item_type(hint: Any) -> Any:
    """The type of the items of a container, `EMPTY` where it is not known.

    >>> item_type(list[int]), item_type(dict[str, float])
    (<class 'int'>, <class 'float'>)
    """
    if typing.get_origin(hint) is typing.Annotated:
        return item_type(typing.get_args(hint)[0])
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if not isinstance(origin, type) or not arguments:
        return EMPTY
    if issubclass(origin, abc.Mapping):
        return arguments[1] if len(arguments) == 2 else EMPTY
    if origin is tuple:
        return Union[tuple(one for one in arguments if one is not ...)]  # noqa: UP007 - as above
    return arguments[0] if len(arguments) == 1 and issubclass(origin, _ITEMS) else EMPTY


def has_items(hint: Any) -> bool:
    """Could one loop over values of a type, item by item? What is not known could."""
    return hint not in _SINGLE


def has_keys(hint: Any) -> bool:
    """Are values of a type mappings?"""
    origin = typing.get_origin(hint) or hint
    return isinstance(origin, type) and issubclass(origin, abc.Mapping)


def check_edge(
    reader: str,
    name: str,
    made: Any,
    wanted: Any,
    source: Source,
    definitions: Mapping[str, Any],
    after: Callable[[str], Collection[str]] = lambda _: (),
) -> None:
    """Does what is made fit what is asked for? Unknown types fit: the edge is unchecked.

    `after` gives the nodes that need what the reader makes, of which none can be meant.
    """
    if wanted is EMPTY or made is EMPTY or fits(made, wanted) is not False:
        return
    makers = ", ".join(_said(source)) or "what is given"
    never = {reader, *after(reader)}
    other = next(
        (
            f". Did you mean {node!r} ({describe(definition.returns)})?"
            for node, definition in definitions.items()
            if node not in never and definition.returns is not EMPTY and fits(definition.returns, wanted) is True
        ),
        "",
    )
    raise GraphError(
        f"{reader}({name}: {describe(wanted)}) cannot take {makers} -> {describe(made)}{other}"
        f"{'' if other else f'. Change one of the two types, or bind another source: {reader}.bind({name}=...)'}"
    )


def check_folds(source: Source, graph: str, definitions: Mapping[str, Any], hints: Hints) -> None:
    """Are there items where a source is mapped over, and a branch for each value that chooses?"""
    for one in walk(source) if type(source) in NESTED else ():
        if isinstance(one, Choice):
            hint = made_type(one.selector, definitions, hints)
            check_branches(one.label, hint, [value for value, _ in one.branches], default=one.default is not None)
        elif isinstance(one, Item):
            hint = made_type(one.axis.source, definitions, hints)
            if not has_items(hint):
                kind = getattr(hint, "__name__", hint)
                raise GraphError(f"{one.axis.label} is one {kind}, not many, and {graph} maps over it")


def _said(source: Source) -> list[str]:
    if isinstance(source, Param):
        return [".".join((source.address, *source.path))]
    if isinstance(source, Item):
        return [".".join((source.axis.label, *source.path))]
    if isinstance(source, Gather):
        return _said(source.source)
    return [out.node if out.part is None else f"{out.node}.{out.part}" for out in outputs(source)]
