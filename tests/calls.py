"""Random graphs by call, for the laws: maps of all kinds, switches and attempts, over arrays."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from hypothesis import strategies as st

from plait import Failure, Seed, attempt, auto, each, pipeline, step, switch


class Cut(NamedTuple):
    head: np.ndarray
    rest: np.ndarray


@step
def start(n: int) -> np.ndarray:
    return np.arange(n, dtype=float)


@step
def rows(a: np.ndarray) -> list[np.ndarray]:
    """Ragged, and sometimes empty."""
    return [a[i : i + 3] for i in range(0, len(a), 2)]


@step
def by_sign(a: np.ndarray) -> dict[str, np.ndarray]:
    return {name: found for name, found in (("low", a[a < 2]), ("high", a[a >= 2])) if len(found)}


@step
def cuts(a: np.ndarray) -> list[Cut]:
    return [Cut(a[:i], a[i:]) for i in range(min(len(a), 3))]


@step
def kind(a: np.ndarray) -> Literal["even", "odd"]:
    return "odd" if len(a) % 2 else "even"


@step
def plus(a: np.ndarray, by: float = 1.0) -> np.ndarray:
    return a + by


@step
def doubled(a: np.ndarray) -> np.ndarray:
    return np.concatenate([a, a])[:8]


@step
def noisy(a: np.ndarray, seed: Seed = auto) -> np.ndarray:
    return a + np.random.default_rng(seed).normal(size=len(a)).round(3)


@step
def risky(a: np.ndarray) -> np.ndarray:
    if len(a) == 1:
        raise ValueError(f"only {a[0]}")
    return a


@step
def mixed(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    n = min(len(a), len(b))
    return a[:n] * 0.5 + b[:n]


@step
def glued(parts: list) -> np.ndarray:
    kept = [np.array([float(len(p.message))]) if isinstance(p, Failure) else p for p in parts]
    return np.concatenate([np.zeros(1), *kept])[:9]


@step
def glued_values(parts: dict[str, np.ndarray]) -> np.ndarray:
    return np.concatenate([np.zeros(1), *parts.values()])[:9]


@pipeline
def inner(a: np.ndarray, by: float) -> np.ndarray:
    return glued(plus.map(each(rows(a)), by=by))


def calls(name, kind_, a, b, seeded):
    """One piece of a graph, under names of its own; `seeded` says whether it may draw."""

    def use(what):
        return what.named(f"{name}_{what.name}")

    draw = noisy if seeded else plus
    match kind_:
        case "plus":
            return use(draw)(a)
        case "map":
            return use(glued)(use(draw).map(each(use(rows)(a))))
        case "chain":
            return use(glued)(use(doubled).map(each(use(draw).map(each(use(rows)(a))))))
        case "values":
            return use(glued_values)(use(draw).map_values(each(use(by_sign)(a))))
        case "zip":
            row = each(use(rows)(a))
            return use(glued)(use(mixed).map(each(use(draw).map(row)), row))
        case "fields":
            cut = each(use(cuts)(a))
            return use(glued)(use(mixed).map(each(use(doubled).map(cut.head)), cut.rest))
        case "nested":
            return use(glued)(use(inner).map(each(use(rows)(a)), by=2.0))
        case "switch":
            return switch(use(kind)(a), {"even": use(doubled)(b), "odd": use(draw)(a)})
        case "attempt":
            return use(glued)(attempt(use(risky).map(each(use(rows)(a)))))
        case "may_fail":
            return use(risky)(a)
        case "may_fail_in_a_map":
            return use(glued)(use(draw).map(each(use(risky).map(each(use(rows)(a))))))
    return use(mixed)(a, b)


KINDS = ["plus", "map", "chain", "values", "zip", "fields", "nested", "switch", "attempt", "mixed"]


@dataclass(frozen=True)
class Called:
    """A graph as data, so that a failure prints itself."""

    nodes: tuple[tuple[str, int, int], ...]

    def pipeline(self, seeded: bool = True):
        drawn = self.nodes

        def whole(n: int) -> list:
            made = [start(n)]
            for i, (kind_, a, b) in enumerate(drawn):
                made.append(calls(f"n{i}", kind_, made[a % len(made)], made[b % len(made)], seeded))
            return made

        return pipeline(name="whole")(whole)


def graphs(kinds, fewest=1):
    piece = st.tuples(st.sampled_from(kinds), st.integers(0, 9), st.integers(0, 9))
    return st.lists(piece, min_size=fewest, max_size=6).map(lambda nodes: Called(tuple(nodes)))


called = graphs(KINDS)
failing = graphs([*KINDS, *3 * ["may_fail", "may_fail_in_a_map"]], fewest=3)
