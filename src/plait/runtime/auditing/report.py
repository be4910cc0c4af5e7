"""What an audit found, for people and for programs."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from textwrap import fill
from typing import Literal, NamedTuple, TypeAlias

from plait.core.durations import readable
from plait.errors import PlaitError
from plait.runtime.auditing.conditions import Cause, many
from plait.runtime.auditing.distances import Gap

Kind: TypeAlias = Literal["nondeterministic", "changed its input", "undeclared read", "undeclared write", "failed"]

_GAPS = 6  # of one result that are printed
_NODES = 5  # that are left out for one reason
_WIDTH = 110


class Finding(NamedTuple):
    """One thing that was found of a node."""

    node: str
    kind: Kind
    message: str  # a sentence
    cause: Cause | None = None  # of a result that is not always the same
    gaps: tuple[Gap, ...] = ()  # where two of the results differ


class Audit:
    """What came of an audit: `ok`, the `findings`, and the nodes that were `audited` and `left_out`.

    `left_out` says why, by node; `compared` is how many results were compared with the store, too.
    """

    def __init__(
        self,
        pipeline: str,
        audited: Sequence[str],
        findings: Sequence[Finding],
        left_out: Mapping[str, str],
        compared: int,
        seconds: float,
    ) -> None:
        self.pipeline = pipeline
        self.audited = tuple(audited)
        self.findings = tuple(findings)
        self.left_out = dict(left_out)
        self.compared = compared
        self.seconds = seconds

    @property
    def ok(self) -> bool:
        """Was nothing found? What was left out does not count."""
        return not self.findings

    def raise_for_findings(self) -> "Audit":
        """This audit, if nothing was found; else raises `PlaitError` with all that was."""
        if not self.ok:
            raise PlaitError(str(self))
        return self

    def summary(self) -> str:
        """The audit in a line."""
        looked = f"{_many(len(self.audited), 'node')} made again under other conditions"
        stored = f", {self.compared} of them compared with the store" if self.compared else ""
        count = len({finding.node for finding in self.findings})
        found = "nothing found" if self.ok else f"something found in {count}"
        return f"{self.pipeline}: {looked}{stored}; {found}, in {readable(self.seconds)}"

    def __str__(self) -> str:
        return "\n".join([self.summary(), *self._found(), *self._left()])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f'<pre style="white-space:pre-wrap">{escape(str(self))}</pre>'

    def _found(self) -> Iterator[str]:
        for node in dict.fromkeys(finding.node for finding in self.findings):
            yield f"\n{node}"
            for finding in self.findings:
                if finding.node == node:
                    yield fill(finding.message, _WIDTH, initial_indent="  ", subsequent_indent="  ")
                    yield from (f"    {_line(gap)}" for gap in finding.gaps[:_GAPS])
                    if len(finding.gaps) > _GAPS:
                        yield f"    … {len(finding.gaps) - _GAPS} more places"

    def _left(self) -> Iterator[str]:
        if not self.left_out:
            return
        nodes: dict[str, list[str]] = {}
        for node, why in self.left_out.items():
            nodes.setdefault(why, []).append(node)
        yield "\nleft out"
        for why, left in nodes.items():
            more = f" and {len(left) - _NODES} more" if len(left) > _NODES else ""
            text = f"{', '.join(left[:_NODES])}{more}: {why}"
            yield fill(text, _WIDTH, initial_indent="  ", subsequent_indent="    ")


def wording(cause: Cause) -> str:
    """What is said of a node that does not always give the same value, and what helps."""
    return _WORDS[cause]


def _line(gap: Gap) -> str:
    return f"{gap.where}: {gap.what}" if gap.where else gap.what


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


_WORDS: Mapping[Cause, str] = {
    "call": "gives another value each time it is called: something random, the clock, or something from outside. "
    "Take seed: Seed or now: Now, or make what it reads an argument",
    "state": "gives another value when it was called before in the same process: it, or what it calls, keeps "
    "something from one call to the next",
    "process": "gives another value in another process: a memory address, the number of the process, or something "
    "that was made when a module was imported",
    "hash seed": "gives another value under another PYTHONHASHSEED: the order of a set comes out, or hash() of a text. "
    "Sort what comes out of a set",
    "threads": f"gives another value with {many()} threads than with one: BLAS or OpenMP adds up in another order. "
    "Runs give it one, or what resources={'cpu': n} says; keep that, and expect other last bits elsewhere",
    "hash seed and threads": f"gives another value under another PYTHONHASHSEED, and with {many()} threads than with "
    "one: sort what comes out of a set, and keep the number of threads the same",
    "order": "gives another value when other nodes ran before it in the process: they share something that they change",
    "stored": "gives another value than the one in the store, and the same one each time now: something that counts "
    "is not in its key",
}
