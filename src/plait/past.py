"""Runs of the past, as a store knows them: they are read like the one that has just ended."""

import ast
from collections import Counter
from datetime import UTC, datetime
from functools import partial
from typing import Any

from plait.core.addresses import node_of
from plait.core.durations import readable
from plait.core.graph import Graph
from plait.history.bulk import joined
from plait.opening import opened, vault_of
from plait.ports import Ledger, RunRow, Store
from plait.runtime.plan import html_table
from plait.runtime.reading import AsText
from plait.runtime.recording import take_in
from plait.runtime.request import State
from plait.runtime.run import Run
from plait.runtime.vault import Vault
from plait.show.report import counted

_LONG = 40  # characters of a parameter in a table


class Runs(list[Run[Any]]):
    """Runs of the past: a list, which a notebook shows as a table."""

    def _repr_html_(self) -> str:
        rows = [
            [
                run.id,
                f"{datetime.fromtimestamp(run.started, UTC).astimezone():%Y-%m-%d %H:%M:%S}",
                run.status,
                readable(run.seconds),
                counted(Counter(run.states.values())),
                ", ".join(f"{address} = {_shown(value)}" for address, value in run.params.items()),
            ]
            for run in self
        ]
        return html_table(["run", "when", "status", "took", "nodes", "parameters"], rows)


def _shown(value: Any) -> str:
    text = str(value) if isinstance(value, AsText) else repr(value)
    return text if len(text) <= _LONG else f"{text[: _LONG - 1]}…"


def earlier_runs(graph: Graph, store: Any, limit: int) -> Runs:
    """The runs of a pipeline that a store knows, newest first."""
    place = opened(store)
    if place is None:
        return Runs()
    ledger = place.ledger()
    try:
        vault = vault_of(place, graph, strict=False)
        found = Runs(_past(row, graph, vault, ledger) for row in ledger.runs(graph.name, limit))
    finally:
        ledger.close()
    for run in found:
        run._recount, run._drawn = partial(recounted, place), drawn
    return found


def recounted(store: Store, run: Run[Any], node: str) -> str:
    """What became of a node in a run, and why, as the store tells it."""
    from plait.show.recounting import found

    return found(store, run, node)


def drawn(run: Run[Any]) -> str:
    """A run for a notebook."""
    from plait.show.outcome import html

    return html(run)


def _value(text: str) -> Any:
    """The value of a parameter, where its text says all of it; else the text.

    History collapses blanks, and leaves out passwords in URLs: text with any of these may have been another one.

    >>> _value("[3, 'a']"), type(_value("'a b'")).__name__, type(_value("Model(x=1)")).__name__
    ([3, 'a'], 'AsText', 'AsText')
    """
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return AsText(text)
    return value if repr(value) == text and _is_whole(value) else AsText(text)


def _is_whole(value: Any) -> bool:
    if isinstance(value, str):
        return not any(character.isspace() for character in value) and "://" not in value
    if isinstance(value, dict):
        return all(_is_whole(one) for pair in value.items() for one in pair)
    return not isinstance(value, (list, tuple, set)) or all(map(_is_whole, value))


def _past(row: RunRow, graph: Graph, vault: Vault, ledger: Ledger) -> Run[Any]:
    state = State()
    take_in(state, row)
    hits = ledger.hits(list(state.keys.values()))
    for node, key in state.keys.items():
        if key in hits and node_of(node) in graph.nodes:
            state.artifacts[node] = hits[key].artifact
    params = {address: _value(text) for address, text in row.params}
    run: Run[Any] = Run(row.id, graph, state, vault, params, row.targets)
    run.status, run.seconds = row.status, max(row.finished - row.started, 0.0)
    run.started = row.started
    if row.bulk:
        run._more = lambda: take_in(state, joined(row, vault.blobs))
    return run
