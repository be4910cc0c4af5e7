"""All that the segments say, read whole: which record of each key holds, where it lies, and who used it when.

It is what cleaning up, checking and measuring go by. It holds no values, only what is said of them.
"""

import os
from collections.abc import Iterable, Mapping
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from plait.core.records import Acceptance
from plait.core.retention import Result, blobs_of, kinds_of
from plait.history.rows import blobs_of_run
from plait.ports import RunRow, Usage
from plait.stores.local import owners, segments
from plait.stores.local.bodies import acceptance_of, code_of, record_of, run_of
from plait.stores.local.index import short
from plait.stores.local.layout import Layout

_KEY = attrgetter("key")
TEXTS = "texts of "  # what the keys begin with under which the texts of runs are looked at
Place = tuple[str, int]  # the name of a segment, and where in it an entry ends


class Line(NamedTuple):
    """What holds for a key."""

    rank: int
    writer: int
    place: Place
    size: int  # bytes of its entry
    key: str
    node: str
    step: str
    code: str
    made: float
    seconds: float
    blobs: tuple[str, ...]
    kind: str
    bytes: int  # of its values, wherever they are
    durable: bool


class Row(NamedTuple):
    """What was last said of a run, or of an acceptance."""

    stamp: int
    writer: int
    place: Place
    size: int


class Segment(NamedTuple):
    """A segment, as it was read."""

    closed: bool  # nothing more will be written to it
    size: int  # bytes of its file
    sound: int  # of these, those that are entries
    last: int  # the greatest stamp


class Catalogue:
    """The contents of all segments."""

    def __init__(self) -> None:
        self.records: dict[str, Line] = {}
        self.code: dict[str, tuple[Place, int]] = {}
        self.runs: dict[str, tuple[Row, RunRow]] = {}
        self.accepted: dict[str, tuple[Row, Acceptance]] = {}
        self.strange: set[Place] = set()  # of a later version: never ours to judge
        self.later: list[str] = []  # segments of a later version
        self.segments: dict[str, Segment] = {}
        self.unread: list[str] = []

    def uses(self) -> dict[str, float]:
        """When a run last used each key."""
        found: dict[str, float] = {}
        for _, run in self.runs.values():
            at = max(run.started, run.finished)
            for key in map(_KEY, run.nodes):
                if key and at > found.get(key, 0.0):
                    found[key] = at
        return found

    def tagged(self) -> set[str]:
        """The keys that runs with a name used."""
        return {key for _, run in self.runs.values() if run.tags for key in map(_KEY, run.nodes)}

    def used(self) -> dict[str, float]:
        """When each record was last used by a run; else when it was made."""
        uses = self.uses()
        return {key: max(line.made, uses.get(key, 0.0)) for key, line in self.records.items()}

    def kept(self, held: Iterable[str] = ()) -> dict[str, str]:
        """Why records cannot be taken: by key. `held` are the keys, as the index has them, that somebody holds."""
        found: dict[str, str] = {}
        for key, line in self.records.items():
            if line.durable:
                found[key] = "durable"
        for key, (_, one) in self.accepted.items():
            if not one.withdrawn:
                found[key] = "accepted"
        found.update((key, "tagged") for key in self.tagged())
        living = set(held)
        for key, line in self.records.items():
            if not self.segments[line.place[0]].closed or short(key).hex() in living:
                found[key] = "running"
        return found

    def results(self, held: Iterable[str] = ()) -> list[Result]:
        """The records, as far as a decision about them goes."""
        used, kept = self.used(), self.kept(held)
        return [
            Result(key, used[key], line.seconds, line.size, line.blobs, kept.get(key, ""))
            for key, line in self.records.items()
        ]

    def texts(self) -> list[Result]:
        """What runs printed and said of their failures, as if each run's were one result that it used.

        So the same limits hold for it, and a name of a run keeps it. The key is that of no record.
        """
        return [
            Result(f"{TEXTS}{name}", max(run.started, run.finished), 0.0, 0, blobs, self._why_kept(row, run))
            for name, (row, run) in self.runs.items()
            if (blobs := tuple(dict.fromkeys(blobs_of_run(run))))
        ]

    def _why_kept(self, row: Row, run: RunRow) -> str:
        if run.tags:
            return "tagged"
        return "" if self.segments[row.place[0]].closed else "running"

    def usage(self, sizes: Mapping[str, int], held: Iterable[str] = ()) -> list[Usage]:
        """What each result takes; a blob counts for the first that has it."""
        used, kept, seen = self.used(), self.kept(held), set[str]()
        pipelines: dict[str, dict[str, None]] = {}
        for _, run in self.runs.values():
            for key in map(_KEY, run.nodes):
                pipelines.setdefault(key, {})[run.pipeline] = None
        found = []
        for key, line in sorted(self.records.items(), key=lambda item: item[1].made):
            own = set(line.blobs) - seen
            seen |= own
            size = line.size + sum(sizes.get(blob, 0) for blob in own)
            by = tuple(pipelines.get(key, ()))
            found.append(Usage(line.step, line.node, by, line.kind, size, used[key], kept.get(key, "")))
        return found

    def accepted_blobs(self) -> set[str]:
        """The blobs that acceptances speak of: they are found like records."""
        return {
            blob for _, one in self.accepted.values() if not one.withdrawn for blob in blobs_of(one.record.artifact)
        }

    def shorts(self) -> dict[str, set[bytes]]:
        """All that is in it, as the index names it, by table."""
        return {
            "records": set(map(short, self.records)),
            "code": set(map(short, self.code)),
            "runs": set(map(short, self.runs)),
            "accepted": set(map(short, self.accepted)),
        }

    def take(self, entry: segments.Entry, place: Place, writer: int) -> None:
        """Takes in an entry."""
        kind, body, stamp = segments.kind(entry), segments.body(entry), segments.stamp(entry)
        if kind in (segments.RECORD, segments.NEWEST):
            record = record_of(body)
            if record is None:
                self.strange.add(place)
                return
            rank = segments.rank(entry)
            known = self.records.get(record.key)
            if known is None or (rank, writer) > known[:2]:
                artifact = record.artifact
                self.records[record.key] = Line(
                    rank,
                    writer,
                    place,
                    len(entry),
                    record.key,
                    record.node,
                    record.step,
                    record.code,
                    record.made,
                    record.seconds,
                    tuple(dict.fromkeys(blobs_of(artifact))),
                    kinds_of(artifact),
                    artifact.size,
                    record.retention == "durable",
                )
        elif kind == segments.CODE and (code := _code_of(body)) is not None:
            self.code.setdefault(code, (place, len(entry)))
        elif kind == segments.RUN and (run := run_of(body)) is not None:
            row = Row(stamp, writer, place, len(entry))
            if run.id not in self.runs or row[:2] > self.runs[run.id][0][:2]:
                self.runs[run.id] = (row, run)
        elif kind == segments.ACCEPTANCE and (one := acceptance_of(body)) is not None:
            row = Row(stamp, writer, place, len(entry))
            if one.record.key not in self.accepted or row[:2] > self.accepted[one.record.key][0][:2]:
                self.accepted[one.record.key] = (row, one)
        elif kind not in (segments.OWNER, segments.END):
            self.strange.add(place)


def _code_of(body: bytes) -> str | None:
    try:
        return code_of(body)[0]
    except ValueError:
        return None


def read(layout: Layout) -> Catalogue:
    """All that the segments say now."""
    found = Catalogue()
    for name in segments.names(segments.listed(layout.segments)):
        path = os.path.join(layout.segments, name)
        try:
            found.segments[name] = _read(found, name, path)
        except FileNotFoundError:  # another clean-up was quicker
            continue
        except OSError:
            found.unread.append(name)
    return found


def _read(found: Catalogue, name: str, path: str) -> Segment:
    writer, sound, last = segments.writer_of(name), len(segments.MAGIC), 0
    # asked first: if the owner lives, it may go on writing behind our back
    closed = owners.dead(segments.owner(path)) is True
    if segments.later(path):
        found.later.append(name)
        return Segment(False, Path(path).stat().st_size, 0, 0)
    for entry, end in segments.read(path):
        found.take(entry, (name, end), writer)
        sound += len(entry)
        last = max(last, segments.stamp(entry))
        closed = closed or segments.kind(entry) == segments.END
    return Segment(closed, Path(path).stat().st_size, sound, last)
