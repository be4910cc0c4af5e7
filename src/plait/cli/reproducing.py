"""A node that failed, once more: from what the store knows of the run, with a debugger if that is wanted."""

import inspect
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from plait.cli.history import Place, found_run, open_place
from plait.cli.telling import Exit, out, say
from plait.core.definition import Definition, near
from plait.core.graph import Graph
from plait.core.graph import Node as GraphNode
from plait.core.records import Record
from plait.core.step import Step
from plait.core.step import step as as_step
from plait.errors import ArtifactLost, PlaitError
from plait.opening import digest_of, vault_of
from plait.runtime.reading import by_text
from plait.runtime.replay import FAILURE, key, replayed
from plait.runtime.traces import format_traceback
from plait.show.values import brief


def reproduce(run: str, node: str, store: str | None, *, debug: bool) -> None:
    """Calls a failed node's step again, with the same inputs and the same seed."""
    place = open_place(store)
    try:
        row = found_run(place, run)
        node = by_text(node, {one.name for one in row.nodes}, digest_of)
        record = _record(place, row.id, node, [one.name for one in row.nodes if one.state == "failed"])
    finally:
        place.ledger.close()
    definition = _definition(record)
    graph = Graph(row.pipeline, {node: GraphNode(node, definition, ())}, {}, {}, None)
    vault = vault_of(place.store, graph, strict=False)
    if vault.naming.code(definition).digest != record.code:
        say(f"plait: the code of {node} has changed since the run {row.id}; it is called as it is now")
    try:
        value = replayed(record, definition, vault)
    except (PlaitError, ArtifactLost):
        raise
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # sys.exit too: it is what the step failed of
        say(format_traceback(error))
        if debug:
            import pdb

            pdb.post_mortem(error.__traceback__)
        raise Exit(1) from None
    out(f"{node} does not fail any more: {brief(value)}")


def _record(place: Place, run: str, node: str, failed: list[str]) -> Record:
    wanted = key(run, node)
    record = place.ledger.find([wanted]).get(wanted)
    if record is not None:
        return record
    if node in failed:
        raise PlaitError(f"what {node} was called with in the run {run} is not kept any more; run it again")
    listed = f"; what failed there: {', '.join(failed)}" if failed else "; nothing failed there"
    raise PlaitError(f"{node} did not fail in the run {run}{near(node, failed) or listed}")


def _definition(record: Record) -> Definition:
    """The step of a record, imported where it is defined."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    module, _, name = record.step.removeprefix(FAILURE).partition(":")
    try:
        found: Any = import_module(module)
        for part in name.split("."):
            found = inspect.getattr_static(found, part) if isinstance(found, type) else getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise PlaitError(
            f"the step of {record.node} cannot be imported from {here}: {error}. Go to the folder from which it ran; "
            f"a step that a function or a notebook defines can be reproduced there: run.failures[0].reproduce()"
        ) from error
    return found.definition if isinstance(found, Step) else as_step(found, name=name.rpartition(".")[2]).definition
