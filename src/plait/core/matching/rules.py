"""Does what one step returns fit what another asks for? Gradually: yes, no, or nobody can say.

The rules are those of PEP 484 and its followers, with one deliberate difference: *everything is covariant*,
containers, attributes and items of typed dictionaries too. Invariance guards against a callee that writes a `float`
into the caller's `list[int]`, and a step can never change its inputs. So `list[bool]` fits `list[int]`, and a
TypedDict, a dict that nobody can break, fits `dict[str, object]`. What is *called* stays contravariant in its
parameters.

Unknown (None) is an edge that is not checked: a hint that is missing, `Any`, text, or beyond what a class says of
itself. `Any` *inside* a wanted hint is a wish that everything meets, so `list[int]` fits `list[Any]`, while `list[Any]`
may or may not fit `list[int]`.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator, Hashable, Iterable, Iterator
from functools import lru_cache
from inspect import isabstract
from os import PathLike
from typing import IO, Any, BinaryIO, Final, NewType, Protocol, TextIO, TypeVar

from plait.core.matching.hints import (
    MISSING,
    all_values,
    asks_nothing,
    describe,
    is_alias,
    is_form,
    is_never,
    is_protocol,
    is_typed_dict,
    is_unsettled,
    is_vast,
    literals,
    members,
    parameters_of,
    parts,
    strip,
    unpacked,
    view,
)
from plait.core.matching.structural import (
    Args,
    Ask,
    Verdict,
    all_of,
    any_of,
    protocol_fits,
    signature,
    signature_fits,
    typed_dict_fits,
)

__all__ = ["describe", "fits"]

T_co = TypeVar("T_co", covariant=True)

# Enough for any hint that a person wrote; types that grow without end run out of it and stay unknown.
_PATIENCE: Final = 5_000
_MEMORY: Final = 16_384
_CONTRAVARIANT: Final = {(Generator, 1), (AsyncGenerator, 1), (Coroutine, 1)}


class _Iterates(Protocol[T_co]):
    def __iter__(self) -> Iterator[T_co]: ...


class _Steps(Protocol[T_co]):
    def __next__(self) -> T_co: ...


class _Awaits(Protocol[T_co]):
    def __await__(self) -> Generator[Any, Any, T_co]: ...


class _Locates(Protocol[T_co]):
    def __fspath__(self) -> T_co: ...


# A class may be one of these by its methods alone, and then only the methods know the arguments.
_BY_METHOD: Final = {Iterable: _Iterates, Iterator: _Steps, Awaitable: _Awaits, PathLike: _Locates}


def fits(made: object, wanted: object) -> Verdict:
    """Does a value of the hint `made` fit where `wanted` is asked for? None: it cannot be known.

    >>> fits(list[int], list[float]), fits(str, int), fits(Any, int)
    (True, False, None)
    """
    pair = (id(made), id(wanted))
    known = _seen.get(pair)
    if known is not None:
        return known[2]
    verdict = _answer(made, wanted)
    if len(_seen) >= _MEMORY:
        _seen.clear()
    _seen[pair] = (made, wanted, verdict)
    return verdict


def _answer(made: object, wanted: object) -> Verdict:
    try:
        return None if is_vast(made) or is_vast(wanted) else _remembered(made, wanted)
    except Exception:  # a hint that cannot be hashed, or that fails when it is
        return _decide(made, wanted)


def _decide(made: object, wanted: object) -> Verdict:
    try:
        return None if asks_nothing(strip(wanted)) else _Comparison().ask(made, wanted)
    except Exception:  # hints are objects of others, and one too odd to read is an unknown one
        return None


_remembered = lru_cache(maxsize=_MEMORY)(_decide)
# The same two objects again, which is nearly always: to hash a union costs more than all the rest. What is in here is
# kept alive, so that no other hint can come to have its id.
_seen: Final[dict[tuple[int, int], tuple[object, object, Verdict]]] = {}


class _TooDeepError(Exception):
    """A comparison that does not come to an end."""


class _Comparison:
    """One question in progress, with what it must not ask again."""

    __slots__ = ("open", "patience")

    def __init__(self) -> None:
        self.open: set[tuple[object, object]] = set()
        self.patience = _PATIENCE

    def ask(self, made: object, wanted: object) -> Verdict:
        """The question again, for a part: a recursive type fits unless something else in it does not."""
        self.patience -= 1
        if self.patience < 0:
            raise _TooDeepError
        pair = (strip(made), strip(wanted))
        if not any(map(_unfolds, (made, wanted, *pair))):
            return _rule(*pair, self.ask)
        if pair in self.open:
            return True
        self.open.add(pair)
        try:
            return _rule(*pair, self.ask)
        finally:
            self.open.discard(pair)


def _unfolds(hint: object) -> bool:
    """Can it hold itself?"""
    origin = parts(hint)[0]
    return is_alias(hint) or is_protocol(origin) or is_typed_dict(origin)


def _rule(made: object, wanted: object, ask: Ask) -> Verdict:
    made_members = members(made)
    if made_members != (made,):
        return all_of(ask(member, wanted) for member in made_members)
    if isinstance(made, TypeVar):
        return _made_variable_fits(made, wanted, ask)
    values = literals(made)
    if values is not None:
        return all_of(_value_fits(value, wanted, ask) for value in values)
    return _one_fits(made, wanted, ask)


def _one_fits(made: object, wanted: object, ask: Ask) -> Verdict:
    """A single type, where perhaps a choice is wanted; a class of few values may fit one by one."""
    wanted_members = members(wanted)
    if wanted_members == (wanted,):
        verdict = _single_fits(made, wanted, ask)
    else:
        verdict = any_of(ask(made, member) for member in wanted_members)
    if verdict is False and (values := all_values(made)):
        return all_of(_value_fits(value, wanted, ask) for value in values)
    return verdict


def _value_fits(value: object, wanted: object, ask: Ask) -> Verdict:
    def fits_member(member: object) -> Verdict:
        allowed = literals(member)
        if allowed is None:
            literal = is_form(member, "LiteralString") and type(value) is str
            return literal or _single_fits(type(value), member, ask)
        return any(type(one) is type(value) and one == value for one in allowed)

    return any_of(fits_member(member) for member in members(wanted))


def _single_fits(made: object, wanted: object, ask: Ask) -> Verdict:
    if wanted is object or asks_nothing(wanted) or is_never(made):
        return True
    if is_unsettled(made) or is_unsettled(wanted):
        return None
    if isinstance(wanted, TypeVar):
        return _variable_fits(made, wanted, ask)
    if is_never(wanted):
        return False
    if isinstance(made, NewType):
        return made is wanted or ask(made.__supertype__, wanted)
    if is_form(made, "LiteralString"):
        return is_form(wanted, "LiteralString") or ask(str, wanted)
    if is_form(wanted, "LiteralString"):
        return None if made is str else _unless_unreadable(made)
    if isinstance(wanted, NewType) or literals(wanted) is not None:
        return _unless_unreadable(made)
    return _class_fits(made, wanted, ask)


def _unless_unreadable(made: object) -> Verdict:
    """A plain type never fits a narrower one; a thing that is no type at all is not judged."""
    cls = parts(made)[0]
    return False if isinstance(cls, type) and Any not in cls.__mro__ else None


def _made_variable_fits(made: TypeVar, wanted: object, ask: Ask) -> Verdict:
    """Nobody says what the variable stands for, only what it can be at most."""
    if made.__constraints__:
        verdicts = {ask(one, wanted) for one in made.__constraints__}
        return verdicts.pop() if len(verdicts) == 1 else None
    return ask(object if made.__bound__ is None else made.__bound__, wanted) or None


def _variable_fits(made: object, wanted: TypeVar, ask: Ask) -> Verdict:
    """The one who calls chooses what the variable stands for, within its limits."""
    if wanted.__constraints__:
        return any_of(ask(made, one) for one in wanted.__constraints__)
    return True if wanted.__bound__ is None else ask(made, wanted.__bound__)


def _class_fits(made: object, wanted: object, ask: Ask) -> Verdict:
    (cls, args), (ancestor, asked) = parts(made), parts(wanted)
    if ancestor is Callable:
        return signature_fits(signature((cls, args)), signature((ancestor, asked)), ask)
    if not isinstance(cls, type) or not isinstance(ancestor, type):
        return None
    if ancestor is type and asked:
        return _class_object_fits(cls, args, asked[0], ask)
    if is_typed_dict(ancestor):
        return _dict_items_fit((cls, args), (ancestor, asked), ask)
    if is_protocol(ancestor) and ancestor not in cls.__mro__:
        return protocol_fits((cls, args), (ancestor, asked), ask)
    return _descendant_fits((cls, args), (ancestor, asked), ask)


def _class_object_fits(cls: type, args: Args, asked: object, ask: Ask) -> Verdict:
    if cls is type and args:
        return ask(args[0], asked)
    if not issubclass(cls, type):
        return False
    return True if asks_nothing(asked) or asked is object else None


def _dict_items_fit(made: tuple[type, Args], wanted: tuple[type, Args], ask: Ask) -> Verdict:
    cls, args = made
    if is_typed_dict(cls):
        return typed_dict_fits(made, wanted, ask)
    loose = Any in cls.__mro__ or (issubclass(cls, dict) and Any in (view(cls, args, dict) or (Any,)))
    return None if loose else False


def _descendant_fits(made: tuple[type, Args], wanted: tuple[type, Args], ask: Ask) -> Verdict:
    (cls, args), (ancestor, asked) = made, wanted
    if cls is type and args and isinstance(args[0], type):
        cls, args = type(args[0]), None
    if ancestor not in cls.__mro__ and not issubclass(cls, ancestor):
        return _promotes(cls, ancestor)
    if asked is None:
        return True
    given = view(cls, args, ancestor)
    if ancestor is tuple:
        return _items_fit(_Items.of(given), _Items.of(asked), ask)
    if given is None and cls is not ancestor and ancestor in _BY_METHOD:
        return protocol_fits((cls, args), (_BY_METHOD[ancestor], asked), ask)
    return _arguments_fit(ancestor, given, asked, ask)


def _promotes(cls: type, ancestor: type) -> Verdict:
    """The numeric tower of PEP 484, and what `issubclass` does not know either."""
    if (ancestor is float and issubclass(cls, int)) or (ancestor is complex and issubclass(cls, float | int)):
        return True
    opened = ancestor in (IO, TextIO, BinaryIO) and (hasattr(cls, "read") or hasattr(cls, "write"))
    open_ended = ancestor is Hashable and isabstract(cls)  # a subclass that can be made may well have a hash
    return None if opened or open_ended or Any in cls.__mro__ else False


def _arguments_fit(ancestor: type, given: Args, asked: tuple[object, ...], ask: Ask) -> Verdict:
    if given is None:
        given = (Any,) * len(asked)
    parameters = parameters_of(ancestor)
    if len(given) != len(asked) and len(parameters) != len(asked):
        return None  # variadic in its parameters: which stands for which is not worth guessing
    parameters += (None,) * len(asked)

    def argument(position: int) -> Verdict:
        has, asks, parameter = given[position], asked[position], parameters[position]
        if getattr(parameter, "__contravariant__", False) or (ancestor, position) in _CONTRAVARIANT:
            return ask(asks, has)
        verdict = ask(has, asks)
        if verdict is False and getattr(parameter, "__infer_variance__", False) and ask(asks, has):
            return None  # PEP 695 leaves the direction to the body of the class
        return verdict

    return all_of(argument(position) for position in range(min(len(given), len(asked))))


class _Items:
    """The items of a tuple: first ones, then any number of one kind, then last ones."""

    __slots__ = ("first", "last", "many")

    def __init__(self, first: tuple[object, ...], many: object, last: tuple[object, ...]) -> None:
        self.first, self.many, self.last = first, many, last

    @classmethod
    def of(cls, args: Args) -> "_Items":
        args = (Any, ...) if args is None else args
        if len(args) == 2 and args[1] is ...:
            return cls((), args[0], ())
        for position, item in enumerate(args):
            inner = unpacked(item)
            if inner is not None:
                middle = cls.of(inner)
                return cls((*args[:position], *middle.first), middle.many, (*middle.last, *args[position + 1 :]))
        return cls(args, MISSING, ())

    @property
    def fixed(self) -> tuple[object, ...]:
        return (*self.first, *self.last)


def _items_fit(made: _Items, wanted: _Items, ask: Ask) -> Verdict:
    head, tail, items = len(wanted.first), len(wanted.last), made.fixed
    if wanted.many is Any and not wanted.fixed:
        return True
    if made.many is Any:
        return None
    if wanted.many is MISSING:
        same_length = made.many is MISSING and len(items) == len(wanted.fixed)
        return same_length and all_of(map(ask, items, wanted.fixed))
    enough = len(items) >= head + tail if made.many is MISSING else len(made.first) >= head and len(made.last) >= tail
    if not enough:
        return False
    middle = [*items[head : len(items) - tail], *(() if made.many is MISSING else (made.many,))]
    return all_of(
        [
            *map(ask, items[:head], wanted.first),
            *(ask(item, wanted.many) for item in middle),
            *map(ask, items[len(items) - tail :], wanted.last),
        ]
    )
