"""Accepting: a person vouches that a change of code changes no result, so that it stands; and takes it back.

It is logged in the store: who, when, which code became which, and why. It is a function and no method of `Pipeline`,
since it changes what is kept and not what is asked.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from plait.core.records import Acceptance
from plait.errors import PlaitError
from plait.settings import DEFAULT

if TYPE_CHECKING:
    from plait.pipeline import Pipeline, Target
    from plait.ports import Ledger


class Acceptances(list[Acceptance]):
    """What was accepted; `left` has the items of maps that were not, with the reason of each."""

    def __init__(self, found: Iterable[Acceptance], left: Mapping[str, str]) -> None:
        super().__init__(found)
        self.left = dict(left)


def accept(pipeline: "Pipeline[..., Any]", *nodes: "Target", note: str = "", **arguments: Any) -> Acceptances:
    """Vouch that the code of some nodes gives what it gave before it was changed: they are hits again.

    `arguments` are those of `plan`. All of the nodes are accepted or none: `PlaitError` says of which one more than its
    code is not as it was, or nothing is kept. Of a map, the items that differ only in code are accepted, and the others
    (new ones, and those that failed) are left to run; `left` of what is returned says which, and why. What comes after
    them then is a hit too, where it has not changed itself.
    """
    from plait.opening import SystemClock
    from plait.runtime.accepting import accept as accept_in
    from plait.session import asked

    if not nodes:
        raise PlaitError(f"accept({pipeline.name}): name the nodes whose change of code changes no result")
    with asked(pipeline, nodes, arguments) as session:
        ledger = session.ledger(session.store)
        if ledger is None:
            raise PlaitError("without a store nothing is kept that could be accepted")
        request, clock = session.request(""), SystemClock()
        found = accept_in(request, vault=session.vault, ledger=ledger, clock=clock, by=_user(), note=note)
        return Acceptances(found.acceptances, found.left)


def accepted(*, store: Any = DEFAULT) -> Sequence[Acceptance]:
    """All that was accepted in a store, newest first; what was withdrawn says by whom and when."""
    with _ledger(store) as ledger:
        return ledger.accepted()


def withdraw(id: str, *, store: Any = DEFAULT) -> list[Acceptance]:  # noqa: A002 - the word of the public surface
    """Takes back what was accepted under an id, and what was accepted on its ground: they are to be run again."""
    from plait.opening import SystemClock
    from plait.runtime.accepting import withdraw as withdraw_from

    with _ledger(store) as ledger:
        return list(withdraw_from(ledger, id, by=_user(), at=SystemClock().now()))


@contextmanager
def _ledger(store: Any) -> "Iterator[Ledger]":
    from plait.opening import opened

    place = opened(store)
    if place is None:
        raise PlaitError("without a store nothing is accepted")
    ledger = place.ledger()
    try:
        yield ledger
    finally:
        ledger.close()


def _user() -> str:
    """Who is at work; in a container there may be nobody of a name."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return "unknown"
