"""Frames, series and indexes of pandas, kept as Arrow files that readers map.

All that is done here rests on one idea. A value is *taken apart* into a tree of plain words (what it is, its names,
its flags) and parts (flat arrays of numbers or of text); it can be *put together* from the same. Its digest is that
of the tree and the parts. Its canonical form is what its copied parts make, and reading makes it of mapped parts, so
that both are the same by construction: one block a column, since sums over blocks of many have other last bits.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

from plait.codecs.pandas.arrow import MAPPED, read, write
from plait.codecs.pandas.memory import blocks, digest, guarded, hold, layout, own
from plait.codecs.pandas.parts import Parts, put
from plait.core.values import Stream

ORDER = 30


def create() -> "Pandas":
    return Pandas()


@dataclass(frozen=True, slots=True)
class Pandas:
    """`DataFrame`, `Series` and every `Index` of pandas itself; what a subclass adds, only that subclass knows."""

    name: ClassVar[str] = "pandas"
    runs_code: ClassVar[bool] = False
    names_values: ClassVar[bool] = True

    def accepts(self, value: Any, /) -> bool:
        pd: Any = sys.modules.get("pandas")  # where it is not loaded, nothing is a frame
        cls = type(value)
        if cls.__module__.partition(".")[0] != "pandas" or not hasattr(pd, "Index"):
            return False
        return cls in (pd.DataFrame, pd.Series) or issubclass(cls, pd.Index)

    def digest(self, value: Any, stream: Stream, /) -> None:
        parts = Parts()
        stream.value(parts.take(value))
        for part in parts.arrays:
            digest(part, stream)
        if stream.rigid:  # the object around it keeps how it lies in memory, so that counts
            stream.value([layout(block) for block in blocks(value)])

    def canonical(self, value: Any, /) -> Any:
        parts = Parts()
        tree = parts.take(value)
        return put(tree, [own(part) for part in parts.arrays])

    def share(self, value: Any, /) -> Any:
        for index in getattr(value, "axes", [value]):
            hold(index)
        if not hasattr(value, "_mgr"):
            return value.view()
        shared = value.copy(deep=False)
        for kept, block in zip(blocks(value), blocks(shared), strict=True):
            hold(kept)
            block.values = guarded(block.values)
        return shared

    def maps(self, value: Any, /) -> bool:
        if not hasattr(value, "_mgr"):
            return bool(value.memory_usage() >= MAPPED)
        return bool(sum(block.values.nbytes for block in blocks(value)) >= MAPPED)

    def write(self, value: Any, file: BinaryIO, /) -> None:
        parts = Parts()
        tree = parts.take(value)
        write(tree, parts.arrays, parts.labels, len(value), file)

    def read(self, content: Path | bytes, /) -> Any:
        return put(*read(content))
