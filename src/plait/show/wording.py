"""What explanations say of a reason, a change of code, a record: the same words for what would run and for what ran."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from plait.core.addresses import node_of
from plait.core.definition import Options
from plait.core.durations import readable
from plait.core.graph import Graph, Node
from plait.core.manifest import Change
from plait.core.reasons import Reason
from plait.core.records import Acceptance, Record
from plait.core.sources import Param, outputs
from plait.runtime.causes import Cause
from plait.show.values import printable

_LINES = 40  # of one change
_WHOLE = 12  # of something that is new or gone


def because(node: str, did: str, reasons: Sequence[Reason], changed: Sequence[Change], graph: Graph | None) -> str:
    """What differs, in sentences; `did` is what became of the node: "would run", "ran", "gave another value"."""
    known = graph.nodes.get(node_of(node)) if graph is not None else None
    said = [_sentence(reason, node, known, changed) for reason in reasons]
    before = next((reason.before for reason in reasons if reason.before is not None), None)
    since = "" if before is None else f" since {when(before.made)} (run {before.run})"
    if len(said) == 1:
        lines = [f"{node} {did}: {said[0]}{since}."]
    else:
        lines = [f"{node} {did}{since and f': what changed{since}'}:", *(f"  - {sentence}" for sentence in said)]
    for change in changed:
        home = before.step if before is not None else known.definition.home if known is not None else ""
        lines += ["", *_change(change, home)]
    return "\n".join(lines)


def above(causes: Sequence[Cause], graph: Graph | None) -> list[str]:
    """Why inputs are other values: a block for each node where a difference begins."""
    blocks = []
    for cause in causes:
        way = f"\n  ({' -> '.join(cause.way)})" if len(cause.way) > 2 else ""
        blocks.append(because(cause.node, "gave another value", cause.reasons, cause.changed, graph) + way)
    return blocks


def made(record: Record) -> str:
    """When a result was made, and how it is called."""
    names = f"key {short(record.key)}, digest {short(record.artifact.digest)}"
    return f"It was made in {readable(record.seconds)} at {when(record.made)} by the run {record.run}: {names}."


def vouched(acceptance: Acceptance) -> str:
    """Whose word it is that a result stands for new code."""
    note = f": {printable(acceptance.note)}" if acceptance.note else ""
    back = f"to take it back: plait accept --undo {acceptance.id}"
    if acceptance.withdrawn:
        back = f"it was taken back by {printable(acceptance.withdrawn)} at {when(acceptance.withdrawn_at)}"
    return (
        f"{acceptance.record.node} was accepted by {printable(acceptance.by)} at {when(acceptance.at)}{note}\n"
        f"  its code {short(acceptance.before)} became {short(acceptance.record.code)}, and its result was kept\n"
        f"  {back}"
    )


def short(name: str) -> str:
    """The beginning of a key or digest."""
    return name[:12]


def when(moment: float) -> str:
    """A moment as a person would say it."""
    return f"{datetime.fromtimestamp(moment, UTC).astimezone():%Y-%m-%d %H:%M}"


def _sentence(reason: Reason, node: str, known: Node | None, changed: Sequence[Change]) -> str:
    name = reason.input
    options = known.definition.options if known is not None else None
    match reason.word:
        case "new":
            return "nothing was kept of it before"
        case "failed last time":
            return f"it failed last time{': ' if reason.was else ''}{printable(reason.was)}"
        case "code":
            own = not changed or any(len(change.path) == 1 for change in changed)
            return "its code changed" if own else "code that it reaches changed"
        case "input":
            return f"its input {name} is another value{_from(known, name)}"
        case "parameter":
            return f"the parameter {_address(known, node, name)} {_values(reason, 'has another value')}"
        case "constant":
            return f"{name} is fixed to another value"
        case "seed":
            return f"the seed {_values(reason, 'is another one')}"
        case "time":
            return "the time is another one, and it asks for it"
        case "settings":
            return f"the {name} are not what they were"
        case "environment":
            return _environment(options)
        case "made again":
            return "it was made again under the same key, and gave another value"
        case "its bytes are gone":
            return "its result was kept, but cannot be read any more"
        case "runs each time":
            return "it runs each time, since its step says cache=False"
        case "too old":
            limit = readable(float(options.cache)) if options is not None else "some time"
            return f"its result is older than {limit}, which is what its step allows"
        case "nothing is kept":
            return "without a store nothing is kept"
        case other:
            return f"{other} {name}".strip()


def _environment(options: Options | None) -> str:
    if options is None:
        return "an environment variable that it reads changed, or the shape of its key"
    if options.env:
        return f"an environment variable that it reads changed ({', '.join(options.env)})"
    return "its results were made under another version of plait's keys"


def _values(reason: Reason, otherwise: str) -> str:
    """A value before and now; of a file, the path may be the same, and what is in it another."""
    if not reason.now:
        return otherwise
    if reason.was == reason.now:
        return f"has other content ({printable(reason.now)})"
    return f"changed: {printable(reason.was)} -> {printable(reason.now)}"


def _from(known: Node | None, name: str) -> str:
    source = dict(known.inputs).get(name) if known is not None else None
    made = [out.node if out.part is None else f"{out.node}.{out.part}" for out in outputs(source)] if source else []
    return f" (from {', '.join(made)})" if made and made != [name] else ""


def _address(known: Node | None, node: str, name: str) -> str:
    source = dict(known.inputs).get(name) if known is not None else None
    return source.address if isinstance(source, Param) else name if known is not None else f"{node}.{name}"


def _change(change: Change, home: str) -> Iterator[str]:
    """One thing that changed: what, by which way the step reaches it, and its lines."""
    module = f"{home.partition(':')[0]}."
    path = [printable(name).removeprefix(module) for name in change.path]
    what = f"{change.kind} {path[-1]}" if len(path) > 1 else path[-1]
    if change.short is not None:
        yield f"  {what}: {' -> '.join(map(printable, change.short))}"
        if len(path) > 1:
            yield f"    by {' -> '.join(path)}"
        return
    yield f"  {what}{'' if change.how == 'changed' else f' is {change.how}'}"
    if len(path) > 1:
        yield f"    by {' -> '.join(path)}"
    most = _LINES if change.how == "changed" else _WHOLE
    yield from (f"    {printable(line)}" for line in change.lines[:most])
    if len(change.lines) > most:
        yield f"    … {len(change.lines) - most} more lines"
