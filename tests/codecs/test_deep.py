"""Values that are deeper than the stack are kept like all others, and end no process."""

import collections
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from plait import Pipeline, step
from plait.codecs import pickle as pickles
from plait.core.deep_pickling import DeepPickler


class Link:
    def __init__(self, next: Any) -> None:
        self.next = next


@step
def chain(n: int) -> Link | None:
    link = None
    for _ in range(n):
        link = Link(link)
    return link


@step
def nested(n: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(n):
        value = [value]
    return value


@step
def length(chain: Any, nested: Any) -> tuple[int, int]:
    links = levels = 0
    while chain is not None:
        links, chain = links + 1, chain.next
    while nested:
        levels, nested = levels + 1, nested[0]
    return links, levels


DEEP = Pipeline("deep", [chain, nested, length])


@pytest.mark.parametrize("executor", ["sequential", "threads", "processes"])
@pytest.mark.parametrize("depth", [400, 5_000])
def test_what_is_deep_is_kept_and_a_hit(tmp_path: Path, executor: str, depth: int) -> None:
    first = DEEP.run(n=depth, store=tmp_path, executor=executor, listeners=[])
    assert first["length"] == (depth, depth)
    again = DEEP.run(n=depth, store=tmp_path, executor=executor, listeners=[])
    assert set(again.states.values()) == {"hit"}
    assert length(again["chain"], again["nested"]) == (depth, depth)


@pytest.mark.parametrize("limit", [1_000, 1_000_000], ids=["as it is", "raised"])
def test_a_deep_object_of_a_script_neither_ends_the_process_nor_is_made_again(tmp_path: Path, limit: int) -> None:
    (tmp_path / "script.py").write_text(
        f"import sys; sys.setrecursionlimit({limit})\n"
        "from plait import Pipeline, step\n"
        "class Link:\n    def __init__(self, next): self.next = next\n"
        "@step\ndef chain(n: int) -> Link:\n    link = None\n"
        "    for _ in range(n): link = Link(link)\n    return link\n"
        "p = Pipeline('p', [chain])\n"
        "print(*[type(r['chain']).__name__ + r.states['chain'] for r in\n"
        f"    [p.run(n={50_000 if limit > 1_000 else 5_000}, store='s', listeners=[]) for _ in range(2)]])\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert (done.returncode, done.stdout.split()) == (0, ["Linkrun", "Linkhit"]), done.stderr


SHARED = [1, "a"]
KNOT: list[Any] = [SHARED, {"again": SHARED}]
KNOT.append(KNOT)
VALUES = {
    "numbers and text": [1, -1, 2**70, 1.5, None, True, "é" * 300, b"b" * 300, bytearray(b"c"), ()],
    "containers": {"a": (1, 2), "b": (1, 2, 3, 4), 3: {4, 5}, None: frozenset({6}), "long": list(range(5000))},
    "many keys": {number: str(number) for number in range(5000)},
    "objects": [Link(Link(1)), Link, collections.OrderedDict(a=1), collections.deque([1]), np.arange(5.0), len],
}


@pytest.mark.parametrize("what", VALUES)
def test_the_deep_pickler_writes_what_that_of_python_reads(what: str) -> None:
    def plain(value: Any) -> bytes:
        return pickle.dumps(value, 5)

    written = DeepPickler(5, None, lambda _: NotImplemented).dumps(VALUES[what])
    assert plain(pickle.loads(written)) == plain(pickle.loads(plain(VALUES[what])))  # noqa: S301 - made here


def test_what_is_held_twice_or_leads_back_to_itself_does_so_again() -> None:
    made = pickle.loads(DeepPickler(5, None, lambda _: NotImplemented).dumps(KNOT))  # noqa: S301 - made here
    assert made[2] is made and made[0] is made[1]["again"] and made[0] == SHARED


def test_what_is_made_with_itself_is_refused() -> None:
    held: list[Any] = []
    held.append((held,))
    with pytest.raises(pickle.PicklingError, match="made with itself"):
        DeepPickler(5, None, lambda _: NotImplemented).dumps(held[0])


def test_arrays_within_what_is_deep_are_buffers_that_can_be_written_to() -> None:
    value = chain(n=2000)
    value = Link((np.arange(1000.0), lambda: 7, value))
    made = pickles.create().canonical(value).next
    made[0][0] = 5
    assert value.next[0][0] == 0 and made[1]() == 7
