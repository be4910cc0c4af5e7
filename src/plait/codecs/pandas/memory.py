"""How parts of a value lie in memory: what is hashed of them, what is copied, and who may write where."""

import functools
import pickle
import re
from typing import Any

from plait.core.containers import IMMUTABLE
from plait.core.values import Stream


def digest(part: Any, stream: Stream) -> None:
    """Writes the content of a part."""
    import numpy as np

    if not isinstance(part, np.ndarray):
        _digest_arrow(part, stream)
    elif part.dtype.kind == "O":
        stream.value(part.tolist())
    else:
        stream.buffer(np.ascontiguousarray(part).view(np.uint8).data)


def _digest_arrow(part: Any, stream: Stream) -> None:
    import numpy as np
    import pyarrow as pa

    types: Any = pa.types
    array = whole(part)
    kind = array.type
    stream.buffer(array.is_null().to_numpy(zero_copy_only=False).data)
    if types.is_string(kind) or types.is_large_string(kind):
        array = array.cast(pa.large_string()).fill_null("")
        _, ends, text = array.buffers()
        if len(array) == 0 or ends is None:
            return
        places = np.frombuffer(ends, "<i8", len(array) + 1, array.offset * 8)
        stream.buffer((places - places[0]).data)
        stream.buffer(memoryview(text or b"")[places[0] : places[-1]])
    elif types.is_primitive(kind) and kind.bit_width in (8, 16, 32, 64):
        width = kind.bit_width // 8
        values = np.frombuffer(array.buffers()[1] or b"", f"<u{width}", len(array), array.offset * width)
        if array.null_count:  # what lies under a null is noise
            values = np.where(array.is_null().to_numpy(zero_copy_only=False), values.dtype.type(0), values)
        stream.buffer(values.data)
    else:
        if types.is_dictionary(kind):  # its order may show
            stream.value(array.dictionary.to_pylist())
        stream.value(array.to_pylist())


def whole(part: Any) -> Any:
    """An array of Arrow in one piece, which saves a copy where it is one."""
    import pyarrow as pa

    if pa.types.is_dictionary(part.type):
        part = part.unify_dictionaries()
    if part.num_chunks == 0:
        return pa.array([], part.type)
    return part.chunk(0) if part.num_chunks == 1 else pa.concat_arrays(part.chunks)


def own(part: Any) -> Any:
    """A copy that nobody else holds, and that nobody can write to."""
    import numpy as np

    if not isinstance(part, np.ndarray):
        return _own_arrow(part)
    if part.dtype.kind == "O" and not _is_immutable(part):
        part = again(part)
    copied = np.array(part, order="C")
    copied.flags.writeable = False
    return copied


def _own_arrow(part: Any) -> Any:
    import pyarrow as pa

    batch = pa.record_batch([whole(part)], names=[""])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=pa.ipc.IpcWriteOptions(allow_64bit=True)) as writer:
        writer.write_batch(batch)
    return pa.ipc.open_stream(sink.getvalue()).read_next_batch().column(0)


def blocks(value: Any) -> tuple[Any, ...]:
    """The blocks of memory that a frame or a series is laid out in; an index has none."""
    manager = getattr(value, "_mgr", None)
    return () if manager is None else tuple(manager.blocks)


def layout(block: Any) -> Any:
    """What of a block's layout can change the last bits of sums over it."""
    values = getattr(block.values, "_ndarray", block.values)
    flags = getattr(values, "flags", None)
    order = "F" if flags is not None and flags.f_contiguous and not flags.c_contiguous else "C"
    return list(map(int, block.mgr_locs)), order, _chunks(values)


def _chunks(values: Any) -> list[int]:
    """How long the pieces are that sums of floats go by. A pickle joins pieces, so of text they must not count."""
    array = getattr(values, "_pa_array", None)
    if array is None or not re.search("float|double", str(array.type)):
        return []
    return [len(chunk) for chunk in array.chunks]


def hold(held: Any) -> None:
    """Makes copy-on-write see one more reader of a block or an index, for ever: who writes, writes to a copy.

    Else the last frame over some memory would write in place, and the memory may be a file's, or the store's.
    """
    references = held._references if hasattr(held, "_references") else held.refs
    if references is None:  # of an index of many levels
        return
    forever = _forever()
    if not any(known() is forever for known in references.referenced_blocks[:2]):
        references.add_reference(forever)


@functools.cache
def _forever() -> Any:
    import pandas as pd

    (block,) = blocks(pd.DataFrame({"": [0]}))
    return block


def guarded(values: Any) -> Any:
    """The same values, for one reader: items of objects are copied, and arrays refuse to be written to."""
    import numpy as np

    if isinstance(values, np.ndarray):
        if values.dtype.kind == "O" and not _is_immutable(values):
            return again(values)
        if not values.flags.writeable:
            return values
        values = values.view()
        values.flags.writeable = False
        return values
    if not values._readonly:
        values = values.view()
        values._readonly = True
    return values


def again(value: Any) -> Any:
    """A copy, down to the last object that it holds."""
    return pickle.loads(pickle.dumps(value, 5))  # noqa: S301 - made here


def _is_immutable(array: Any) -> bool:
    return set(map(type, array.reshape(-1).tolist())) <= IMMUTABLE
