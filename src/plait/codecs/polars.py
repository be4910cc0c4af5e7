"""Frames and series of polars, kept as Arrow files.

What counts is the schema and the items. In how many chunks a frame lies, and that polars has noticed that it is sorted,
comes of how it was made, so both are given up: a value is made canonical by writing it to a file in memory and reading
that, which gives exactly what readers get later. Codes of a `Categorical` depend on what else the process has seen,
so its items are known by their text.

A `LazyFrame` is a plan: what it will read is not in it, so it has no name. An `Expr` has one, unless it calls back
into Python, where what it calls would go unseen.
"""

import contextlib
import io
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Final

from plait.core.values import Stream
from plait.ports import UnwritableError

ORDER = 34
_MAPPED: Final = 1 << 17  # shorter files are read whole: the number of mappings of a process is bounded
_SERIES: Final = "plait-series:"  # begins the name of the column that a series is written as
_PYTHON: Final = b"PLPY"  # in an expression: a function of Python follows


def create() -> "Polars":
    return Polars()


@dataclass(frozen=True, slots=True)
class Polars:
    """`DataFrame` and `Series`; `Expr` and `LazyFrame` are only named, or refused."""

    name: ClassVar[str] = "polars"
    runs_code: ClassVar[bool] = False
    names_values: ClassVar[bool] = True

    def accepts(self, value: Any, /) -> bool:
        pl: Any = sys.modules.get("polars")  # where it is not loaded, nothing is a frame
        return hasattr(pl, "Expr") and type(value) in (pl.DataFrame, pl.Series, pl.LazyFrame, pl.Expr)

    def digest(self, value: Any, stream: Stream, /) -> None:
        kind = type(value).__name__
        stream.text(kind)
        if kind == "LazyFrame":
            raise TypeError("a LazyFrame is a plan, and what it will read is not in it; return or give .collect()")
        if kind == "Expr":
            state = value.__getstate__()
            if _PYTHON in state:
                raise TypeError("the expression calls back into Python; make it inside the step that uses it")
            stream.value(state)
            return
        columns = [value] if kind == "Series" else value.get_columns()
        stream.value([len(value), [(column.name, _described(column.dtype)) for column in columns]])
        if stream.rigid:  # the object around it keeps what polars has noticed
            stream.value([sorted(column.flags.items()) for column in columns])
        for column in columns:
            stream.value(_items(column))

    def canonical(self, value: Any, /) -> Any:
        if type(value).__name__ == "Expr":
            return value
        file = io.BytesIO()
        self.write(value, file)
        file.seek(0)
        return _read(file)

    def share(self, value: Any, /) -> Any:
        return value if type(value).__name__ == "Expr" else value.clone()  # copied where it is written to

    def maps(self, value: Any, /) -> bool:
        return hasattr(value, "estimated_size") and value.estimated_size() >= _MAPPED

    def write(self, value: Any, file: BinaryIO, /) -> None:
        kind = type(value).__name__
        if kind not in ("DataFrame", "Series"):
            raise UnwritableError(f"{kind} is no data")
        if kind == "Series":
            value = value.rename(_SERIES + value.name).to_frame()
        elif (value.width == 0 and value.height) or any(name.startswith(_SERIES) for name in value.columns):
            raise UnwritableError("it has rows without columns, or a column that is named as ours")
        with _through(file) as out:
            value.rechunk().write_ipc(out, compression="uncompressed", record_batch_size=max(len(value), 1))

    def read(self, content: Path | bytes, /) -> Any:
        if isinstance(content, Path) and content.stat().st_size >= _MAPPED:
            return _put(_mapped(content))
        return _read(io.BytesIO(content) if isinstance(content, bytes) else content)


def _read(source: Any) -> Any:
    return _put(import_module("polars").read_ipc(source).rechunk())


def _mapped(path: Path) -> Any:
    """The frame of a file, around the file itself: polars' own reader copies it into memory."""
    pl = import_module("polars")
    try:
        import pyarrow as pa

        table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    except (ImportError, NotImplementedError):  # Arrow has no integers of 128 bits
        return pl.read_ipc(path).rechunk()
    return pl.from_arrow(table, rechunk=False)


def _put(frame: Any) -> Any:
    """The value that a frame was made of."""
    name = frame.columns[0] if frame.width == 1 else ""
    return frame.to_series().rename(name.removeprefix(_SERIES)) if name.startswith(_SERIES) else frame


def _items(column: Any) -> Any:
    """A column as Arrow has it; what Arrow has no word for, item by item."""
    pl = import_module("polars")
    column = column.cast(_as_text(column.dtype)).rechunk()
    try:
        return column.to_arrow()
    except (ValueError, TypeError, pl.exceptions.PolarsError):
        return column.to_list()


def _as_text(dtype: Any) -> Any:
    """The dtype, with text where it has categories that are numbered as they come."""
    pl = import_module("polars")
    match dtype:
        case pl.Categorical():
            return pl.String()
        case pl.List():
            return pl.List(_as_text(dtype.inner))
        case pl.Array():
            return pl.Array(_as_text(dtype.inner), dtype.size)
        case pl.Struct():
            return pl.Struct({field.name: _as_text(field.dtype) for field in dtype.fields})
    return dtype


def _described(dtype: Any) -> Any:
    pl = import_module("polars")
    match dtype:
        case pl.Enum():
            return "Enum", dtype.categories.to_list()
        case pl.List():
            return "List", _described(dtype.inner)
        case pl.Array():
            return "Array", dtype.size, _described(dtype.inner)
        case pl.Struct():
            return "Struct", [(field.name, _described(field.dtype)) for field in dtype.fields]
    return repr(dtype)


class _Through(io.RawIOBase):
    """A file to write to, that remembers what was wrong with it; polars says that in words of its own."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.error: BaseException | None = None

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        try:
            return self.file.write(data)
        except BaseException as error:
            self.error = error
            raise


@contextlib.contextmanager
def _through(file: BinaryIO) -> Iterator[_Through]:
    out = _Through(file)
    try:
        yield out
    except Exception:
        if out.error is not None:
            raise out.error from None
        raise
