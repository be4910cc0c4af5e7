"""Estimators of scikit-learn: pickles that are read only by the version that wrote them.

Another version may read such a pickle and then predict something else, so a value of another version counts as gone
and is made again. The canonical walk of core names estimators; nothing is to be said of that here.
"""

import pickle
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

from plait import code_by_value
from plait.core.values import Stream

ORDER = 50


def create() -> "Sklearn":
    return Sklearn()


@dataclass(frozen=True, slots=True)
class Sklearn:
    """Whatever is an estimator by its class, of scikit-learn itself or of a package that follows it."""

    name: ClassVar[str] = "sklearn"
    runs_code: ClassVar[bool] = True
    names_values: ClassVar[bool] = False

    def accepts(self, value: Any, /) -> bool:
        base = sys.modules.get("sklearn.base")  # where it is not loaded, nothing is an estimator
        return base is not None and isinstance(value, base.BaseEstimator)

    def digest(self, value: Any, stream: Stream, /) -> None:
        stream.value(value)

    def canonical(self, value: Any, /) -> Any:
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
            raise ImportError(f"it was written by scikit-learn {written.decode()}, and this is {_version().decode()}")
        return _loads(head)


def _version() -> bytes:
    import sklearn

    return str(sklearn.__version__).encode()


def _loads(data: bytes) -> Any:
    return pickle.loads(data)  # noqa: S301 - the vault asks only where nobody else can write


def _dumps(value: Any) -> bytes:
    try:
        data = pickle.dumps(value, 5)
    except (pickle.PicklingError, AttributeError, TypeError):  # a lambda within has no name to go by
        data = b"__main__"
    if b"__main__" not in data:
        return data
    return code_by_value.dumps(value)  # with what another process could not import
