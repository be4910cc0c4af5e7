"""What fits by shape: calls, protocols and typed dictionaries.

Each rule compares the pieces of two shapes and leaves the pieces to `ask`, the whole matcher, so that nothing here
knows what a piece may be. What cannot be read off a class (a method in C, an attribute that only `__init__` sets)
makes the answer unknown, never false.
"""

import contextlib
import inspect
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from functools import cached_property
from inspect import Parameter, Signature
from typing import Any, Final, NamedTuple, Protocol, TypeAlias, TypeVar, get_args, runtime_checkable

from plait.core.hints import MISSING, bound, hints_of, is_form, is_protocol, parameters_of, parts, substitute, view

Verdict: TypeAlias = bool | None
Ask: TypeAlias = Callable[[object, object], Verdict]
Args: TypeAlias = tuple[object, ...] | None
Parts: TypeAlias = tuple[object, Args]

T_co = TypeVar("T_co", covariant=True)

_POSITIONAL: Final = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
# Results that the language itself fixes, for methods written in C, which carry no hints.
_FIXED_RESULTS: Final = {
    "__bool__": bool, "__buffer__": memoryview, "__bytes__": bytes, "__complex__": complex, "__contains__": bool,
    "__float__": float, "__format__": str, "__hash__": int, "__index__": int, "__int__": int, "__len__": int,
    "__repr__": str, "__str__": str,
}  # fmt: skip


class Unknown(Enum):
    """An answer that is not there: the thing exists, but what it is cannot be read."""

    UNKNOWN = "unknown"


UNKNOWN: Final = Unknown.UNKNOWN


class Data(NamedTuple):
    """A member that is a value, such as an annotated attribute or a property."""

    hint: object


@runtime_checkable
class _Blank(Protocol[T_co]):
    """What Python itself puts into the namespace of every protocol; anything else in one is a member."""

    _: int


_MACHINERY: Final = frozenset(vars(_Blank)) | {
    "__slots__", "__match_args__", "__class_getitem__", "__final__", "__orig_bases__", "__static_attributes__",
    "__firstlineno__", "__type_params__", "__protocol_attrs__", "__non_callable_proto_members__",
    "__annotate__", "__annotate_func__", "__annotations_cache__", "__qualname__",
}  # fmt: skip


def all_of(verdicts: Iterable[Verdict]) -> Verdict:
    """False if one surely fails, else unknown if one is unknown."""
    answer: Verdict = True
    for verdict in verdicts:
        if verdict is False:
            return False
        answer = None if verdict is None else answer
    return answer


def any_of(verdicts: Iterable[Verdict]) -> Verdict:
    """True if one surely holds, else unknown if one is unknown."""
    answer: Verdict = False
    for verdict in verdicts:
        if verdict:
            return True
        answer = None if verdict is None else answer
    return answer


def typed_dict_fits(made: Parts, wanted: Parts, ask: Ask) -> Verdict:
    """Every item asked for is there, and required where that is asked; items are read only, so covariant."""
    (made_class, made_args), (wanted_class, wanted_args) = made, wanted
    have, want = hints_of(made_class), hints_of(wanted_class)
    made_binding = bound(parameters_of(made_class), made_args)
    wanted_binding = bound(parameters_of(wanted_class), wanted_args)

    def item(name: str, hint: object) -> Verdict:
        if name not in have:
            return False
        if _is_required(wanted_class, name, hint) and not _is_required(made_class, name, have[name]):
            return False
        return ask(substitute(have[name], made_binding), substitute(hint, wanted_binding))

    return all_of(item(name, hint) for name, hint in want.items())


def _is_required(owner: object, name: str, hint: object) -> bool:
    origin, args = parts(hint)
    if is_form(origin, "Required", "NotRequired"):
        return is_form(origin, "Required")
    if is_form(origin, "Annotated", "ReadOnly") and args:
        return _is_required(owner, name, args[0])
    return name in getattr(owner, "__required_keys__", ())


def protocol_fits(made: Parts, wanted: Parts, ask: Ask) -> Verdict:
    """Every member of the protocol is there, and fits."""
    (cls, args), (protocol, protocol_args) = made, wanted
    if not isinstance(cls, type) or not isinstance(protocol, type):
        return None
    if cls is type or issubclass(cls, type):
        return None  # the members of a class object are half its own, half its metaclass's
    owners = [one for one in protocol.__mro__ if is_protocol(one) and not is_form(one, "Protocol")]
    names = sorted({name for owner in owners for name in _own_members(owner)})
    if names == ["__call__"]:
        return signature_fits(signature(made), _method(protocol, protocol_args, "__call__"), ask)
    return all_of(_member_fits((cls, args), (protocol, protocol_args), name, ask) for name in names)


def _own_members(owner: type) -> Iterator[str]:
    yield from _annotated(owner)
    yield from (name for name, value in vars(owner).items() if name not in _MACHINERY and (value or name != "__hash__"))


def _annotated(owner: type) -> Mapping[str, object]:
    return inspect.get_annotations(owner)


def _member_fits(made: tuple[type, Args], wanted: tuple[type, Args], name: str, ask: Ask) -> Verdict:
    has, asks = _member(*made, name), _member(*wanted, name)
    if has is UNKNOWN or asks is UNKNOWN or asks is None:
        return None
    if has is None:
        return _absent(made[0], method=isinstance(asks, Signature))
    if isinstance(asks, Signature):
        return signature_fits(has if isinstance(has, Signature) else signature(parts(has.hint)), asks, ask)
    return ask(has.hint, asks.hint) if isinstance(has, Data) else None


def _absent(cls: type, *, method: bool) -> Verdict:
    """Whether an object may still have what its class has not: data are often set by `__init__` alone."""
    dynamic = any("__getattr__" in vars(owner) or owner is Any for owner in cls.__mro__)
    return None if dynamic or (not method and bool(cls.__dictoffset__)) else False


def _member(cls: type, args: Args, name: str) -> Signature | Data | Unknown | None:
    """A member of a class as seen from its instances; None if the class has none of that name."""
    owner = next((one for one in cls.__mro__ if name in vars(one) or name in _annotated(one)), None)
    if owner is None:
        return None
    binding = bound(parameters_of(owner), args if owner is cls else view(cls, args, owner))
    if name in _annotated(owner):
        return Data(substitute(hints_of(owner).get(name, Any), binding))
    value = vars(owner)[name]
    if isinstance(value, property | cached_property):
        getter = value.fget if isinstance(value, property) else value.func
        return Data(substitute(hints_of(getter).get("return", Any), binding))
    if value is None:
        return None  # `__hash__ = None` is how a class says that it has no such method
    return _read_signature(value, name, binding)


def _method(cls: type, args: Args, name: str) -> Signature | Unknown | None:
    member = _member(cls, args, name)
    return signature(parts(member.hint)) if isinstance(member, Data) else member


def _read_signature(value: object, name: str, binding: Mapping[object, object]) -> Signature | Unknown:
    function = value.__func__ if isinstance(value, staticmethod | classmethod) else value
    written = isinstance(function, types.FunctionType)
    if not callable(function) or isinstance(function, type) or (written and typing.get_overloads(function)):
        return UNKNOWN
    hints: Mapping[str, object] = hints_of(function) if written else {}
    fixed = _FIXED_RESULTS.get(name, Any)
    result = substitute(hints.get("return", fixed), binding)
    given: list[Parameter] = []
    with contextlib.suppress(ValueError):  # much of what is written in C has no signature
        given = [*inspect.signature(function).parameters.values()][0 if isinstance(value, staticmethod) else 1 :]
        return Signature(
            [one.replace(annotation=substitute(hints.get(one.name, Any), binding)) for one in given],
            return_annotation=result,
        )
    return Signature(_anything(), return_annotation=result)


def _anything() -> list[Parameter]:
    """The parameters of a call of which nothing is known: hints are missing rather than `Any`."""
    return [Parameter("args", Parameter.VAR_POSITIONAL), Parameter("kwargs", Parameter.VAR_KEYWORD)]


def signature(hint: Parts) -> Signature | Unknown | None:
    """How a value of this hint is called; None if it cannot be called."""
    origin, args = hint
    if origin is Callable:
        return _callable_signature(args)
    if origin is type:
        return Signature(_anything(), return_annotation=args[0] if args else Any)
    if not isinstance(origin, type) or Any in origin.__mro__ or issubclass(origin, type):
        return UNKNOWN
    return _method(origin, args, "__call__")


def _callable_signature(args: Args) -> Signature | Unknown:
    takes, gives = (..., Any) if args is None else args
    if isinstance(takes, list):
        if any(is_form(parts(one)[0], "Unpack") or getattr(one, "__unpacked__", False) for one in takes):
            return UNKNOWN
        names = [f"_{position}" for position in range(len(takes))]
        given = [Parameter(n, Parameter.POSITIONAL_ONLY, annotation=one) for n, one in zip(names, takes, strict=True)]
        return Signature(given, return_annotation=gives)
    return Signature(_anything(), return_annotation=gives) if takes is ... or not get_args(takes) else UNKNOWN


def signature_fits(made: Signature | Unknown | None, wanted: Signature | Unknown | None, ask: Ask) -> Verdict:
    """Does the one take every call that is wanted, and give what is wanted? Parameters go the other way round."""
    if made is None:
        return False
    if made is UNKNOWN or wanted is UNKNOWN or wanted is None:
        return None
    result = ask(made.return_annotation, wanted.return_annotation)
    return all_of([result, _parameters_fit(_Parameters.of(made), _Parameters.of(wanted), ask)])


class _Parameters(NamedTuple):
    """Parameters by how they are given in a call."""

    positional: list[Parameter]
    rest: Parameter | None
    named: dict[str, Parameter]
    others: Parameter | None

    @classmethod
    def of(cls, whole: Signature) -> "_Parameters":
        given = list(whole.parameters.values())
        return cls(
            positional=[one for one in given if one.kind in _POSITIONAL],
            rest=next((one for one in given if one.kind is Parameter.VAR_POSITIONAL), None),
            named={one.name: one for one in given if one.kind is Parameter.KEYWORD_ONLY},
            others=next((one for one in given if one.kind is Parameter.VAR_KEYWORD), None),
        )

    @property
    def unknown(self) -> bool:
        """Is it `...`, the call of which nothing is said?"""
        return bool(self.rest and self.others and self.rest.annotation is self.others.annotation is MISSING)


def _parameters_fit(made: _Parameters, wanted: _Parameters, ask: Ask) -> Verdict:
    if wanted.unknown:
        return True
    if made.unknown:
        return None
    return all_of(_each_parameter(made, wanted, ask))


def _each_parameter(made: _Parameters, wanted: _Parameters, ask: Ask) -> Iterator[Verdict]:
    for position, asks in enumerate(wanted.positional):
        has = made.positional[position] if position < len(made.positional) else made.rest
        yield has is not None and _takes(has, asks, ask)
    by_name = {one.name: one for one in made.positional[len(wanted.positional) :]} | made.named
    for name, asks in wanted.named.items():
        has = by_name.pop(name, made.others)
        yield has is not None and _takes(has, asks, ask)
    for one in by_name.values():
        yield one.default is not MISSING or (None if wanted.rest or wanted.others else False)
    for asks_rest, has_rest in ((wanted.rest, made.rest), (wanted.others, made.others)):
        if asks_rest is not None:
            yield has_rest is not None and ask(asks_rest.annotation, has_rest.annotation)


def _takes(has: Parameter, asks: Parameter, ask: Ask) -> Verdict:
    variadic = has.kind in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
    if asks.default is not MISSING and has.default is MISSING and not variadic:
        return False
    return ask(asks.annotation, has.annotation)
