"""Why a node would run: the way from what changed to the node, and what changed, down to the lines of its code."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from plait.core.definition import Definition
from plait.core.durations import readable
from plait.core.graph import Graph
from plait.core.manifest import Change
from plait.core.reasons import Reason
from plait.core.records import Record
from plait.core.sources import Param, outputs
from plait.runtime.plan import Plan, Planned
from plait.show.values import printable

_ROOTS = 8  # nodes that run, of which each is explained
_LINES = 40  # of one change
_WHOLE = 12  # of something that is new or gone


def explained(plan: Plan, graph: Graph) -> str:
    """Why the target of a plan would run, or would not."""
    planned = {one.node: one for one in plan}
    read = {parent for name in planned for parent in graph.reads[name]}
    return "\n\n".join(_target(one, planned, graph) for name, one in planned.items() if name not in read)


def _target(target: Planned, planned: Mapping[str, Planned], graph: Graph) -> str:
    name = target.node
    if target.state == "given":
        return f"{name} is given, so that neither it nor anything that only it needs would run."
    if target.state == "hit":
        above = len(planned) - 1
        also = f", and so {'is what' if above == 1 else f'are all {above} nodes that'} it needs" if above else ""
        return f"{name} is up to date{also}. It was made in {readable(target.seconds)}."
    if target.state == "run":
        return "\n".join(_root(target, graph))
    ways = _ways(name, planned)
    few = list(ways)[:_ROOTS]
    one = len(ways) == 1
    head = f"Whether {name} would run depends on what {few[0] if one else 'these nodes'} {'gives' if one else 'give'}:"
    blocks = ["\n".join([head, "", *(f"  {' -> '.join(ways[root])}" for root in few)])]
    blocks += ["\n".join(_root(planned[root], graph)) for root in few]
    if len(ways) > len(few):
        blocks.append(f"… and {len(ways) - len(few)} more nodes that would run.")
    return "\n\n".join(blocks)


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


def _root(root: Planned, graph: Graph) -> Iterator[str]:
    said = [_sentence(reason, root, graph) for reason in root.reasons]
    before = next((reason.before for reason in root.reasons if reason.before is not None), None)
    since = "" if before is None else f" since {_when(before)}"
    if len(said) == 1:
        yield f"{root.node} would run: {said[0]}{since}."
    else:
        yield f"{root.node} would run{since and f': what changed{since}'}:"
        yield from (f"  - {sentence}" for sentence in said)
    for change in root.changed:
        yield ""
        yield from _change(change, graph.nodes[root.node].definition)


def _sentence(reason: Reason, planned: Planned, graph: Graph) -> str:
    node = graph.nodes[planned.node]
    options, name = node.definition.options, reason.input
    match reason.word:
        case "new":
            return "nothing was kept of it before"
        case "code":
            return "its code changed" if _own(planned) else "code that it reaches changed"
        case "input":
            return f"its input {name} is another value{_from(node.inputs, name)}"
        case "parameter":
            return f"the parameter {_address(node.inputs, name)} has another value"
        case "constant":
            return f"{name} is fixed to another value"
        case "seed":
            return "the seed is another one"
        case "time":
            return "the time is another one, and it asks for it"
        case "environment" if options.env:
            return f"an environment variable that it reads changed ({', '.join(options.env)})"
        case "environment":
            return "its results were made under another version of plait's keys"
        case "its bytes are gone":
            return "its result was kept, but cannot be read any more"
        case "runs each time":
            return "it runs each time, since its step says cache=False"
        case "too old":
            return f"its result is older than {readable(float(options.cache))}, which is what its step allows"
        case "nothing is kept":
            return "without a store nothing is kept"
        case other:
            return f"{other} {name}".strip()


def _own(planned: Planned) -> bool:
    return not planned.changed or any(len(change.path) == 1 for change in planned.changed)


def _from(inputs: tuple[tuple[str, object], ...], name: str) -> str:
    source = dict(inputs).get(name)
    made = [out.node if out.part is None else f"{out.node}.{out.part}" for out in outputs(source)] if source else []  # type: ignore[arg-type] # sources
    return f" (from {', '.join(made)})" if made and made != [name] else ""


def _address(inputs: tuple[tuple[str, object], ...], name: str) -> str:
    source = dict(inputs).get(name)
    return source.address if isinstance(source, Param) else name


def _when(before: Record) -> str:
    day = datetime.fromtimestamp(before.made, UTC).astimezone()
    return f"{day:%Y-%m-%d %H:%M} (run {before.run})"


def _change(change: Change, definition: Definition) -> Iterator[str]:
    """One thing that changed: what, by which way the step reaches it, and its lines."""
    module = f"{definition.home.partition(':')[0]}."
    path = [printable(name).removeprefix(module) for name in change.path]
    what = f"{change.kind} {path[-1]}" if len(path) > 1 else path[-1]
    if change.kind == "package":
        old, new = ("".join(line[2:] for line in change.lines if line[0] == sign) for sign in "-+")
        yield f"  {what}: {old or 'none'} -> {new or 'none'}"
        return
    yield f"  {what}{'' if change.how == 'changed' else f' is {change.how}'}"
    if len(path) > 1:
        yield f"    by {' -> '.join(path)}"
    most = _LINES if change.how == "changed" else _WHOLE
    yield from (f"    {printable(line)}" for line in change.lines[:most])
    if len(change.lines) > most:
        yield f"    … {len(change.lines) - most} more lines"
