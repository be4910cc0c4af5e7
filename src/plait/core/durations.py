"""Lengths of time as people write them: "45s", "10m", "12h", "7d"."""

import re

from plait.errors import GraphError

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def seconds(text: str) -> float:
    """A length of time in seconds.

    >>> seconds("12h"), seconds("1.5m")
    (43200.0, 90.0)
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)\s*", text)
    if found is None:
        raise GraphError(f'{text!r} is not a length of time; write a number and a unit, such as "45s", "10m" or "12h"')
    return float(found[1]) * _UNITS[found[2]]


def readable(length: float) -> str:
    """A length of time for people.

    >>> readable(0.00042), readable(3.21), readable(184)
    ('0.4 ms', '3.2 s', '3 min 04 s')
    """
    if length < 1:
        return f"{length * 1000:.1f} ms" if length < 0.00995 else f"{length * 1000:.0f} ms"
    if length < 60:
        return f"{length:.1f} s"
    minutes, rest = divmod(round(length), 60)
    return f"{minutes} min {rest:02} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"
