"""The conditions under which a node is made again, and what it means if they make a difference.

A node is made in one process, then once more in the same process, where the nodes go in the other order; then in a
process with another hash seed and another number of threads, again in the other order. Only where that is not always
the same value, it is made three times more, in fresh processes that differ in one thing each.
"""

import os
from collections.abc import Mapping
from typing import Literal, NamedTuple, TypeAlias

from plait.core.digest import Digest
from plait.runtime.native_threads import VARIABLES

_THREADS = (
    *VARIABLES,
    "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS", "POLARS_MAX_THREADS", "RAYON_NUM_THREADS",
)  # fmt: skip

Label: TypeAlias = Literal["first", "again", "other", "fresh", "hash seed", "threads"]
Cause: TypeAlias = Literal[
    "call", "state", "process", "hash seed", "threads", "hash seed and threads", "order", "stored"
]


class Condition(NamedTuple):
    """What a process is started with."""

    hash_seed: int
    threads: int

    @property
    def environment(self) -> dict[str, str]:
        """The variables that a process with it is started with."""
        return {"PYTHONHASHSEED": str(self.hash_seed), **dict.fromkeys(_THREADS, str(self.threads))}


def many() -> int:
    """A number of threads that is not one."""
    return max(2, os.cpu_count() or 2)


def conditions() -> dict[Label, Condition]:
    """Those of each way in which a node is made; "again" is in the process of "first"."""
    one, two, threads = 1, 2, many()
    return {
        "first": Condition(one, 1),
        "again": Condition(one, 1),
        "other": Condition(two, threads),
        "fresh": Condition(one, 1),
        "hash seed": Condition(two, 1),
        "threads": Condition(one, threads),
    }


def cause(made: Mapping[Label, Digest]) -> tuple[Cause, Label]:
    """What made the difference, and which result shows it beside the first one.

    >>> a, b = Digest("a"), Digest("b")
    >>> same = {"first": a, "again": a, "other": a, "fresh": a, "hash seed": a, "threads": a}
    >>> cause({**same, "other": b, "threads": b}), cause({**same, "again": b})
    (('threads', 'threads'), ('state', 'again'))
    """
    first = made["first"]
    differs = {label for label, digest in made.items() if digest != first}
    if "fresh" in differs:
        return ("call", "again") if "again" in differs else ("process", "fresh")
    if "again" in differs:
        return "state", "again"
    if {"hash seed", "threads", "other"} <= differs:
        return "hash seed and threads", "other"
    if "hash seed" in differs:
        return "hash seed", "hash seed"
    if "threads" in differs:
        return "threads", "threads"
    return "order", "other"
