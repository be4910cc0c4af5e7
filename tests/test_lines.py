"""What is written is JSON that any parser takes, whatever the text; what older versions wrote is read."""

import json
import os

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from frozen.old_lines import RECORDS, RUNS
from plait.core.records import Acceptance
from plait.lines import dumps, reader
from plait.stores.local.bodies import acceptance_body, acceptance_of, record_of, records_of, run_body, run_of
from plait.testing.stores import record, run

TEXT = st.text(st.characters(categories=["L", "Cs", "Cc"]) | st.sampled_from("%\\d8u/\ud83d\ude00"), max_size=12)
read = reader(tuple[str, tuple[str, ...], bytes, float])


@pytest.mark.parametrize("line, said", RECORDS)
def test_an_old_record_is_read(line, said):
    assert record_of(line) == said
    assert records_of([line, line]) == [said, said]


@pytest.mark.parametrize("line, said", RUNS)
def test_an_old_run_is_read(line, said):
    found = run_of(line)
    assert found._replace(nodes=()) == said._replace(nodes=())
    assert [node[:4] for node in found.nodes] == list(said.nodes)  # what is said of a node has grown since


@given(TEXT, TEXT)
@example(os.fsdecode(b"x\xff.csv"), "%dcff")
@example("\ud83d\ude00", "\U0001f600")
@example("a\0b", "\\ud800")
def test_any_text_is_read_as_it_was_written_from_json_that_is_strict(first, second):
    row = (first, (second, "%"), b"\xff", 0.5)
    line = dumps(row)
    (
        json.loads(line.decode("utf-8", "strict")),
        json.dumps(json.loads(line), ensure_ascii=False).encode("utf-8", "strict"),
    )
    assert b"\n" not in line
    assert read(line) == row


@pytest.mark.parametrize("text", [os.fsdecode(b"x\xff.csv"), "a\0b", "\ud800 %d800", "x" * 1_000_000], ids=ascii)
def test_records_runs_and_acceptances_of_any_text_are_read(text):
    one = record("a")._replace(node=text)
    row = run("r", started=1.0)._replace(error=text, params=((text, text),))
    accepted = Acceptance(one, "k", "c", text, "b", 1.0, text)
    assert record_of(dumps(one)) == one and type(record_of(dumps(one)).artifact) is type(one.artifact)
    assert records_of([dumps(record("b")), dumps(one)]) == [record("b"), one]
    assert run_of(run_body(row)) == row
    assert acceptance_of(acceptance_body(accepted)) == accepted


@pytest.mark.parametrize("line", [b'{"escaped":1}', b'{"escaped":["a"]}', b'{"escaped":', b'["\\', b'["\xed\xa0', b"%"])
def test_what_is_no_such_line_is_refused(line):
    with pytest.raises(ValueError):
        read(line)
