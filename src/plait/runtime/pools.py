"""What nodes take while they run: slots of executors, amounts from pools by name, the whole process for themselves."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from plait.core.definition import Definition, near
from plait.core.resources import shown
from plait.errors import ParameterError

SLOTS = "slots of "
_PROCESS = "this process"


class Needs(NamedTuple):
    """What a node takes while it runs: the same for all nodes of a step, so that they can queue together."""

    site: str  # where it runs
    takes: tuple[tuple[str, float], ...]  # from which pools, slots of its site among them
    alone: bool  # no other node may run in this process meanwhile
    waits: bool  # its call blocks us, so that it comes last


class Pools:
    """What is free, by name."""

    def __init__(self, sizes: Mapping[str, float], here: Iterable[str]) -> None:
        self._free = dict(sizes)
        self._here = frozenset(here)  # the sites whose nodes share this process
        self._sharing = 0  # nodes that run in this process
        self._alone = False

    def take(self, needs: Needs) -> bool:
        """Takes what a node needs, if all of it is free."""
        if any(self._lacks(pool, amount) for pool, amount in needs.takes) or self._in_the_way(needs):
            return False
        for pool, amount in needs.takes:
            self._free[pool] -= amount
        self._sharing += needs.site in self._here
        self._alone = self._alone or needs.alone
        return True

    def give_back(self, needs: Needs) -> None:
        """A node has ended."""
        for pool, amount in needs.takes:
            self._free[pool] += amount
        self._sharing -= needs.site in self._here
        if needs.alone:
            self._alone = False

    def named(self, needs: Needs) -> set[str]:
        """The pools that a node takes from; one that shares this process takes from that too."""
        return {pool for pool, _ in needs.takes} | ({_PROCESS} if needs.site in self._here else set())

    def awaited(self, needs: Needs) -> set[str]:
        """The pools that are left to a node that cannot start: all that it takes, but slots only if it lacks them."""
        lacking = {pool for pool, amount in needs.takes if self._lacks(pool, amount)}
        wanted = {pool for pool, _ in needs.takes if not pool.startswith(SLOTS)}
        return lacking | wanted | ({_PROCESS} if needs.alone else set())

    def _lacks(self, pool: str, amount: float) -> bool:
        return self._free[pool] < amount * (1 - 1e-9)  # fractions do not add up exactly

    def _in_the_way(self, needs: Needs) -> bool:
        return needs.site in self._here and (self._alone or (needs.alone and self._sharing > 0))


def sized(definitions: Iterable[Definition], limits: Mapping[str, float]) -> dict[str, float]:
    """How much there is in each pool; one without a limit is as large as the largest need of a single step.

    Raises `ParameterError` for a step that needs more than there is, and for a limit that is nearly named as a pool.
    """
    sizes: dict[str, float] = {}
    for definition in definitions:
        for pool, amount in definition.options.resources.items():
            if amount > limits.get(pool, amount):
                raise ParameterError(
                    f"{definition.name} needs {pool}={shown(amount)}, and limits has {pool}={shown(limits[pool])}, "
                    f"so it could never run; raise the limit, or lower what the step asks for"
                )
            sizes[pool] = max(sizes.get(pool, 0.0), amount)
    for pool in limits:
        if pool not in sizes and (hint := near(pool, list(sizes))):
            raise ParameterError(f"limits: no step takes anything from {pool!r}{hint}")
    return {**sizes, **limits}
