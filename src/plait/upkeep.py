"""Looking after a store: what it takes, cleaning up, checking, and names for runs that shall stay.

Each function is about the store of an option `store`, as in `run`: a folder, a store, or by default the one that runs
use. They are functions and no methods of `Pipeline`, since a store serves many pipelines.
"""

from collections.abc import Sequence
from contextlib import closing
from typing import Any

from plait.core.definition import near
from plait.core.durations import seconds
from plait.errors import PlaitError
from plait.opening import opened
from plait.ports import Collected, Found, Ledger, Limits, RunRow, Store, Tended, Upkeep
from plait.settings import DEFAULT

AGE = "30d"
GRACE = "24h"
_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12} | {
    "KIB": 1 << 10,
    "MIB": 1 << 20,
    "GIB": 1 << 30,
    "TIB": 1 << 40,
}
_MANY = 100_000  # runs that are searched


def collect(
    *, age: str | None = None, size: str | None = None, grace: str = GRACE, dry_run: bool = False, store: Any = DEFAULT
) -> Collected:
    """Remove results that nobody used for long, and say what came free.

    `age` ("30d") is how long a result may go unused; `size` ("20GB") is what may stay in all, of which the longest
    unused goes first. Given neither, `age` is 30 days. What was made or used within `grace` stays, and so does what
    a tagged run used, or what a living process uses. With `dry_run` nothing is removed. It may be called while
    pipelines run: what it takes is made again when it is needed.

    >>> import tempfile
    >>> collect(store=tempfile.mkdtemp() + "/store").results
    0
    """
    if age is None and size is None:
        age = AGE
    limits = Limits(None if age is None else seconds(age), None if size is None else size_of(size), seconds(grace))
    return tended(store).collect(limits, dry_run=dry_run)


def check(*, store: Any = DEFAULT) -> Sequence[Found]:
    """Read every byte of a store, mend what can be mended, and say what was found: "bad" where something was wrong."""
    return tended(store).check()


def tag(run: str, name: str, *, store: Any = DEFAULT) -> None:
    """Name a run, so that no clean-up takes what it made or used. A name is of one run: another one loses it."""
    if not name.strip() or name != name.strip() or not name.isprintable():
        raise PlaitError(f"{name!r} is no name for a run; give a word or two")
    with closing(_store(store).ledger()) as ledger:
        wanted = run_of(ledger, run)
        if wanted.status == "running":
            raise PlaitError(f"{wanted.id} is running; name it when it has ended")
        if not any(node.key for node in wanted.nodes):
            raise PlaitError(f"{wanted.id} {wanted.status}, and kept no results that a name could protect")
        for other in ledger.runs(None, _MANY):
            if name in other.tags and other.id != wanted.id:
                ledger.add_run(_without(other, name))
        ledger.add_run(_without(wanted, name)._replace(tags=(*_without(wanted, name).tags, name)))


def untag(name: str, *, store: Any = DEFAULT) -> str:
    """Take a name from the run that has it: the id of that run."""
    with closing(_store(store).ledger()) as ledger:
        rows = ledger.runs(None, _MANY)
        for row in rows:
            if name in row.tags:
                ledger.add_run(_without(row, name))
                return row.id
    known = sorted({tag for row in rows for tag in row.tags})
    raise PlaitError(f"no run is named {name!r}{near(name, known)}")


def tags(*, store: Any = DEFAULT) -> dict[str, RunRow]:
    """The runs that have a name, by name."""
    with closing(_store(store).ledger()) as ledger:
        return {name: row for row in ledger.runs(None, _MANY) for name in row.tags}


def tended(store: Any = DEFAULT) -> Upkeep:
    """Who looks after a store; `PlaitError` if it is of a kind that nobody can look after."""
    found = _store(store)
    if not isinstance(found, Tended):
        raise PlaitError(f"{found!r} cannot be looked after by plait; it has no upkeep()")
    return found.upkeep()


def run_of(ledger: Ledger, run: str) -> RunRow:
    """The run of an id, of the beginning of one, or the last one; `PlaitError` if there is none, or several."""
    rows = ledger.runs(None, 1 if run == "last" else _MANY)
    found = [row for row in rows if run in ("last", row.id)] or [row for row in rows if row.id.startswith(run)]
    if len(found) == 1:
        return found[0]
    if found:
        raise PlaitError(f"{len(found)} runs begin with {run}: {', '.join(row.id for row in found[:5])}")
    hint = near(run, [row.id for row in rows])
    raise PlaitError(f"there is no run {run}{hint or '; `plait runs` lists them'}")


def size_of(text: str) -> int:
    """A number of bytes, as people write it.

    >>> size_of("20GB"), size_of("1.5 GiB"), size_of("300")
    (20000000000, 1610612736, 300)
    """
    number = text.strip().rstrip("BKMGTibkmgt ")
    unit = text.strip()[len(number) :].strip().upper()
    try:
        return int(float(number) * _UNITS[unit])
    except (ValueError, KeyError, OverflowError):
        raise PlaitError(f'{text!r} is no size; write a number and a unit, such as "500MB" or "20GB"') from None


def _without(run: RunRow, name: str) -> RunRow:
    return run._replace(tags=tuple(tag for tag in run.tags if tag != name))


def _store(store: Any) -> Store:
    found = opened(store)
    if found is None:
        raise PlaitError("there is no store to look after")
    return found
