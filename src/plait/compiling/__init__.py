"""From a graph to a plain function: some nodes become arguments, some are pinned, the rest are called in order."""

from plait.compiling.compiled import Compiled
from plait.compiling.compiling import compiled
from plait.compiling.parity import Parity, parity

__all__ = ["Compiled", "Parity", "compiled", "parity"]
