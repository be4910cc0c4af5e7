"""A value of pandas taken apart into plain words and flat arrays, and put together again."""

from dataclasses import dataclass, field
from datetime import timedelta, timezone, tzinfo
from typing import Any

from plait.codecs.pandas.memory import again


@dataclass(slots=True)
class Parts:
    """The flat arrays of a value, met while it is taken apart, and what people would call them."""

    arrays: list[Any] = field(default_factory=list)  # of numpy, or of Arrow
    labels: list[str] = field(default_factory=list)

    def add(self, array: Any, label: str) -> int:
        self.arrays.append(array)
        self.labels.append(label.encode("utf-8", "replace").decode())
        return len(self.arrays) - 1

    def take(self, value: Any) -> Any:
        pd = _pandas()
        if isinstance(value, pd.Index):
            return self.index(value)
        about = [value.flags.allows_duplicate_labels, value.attrs, self.index(value.index)]
        if isinstance(value, pd.Series):
            return ["series", *about, value.name, self.array(value._values, str(value.name))]
        columns = self.index(value.columns, "columns")
        arrays = zip(value._iter_column_arrays(), value.columns, strict=True)
        return ["frame", *about, columns, [self.array(array, str(label)) for array, label in arrays]]

    def index(self, index: Any, label: str = "index") -> Any:
        import numpy as np

        pd = _pandas()
        names = list(index.names)
        if isinstance(index, pd.RangeIndex):
            return ["range", names, index.start, index.stop, index.step]
        if isinstance(index, pd.MultiIndex):
            levels = [self.index(level, f"{label} level") for level in index.levels]
            codes = [self.array(codes, f"{label} codes") for codes in map(np.asarray, index.codes)]
            return ["multi", names, index.sortorder, levels, codes]
        frequency = _frequency(index.freq) if isinstance(index, pd.DatetimeIndex | pd.TimedeltaIndex) else None
        return ["index", names, frequency, self.array(index._values, label)]

    def array(self, array: Any, label: str) -> Any:
        import numpy as np

        pd = _pandas()
        if isinstance(array, np.ndarray):
            return self.flat(array, label)
        dtype, kinds = array.dtype, pd.arrays
        match array:
            case kinds.DatetimeArray() | kinds.TimedeltaArray():
                zone = _zone(getattr(dtype, "tz", None))
                return ["times", zone, self.flat(array._ndarray.reshape(-1), label)]
            case kinds.PeriodArray():
                return ["periods", dtype.name, self.flat(array.asi8, label)]
            case pd.Categorical():
                categories = self.index(array.categories, f"{label} categories")
                return ["categories", array.ordered, categories, self.flat(array.codes, label)]
            case kinds.IntervalArray():
                left, right = (self.array(side, label) for side in (array._left, array._right))
                return ["intervals", array.closed, left, right]
            case kinds.IntegerArray() | kinds.FloatingArray() | kinds.BooleanArray():
                data = array._data
                if array._mask.any():  # what lies under it is noise
                    data = np.where(array._mask, data.dtype.type(0), data)
                return ["masked", self.flat(data, label), self.flat(array._mask, f"{label} is missing")]
            case kinds.ArrowStringArray() | kinds.ArrowExtensionArray():
                return ["arrow", _arrow_word(dtype), self.add(array._pa_array, label)]
            case kinds.StringArray() if isinstance(array._ndarray, np.ndarray):
                missing = "NA" if dtype.na_value is pd.NA else "nan"
                texts = array._ndarray.copy()
                texts[array.isna()] = None
                return ["texts", missing, self.flat(texts, label)]
        return ["other", array.copy()]  # without the mark that it is read-only

    def flat(self, array: Any, label: str) -> Any:
        if array.dtype.kind not in "biufcmMO" or array.dtype.char in "gG":
            return ["other", array.copy()]  # without the mark that it is read-only
        native = array.dtype.newbyteorder("=")
        return ["numbers", native.str, self.add(array.astype(native, copy=False), label)]


def _pandas() -> Any:
    import pandas  # when it is needed; and untyped, since its stubs say less than is used here

    return pandas


def put(tree: Any, parts: list[Any]) -> Any:
    """The value that was taken apart, around parts that nobody else may change."""
    pd = _pandas()
    match tree:
        case ["frame", unique, attrs, index, columns, arrays]:
            made = _frame([put(array, parts) for array in arrays], put(index, parts), put(columns, parts))
        case ["series", unique, attrs, index, name, array]:
            values = put(array, parts)
            made = pd.Series(values, put(index, parts), values.dtype, name, copy=False)
        case ["range", [name], start, stop, step]:
            return pd.RangeIndex(start, stop, step, name=name)
        case ["multi", names, order, levels, codes]:
            levels, codes = ([put(part, parts) for part in some] for some in (levels, codes))
            return pd.MultiIndex(levels, codes, order, names, verify_integrity=False)
        case ["index", [name], frequency, array]:
            values = put(array, parts)
            index = pd.Index(values, values.dtype, copy=False, name=name)
            return index if frequency is None else type(index)(index, freq=frequency, copy=False)
        case _:
            return _array(tree, parts)
    made.flags.allows_duplicate_labels = unique
    made.attrs = again(attrs) if attrs else attrs
    return made


def _frame(arrays: list[Any], index: Any, columns: Any) -> Any:
    import numpy as np
    from pandas.api.internals import create_dataframe_from_blocks  # not there until it is imported, in pandas 3.0

    arrays = [array.reshape(1, -1) if isinstance(array, np.ndarray) else array for array in arrays]
    blocks = [(array, np.array([place], np.intp)) for place, array in enumerate(arrays)]
    return create_dataframe_from_blocks(blocks, index, columns)


def _array(tree: Any, parts: list[Any]) -> Any:
    pd = _pandas()
    kinds = pd.arrays
    match tree:
        case ["numbers", dtype, number]:
            return _numbers(parts[number], dtype)
        case ["times", zone, numbers]:
            values = _array(numbers, parts)
            kind = kinds.DatetimeArray if values.dtype.kind == "M" else kinds.TimedeltaArray
            unit = values.dtype.str[4:-1]
            dtype = values.dtype if zone is None else pd.DatetimeTZDtype(unit, _zone_of(zone))
            made = kind._simple_new(values, dtype=dtype)  # by name: in pandas 3.0 the second argument is another one
        case ["periods", dtype, numbers]:
            made = kinds.PeriodArray(_array(numbers, parts), pd.api.types.pandas_dtype(dtype))
        case ["categories", ordered, categories, codes]:
            dtype = pd.CategoricalDtype(put(categories, parts), ordered)
            made = pd.Categorical.from_codes(_array(codes, parts), dtype=dtype, validate=False)
        case ["intervals", closed, left, right]:
            made = kinds.IntervalArray.from_arrays(_array(left, parts), _array(right, parts), closed)
        case ["masked", values, mask]:
            values, mask = _array(values, parts), _array(mask, parts)
            kind = {"b": kinds.BooleanArray, "f": kinds.FloatingArray}.get(values.dtype.kind, kinds.IntegerArray)
            made = kind(values, mask)
        case ["texts", missing, numbers]:
            missing = pd.NA if missing == "NA" else float("nan")
            values = _array(numbers, parts)
            dtype = pd.StringDtype("python", missing)
            made = dtype.construct_array_type()._from_sequence(values, dtype=dtype)
        case ["arrow", word, number]:
            made = _arrow(word, parts[number])
        case ["other", array]:
            made = again(array)
            if hasattr(made, "setflags"):  # of numpy: a long double
                made.setflags(write=False)
                return made
        case _:
            raise ValueError(f"{tree[0]!r} is not a kind of array")
    made._readonly = True  # else an item could be set behind the back of copy-on-write
    return made


def _numbers(part: Any, dtype: str) -> Any:
    """The array that a part is, without a copy where that can be."""
    import numpy as np

    if isinstance(part, np.ndarray):
        return part
    if dtype == "|b1":  # eight to the byte
        values = part.to_numpy(zero_copy_only=False)
    elif dtype == "|O":
        values = np.empty(len(part), object)
        values[:] = part.to_pylist()
    else:
        values = np.frombuffer(part.buffers()[1] or b"", dtype, len(part))
    values.flags.writeable = False
    return values


def _arrow_word(dtype: Any) -> Any:
    pd = _pandas()
    if isinstance(dtype, pd.StringDtype):
        return "NA" if dtype.na_value is pd.NA else "nan"
    return str(dtype.pyarrow_dtype)


def _arrow(word: str, array: Any) -> Any:
    import pyarrow as pa

    pd = _pandas()
    kinds = pd.arrays
    chunked = pa.chunked_array([array])
    if word not in ("NA", "nan"):
        return kinds.ArrowExtensionArray(chunked)
    dtype = pd.StringDtype("pyarrow", pd.NA if word == "NA" else float("nan"))
    return dtype.construct_array_type()(chunked, dtype=dtype)


def _zone(zone: tzinfo | None) -> Any:
    """A time zone in plain words; one that has none, as it is."""
    if zone is None:
        return None
    from zoneinfo import ZoneInfo  # imports as much as a tenth of plait

    match zone:
        case ZoneInfo(key=str(key)):
            return ["zone", key]
        case timezone() if zone == timezone(offset := zone.utcoffset(None)) and str(zone) == str(timezone(offset)):
            return ["offset", offset.total_seconds()]
    return zone


def _zone_of(word: Any) -> tzinfo:
    match word:
        case ["zone", key]:
            from zoneinfo import ZoneInfo

            return ZoneInfo(key)
        case ["offset", seconds]:
            return timezone(timedelta(seconds=seconds))
    zone: tzinfo = word
    return zone


def _frequency(frequency: Any) -> Any:
    """A frequency in plain words; one that has none, as it is."""
    from pandas.tseries.frequencies import to_offset

    if frequency is None:
        return None
    try:
        again = to_offset(frequency.freqstr)
    except ValueError:
        return frequency
    return frequency.freqstr if again == frequency else frequency
