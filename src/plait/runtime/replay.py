"""A failed node once more: with the same inputs and the same seed, in this process, where a debugger works.

What it was called with is held by the run that it failed in, and kept in the store as a record of its own, under the
names of the run and the node: values that other nodes made are there already, so little is written.
"""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from plait.core.definition import Definition
from plait.core.digest import Key, digest
from plait.core.graph import Node
from plait.core.records import Artifact, Record, lasting, part_of
from plait.core.sources import Ambient, Const, Output, Source, outputs, params
from plait.errors import PlaitError
from plait.runtime.loop import Loop
from plait.runtime.native_threads import limited
from plait.runtime.process_lock import nested
from plait.runtime.resolve import Ambients, Surface, argument
from plait.runtime.results import Results
from plait.runtime.traces import users_own
from plait.runtime.vault import Vault
from plait.runtime.worker import perform

FAILURE = "failure of "  # what the step of such a record begins with, so that no one takes it for a result
_NOW, _ORIGIN = "(now)", "(origin)"  # the time, and the seed and name from which seeds come; no argument is called so


class Replay:
    """All that a node was called with."""

    def __init__(self, node: Node, results: Results) -> None:
        work = results.work
        addresses = {param.address for _, source in node.inputs for param in params(source)}
        surface = work.request.surface
        self._node, self._vault = node, work.vault
        self._surface = surface._replace(params={name: surface.params[name] for name in addresses})
        self._classes = {name: work.nodes[name].definition.result_class for name in work.frontier.parents[node.name]}
        self._artifacts = {name: work.state.artifacts.get(name) for name in self._classes}
        self._held = {}  # only what cannot be read again
        for output in {out for _, source in node.inputs for out in outputs(source)}:
            artifact = self._artifacts[output.node]
            if artifact is not None and not lasting(artifact):
                self._held[output] = results.output(output)

    def __call__(self) -> Any:
        """Calls the step: its result, or its error."""
        return _called(self._node, self._vault, self._surface, self._output)

    def _output(self, source: Output) -> Any:
        if source in self._held:
            return self._held[source]
        artifact = self._artifacts[source.node]
        if artifact is None:
            raise PlaitError(f"{source.node} was not known when {self._node.name} failed")
        return self._vault.load(
            artifact if source.part is None else part_of(artifact, source.part), self._classes[source.node]
        )

    def arguments(self) -> Mapping[str, Artifact]:
        """What can be kept of the arguments, by name; that of other nodes is where it was."""
        origin = self._kept(list(self._surface.origin(self._node.name)))
        kept = {_NOW: self._kept(self._surface.now), _ORIGIN: origin}
        for name, source in self._node.inputs:
            if isinstance(source, Ambient):
                continue
            artifact = self._artifacts.get(source.node) if isinstance(source, Output) else None
            if artifact is not None and isinstance(source, Output) and source.part is not None and lasting(artifact):
                artifact = part_of(artifact, source.part)
            kept[name] = artifact if artifact is not None and lasting(artifact) else self._kept(self._value(source))
        return {name: artifact for name, artifact in kept.items() if artifact is not None}

    def _value(self, source: Source) -> Any:
        nothing = Ambients(self._surface, self._node.name, self._vault)
        return argument(source, self._surface, self._vault, self._output, nothing)

    def _kept(self, value: Any) -> Artifact | None:
        try:
            return self._vault.keep(value)
        except Exception:  # it has no content, or must not be written
            return None


def remember(results: Results, name: str, replay: Replay) -> None:
    """Keeps what a failed node was called with; what goes wrong here must not hide what the run failed of."""
    work, naming = results.work, results.vault.naming
    if work.ledger is None or name not in work.state.keys:
        return
    try:
        definition, request = work.nodes[name].definition, work.request
        parts = tuple(replay.arguments().items())
        whole = Artifact(digest("failure", *(part.digest.encode() for _, part in parts)), "parts", parts=parts)
        work.ledger.add(
            Record(
                key(request.run, name), whole, name, FAILURE + naming.home(definition), naming.code(definition).digest,
                results.given_to(name), 0.0, work.clock.now(), request.run, request.environment,
            )
        )  # fmt: skip
    except Exception:
        logging.getLogger("plait").debug("what %s was called with could not be kept", name, exc_info=True)


def key(run: str, node: str) -> Key:
    """The key under which a store has what a failed node was called with."""
    return Key(f"failure/{run}/{node}")


def replayed(record: Record, definition: Definition, vault: Vault) -> Any:
    """Calls a step as it was called when it failed; raises `PlaitError` for an argument that was not kept."""
    values = {name: vault.load(artifact, tuple) for name, artifact in record.artifact.parts}
    now: datetime = values.pop(_NOW)
    seed, name = values.pop(_ORIGIN)
    inputs: list[tuple[str, Source]] = []
    for given in definition.inputs:
        if given.name in values:
            inputs.append((given.name, Const(values[given.name])))
        elif given.name in definition.ambient:
            inputs.append((given.name, Ambient(definition.ambient[given.name])))
        else:
            raise PlaitError(
                f"what {record.node} was given for {given.name!r} was not kept: it has no content to keep, or is a "
                f"secret. Reproduce it in the program that ran it: run.failures[0].reproduce()"
            )
    return _called(Node(name, definition, tuple(inputs)), vault, Surface(seed, now, {}), _nothing)


def _called(node: Node, vault: Vault, surface: Surface, output: Any) -> Any:
    loop = Loop(vault.naming.settings)
    try:
        with nested(), limited():
            try:
                done = perform(node, None, vault, surface, output, read=False, call=loop.call)
            except BaseException as error:  # which `contextlib` cannot pass on, if its class is frozen
                failure = users_own(error)
            else:
                return vault.share(done.value)
        raise failure from failure.__cause__
    finally:
        loop.close()


def _nothing(source: Output) -> Any:
    raise PlaitError(f"{source.node} is not there")
