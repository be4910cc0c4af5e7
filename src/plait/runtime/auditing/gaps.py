"""How far two values are apart, and where: down to the part, column, attribute and element.

It looks into containers, frames and whatever has attributes; `distances.py` compares arrays.
"""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import fields, is_dataclass
from typing import Any

from plait.files import File
from plait.runtime.auditing.distances import Gap, distances, same, shape, short, shuffled

_MANY = 50  # gaps, after which nobody looks for more
_DEEP = 12  # levels, below which it is only said that something differs


def gaps(one: Any, two: Any) -> tuple[Gap, ...]:
    """Where two values differ.

    >>> gaps({"a": 1.0, "b": 2}, {"a": 1.0 + 2**-52, "b": 2})[0].ulps
    1
    >>> [(gap.where, gap.what) for gap in gaps(["x", "y"], ["y", "x"])]
    [('', 'the same 2 items in another order')]
    """
    found: list[Gap] = []
    for gap in _gaps(one, two, "", _DEEP):
        found.append(gap)
        if len(found) == _MANY:
            break
    return tuple(found)


def _gaps(one: Any, two: Any, where: str, deep: int) -> Iterator[Gap]:
    if type(one) is not type(two) and not (_is(one, "pandas", "Index") and _is(two, "pandas", "Index")):
        yield Gap(where, f"{_kind(one)}, then {_kind(two)}")
    elif deep == 0:
        if not same(one, two):
            yield Gap(where, "differs, far inside")
    elif isinstance(one, float):
        yield from distances(_as_array([one]), _as_array([two]), where)
    elif one is None or isinstance(one, (bool, int, complex)):
        if one != two:
            yield Gap(where, f"{short(one)}, then {short(two)}")
    elif isinstance(one, File):
        yield from _of_files(one, two, where)
    elif isinstance(one, (str, bytes)):
        yield from _of_texts(one, two, where)
    elif isinstance(one, Mapping):
        yield from _of_mappings(one, two, where, deep)
    elif isinstance(one, Set):
        if one != two:
            yield Gap(where, f"{_some(one - two)} only the first time, {_some(two - one)} only the second")
    elif _is(one, "numpy", "ndarray"):
        yield from distances(one, two, where)
    elif _is(one, "pandas", "DataFrame", "Series", "Index"):
        yield from _of_pandas(one, two, where, deep)
    elif hasattr(one, "get_columns") and hasattr(one, "columns"):  # of polars
        yield from _of_mappings(one.to_dict(), two.to_dict(), where, deep)
    elif hasattr(one, "column_names") and hasattr(one, "to_pandas"):  # of Arrow
        yield from _of_pandas(one.to_pandas(), two.to_pandas(), where, deep)
    elif callable(getattr(one, "to_numpy", None)):
        yield from distances(one.to_numpy(), two.to_numpy(), where)
    elif callable(getattr(one, "numpy", None)) and hasattr(one, "detach"):  # of torch
        yield from distances(one.detach().cpu().numpy(), two.detach().cpu().numpy(), where)
    elif isinstance(one, Sequence):
        yield from _of_sequences(one, two, where, deep)
    elif state := _state(one):
        yield from _of_attributes(state, _state(two), where, deep)
    elif not same(one, two) and (made := _made_of(one)) and (other := _made_of(two)):
        yield from _of_sequences(made, other, where, deep)
    elif not same(one, two):
        yield Gap(where, f"{short(one)}, then {short(two)}")


def _of_files(one: File, two: File, where: str) -> Iterator[Gap]:
    """What is in them; where they lie is no part of their value."""
    at, sizes = 0, [os.stat(file).st_size for file in (one, two)]
    with open(one, "rb") as first, open(two, "rb") as second:
        while True:
            a, b = first.read(1 << 20), second.read(1 << 20)
            if a != b:
                at += next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
                break
            if not a:
                return
            at += len(a)
    yield Gap(where, f"a file of {sizes[0]:,} bytes, then one of {sizes[1]:,}; they differ from byte {at:,} on")


def _of_texts(one: str | bytes, two: str | bytes, where: str) -> Iterator[Gap]:
    if one == two:
        return
    at = next((i for i, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), min(len(one), len(two)))
    if max(len(one), len(two)) <= 40:
        yield Gap(where, f"{one!r}, then {two!r}")
    else:
        yield Gap(where, f"{short(one[at : at + 20])}, then {short(two[at : at + 20])}, from position {at:,} on")


def _of_mappings(one: Mapping[Any, Any], two: Mapping[Any, Any], where: str, deep: int) -> Iterator[Gap]:
    lost, new = [key for key in one if key not in two], [key for key in two if key not in one]
    if lost or new:
        yield Gap(where, f"{_some(lost)} only the first time, {_some(new)} only the second")
    elif list(one) != list(two):
        yield Gap(where, f"the same {len(one):,} keys in another order")
    for key in one:
        if key in two:
            yield from _gaps(one[key], two[key], f"{where}[{short(key)}]", deep - 1)


def _of_sequences(one: Sequence[Any], two: Sequence[Any], where: str, deep: int) -> Iterator[Gap]:
    if len(one) != len(two):
        yield Gap(where, f"{len(one):,} items, then {len(two):,}")
        return
    if (names := getattr(one, "_fields", None)) is not None:
        for name, a, b in zip(names, one, two, strict=True):
            yield from _gaps(a, b, f"{where}.{name}", deep - 1)
        return
    if one and all(type(item) is float for item in (*one, *two)):
        yield from distances(_as_array(one), _as_array(two), where)
        return
    if not same(one, two) and shuffled(one, two):
        yield Gap(where, f"the same {len(one):,} items in another order", len(one), len(one))
        return
    for i, (a, b) in enumerate(zip(one, two, strict=True)):
        yield from _gaps(a, b, f"{where}[{i}]", deep - 1)


def _of_attributes(one: Mapping[str, Any], two: Mapping[str, Any], where: str, deep: int) -> Iterator[Gap]:
    for name in {**one, **two}:
        if name not in one or name not in two:
            yield Gap(f"{where}.{name}", f"is there only the {'second' if name in two else 'first'} time")
        else:
            yield from _gaps(one[name], two[name], f"{where}.{name}", deep - 1)


def _of_pandas(one: Any, two: Any, where: str, deep: int) -> Iterator[Gap]:
    if one.shape != two.shape:
        yield Gap(where, f"{shape(one)}, then {shape(two)}")
        return
    if one.ndim == 1:
        if not _is(one, "pandas", "Index"):
            yield from _gaps(one.index, two.index, f"{where}.index", deep - 1)
        if one.dtype != two.dtype:
            yield Gap(where, f"{one.dtype}, then {two.dtype}")
        else:
            yield from distances(_plain(one), _plain(two), where)
        return
    if list(one.columns) != list(two.columns):
        yield from _gaps(list(one.columns), list(two.columns), f"{where}.columns", deep - 1)
        return
    yield from _gaps(one.index, two.index, f"{where}.index", deep - 1)
    for i, column in enumerate(one.columns):
        a, b = one.iloc[:, i], two.iloc[:, i]
        if a.dtype != b.dtype:
            yield Gap(f"{where}[{short(column)}]", f"{a.dtype}, then {b.dtype}")
        else:
            yield from distances(_plain(a), _plain(b), f"{where}[{short(column)}]")


def _plain(column: Any) -> Any:
    """A column as an array of numpy: of numbers where it holds no other, else of objects."""
    if getattr(column.dtype, "kind", "O") in "iufb" and not column.isna().any():
        return column.to_numpy()
    return column.to_numpy(dtype=float) if getattr(column.dtype, "kind", "O") == "f" else column.to_numpy(dtype=object)


def _state(value: Any) -> Mapping[str, Any]:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name, None) for field in fields(value)}
    slots = [name for cls in type(value).__mro__ for name in getattr(cls, "__slots__", ()) if hasattr(value, name)]
    return {**{name: getattr(value, name) for name in slots}, **getattr(value, "__dict__", {})}


def _made_of(value: Any) -> tuple[Any, ...]:
    """What a copy would be made of, where an object shows no attributes: a generator of numpy, a compiled class."""
    try:
        reduced = value.__reduce_ex__(4)
    except Exception:  # it cannot be copied
        return ()
    return tuple(reduced[1:3]) if isinstance(reduced, tuple) and not isinstance(value, type) else ()


def _as_array(numbers: Sequence[float]) -> Any:
    import numpy

    return numpy.array(numbers, dtype=float)


def _is(value: Any, package: str, *names: str) -> bool:
    module: Any = sys.modules.get(package)
    return module is not None and isinstance(value, tuple(getattr(module, name) for name in names))


def _kind(value: Any) -> str:
    return type(value).__qualname__


def _some(items: Any) -> str:
    listed = sorted(map(short, items))
    return f"{', '.join(listed[:3])}{f' and {len(listed) - 3:,} more' if len(listed) > 3 else ''}" or "nothing"
