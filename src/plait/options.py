"""Options of `run` as configuration files say them: known by name, and of the right type, before anything is run."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from plait.core.definition import near
from plait.core.resources import amounts
from plait.errors import GraphError, ParameterError
from plait.settings import OPTIONS


def checked(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options that fit; `ParameterError` says which does not, and what to write.

    >>> checked({"workers": 4, "store": None})
    {'workers': 4, 'store': None}
    """
    for name, value in options.items():
        if name not in OPTIONS:
            raise ParameterError(f"run: {name!r} is no option of run{near(str(name), OPTIONS)}")
        if name == "listeners":
            raise ParameterError("run: listeners are functions, which no file can hold; give them in the call")
        if name == "limits":
            try:
                amounts("run: limits", value)
            except GraphError as error:
                raise ParameterError(str(error)) from None
            continue
        fits, wanted = _WANTED[name]
        if not fits(_instant(value) if name == "now" else value):
            quotes = "; put it in quotes if it is one" if type(value) in (int, float) and name in _TEXT else ""
            raise ParameterError(f"run: {name}: {value!r} does not fit; give {wanted}{quotes}")
    return {name: _instant(value) if name == "now" else value for name, value in options.items()}


def _instant(value: Any) -> Any:
    """An instant from its text: YAML 1.2 has no type for times."""
    if not isinstance(value, str):
        return value
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return value


_TEXT = ("store", "executor")
_WANTED: dict[str, tuple[Callable[[Any], bool], str]] = {
    "seed": (lambda v: type(v) is int and v >= 0, "a whole number, 0 or more"),
    "now": (
        lambda v: v is None or (isinstance(v, datetime) and v.tzinfo is not None),
        "a time with its zone, such as 2026-11-16T02:00:00Z",
    ),
    "given": (lambda v: v is None or isinstance(v, dict), "nodes with their values: {clean: ...}"),
    "store": (lambda v: v is None or (isinstance(v, str) and v != ""), "a folder or a URL, or null to keep nothing"),
    "executor": (lambda v: isinstance(v, str) and v != "", "a name, such as processes, or an address"),
    "workers": (lambda v: v is None or (type(v) is int and v >= 1), "a whole number, at least 1"),
    "fail": (lambda v: v in ("fast", "keep-going"), "fast or keep-going"),
    "strict": (lambda v: isinstance(v, bool), "true or false"),
}
