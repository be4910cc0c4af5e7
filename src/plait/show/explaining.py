"""Why a node would run, or would not: the way from what changed to the node, and what changed, down to its lines."""

from collections.abc import Mapping

from plait.core.addresses import node_of
from plait.core.durations import readable
from plait.core.graph import Graph
from plait.core.reasons import Reason
from plait.core.records import Record
from plait.runtime.causes import Causes
from plait.runtime.plan import Plan, Planned, why
from plait.show.wording import above, because, made, vouched

_ROOTS = 8  # nodes that run, of which each is explained
_TARGETS = 50


def explained(plan: Plan, graph: Graph, causes: Causes | None = None) -> str:
    """Why the targets of a plan would run, or would not; `causes` knows what was there before."""
    planned = {one.node: one for one in plan}
    read = {parent for node in {node_of(name) for name in planned} for parent in graph.reads[node]}
    targets = [one for name, one in planned.items() if node_of(name) not in read]
    asked = [one for one in targets if one.state != "given"] or targets
    blocks = [_target(one, planned, graph, causes) for one in asked[:_TARGETS]]
    if len(asked) > _TARGETS:
        blocks.append(f"… and {len(asked) - _TARGETS} more; to see one of them, name it: explain({asked[-1].node!r})")
    return "\n\n".join(blocks)


def _target(target: Planned, planned: Mapping[str, Planned], graph: Graph, causes: Causes | None) -> str:
    name = target.node
    if target.state == "given":
        return f"{name} is given, so that neither it nor anything that only it needs would run."
    if target.state == "hit":
        return "\n\n".join(_hit(target, planned, causes))
    if target.state == "run":
        blocks = _root(target, graph, causes)
        ways = _ways(name, planned)
        others = [f"  {node}: {why(planned[node])}" for node in list(ways)[: _ROOTS + 1] if node != name]
        if others:
            blocks.append("\n".join(["What it needs would run too:", *others]))
        return "\n\n".join(blocks)
    ways = _ways(name, planned)
    few = list(ways)[:_ROOTS]
    one = len(ways) == 1
    head = f"Whether {name} would run depends on what {few[0] if one else 'these nodes'} {'gives' if one else 'give'}:"
    blocks = ["\n".join([head, "", *(f"  {' -> '.join(ways[root])}" for root in few)])]
    for root in few:
        blocks += _root(planned[root], graph, causes)
    if len(ways) > len(few):
        blocks.append(f"… and {len(ways) - len(few)} more nodes that would run.")
    return "\n\n".join(blocks)


def _hit(target: Planned, planned: Mapping[str, Planned], causes: Causes | None) -> list[str]:
    count = sum(one.state != "given" for one in planned.values()) - 1
    also = f", and so {'is what' if count == 1 else f'are all {count} nodes that'} it needs" if count > 0 else ""
    record: Record | None = causes.scene.records.get(target.node) if causes is not None else None
    when = f"It was made in {readable(target.seconds)}." if record is None else made(record)
    said = [f"{target.node} is up to date{also}. {when}"]
    if causes is not None:
        records = [known for node, known in causes.scene.records.items() if node in planned]
        said += [vouched(found) for known in records if (found := causes.word_for(known)) is not None]
    return said


def _ways(target: str, planned: Mapping[str, Planned]) -> dict[str, list[str]]:
    """The shortest way from each node that would run to the target."""
    after: dict[str, str] = {}
    queue, ways = [target], dict[str, list[str]]()
    for name in queue:
        if planned[name].state == "run":
            way = [name]
            while way[-1] != target:
                way.append(after[way[-1]])
            ways[name] = way
        for parent in planned[name].waits_for:
            if parent not in after:
                after[parent] = name
                queue.append(parent)
    return {name: ways[name] for name in planned if name in ways}


def _root(root: Planned, graph: Graph, causes: Causes | None) -> list[str]:
    reasons: tuple[Reason, ...] = root.reasons if causes is None else causes.valued(root.node, root.reasons)
    blocks = [because(root.node, "would run", reasons, root.changed, graph)]
    return blocks if causes is None else blocks + above(causes.above(root.node, reasons), graph)
