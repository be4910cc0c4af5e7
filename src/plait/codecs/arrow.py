"""Tables, batches and arrays of Arrow, kept as Arrow files that readers map.

What counts is what can be read: the schema with all its metadata, which items are null, and the items. How an array
came about does not: that it is a slice of another one, in how many chunks it lies, what lies under a null. So a value
is made canonical by writing it, chunks joined, to an Arrow file in memory; reading that gives exactly this.
"""

import io
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Final

from plait.core.values import Stream
from plait.ports import UnwritableError

ORDER = 32
_KIND: Final = b"plait"  # in the metadata of a file: what it was
_MAPPED: Final = 1 << 17  # shorter files are read whole: the number of mappings of a process is bounded


def create() -> "Arrow":
    return Arrow()


@dataclass(frozen=True, slots=True)
class Arrow:
    """`Table`, `RecordBatch`, `ChunkedArray`, and every `Array`."""

    name: ClassVar[str] = "arrow"
    runs_code: ClassVar[bool] = False
    names_values: ClassVar[bool] = True

    def accepts(self, value: Any, /) -> bool:
        pa: Any = sys.modules.get("pyarrow")  # where it is not loaded, nothing is a table
        if pa is None or not type(value).__module__.startswith("pyarrow"):
            return False
        return isinstance(value, (pa.Table, pa.RecordBatch, pa.ChunkedArray, pa.Array))

    def digest(self, value: Any, stream: Stream, /) -> None:
        kind, table = _taken(value)
        stream.text(kind)
        stream.value([len(table), dict(table.schema.metadata or {}), [_field(field) for field in table.schema]])
        if stream.rigid:  # the object around it keeps its chunks
            stream.value([[len(chunk) for chunk in column.chunks] for column in table.columns])
        for column in table.columns:
            _digest(_whole(column), stream)

    def canonical(self, value: Any, /) -> Any:
        file = io.BytesIO()
        self.write(value, file)
        return _put(_read(file.getvalue()))

    def share(self, value: Any, /) -> Any:
        return value  # nobody can write to it

    def maps(self, value: Any, /) -> bool:
        return bool(value.nbytes >= _MAPPED)

    def write(self, value: Any, file: BinaryIO, /) -> None:
        import pyarrow as pa

        kind, table = _taken(value)
        metadata = dict(table.schema.metadata or {})
        if _KIND in metadata or (len(table) and not table.num_columns):
            raise UnwritableError("it has rows without columns, or metadata that is ours")
        schema = table.schema.with_metadata({**metadata, _KIND: kind.encode()})
        options = pa.ipc.IpcWriteOptions(allow_64bit=True)
        with pa.ipc.new_file(pa.PythonFile(file, mode="w"), schema, options=options) as writer:
            writer.write_batch(_batch(table.replace_schema_metadata(schema.metadata)))

    def read(self, content: Path | bytes, /) -> Any:
        import pyarrow as pa

        if isinstance(content, Path):
            long = content.stat().st_size >= _MAPPED
            return _put(_read(pa.memory_map(str(content)) if long else content.read_bytes()))
        return _put(_read(content))


def _taken(value: Any) -> tuple[str, Any]:
    """What a value is, and a table of what is in it."""
    import pyarrow as pa

    if isinstance(value, pa.Table):
        return "table", value
    if isinstance(value, pa.RecordBatch):
        return "batch", pa.Table.from_batches([value])
    kind = "chunked" if isinstance(value, pa.ChunkedArray) else "array"
    return kind, pa.table([value if kind == "chunked" else pa.chunked_array([value])], names=[""])


def _put(table: Any) -> Any:
    """The value that a table was made of."""
    metadata = dict(table.schema.metadata)
    kind = metadata.pop(_KIND).decode()
    table = table.replace_schema_metadata(metadata or None)
    if kind == "batch":
        return _batch(table)
    return table if kind == "table" else table.column(0) if kind == "chunked" else table.column(0).chunk(0)


def _batch(table: Any) -> Any:
    import pyarrow as pa

    return pa.RecordBatch.from_arrays([_whole(column) for column in table.columns], schema=table.schema)


def _read(source: Any) -> Any:
    import pyarrow as pa

    reader = pa.ipc.open_file(source)
    return pa.Table.from_batches([reader.get_batch(0)])


def _whole(column: Any) -> Any:
    """A column in one piece."""
    import pyarrow as pa

    if column.num_chunks == 1:
        return column.chunk(0)
    if pa.types.is_dictionary(column.type):
        column = column.unify_dictionaries()
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def _field(field: Any) -> Any:
    return [field.name, field.nullable, dict(field.metadata or {}), *_type(field.type)]


def _type(kind: Any) -> list[Any]:
    import pyarrow as pa

    if isinstance(kind, pa.BaseExtensionType):
        return [str(kind.extension_name), pa.schema([pa.field("", kind)]).serialize().to_pybytes()]
    return [str(kind), [_field(kind.field(place)) for place in range(kind.num_fields)]]


def _digest(array: Any, stream: Stream) -> None:
    """The items of an array. Its type is known by now, so that each of these forms can only be read in one way."""
    import numpy as np
    import pyarrow as pa

    types, kind = pa.types, array.type
    if isinstance(array, pa.ExtensionArray):
        _digest(array.storage, stream)
        return
    if types.is_null(kind):
        return
    missing = array.is_null().to_numpy(zero_copy_only=False) if array.null_count else None
    stream.buffer(b"" if missing is None else missing.data)
    if types.is_boolean(kind):
        stream.buffer(array.fill_null(False).to_numpy(zero_copy_only=False).data)
    elif types.is_dictionary(kind):
        _digest(array.indices, stream)
        stream.value(len(array.dictionary))
        _digest(array.dictionary, stream)
    elif types.is_struct(kind):
        for child in array.flatten():  # a null is null in all of its fields
            _digest(child, stream)
    elif types.is_fixed_size_list(kind):
        _digest(array.flatten(), stream)
    elif types.is_map(kind):
        _digest(array.cast(pa.list_(pa.struct([kind.key_field, kind.item_field]))), stream)
    elif types.is_list(kind) or types.is_large_list(kind):
        ends = np.frombuffer(array.buffers()[1] or b"", "<i8" if types.is_large_list(kind) else "<i4")
        sizes = np.diff(ends[array.offset : array.offset + len(array) + 1])
        stream.buffer((sizes if missing is None else np.where(missing, sizes.dtype.type(0), sizes)).data)
        _digest(array.flatten(), stream)
    elif any(is_text(kind) for is_text in (types.is_string, types.is_large_string, types.is_string_view)):
        _digest_text(array.cast(pa.large_string()).fill_null(""), stream)
    elif any(is_bytes(kind) for is_bytes in (types.is_binary, types.is_large_binary, types.is_binary_view)):
        _digest_text(array.cast(pa.large_binary()).fill_null(b""), stream)
    elif (types.is_primitive(kind) or types.is_decimal(kind) or types.is_fixed_size_binary(kind)) and kind.bit_width:
        width = kind.bit_width // 8
        items = np.frombuffer(array.buffers()[1] or b"", f"V{width}", len(array), array.offset * width)
        if missing is not None:  # what lies under a null is noise
            items = items.copy()
            items[missing] = np.zeros((), items.dtype)
        stream.buffer(items.view(np.uint8).data)
    elif len(array):  # unions, runs, views of lists: few have them, and how they lie may show
        stream.value([str(array.type_codes.to_pylist()) if types.is_union(kind) else "", array.to_pylist()])


def _digest_text(array: Any, stream: Stream) -> None:
    import numpy as np

    _, ends, text = array.buffers()
    if len(array) == 0 or ends is None:
        return
    places = np.frombuffer(ends, "<i8", len(array) + 1, array.offset * 8)
    stream.buffer((places - places[0]).data)
    stream.buffer(memoryview(text or b"")[places[0] : places[-1]])
