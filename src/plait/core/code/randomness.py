"""Which names reach random state that a whole process shares? A best guess, from names and calls alone.

A wrong yes makes a step run alone, with that state seeded before and restored after; a wrong no makes its result depend
on what ran before. So: yes when in doubt.
"""

import random
from collections.abc import Sequence
from typing import Any

from plait.core.code.fragments import Call

_OWN_STATE = frozenset({
    "Random", "SystemRandom", "default_rng", "Generator", "BitGenerator", "SeedSequence", "RandomState",
    "PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64",
})  # fmt: skip
_ALWAYS = ("torch", "tensorflow", "keras", "cupy")


def shares_random_state(dotted: str, calls: Sequence[Call], *, seedable: bool) -> bool:
    """Does this function of a package or of the standard library, so called, draw from shared random state?"""
    top, _, rest = dotted.partition(".")
    if top in _ALWAYS:
        return True
    if dotted.startswith("numpy.random.") or (top == "random" and rest):
        return dotted.rpartition(".")[2] not in _OWN_STATE and _first(rest, top) not in _OWN_STATE
    if dotted in ("random", "numpy.random"):
        return True
    if seedable:
        return not calls or any(draws_unseeded(call) for call in calls)
    return False


def draws_unseeded(call: Call) -> bool:
    """`frame.sample(3)` and `norm.rvs()` draw from numpy's shared state unless told otherwise."""
    return "random_state" not in call.keywords and None not in call.keywords


def takes_random_state(thing: Any) -> bool:
    """Has a function or class of a package a parameter that says where it draws from?"""
    function: Any = vars(thing).get("__init__") if isinstance(thing, type) else thing
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    code = getattr(function, "__code__", None)
    return code is not None and "random_state" in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def shared_random(thing: Any) -> str | None:
    """The dotted name of a function that is bound to the random state of its whole module: `random.shuffle`."""
    owner = getattr(thing, "__self__", None)
    name = getattr(thing, "__name__", "")
    if isinstance(owner, random.Random) and getattr(random, name, None) == thing:
        return f"random.{name}"
    return None


def _first(rest: str, top: str) -> str:
    parts = rest.split(".")
    return parts[1] if top == "numpy" and len(parts) > 1 else parts[0]
