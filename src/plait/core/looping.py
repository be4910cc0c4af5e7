"""Maps in plain Python: what `each` and `.map` do where nothing is traced and nothing runs. A loop, and no more."""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from plait.core.grafting import field_at
from plait.errors import GraphError, ParameterError


class Listed(NamedTuple):
    """The items of a container in their order, and their keys, if it has some."""

    items: Sequence[Any]
    keys: Sequence[Any] | None


def listed(container: Any, called: str) -> Listed:
    """What is in a container; `ParameterError` for what has no items that one could mean.

    >>> listed({"a": 1}, "each(x)")
    Listed(items=[1], keys=['a'])
    """
    if isinstance(container, Mapping):
        return Listed(list(container.values()), list(container))
    if isinstance(container, (set, frozenset)):
        raise ParameterError(
            f"{called}: a {type(container).__name__} has no order, and results have; sort it to a list"
        )
    named = type(container).__name__
    if isinstance(container, (str, bytes)) or (named == "DataFrame" and hasattr(container, "columns")):
        raise ParameterError(f"{called}: a {named} is one value; give a list or a dict of what is to be mapped over")
    try:
        return Listed(list(container), None)
    except TypeError:
        raise ParameterError(f"{called}: a {named} has no items; give a list or a dict") from None


def texts(items: Sequence[Any]) -> Sequence[str] | None:
    """Items as the keys of a dict: if they are text, and all differ."""
    return items if all([type(i) is str for i in items]) and len(set(items)) == len(items) else None


class Each:
    """What `each` gives outside of a pipeline's tracing: items that `.map` takes one by one."""

    __slots__ = ("_called", "_listed")

    def __init__(self, container: Any, called: str = "each(...)") -> None:
        self._listed = container if isinstance(container, Listed) else listed(container, called)
        self._called = called

    def __getattr__(self, name: str) -> "Each":
        if name.startswith("__"):
            raise AttributeError(name)
        return self._field(name)

    def __iter__(self) -> Any:
        """Items that are NamedTuples, or tuples of one length, can be taken apart."""
        lengths = {len(item) if isinstance(item, tuple) else None for item in self._listed.items}
        if len(lengths) != 1 or None in lengths:
            raise GraphError(f"{self._called} stands for one item at a time; give it to the .map of a step")
        return iter([self._field(str(place)) for place in range(next(iter(lengths)) or 0)])

    def _field(self, name: str) -> "Each":
        return Each(Listed([field_at(item, (name,)) for item in self._listed.items], self._listed.keys), self._called)

    def _refuse(self, *_: object) -> Any:
        raise GraphError(f"{self._called} stands for one item at a time; give it to the .map of a step")

    __bool__ = __len__ = __getitem__ = _refuse


def mapped(
    who: str, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], *, keyed: bool
) -> list[Any] | dict[Any, Any]:
    """Calls a function for each item of what is marked with `each`, in lock-step: a list, or a dict by their keys."""
    marked = {id(one): one for value in (*args, *kwargs.values()) for one in _marks(value)}
    check_marked(who, fn, [*(str(place) for place in range(len(args))), *kwargs], bool(marked))
    keys, places = paired(who, [(one._called, one._listed) for one in marked.values()])
    at = dict(zip(marked, places, strict=True))
    results = [
        fn(*(_current(value, at, i) for value in args), **{k: _current(value, at, i) for k, value in kwargs.items()})
        for i in range(len(places[0]))
    ]
    if results and all(inspect.isawaitable(result) for result in results):
        results = _awaited(results)
    if not keyed:
        return results
    if keys is None:
        keys = next((found for one in marked.values() if (found := texts(one._listed.items)) is not None), None)
    return dict(zip(named(who, keys), results, strict=True))


def with_fixed(who: str, fn: Callable[..., Any], fixed: Mapping[str, Any]) -> Callable[..., Any]:
    """A pipeline's function with the values that were fixed; `GraphError` for those that plain Python cannot reach.

    >>> with_fixed("p", lambda x, y: (x, y), {"y": 2})(1)
    (1, 2)
    """
    if not fixed:
        return fn
    signature = inspect.signature(fn)
    inside = next((address for address in fixed if address not in signature.parameters), None)
    if inside is not None:
        raise GraphError(f"{who} has {inside} fixed inside, which a plain call cannot reach; use {who}.run(...)")

    def filled(*args: Any, **kwargs: Any) -> Any:
        said = signature.bind_partial(*args, **kwargs).arguments
        return fn(*args, **{name: value for name, value in fixed.items() if name not in said}, **kwargs)

    return filled


def _marks(value: Any) -> Iterator[Each]:
    """What varies in an argument, be it in a list or a dict."""
    if isinstance(value, Each):
        yield value
    elif type(value) in (list, tuple):
        for item in value:
            yield from _marks(item)
    elif type(value) is dict:
        for item in value.values():
            yield from _marks(item)


def _current(value: Any, at: Mapping[int, Sequence[int]], index: int) -> Any:
    """An argument for one item."""
    if isinstance(value, Each):
        return value._listed.items[at[id(value)][index]]
    if type(value) in (list, tuple) and any(True for _ in _marks(value)):
        return type(value)(_current(item, at, index) for item in value)
    if type(value) is dict and any(True for _ in _marks(value)):
        return {key: _current(item, at, index) for key, item in value.items()}
    return value


def check_marked(who: str, fn: Callable[..., Any], names: Sequence[str], marked: bool) -> None:
    """Something must vary; `GraphError` says how that is written."""
    if not marked:
        first = next(iter(inspect.signature(fn).parameters), "x")
        first = next((name for name in names if not name.isdigit()), first)
        raise GraphError(f"{who}(...): nothing varies; mark it: {first}=each(...)")


def named(who: str, keys: Sequence[Any] | None) -> Sequence[Any]:
    """The keys of a dict of results; `GraphError` where there are none."""
    if keys is None:
        raise GraphError(f"{who}: a dict needs keys: give each(...) a dict, or a list of different texts; or use .map")
    return keys


def paired(who: str, marked: Sequence[tuple[str, Listed]]) -> tuple[Sequence[Any] | None, list[Sequence[int]]]:
    """Which items go together: by their keys, where there are keys, else by their places.

    Gives the keys, and for each container the places of its items. Raises `GraphError` where some have no partner.

    >>> paired("f.map", [("each(a)", Listed([1, 2], ["x", "y"])), ("each(b)", Listed([3, 4], ["y", "x"]))])
    (['x', 'y'], [range(0, 2), [1, 0]])
    """
    (first, head), *others = marked
    for called, items in others:
        if len(items.items) != len(head.items):
            raise GraphError(f"{who}: {first} has {len(head.items)} items and {called} has {len(items.items)}")
    keys, by = next(((items.keys, called) for called, items in marked if items.keys is not None), (None, ""))
    places: list[Sequence[int]] = []
    for called, items in marked:
        if items.keys is None or items.keys == keys:
            places.append(range(len(items.items)))
            continue
        at = {key: place for place, key in enumerate(items.keys)}
        missing = next((key for key in keys or () if key not in at), None)
        if missing is not None:
            raise GraphError(f"{who}: {by} has the key {missing!r} and {called} has not")
        places.append([at[key] for key in keys or ()])
    return keys, places


def _awaited(coroutines: Iterable[Any]) -> list[Any]:
    """The results of async steps; in a thread of their own, if this one has an event loop that runs."""
    import asyncio

    async def together() -> list[Any]:
        return list(await asyncio.gather(*coroutines))

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(together())
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, together()).result()
