"""Segments: what was kept is read back, and anything else is left out."""

import os
import warnings

import pytest

from plait.stores.local import segments
from plait.stores.local.layout import Layout


def written(tmp_path, bodies, after=0):
    writer = segments.Writer(Layout(str(tmp_path)), after)
    for body in bodies:
        writer.append(segments.RECORD, body)
    writer.sync()
    writer.close()
    return tmp_path / "segments" / writer.name


def bodies(path, offset=0):
    found = [entry for entry, _ in segments.read(str(path), offset)]
    return [segments.body(entry) for entry in found if segments.kind(entry) != segments.OWNER]


@pytest.fixture
def _quiet():
    segments._warned.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    segments._warned.clear()


def test_what_was_kept_is_read_in_order(tmp_path):
    kept = [b"", b"one", b"x" * 300_000, b"two"]
    path = written(tmp_path, kept)
    assert bodies(path) == kept
    ends = [end for _, end in segments.read(str(path))]
    assert ends[-1] == path.stat().st_size
    assert bodies(path, ends[2]) == kept[2:]
    assert bodies(path, ends[-1]) == []


def test_a_segment_says_who_writes_it(tmp_path):
    from plait.stores.local import owners

    path = written(tmp_path, [b"one"])
    assert segments.owner(str(path)) == owners.me()
    assert owners.dead(owners.me()) is False
    path.write_bytes(path.read_bytes()[:20])
    assert segments.owner(str(path)) == ""


def test_a_segment_cut_off_anywhere_gives_what_is_whole(tmp_path):
    kept = [b"first", b"second", b"the last one"]
    path = written(tmp_path, kept)
    whole, ends = path.read_bytes(), [end for _, end in segments.read(str(path))]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # this happens with every crash: nothing to be said
        for length in range(len(whole)):
            path.write_bytes(whole[:length])
            assert bodies(path) == kept[: max(0, sum(end <= length for end in ends) - 1)], length
            path.write_bytes(whole[:length] + bytes(len(whole) - length))  # what a power cut leaves
            segments._warned.add(str(path))
            assert bodies(path) == kept[: max(0, sum(end <= length for end in ends) - 1)], length


@pytest.mark.usefixtures("_quiet")
def test_a_flipped_bit_anywhere_costs_entries_and_never_changes_one(tmp_path):
    kept = [b"first entry", b"second entry", b"third entry"]
    path = written(tmp_path, kept)
    whole, lost = path.read_bytes(), 0
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << position % 8
        path.write_bytes(damaged)
        found = bodies(path)
        assert set(found) <= set(kept), position
        lost += len(found) < len(kept)
    entries = len(whole) - 16
    print(f"{len(whole)} flips, {lost} cost an entry")
    assert lost >= entries - 100  # all but those in the header and in the owner


def test_what_follows_a_damaged_entry_is_still_read_and_it_is_said_once(tmp_path):
    path = written(tmp_path, [b"first", b"second", b"third"])
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"second", b"sEcond"))
    with pytest.warns(UserWarning, match=r"\.seg is damaged at byte \d+"):
        assert bodies(path) == [b"first", b"third"]
    assert bodies(path) == [b"first", b"third"]


def test_a_segment_of_a_later_version_is_left_out_and_said(tmp_path):
    path = written(tmp_path, [b"first"])
    path.write_bytes(path.read_bytes().replace(b"plait-segment 1", b"plait-segment 2", 1))
    with pytest.warns(UserWarning, match="another version of plait"):
        assert bodies(path) == []


def test_stamps_rise_when_the_clock_falls(tmp_path, monkeypatch):
    times = iter([10**18, 10**18 - 10**15, 5, 10**18 + 7, 10**18 + 7])
    monkeypatch.setattr(segments.time, "time_ns", lambda: next(times))
    writer = segments.Writer(Layout(str(tmp_path)), after=0)
    stamps = [segments.stamp(writer.append(segments.RECORD, b"")) for _ in range(5)]
    writer.close()
    assert stamps == sorted(set(stamps))
    monkeypatch.undo()
    later = segments.Writer(Layout(str(tmp_path)), after=9 * 10**18)
    assert segments.stamp(later.append(segments.RECORD, b"")) == 9 * 10**18 + 1
    later.close()


def test_nothing_is_appended_after_a_short_write(tmp_path, monkeypatch):
    writer = segments.Writer(Layout(str(tmp_path)), after=0)
    writer.append(segments.RECORD, b"first")
    path = tmp_path / "segments" / writer.name
    file = writer._file

    class Full:
        full = True

        def write(self, data):
            if not self.full:
                return file.write(data)
            if len(data) > 10:
                return file.write(data[:10])
            raise OSError(28, "No space left on device")

        def __getattr__(self, name):
            return getattr(file, name)

    writer._file = Full()
    for _ in range(2):
        with pytest.raises(OSError, match="No space"):
            writer.append(segments.RECORD, b"second")
    writer._file.full = False
    writer.append(segments.RECORD, b"third")
    writer.close()
    assert bodies(path) == [b"first", b"third"]


def test_what_could_not_be_made_durable_is_written_to_another_file_and_never_asked_for_again(tmp_path, monkeypatch):
    writer = segments.Writer(Layout(str(tmp_path)), after=0)
    writer.append(segments.RECORD, b"first")
    first = writer.name

    def refuse(_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(segments, "_sync", refuse)
    with pytest.raises(OSError, match="Input/output"):
        writer.sync()
    monkeypatch.undo()
    writer.append(segments.RECORD, b"second")
    assert writer.name != first
    assert bodies(tmp_path / "segments" / writer.name) == [b"first", b"second"]
    monkeypatch.setattr(segments, "_sync", refuse)
    with pytest.raises(OSError, match="Input/output"):
        writer.sync()
    monkeypatch.undo()
    writer.finish()
    writer.close()
    found = [entry for entry, _ in segments.read(str(tmp_path / "segments" / writer.name))]
    assert [segments.kind(entry) for entry in found] == [
        segments.OWNER, segments.RECORD, segments.RECORD, segments.END
    ]  # fmt: skip


def test_what_is_kept_is_durable_within_a_quarter_of_a_second(tmp_path, monkeypatch):
    synced, clock = [], [100.0]
    monkeypatch.setattr(segments.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(segments, "_sync", lambda fd: synced.append(clock[0]))
    writer = segments.Writer(Layout(str(tmp_path)), after=0)
    for _ in range(100):
        writer.append(segments.RECORD, b"x")
        clock[0] += 0.01
    assert 3 <= len(synced) <= 4
    writer.finish()
    writer.close()
    assert synced[-1] == clock[0]
    assert os.path.getsize(tmp_path / "segments" / writer.name) == writer.end
