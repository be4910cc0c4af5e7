"""Finding out what a run would do: the walk of the scheduler, without the work."""

from collections.abc import Sequence
from typing import Any

from plait.core.graph import Node
from plait.core.keys import arguments, node_key
from plait.core.manifest import Change, changes, manifest, parts
from plait.core.reasons import Reason, nearest, reasons
from plait.core.records import Artifact
from plait.ports import Clock, Ledger
from plait.runtime.digests import InputDigests
from plait.runtime.execute import is_fresh
from plait.runtime.plan import Plan, Planned
from plait.runtime.request import Request
from plait.runtime.vault import Vault


def plan(request: Request, *, vault: Vault, ledger: Ledger | None, clock: Clock) -> Plan:
    """What `execute` would do with a request."""
    planning = _Planning(request, vault, ledger, clock)
    given = [planning.give(name, value) for name, value in request.given.items()]
    return Plan(request.graph.name, given + [planning.node(name) for name in request.needed])


class _Planning:
    def __init__(self, request: Request, vault: Vault, ledger: Ledger | None, clock: Clock) -> None:
        self.request, self.vault, self.ledger, self.clock = request, vault, ledger, clock
        self.artifacts: dict[str, Artifact] = {}  # of the nodes that are known
        self.digests = InputDigests(vault.naming, request.surface, self.artifacts)

    def give(self, name: str, value: Any) -> Planned:
        """A node whose value was given."""
        if self.ledger is not None:
            self.artifacts[name] = self.vault.given(self.request.graph.nodes[name].definition, value)
        return Planned(name, "given")

    def node(self, name: str) -> Planned:
        """What would become of a node, when all before it were looked at."""
        node = self.request.graph.nodes[name]
        if self.ledger is None:
            return Planned(name, "run", (Reason("nothing is kept"),))
        known = {*self.artifacts, *self.request.given}
        unknown = tuple(parent for parent in self.request.graph.reads[name] if parent not in known)
        if unknown:
            return self._waiting(self.ledger, node, unknown)
        given = arguments(node, self.digests)
        key = node_key(self.vault.naming.prefix(node.definition), given)
        record = self.ledger.find([key]).get(key)
        if record is None:
            earlier = self.ledger.earlier(node.definition.home)
            found = reasons(node, self.vault.naming.code(node.definition).digest, given, earlier)
            return Planned(name, "run", tuple(found), self._changed(self.ledger, node, found))
        if not is_fresh(node, record, self.clock.now()):
            return Planned(name, "run", (Reason("too old" if node.definition.options.cache else "runs each time"),))
        if name in self.request.read and not self.vault.available(record.artifact):
            return Planned(name, "run", (Reason("its bytes are gone"),))
        self.artifacts[name] = record.artifact
        return Planned(name, "hit", seconds=record.seconds)

    def _waiting(self, ledger: Ledger, node: Node, unknown: tuple[str, ...]) -> Planned:
        """A node whose inputs are not known yet; it is sure to run, if its own code was never seen."""
        earlier = ledger.earlier(node.definition.home, 100)
        code = self.vault.naming.code(node.definition).digest
        if not earlier:
            return Planned(node.name, "run", (Reason("new"),), waits_for=unknown)
        if node.definition.options.cache is False:
            return Planned(node.name, "run", (Reason("runs each time"),), waits_for=unknown)
        if any(record.code == code for record in earlier):
            return Planned(node.name, "wait", waits_for=unknown)
        found = [Reason("code", before=nearest(node, code, {}, earlier))]
        return Planned(node.name, "run", tuple(found), self._changed(ledger, node, found), unknown)

    def _changed(self, ledger: Ledger, node: Node, found: Sequence[Reason]) -> tuple[Change, ...]:
        """What of a node's code is not what it was."""
        before = next((ledger.code(r.before.code) for r in found if r.word == "code" and r.before), None)
        return (
            ()
            if before is None
            else tuple(changes(parts(before), parts(manifest(self.vault.naming.code(node.definition)))))
        )
