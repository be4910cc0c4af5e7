"""The plain containers, which are rebuilt around their items rather than handed to a codec."""

from collections.abc import Callable, Iterator
from typing import Any

IMMUTABLE = frozenset({type(None), bool, int, float, complex, str, bytes})
_AS_IT_IS = IMMUTABLE - {float, complex}
_PLAIN = frozenset({list, tuple, dict, set, frozenset})
_NAN = float("nan")
_MANY = 1 << 20  # of so many containers it pays to ask how many there would be
_TOO_MANY = 1 << 26


class UncopiableError(Exception):
    """A container cannot be made anew."""


def is_container(cls: type) -> bool:
    """Is a value of this type a plain container, or a NamedTuple?

    >>> is_container(list), is_container(str)
    (True, False)
    """
    return cls in _PLAIN or (issubclass(cls, tuple) and hasattr(cls, "_fields"))


def one_nan(value: Any) -> Any:
    """A value that is `IMMUTABLE`; any NaN becomes the one that has their common name.

    >>> import struct
    >>> struct.pack(">d", one_nan(-float("nan"))).hex()
    '7ff8000000000000'
    """
    if value == value:
        return value
    return complex(one_nan(value.real), one_nan(value.imag)) if type(value) is complex else _NAN


def rebuilt(value: Any, change: Callable[[Any], Any]) -> Any:
    """The same container, anew, with all containers in it, however deep; what else is in them is changed.

    A container that is held twice becomes two, since what is done to one must not show in the other. One that leads
    back to itself does so again.

    >>> shared = [1]
    >>> made = rebuilt((shared, {"a": shared}), lambda item: item)
    >>> made, made[0] is made[1]["a"]
    (([1], {'a': [1]}), False)
    """
    try:
        return _again(value, change, [_MANY])
    except RecursionError:  # it is deep, or there are very many of them
        pass
    limit = _MANY if _unfolded(value) > _TOO_MANY else _TOO_MANY
    return _Rebuilding(change, limit).of(value)


def _again(value: Any, change: Callable[[Any], Any], left: list[int]) -> Any:
    """As quick as can be, for containers that are neither deep nor very many."""
    left[0] -= 1
    if left[0] < 0:
        raise RecursionError
    cls = type(value)
    if cls is dict:
        return {
            key: item
            if (of := type(item)) in _AS_IT_IS or (of is float and item == item)
            else _again(item, change, left)
            if of in _PLAIN or is_container(of)
            else change(item)
            for key, item in value.items()
        }
    made = [
        item
        if (of := type(item)) in _AS_IT_IS or (of is float and item == item)
        else _again(item, change, left)
        if of in _PLAIN or is_container(of)
        else change(item)
        for item in value
    ]
    return made if cls is list else _made(value, made)


def _unfolded(value: Any) -> int:
    """How many containers there are, each counted as often as it is held; too many, if they lead back to each other."""
    sizes: dict[int, int] = {}
    path = [(value, iter(_items(value)))]
    while path:
        container, items = path[-1]
        inner = next((item for item in items if is_container(type(item)) and id(item) not in sizes), None)
        if inner is not None:
            sizes[id(inner)] = 0  # until it is known; it stays so where it leads back to itself
            path.append((inner, iter(_items(inner))))
            continue
        path.pop()
        sizes[id(container)] = 1 + sum([sizes.get(id(item), 0) for item in _items(container)])
    return sizes[id(value)]


def _items(value: Any) -> Any:
    return value.values() if type(value) is dict else value


class _Rebuilding:
    """One rebuilding: containers that we are in, or that lead back to one of them, are made once (see encoder.py)."""

    def __init__(self, change: Callable[[Any], Any], limit: int) -> None:
        self._change = change
        self._left = limit
        self._open: list[tuple[int, Any, Any]] = []  # an id, what it stands for, and the new one if it is made already
        self._places: dict[int, int] = {}

    def of(self, root: Any) -> Any:
        above: list[_Frame] = []
        frame = self._enter(root)
        change, places = self._change, self._places
        while True:
            made = frame.made
            for item in frame.items:
                cls = type(item)
                if cls in _AS_IT_IS:
                    made.append(item)
                elif not is_container(cls):
                    made.append(change(item))
                elif (place := places.get(id(item))) is not None:
                    frame.low = min(frame.low, place)
                    made.append(self._again(place))
                else:
                    above.append(frame)
                    frame = self._enter(item)
                    break
            else:
                new = self._leave(frame)
                if not above:
                    return new
                above[-1].low = min(above[-1].low, frame.low)
                frame = above.pop()
                frame.made.append(new)

    def _enter(self, value: Any) -> "_Frame":
        self._left -= 1
        if self._left < 0:
            raise UncopiableError("it holds the same things too often to be copied")
        self._places[id(value)] = len(self._open)
        new = type(value)() if type(value) in (list, dict) else None
        self._open.append((id(value), value, new))
        return _Frame(value, new, len(self._open) - 1)

    def _again(self, place: int) -> Any:
        _, value, new = self._open[place]
        if new is None:
            raise UncopiableError(f"a {type(value).__name__} in it leads back to itself")
        return new

    def _leave(self, frame: "_Frame") -> Any:
        if frame.new is None:
            frame.new = _made(frame.value, frame.made)
        elif type(frame.value) is list:
            frame.new += frame.made
        else:
            frame.new.update(zip(frame.value, frame.made, strict=True))
        if frame.low >= frame.here:
            for identity, _, _ in self._open[frame.here :]:
                del self._places[identity]
            del self._open[frame.here :]
        else:
            self._open[frame.here] = id(frame.value), frame.value, frame.new
        return frame.new


class _Frame:
    """A container that is being rebuilt."""

    __slots__ = ("here", "items", "low", "made", "new", "value")

    def __init__(self, value: Any, new: Any, here: int) -> None:
        self.value = value
        self.new = new
        self.here = self.low = here
        self.items: Iterator[Any] = iter(_items(value))
        self.made: list[Any] = []


def _made(value: Any, items: list[Any]) -> Any:
    cls = type(value)
    return cls(items) if cls in _PLAIN else cls._make(items)
