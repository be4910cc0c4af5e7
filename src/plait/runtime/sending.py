"""Pickle what is sent to other processes: by reference where they can import it, whole where it is of `__main__`.

cloudpickle does that for functions and classes. Names of types (`type Rows = list[int]`, `NewType`) are sent by their
module and name even from a script or a notebook, where no other process finds them; here they are sent whole too.
"""

import io
import typing
from collections.abc import Callable
from functools import cache
from typing import Any

from plait import code_by_value

_NAMES_OF_TYPES = ("NewType", "TypeAliasType")  # the second one also of typing_extensions


def pickle_to_send(thing: Any, *, buffer_callback: Callable[[Any], Any] | None = None) -> bytes:
    """Return the pickle of a thing; what `buffer_callback` takes is left out of it (see `pickle.Pickler`)."""
    file = io.BytesIO()
    _pickler()(file, protocol=5, buffer_callback=buffer_callback).dump(thing)
    return file.getvalue()


@cache
def _pickler() -> Any:
    base: Any = code_by_value.pickler()

    class Pickler(base):  # type: ignore[misc] # no type information is published for it
        def reducer_override(self, obj: Any) -> Any:
            if type(obj).__name__ in _NAMES_OF_TYPES and obj.__module__ == "__main__":
                return _reduced(obj)
            return super().reducer_override(obj)

    return Pickler


def _reduced(obj: Any) -> Any:
    if isinstance(obj, typing.NewType):
        return typing.NewType, (obj.__name__, obj.__supertype__)
    return _alias, (type(obj), obj.__name__, obj.__value__, obj.__type_params__)


def _alias(cls: Any, name: str, value: Any, parameters: tuple[Any, ...]) -> Any:
    return cls(name, value, type_params=parameters)
