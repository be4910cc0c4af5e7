"""Looking after a store: what it takes, cleaning up, checking, and names for runs that shall stay."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from plait import upkeep
from plait.cli.history import table
from plait.cli.telling import Exit, out, say
from plait.ports import Collected, Found, Usage
from plait.settings import DEFAULT
from plait.show.values import printable
from plait.show.wording import when

_DAY = 86400.0
_AGES = {"a day": _DAY, "a week": 7 * _DAY, "a month": 30 * _DAY, "a year": 365 * _DAY}
_MARKS = {"fine": " ok ", "note": "note", "bad": "BAD "}


def usage(by: str, store: str | None, *, now: float, as_json: bool) -> None:
    """Prints what results take, in groups, and what else is there."""
    tended = upkeep.tended(_store(store))
    found, rest = tended.usage(), tended.overhead()
    groups = _grouped(found, _KEYS[by], now)
    if as_json:
        rows = [{by: name, "results": n, "bytes": size, "kept": kept} for name, (n, size, kept) in groups.items()]
        out(json.dumps({"groups": rows, "rest": dict(rest)}, indent=2))
        return
    lines = [[printable(name), f"{n:,}", readable(size), readable(kept)] for name, (n, size, kept) in groups.items()]
    total = sum(one.size for one in found)
    kept = sum(one.size for one in found if one.kept)
    lines += [["all results", f"{len(found):,}", readable(total), readable(kept)]]
    out(table([by, "results", "size", "of it kept"], lines, right={1, 2, 3}))
    if rest:
        out("\n" + table(["besides", "size"], [[what, readable(size)] for what, size in rest.items()], right={1}))


def collect(age: str | None, size: str | None, grace: str, store: str | None, *, dry_run: bool, as_json: bool) -> None:
    """Cleans up, or says what that would take."""
    done = upkeep.collect(age=age, size=size, grace=grace, dry_run=dry_run, store=_store(store))
    out(json.dumps({"dry_run": dry_run, **done._asdict()}, indent=2) if as_json else _said(done, dry_run=dry_run))


def check(store: str | None, *, as_json: bool) -> None:
    """Reads every byte; the exit code is 1 if something was wrong."""
    _told(upkeep.check(store=_store(store)), as_json=as_json)


def doctor(store: str | None, *, as_json: bool) -> None:
    """Looks at the surroundings; the exit code is 1 if something is wrong."""
    _told(upkeep.tended(_store(store)).diagnose(), as_json=as_json)


def rebuild(store: str | None) -> None:
    """Makes the index again."""
    out(f"the index was made again: {upkeep.tended(_store(store)).rebuild():,} records")


def tag(run: str | None, name: str | None, remove: str | None, store: str | None) -> None:
    """Names a run, takes a name away, or prints all of them."""
    if remove is not None:
        out(f"{upkeep.untag(remove, store=_store(store))} is not named {printable(remove)} any more")
    elif run is not None and name is not None:
        upkeep.tag(run, name, store=_store(store))
        out(f"{printable(name)}: what {upkeep.tags(store=_store(store))[name].id} made and used is kept")
    else:
        rows = [
            [printable(name), row.id, printable(row.pipeline), when(row.started), row.status]
            for name, row in sorted(upkeep.tags(store=_store(store)).items())
        ]
        out(table(["name", "run", "pipeline", "when", "status"], rows, right=set()) if rows else "no run has a name")


def readable(size: int) -> str:
    """A number of bytes for people.

    >>> readable(999), readable(1_500_000), readable(20_000_000_000)
    ('999 B', '1.5 MB', '20.0 GB')
    """
    if size < 1000:
        return f"{size} B"
    number, unit = float(size), "B"
    for unit in ("kB", "MB", "GB", "TB"):  # noqa: B007 - the last one is read below
        number /= 1000
        if number < 999.95:
            break
    return f"{number:.1f} {unit}"


_Groups = dict[str, tuple[int, int, int]]
_KEYS: dict[str, Callable[[Usage, float], str]] = {
    "step": lambda one, _: one.step,
    "pipeline": lambda one, _: ", ".join(sorted(one.pipelines)) or "unknown",
    "kind": lambda one, _: one.kind,
    "age": lambda one, now: _age(now - one.used),
}


def _age(seconds: float) -> str:
    return next((f"used within {name}" for name, length in _AGES.items() if seconds < length), "older")


def _grouped(found: Sequence[Usage], key: Callable[[Usage, float], str], now: float) -> _Groups:
    groups: _Groups = {}
    for one in found:
        name = key(one, now)
        n, size, kept = groups.get(name, (0, 0, 0))
        groups[name] = n + 1, size + one.size, kept + (one.size if one.kept else 0)
    return dict(sorted(groups.items(), key=lambda group: (-group[1][1], group[0])))


def _said(done: Collected, *, dry_run: bool) -> str:
    verb = "would go" if dry_run else "went"
    lines = [
        f"{done.results:,} results and {done.blobs:,} blobs {verb}: {readable(done.bytes)}",
        f"{done.kept_results:,} results stay: {readable(done.kept_bytes)}",
        *done.remarks,
    ]
    return "\n".join(lines)


def _told(found: Sequence[Found], *, as_json: bool) -> None:
    if as_json:
        out(json.dumps([one._asdict() for one in found], indent=2))
    else:
        for one in found:
            out(f"{_MARKS[one.level]}  {printable(one.what)}" + (f"\n      {printable(one.move)}" if one.move else ""))
    bad = sum(one.level == "bad" for one in found)
    if bad:
        if not as_json:
            say(f"plait: {bad} {'thing is' if bad == 1 else 'things are'} wrong, or were")
        raise Exit(1)


def _store(store: str | None) -> Any:
    return DEFAULT if store is None else store
