"""What a text may import: steps, and classes that are types of parameters, from modules that the reader allows."""

import keyword
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from plait.core.definition import near
from plait.core.error_text import error_message
from plait.core.step import Step
from plait.errors import GraphError


def check_allowed(who: str, module: str, allow: Sequence[str]) -> None:
    """May a module be imported? `GraphError` says what may be."""
    if isinstance(allow, str):
        raise GraphError(f"allow={allow!r}: give a list: allow=[{allow!r}]")
    if not any(_allows(pattern, module) for pattern in allow):
        listed = ", ".join(map(repr, allow)) or "nothing"
        raise GraphError(f"{who}: {module} is not among the modules that may be imported (allow has {listed})")


def check_step(node: str, place: Any, allow: Sequence[str]) -> None:
    """Is it the place of a step, in a module that may be imported?"""
    module, colon, name = place.partition(":") if isinstance(place, str) else ("", "", "")
    if not colon or not all(_is_name(piece) for piece in (*module.split("."), name)):
        raise GraphError(f"{node}: {place!r} names no step; write step: module:name")
    check_allowed(node, module, allow)


def _allows(pattern: str, module: str) -> bool:
    """Does a pattern allow a module? `shop.*` is `shop` and what is in it.

    >>> _allows("shop.*", "shop.steps"), _allows("shop.*", "shopping"), _allows("shop", "shop.steps")
    (True, False, False)
    """
    package, star, rest = pattern.partition(".*")
    if not all(_is_name(piece) for piece in package.split(".")) or rest:
        raise GraphError(f"allow={pattern!r}: name a module (shop.steps), or all in a package (shop.*)")
    return module == package or (bool(star) and module.startswith(f"{package}."))


def _is_name(text: str) -> bool:
    return text.isidentifier() and not keyword.iskeyword(text)


def step_at(node: str, place: str) -> Step[..., Any]:
    """The step at a place: `module:name`."""
    module, _, name = place.partition(":")
    found = _in_module(node, module, name)
    if isinstance(found, Step):
        return found
    steps = [one for one, value in vars(import_module(module)).items() if isinstance(value, Step)]
    what = "is no step" if found is not None else "is not there"
    listed = f". It has {', '.join(steps) or 'no steps'}"
    raise GraphError(f"{node}: {place} {what}{near(name, steps) or listed}")


def class_at(place: str) -> type:
    """The class at a place: `module.Name`."""
    module, _, name = place.rpartition(".")
    found = _in_module("types", module, name)
    if not isinstance(found, type):
        raise GraphError(f"types: {place} is {'not there' if found is None else 'no class'}")
    return found


def _in_module(who: str, module: str, name: str) -> Any:
    try:
        return vars(import_module(module)).get(name)
    except ImportError as error:
        raise GraphError(f"{who}: {module} cannot be imported: {error_message(error)}") from error
