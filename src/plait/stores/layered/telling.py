"""Warnings that point at the user's line, not at ours; each once a process."""

import sys
import warnings
from pathlib import Path

_OURS = str(Path(__file__).parents[2])
_said: set[tuple[str, str]] = set()  # places, and what of them


def warn(message: str) -> None:
    """A warning."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_OURS):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, stacklevel=level)


def warn_once(place: str, about: str, message: str) -> None:
    """A warning about a place, unless this was said of it before."""
    if (place, about) not in _said:
        _said.add((place, about))
        warn(message)
