"""Accepting a change of code: a record under the new key, for the value that the old code gave.

A person says that the change changes no result; plait checks all else. The nearest earlier record must have the same
inputs, and its key must be the one that its code and these inputs have in the environment as it is now: then the code
is all that differs. Nothing is written unless every node that was named can be accepted.
"""

from collections.abc import Mapping
from typing import NamedTuple

from plait.core.addresses import node_of
from plait.core.digest import Digest
from plait.core.graph import Node
from plait.core.keys import arguments
from plait.core.manifest import manifest
from plait.core.records import Acceptance, Record
from plait.errors import PlaitError
from plait.ports import Clock, Ledger
from plait.runtime.plan import Planned, why
from plait.runtime.planning import Planning, nodes
from plait.runtime.request import Request
from plait.runtime.results import is_fresh
from plait.runtime.vault import Vault

_EARLIER = 1000  # records of a step, among which the one with the same inputs is looked for


class Accepted(NamedTuple):
    """What was accepted, and why items of maps were left."""

    acceptances: tuple[Acceptance, ...]
    left: Mapping[str, str]  # by the names of the items


def accept(request: Request, *, vault: Vault, ledger: Ledger, clock: Clock, by: str, note: str) -> Accepted:
    """Accept the targets of a request; `PlaitError` says what cannot be accepted, and why.

    Of a map those items are accepted that differ only in their code; the others are left. At least one is accepted.
    """
    planning = Planning(request, vault, ledger, clock)
    for name, value in request.given.items():
        planning.give(name, value)
        if name in request.targets:
            raise PlaitError(f"{name} cannot be accepted: it is given")
    found: list[Acceptance] = []
    left: dict[str, str] = {}
    for node in nodes(planning):
        name, planned = node.name, planning.node(node)
        if node_of(name) not in request.targets:
            continue
        try:
            record = _earlier(planned, node, planning, ledger)
        except PlaitError as error:
            if "[" not in name:
                raise
            left[name] = (
                str(error).removeprefix(f"{name} ").removeprefix("cannot be accepted").removeprefix(": ").strip()
            )
            continue
        code = vault.naming.code(node.definition)
        assert planned.key is not None
        new = record._replace(key=planned.key, node=name, code=code.digest)
        found.append(Acceptance(new, record.key, record.code, request.graph.name, by, clock.now(), note))
        planning.artifacts[name] = record.artifact  # what comes after it is looked at as if it were known
    for base in {node_of(name) for name in left}:
        if not any(node_of(one.record.node) == base for one in found):
            name = next(name for name in left if node_of(name) == base)
            raise PlaitError(f"no item of {base} can be accepted. {name}: {left[name]}")
    for acceptance in found:
        definition = request.graph.nodes[node_of(acceptance.record.node)].definition
        ledger.add_code(acceptance.record.code, manifest(vault.naming.code(definition)))
        ledger.accept(acceptance)
    return Accepted(tuple(found), left)


def withdraw(ledger: Ledger, wanted: str, *, by: str, at: float) -> tuple[Acceptance, ...]:
    """Takes an acceptance back, and all that were accepted on its ground; they are misses again."""
    standing = [one for one in ledger.accepted() if not one.withdrawn]
    found = [one for one in standing if wanted and one.record.key.startswith(wanted)]
    if len(found) != 1:
        many = f"{len(found)} acceptances begin with {wanted}" if found else f"nothing accepted has the id {wanted}"
        listed = ", ".join(one.id for one in found or standing)
        raise PlaitError(f"{many}{f'. There is: {listed}' if listed else ', and nothing else is accepted'}")
    for one in found:
        found += [other for other in standing if other.source == one.record.key and other not in found]
    withdrawn = tuple(one._replace(withdrawn=by, withdrawn_at=at) for one in found)
    for one in withdrawn:
        ledger.accept(one)
    return withdrawn


def _earlier(planned: Planned, node: Node, planning: Planning, ledger: Ledger) -> Record:
    """The record of which nothing but the code is not as it is now."""
    name, cannot = node.name, f"{node.name} cannot be accepted"
    if planned.state == "hit":
        raise PlaitError(f"{name} is up to date: there is nothing to accept")
    if planned.waits_for:
        above = ", ".join(planned.waits_for)
        raise PlaitError(f"{cannot} while {above} would run: accept {above} too, or run first")
    word = "runs each time" if node.definition.options.cache is False else planned.reasons[0].word
    if planned.reasons[0].before is None or word == "runs each time":
        raise PlaitError(f"{cannot}: {_WORDS.get(word, word)}")
    given = tuple(arguments(node, planning.digests))
    code: Digest = planning.vault.naming.code(node.definition).digest
    same = [
        record
        for record in ledger.earlier(planning.vault.naming.home(node.definition), _EARLIER)
        if dict(record.inputs) == dict(given) and record.code != code and planning.same_surroundings(node, record)
    ]
    if not same:
        raise PlaitError(f"{cannot}: not only its code differs from what is kept ({why(planned)})")
    usable = [
        record
        for record in sorted(same, key=lambda record: (record.node == name, record.made), reverse=True)
        if is_fresh(node, record.made, planning.clock) and planning.vault.available(record.artifact)
    ]
    if not usable:
        raise PlaitError(f"{cannot}: its earlier result is too old, or cannot be read any more")
    return usable[0]


_WORDS = {
    "new": "nothing was kept of it before",
    "runs each time": "it runs each time, since its step says cache=False",
    "too old": "its result is older than its step allows",
    "its bytes are gone": "its code did not change; its result cannot be read any more",
}
