"""What a list of items stands for: the steps and pipelines in it, and the values that pipelines had fixed."""

from collections.abc import Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any, NamedTuple, Protocol

from plait.core.definition import underlying
from plait.core.grafting import Graft
from plait.core.graph import Graph
from plait.core.step import Step
from plait.errors import GraphError


class Wiring(NamedTuple):
    """What a pipeline was made of, to make another one of it."""

    items: tuple[Step[..., Any] | Graft, ...] | None = None  # of one that is wired by name
    inputs: Sequence[str] | None = None  # likewise: the closed list of its parameters
    bound: Mapping[str, Any] = {}  # of one that is wired by call: where its parameters come from
    replaced: tuple[str, ...] = ()  # likewise: the nodes that are not as its function says

    @property
    def steps(self) -> dict[str, Step[..., Any]]:
        """The steps in the list, by the names of their nodes."""
        return {item.name: item for item in self.items or () if isinstance(item, Step)}


class Wired(Protocol):
    """What is read of a pipeline."""

    name: str
    graph: Graph
    _wiring: Wiring
    _values: Mapping[str, Any]


def as_one(pipeline: Wired, name: str) -> Graft:
    """A pipeline as one step under a name. `GraphError` where it has no one result to be that of a step."""
    graph = pipeline.graph
    if graph.result is None and pipeline._wiring.items is not None:
        sinks = graph.sinks()
        if len(sinks) != 1:
            raise GraphError(
                f"{pipeline.name} cannot stand for one step: it ends in {len(sinks)} nodes ({', '.join(sinks)}); "
                f"select one, with all that it needs: {pipeline.name}.select('+{sinks[0]}')"
            )
        graph = Graph(graph.name, graph.nodes, graph.parameters, graph.aliases, graph.all_of(sinks[0]), graph.whole)
    return Graft(name, graph, pipeline._values, pipeline._wiring.bound)


class Items:
    """The steps and pipelines that a list of items stands for, and the values that pipelines in it had fixed."""

    def __init__(self, pipeline: type[Any], items: Any) -> None:
        self._pipeline = pipeline
        self.items: list[Step[..., Any] | Graft] = []
        self.values: dict[str, Any] = {}
        self._take(items)

    def _take(self, items: Any) -> None:
        if isinstance(items, ModuleType):
            items = _defined_by(items)
        if isinstance(items, (str, Step, self._pipeline)) or not isinstance(items, Iterable):
            raise GraphError(f"Pipeline(name, items): give a list of steps, pipelines and modules, not {items!r}")
        for item in items:
            self._take_one(item)

    def _take_one(self, item: Any) -> None:
        if isinstance(item, Step):
            self.items.append(item)
        elif isinstance(item, ModuleType):
            self._take(item)
        elif not isinstance(item, self._pipeline):
            hint = "; decorate it with @step" if callable(item) else ""
            raise GraphError(f"{getattr(item, '__name__', item)!r} is no step, pipeline or module{hint}")
        elif item._wiring.items is not None:
            self.items.extend(item._wiring.items)
            self._fix(item._values)
        else:
            self.items.append(Graft(item.name, item.graph, item._values, item._wiring.bound))

    def _fix(self, values: Mapping[str, Any]) -> None:
        for address, value in values.items():
            known = self.values.setdefault(address, value)
            if known is not value:
                raise GraphError(f"two of the pipelines in the list fix {address!r} to different values; fix it in one")


def _defined_by(module: ModuleType) -> list[Step[..., Any]]:
    """The steps that a module itself defines, in its order, each once."""
    found: dict[int, Step[..., Any]] = {}
    for item in vars(module).values():
        if isinstance(item, Step) and getattr(underlying(item.fn), "__module__", "") == module.__name__:
            found.setdefault(id(item), item)
    if not found:
        raise GraphError(f"the module {module.__name__} defines no steps; decorate functions in it with @step")
    return list(found.values())
