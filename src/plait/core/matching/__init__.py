"""Does a type fit where another one is asked for?

`rules` says; `hints` gives a hint one spelling, `structural` compares what has members instead of a name.
"""

from plait.core.matching.hints import describe
from plait.core.matching.rules import fits

__all__ = ["describe", "fits"]
