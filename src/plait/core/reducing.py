"""Objects that nobody knows: what `__reduce_ex__` gives says how the object would be made again.

Equal trees make equal objects, so this can miss needlessly, but never hit wrongly. Pickle *bytes* are never hashed:
they differ between equal values. All that an object holds counts: what it cached of itself too, since that may have
been set by hand, or be older than what it was made of; and the order of its attributes, since `vars` shows it.
"""

import copyreg
import functools
import pickle
import types
from collections.abc import Collection
from typing import Any

from plait.core.encoder import Encoder, Expanded, UnnamedError
from plait.core.error_text import error_message
from plait.core.leaves import Raw

_OF_PYTHON = 1 << 9  # a class that a class statement made, and a few others
_NEW = copyreg.__newobj__  # type: ignore[attr-defined]
_LRU = type(functools.lru_cache(maxsize=1)(len))
_CODE = (type, types.FunctionType, types.BuiltinFunctionType, types.MethodWrapperType, _LRU)


def is_code(value: object) -> bool:
    """Is a value named by its code?"""
    return isinstance(value, _CODE)


def reduced(encoder: Encoder, value: Any) -> Expanded:
    """What would make an object again: how, of what, and with what put in."""
    cls = type(value)
    try:
        reducer = copyreg.dispatch_table.get(cls)
        made = reducer(value) if reducer is not None else value.__reduce_ex__(4)
    except Exception as error:
        raise UnnamedError(
            f"{cls.__module__}.{cls.__qualname__} cannot be taken apart ({error_message(error)})"
        ) from error
    if isinstance(made, str):
        return _global(encoder, value, made)
    make, arguments, *rest = made
    state, items, pairs, setter = rest if len(rest) == 4 else (*rest, None, None, None, None)[:4]
    head, held = _state(encoder, state)
    if make is _NEW and len(arguments) == 1 and arguments[0] is cls and items is pairs is setter is None:
        return Expanded(b"r" + encoder.code(cls) + head, held, _Attributes(state), rigid=True)  # as most objects are
    if isinstance(value, (set, frozenset)) and len(arguments) == 1 and type(arguments[0]) is list:
        arguments = (frozenset(arguments[0]),)  # a list in the order of the set's memory
    rows = None if pairs is None else [(key, item) for key, item in pairs]
    more = [make, arguments, None if items is None else list(items), rows, setter]
    return Expanded(b"R" + encoder.code(cls) + head, [*held, *more], _Attributes(state), rigid=True)


def _state(encoder: Encoder, state: object) -> tuple[bytes, Collection[object]]:
    """What an object holds, attribute by attribute where it has attributes."""
    if type(state) is dict and (words := encoder.words(tuple(state))) is not None:
        return words, state.values()
    return b"-", (state,)


class _Attributes:
    """Where a child of an object is, for people."""

    __slots__ = ("_state",)

    def __init__(self, state: object) -> None:
        self._state = state

    def __call__(self, _: object, number: int) -> str:
        names = list(self._state) if isinstance(self._state, dict) else []
        return f".{names[number]}" if number < len(names) else ""


def _global(encoder: Encoder, value: Any, name: str) -> Expanded:
    """An object that is known by where it stands, such as `NotImplemented`; its class says what stands there."""
    cls = type(value)
    try:
        pickle.dumps(value, 4)  # does its name lead to it?
    except Exception as error:
        raise UnnamedError(
            f"{cls.__module__}.{cls.__qualname__} goes by a name that is not its own ({error_message(error)})"
        ) from error
    head, held = _state(encoder, _attributes(value) if cls.__flags__ & _OF_PYTHON else None)
    children = [*held, str(getattr(value, "__module__", "")), name, _code_of(encoder, value)]
    return Expanded(b"g" + encoder.code(cls) + head, children, lambda _, __: "", rigid=True)


def _attributes(value: object) -> dict[str, object]:
    slots = copyreg._slotnames(type(value))  # type: ignore[attr-defined]
    return {**getattr(value, "__dict__", {}), **{slot: getattr(value, slot) for slot in slots if hasattr(value, slot)}}


def _code_of(encoder: Encoder, value: object) -> object:
    try:
        return Raw(encoder.code(value)) if callable(value) else None
    except UnnamedError:
        return None
