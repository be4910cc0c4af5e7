"""Which nodes does a selector choose: by name, by tag, or with all that they need or that needs them."""

from collections.abc import Sequence

from plait.core.definition import near
from plait.core.graph import Graph
from plait.errors import GraphError


def selected(graph: Graph, selector: str) -> Sequence[str]:
    """The nodes that `"score"`, `"tag:feature"`, `"+score"` or `"clean+"` stands for, in the order of the graph."""
    if selector.startswith("tag:"):
        tag = selector.removeprefix("tag:")
        found = [name for name, node in graph.nodes.items() if tag in node.definition.options.tags]
        if not found:
            tags = sorted({tag for node in graph.nodes.values() for tag in node.definition.options.tags})
            raise GraphError(f"no step of {graph.name} has the tag {tag!r}{near(tag, tags)}")
        return found
    name = selector.strip("+")
    if name not in graph.nodes:
        raise GraphError(f"{graph.name} has no node {name!r}{near(name, list(graph.nodes))}")
    chosen = {name}
    if selector.startswith("+"):
        chosen.update(graph.needed([name]))
    if selector.endswith("+"):
        chosen.update(graph.descendants(name))
    return [node for node in graph.nodes if node in chosen]
