"""Why does a node run? What of its key is not what it was in the nearest earlier record."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from plait.core.digest import Digest
from plait.core.graph import Node
from plait.core.keys import SETTINGS, SHARED_RANDOM
from plait.core.records import Record
from plait.core.sources import Ambient, Const, Param, outputs

FAILED = "failed last time"


class Reason(NamedTuple):
    """One difference, in a word, with the input it is about."""

    word: str  # new, code, input, parameter, constant, seed, time, settings, environment, too old, …
    input: str = ""
    before: Record | None = None
    was: str = ""  # the values, as text for people, where the history has them
    now: str = ""

    def __str__(self) -> str:
        return f"{self.word} {self.input}".strip()


def reasons(
    node: str,
    code: Digest,
    given: Sequence[tuple[str, Digest]],
    earlier: Sequence[Record],
    kind: Callable[[str], str],
) -> list[Reason]:
    """What changed since the nearest earlier record: the one that has most in common with now."""
    if not earlier:
        return [Reason("new")]
    before = nearest(node, code, dict(given), earlier)
    found = differences(before, code, given, kind)
    return found or [Reason("environment", before=before)]


def differences(
    before: Record, code: Digest, given: Sequence[tuple[str, Digest]], kind: Callable[[str], str]
) -> list[Reason]:
    """In what a record differs from code and inputs; `kind` says what an input is."""
    found = [] if before.code == code else [Reason("code", before=before)]
    now, was = dict(given), dict(before.inputs)
    return found + [
        Reason(kind(name), name, before) for name in sorted(now.keys() | was.keys()) if now.get(name) != was.get(name)
    ]


def nearest(node: str, code: Digest, now: Mapping[str, Digest], earlier: Sequence[Record]) -> Record:
    """The earlier record that has most in common with a node as it is now; one of the same name first."""
    return max(earlier, key=lambda record: (record.node == node, _common(record, code, now), record.made))


def _common(record: Record, code: Digest, now: Mapping[str, Digest]) -> int:
    return 2 * (record.code == code) + sum(now.get(name) == value for name, value in record.inputs)


def kind_of(node: Node, name: str) -> str:
    """What an input of a node is: input (of another node), parameter, constant, seed or time."""
    if name == SHARED_RANDOM:
        return "seed"
    if name.startswith(SETTINGS):
        return "settings"
    match dict(node.inputs).get(name):
        case Ambient(kind):
            return "time" if kind == "now" else "seed"
        case Param():
            return "parameter"
        case Const():
            return "constant"
        case None:
            return "input"
        case source:
            return "input" if any(outputs(source)) else "parameter"
