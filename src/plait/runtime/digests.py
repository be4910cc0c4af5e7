"""The digests of a run's inputs, each made once."""

from collections.abc import Mapping, Sequence
from typing import Any

from plait.core.ambient import Kind
from plait.core.definition import Definition
from plait.core.digest import Digest, digest
from plait.core.grafting import field_at
from plait.core.graph import Node
from plait.core.keys import SHARED_RANDOM
from plait.core.leaves import LEAVES, named
from plait.core.records import Artifact, part_of
from plait.core.sources import Output, Param
from plait.runtime.naming import Naming
from plait.runtime.randomness import shared_by
from plait.runtime.resolve import Surface, seed_of

_NUMBERS = frozenset({bool, float, int, type(None)})


class InputDigests:
    """What is known of the inputs of nodes, as artifacts become known."""

    def __init__(self, naming: Naming, surface: Surface, artifacts: Mapping[str, Artifact]) -> None:
        self._naming = naming
        self._surface = surface
        self._artifacts = artifacts
        self._params: dict[Param, Digest] = {}
        self._values: dict[tuple[int, tuple[str, ...]], Digest] = {}
        self._alone: set[Definition] = set()  # steps of which all arguments are written
        self._consts: dict[int, tuple[Digest, Any]] = {}

    def output(self, source: Output) -> Digest:
        artifact = self._artifacts[source.node]
        return artifact.digest if source.part is None else part_of(artifact, source.part).digest

    def param(self, source: Param) -> Digest:
        known = self._params.get(source)
        if known is None:
            whole = self._surface.params[source.address]  # which many settings of a sweep may have in common
            known = self._values.get((id(whole), source.path))
            if known is None:
                known = self._naming.digest(field_at(whole, source.path))
                self._values[id(whole), source.path] = known
            self._params[source] = known
        return known

    def const(self, value: Any) -> Digest:
        if type(value) in _NUMBERS:  # quicker than to ask for an id, of which audit hooks are told
            return named(LEAVES[type(value)](value))
        known = self._consts.get(id(value))
        if known is None:
            known = self._consts[id(value)] = (self._naming.digest(value), value)  # held, so that the id stays its own
        return known[0]

    def ambient(self, kind: Kind, node: str) -> Digest:
        if kind == "now":
            return digest("now", self._surface.now.isoformat().encode())
        return digest(kind, b"%x" % seed_of(*self._surface.origin(node), kind))

    def unwritten(self, node: Node) -> Sequence[tuple[str, Digest]]:
        """Names and digests of what a node depends on and takes as no argument: state that its process shares."""
        definition, naming = node.definition, self._naming
        if definition in self._alone:  # as nearly all are; asked of each node
            return ()
        settings = naming.settings_of(definition) if naming.settings.keyed else ()
        shared = shared_by(node, naming, self._surface)
        if shared is not None:
            return [(SHARED_RANDOM, digest("shared random", b"%x" % shared.seed)), *settings]
        if not settings:
            self._alone.add(definition)
        return settings
