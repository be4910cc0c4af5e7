"""Graphs as YAML, and back: for steps that can be imported, and only from modules that the reader allows.

What is written is what a person would write: for each node its step, where its inputs come from, and the values that
are fixed. Nothing is written of the code: a graph that is read back is the same graph as long as the steps are.
"""

from plait.graphs.reading import from_yaml
from plait.graphs.writing import to_yaml

__all__ = ["from_yaml", "to_yaml"]
