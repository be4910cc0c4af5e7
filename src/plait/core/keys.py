"""The one rule: a key is a node's code, its seed if it asks for one, and the content of every argument.

    code of the step and all it reaches ─┐
    shape of the step                    ├─ "node-v1" ─> key ─> record ─> artifact (digest, where)
    declared environment variables       │                                   │
    name and digest of each argument ────┘ <── of the nodes after it ────────┘

What a node is called, where it stands, which executor ran it and how often it was tried are not in it, but for a seed,
which comes from the node's name. A step whose code draws from random state that its process shares asks for one too:
that state is seeded for it. Settings of libraries that the program has changed are arguments that no signature names.
An argument's digest is that of the *value*, not of what made it: a step that is changed and gives the same value stops
the work there (early cutoff).
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol, assert_never

from blake3 import blake3

from plait.core.ambient import KEYED, Kind
from plait.core.definition import Definition
from plait.core.digest import Digest, Key, digest, framed
from plait.core.graph import Node
from plait.core.records import BY_KEY
from plait.core.sources import Ambient, Attempt, Choice, Collect, Const, Gather, Item, Output, Param, Source
from plait.errors import InputChanged

_SHARED = (Const, Output, Param)  # of whose content it does not matter which node reads it
SHARED_RANDOM = "random state"  # stands among the arguments; no parameter can be called so
SETTINGS = "settings of "  # and a library, among the arguments too


def key_prefix(definition: Definition, code: Digest, environment: Mapping[str, str | None]) -> bytes:
    """The part of the key that all nodes of a step have in common."""
    variables = [f"{name}={environment.get(name)!r}".encode() for name in sorted(definition.options.env)]
    return framed([b"node-v1", repr(definition.shape).encode(), code.encode(), *variables])


def node_key(prefix: blake3, arguments: Sequence[tuple[str, Digest]]) -> Key:
    """The name of a computation, from its prefix, hashed as far, and the names of its arguments.

    >>> step, a, b = blake3(b"step"), ("a", Digest("1")), ("b", Digest("2"))
    >>> node_key(step, [a, b]) == node_key(step, [b, a]) != node_key(step, [a])
    True
    """
    hasher = prefix.copy()
    if len(arguments) == 1:
        hasher.update("=".join(arguments[0]).encode())
    else:
        hasher.update(";".join(map("=".join, sorted(arguments))).encode())
    return Key(hasher.digest().hex())  # quicker than its own hexdigest


class Digests(Protocol):
    """What is known of the inputs while keys are made."""

    def output(self, source: Output, /) -> Digest: ...
    def param(self, source: Param, /) -> Digest: ...
    def const(self, value: Any, /) -> Digest: ...
    def ambient(self, kind: Kind, node: str, /) -> Digest: ...
    def unwritten(self, node: Node, /) -> Sequence[tuple[str, Digest]]: ...


def arguments(node: Node, known: Digests) -> list[tuple[str, Digest]]:
    """The names and digests of a node's arguments, without those that are not in its key."""
    unkeyed = node.definition.unkeyed
    given = []
    try:
        for name, source in node.inputs:
            if name in unkeyed:
                continue
            if type(source) is Output:
                given.append((name, known.output(source)))
            elif type(source) is not Ambient or source.kind in KEYED:
                given.append((name, source_digest(source, node.name, known)))
    except InputChanged as error:
        raise InputChanged(f"{node.name}: {error}", path=error.path) from error
    if unwritten := known.unwritten(node):
        given += unwritten
    return given


def all_arguments(nodes: Sequence[Node], known: Digests) -> list[Sequence[tuple[str, Digest]]]:
    """As `arguments`, for many nodes of one step: those of a map differ in their items, and in little else."""
    with suppress(InputChanged):  # which is said of a single node
        columns = _columns(nodes, known)
        if columns:
            return list(zip(*columns, strict=True))
    return [arguments(node, known) for node in nodes]


def _columns(nodes: Sequence[Node], known: Digests) -> list[list[tuple[str, Digest]]]:
    """The arguments of some nodes, input by input; none, if they do not have the same ones."""
    definition = nodes[0].definition
    unwritten = known.unwritten(nodes[0])
    if len({len(node.inputs) for node in nodes}) > 1 or any(name == SHARED_RANDOM for name, _ in unwritten):
        return []
    columns: list[list[tuple[str, Digest]]] = []
    for column in zip(*[node.inputs for node in nodes], strict=True):
        name, first = column[0]
        if any([other != name for other, _ in column]):
            return []
        unkeyed = [type(source) is Ambient and source.kind not in KEYED for _, source in column]
        if name in definition.unkeyed or all(unkeyed):
            continue
        if any(unkeyed):  # some were given a value where others have what the run gives
            return []
        if type(first) in _SHARED and all([source is first for _, source in column]):
            columns.append([(name, source_digest(first, "", known))] * len(nodes))
        else:
            rows = zip(nodes, column, strict=True)
            columns.append([(name, source_digest(source, node.name, known)) for node, (_, source) in rows])
    return columns + [[named] * len(nodes) for named in unwritten]


def source_digest(source: Source, node: str, known: Digests) -> Digest:
    """The digest of one argument of a node."""
    if type(source) is Const:  # as an item of a map mostly is
        return known.const(source.value)
    match source:
        case Output():
            return known.output(source)
        case Param():
            return known.param(source)
        case Const(value):
            return known.const(value)
        case Ambient(kind):
            return known.ambient(kind, node)
        case Collect(kind, items, keys):
            inner = [known.output(item) if type(item) is Output else source_digest(item, node, known) for item in items]
            named = digest("collect", kind.__name__.encode(), known.const(keys).encode(), *(d.encode() for d in inner))
            return Digest(BY_KEY + named) if any(d.startswith(BY_KEY) for d in inner) else named
        case Item() | Gather() | Choice() | Attempt():
            raise TypeError(f"{source} has no digest before it is unfolded")
        case _:
            assert_never(source)
