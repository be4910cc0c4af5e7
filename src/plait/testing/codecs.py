"""What every codec must do, ours or yours: run each of `CHECKS` over values of the kind that it is for.

from plait.testing.codecs import CHECKS, Case

@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_my_codec(check, tmp_path):
    check(Case(create(), my_value, tmp_path))
"""

import contextlib
import functools
import io
import os
import pickle
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from plait import plugins
from plait.core.digest import Digest
from plait.core.values import Values
from plait.files import File
from plait.ports import Codec, UnwritableError


@dataclass(frozen=True)
class Case:
    """A value, the codec of its kind, and an empty folder. `writer` keeps it where the codec itself cannot.

    `spoilers` are functions that do to a value the worst that a step could do to its argument.
    """

    codec: Codec
    value: Any
    folder: Path
    spoilers: Sequence[Callable[[Any], object]] = ()

    @property
    def writer(self) -> Codec:
        """The codec that keeps the value: its own, or the first one after it that can."""
        canonical, others = self.codec.canonical(self.value), cast(tuple[Codec, ...], plugins.codecs())
        if self.codec in others:
            others = others[others.index(self.codec) + 1 :]
        for codec in (self.codec, *others):
            if codec.accepts(self.value):
                with contextlib.suppress(UnwritableError):
                    codec.write(canonical, io.BytesIO())
                    return codec
        raise UnwritableError(f"no codec keeps a {type(self.value).__qualname__}")

    def written(self) -> bytes:
        """The bytes of its canonical form."""
        file = io.BytesIO()
        self.writer.write(self.codec.canonical(self.value), file)
        return file.getvalue()

    def mapped(self) -> Any:
        """Its canonical form, read back from a file."""
        path = self.folder / f"blob{self.value.suffix if type(self.value) is File else ''}"
        path.write_bytes(self.written())
        return self.writer.read(path)


class Box:
    """An object around a value: what it holds is kept as it lies in memory, so its digest tells layouts apart."""

    def __init__(self, value: object) -> None:
        self.value = value


def digest(value: object) -> Digest:
    """The name of a value, as a run would give it; functions and classes go by name."""
    return _values().digest(value)


def form(value: object) -> tuple[type, Digest, Digest]:
    """Values of the same form are the same for any reader: their type, their content, and how they lie in memory."""
    return type(value), digest(value), digest(Box(value))


@functools.cache
def _values() -> Values:
    return Values([codec for codec in plugins.codecs() if codec.names_values], _by_name)


def _by_name(code: Any) -> bytes:
    return f"{code.__module__}.{code.__qualname__}".encode()


def a_codec_says_what_it_is(case: Case) -> None:
    """It has a name, says whether reading runs code, and can be sent to a worker."""
    codec = case.codec
    assert codec.name.isidentifier()
    assert type(codec.runs_code) is type(codec.names_values) is type(codec.maps(case.value)) is bool
    assert pickle.loads(pickle.dumps(codec)) == codec  # noqa: S301 - made here
    assert codec.accepts(case.value)


def the_digest_depends_on_content_alone(case: Case) -> None:
    """Asked twice, and of a copy, it is the same."""
    assert digest(case.value) == digest(case.value)
    assert digest(_copied(case.value)) == digest(case.value)


def the_canonical_form_is_the_same_value(case: Case) -> None:
    assert digest(case.codec.canonical(case.value)) == digest(case.value)


def the_canonical_form_of_itself_is_itself(case: Case) -> None:
    canonical = case.codec.canonical(case.value)
    assert form(case.codec.canonical(canonical)) == form(canonical)


def what_is_read_from_a_file_is_the_canonical_form(case: Case) -> None:
    """Else a run from a warm store could differ in its last bits from a cold one."""
    if not os.path.isdir(case.folder) or not _is_kept(case):
        return
    assert form(case.mapped()) == form(case.codec.canonical(case.value))


def what_is_read_from_a_record_is_the_canonical_form(case: Case) -> None:
    """Small values ride inside their record, as bytes."""
    if isinstance(case.value, os.PathLike) or not _is_kept(case):  # a file is read where it lies
        return
    assert form(case.writer.read(case.written())) == form(case.codec.canonical(case.value))


def equal_values_are_written_as_equal_bytes(case: Case) -> None:
    """Else blobs would not be shared, and a second run would look nondeterministic."""
    if not _is_kept(case) or case.writer.runs_code:
        return
    assert case.written() == case.written()


def what_is_mapped_is_written_as_it_lies(case: Case) -> None:
    """Long values are not made canonical before they are written, so their layout must not show in their file."""
    if not _is_kept(case) or not case.codec.maps(case.value):
        return
    file = io.BytesIO()
    with contextlib.suppress(UnwritableError):
        case.codec.write(case.value, file)
        assert file.getvalue() == case.written()


def a_file_that_refuses_stops_the_writing(case: Case) -> None:
    """A value too long for its record is found out by an error of the file, which must come through."""
    if not _is_kept(case) or not case.written():
        return
    full: Any = _Full()
    try:
        case.writer.write(case.codec.canonical(case.value), full)
    except _FullError:
        return
    raise AssertionError(f"{case.writer.name} lost the error of the file that it wrote to")


def a_shared_value_is_the_same_value(case: Case) -> None:
    canonical = case.codec.canonical(case.value)
    assert type(case.codec.share(canonical)) is type(canonical)
    assert digest(case.codec.share(canonical)) == digest(case.value)


def what_one_reader_does_reaches_nobody_else(case: Case) -> None:
    """Neither another reader, nor the next one, nor the producer, nor the file."""
    kept = [case.codec.canonical(case.value)]
    if _is_kept(case):
        kept.append(case.mapped())
    for canonical in kept:
        other, before = case.codec.share(canonical), form(canonical)
        for spoil in case.spoilers:
            _try(spoil, case.codec.share(canonical))
            assert form(canonical) == before, spoil
            assert digest(other) == digest(case.codec.share(canonical)) == digest(case.value), spoil
    if len(kept) > 1:
        assert form(case.mapped()) == form(kept[1])


def what_the_producer_does_later_reaches_no_reader(case: Case) -> None:
    """A step may keep what it returned, and change it."""
    for spoil in case.spoilers:
        value = _copied(case.value)
        canonical = case.codec.canonical(value)
        _try(spoil, value)
        assert digest(canonical) == digest(case.value), spoil


CHECKS: Sequence[Callable[[Case], None]] = (
    a_codec_says_what_it_is,
    the_digest_depends_on_content_alone,
    the_canonical_form_is_the_same_value,
    the_canonical_form_of_itself_is_itself,
    what_is_read_from_a_file_is_the_canonical_form,
    what_is_read_from_a_record_is_the_canonical_form,
    equal_values_are_written_as_equal_bytes,
    what_is_mapped_is_written_as_it_lies,
    a_file_that_refuses_stops_the_writing,
    a_shared_value_is_the_same_value,
    what_one_reader_does_reaches_nobody_else,
    what_the_producer_does_later_reaches_no_reader,
)


def _is_kept(case: Case) -> bool:
    """Can any codec keep it? What none can is in memory for one run only."""
    try:
        case.written()
    except UnwritableError:
        return False
    return True


def _copied(value: Any) -> Any:
    # A deep copy of a frame is not deep where it holds objects; a fresh decode is.
    return plugins.codecs()[-1].canonical(value)


def _try(spoil: Callable[[Any], object], value: Any) -> None:
    with contextlib.suppress(Exception), warnings.catch_warnings(action="ignore"):  # to refuse is to protect
        spoil(value)


class _FullError(Exception):
    """The file takes no more."""


class _Full(io.RawIOBase):
    """A file that takes nothing."""

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        raise _FullError
