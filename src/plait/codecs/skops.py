"""Estimators of scikit-learn in the format of skops, where it is installed: reading it runs no code of the file.

The file says which types it needs; the reader says which it trusts, and one that is not trusted is not made. What is
trusted is the list of skops itself and `PLAIT_TRUSTED_TYPES` (names with commas between them), never what a file asks
for. skops brings most estimators back exactly, but not all (a few lose the state of their random numbers, or a type
of theirs). So what is written is read again at once, and compared; where it differs, the next codec keeps it.
"""

import functools
import io
import json
import os
import pickle
import sys
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

from plait import code_by_value
from plait.core.values import Stream, Values
from plait.errors import PlaitError
from plait.ports import UnwritableError

ORDER = 48
_refused: set[str] = set()  # of scikit-learn's types, those that skops did not trust: what holds one is not tried again
_THEN = (1980, 1, 1, 0, 0, 0)  # all that is in the file is as old as such a file can say


def create() -> "Skops":
    said = os.environ.get("PLAIT_TRUSTED_TYPES", "").split(",")
    return Skops(tuple(name.strip() for name in said if name.strip()))


@dataclass(frozen=True, slots=True)
class Skops:
    """Estimators that hold nothing but what skops knows and trusts, or what is `trusted` beside that."""

    trusted: tuple[str, ...] = ()
    name: ClassVar[str] = "skops"
    runs_code: ClassVar[bool] = False
    names_values: ClassVar[bool] = False

    def accepts(self, value: Any, /) -> bool:
        base = sys.modules.get("sklearn.base")  # where it is not loaded, nothing is an estimator
        return base is not None and isinstance(value, base.BaseEstimator) and _is_installed()

    def digest(self, value: Any, stream: Stream, /) -> None:
        stream.value(value)

    def canonical(self, value: Any, /) -> Any:
        return pickle.loads(code_by_value.dumps(value))  # noqa: S301 - made here; it keeps the layout of arrays

    share = canonical

    def maps(self, value: Any, /) -> bool:
        return False

    def write(self, value: Any, file: BinaryIO, /) -> None:
        try:
            data = self._dumps(value)
            if _content(self._loads(data)) != _content(value):
                raise UnwritableError("skops would bring back another estimator")
        except UnwritableError:
            raise
        except Exception as error:  # of many kinds, by what it met
            raise UnwritableError(f"skops: {error}") from error
        file.write(_version() + b"\n")
        file.write(data)

    def _dumps(self, value: Any) -> bytes:
        skops = import_module("skops.io")
        known = _refused.intersection(_types(value)).difference(self.trusted)
        data = b"" if known else skops.dumps(value)
        untrusted = known or set(skops.get_untrusted_types(data=data)).difference(self.trusted)
        if untrusted:
            _refused.update(name for name in untrusted if name.startswith("sklearn."))
            raise UnwritableError(f"skops does not trust {', '.join(sorted(untrusted))}")
        return _in_order(data)

    def read(self, content: Path | bytes, /) -> Any:
        written, _, data = (content if isinstance(content, bytes) else content.read_bytes()).partition(b"\n")
        if written != _version():
            raise ImportError(f"it was written by scikit-learn {written.decode()}, and this is {_version().decode()}")
        return self._loads(data)

    def _loads(self, data: bytes) -> Any:
        untrusted = import_module("skops.io.exceptions").UntrustedTypesFoundException
        try:
            return import_module("skops.io").loads(data, trusted=list(self.trusted))
        except untrusted as error:
            raise ImportError(f"{error}; name what you trust in PLAIT_TRUSTED_TYPES, with commas") from error


@functools.cache
def _is_installed() -> bool:
    return find_spec("skops") is not None


def _version() -> bytes:
    import sklearn

    return str(sklearn.__version__).encode()


class _Types(pickle.Unpickler):
    """Reads a pickle that was made here, and notes what it is made of."""

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data))
        self.met: set[str] = set()

    def find_class(self, module: str, name: str, /) -> Any:
        self.met.add(f"{module}.{name}")
        return super().find_class(module, name)


def _types(value: Any) -> set[str]:
    """The types that a value surely holds: much quicker than to ask skops, which has to write it for that."""
    try:
        reader = _Types(pickle.dumps(value, 5))
        reader.load()
    except Exception:
        return set()
    return reader.met


def _in_order(data: bytes) -> bytes:
    """The same file; skops names what is in it by where that lay in memory, here it is numbered."""
    import zipfile  # few runs have an estimator

    numbers: dict[str, int] = {}
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as made, zipfile.ZipFile(out, "w") as archive:
        schema = _numbered(json.loads(made.read("schema.json")), numbers)
        archive.writestr(zipfile.ZipInfo("schema.json", _THEN), json.dumps(schema, separators=(",", ":")))
        named = {_renamed(name, numbers): name for name in made.namelist() if name != "schema.json"}
        for name in sorted(named):
            archive.writestr(zipfile.ZipInfo(name, _THEN), made.read(named[name]))
    return out.getvalue()


def _numbered(node: Any, numbers: dict[str, int]) -> Any:
    if type(node) is list:
        return [_numbered(item, numbers) for item in node]
    if type(node) is not dict:
        return node
    made: dict[str, Any] = {}
    for key, item in node.items():
        if key == "__id__" and type(item) is int:
            made[key] = _number(str(item), numbers)
        elif key == "file" and type(item) is str:
            made[key] = _renamed(item, numbers)
        else:
            made[key] = _numbered(item, numbers)
    return made


def _renamed(name: str, numbers: dict[str, int]) -> str:
    stem, dot, suffix = name.partition(".")
    return f"{_number(stem, numbers)}{dot}{suffix}"


def _number(name: str, numbers: dict[str, int]) -> int:
    return numbers.setdefault(name, len(numbers) + 1)


def _content(value: Any) -> str:
    """All that an estimator is made of, down to the layout of its arrays."""
    try:
        return Values([_Arrays()], _by_name).digest(value)
    except PlaitError as error:
        raise UnwritableError(str(error)) from error


class _Arrays:
    """Arrays of numpy, with their layout, but without what lies between the fields of a record."""

    name = "arrays"

    def accepts(self, value: Any, /) -> bool:
        return type(value).__name__ == "ndarray"

    def digest(self, value: Any, stream: Stream, /) -> None:
        import numpy as np

        stream.value([repr(value.dtype), value.shape, value.flags.c_contiguous, value.flags.f_contiguous])
        if value.dtype.names is not None:
            for name in value.dtype.names:
                stream.value(value[name])
        elif value.dtype.hasobject:
            stream.value(value.reshape(-1).tolist())
        elif value.nbytes:
            stream.buffer(np.ascontiguousarray(value).reshape(-1).view(np.uint8).data)


def _by_name(code: Any) -> bytes:
    return f"{code.__module__}.{code.__qualname__}".encode()
