"""The plain containers, which are rebuilt around their items rather than handed to a codec."""

from collections.abc import Callable
from typing import Any

IMMUTABLE = frozenset({type(None), bool, int, float, complex, str, bytes})
_PLAIN = frozenset({list, tuple, dict, set, frozenset})


def is_container(cls: type) -> bool:
    """Is a value of this type a plain container, or a NamedTuple?

    >>> is_container(list), is_container(str)
    (True, False)
    """
    return cls in _PLAIN or (issubclass(cls, tuple) and hasattr(cls, "_fields"))


def rebuild(value: Any, change: Callable[[Any], Any]) -> Any:
    """The same container, anew, around changed items; the keys of a dict stay.

    >>> rebuild({"a": 1, "b": 2}, lambda item: item + 1)
    {'a': 2, 'b': 3}
    """
    cls = type(value)
    if cls is dict:
        return {key: change(item) for key, item in value.items()}
    if cls in _PLAIN:
        return cls([change(item) for item in value])
    return cls._make([change(item) for item in value])
