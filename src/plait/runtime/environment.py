"""What of this machine and interpreter decides the last bits of a result; recorded, not in the key."""

import platform
import sys
from functools import cache

from plait.core.digest import Digest, digest


@cache
def environment() -> Digest:
    """The name of this environment."""
    return digest("environment", *(text.encode() for text in surroundings()))


def surroundings() -> tuple[str, ...]:
    """Interpreter, system and kind of processor."""
    return sys.implementation.name, f"{sys.version_info[0]}.{sys.version_info[1]}", sys.platform, platform.machine()
