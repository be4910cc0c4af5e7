"""Arrays and scalars of numpy."""

from plait.codecs.numpy.codec import ORDER, create

__all__ = ["ORDER", "create"]
