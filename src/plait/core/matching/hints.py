"""What a type hint is made of: the reading half of `matching`, which holds the rules.

Python spells one type in many ways (`List[int]`, `list[int]`, `Annotated[list[int], ...]`, `type Ints = list[int]`)
and keeps no record of what its own classes inherit (nothing at run time says that `str` is a `Sequence[str]`). Both are
settled here, so that the rules see one spelling and one kind of inheritance. Nothing is imported to read a hint, and
nothing is evaluated that its owner did not write as an annotation.
"""

import contextlib
import inspect
import os
import types
import typing
from collections import ChainMap, Counter, OrderedDict, UserDict, UserList, abc, defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import InitVar
from enum import Enum, Flag
from pathlib import PurePath
from typing import Any, Final, ForwardRef, NewType, TypeGuard, TypeVar, Union, get_args, get_origin

MISSING: Final = inspect.Parameter.empty
_TYPING: Final = ("typing", "typing_extensions")
_QUALIFIERS: Final = frozenset({"Annotated", "Final", "ClassVar", "Required", "NotRequired", "ReadOnly"})
_ALIASES_DEEP: Final = 100
_SHORT: Final = 120
_VAST: Final = 2_000

# What typeshed knows and the run-time classes do not say: the bases of each class, with their arguments. A number is
# the position of one of the class's own arguments: a `Counter[str]` is a `dict[str, int]`.
_BASES: Final[Mapping[object, tuple[tuple[object, ...], ...]]] = {
    str: ((abc.Sequence, str),),
    bytes: ((abc.Sequence, int),),
    bytearray: ((abc.MutableSequence, int),),
    memoryview: ((abc.Sequence, int),),
    range: ((abc.Sequence, int),),
    list: ((abc.MutableSequence, 0),),
    deque: ((abc.MutableSequence, 0),),
    UserList: ((abc.MutableSequence, 0),),
    set: ((abc.MutableSet, 0),),
    frozenset: ((abc.Set, 0),),
    dict: ((abc.MutableMapping, 0, 1),),
    defaultdict: ((dict, 0, 1),),
    OrderedDict: ((dict, 0, 1),),
    Counter: ((dict, 0, int),),
    ChainMap: ((abc.MutableMapping, 0, 1),),
    UserDict: ((abc.MutableMapping, 0, 1),),
    types.MappingProxyType: ((abc.Mapping, 0, 1),),
    PurePath: ((os.PathLike, str),),
    abc.MutableSequence: ((abc.Sequence, 0),),
    abc.Sequence: ((abc.Reversible, 0), (abc.Collection, 0)),
    abc.MutableSet: ((abc.Set, 0),),
    abc.Set: ((abc.Collection, 0),),
    abc.MutableMapping: ((abc.Mapping, 0, 1),),
    abc.Mapping: ((abc.Collection, 0), (abc.Reversible, 0)),
    abc.KeysView: ((abc.Set, 0),),
    abc.ItemsView: ((abc.Set, Any),),
    abc.ValuesView: ((abc.Collection, 0),),
    abc.Collection: ((abc.Iterable, 0), (abc.Container, 0)),
    abc.Reversible: ((abc.Iterable, 0),),
    abc.Iterator: ((abc.Iterable, 0),),
    abc.Generator: ((abc.Iterator, 0),),
    abc.AsyncIterator: ((abc.AsyncIterable, 0),),
    abc.AsyncGenerator: ((abc.AsyncIterator, 0),),
    abc.Coroutine: ((abc.Awaitable, 2),),
}


def is_form(hint: object, *names: str) -> bool:
    """Is it one of these names of `typing`, or of the backport, which may be another object?"""
    name = getattr(hint, "_name", None) or getattr(hint, "__name__", None)
    return name in names and getattr(hint, "__module__", None) in _TYPING


def parts(hint: object) -> tuple[object, tuple[object, ...] | None]:
    """The class of a hint and its arguments; None when it has none, which `tuple[()]` does not."""
    origin = get_origin(hint)
    if origin is None:
        return hint, None
    return origin, get_args(hint) if hasattr(hint, "__args__") else None


def is_vast(hint: object) -> bool:
    """Has it more parts than anybody would write? To hash or print one could take for ever, or overflow the stack."""
    waiting, count = [hint], 0
    while waiting and count < _VAST:
        count += 1
        one = waiting.pop()
        waiting.extend(one if isinstance(one, list | tuple) else parts(one)[1] or ())
    return bool(waiting)


def strip(hint: object) -> object:
    """The hint without its aliases and qualifiers, and with `None` as a class."""
    for _ in range(_ALIASES_DEEP):
        inner = _unwrapped(hint)
        if inner is hint:
            return hint
        hint = inner
    msg = "a type alias that stands for itself"
    raise TypeError(msg)


def _unwrapped(hint: object) -> object:
    if hint is None:
        return types.NoneType
    if isinstance(hint, type):
        return hint
    if is_alias(hint):
        return _alias_value(hint)
    if isinstance(hint, InitVar):
        return hint.type
    origin, args = parts(hint)
    if is_form(origin, *_QUALIFIERS):
        return args[0] if args else Any
    if is_form(origin, "TypeGuard", "TypeIs"):
        return bool
    return hint


def is_alias(hint: object) -> bool:
    """Is it a `type X = ...` (3.12), bare or with arguments? Read by name: the backport has a class of its own."""
    return type(get_origin(hint) or hint).__name__ == "TypeAliasType"


def _alias_value(hint: object) -> object:
    alias, args = parts(hint)
    value: object = getattr(alias, "__value__")  # noqa: B009
    return substitute(value, bound(getattr(alias, "__type_params__", ()), args))


def asks_nothing(hint: object) -> bool:
    """Does it take whatever there is, because nobody said more?"""
    return hint is Any or hint is MISSING


def is_unsettled(hint: object) -> bool:
    """Is it a name that only its owner can resolve, or no statement at all?"""
    return asks_nothing(hint) or isinstance(hint, (str, ForwardRef)) or is_form(hint, "Self", "Protocol", "Generic")


def is_never(hint: object) -> bool:
    """Is it the type without values?"""
    return is_form(hint, "Never", "NoReturn")


def members(hint: object) -> tuple[object, ...]:
    """The members of a union, flat and stripped; of anything else, the thing itself."""
    hint = strip(hint)
    if get_origin(hint) not in (Union, types.UnionType):
        return (hint,)
    return tuple(inner for member in get_args(hint) for inner in members(member))


def literals(hint: object) -> tuple[object, ...] | None:
    """The values of a `Literal`; None for any other hint."""
    return get_args(hint) if is_form(get_origin(hint), "Literal") else None


def all_values(hint: object) -> tuple[object, ...]:
    """Every value of a class that has only a few: `bool`, `None` and plain enums, which checkers take apart too."""
    if hint is bool:
        return (True, False)
    if hint is types.NoneType:
        return (None,)
    if isinstance(hint, type) and issubclass(hint, Enum) and not issubclass(hint, Flag):
        return tuple(hint)
    return ()


def is_typed_dict(hint: object) -> TypeGuard[type]:
    """Is it the class of a TypedDict, of `typing` or of the backport?"""
    return isinstance(hint, type) and hasattr(hint, "__required_keys__") and hasattr(hint, "__total__")


def is_protocol(hint: object) -> TypeGuard[type]:
    """Is it a class that is met by shape rather than by inheritance?"""
    return isinstance(hint, type) and bool(getattr(hint, "_is_protocol", False))


def substitute(hint: object, binding: Mapping[object, object]) -> object:
    """The hint with its type variables replaced; those that are not bound stay as they are."""
    if not binding or isinstance(hint, type):
        return hint
    if isinstance(hint, TypeVar):
        return binding.get(hint, hint)
    free: tuple[object, ...] = getattr(hint, "__parameters__", ())
    if not any(one in binding for one in free):
        return hint
    generic: Any = hint
    return generic[tuple(binding.get(one, one) for one in free)]


def bound(parameters: tuple[object, ...], args: tuple[object, ...] | None) -> Mapping[object, object]:
    """What each parameter stands for; `Any` for all of them when the hint names none."""
    if args is None:
        return dict.fromkeys(parameters, Any)
    if len(args) != len(parameters):
        return {}
    return dict(zip(parameters, args, strict=True))


def parameters_of(cls: object) -> tuple[object, ...]:
    """The type variables a class was declared with, in order."""
    if not isinstance(cls, type):
        return ()
    declared: tuple[object, ...] | None = vars(cls).get("__parameters__")
    if declared is not None:
        return declared
    # `class Table(dict[str, T])` is generic without Generic, which would have noted the parameters.
    free = (one for base in vars(cls).get("__orig_bases__", ()) for one in getattr(base, "__parameters__", ()))
    return tuple(dict.fromkeys(free))


def view(cls: object, args: tuple[object, ...] | None, ancestor: object) -> tuple[object, ...] | None:
    """The arguments that `cls[args]` gives one of its ancestors: `Sequence` seen from `dict[str, int]` is `(str,)`."""
    if cls is ancestor:
        return args
    for base, base_args in _bases(cls, args):
        found = view(base, base_args, ancestor)
        if found is not None:
            return found
    return None


def _bases(cls: object, args: tuple[object, ...] | None) -> Iterator[tuple[object, tuple[object, ...] | None]]:
    if cls is tuple:
        items = (Any,) if args is None else args
        yield abc.Sequence, (union(item for item in items if item is not ...),)
    elif is_typed_dict(cls):
        yield dict, (str, object)
    elif cls in _BASES:
        for base, *given in _BASES[cls]:
            yield base, tuple(_given(one, args) for one in given)
    elif isinstance(cls, type):
        binding = bound(parameters_of(cls), args)
        if tuple in cls.__bases__ and hasattr(cls, "_fields"):
            fields = hints_of(cls)
            yield tuple, tuple(substitute(fields.get(name, Any), binding) for name in cls._fields)
        for base in vars(cls).get("__orig_bases__", cls.__bases__):
            yield parts(substitute(base, binding))


def _given(one: object, args: tuple[object, ...] | None) -> object:
    if not isinstance(one, int):
        return one
    return args[one] if args is not None and one < len(args) else Any


def union(hints: Iterator[object]) -> object:
    """One hint for the items of a tuple seen as a sequence; an empty one holds nothing at all."""
    flat = tuple(member for hint in hints for member in members(_element(hint)))
    return Union[flat] if flat else typing.Never  # noqa: UP007 (not written out, but made)


def _element(item: object) -> object:
    inner = unpacked(item)
    return item if inner is None else union(one for one in inner or (Any,) if one is not ...)


def unpacked(item: object) -> tuple[object, ...] | None:
    """The items of a `*tuple[...]` inside a tuple; `(Any, ...)` for a `*Ts`, which can be any of them."""
    if is_form(get_origin(item), "Unpack"):
        item = get_args(item)[0]
    elif not getattr(item, "__unpacked__", False):
        return None
    return get_args(item) if get_origin(item) is tuple else (Any, ...)


def hints_of(thing: object) -> Mapping[str, object]:
    """The annotations of a class or function; where they cannot be evaluated they stay text, which is unknown."""
    with contextlib.suppress(Exception):  # annotations are code of others, and may raise anything
        return typing.get_type_hints(thing, include_extras=True)
    raw: dict[str, object] = {}
    for owner in reversed(getattr(thing, "__mro__", (thing,))):
        raw.update(getattr(owner, "__annotations__", None) or {})
    return raw


def describe(hint: object, beside: object = MISSING) -> str:
    """A short name for messages; classes that differ only by module, here or in the hint `beside`, are named in full.

    >>> describe(dict[str, int | None])
    'dict[str, int | None]'
    """
    try:
        if is_vast(hint) or is_vast(beside):
            return "a vast hint"
        seen: dict[str, set[type]] = {}
        for cls in (*_classes(hint, 0), *_classes(beside, 0)):
            seen.setdefault(_bare_name(cls), set()).add(cls)
        text = _text(hint, lambda cls: len(seen.get(_bare_name(cls), ())) > 1)
    except Exception:  # a message about a bad hint must not fail for the hint
        text = f"a hint of type {type(hint).__name__}"
    return text if len(text) <= _SHORT else text[: _SHORT - 1] + "…"


def _classes(hint: object, depth: int) -> Iterator[type]:
    if isinstance(hint, type):
        yield hint
    elif depth < _ALIASES_DEEP:
        origin, args = (None, tuple(hint)) if isinstance(hint, list) else parts(hint)
        for inner in ((origin,) if isinstance(origin, type) else ()) + (args or ()):
            yield from _classes(inner, depth + 1)


def _bare_name(cls: type) -> str:
    return cls.__qualname__.rpartition("<locals>.")[2]


def _text(hint: object, ambiguous: Callable[[type], bool]) -> str:
    def text(inner: object) -> str:
        return _text(inner, ambiguous)

    if isinstance(hint, type) and hint is not MISSING:
        return _class_text(hint, ambiguous)
    if isinstance(hint, list | tuple):
        return f"[{', '.join(map(text, hint))}]"
    simple = _simple_text(hint)
    if simple is not None:
        return simple
    origin, args = parts(hint)
    if is_form(origin, *_QUALIFIERS):
        return text(args[0]) if args else "Any"
    if is_form(origin, "Unpack") and args:
        return f"*{text(args[0])}"
    if args is None:
        return text(origin) if origin is not hint else str(getattr(hint, "__name__", None) or repr(hint))
    if origin in (Union, types.UnionType):
        return " | ".join(map(text, args))
    if is_form(origin, "Literal"):
        return f"Literal[{', '.join(map(_value_text, args))}]"
    shape, dtype = args if len(args) == 2 and getattr(origin, "__name__", "") == "ndarray" else (None, None)
    if shape == tuple[Any, ...] and get_args(dtype):
        return f"NDArray[{', '.join(map(text, get_args(dtype)))}]"
    return f"{'*' if getattr(hint, '__unpacked__', False) else ''}{text(origin)}[{', '.join(map(text, args)) or '()'}]"


def _class_text(cls: type, ambiguous: Callable[[type], bool]) -> str:
    if cls is types.NoneType:
        return "None"
    return f"{cls.__module__}.{_bare_name(cls)}" if ambiguous(cls) else _bare_name(cls)


def _simple_text(hint: object) -> str | None:
    if hint is None:
        return "None"
    if hint is MISSING:
        return "no hint"
    if hint is ...:
        return "..."
    if isinstance(hint, str):
        return hint
    if isinstance(hint, ForwardRef):
        return hint.__forward_arg__
    if isinstance(hint, NewType | TypeVar):
        return hint.__name__
    return None


def _value_text(value: object) -> str:
    return f"{type(value).__name__}.{value.name}" if isinstance(value, Enum) else repr(value)
