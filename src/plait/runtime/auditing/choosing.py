"""Which nodes an audit makes again: not those that may cost money, and of the many of one step a few."""

import copy
from collections import Counter
from collections.abc import Callable, Collection
from typing import Any, NoReturn, get_args

from plait.core.definition import Definition
from plait.core.graph import Graph, Node
from plait.secret import Secret

_MAY_COST: tuple[tuple[Callable[[Definition], bool], str], ...] = (  # any other sign is one more line
    (lambda definition: any(_mentions_secret(hint) for hint in definition.hints.values()), "its step takes a Secret"),
    (lambda definition: definition.asynchronous, "its step is asynchronous"),
    (lambda definition: definition.options.cache is False, "its step says cache=False"),
)


def may_cost(definition: Definition) -> str:
    """Why a call of a step may cost money, or do something outside; "" if nothing says so."""
    return next((reason for applies, reason in _MAY_COST if applies(definition)), "")


class Standin(Definition):
    """A definition of the same step, with the same key, that is sent to a process like those of all others."""

    __slots__ = ("original",)

    def __init__(self, original: Definition) -> None:
        for name in Definition.__slots__:
            if name != "__weakref__":
                setattr(self, name, getattr(original, name))
        self.original = original
        self.asynchronous = False

    @property
    def importable(self) -> bool:
        return False

    def __reduce__(self) -> Any:
        return type(self), (self.original,)


class Absent(Standin):
    """One that must not be called, and has nothing that could be."""

    __slots__ = ("reason",)

    def __init__(self, original: Definition, reason: str) -> None:
        super().__init__(original)
        self.options = self.options._replace(retry=None, timeout=None, resources={}, executor=None)
        self.reason = reason

    @property
    def fn(self) -> Callable[..., Any]:
        return _never

    @property
    def home(self) -> str:
        return self.original.home

    def __reduce__(self) -> Any:
        return Absent, (self.original, self.reason)


def without_costs(graph: Graph, named: Collection[str]) -> Graph:
    """The same graph, in which nothing is called that may cost money, unless it was named.

    What is asynchronous and named goes to a process too, where it is awaited.
    """
    changed = copy.copy(graph)
    changed.nodes = {name: node._replace(definition=_for(node, named)) for name, node in graph.nodes.items()}
    return changed


def _for(node: Node, named: Collection[str]) -> Definition:
    definition = node.definition
    if node.name not in named and (reason := may_cost(definition)):
        return Absent(definition, reason)
    return Standin(definition) if definition.asynchronous else definition


def _mentions_secret(hint: object) -> bool:
    return hint is Secret or any(map(_mentions_secret, get_args(hint)))


class Sample:
    """At most so many nodes of each step, as they come, and all that were named."""

    def __init__(self, most: int | None, named: Collection[str]) -> None:
        self._most, self._named = most, named
        self._asked: dict[str, bool] = {}  # a node comes again if it is tried again
        self._taken: Counter[str] = Counter()

    def takes(self, name: str, definition: Definition) -> bool:
        """Is a node among them?"""
        if name not in self._asked:
            self._taken[definition.home] += 1
            few = self._most is None or self._taken[definition.home] <= self._most
            self._asked[name] = few or name in self._named
        return self._asked[name]


def _never(*_: object, **__: object) -> NoReturn:
    raise AssertionError("an audit calls nothing that may cost money")
