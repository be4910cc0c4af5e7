"""Values whose bytes are gone are made again, and whoever reads them waits for that, whatever else goes on meanwhile."""

import os
import threading
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from plait import Pipeline, each, pipeline, step
from plait.errors import NodeFailed, StoreError
from plait.runtime.events import Cached, Finished, Lost, Started
from plait.stores.local import create
from waiting import LAST_RESORT

EXECUTORS = ["sequential", "threads"]
BIG = 100_000
_gates: dict[str, threading.Event] = {}


@pytest.fixture(autouse=True)
def gates():
    """Steps that shall last until something has happened wait for these; all are open at first."""
    _gates.clear()
    yield _gates
    for gate in _gates.values():
        gate.set()


def passed(name: str) -> None:
    if name in _gates:
        assert _gates[name].wait(LAST_RESORT), f"nothing opened {name}"


@step(ignore=[passed])
def table(n: int) -> np.ndarray:
    passed("table")
    return np.arange(float(n))


@step(ignore=[passed])
def squares(n: int) -> np.ndarray:
    passed("squares")
    return np.arange(float(n)) ** 2


@step
def total(table: np.ndarray) -> float:
    return float(table.sum())


@step(ignore=[passed])
def after(k: int) -> int:
    passed("after")
    return k


@step
def later(squares: np.ndarray, after: int) -> float:
    return float(squares.sum())


@step
def of_squares(squares: np.ndarray) -> float:
    return float(squares.sum())


@step(ignore=[passed])
def count(k: int) -> list[int]:
    passed("count")
    return list(range(k))


@step
def both(table: np.ndarray, squares: np.ndarray) -> float:
    return float((table + squares).sum())


@step
def first_of(table: np.ndarray, count: list[int]) -> float:
    return float(table[len(count)])


@step
def picked(table: np.ndarray, item: int) -> float:
    return float(table[item])


@pipeline
def picking(n: int, k: int):
    whole = table(n)
    return total(whole), picked.map(whole, each(count(k)))


def lose_all(store: Path) -> None:
    lost = [path for path in (store / "blobs").rglob("*") if path.is_file()]
    assert lost
    for path in lost:
        path.unlink()


class Told:
    """What happened, and gates that events open."""

    def __init__(self, opens: dict[tuple[type, str], str]) -> None:
        self.events, self._opens = [], opens

    def __call__(self, event) -> None:
        self.events.append((type(event), getattr(event, "node", "")))
        gate = self._opens.get(self.events[-1])
        if gate:
            _gates[gate].set()

    def before(self, first, second) -> bool:
        return self.events.index(first) < self.events.index(second)


def test_a_node_that_becomes_ready_waits_for_an_input_that_is_made_again(tmp_path, gates):
    Pipeline("p", [table, squares]).run(n=BIG, store=tmp_path, listeners=[])
    lose_all(tmp_path)
    # `total` misses the table, which is made again for as long as `count` runs; then `first_of` could go on
    gates.update(table=threading.Event(), count=threading.Event())
    told = Told({(Lost, "table"): "count", (Finished, "count"): "table"})
    run = Pipeline("p", [table, total, count, first_of]).run(
        n=BIG, k=3, store=tmp_path, executor="threads", workers=2, listeners=[told]
    )
    assert (run["total"], run["first_of"]) == (sum(range(BIG)), 3.0)
    assert told.before((Lost, "table"), (Finished, "count")) and told.before((Finished, "count"), (Finished, "table"))


def test_a_node_that_waited_for_one_input_waits_for_the_next(tmp_path, gates):
    Pipeline("p", [table, squares]).run(n=BIG, store=tmp_path, listeners=[])
    lose_all(tmp_path)
    # `both` misses the table and waits for it; only then may `later` miss the squares, which are still being made
    # again when the table is there
    gates.update(table=threading.Event(), squares=threading.Event(), after=threading.Event())
    told = Told({(Lost, "table"): "after", (Lost, "squares"): "table", (Finished, "table"): "squares"})
    steps = [table, squares, both, after, later]
    run = Pipeline("p", steps).run(n=BIG, k=1, store=tmp_path, executor="threads", workers=4, listeners=[told])
    assert run["both"] == run["later"] + sum(range(BIG))
    assert told.before((Lost, "table"), (Lost, "squares"))
    assert told.before((Finished, "table"), (Finished, "squares"))


def test_items_that_a_map_gets_meanwhile_wait_for_an_input_that_is_made_again(tmp_path, gates):
    Pipeline("p", [table]).run(n=BIG, store=tmp_path, listeners=[])
    lose_all(tmp_path)
    gates.update(table=threading.Event(), count=threading.Event())
    told = Told({(Lost, "table"): "count", (Finished, "count"): "table"})
    run = picking.run(n=BIG, k=3, store=tmp_path, executor="threads", workers=2, listeners=[told])
    assert run.result == (sum(range(BIG)), [0.0, 1.0, 2.0])
    assert told.before((Finished, "count"), (Finished, "table"))


@pytest.mark.parametrize("executor", EXECUTORS)
def test_all_that_is_lost_at_once_is_made_again_once(tmp_path, executor):
    steps = [table, squares, both, of_squares, total]
    cold = Pipeline("p", steps).run(n=BIG, store=tmp_path, listeners=[])
    lose_all(tmp_path)

    @step
    def most(table: np.ndarray, squares: np.ndarray, both: float) -> float:
        return float(max(table.max(), squares.max(), both))

    told = Told({})
    run = Pipeline("p", [*steps, most]).run(n=BIG, store=tmp_path, executor=executor, listeners=[told])
    assert run["most"] == run["both"] == cold["both"]
    assert told.events.count((Started, "table")) == told.events.count((Started, "squares")) == 1


def _made(pid: int) -> "Here":
    if os.getpid() != pid:
        raise ValueError("nobody else can read this")
    return Here()


class Here:
    """It can be written, and read only where that was."""

    def __reduce__(self):
        return _made, (os.getpid(),)


@step(executor="processes")
def here() -> Here:
    return Here()


@step
def elsewhere(here: Here) -> int:
    return 1


def test_what_cannot_be_read_even_when_it_was_made_again_is_an_error(tmp_path):
    told = Told({})
    with pytest.raises(NodeFailed, match="elsewhere cannot read its inputs, even after they were made") as raised:
        Pipeline("p", [here, elsewhere]).run(store=tmp_path, listeners=[told])
    assert isinstance(raised.value.__cause__, StoreError)
    assert told.events.count((Started, "here")) == 2
    assert told.events.count((Started, "elsewhere")) == 3


@step
def drawn(n: int) -> np.ndarray:
    return np.frombuffer(os.urandom(8 * n), np.uint64).astype(float)


@step
def most(drawn: np.ndarray) -> float:
    return float(drawn.max())


@step
def least(drawn: np.ndarray) -> float:
    return float(drawn.min())


@step
def twice(drawn: np.ndarray) -> np.ndarray:
    return 2 * drawn


@step
def end(twice: np.ndarray) -> float:
    return float(twice[-1])


@pytest.mark.parametrize("executor", EXECUTORS)
def test_what_is_made_of_a_value_that_came_back_as_another_is_kept_under_that_one(tmp_path, executor):
    Pipeline("p", [drawn, twice]).run(n=BIG, store=tmp_path, listeners=[])
    lose_all(tmp_path)
    pipe = Pipeline("p", [drawn, most, least, twice, end])
    run = pipe.run(
        n=BIG, store=tmp_path, executor=executor, workers=None if executor == "sequential" else 3, listeners=[]
    )
    value = run["drawn"]
    assert (run["most"], run["least"]) == (value.max(), value.min())
    with closing(create(tmp_path).ledger()) as ledger:
        for name in ("most", "least"):
            (record,) = ledger.earlier(f"{__name__}:{name}")
            assert dict(record.inputs)["drawn"] == run.digest("drawn"), name
        made = {record.artifact.digest: dict(record.inputs) for record in ledger.earlier(f"{__name__}:twice")}
    assert made[run.digest("twice")]["drawn"] == run.digest("drawn")
    again = pipe.run(n=BIG, store=tmp_path, listeners=[])
    assert set(again.states.values()) == {"hit"}
    assert (again["most"], again["least"], again["end"]) == (value.max(), value.min(), 2 * value[-1])


@step
def tables(n: int) -> list[np.ndarray]:
    return [np.frombuffer(os.urandom(8 * n), np.uint64).astype(float) for _ in range(2)]


@step
def scaled(rows: np.ndarray) -> np.ndarray:
    return rows / 2.0**64


@step
def joined(parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(parts)


@pipeline
def joining(n: int):
    return joined(scaled.map(each(tables(n))))


@step
def last(joined: np.ndarray) -> float:
    return float(joined[-1])


@pipeline
def ending(n: int):
    return last(joined(scaled.map(each(tables(n)))))


def test_a_list_that_came_back_as_another_is_not_taken_for_the_one_that_was_mapped_over(tmp_path):
    joining.run(n=BIG, store=tmp_path, listeners=[])

    def lose(event) -> None:
        if isinstance(event, Cached) and event.node == "joined":
            lose_all(tmp_path)

    with pytest.raises(NodeFailed, match="tables was lost, and came back as another value"):
        ending.run(n=BIG, store=tmp_path, listeners=[lose])
    with closing(create(tmp_path).ledger()) as ledger:
        assert len(ledger.earlier(f"{__name__}:scaled")) == 2, "only those of the first run"
    assert ending.run(n=BIG, store=tmp_path, listeners=[]).ok
