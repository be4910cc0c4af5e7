"""Many settings of one pipeline at once: one graph in which equal work is done once, and a run for each setting."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from plait import parameters
from plait.core.definition import EMPTY
from plait.core.graph import Graph
from plait.core.sources import Output
from plait.core.step import Step
from plait.core.sweeping import namespace, repeated
from plait.errors import NodeFailed, ParameterError
from plait.runtime.listening import Listener
from plait.runtime.request import State
from plait.runtime.run import Run, use_of
from plait.session import Session
from plait.swept import Sweep


class Swept(Protocol):
    """What is read of a pipeline."""

    graph: Graph
    _values: Mapping[str, Any]
    _options: Mapping[str, Any]


def sweep(
    pipeline: Swept,
    settings: Iterable[Mapping[str, Any]],
    targets: Sequence[Any],
    seeds: Sequence[int],
    options: Mapping[str, Any],
    listeners: Sequence[Listener] | None,
    params: Mapping[str, Any],
) -> Sweep[Any]:
    """Runs all settings with all seeds as one graph."""
    graph, wanted = pipeline.graph, [dict(setting) for setting in settings]
    for seed in seeds:
        if type(seed) is not int or seed < 0:
            raise ParameterError(f"seeds={list(seeds)!r}: give whole numbers, 0 or more")
    pairs = [(setting, seed) for setting in wanted for seed in seeds]
    if not pairs:
        return Sweep([], [], [], [])
    common = {**pipeline._values, **parameters.addressed(graph, params, pipeline._values)}
    values: list[dict[str, Any]] = []
    for setting, _ in pairs:
        try:
            values.append({**common, **parameters.addressed(graph, setting, common)})
        except ParameterError as error:
            raise ParameterError(f"sweep: {setting}: {error}") from None
    whole = repeated(graph, len(pairs))
    given = {
        namespace(place) + (use_of(graph, node) if isinstance(node, Step) else node): value
        for place in range(len(pairs))
        for node, value in (options.get("given") or {}).items()
    }
    asked = [
        namespace(place) + (use_of(graph, target) if isinstance(target, Step) else getattr(target, "name", target))
        for place in range(len(pairs))
        for target in targets
    ]
    fixed = {namespace(place) + address: value for place, own in enumerate(values) for address, value in own.items()}
    numbered = {str(place): seed for place, (_, seed) in enumerate(pairs)}
    with Session(whole, fixed, pipeline._options, asked, {**options, "given": given}, {}, seeds=numbered) as session:
        try:
            run = session.run(listeners)
        except NodeFailed as failure:
            raise _own(failure, graph, pairs) from failure.__cause__
    return Sweep(
        [setting for setting, _ in pairs],
        [seed for _, seed in pairs],
        [_slice(run, graph, place) for place in range(len(pairs))],
        _used(graph, [setting for setting, _ in pairs], values),
    )


def _used(
    graph: Graph, settings: Sequence[Mapping[str, Any]], values: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """For each run, the value that it used of every parameter that any setting names; defaults included."""
    meant: dict[str, list[str]] = {}
    for setting, own in zip(settings, values, strict=True):
        for name, value in setting.items():
            if name not in meant:
                meant[name] = list(parameters.addressed(graph, {name: value}, own))
    taken = {name for name, addresses in meant.items() if addresses == [name]}
    columns: dict[str, tuple[str, str]] = {}  # of the frame: an address, and the fields within its value
    for name, addresses in meant.items():
        if len(addresses) == 1 and name.startswith(addresses[0] + "."):
            columns[name] = addresses[0], name.removeprefix(addresses[0] + ".")
        elif addresses[0] not in taken - {name} and _are_one(graph, addresses, values):
            columns[name] = addresses[0], ""
        else:  # its readers do not all use the same value
            columns |= {address: (address, "") for address in addresses}
    return [{name: _value(graph, own, *where) for name, where in columns.items()} for own in values]


def _are_one(graph: Graph, addresses: Sequence[str], values: Sequence[Mapping[str, Any]]) -> bool:
    """Do all these parameters have the same value in each run?"""
    return all(len({repr(_value(graph, own, address)) for address in addresses}) == 1 for own in values)


def _value(graph: Graph, own: Mapping[str, Any], address: str, fields: str = "") -> Any:
    """The value that a run used of a parameter, or of a field of it; none where it had none."""
    default = graph.parameters[address].default
    value = own.get(address, None if default is EMPTY else default)
    for field in fields.split(".") if fields else ():
        value = value.get(field) if isinstance(value, Mapping) else getattr(value, field, None)
    return value


def _slice(run: Run[Any], graph: Graph, place: int) -> Run[Any]:
    """One setting's share of the run of all."""
    under, state = namespace(place), run._state
    own = State()
    for name in (
        "artifacts",
        "keys",
        "states",
        "seconds",
        "failures",
        "replays",
        "because",
        "unchosen",
        "began",
        "workers",
        "attempts",
        "errors",
        "logs",
    ):
        setattr(own, name, _share(getattr(state, name), under))
    own.zero, own.worker = state.zero, state.worker
    own.because = {node: because.removeprefix(under) for node, because in own.because.items()}
    own.attempted = {node.removeprefix(under) for node in state.attempted if node.startswith(under)}
    own.held = {
        Output(source.node.removeprefix(under), source.part): value
        for source, value in state.held.items()
        if source.node.startswith(under)
    }
    params = _share(run.params, under)
    targets = [target.removeprefix(under) for target in run._targets if target.startswith(under)]
    made: Run[Any] = Run(f"{run.id}/{place}", graph, own, run._vault, params, targets)
    made.seconds = sum(own.seconds.get(node, 0.0) for node, word in own.states.items() if word == "run")
    made.status = "failed" if own.failures.keys() - own.attempted else "done"
    made._drawn, made.started = run._drawn, run.started
    made._recount = lambda one, node: (
        f"{node}: {one.states[node]}. It ran in a sweep; {graph.name}.with_(...).explain({node!r}) says why it would."
    )
    return made


def _share(everything: Mapping[str, Any], under: str) -> dict[str, Any]:
    return {name.removeprefix(under): one for name, one in everything.items() if name.startswith(under)}


def _own(failure: NodeFailed, graph: Graph, pairs: Sequence[tuple[Mapping[str, Any], int]]) -> NodeFailed:
    """The failure as the run of its setting would say it, with the setting."""
    place, _, node = failure.node.partition("/")
    setting, seed = pairs[int(place)]
    said = ", ".join([*(f"{name}={value!r}" for name, value in setting.items()), f"seed={seed}"])
    message = f"{node} with {said}: {str(failure).partition(': ')[2]}"
    run = _slice(failure.run, graph, int(place)) if isinstance(failure.run, Run) else None
    return NodeFailed(message, node=node, item=failure.item, run=run)
