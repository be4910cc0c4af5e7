"""What a step needs while it runs, from pools by name: `{"cpu": 2, "memory": "4GiB", "gpu": 1, "database": 1}`."""

import re
from collections.abc import Mapping
from math import isfinite

from plait.errors import GraphError

_UNITS = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_UNITS |= {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}


def amounts(said: str, given: object) -> dict[str, float]:
    """Pools and how much of each, as numbers; `said` is where they were given, for messages.

    >>> amounts("limits", {"cpu": 2, "memory": "4GiB"})
    {'cpu': 2.0, 'memory': 4294967296.0}
    """
    if not isinstance(given, Mapping):
        raise GraphError(f'{said}={given!r}: give pools by name, such as {{"gpu": 1, "memory": "4GiB"}}')
    found = {}
    for pool, amount in given.items():
        if not isinstance(pool, str) or not pool:
            raise GraphError(f"{said}: {pool!r} is no name of a pool; write it as text")
        found[pool] = _amount(said, pool, amount)
    return found


def _amount(said: str, pool: str, amount: object) -> float:
    if isinstance(amount, str):
        return float(size(said, pool, amount))
    if isinstance(amount, bool) or not isinstance(amount, (int, float)) or not isfinite(amount) or amount <= 0:
        raise GraphError(f'{said}: {pool}={amount!r}; give a number above 0, or a size such as "4GiB"')
    return float(amount)


def size(said: str, pool: str, text: str) -> int:
    """A size in bytes.

    >>> size("limits", "memory", "1.5 GiB"), size("limits", "memory", "200MB")
    (1610612736, 200000000)
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*", text)
    if found is None or found[2] not in _UNITS or not float(found[1]):
        raise GraphError(f'{said}: {pool}={text!r} is no size; write a number and one of {", ".join(_UNITS)}: "4GiB"')
    return round(float(found[1]) * _UNITS[found[2]])


def shown(amount: float) -> str:
    """An amount for people.

    >>> shown(2.0), shown(0.5), shown(4 * 2**30)
    ('2', '0.5', '4GiB')
    """
    for unit in ("TiB", "GiB", "MiB"):
        if amount >= _UNITS[unit]:
            return f"{amount / _UNITS[unit]:.4g}{unit}"
    return f"{amount:g}"
