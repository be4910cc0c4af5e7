"""Frames, series and indexes of pandas."""

from plait.codecs.pandas.codec import ORDER, create

__all__ = ["ORDER", "create"]
