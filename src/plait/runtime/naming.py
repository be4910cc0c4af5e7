"""The names of values and of code, as they are now: one snapshot of the live program, made for each run."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from plait.core.code import Code, Walk
from plait.core.definition import Definition
from plait.core.graph import Graph
from plait.core.keys import key_prefix
from plait.core.sources import params as params_of
from plait.core.values import Values
from plait.errors import FingerprintError, GraphError, OpaqueCode
from plait.ports import Codec
from plait.runtime.surroundings import live

_said: set[str] = set()  # what was warned of in this process


class Naming:
    """How values and code are named while one run lasts; a step's code is walked once, however many nodes it has."""

    def __init__(self, codecs: Sequence[Codec], environment: Mapping[str, str], *, strict: bool = False) -> None:
        self._values = Values([codec for codec in codecs if codec.names_values], self._follow)
        self._walk = Walk(live(), self._values.encode)
        self._environment = environment
        self._strict = strict
        self._codes: dict[Definition, tuple[Code, bytes]] = {}
        self.digest = self._values.digest
        self.parts_digest = self._values.parts_digest

    def _follow(self, obj: object) -> bytes:
        return self._walk.token(obj)

    def check_params(self, params: Mapping[str, Any], graph: Graph) -> None:
        """Every parameter that is in a key must have a name: better said now than after an hour of work."""
        unkeyed = _unkeyed(graph)
        for address, value in params.items():
            if address in unkeyed:
                continue
            try:
                self.digest(value)
            except FingerprintError as error:
                user = graph.parameters[address].users[0]
                raise FingerprintError(
                    f"the parameter {address} ({user}) cannot be named: {error}. Give its type a __plait_digest__, "
                    f'or leave it out of the key: @step(ignore=["{user.partition("(")[2][:-1]}"])'
                ) from error

    def code(self, definition: Definition) -> Code:
        """What a step's code is, with all that it reaches."""
        return self._coded(definition)[0]

    def prefix(self, definition: Definition) -> bytes:
        """What the keys of all nodes of a step begin with."""
        return self._coded(definition)[1]

    def _coded(self, definition: Definition) -> tuple[Code, bytes]:
        known = self._codes.get(definition)
        if known is None:
            known = self._codes[definition] = self._walked(definition)
        return known

    def _walked(self, definition: Definition) -> tuple[Code, bytes]:
        options = definition.options
        code = self._walk.of(
            definition.roles, version=options.version, depends_on=options.depends_on, ignore=options.ignore
        )
        for sentence in code.opaque:
            message = _OPAQUE.format(step=definition.name, what=sentence)
            if self._strict:
                raise GraphError(message)
            warn_once(OpaqueCode, message)
        return code, key_prefix(definition, code.digest, self._environment)


def _unkeyed(graph: Graph) -> set[str]:
    """The parameters that no key holds."""
    read: dict[str, bool] = {}
    for node in graph.nodes.values():
        for name, source in node.inputs:
            for param in params_of(source):
                read[param.address] = read.get(param.address, False) or name not in node.definition.unkeyed
    return {address for address, keyed in read.items() if not keyed}


def warn_once(category: type[Warning], message: str) -> None:
    """A warning, once a process."""
    if message not in _said:
        _said.add(message)
        warnings.warn(message, category, stacklevel=2)


_OPAQUE = (
    "{step}: {what} cannot be followed, so changes behind it are not seen. Name what it reaches: "
    "@step(depends_on=[...]), or say that it does not count: @step(ignore=[...])"
)


def unnamed(what: str, reason: Any) -> str:
    """What is said of a result that cannot be kept."""
    return (
        f"{what} has no content to keep ({reason}). It is kept for this run and made again in the next one; "
        f"steps after it are keyed by how it was made."
    )
