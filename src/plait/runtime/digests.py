"""The digests of a run's inputs, each made once."""

from collections.abc import Mapping
from typing import Any

from plait.core.ambient import Kind
from plait.core.digest import Digest, digest
from plait.core.records import Artifact, part_of
from plait.core.sources import Output, Param
from plait.runtime.naming import Naming
from plait.runtime.resolve import Surface, seed_of


class InputDigests:
    """What is known of the inputs of nodes, as artifacts become known."""

    def __init__(self, naming: Naming, surface: Surface, artifacts: Mapping[str, Artifact]) -> None:
        self._naming = naming
        self._surface = surface
        self._artifacts = artifacts
        self._params: dict[Param, Digest] = {}
        self._consts: dict[int, tuple[Digest, Any]] = {}

    def output(self, source: Output) -> Digest:
        artifact = self._artifacts[source.node]
        return artifact.digest if source.part is None else part_of(artifact, source.part).digest

    def param(self, source: Param) -> Digest:
        known = self._params.get(source)
        if known is None:
            value = self._surface.params[source.address]
            for field in source.path:
                value = getattr(value, field)
            known = self._params[source] = self._naming.digest(value)
        return known

    def const(self, value: Any) -> Digest:
        known = self._consts.get(id(value))
        if known is None:
            known = self._consts[id(value)] = (self._naming.digest(value), value)  # held, so that the id stays its own
        return known[0]

    def ambient(self, kind: Kind, node: str) -> Digest:
        if kind == "now":
            return digest("now", self._surface.now.isoformat().encode())
        return digest(kind, b"%x" % seed_of(self._surface.seed, node, kind))
