"""Figures of matplotlib: pickles that are read only by the version that wrote them, named by how they were made.

What a figure is made of holds numbers of callbacks and of objects that differ each time it is drawn, and a picture does
not show all that a step could read from it. So a figure has no name of its own: it goes by the key of its step, as a
result without content does, but it is kept.

A figure that a step returns is taken away from pyplot, which would hold it, and draw it, for as long as the process
lives. Each reader gets a figure of its own, which pyplot does not know.
"""

import pickle
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

from plait import code_by_value
from plait.core.values import Stream

ORDER = 52


def create() -> "Matplotlib":
    return Matplotlib()


@dataclass(frozen=True, slots=True)
class Matplotlib:
    """Whatever is a figure by its class."""

    name: ClassVar[str] = "matplotlib"
    runs_code: ClassVar[bool] = True
    names_values: ClassVar[bool] = True
    named_by_key: ClassVar[bool] = True

    def accepts(self, value: Any, /) -> bool:
        module: Any = sys.modules.get("matplotlib.figure")  # where it is not loaded, nothing is a figure
        return hasattr(module, "Figure") and isinstance(value, module.Figure)

    def digest(self, value: Any, stream: Stream, /) -> None:
        raise TypeError("a figure of matplotlib differs each time it is made; give its data, and draw it in the step")

    def canonical(self, value: Any, /) -> Any:
        _close(value)
        return _loads(_dumps(value))

    def share(self, value: Any, /) -> Any:
        return _loads(_dumps(value))

    def maps(self, value: Any, /) -> bool:
        return False

    def write(self, value: Any, file: BinaryIO, /) -> None:
        file.write(_version() + b"\n")
        file.write(_dumps(value))

    def read(self, content: Path | bytes, /) -> Any:
        data = content if isinstance(content, bytes) else content.read_bytes()
        written, _, head = data.partition(b"\n")
        if written != _version():
            raise ImportError(f"it was written by matplotlib {written.decode()}, and this is {_version().decode()}")
        return _loads(head)


def _close(figure: Any) -> None:
    """Take a figure away from pyplot, if pyplot has it."""
    pyplot: Any = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None and figure.canvas.manager is not None:
        pyplot.close(figure)


def _version() -> bytes:
    return str(import_module("matplotlib").__version__).encode()


def _loads(data: bytes) -> Any:
    return pickle.loads(data)  # noqa: S301 - the vault asks only where nobody else can write


def _dumps(value: Any) -> bytes:
    try:
        data = pickle.dumps(value, 5)
    except (pickle.PicklingError, AttributeError, TypeError):  # a function within, such as of a formatter, has no name
        data = b"__main__"
    if b"__main__" not in data:
        return data
    return code_by_value.dumps(value)  # with what another process could not import
