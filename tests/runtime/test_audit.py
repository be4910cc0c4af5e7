"""An audit finds what does not keep plait's promises, says what it is, and leaves no trace; real processes, real faults."""

import os
import pickle
import subprocess
import sys
import threading
import uuid
import warnings
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from plait import Failure, File, ParameterError, Pipeline, PlaitError, Secret, Seed, attempt, auto, each, pipeline, step
from plait.runtime.auditing.choosing import Absent, may_cost

RATES = Path(__file__).parents[2] / "pyproject.toml"  # some file of the project
TOKEN = uuid.uuid4().hex  # another one in each process
CALLS = []


@step
def letters(text: str = "seashells on the shore") -> list[str]:
    return list(set(text))


@step
def unseeded() -> float:
    return float(np.random.default_rng().random())


@step
def square() -> np.ndarray:
    return np.random.default_rng(1).random((700, 700))


@step
def product(square: np.ndarray) -> np.ndarray:
    return square @ square


@step
def counted() -> int:
    CALLS.append(1)
    return len(CALLS)


@step
def process() -> dict[str, int]:
    return {"id": os.getpid(), "one": 1}


@step
def tagged() -> str:
    return TOKEN


@step
def by_path() -> int:
    return len(RATES.read_text())


@step
def by_environment() -> str:
    return os.environ.get("PLAIT_TEST_PLACE", "nowhere")


@step(env=["PLAIT_TEST_PLACE"])
def declared() -> str:
    return os.environ.get("PLAIT_TEST_PLACE", "nowhere")


@step
def frame(seed: Seed = auto) -> pd.DataFrame:
    return pd.DataFrame({"x": np.random.default_rng(seed).random(100), "name": list("abcde") * 20})


@step
def with_doubles(frame: pd.DataFrame) -> pd.DataFrame:
    frame["double"] = 2 * frame["x"]
    return frame


@step
def total(frame: pd.DataFrame) -> dict[str, float]:
    return frame.groupby("name")["x"].sum().to_dict()


@step
def live() -> threading.Lock:
    return threading.Lock()


@step
def of_live(live: threading.Lock) -> int:
    return 1


@step
def raising() -> int:
    raise ValueError("the input is bad")


@step
def of_raising(raising: int) -> int:
    return raising


@step
def dying() -> int:
    if hash("plait") != hash_of_the_first_process():
        os._exit(3)
    return 1


def hash_of_the_first_process():
    code = "print(hash('plait'))"
    return int(subprocess.check_output([sys.executable, "-c", code], env={"PYTHONHASHSEED": "1"}))


FAULTS = [
    letters, unseeded, square, product, counted, process, tagged, by_path, by_environment, declared, frame,
    with_doubles, total, live, of_live, raising, of_raising, dying,
]  # fmt: skip


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what cannot be named or followed is said when the keys are made
        return Pipeline("faults", FAULTS).audit(store=tmp_path_factory.mktemp("audit") / "store")


def found(audit, node):
    return [(finding.kind, finding.cause) for finding in audit.findings if finding.node == node]


@pytest.mark.parametrize(
    ("node", "cause"),
    [
        ("letters", "hash seed"),
        ("unseeded", "call"),
        ("product", "threads"),
        ("counted", "state"),
        ("process", "process"),
        ("tagged", "process"),
    ],
)
def test_what_is_not_always_the_same_is_found_with_its_cause(audited, node, cause):
    assert found(audited, node) == [("nondeterministic", cause)]


def gap(audit, node):
    [one] = [finding for finding in audit.findings if finding.node == node]
    return one.gaps[0]


def test_it_is_said_where_and_how_far_apart(audited):
    product = gap(audited, "product")
    assert (product.size, 0 < product.differing <= product.size) == (490_000, True)
    assert 0 < product.absolute < 1e-10 and 0 < product.relative < 1e-12 and 0 < product.ulps < 10_000
    assert (gap(audited, "process").where, gap(audited, "letters").what) == (
        "['id']",
        f"the same {len(set('seashells on the shore'))} items in another order",
    )


def test_what_is_read_and_not_declared_is_found(audited):
    messages = {finding.node: finding.message for finding in audited.findings if finding.kind == "undeclared read"}
    assert messages.keys() == {"by_path", "by_environment"}
    assert "pyproject.toml, which is not an argument" in messages["by_path"]
    assert "the environment variable PLAIT_TEST_PLACE" in messages["by_environment"]


def test_an_argument_that_was_changed_in_place_is_found_though_nobody_else_sees_it(audited):
    assert found(audited, "with_doubles") == [("changed its input", None)]
    assert found(audited, "total") == []


def test_a_step_that_fails_always_or_under_some_conditions_is_found(audited):
    assert found(audited, "raising") == [("failed", None)]
    [died] = [finding.message for finding in audited.findings if finding.node == "dying"]
    assert "another PYTHONHASHSEED" in died


def test_what_cannot_be_looked_at_is_said(audited):
    assert audited.left_out == {
        "live": "its result cannot leave the process that made it, so that there is nothing to compare",
        "of_live": "it needs live, which was left out",
        "of_raising": "it needs raising, which failed",
    }


def test_what_is_as_it_should_be_has_no_findings(audited):
    sound = {"square", "declared", "frame", "total"}
    assert sound <= set(audited.audited)
    assert sound & {finding.node for finding in audited.findings} == set()


def test_the_report_names_all_that_was_found(audited):
    text = str(audited)
    assert not audited.ok
    assert all(f"\n{finding.node}\n" in text for finding in audited.findings)
    assert "under another PYTHONHASHSEED" in text and "live: its result cannot leave" in text
    assert "<" not in audited._repr_html_().removeprefix("<pre").removesuffix("</pre>").partition(">")[2]
    with pytest.raises(PlaitError, match="something found in 11"):
        audited.raise_for_findings()


# beside a store


@step
def numbers(numbers_txt: File) -> list[int]:
    return [int(word) for word in Path(numbers_txt).read_text().split()]


SOUND = Pipeline("sound", [frame, total, numbers])


def contents(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_sound_pipeline_is_compared_with_the_store_which_is_left_as_it_was(tmp_path):
    store, path = tmp_path / "store", tmp_path / "numbers.txt"
    path.write_text("1 2 3")
    run = SOUND.run(store=store, numbers_txt=path, listeners=[])
    before = contents(store)
    audit = SOUND.audit(store=store, numbers_txt=path)
    assert (audit.ok, audit.compared, set(audit.audited), audit.left_out) == (True, 3, set(SOUND.nodes), {})
    assert audit.raise_for_findings() is audit
    kept = {path: data for path, data in contents(store).items() if "index" not in path.name}
    assert kept == {path: data for path, data in before.items() if path in kept}
    assert [one.id for one in SOUND.runs(store=store)] == [run.id]


def test_a_result_in_the_store_that_would_be_another_one_now_is_found(tmp_path, monkeypatch):
    p = Pipeline("p", [by_environment])
    monkeypatch.setenv("PLAIT_TEST_PLACE", "here")
    with pytest.warns(match="PLAIT_TEST_PLACE"):
        run = p.run(store=tmp_path, listeners=[])
    monkeypatch.setenv("PLAIT_TEST_PLACE", "there")
    audit = p.audit(store=tmp_path)
    assert found(audit, "by_environment") == [("nondeterministic", "stored"), ("undeclared read", None)]
    assert run.id in audit.findings[0].message
    assert audit.findings[0].gaps[0].what == "'here', then 'there'"
    assert p.runs(store=tmp_path)[0]["by_environment"] == "here"


# what may cost money


@step(cache=False)
def buy(receipts: str) -> int:
    with open(f"{receipts}/{uuid.uuid4()}", "w") as file:
        file.write("paid")
    return 7


@step
def resold(buy: int) -> int:
    return 2 * buy


SHOP = Pipeline("shop", [buy, resold])


def paid(folder):
    return len(list(folder.iterdir()))


@pytest.fixture
def receipts(tmp_path):
    folder = tmp_path / "receipts"
    folder.mkdir()
    return folder


def test_what_may_cost_money_is_not_called(tmp_path, receipts):
    audit = SHOP.audit(store=tmp_path / "s", receipts=str(receipts))
    assert (audit.ok, audit.audited, paid(receipts)) == (True, (), 0)
    assert "says cache=False" in audit.left_out["buy"] and "the store has no result of it" in audit.left_out["buy"]
    assert audit.left_out["resold"] == "it needs buy, which was left out"


def test_what_it_gave_before_is_used_for_its_readers(tmp_path, receipts):
    SHOP.run(store=tmp_path / "s", receipts=str(receipts), listeners=[])
    audit = SHOP.audit(store=tmp_path / "s", receipts=str(receipts))
    assert (audit.ok, audit.audited, audit.compared, paid(receipts)) == (True, ("resold",), 1, 1)
    assert audit.left_out.keys() == {"buy"}


def test_a_value_can_be_given_for_it(receipts):
    audit = SHOP.audit(store=None, given={"buy": 3}, receipts=str(receipts))
    assert (audit.ok, audit.audited, audit.left_out, paid(receipts)) == (True, ("resold",), {}, 0)


def test_it_is_called_if_it_is_named(tmp_path, receipts):
    audit = SHOP.audit("buy", store=tmp_path / "s", receipts=str(receipts))
    assert (audit.ok, audit.audited, paid(receipts)) == (True, ("buy",), 3)


@step
async def ask(prompt: str, receipts: str) -> str:
    with open(f"{receipts}/{uuid.uuid4()}", "w") as file:
        file.write("paid")
    return prompt.upper()


@step
def with_key(ask: str, receipts: str, api_key: Secret) -> str:
    with open(f"{receipts}/{uuid.uuid4()}", "w") as file:
        file.write("paid")
    return ask


ASKING = Pipeline("asking", [ask, with_key])


def test_asynchronous_steps_and_those_that_take_a_secret_may_cost_money(tmp_path, receipts):
    params = {"prompt": "ok?", "receipts": str(receipts), "api_key": Secret("sesame")}
    audit = ASKING.audit(store=tmp_path / "s", **params)
    assert (audit.ok, audit.audited, paid(receipts)) == (True, (), 0)
    assert "asynchronous" in audit.left_out["ask"] and audit.left_out["with_key"] == "it needs ask, which was left out"
    assert may_cost(with_key.definition) == "its step takes a Secret"

    audit = ASKING.audit("ask", "with_key", store=tmp_path / "s", **params)
    assert (audit.ok, audit.audited, paid(receipts)) == (True, ("ask", "with_key"), 6)


def test_a_stand_in_has_the_same_key_and_cannot_be_called():
    absent = Absent(ask.definition, "why")
    assert (absent.roles, absent.home, absent.asynchronous) == (ask.definition.roles, ask.definition.home, False)
    with pytest.raises(AssertionError, match="may cost money"):
        absent.fn(prompt="?")
    again = pickle.loads(pickle.dumps(absent))
    assert (type(again), again.original, again.reason) == (Absent, ask.definition, "why")


# which nodes


@step
def scaled(frame: pd.DataFrame, by: int = 2) -> float:
    return float(frame["x"].sum() * by)


MANY = Pipeline("many", [frame, *(scaled.with_(by=i).named(f"scaled_{i}") for i in range(4))])


def test_of_one_step_a_sample_is_made_again_and_the_rest_is_taken_from_the_store(tmp_path):
    MANY.run(store=tmp_path, listeners=[])
    audit = MANY.audit(store=tmp_path, sample=2)
    assert audit.ok
    assert Counter(name.partition("_")[0] for name in audit.audited) == {"frame": 1, "scaled": 2}
    assert set(audit.left_out.values()) == {"others of its step were audited"}
    assert len(audit.audited) + len(audit.left_out) == 5


@pytest.mark.parametrize("sample", [0, -1, 1.5, True])
def test_a_sample_that_is_none_is_refused(sample):
    with pytest.raises(ParameterError, match="sample="):
        MANY.audit(store=None, sample=sample)


@step
def sizes(n: int = 5) -> dict[str, int]:
    return {f"size {i}": i for i in range(n)}


@step
def words(size: int) -> list[str]:
    return [f"word {i}" for i in range(size)]


@pipeline
def mapped(n: int = 5) -> dict[str, list[str]]:
    return words.map_values(each(sizes(n)))


def test_of_a_map_some_items_are_made_again(tmp_path):
    mapped.run(store=tmp_path, listeners=[])
    audit = mapped.audit(store=tmp_path, sample=3)
    assert (len(audit.audited), len(audit.left_out)) == (1 + 3, 2)
    assert audit.ok and audit.compared == 4
    assert all(name.startswith("words[") for name in (*audit.audited[1:], *audit.left_out))


@step
def parsed(text: str) -> int:
    return int(text)


@step
def counted_good(numbers: list[int | Failure]) -> int:
    return sum(not isinstance(number, Failure) for number in numbers)


@pipeline
def tolerant() -> int:
    return counted_good(attempt(parsed.map(each(["1", "two", "3"]))))


def test_a_failure_that_its_reader_expects_is_no_finding():
    audit = tolerant.audit(store=None)
    assert (audit.ok, len(audit.audited), len(audit.left_out)) == (True, 3, 1)
    assert "ValueError" in next(iter(audit.left_out.values()))


def test_what_is_given_is_checked_before_any_work():
    with pytest.raises(ParameterError, match="nonsense"):
        MANY.audit("scaled_1", store=None, seed=3, now=datetime.now(UTC), given={}, nonsense=1)


def test_a_parameter_that_has_the_name_of_an_option_is_never_taken_for_it():
    @step
    def drawn(sample: int) -> int:
        return sample

    with pytest.raises(ParameterError, match="'sample' is an option"):
        Pipeline("p", [drawn]).audit(store=None, sample=2)


SCRIPT = """
import random
from plait import Pipeline, step

def shuffled(items):
    return sorted(items, key=lambda _: random.SystemRandom().random())

@step
def cards(n: int = 30) -> list[int]:
    return shuffled(range(n))

@step
def hand(cards: list[int]) -> int:
    return len(cards)

audit = Pipeline("p", [cards, hand]).audit(store=None)
print([(found.node, found.cause) for found in audit.findings])
"""


def test_steps_of_a_script_are_audited_too(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    path = str(Path(sys.modules["plait"].__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, env={**os.environ, "PYTHONPATH": path}, text=True,
        capture_output=True, check=True,
    )  # fmt: skip
    assert done.stdout == "[('cards', 'call')]\n"
