"""What a list of items stands for: the steps and pipelines in it, and the values that pipelines had fixed."""

from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any

from plait.core.definition import underlying
from plait.core.grafting import Graft
from plait.core.step import Step
from plait.errors import GraphError


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
        elif item._fn is None:
            self.items.extend(item._steps.values())
            self._fix("", item._values)
        else:
            self.items.append(Graft(item.name, item.graph))
            self._fix(item.name, item._values)

    def _fix(self, namespace: str, values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            address = name if not namespace else f"{namespace}/{name}" if "." in name else f"{namespace}.{name}"
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
