"""Runs of the past, as a store knows them: they are read like the one that has just ended."""

from functools import partial
from typing import Any

from plait.core.addresses import node_of
from plait.core.graph import Graph
from plait.opening import opened, vault_of
from plait.ports import Ledger, RunRow, Store
from plait.runtime.request import State
from plait.runtime.run import Run
from plait.runtime.vault import Vault


def earlier_runs(graph: Graph, store: Any, limit: int) -> list[Run[Any]]:
    """The runs of a pipeline that a store knows, newest first."""
    place = opened(store)
    if place is None:
        return []
    ledger = place.ledger()
    try:
        vault = vault_of(place, graph, strict=False)
        found = [_past(row, graph, vault, ledger) for row in ledger.runs(graph.name, limit)]
    finally:
        ledger.close()
    for run in found:
        run._recount = partial(recounted, place)
    return found


def recounted(store: Store, run: Run[Any], node: str) -> str:
    """What became of a node in a run, and why, as the store tells it."""
    from plait.show.recounting import found

    return found(store, run, node)


def _past(row: RunRow, graph: Graph, vault: Vault, ledger: Ledger) -> Run[Any]:
    state = State()
    records = ledger.find([key for _, key, _, _ in row.nodes if key])  # type: ignore[misc] # keys, as text
    for node, key, word, seconds in row.nodes:
        state.states[node] = word
        state.seconds[node] = seconds
        if key in records and node_of(node) in graph.nodes:
            state.artifacts[node] = records[key].artifact  # type: ignore[index] # likewise
    run: Run[Any] = Run(row.id, graph, state, vault, dict(row.params), row.targets)
    run.status, run.seconds = row.status, max(row.finished - row.started, 0.0)
    return run
