"""Random graphs for the laws: small steps over arrays, frames and numbers, wired by name, with parts and defaults."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from plait import Pipeline, Seed, auto, step


class Halves(NamedTuple):
    low: np.ndarray
    high: np.ndarray


@step
def start(n: int = 6) -> np.ndarray:
    return np.arange(n, dtype=float)


@step
def noise(a: np.ndarray, seed: Seed = auto) -> np.ndarray:
    return a + np.random.default_rng(seed).normal(size=len(a))


@step
def turned(a: np.ndarray) -> np.ndarray:
    return np.asfortranarray(np.outer(a, a)).diagonal()  # not contiguous, and it cannot be written to


@step
def halves(a: np.ndarray) -> Halves:
    return Halves(a[: len(a) // 2], a[len(a) // 2 :])


@step
def joined(a: np.ndarray, b: np.ndarray, scale: float = 0.1) -> np.ndarray:
    return np.concatenate([a, b])[:8] * scale


@step
def framed(a: np.ndarray, b: np.ndarray) -> pd.DataFrame:
    n = min(len(a), len(b))
    return pd.DataFrame({"a": a[:n], "b": b[:n], "name": [f"r{i}" for i in range(n)]})


@step
def summed(frame: pd.DataFrame) -> np.ndarray:
    return frame[["a", "b"]].sum(axis=1).to_numpy()


@step
def spoiled(a: np.ndarray) -> np.ndarray:
    a = a.copy()
    a[:1] = -1.0
    return a


ONE = [noise, turned, spoiled]
TWO = [joined]


@dataclass(frozen=True)
class Drawn:
    """A graph as data, so that a failure prints itself."""

    nodes: tuple[tuple[str, tuple[int, ...]], ...]

    def pipeline(self, name: str = "drawn") -> Pipeline:
        arrays = ["start"]
        steps = [start]
        for i, (kind, reads) in enumerate(self.nodes):
            read = [arrays[r % len(arrays)] for r in reads]
            node = f"{kind}_{i}"
            if kind == "halves":
                steps.append(halves.named(node).bind(a=read[0]))
                arrays += [f"{node}.low", f"{node}.high"]
                continue
            if kind == "frame":
                steps.append(framed.named(node).bind(a=read[0], b=read[1]))
                steps.append(summed.named(f"sum_{i}").bind(frame=node))
                arrays.append(f"sum_{i}")
                continue
            made = {s.name: s for s in ONE + TWO}[kind]
            wired = {"a": read[0]} if made in ONE else {"a": read[0], "b": read[1]}
            steps.append(made.named(node).bind(**wired))
            arrays.append(node)
        return Pipeline(name, steps)


KINDS = [s.name for s in ONE + TWO] + ["halves", "frame"]
drawn = st.lists(
    st.tuples(st.sampled_from(KINDS), st.tuples(st.integers(0, 40), st.integers(0, 40))), min_size=1, max_size=9
).map(lambda nodes: Drawn(tuple(nodes)))


def plainly(pipeline: Pipeline, seed: int) -> dict:
    """The values of a pipeline, by plain calls of its functions: what every way to run it must give."""
    from plait.core.seeds import derive
    from plait.core.sources import Ambient, Output, Param

    values = {}
    for name, node in pipeline.graph.nodes.items():
        arguments = {}
        for given, source in node.inputs:
            match source:
                case Output(other, None):
                    arguments[given] = (
                        np.array(values[other]) if isinstance(values[other], np.ndarray) else values[other]
                    )
                case Output(other, part):
                    arguments[given] = np.array(getattr(values[other], part))
                case Ambient():
                    arguments[given] = derive(seed, name)
                case Param(address):
                    arguments[given] = pipeline.graph.parameters[address].default
        values[name] = node.definition.fn(**arguments)
    return values
