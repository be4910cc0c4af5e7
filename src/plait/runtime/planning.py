"""Finding out what a run would do: the walk of the scheduler, without the work."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from blake3 import blake3

from plait.core.addresses import node_of
from plait.core.demand import deciding
from plait.core.digest import Digest, Key
from plait.core.graph import Node, reads
from plait.core.keys import arguments, node_key
from plait.core.manifest import Change, changes, manifest, parts
from plait.core.reasons import FAILED, Reason, differences, kind_of, nearest, reasons
from plait.core.records import Artifact, Record
from plait.core.sources import outputs
from plait.history.nodes import NodeRun
from plait.history.reading import last_failures
from plait.ports import Clock, Ledger
from plait.runtime.digests import InputDigests
from plait.runtime.foreseeing import Foreseeing
from plait.runtime.plan import Plan, Planned
from plait.runtime.request import Request
from plait.runtime.results import is_fresh, is_usable
from plait.runtime.vault import Vault

_EARLIER = 100  # records of a step that are looked at
_RUNS = 5  # that are searched for failures


def plan(request: Request, *, vault: Vault, ledger: Ledger | None, clock: Clock) -> Plan:
    """What `execute` would do with a request."""
    planning = Planning(request, vault, ledger, clock)
    planned = [planning.give(name, value) for name, value in request.given.items()]
    if not request.graph.folded:
        return Plan(request.graph.name, planned + [planning.node(node) for node in nodes(planning)])
    foreseen = Foreseeing(planning)
    planned += [planning.node(node) for node in foreseen.nodes()]
    planned += foreseen.others()
    places = {name: place for place, name in enumerate(request.graph.nodes)}
    return Plan(
        request.graph.name, sorted(planned, key=lambda one: (places[node_of(one.node)], foreseen.place(one.node)))
    )


def nodes(planning: "Planning") -> Iterator[Node]:
    """The nodes that a run would have, each after those that it reads, as far as they are known."""
    request = planning.request
    if request.graph.folded:
        return Foreseeing(planning).nodes()
    return (request.graph.nodes[name] for name in request.needed)


class Planning:
    """What is known while the nodes of a request are looked at, each after those that it reads."""

    def __init__(self, request: Request, vault: Vault, ledger: Ledger | None, clock: Clock) -> None:
        self.request, self.vault, self.ledger, self.clock = request, vault, ledger, clock
        self.artifacts: dict[str, Artifact] = {}  # of the nodes that are known
        self.read = request.read.union(deciding(request.graph)) if request.graph.folded else request.read
        self.digests = InputDigests(vault.naming, request.surface, self.artifacts)

    @cached_property
    def failed(self) -> Mapping[str, NodeRun]:
        """The nodes that failed when a run last needed them."""
        return {} if self.ledger is None else last_failures(self.ledger.runs(self.request.graph.name, _RUNS))

    def give(self, name: str, value: Any) -> Planned:
        """A node whose value was given."""
        if self.ledger is not None:
            definition = self.request.graph.nodes[node_of(name)].definition
            if name not in self.request.graph.whole:  # else each of its values is given by itself
                self.artifacts[name] = self.vault.given(definition, value)
        return Planned(name, "given")

    def node(self, node: Node) -> Planned:
        """What would become of a node, when all before it were looked at."""
        folded = self.request.graph.folded
        parents = reads({node.name: node})[0][node.name] if folded else self.request.graph.reads[node.name]
        return self._node(node, parents)._replace(reads=parents)

    def _node(self, node: Node, parents: tuple[str, ...]) -> Planned:
        name = node.name
        if self.ledger is None:
            return Planned(name, "run", (Reason("nothing is kept"),))
        unknown = tuple(p for p in parents if p not in self.artifacts and p not in self.request.given)
        if unknown:
            return self._waiting(self.ledger, node, unknown)
        given = arguments(node, self.digests)
        key = node_key(blake3(self.vault.naming.prefix(node.definition)), given)
        hit = self.ledger.hits((key,)).get(key)
        if hit is None:
            return self._missed(self.ledger, node, given, key)
        if not is_fresh(node, hit.made, self.clock):
            word = "too old" if node.definition.options.cache else "runs each time"
            return Planned(name, "run", (Reason(word),), key=key)
        if not is_usable(hit.artifact, self.vault, read=node_of(name) in self.read):
            return Planned(name, "run", (Reason("its bytes are gone or changed"),), key=key)
        if node.definition.parts and hit.artifact.where != "parts":
            return Planned(name, "run", (Reason("stored without its parts"),), key=key)
        self.artifacts[name] = hit.artifact
        return Planned(name, "hit", seconds=hit.seconds, key=key)

    def _missed(self, ledger: Ledger, node: Node, given: list[tuple[str, Digest]], key: Key) -> Planned:
        """A node whose key was never seen."""
        code = self.vault.naming.code(node.definition).digest
        kind = self._kinds(node)
        found = reasons(node.name, code, given, ledger.earlier(self.vault.naming.home(node.definition)), kind)
        before = found[0].before
        failed = self.failed.get(node.name)
        if failed is not None:  # to compare it with a neighbour would hide why there is no result of its own
            changed = failed.key != key and before is not None and before.node == node.name
            reason = Reason(FAILED, was=failed.error.line if failed.error is not None else "")
            return Planned(node.name, "run", (reason, *(found if changed else ())), (), key=key)
        if before is not None and found[0].word != "environment" and not self.same_surroundings(node, before):
            found.append(Reason("environment", before=before))
        return Planned(node.name, "run", tuple(found), self._changed(ledger, node, found), key=key)

    def same_surroundings(self, node: Node, before: Record) -> bool:
        """Would that code and those inputs have the same key now? Then the declared environment is as it was."""
        return node_key(blake3(self.vault.naming.prefix_of(node.definition, before.code)), before.inputs) == before.key

    def _waiting(self, ledger: Ledger, node: Node, unknown: tuple[str, ...]) -> Planned:
        """A node some of whose inputs are not known yet; it is sure to run, if code and the others were never seen."""
        earlier = ledger.earlier(self.vault.naming.home(node.definition), _EARLIER)
        code = self.vault.naming.code(node.definition).digest
        failed = self.failed.get(node.name)
        if failed is not None and failed.error is not None and not any(one.node == node.name for one in earlier):
            return Planned(node.name, "run", (Reason(FAILED, was=failed.error.line),), waits_for=unknown)
        if not earlier:
            return Planned(node.name, "run", (Reason("new"),), waits_for=unknown)
        if node.definition.options.cache is False:
            return Planned(node.name, "run", (Reason("runs each time"),), waits_for=unknown)
        missing = {name for name, source in node.inputs if any(out.node in unknown for out in outputs(source))}
        others = node._replace(inputs=tuple(given for given in node.inputs if given[0] not in missing))
        known = arguments(others, self.digests)
        before = nearest(node.name, code, dict(known), [r for r in earlier if r.code == code] or earlier)
        fits = any(record.code == code and set(known) <= set(record.inputs) for record in earlier)
        if fits or (before.code == code and len(earlier) == _EARLIER):  # there may be more records than were asked for
            return Planned(node.name, "wait", waits_for=unknown)
        found = differences(before, code, known, self._kinds(node))
        found = [reason for reason in found if reason.input not in missing]
        return Planned(node.name, "run", tuple(found), self._changed(ledger, node, found), unknown)

    def _kinds(self, node: Node) -> Callable[[str], str]:
        """What each input is, as the graph says it: an item may have become a constant."""
        return lambda name: kind_of(self.request.graph.nodes[node_of(node.name)], name)

    def _changed(self, ledger: Ledger, node: Node, found: Sequence[Reason]) -> tuple[Change, ...]:
        """What of a node's code is not what it was."""
        before = next((ledger.code(r.before.code) for r in found if r.word == "code" and r.before), None)
        return (
            ()
            if before is None
            else tuple(changes(parts(before), parts(manifest(self.vault.naming.code(node.definition)))))
        )
