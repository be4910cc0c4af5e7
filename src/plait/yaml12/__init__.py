"""YAML 1.2 (core schema) as plain data, with the text of each scalar kept until the type that it is for is known."""

from plait.yaml12.fitting import fit, plain
from plait.yaml12.loading import LIMIT, load
from plait.yaml12.scalars import Scalar, meaning, place

__all__ = ["LIMIT", "Scalar", "fit", "load", "meaning", "place", "plain"]
