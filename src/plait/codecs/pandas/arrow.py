"""An Arrow file that holds a tree and its parts: any reader of Arrow can open it, and we can map it."""

import contextlib
import json
import math
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Final

from plait.codecs.pandas.memory import whole
from plait.ports import UnwritableError

MAPPED: Final = 1 << 17  # shorter files are read whole: the number of mappings of a process is bounded
_ABOUT: Final = b"plait"


def write(tree: Any, parts: list[Any], labels: list[str], rows: int, file: BinaryIO) -> None:
    """Parts as long as the value are columns; the few others (levels, categories) are files of their own within."""
    import pyarrow as pa

    about = _packed(tree)
    try:
        arrays = [_to_arrow(part) for part in parts]
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise UnwritableError(str(error)) from error
    columns = [number for number, array in enumerate(arrays) if len(array) == rows]
    metadata = {_ABOUT: json.dumps([about, len(arrays), columns], allow_nan=False, separators=(",", ":")).encode()}
    for number in sorted(set(range(len(arrays))) - set(columns)):
        within = BytesIO()
        _write_file([arrays[number]], [labels[number]], {}, within)
        metadata[b"%d" % number] = within.getvalue()
    _write_file([arrays[number] for number in columns], [labels[number] for number in columns], metadata, file)


def read(content: Path | bytes) -> tuple[Any, list[Any]]:
    """A tree and its parts, mapped where the file is long."""
    import pyarrow as pa

    source: Any = content
    if isinstance(content, Path):
        source = pa.memory_map(str(content)) if content.stat().st_size >= MAPPED else content.read_bytes()
    metadata, arrays = _read_file(source)
    about, count, columns = json.loads(metadata[_ABOUT])
    parts: dict[int, Any] = dict(zip(columns, arrays, strict=True))
    for number in range(count):
        if number not in parts:
            [parts[number]] = _read_file(metadata[b"%d" % number])[1]
    return _unpacked(about), [_from_arrow(parts[number]) for number in range(count)]


def _write_file(arrays: list[Any], labels: list[str], metadata: dict[bytes, bytes], file: BinaryIO) -> None:
    import pyarrow as pa

    schema = pa.schema([pa.field(label, array.type) for label, array in zip(labels, arrays, strict=True)], metadata)
    options = pa.ipc.IpcWriteOptions(allow_64bit=True)
    with pa.ipc.new_file(pa.PythonFile(file, mode="w"), schema, options=options) as writer:
        if arrays:
            writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))


def _read_file(source: Any) -> tuple[dict[bytes, bytes], list[Any]]:
    import pyarrow as pa

    reader = pa.ipc.open_file(source)
    arrays = reader.get_batch(0).columns if reader.num_record_batches else []
    return dict(reader.schema.metadata or {}), arrays


def _to_arrow(part: Any) -> Any:
    """A part as Arrow has it, with the very bytes of its numbers."""
    import numpy as np
    import pyarrow as pa

    if isinstance(part, pa.ChunkedArray):
        return whole(part)
    if part.dtype.kind == "b":
        return pa.array(part)
    if part.dtype.kind == "O":
        items = part.tolist()
        if set(map(type, items)) <= {str, type(None)}:
            with contextlib.suppress(UnicodeEncodeError):  # half a surrogate pair is no text for Arrow
                return pa.array(items, pa.large_string())
        return pa.array([json.dumps(_packed(item), allow_nan=False).encode() for item in items], pa.large_binary())
    part = np.ascontiguousarray(part)
    kind, missing = part.dtype, None
    if kind.kind in "mM":
        missing = np.isnat(part)
        unit = np.datetime_data(kind)[0]
        wide = pa.timestamp(unit) if kind.kind == "M" else pa.duration(unit)
    else:
        wide = pa.binary(kind.itemsize) if kind.kind == "c" else pa.from_numpy_dtype(kind)
    known = pa.array(~missing).buffers()[1] if missing is not None and missing.any() else None
    return pa.Array.from_buffers(wide, len(part), [known, pa.py_buffer(part.view(np.uint8))])


def _from_arrow(array: Any) -> Any:
    import numpy as np
    import pyarrow as pa

    if array.type != pa.large_binary():  # which are objects
        return array
    objects = np.empty(len(array), object)
    objects[:] = [_unpacked(json.loads(text)) for text in array.to_pylist()]
    return objects


def _packed(value: Any) -> Any:
    """Plain values as JSON that gives them back exactly; `UnwritableError` for others."""
    cls = type(value)
    if value is None or cls is bool or cls is str or cls is int or (cls is float and math.isfinite(value)):
        return value
    if cls is list:
        return [_packed(item) for item in value]
    if cls is tuple:
        return {"t": [_packed(item) for item in value]}
    if cls is dict:
        return {"d": [[_packed(key), _packed(item)] for key, item in value.items()]}
    if cls is float:
        return {"f": repr(value)}
    raise UnwritableError(f"Arrow has no word for a {cls.__module__}.{cls.__qualname__}")


def _unpacked(value: Any) -> Any:
    if type(value) is list:
        return [_unpacked(item) for item in value]
    if type(value) is not dict:
        return value
    [(tag, held)] = value.items()
    if tag == "t":
        return tuple(_unpacked(item) for item in held)
    return float(held) if tag == "f" else {_unpacked(key): _unpacked(item) for key, item in held}
