"""Where seeds come from: names alone, never the order of work, a worker or an attempt.

NumPy's own `SeedSequence.spawn` keeps a counter, which makes seeds depend on the order of calls, and is not safe
under threads (numpy#32063); so each seed is hashed from the run's seed and the names that say who asks.
"""

from blake3 import blake3

from plait.core.digest import framed


def derive(root: int, *path: str, bits: int = 32) -> int:
    """A seed that depends on the root seed and on names alone.

    >>> derive(7, "train") == derive(7, "train") != derive(7, "test")
    True
    """
    names = framed([b"seed-v1", b"%x" % root, *(part.encode("utf-8", "surrogatepass") for part in path)])
    return int.from_bytes(blake3(names).digest()[: bits // 8], "little")
