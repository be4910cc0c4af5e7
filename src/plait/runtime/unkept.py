"""What is said of a result that cannot be kept, with the next move for its kind."""

from typing import Any

_INSTEAD = {
    "builtins.memoryview": "Return bytes(view)",
    "re.Match": "Return its groups: match.groupdict(), or match[0]",
    "builtins.dict_keys": "Return a list of them",
    "builtins.dict_values": "Return a list of them",
    "builtins.dict_items": "Return a list of them",
    "builtins.module": "Import it in the step that uses it",
    "matplotlib.axes._axes.Axes": "Return its figure, axes.figure, which is kept",
    "polars.lazyframe.frame.LazyFrame": "Return .collect() of it",
}
_ANY = "Return the data that it holds or is made from, and make it in the step that uses it"
_UNSTABLE = "Return plain data, or give its type a codec"


def unnamed(what: str, value: Any, reason: Any, *, by_content: bool = False) -> str:
    """What is said of a result that cannot be kept; `by_content`, if it has a name all the same."""
    cannot, by = ("cannot be kept", "what is in it") if by_content else ("has no content to keep", "how it was made")
    cls = type(value)
    instead = _INSTEAD.get(f"{cls.__module__}.{cls.__qualname__}", _UNSTABLE if by_content else _ANY)
    return (
        f"{what} {cannot} ({reason}). It is kept for this run and made again in the next one; "
        f"steps after it are keyed by {by}. {instead}."
    )
