"""From sources to values: what a step is called with."""

import shutil
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, assert_never

from plait.core.ambient import Kind, generator
from plait.core.grafting import field_at
from plait.core.seeds import derive
from plait.core.sources import Ambient, Attempt, Choice, Collect, Const, Gather, Item, Output, Param, Source
from plait.core.sweeping import origin
from plait.runtime.vault import Vault


class Surface(NamedTuple):
    """What does not change from node to node in a run."""

    seed: int
    now: datetime
    params: Mapping[str, Any]  # canonical values by address
    seeds: Mapping[str, int] = {}

    def origin(self, node: str) -> tuple[int, str]:
        """The seed and the name from which a node's seeds come."""
        return origin(node, self.seeds, self.seed)


def argument(
    source: Source, surface: Surface, vault: Vault, output: Callable[[Output], Any], ambient: Callable[[Kind], Any]
) -> Any:
    """The value of a source, for one reader."""
    match source:
        case Output():
            return vault.share(output(source))
        case Param(address, path):
            return vault.share(field_at(surface.params[address], path))
        case Const(value):
            return vault.share(value)
        case Ambient(kind):
            return ambient(kind)
        case Collect(kind, items, keys):
            values = [argument(item, surface, vault, output, ambient) for item in items]
            return dict(zip(keys, values, strict=True)) if kind is dict else kind(values)
        case Item() | Gather() | Choice() | Attempt():
            raise TypeError(f"{source} has no value before it is unfolded")
        case _:
            assert_never(source)


def seed_of(root: int, node: str, kind: Kind) -> int:
    """The number behind a node's seed or generator, from names alone."""
    return derive(root, node, bits=128 if kind == "rng" else 32)


class Ambients:
    """What the run gives one node. A scratch folder is made when it is asked for, and removed by `clear`."""

    __slots__ = ("_node", "_surface", "_vault", "scratch")

    def __init__(self, surface: Surface, node: str, vault: Vault) -> None:
        self._surface = surface
        self._node = node
        self._vault = vault
        self.scratch: Path | None = None

    def __call__(self, kind: Kind) -> Any:
        match kind:
            case "seed":
                return seed_of(*self._surface.origin(self._node), kind)
            case "rng":
                return generator(seed_of(*self._surface.origin(self._node), kind))
            case "now":
                return self._surface.now
            case "scratch":
                if self.scratch is None:
                    self.scratch = self._vault.blobs.scratch()
                return self.scratch

    def clear(self) -> None:
        if self.scratch is not None:
            shutil.rmtree(self.scratch, ignore_errors=True)
