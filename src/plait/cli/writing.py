"""Write a value of a run to a file, in the format that its suffix names."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

from plait.errors import PlaitError


def write_value(value: Any, file: Path, name: str) -> None:
    """Write a value by the suffix of a file; `PlaitError` says which suffixes there are, or what does not fit."""
    writer = _WRITERS.get(file.suffix.lower())
    if writer is None:
        raise PlaitError(f"{file}: {file.suffix or 'no suffix'} is not a valid format; use {', '.join(_WRITERS)}")
    if not file.parent.is_dir():
        raise PlaitError(f"{file}: there is no folder {file.parent}")
    beside = file.with_name(f".{file.stem}-unfinished{file.suffix}")  # what stands there stays until this is whole
    try:
        writer(value, beside)
        beside.replace(file)
    except (TypeError, ValueError, AttributeError, pickle.PicklingError) as error:
        cls = type(value)
        said = f"{name} is a {cls.__module__}.{cls.__qualname__}, which {file.suffix} does not hold ({error})"
        raise PlaitError(said if file.suffix.lower() == ".pkl" else f"{said}; .pkl holds anything") from error
    finally:
        beside.unlink(missing_ok=True)


def _frame(value: Any, pandas: str, polars: str, file: Path, **options: Any) -> None:
    frame = value.to_pandas() if type(value).__module__.startswith("pyarrow") else value
    if hasattr(frame, polars):
        getattr(frame, polars)(file)
    elif hasattr(frame, pandas):
        getattr(frame, pandas)(file, **options)
    else:
        raise TypeError("it takes frames of pandas and polars, and tables of Arrow")


def _csv(value: Any, file: Path) -> None:
    plain_index = type(getattr(value, "index", None)).__name__ == "RangeIndex"
    _frame(value, "to_csv", "write_csv", file, **({"index": False} if plain_index else {}))


def _parquet(value: Any, file: Path) -> None:
    _frame(value, "to_parquet", "write_parquet", file)


def _npy(value: Any, file: Path) -> None:
    import numpy as np

    if not isinstance(value, (np.ndarray, np.generic)):
        raise TypeError("it takes arrays of numpy")
    np.save(file, value, allow_pickle=False)


def _json(value: Any, file: Path) -> None:
    file.write_text(f"{json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False)}\n", "utf-8")


def _picture(value: Any, file: Path) -> None:
    if hasattr(value, "savefig"):
        value.savefig(file)
    elif hasattr(value, "save") and file.suffix.lower() == ".png":
        value.save(file)  # an image of Pillow
    else:
        raise TypeError("it takes figures of matplotlib, and .png images of Pillow too")


def _text(value: Any, file: Path) -> None:
    if not isinstance(value, str):
        raise TypeError("it takes text")
    file.write_text(value, "utf-8", newline="")


def _pickle(value: Any, file: Path) -> None:
    file.write_bytes(pickle.dumps(value, 5))


_WRITERS: dict[str, Callable[[Any, Path], None]] = {
    ".csv": _csv,
    ".parquet": _parquet,
    ".npy": _npy,
    ".json": _json,
    ".png": _picture,
    ".svg": _picture,
    ".txt": _text,
    ".pkl": _pickle,
}
