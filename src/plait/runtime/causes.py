"""Why is a value not what it was? Records are compared, from the node that was asked about up to where it begins.

    score ran: its input model is another value
      └─ model: its record now, beside the one that gave the value which score had then: depth 6 -> 8

A record says its inputs by name and digest, and which run made it; that run's row says its parameters as text, and the
keys of all its nodes. So nothing more is kept for this than what keys and history need. The graph, where there is one,
says where an input comes from; of a run whose graph is not at hand, names and digests tell.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from plait.core.addresses import item_of, node_of
from plait.core.ambient import Kind
from plait.core.digest import Digest, Key, digest
from plait.core.graph import Graph
from plait.core.manifest import Change, changes, parts
from plait.core.reasons import Reason, differences, kind_of
from plait.core.records import Acceptance, Artifact, Record
from plait.core.sources import Output, outputs
from plait.core.sources import params as params_of
from plait.ports import Ledger, RunRow
from plait.runtime.resolve import seed_of

_RUNS = 1000  # that are searched for the one that made a record
_EARLIER = 100  # records of a step that are searched for one that gave a value


class Scene(NamedTuple):
    """A run, or the plan of one: what its nodes gave, as far as it is known, and what it was asked with."""

    records: Mapping[str, Record]
    params: Mapping[str, str]  # as text, by address
    seed: int


class Cause(NamedTuple):
    """A node, and how its record differs from the one that it is compared with."""

    node: str
    reasons: tuple[Reason, ...]
    changed: tuple[Change, ...]  # in its code
    way: tuple[str, ...]  # from it to the node that was asked about


class Causes:
    """Compares what a scene has with what was there before."""

    def __init__(self, ledger: Ledger, graph: Graph | None, scene: Scene) -> None:
        self._ledger, self._graph, self.scene = ledger, graph, scene

    @cached_property
    def rows(self) -> Mapping[str, RunRow]:
        """The runs that the history has, by id."""
        return {row.id: row for row in self._ledger.runs(None, _RUNS)}

    @cached_property
    def accepted(self) -> Mapping[Key, Acceptance]:
        """What persons vouched for, by key; what was withdrawn says so."""
        return {one.record.key: one for one in self._ledger.accepted()}

    def word_for(self, record: Record) -> Acceptance | None:
        """Who vouches for a record, if it is not one that a computation gave."""
        found = self.accepted.get(record.key)
        return found if found is not None and found.record == record and not found.withdrawn else None

    def compared(self, node: str, now: Record, before: Record, way: tuple[str, ...]) -> Cause:
        """How a node's record differs from an earlier one."""
        if now.key == before.key:
            return Cause(node, (Reason("made again", before=before),), (), way)
        found = differences(before, now.code, now.inputs, lambda name: self._kind(node, name, now))
        found = found or [Reason("environment", before=before)]
        return Cause(node, self.valued(node, found), self._changed(now, before), way)

    def valued(self, node: str, found: Sequence[Reason]) -> tuple[Reason, ...]:
        """Reasons, with the values before and now where the history has them."""
        return tuple(self._valued(node, reason) for reason in found)

    def above(self, node: str, found: Sequence[Reason]) -> list[Cause]:
        """Why the inputs that differ do so: the nodes above where the difference begins."""
        causes: list[Cause] = []
        queue = deque([Cause(node, tuple(found), (), (node,))])
        seen = {node}
        while queue:
            at = queue.popleft()
            for reason in at.reasons:
                for parent, then in self._parents(at.node, reason):
                    if parent not in seen and then is not None:
                        seen.add(parent)
                        cause = self.compared(parent, self.scene.records[parent], then, (parent, *at.way))
                        causes.append(cause)
                        queue.append(cause)
        followed = {name for cause in causes for name in cause.way[1:]}
        return [c for c in causes if c.node not in followed or any(r.word != "input" for r in c.reasons)]

    def _parents(self, node: str, reason: Reason) -> Iterator[tuple[str, Record | None]]:
        """The nodes behind an input that differs, and their records of the time before."""
        if reason.word != "input" or reason.before is None:
            return
        was = dict(reason.before.inputs).get(reason.input)
        source = self._source(node, reason.input)
        if source is None:
            known = self.scene.records.get(node)
            value = dict(known.inputs).get(reason.input) if known else None
            found = [name for name, record in self.scene.records.items() if value and _gives(record.artifact, value)]
            found = [reason.input] if reason.input in found else found[:1]
        else:
            found = self._of_run(node, [output.node for output in outputs(source)])  # type: ignore[arg-type] # a source
            was = was if type(source) is Output else None  # the digest of a list of outputs is none of theirs
        for parent in found:
            now = self.scene.records.get(parent)
            yield parent, None if now is None else self._then(parent, now, reason.before.run, was)

    def _then(self, node: str, now: Record, run: str, was: Digest | None) -> Record | None:
        """The record that a node had in an earlier run; none, if it is the same, or if nobody knows."""
        row = self.rows.get(run)
        key = next((Key(one.key) for one in row.nodes if one.name == node and one.key), None) if row else None
        then = self._ledger.find([key]).get(key) if key else None
        if then is not None and was is not None and not _gives(then.artifact, was) and key != now.key:
            then = None
        if then is None and was is not None:
            earlier = self._ledger.earlier(now.step, _EARLIER)
            then = next((record for record in earlier if _gives(record.artifact, was)), None)
        same = then is None or (then.key == now.key and (was is None or _gives(now.artifact, was)))
        return None if same else then

    def _changed(self, now: Record, before: Record) -> tuple[Change, ...]:
        then, here = self._ledger.code(before.code), self._ledger.code(now.code)
        if now.code == before.code or then is None or here is None:
            return ()
        return tuple(changes(parts(then), parts(here)))

    def _valued(self, node: str, reason: Reason) -> Reason:
        row = None if reason.before is None else self.rows.get(reason.before.run)
        if row is None or reason.before is None:
            return reason
        if reason.word == "seed" and row.seed != self.scene.seed:
            return reason._replace(was=str(row.seed), now=str(self.scene.seed))
        if reason.word == "parameter":
            was = self._said(reason.before.node, reason.input, dict(row.params))
            now = self._said(node, reason.input, self.scene.params)
            return reason._replace(was=was, now=now) if was and now else reason
        return reason

    def _said(self, node: str, name: str, params: Mapping[str, str]) -> str:
        source = self._source(node, name)
        addresses = [param.address for param in params_of(source)] if source is not None else []  # type: ignore[arg-type]
        return next((params[a] for a in (*addresses, f"{node}.{name}", name) if a in params), "")

    def _source(self, node: str, name: str) -> object | None:
        known = self._graph.nodes.get(node_of(node)) if self._graph is not None else None
        return dict(known.inputs).get(name) if known is not None else None

    def _of_run(self, reader: str, nodes: Sequence[str]) -> list[str]:
        """The nodes of a run that are of some nodes of the graph: of a map, that for the reader's item, or all."""
        found: list[str] = []
        for node in dict.fromkeys(nodes):
            same = f"{node}[{item_of(reader)}]"
            known = [node, same] if node in self.scene.records or same in self.scene.records else self.scene.records
            found += [name for name in known if name in self.scene.records and node_of(name) == node]
        return found

    def _kind(self, node: str, name: str, now: Record) -> str:
        if self._graph is not None and self._source(node, name) is not None:
            return kind_of(self._graph.nodes[node_of(node)], name)
        if self._said(node, name, self.scene.params):
            return "parameter"
        value = dict(now.inputs).get(name)
        seeds = [digest(kind, b"%x" % seed_of(self.scene.seed, node, kind)) for kind in _SEEDS]
        return "seed" if value in seeds else "input"


_SEEDS: tuple[Kind, ...] = ("seed", "rng")


def _gives(artifact: Artifact, value: Digest) -> bool:
    return artifact.digest == value or any(part.digest == value for _, part in artifact.parts)
